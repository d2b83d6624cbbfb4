"""The step behind media-authenticator: one renewal for all callers, stored before it is used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    ConfigurationError,
    CredentialsExpiredError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_interface import Credentials, Filters
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.authenticate import (
    MAX_RENEWALS,
    MOST_RENEWALS_A_DAY,
    RENEW_BEFORE_SECONDS,
    AllProviders,
    Authenticator,
    AuthRequest,
)

from tests.unit.doubles import METRICS, PLENTY, Account, Lease, Store

OAUTH = Credentials(
    provider="gopro",
    access_token="access-0",
    refresh_token="refresh-0",
    client_id="client",
    client_secret="shhh",
    expires_at=4e9,
    version="v",
)
SESSION = Credentials(provider="gopro", access_token="session-0", version="v")


def authenticator(
    account: Account,
    store: Store,
    lease: Lease,
    deadline: Deadline = PLENTY,
    sleep: Callable[[float], None] = lambda _: None,
) -> Authenticator:
    return Authenticator(CredentialsRenewal(account, cast(Any, store), cast(Any, lease), deadline, METRICS, sleep))


EVERY_PROVIDER = AllProviders(("gopro", "google_drive"), {"gopro": {"folders"}, "google_drive": ()})


def test_a_run_of_all_providers_becomes_one_of_each_with_its_filters_and_asks_no_provider() -> None:
    given = {"provider": "all", "filters": {"captured_from": "2026-01-01T00:00:00Z"}}
    result = EVERY_PROVIDER.authenticate(AuthRequest(run_id="run-of-all", input=given))
    assert [run.input for run in result.runs] == [
        {"provider": "gopro", "filters": given["filters"], "reported_by": "run-of-all"},
        {"provider": "google_drive", "filters": given["filters"], "reported_by": "run-of-all"},
    ]
    assert [run.name for run in result.runs] == ["run-of-all-gopro", "run-of-all-google_drive"]
    assert (result.provider, result.kind) == ("all", None)


def test_the_name_of_a_run_that_another_one_starts_is_one_that_step_functions_takes() -> None:
    result = EVERY_PROVIDER.authenticate(AuthRequest(run_id="r" * 80, input={"provider": "all"}))
    assert [len(run.name) for run in result.runs] == [80, 80] and result.runs[0].name.endswith("r-gopro")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"filters": {"captured_from": "yesterday"}}, "field 'filters.captured_from' must be a time"),
        ({"filter": {}}, "has a field 'filter'"),
        ({"mode": "all"}, "field 'mode' must be"),
        ({"mode": ["reconcile"]}, "field 'mode' must be"),
        ({"filters": "all"}, "field 'filters' must be an object"),
        ({"reported_by": "run-1"}, "field 'reported_by' has no meaning with provider 'all'.*leave it out"),
        ({"reported_by": 3}, "field 'reported_by' must be the name of an execution"),
        (
            {"filters": {"folders": {"include": ["Trips"]}}},
            "filter 'folders' in the input's field 'filters' has no meaning for gopro, which has no folders; leave it "
            "out, or start a run of each other provider by itself: google_drive",
        ),
        ({"mode": "reconcile"}, "field 'provider' must name one provider with mode 'reconcile'.*gopro, google_drive"),
    ],
)
def test_an_input_for_all_providers_that_does_not_fit_is_refused_before_any_run_starts(
    given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        EVERY_PROVIDER.authenticate(AuthRequest(run_id="run-of-all", input={"provider": "all"} | given))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"reported_by": 3}, "field 'reported_by' must be"),
        ({"mode": "reconcile", "filters": {"types": ["mp4"]}}, "field 'filters' has no meaning with mode 'reconcile'"),
        ({"mode": True}, "field 'mode' must be sync or reconcile, not True"),
        ({"filters": {"kinds": ["videos"]}}, "field 'filters.kinds' must be"),
        ({"Filters": {}}, "has a field 'Filters'; did you mean 'filters'"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_before_the_provider_is_asked(given: dict[str, Any], says: str) -> None:
    account, store = Account(), Store(OAUTH)
    with pytest.raises(ConfigurationError, match=says):
        authenticator(account, store, Lease()).authenticate(
            AuthRequest(run_id="run-1", input={"provider": "gopro"} | given)
        )
    assert (account.refreshes, account.validations, store.events) == (0, 0, [])


def test_one_provider_alone_as_all_of_them_advises_no_other_run() -> None:
    alone = AllProviders(("gopro",), {"gopro": {"folders"}})
    given = {"provider": "all", "filters": {"folders": {"exclude": ["Private"]}}}
    with pytest.raises(ConfigurationError, match=r"which has no folders; leave it out\.$"):
        alone.authenticate(AuthRequest(run_id="run-of-all", input=given))


def test_a_run_carries_the_name_of_the_one_that_reports_it() -> None:
    result = authenticator(Account(), Store(OAUTH), Lease()).authenticate(
        AuthRequest(run_id="run-1", input={"provider": "gopro", "reported_by": "run-of-all"})
    )
    assert (result.reported_by, result.runs) == ("run-of-all", ())


def test_a_token_that_is_valid_for_long_is_not_renewed() -> None:
    account, store = Account(), Store(OAUTH)
    assert authenticator(account, store, Lease()).ensure() == OAUTH
    assert (account.refreshes, account.validations) == (0, 0) and store.events == ["recover"]


@pytest.mark.parametrize(
    "stale",
    [
        replace(OAUTH, access_token=None),
        replace(OAUTH, expires_at=time.time() + RENEW_BEFORE_SECONDS - 5),
        replace(OAUTH, expires_at=time.time() - 5),
    ],
    ids=["missing", "near expiry", "expired"],
)
def test_a_missing_or_expiring_token_is_renewed(stale: Credentials) -> None:
    account, store = Account(), Store(stale)
    found = authenticator(account, store, Lease()).ensure()
    assert (found.access_token, found.refresh_token) == ("access-1", "refresh-1")
    assert account.refreshes == 1 and store.current == found


def test_a_token_without_a_known_expiry_is_used_until_it_is_refused() -> None:
    endless = replace(OAUTH, expires_at=None)
    account = Account()
    assert authenticator(account, Store(endless), Lease()).ensure() == endless
    assert (account.refreshes, account.validations) == (0, 0)


def test_a_refused_version_is_renewed_whatever_its_expiry() -> None:
    account, store = Account(), Store(OAUTH)
    found = authenticator(account, store, Lease(refused=OAUTH.version)).ensure()
    assert account.refreshes == 1 and found.access_token == "access-1"


def test_a_refusal_of_an_older_version_causes_no_renewal() -> None:
    account = Account()
    authenticator(account, Store(OAUTH), Lease(refused="an older one")).ensure()
    assert (account.refreshes, account.validations) == (0, 0)


def test_an_interrupted_renewal_is_finished_before_anything_is_read() -> None:
    class Interrupted(Store):
        def recover(self) -> None:
            self.current = replace(OAUTH, access_token="recovered", version="v+")

    account = Account()
    found = authenticator(account, Interrupted(replace(OAUTH, expires_at=1.0)), Lease()).ensure()
    assert found.access_token == "recovered" and (account.refreshes, account.validations) == (0, 0)


def test_twenty_concurrent_callers_cause_one_renewal_and_all_get_its_token() -> None:
    account, store, lease = Account(), Store(OAUTH), Lease(refused=OAUTH.version)
    barrier = Barrier(20)

    def ensure(_: int) -> Credentials:
        barrier.wait()
        return authenticator(account, store, lease, sleep=lambda _: time.sleep(0.001)).ensure()

    with ThreadPoolExecutor(20) as callers:
        found = list(callers.map(ensure, range(20)))
    assert account.refreshes == 1
    assert {credentials.access_token for credentials in found} == {"access-1"}
    assert not lease.lock.locked()


def test_a_renewal_by_the_previous_holder_of_the_lease_is_used() -> None:
    account, store = Account(), Store(OAUTH)
    renewed = replace(OAUTH, access_token="of-the-other", version="v+")

    def other_holds_it_twice(asked: int) -> bool:
        if asked == 2:
            store.current = renewed
        return asked > 2

    waits: list[float] = []
    lease = Lease(refused=OAUTH.version, ask=other_holds_it_twice)
    assert authenticator(account, store, lease, sleep=waits.append).ensure() == renewed
    assert (account.refreshes, account.validations) == (0, 0) and len(waits) == 2 and lease.released == 1


def test_a_newer_version_that_was_refused_too_is_renewed_again() -> None:
    account, store = Account(), Store(OAUTH)

    def other_renews_and_is_refused(_: int) -> None:
        store.current, lease.refused = replace(OAUTH, access_token="refused too", version="v+"), "v+"

    lease = Lease(refused=OAUTH.version, ask=other_renews_and_is_refused)
    found = authenticator(account, store, lease).ensure()
    assert (found.access_token, account.refreshes) == ("access-1", 1) and store.current == found


def test_a_caller_that_waited_renews_when_the_other_did_not() -> None:
    account, lease = Account(), Lease(refused=OAUTH.version, ask=lambda asked: asked > 2)
    assert authenticator(account, Store(OAUTH), lease).ensure().access_token == "access-1"


def test_a_lease_that_stays_taken_is_a_transient_error() -> None:
    left = iter([90.0, 60.0, 30.0, 10.0, 0.1, 0.1])
    lease = Lease(refused=OAUTH.version, ask=lambda _: False)
    deadline = Deadline(lambda: next(left), 0.0)
    with pytest.raises(ProviderUnavailableError, match="renewing the credentials for too long"):
        authenticator(Account(), Store(OAUTH), lease, deadline).ensure()
    assert lease.released == 0


def test_a_rotated_token_is_stored_before_it_is_returned() -> None:
    store = Store(replace(OAUTH, access_token=None))
    events = store.events

    class Watched(Account):
        def refresh(self, credentials: Credentials) -> Credentials:
            events.append("renewed")
            return super().refresh(credentials)

    found = authenticator(Watched(), store, Lease()).ensure()
    assert events == ["recover", "recover", "renewed", "stored"] and found is store.current


def test_a_token_that_cannot_be_stored_is_not_returned_and_the_lease_is_released() -> None:
    store = Store(replace(OAUTH, access_token=None), broken=ArchiveUnavailableError("x"))
    lease = Lease()
    with pytest.raises(ArchiveUnavailableError):
        authenticator(Account(), store, lease).ensure()
    assert store.current.access_token is None and not lease.lock.locked()


def test_a_refresh_token_that_comes_alone_is_stored_and_used_next() -> None:
    class Halved(Account):
        def refresh(self, credentials: Credentials) -> Credentials:
            renewed = super().refresh(credentials)
            return renewed if self.refreshes > 1 else replace(renewed, access_token=None)

    account, store, lease = Halved(), Store(replace(OAUTH, access_token=None)), Lease()
    with pytest.raises(ProviderUnavailableError, match="stored and used next"):
        authenticator(account, store, lease).ensure()
    assert store.current.refresh_token == "refresh-1" and not lease.lock.locked()
    assert authenticator(account, store, lease).ensure().access_token == "access-2"


def test_credentials_that_the_owner_stored_meanwhile_are_used() -> None:
    theirs = replace(OAUTH, access_token="of-the-owner", version="w")
    store = Store(replace(OAUTH, access_token=None))

    class Slow(Account):
        def refresh(self, credentials: Credentials) -> Credentials:
            store.current = theirs
            return super().refresh(credentials)

    assert authenticator(Slow(), store, Lease()).ensure() == theirs


@pytest.mark.parametrize(("error", "asked"), [(CredentialsExpiredError("x"), 1), (ProviderContractError("x"), 4)])
def test_a_refused_renewal_raises_its_error_and_releases_the_lease(error: Exception, asked: int) -> None:
    account, lease = Account(trouble=[error] * 4), Lease(refused=OAUTH.version)
    with pytest.raises(type(error)):
        authenticator(account, Store(OAUTH), lease).ensure()
    assert account.refreshes == asked and not lease.lock.locked()


@pytest.mark.parametrize("credentials", [OAUTH, SESSION], ids=["oauth", "session"])
def test_an_answer_that_makes_no_sense_once_is_asked_for_again(credentials: Credentials) -> None:
    account, lease = Account(trouble=[ProviderContractError("a page of a firewall")]), Lease(refused=OAUTH.version)
    waits: list[float] = []
    assert authenticator(account, Store(credentials), lease, sleep=waits.append).ensure().access_token
    assert account.refreshes + account.validations == 2 and len(waits) == 1


@pytest.mark.parametrize("credentials", [OAUTH, SESSION], ids=["oauth", "session"])
def test_a_refusal_that_may_be_a_gateways_is_believed_when_it_comes_twice(credentials: Credentials) -> None:
    refused = CredentialsExpiredError("refused, and nobody says by whom", doubtful=True)
    account, lease = Account(trouble=[refused]), Lease(refused=OAUTH.version)
    assert authenticator(account, Store(credentials), lease).ensure().access_token
    assert account.refreshes + account.validations == 2
    account = Account(trouble=[refused] * 4)
    with pytest.raises(CredentialsExpiredError):
        authenticator(account, Store(credentials), lease).ensure()
    assert account.refreshes + account.validations == 2


def test_a_session_token_that_is_accepted_again_is_no_longer_refused() -> None:
    lease = Lease(refused=SESSION.version)
    authenticator(Account(), Store(SESSION), lease).ensure()
    assert lease.refused == ""


def test_the_refusal_of_another_version_is_not_taken_back() -> None:
    lease = Lease(refused="another")
    authenticator(Account(), Store(SESSION), lease).ensure()
    assert lease.refused == "another"


def test_a_session_token_is_validated_once_and_never_stored_again() -> None:
    account, store = Account(), Store(SESSION)
    assert authenticator(account, store, Lease()).ensure() == SESSION
    assert (account.refreshes, account.validations) == (0, 1) and store.events == ["recover"]


def test_an_expired_session_token_needs_the_owner() -> None:
    account = Account(trouble=[CredentialsExpiredError("Sign in again.")])
    with pytest.raises(CredentialsExpiredError, match="Sign in again"):
        authenticator(account, Store(SESSION), Lease()).ensure()


@pytest.mark.parametrize("renewals", [MAX_RENEWALS, MAX_RENEWALS + 1])
@pytest.mark.parametrize("credentials", [OAUTH, SESSION])
def test_the_number_of_renewals_is_limited(renewals: int, credentials: Credentials) -> None:
    account = Account()
    with pytest.raises(CredentialsExpiredError, match="keeps refusing"):
        authenticator(account, Store(credentials), Lease()).ensure(renewals)
    assert (account.refreshes, account.validations) == (0, 0)


def test_a_token_that_is_refused_soon_after_each_renewal_is_renewed_a_hundred_times_a_day_at_most() -> None:
    account, lease, store = Account(), Lease(), Store(OAUTH)
    for _ in range(MOST_RENEWALS_A_DAY):
        lease.note_refused(store.load().version)
        authenticator(account, store, lease).ensure()  # for another video each time
    lease.note_refused(store.load().version)
    for _ in range(3):
        with pytest.raises(CredentialsExpiredError, match="renewed 100 times today"):
            authenticator(account, store, lease).ensure()
    assert account.refreshes == MOST_RENEWALS_A_DAY


def test_below_the_limit_renewal_continues() -> None:
    found = authenticator(Account(), Store(OAUTH), Lease(refused=OAUTH.version)).ensure(MAX_RENEWALS - 1)
    assert found.access_token == "access-1"


@pytest.mark.parametrize("credentials", [OAUTH, SESSION, replace(OAUTH, user_id="user")])
def test_credentials_show_no_secret_when_printed(credentials: Credentials) -> None:
    shown = f"{credentials!r} {credentials}"
    assert credentials.secrets and not any(secret in shown for secret in credentials.secrets)


def measured(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = ("CredentialsAgeDays", "CredentialsDaysLeft")
    return {name: line[name][0] for line in lines for name in names if name in line}


def test_the_age_of_the_credentials_is_measured_once_per_run(capsys: pytest.CaptureFixture[str]) -> None:
    old = replace(OAUTH, stored_at=time.time() - 3 * 86_400)
    authenticator(Account(), Store(old), Lease()).ensure()
    assert measured(capsys)["CredentialsAgeDays"] == pytest.approx(3, abs=0.01)
    authenticator(Account(), Store(old), Lease()).ensure(renewals=1)
    assert measured(capsys) == {}


def test_days_left_are_measured_only_for_session_tokens_with_a_known_expiry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    authenticator(Account(), Store(replace(SESSION, expires_at=time.time() + 86_400)), Lease()).ensure()
    assert measured(capsys)["CredentialsDaysLeft"] == pytest.approx(1, abs=0.01)
    for unknown in (SESSION, replace(OAUTH, stored_at=time.time())):
        authenticator(Account(), Store(unknown), Lease()).ensure()
        assert "CredentialsDaysLeft" not in measured(capsys)


def test_the_age_and_the_days_left_are_logged_whether_or_not_they_are_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored = replace(SESSION, stored_at=time.time() - 2 * 86_400, expires_at=time.time() + 86_400)
    authenticator(Account(), Store(stored), Lease()).ensure()
    (line,) = (vars(record) for record in caplog.records if record.msg == "credentials")
    assert (line["age_days"], line["days_left"]) == (pytest.approx(2, abs=0.01), pytest.approx(1, abs=0.01))


def test_a_lease_outlives_the_invocation_by_half_a_minute_and_is_asked_for_twice_a_second() -> None:
    asked, waits = list[float](), list[float]()

    class Noting(Lease):
        def acquire(self, seconds: float) -> bool:
            asked.append(seconds)
            return super().acquire(seconds)

    lease = Noting(refused=OAUTH.version, ask=lambda number: number > 1)
    authenticator(Account(), Store(OAUTH), lease, Deadline(lambda: 100.0, 0.0), waits.append).ensure()
    assert (asked, waits) == ([130.0, 130.0], [0.5])


@pytest.mark.parametrize(("seconds", "renewed"), [(1_700, True), (1_900, False)])
def test_a_token_is_renewed_half_an_hour_before_it_ends(seconds: int, renewed: bool) -> None:
    account = Account()
    authenticator(account, Store(replace(OAUTH, expires_at=time.time() + seconds)), Lease()).ensure()
    assert account.refreshes == renewed


@pytest.mark.parametrize(("credentials", "kind"), [(OAUTH, "oauth"), (SESSION, "session")])
def test_what_a_run_continues_with_says_of_which_kind_the_credentials_are(credentials: Credentials, kind: str) -> None:
    stored = Store(replace(credentials, expires_at=4e9))
    result = authenticator(Account(), stored, Lease()).authenticate(AuthRequest(run_id="run-1", input={}, renewals=1))
    assert (result.run_id, result.provider, result.kind, result.renewals) == ("run-1", "gopro", kind, 2)
    assert (result.expires_at, result.mode, result.filters) == (4e9, "sync", Filters())
