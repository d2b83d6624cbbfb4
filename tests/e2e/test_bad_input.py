"""A user's mistake ends the run with one sentence and one alert, and leaves nothing incomplete."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local.audit import secrets_found
from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of

type Inbox = Callable[[], list[dict[str, str]]]

OAUTH = {"provider": "gopro", "client_id": "synthetic", "client_secret": "synthetic", "refresh_token": "synthetic"}


def assert_failed_cleanly(deployment: Deployment, inbox: Inbox, description: Any, error: str, *words: str) -> None:
    assert (description["status"], description["error"]) == ("FAILED", error)
    for word in words:
        assert word in description["cause"]
    (alert,) = inbox()
    assert description["cause"] in alert["Message"]
    assert alert["Subject"] == f"Cloud Sync: the run failed ({error})"
    assert deployment.objects() == {}
    assert "Uploads" not in deployment.s3.list_multipart_uploads(Bucket=deployment.archive_bucket)
    assert not any("current" in row for row in deployment.rows())  # no run is active, so the next one may start


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (" ", ("No credentials are stored", "put-secret-value")),
        ("not JSON", ("does not hold a JSON object", "gopro/credentials")),
        ('["a", "list"]', ("does not hold a JSON object",)),
        (json.dumps({"provider": "gopro"}), ("neither 'refresh_token' nor 'access_token'",)),
        (json.dumps(OAUTH | {"client_secret": None}), ("no 'client_secret'",)),
        (json.dumps(OAUTH | {"client_id": [7]}), ("'client_id'", "must be text")),
        (json.dumps(OAUTH | {"provider": "dropbox"}), ("'provider'", "must be 'gopro'")),
    ],
)
def test_an_invalid_secret_is_an_error_that_names_its_field(
    deployment: Deployment, inbox: Inbox, secret: str, words: tuple[str, ...]
) -> None:
    deployment.store_credentials(secret)
    assert_failed_cleanly(deployment, inbox, deployment.run(), "ConfigurationError", *words)


@pytest.mark.parametrize(
    ("inside", "said"), [("\n", "line break"), ("…", "shortened"), ("\u200b", "U+200B")], ids=ascii
)
def test_a_token_with_something_inside_is_named_by_its_field_and_quoted_nowhere(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro, inside: str, said: str
) -> None:
    since, session = datetime.now(UTC), account_of(gopro).session()
    halves = (session["access_token"][:200], session["access_token"][200:])
    deployment.store_credentials(session | {"access_token": inside.join(halves)})
    description = deployment.run()
    parts = {half[at : at + 40] for half in halves for at in (0, len(half) - 40)}
    assert secrets_found(deployment, parts, since, {"the run": json.dumps(description, default=str)}) == []
    assert_failed_cleanly(deployment, inbox, description, "ConfigurationError", "'access_token'", said)


def test_an_empty_secret_says_how_to_store_credentials(deployment: Deployment, inbox: Inbox) -> None:
    versions = deployment.secrets.describe_secret(SecretId=deployment.secret)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    deployment.secrets.update_secret_version_stage(
        SecretId=deployment.secret, VersionStage="AWSCURRENT", RemoveFromVersionId=current
    )
    assert_failed_cleanly(deployment, inbox, deployment.run(), "ConfigurationError", "No credentials are stored")


@pytest.mark.parametrize(
    ("run_input", "words"),
    [
        ({"provider": "vimeo"}, ("'provider'", "gopro", "'vimeo'")),
        ({}, ("'provider'",)),
        ({"provider": "gopro", "fitlers": {}}, ("'fitlers'",)),
        ({"provider": "gopro", "filters": {"captured_from": "yesterday"}}, ("filters.captured_from", "'yesterday'")),
        ({"provider": "gopro", "filters": {"unknown": 1}}, ("'filters'", "unknown")),
    ],
)
def test_an_invalid_input_is_an_error_that_names_its_field(
    deployment: Deployment, inbox: Inbox, run_input: dict[str, Any], words: tuple[str, ...]
) -> None:
    assert_failed_cleanly(deployment, inbox, deployment.run(run_input), "ConfigurationError", *words)


def test_an_expired_session_token_says_where_to_get_another(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro
) -> None:
    deployment.store_credentials(account_of(gopro).session())
    gopro.control.expire_access_tokens()
    assert_failed_cleanly(
        deployment, inbox, deployment.run(), "CredentialsExpiredError", "gp_access_token", "connect gopro"
    )


def test_a_blacklisted_refresh_token_says_what_to_store(deployment: Deployment, inbox: Inbox, gopro: FakeGoPro) -> None:
    gopro.control.add_fault(FaultKind.TOKEN_BLACKLISTED)
    assert_failed_cleanly(deployment, inbox, deployment.run(), "CredentialsExpiredError", "token_blacklisted", "store")


def test_an_unavailable_provider_is_reported_after_retries(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro
) -> None:
    gopro.control.add_fault(FaultKind.SERVER_ERROR)
    assert_failed_cleanly(deployment, inbox, deployment.run(), "ProviderUnavailableError", "GoPro")


def test_a_changed_api_is_reported_and_never_looks_like_nothing_new(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro
) -> None:
    gopro.control.add_fault(FaultKind.CONTRACT_CHANGED)
    assert_failed_cleanly(deployment, inbox, deployment.run(), "ProviderContractError", "API", "version")


def test_an_empty_library_is_a_success_with_nothing_to_do(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro
) -> None:
    for item in gopro.library.items():
        gopro.control.trash_item(item.media_id)
    description = deployment.run()
    assert description["status"] == "SUCCEEDED"
    assert output_of(description)["listed"] == 0
    (mail,) = inbox()
    assert mail["Subject"] == "Cloud Sync: nothing new"


def test_filters_limit_a_run_to_some_months(deployment: Deployment) -> None:
    description = deployment.run(
        {
            "provider": "gopro",
            "filters": {"captured_from": "2026-05-01T00:00:00Z", "captured_before": "2026-06-01T00:00:00Z"},
        }
    )
    assert output_of(description)["archived"] == 4
    assert {key.split("/")[2] for key in deployment.objects()} == {"05"}


def test_filters_limit_a_run_to_named_videos(deployment: Deployment) -> None:
    description = deployment.run({"provider": "gopro", "filters": {"media_ids": ["65a0f0c2b7e4d1a2c3b40001"]}})
    assert output_of(description)["archived"] == 1
    assert list(deployment.objects()) == ["gopro/2026/01/65a0f0c2b7e4d1a2c3b40001/GX010042.MP4"]
