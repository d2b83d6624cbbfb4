"""A report whose invocation is cut off or repeated: every run is counted once, and its alert always goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from botocore.exceptions import IncompleteReadError
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.steps.report import Failed, Listing, RunReport, Summary, SummaryWithMail
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.runs import Runs

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import a_mixed_run, failure, metrics_in, report, success


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def without_time(mail: str) -> str:
    """The mail without how long the run took, which goes on between two reports of it."""
    text, found = re.subn(r"took \d+ s\b", "", mail)
    assert found == 1
    return text


RUN_METRICS = ("RunsSucceeded", "RunsFailed", "AuthenticationFailures")
EXPIRED = {"provider": "gopro", "error": {"Error": "CredentialsExpiredError", "Cause": "x"}}


def test_a_success_that_is_reported_again_is_counted_and_mailed_once(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = a_mixed_run(aws)
    assert isinstance(report(aws, success(listing)), Summary)
    once = metrics_in(capsys.readouterr().out)
    assert isinstance(report(aws, success(listing)), Summary)
    assert (once["RunsSucceeded"], metrics_in(capsys.readouterr().out)) == (1, {})
    assert len(aws.mails()) == 1


def test_a_success_that_another_run_reports_is_counted_and_sends_no_mail_but_hands_its_text_over(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    request = msgspec.structs.replace(success(a_mixed_run(aws)), reported_by="run-of-all")
    summary = report(aws, request)
    assert isinstance(summary, SummaryWithMail) and (summary.archived, aws.mails()) == (2, [])
    assert summary.mail.startswith("2 of 5 new videos are in the archive") and summary.mail.endswith("Run run-1.")
    assert metrics_in(capsys.readouterr().out)["RunsSucceeded"] == 1
    again = report(aws, request)
    assert isinstance(again, SummaryWithMail) and without_time(again.mail) == without_time(summary.mail)
    assert not aws.runs.is_under_way()


def test_a_failure_sends_its_alert_at_once_also_where_another_run_reports_successes(aws: InProcessAws) -> None:
    assert report(aws, failure(EXPIRED | {"reported_by": "run-of-all"})) == Failed("CredentialsExpiredError", "x")
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: the run failed (CredentialsExpiredError)"


def test_a_failure_that_is_reported_again_is_counted_and_mailed_once(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert report(aws, failure(EXPIRED)) == Failed("CredentialsExpiredError", "x")
    emitted = metrics_in(capsys.readouterr().out)
    assert [emitted[name] for name in RUN_METRICS] == [0, 1, 1]
    assert len(aws.mails()) == 1


def test_a_success_whose_answer_was_lost_is_not_reported_as_a_failure(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    report(aws, success(a_mixed_run(aws)))
    assert len(aws.mails()) == 1 and capsys.readouterr()
    assert report(aws, failure({"provider": "gopro", "error": {"Error": "States.Timeout", "Cause": ""}})) == Failed(
        "States.Timeout", ""
    )
    assert (metrics_in(capsys.readouterr().out), aws.mails()) == ({}, [])


@pytest.mark.parametrize("listing", ["x", [1], {"listed": True}, {"listed": None, "new": 1.5}, {"listed": 3}])
def test_an_alert_goes_out_whatever_the_input_of_the_run_says_of_a_listing(aws: InProcessAws, listing: Any) -> None:
    assert isinstance(report(aws, failure(EXPIRED | {"listing": listing})), Failed)
    assert len(aws.mails()) == 1


STEPS_OF_A_SUCCESS = [
    (Runs, "get"), (Manifest, "items"), (Ledger, "known"), (Ledger, "backlog"), (Runs, "last_success"), (Runs, "end"),
    (RunReport, "_send"), (Runs, "note_success"),
]  # fmt: skip
STEPS_OF_A_FAILURE = [*STEPS_OF_A_SUCCESS[:-1], (EnvironmentMetrics, "emit")]


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize(("kind", "step"), STEPS_OF_A_SUCCESS)
def test_a_success_is_counted_once_wherever_its_report_was_cut_off(
    aws: InProcessAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: type,
    step: str,
    carried_out: bool,
) -> None:
    listing = a_mixed_run(aws)
    cut_off_once(monkeypatch, kind, step, carried_out=carried_out)
    with pytest.raises(InvocationEndedError):
        report(aws, success(listing))
    assert metrics_in(capsys.readouterr().out) == {}  # nothing is counted before everything else is done
    report(aws, success(listing))
    emitted = metrics_in(capsys.readouterr().out)
    assert [emitted[name] for name in RUN_METRICS] == [1, 0, 0]
    assert len(aws.mails()) == (2 if step == "_send" and carried_out else 1)  # better twice than never


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize(("kind", "step"), STEPS_OF_A_FAILURE)
def test_a_failure_is_counted_once_and_its_alert_goes_out_wherever_its_report_was_cut_off(
    aws: InProcessAws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: type,
    step: str,
    carried_out: bool,
) -> None:
    a_mixed_run(aws)
    cut_off_once(monkeypatch, kind, step, carried_out=carried_out)
    with pytest.raises(InvocationEndedError):
        report(aws, failure(EXPIRED))
    report(aws, failure(EXPIRED))
    emitted = metrics_in(capsys.readouterr().out)
    twice = step == "emit" and carried_out  # before the ledger could note it
    assert [emitted[name] for name in RUN_METRICS] == [0, 2 if twice else 1, 2 if twice else 1]
    assert len(aws.mails()) == (2 if step == "_send" and carried_out else 1)


@pytest.mark.parametrize("error", [ConfigurationError("No."), ValueError("other"), MemoryError()])
@pytest.mark.parametrize(
    ("kind", "step"), [*STEPS_OF_A_FAILURE[:-2], (Runs, "note_reported"), (EnvironmentMetrics, "emit")]
)
def test_an_alert_goes_out_whatever_happens_to_the_numbers(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch, kind: type, step: str, error: Exception
) -> None:
    a_mixed_run(aws)
    monkeypatch.setattr(kind, step, Mock(side_effect=error))
    assert report(aws, failure(EXPIRED)) == Failed("CredentialsExpiredError", "x")
    (mail,) = aws.mails()
    assert "CredentialsExpiredError" in mail["Subject"]


def test_a_failure_is_counted_even_if_its_alert_cannot_be_sent(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunReport, "_send", Mock(side_effect=ConfigurationError("No.")))
    for _ in range(3):  # Step Functions tries again
        with pytest.raises(ConfigurationError):
            report(aws, failure(EXPIRED))
    assert metrics_in(capsys.readouterr().out)["RunsFailed"] == 1


def test_a_note_that_cannot_be_written_does_not_undo_a_success(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runs, "note_reported", Mock(side_effect=ArchiveUnavailableError("busy")))
    assert isinstance(report(aws, success(Listing())), Summary)
    assert metrics_in(capsys.readouterr().out)["RunsSucceeded"] == 1 and len(aws.mails()) == 1


def test_a_run_whose_success_cannot_be_reported_fails_with_an_alert_and_is_no_success(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Runs, "note_success", Mock(side_effect=ArchiveUnavailableError("busy")))
        with pytest.raises(ArchiveUnavailableError):
            report(aws, success(Listing()))
    report(aws, failure({"provider": "gopro", "error": {"Error": "ArchiveUnavailableError", "Cause": "busy"}}))
    emitted = metrics_in(capsys.readouterr().out)
    assert [emitted[name] for name in RUN_METRICS] == [0, 1, 0]
    subjects = [mail["Subject"] for mail in aws.mails()]
    assert subjects == ["Cloud Sync: nothing new", "Cloud Sync: the run failed (ArchiveUnavailableError)"]


class InvocationEndedError(BaseException):
    """Stands for the end of the process: nothing in the function code catches it."""


def cut_off_once(monkeypatch: pytest.MonkeyPatch, kind: type, step: str, *, carried_out: bool) -> None:
    """The first call of that method ends the invocation, before or after it is carried out."""
    original, calls = getattr(kind, step), []

    def cut_off(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) > 1:
            return original(*args, **kwargs)
        if carried_out:
            original(*args, **kwargs)
        raise InvocationEndedError

    monkeypatch.setattr(kind, step, cut_off)


@pytest.mark.parametrize("step", [(Manifest, "items"), (Ledger, "known"), (Ledger, "backlog"), (Runs, "last_success")])
@pytest.mark.parametrize("error", [IncompleteReadError(actual_bytes=400, expected_bytes=900), ValueError, MemoryError])
def test_the_alert_goes_out_and_the_run_is_ended_whatever_cannot_be_read(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], error: Any
) -> None:
    aws.runs.begin("run-1", "arn:1")
    a_mixed_run(aws)
    monkeypatch.setattr(*step, Mock(side_effect=error))
    assert report(aws, failure(EXPIRED)) == Failed("CredentialsExpiredError", "x")
    assert len(aws.mails()) == 1 and not aws.runs.is_under_way()


@pytest.mark.parametrize(
    ("pk", "sk", "name", "value"),
    [
        ("PROVIDER#gopro", "LAST_SUCCESS", "backlog", "many"),
        ("PROVIDER#gopro", "LAST_SUCCESS", "ended_at", 1),
        ("RUN#run-1", "RUN", "reported", "x"),
        ("RUN#run-1", "RUN", "stop_error", 1),
    ],
)
def test_an_odd_row_about_runs_fails_no_report_and_the_next_success_replaces_it(
    aws: InProcessAws, pk: str, sk: str, name: str, value: str | int
) -> None:
    listing = a_mixed_run(aws)
    aws.runs.begin("run-1", "arn")
    aws.runs.note_success("run-0", 3)
    aws.table.update_item(
        Key={"pk": pk, "sk": sk},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )
    assert isinstance(report(aws, success(listing)), Summary)
    assert len(aws.mails()) == 1 and not aws.runs.is_under_way()
    assert aws.runs.last_success().run_id == "run-1"
