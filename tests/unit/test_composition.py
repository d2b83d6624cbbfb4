"""The composition root: which provider, secret and name in mails each function works with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest
from cloud_sync_common import composition, providers
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Capabilities
from cloud_sync_common.providers import Registered
from cloud_sync_common.runtime import settings
from cloud_sync_common.steps.authenticate import AllProviders, Authenticator, AuthRequest
from cloud_sync_common.steps.list_media import ListRequest
from cloud_sync_common.steps.reconcile import ReconcileRequest
from cloud_sync_common.steps.report import ReportRequest
from cloud_sync_common.steps.rotate_credentials import RotationRequest

from tests.unit.test_settings import ENVIRONMENT

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"
SECOND = {"DROPBOX_CREDENTIALS_SECRET": "dropbox/credentials", "DROPBOX_API_BASE_URL": "https://api.example/",
          "DROPBOX_CONTENT_BASE_URL": "https://content.example"}  # fmt: skip


class Context:
    memory_limit_in_mb, aws_request_id = 512, "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class Box:
    """A provider with two addresses, whose clients have no secret."""

    api_url: str = "https://api.real"
    content_url: str = "https://content.real"
    name: str = "dropbox"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(has_client_secret=False))


@dataclass
class Secrets:
    """Secrets Manager, as far as reading goes."""

    stored: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def get_secret_value(self, SecretId: str, **_: str) -> dict[str, Any]:
        self.asked.append(SecretId)
        return {"SecretString": self.stored[SecretId], "VersionId": "v", "CreatedDate": datetime.now(UTC)}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """Functions of an environment with two providers."""
    found = Secrets({"gopro/credentials": json.dumps({"access_token": "session"}),
                     "dropbox/credentials": json.dumps({"refresh_token": "r", "client_id": "c"})})  # fmt: skip
    monkeypatch.setattr(composition, "clients", Mock(secrets=lambda: found))
    monkeypatch.setattr(composition, "Archive", Mock())
    create: Any = Box
    registered = Registered(create, "The Box", {"dropbox_api": "api_url", "dropbox_content": "content_url"})
    monkeypatch.setitem(providers.PROVIDERS, "dropbox", registered)
    for name, value in (ENVIRONMENT | SECOND).items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    yield found
    settings.load.cache_clear()


@pytest.fixture
def one_provider(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECOND:
        monkeypatch.delenv(name)
    settings.load.cache_clear()


def authenticator(given: Any) -> Authenticator | AllProviders:
    return composition.authenticator(AuthRequest(run_id="run-1", input=given), Context())


@pytest.mark.parametrize("name", ["gopro", "dropbox"])
def test_a_run_reads_the_secret_of_its_own_provider_and_no_other(secrets: Secrets, name: str) -> None:
    step = authenticator({"provider": name})
    assert isinstance(step, Authenticator) and step.renewal.provider.name == name
    step.renewal.store.load()
    assert set(secrets.asked) == {f"{name}/credentials"}


def test_a_client_secret_is_needed_only_where_the_provider_says_so(secrets: Secrets) -> None:
    secrets.stored["gopro/credentials"] = secrets.stored["dropbox/credentials"]
    public, confidential = (
        composition.media_lister(ListRequest(run_id="r", provider=name, execution_arn="a"), Context()).session.store
        for name in ("dropbox", "gopro")
    )
    assert public.load().client_id == "c"
    with pytest.raises(ConfigurationError, match="no 'client_secret'"):
        confidential.load()


def test_a_provider_gets_each_of_its_addresses_from_the_setting_of_that_name(secrets: Secrets) -> None:
    step = authenticator({"provider": "dropbox"})
    assert isinstance(step, Authenticator)
    given: Any = step.renewal.provider
    assert given == Box("https://api.example", "https://content.example")
    by_default: Any = providers.get("dropbox", {"dropbox_content": "https://c.example"})
    assert by_default == Box("https://api.real", "https://c.example")


@pytest.mark.usefixtures("one_provider")
@pytest.mark.parametrize("name", ["dropbox", "GoPro", "", None, 3, ["gopro"], {}])
def test_an_input_that_names_no_provider_of_the_environment_is_refused_with_the_field_and_the_step(name: Any) -> None:
    with pytest.raises(ConfigurationError) as failure:
        authenticator({"provider": name})
    assert str(failure.value) == (
        f"The input's field 'provider' must be one of: gopro, all; not {name!r}. Another one has to be added to the "
        "environment's value 'providers' and deployed first."
    )


@pytest.mark.usefixtures("one_provider")
def test_a_provider_of_any_length_is_quoted_with_its_beginning_only() -> None:
    with pytest.raises(ConfigurationError) as failure:
        authenticator({"provider": "x" * 10_000})
    assert len(str(failure.value)) < 300 and "all; not 'xxx" in str(failure.value)


@pytest.mark.usefixtures("one_provider")
@pytest.mark.parametrize("given", [None, {}, "gopro", ["gopro"]])
def test_an_input_without_a_provider_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="field 'provider' must be one of: gopro, all; not None"):
        authenticator(given)


@pytest.mark.usefixtures("one_provider")
def test_no_other_function_works_for_a_provider_that_is_not_of_the_environment() -> None:
    lister = ListRequest(run_id="r", provider="dropbox", execution_arn="a")
    reconciler = ReconcileRequest(run_id="r", provider="dropbox", started_at="")
    for build in (
        lambda: composition.media_lister(lister, Context()),
        lambda: composition.archive_reconciler(reconciler, Context()),
    ):
        with pytest.raises(ConfigurationError, match="must be one of: gopro, all; not 'dropbox'"):
            build()


@pytest.mark.usefixtures("secrets")
def test_all_means_each_provider_of_the_environment() -> None:
    assert authenticator({"provider": "all"}) == AllProviders(
        ("gopro", "dropbox"), {"gopro": frozenset({"folders"}), "dropbox": frozenset()}
    )


@pytest.mark.usefixtures("one_provider")
def test_all_is_one_provider_where_there_is_one() -> None:
    assert authenticator({"provider": "all"}) == AllProviders(("gopro",), {"gopro": frozenset({"folders"})})


@pytest.mark.parametrize(
    ("secret_id", "owner"),
    [
        (f"{ARN}gopro/credentials-AbCdEf", "gopro"),
        (f"{ARN}dropbox/credentials-aBcDeF", "dropbox"),
        ("dropbox/credentials", "dropbox"),
    ],
)
def test_a_rotation_is_for_the_provider_whose_secret_it_names(secrets: Secrets, secret_id: str, owner: str) -> None:
    request = RotationRequest(step="createSecret", secret_id=secret_id, client_request_token="t")
    step = composition.credentials_rotator(request, Context())
    assert step.renewal.provider.name == owner
    step.renewal.store.load()
    assert set(secrets.asked) == {f"{owner}/credentials"}


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("secret_id", [f"{ARN}gopro/credentials-prod-AbCdEf", f"{ARN}others-AbCdEf", ""])
def test_a_rotation_of_another_secret_is_refused(secret_id: str) -> None:
    request = RotationRequest(step="createSecret", secret_id=secret_id, client_request_token="t")
    with pytest.raises(ConfigurationError, match="none of this environment, which has gopro/credentials, dropbox/cr"):
        composition.credentials_rotator(request, Context())


def senders(name: str) -> set[str]:
    reconciler = ReconcileRequest(run_id="r", provider=name, started_at="")
    rotation = RotationRequest(step="createSecret", secret_id=f"{name}/credentials", client_request_token="t")
    return {
        composition.run_report(ReportRequest(run_id="r", provider=name, started_at="")).sender,
        composition.archive_reconciler(reconciler, Context()).verification.sender,
        composition.credentials_rotator(rotation, Context()).sender,
    }


@pytest.mark.usefixtures("secrets")
def test_mails_name_the_provider_where_there_are_several() -> None:
    assert senders("dropbox") == {"Cloud Sync (The Box)"} and senders("gopro") == {"Cloud Sync (GoPro)"}


@pytest.mark.usefixtures("one_provider")
def test_mails_name_no_provider_where_there_is_one() -> None:
    assert senders("gopro") == {"Cloud Sync"}


@pytest.mark.usefixtures("secrets")
def test_a_run_whose_input_named_no_provider_is_reported_by_cloud_sync_itself() -> None:
    assert composition.run_report(ReportRequest(run_id="r", provider="nobody", started_at="")).sender == "Cloud Sync"
    assert composition.report_of_all().titles == {
        "gopro": "GoPro",
        "google_drive": "Google Drive",
        "dropbox": "The Box",
    }
