"""The mail about a session that has ended says how long it lived, and the nights after it say the same."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloud_sync_common.runtime.wording import lifetime_of
from cloud_sync_common.steps.report import Listing
from cloud_sync_common.stores.credentials_lease import CredentialsLease

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import failure, report, success

ENDED = {"provider": "gopro", "error": {"Error": "CredentialsExpiredError", "Cause": "Sign in again."}}
HOUR, DAY = 3_600, 86_400
KEY = {"pk": "PROVIDER#gopro", "sk": "CREDENTIALS"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def stored(aws: InProcessAws, ago: float, version: str = "v1", *, renewable: bool = False) -> None:
    """A run has seen credentials that were stored so many seconds ago."""
    CredentialsLease(aws.table, "gopro").note_seen(version, None, renewable=renewable, stored_at=time.time() - ago)


def mail_of(aws: InProcessAws, run_id: str = "run-1", error: dict[str, Any] | None = None) -> str:
    report(aws, msgspec.structs.replace(failure(error or ENDED), run_id=run_id))
    *_, mail = aws.mails()
    return str(mail["Message"])


def test_a_session_that_no_run_could_use_was_refused_so_long_after_it_was_stored(aws: InProcessAws) -> None:
    stored(aws, 9 * HOUR)
    text = mail_of(aws)
    assert re.search(r"The session that ended was stored on [-\d]{10} at \d\d:\d\d UTC; it was refused 9 hours", text)
    assert text.index("Sign in again.") < text.index("The session that ended") < text.index("Next step")


def test_the_last_run_that_worked_with_it_is_the_other_bound(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(aws, 30 * HOUR)
    worked = datetime.fromtimestamp(time.time() - 24 * HOUR, UTC).isoformat()
    with monkeypatch.context() as that_night:
        that_night.setattr("cloud_sync_common.stores.runs.now", lambda: worked)
        report(aws, success(Listing(), run_id="run-0"))
    assert "it last worked 6 hours after that and was refused 30 hours after that." in mail_of(aws)


def test_a_run_that_worked_with_an_earlier_session_says_nothing_of_this_one(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = datetime.fromtimestamp(time.time() - 24 * HOUR, UTC).isoformat()
    with monkeypatch.context() as that_night:
        that_night.setattr("cloud_sync_common.stores.runs.now", lambda: worked)
        report(aws, success(Listing(), run_id="run-0"))
    stored(aws, 3 * HOUR)
    assert "UTC; it was refused 3 hours after that." in mail_of(aws)


def test_the_mails_of_later_nights_do_not_let_it_live_longer(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(aws, 9 * HOUR)
    assert "refused 9 hours after" in mail_of(aws)
    tomorrow = time.time() + DAY
    with monkeypatch.context() as later:
        later.setattr("cloud_sync_common.stores.runs.time.time", lambda: tomorrow)
        assert "refused 9 hours after" in mail_of(aws, "run-2")
    stored(aws, 2 * HOUR, "v2")
    assert "refused 2 hours after" in mail_of(aws, "run-3")
    row = aws.table.get_item(Key=KEY)["Item"]
    assert (row["ended_version"], row["seen_version"]) == ("v2", "v2")


def test_a_session_that_was_refused_once_and_worked_again_has_not_ended_then(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(aws, 9 * HOUR)
    mail_of(aws)
    for moment, run_id in ((time.time() + HOUR, "run-2"), (time.time() + 2 * HOUR, "run-3")):
        at = datetime.fromtimestamp(moment, UTC).isoformat()
        with monkeypatch.context() as later:
            later.setattr("cloud_sync_common.stores.runs.now", lambda at=at: at)
            later.setattr("cloud_sync_common.stores.runs.time.time", lambda m=moment: m)
            if run_id == "run-2":
                report(aws, success(Listing(), run_id=run_id))
            else:
                assert "refused 11 hours after" in mail_of(aws, run_id)


@pytest.mark.parametrize("case", ["renew themselves", "were never seen", "are of an earlier version", "another error"])
def test_of_credentials_without_such_a_life_nothing_is_said(aws: InProcessAws, case: str) -> None:
    error = None
    if case == "renew themselves":
        stored(aws, HOUR, renewable=True)
    elif case == "are of an earlier version":
        aws.table.put_item(Item={**KEY, "seen_version": "v1", "ends_at": None, "renewable": False})
    elif case == "another error":
        stored(aws, HOUR)
        error = {"provider": "gopro", "error": {"Error": "ProviderContractError", "Cause": "x"}}
    assert "The session that ended" not in mail_of(aws, error=error)
    assert "ended_version" not in aws.table.get_item(Key=KEY).get("Item", {})


def test_that_a_row_was_spoilt_costs_no_alert(aws: InProcessAws) -> None:
    aws.table.put_item(Item={**KEY, "seen_version": 7, "stored_at": "yesterday"})
    assert "Sign in again." in mail_of(aws)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "0 minutes"), (90, "2 minutes"), (60, "1 minute"), (100 * 60, "100 minutes"), (2 * HOUR, "2 hours"),
     (47 * HOUR, "47 hours"), (2 * DAY, "2 days"), (6.6 * DAY, "7 days")],
)  # fmt: skip
def test_an_age_is_told_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert lifetime_of(1_700_000_000, "", 1_700_000_000 + seconds) == (
        f"The session that ended was stored on 2023-11-14 at 22:13 UTC; it was refused {words} after that."
    )
