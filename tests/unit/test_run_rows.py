"""The rows of runs in the ledger: what each write leaves there, and what a write that is repeated does not change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.stores import runs
from cloud_sync_common.stores.runs import LastSuccess, RunStatus

from tests.unit.in_process_aws import InProcessAws, running_aws

FIRST, SECOND = "2026-01-11T02:05:09.123Z", "2026-01-12T02:05:09.123Z"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    monkeypatch.setattr(runs, "now", lambda: FIRST)
    with running_aws(monkeypatch) as account:
        yield account


def row(aws: InProcessAws, pk: str = "RUN#run-1", sk: str = "RUN") -> dict[str, Any]:
    """A row without its key, and without the moment of its last change."""
    found = aws.table.get_item(Key={"pk": pk, "sk": sk}).get("Item", {})
    return {name: value for name, value in found.items() if name not in ("pk", "sk", "updated_at")}


RUN = {"provider": "gopro", "run_id": "run-1"}


def test_a_run_that_begins_has_its_id_its_execution_and_its_start(aws: InProcessAws) -> None:
    aws.runs.begin("run-1", "arn:1")
    assert row(aws) == {**RUN, "execution_arn": "arn:1", "started_at": FIRST}
    assert row(aws, "PROVIDER#gopro", "RUN_UNDER_WAY") == {"current": "run-1", "execution_arn": "arn:1"}


def test_a_run_that_ends_has_its_id_its_end_its_status_and_its_totals(aws: InProcessAws) -> None:
    aws.runs.end("run-1", RunStatus.FAILED, {"archived": 3})
    assert row(aws) == {**RUN, "ended_at": FIRST, "status": "FAILED", "archived": 3}


def test_a_run_that_has_ended_is_no_longer_under_way(aws: InProcessAws) -> None:
    aws.runs.begin("run-1", "arn:1")
    aws.runs.end("run-1", RunStatus.SUCCEEDED, {})
    assert row(aws, "PROVIDER#gopro", "RUN_UNDER_WAY") == {} and not aws.runs.is_under_way()


def test_a_run_instead_of_one_that_was_aborted_ends_that_one(aws: InProcessAws) -> None:
    aws.runs.begin("run-1", "arn:1")
    aws.runs.begin("run-2", "arn:2", instead_of="run-1")
    assert row(aws) == {
        **RUN, "execution_arn": "arn:1", "started_at": FIRST, "ended_at": FIRST, "status": "ABORTED",
    }  # fmt: skip
    assert row(aws, "PROVIDER#gopro", "COUNTED") == {"missed": "run-1"}


def test_a_reason_to_stop_and_a_step_of_the_report_have_the_id_of_their_run(aws: InProcessAws) -> None:
    aws.runs.stop("run-1", "ConfigurationError", "The role may not.")
    assert row(aws) == {**RUN, "stop_error": "ConfigurationError", "stop_message": "The role may not."}
    aws.runs.note_reported("run-2", "mailed")
    aws.runs.note_reported("run-2", "measured")
    assert row(aws, "RUN#run-2") == {**RUN, "run_id": "run-2", "reported": {"mailed", "measured"}}
    found = aws.runs.get("run-2")
    assert found is not None and found.reported == {"mailed", "measured"}


def test_a_report_that_is_played_twice_leaves_the_last_success_as_it_was(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.runs.last_success() == LastSuccess()
    aws.runs.note_success("run-1", 5)
    monkeypatch.setattr(runs, "now", lambda: SECOND)
    aws.runs.note_success("run-1", 7)
    assert aws.runs.last_success() == LastSuccess(run_id="run-1", ended_at=FIRST, backlog=5)


def test_the_success_of_another_run_becomes_the_last_one(aws: InProcessAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.runs.note_success("run-1", 5)
    monkeypatch.setattr(runs, "now", lambda: SECOND)
    aws.runs.note_success("run-2", 0)
    assert aws.runs.last_success() == LastSuccess(run_id="run-2", ended_at=SECOND, backlog=0)
