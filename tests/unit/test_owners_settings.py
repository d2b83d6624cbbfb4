"""A run begins with the settings of its provider: paused or not, with their filters, and with the mails they want."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Filters
from cloud_sync_common.steps.authenticate import AuthRequest, AuthResult
from cloud_sync_common.stores.provider_settings import Mails, ProviderSettings, StoredSettings

from tests.unit.doubles import Account, Lease, Store
from tests.unit.test_authenticate import EVERY_PROVIDER, SESSION, authenticator


@dataclass
class Owner:
    """An owner of one provider, with a filter of the environment, and settings that are read as often as `reads`."""

    settings: ProviderSettings = field(default_factory=ProviderSettings)
    account: Account = field(default_factory=Account)
    reads: int = 0

    def read(self) -> StoredSettings:
        self.reads += 1
        return StoredSettings(version=1, settings=self.settings)

    def run(self, renewals: int | None = None, **given: Any) -> AuthResult:
        step = replace(
            authenticator(self.account, Store(SESSION), Lease()),
            lasting_filters={"types": ["mp4"], "min_size_mb": 5},
            read_settings=self.read,
        )
        return step.authenticate(AuthRequest(run_id="run-1", input={"provider": "gopro"} | given, renewals=renewals))


@pytest.fixture
def owner() -> Owner:
    return Owner()


def test_a_paused_provider_is_asked_for_nothing(owner: Owner) -> None:
    owner.settings = ProviderSettings(paused=True, mails=Mails.ONLY_NEWS)
    result = owner.run(reported_by="run-of-all")
    assert (result.paused, result.kind, result.mails, result.reported_by) == (True, None, "only_news", "run-of-all")
    assert (owner.account.validations, owner.account.refreshes, owner.reads) == (0, 0, 1)


def test_a_run_that_says_so_works_although_the_provider_is_paused(owner: Owner) -> None:
    owner.settings = ProviderSettings(paused=True)
    assert not owner.run(even_if_paused=True).paused and owner.account.validations == 1
    assert owner.run(even_if_paused=False).paused


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("given", ["yes", 1, {}])
def test_whether_it_works_although_paused_is_true_or_false(owner: Owner, paused: bool, given: Any) -> None:
    owner.settings = ProviderSettings(paused=paused)
    with pytest.raises(ConfigurationError, match="field 'even_if_paused' must be true or false"):
        owner.run(even_if_paused=given)


def test_a_pause_or_other_filters_change_nothing_in_a_run_that_is_under_way(owner: Owner) -> None:
    owner.settings = ProviderSettings(paused=True)
    for renewals in (0, 1):
        result = owner.run(renewals)
        assert (result.paused, result.renewals) == (False, renewals + 1)
    assert owner.reads == 0


def test_a_field_of_the_run_counts_before_the_settings_and_theirs_before_the_environments(owner: Owner) -> None:
    assert owner.run().filters == Filters(types=("mp4",), min_size_mb=5)
    owner.settings = ProviderSettings(filters={"types": ["mov"], "names": ["GX*"], "min_size_mb": None})
    assert owner.run().filters == Filters(types=("mov",), names=("GX*",))
    assert owner.run(filters={"names": None, "types": ["360"]}).filters == Filters(types=("360",))


def test_filters_that_fit_by_themselves_and_not_together_are_refused_as_those_of_the_settings(owner: Owner) -> None:
    owner.settings = ProviderSettings(filters={"max_size_mb": 1})
    with pytest.raises(
        ConfigurationError, match=r"The gopro settings' field 'filters\.max_size_mb' must not be smaller"
    ):
        owner.run()


def test_settings_that_cannot_be_read_stop_the_run_before_the_provider_is_asked(owner: Owner) -> None:
    def broken() -> StoredSettings:
        raise ConfigurationError("The gopro settings' field 'mails' must be another one.")

    owner.read = broken  # type: ignore[method-assign]
    with pytest.raises(ConfigurationError, match="field 'mails'"):
        owner.run()
    assert owner.account.validations == 0


def test_a_run_of_all_providers_hands_on_that_it_works_although_they_are_paused() -> None:
    given = {"provider": "all", "even_if_paused": True}
    result = EVERY_PROVIDER.authenticate(AuthRequest(run_id="run-of-all", input=given))
    assert all(run.input["even_if_paused"] is True for run in result.runs) and not result.paused
    with pytest.raises(ConfigurationError, match="field 'even_if_paused' must be true or false"):
        EVERY_PROVIDER.authenticate(AuthRequest(run_id="run-of-all", input=given | {"even_if_paused": "no"}))
