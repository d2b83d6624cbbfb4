"""The mail about a run of all providers: one, whatever became of each of them, and never a second one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.steps.report_all import AllReport, AllReportRequest, AllSummary, Ending, RunOfOne
from cloud_sync_common.stores.runs import Runs

from tests.unit.in_process_aws import InProcessAws, running_aws

TITLES = {"gopro": "GoPro", "google_drive": "Google Drive"}
CAUSE = json.dumps({"Status": "FAILED", "ExecutionArn": "arn:aws:states:eu-west-3:1:execution:m:child"})
FAILED = {"Error": "States.TaskFailed", "Cause": CAUSE}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as found:
        yield found


def succeeded(archived: int, failed: int = 0) -> dict[str, Any]:
    """What the run of one provider ends with, as far as this report reads it."""
    return {"output": {"archived": archived, "failed": failed, "listed": 9, "mail": f"{archived} are in the archive."}}


def beside_another() -> dict[str, Any]:
    return {"output": {"provider": "gopro", "listing": {"status": StepStatus.ALREADY_RUNNING.value}}}


def step(aws: InProcessAws) -> AllReport:
    return AllReport(runs=Runs(aws.table, "all"), topic=aws.sns, topic_arn=aws.topic_arn, titles=TITLES)


def report(aws: InProcessAws, **results: dict[str, Any]) -> AllSummary:
    runs = tuple(RunOfOne(provider=name, result=result) for name, result in results.items())
    return step(aws).report(AllReportRequest(run_id="run-of-all", runs=runs))


def test_one_mail_has_what_each_run_would_have_written(aws: InProcessAws) -> None:
    report(aws, gopro=succeeded(2), google_drive=succeeded(3, failed=1))
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 5 videos archived from 2 providers, 1 failed"
    assert mail["Message"].startswith("GoPro:\n\n2 are in the archive.\n\n\nGoogle Drive:\n\n3 are in the archive.")
    assert mail["Message"].endswith("Run run-of-all, which started these.")


def test_a_provider_whose_run_failed_is_named_and_the_others_are_reported_in_full(aws: InProcessAws) -> None:
    summary = report(aws, gopro=succeeded(2), google_drive=FAILED)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 videos archived from 1 provider; the run of Google Drive failed"
    assert "GoPro:\n\n2 are in the archive." in mail["Message"]
    assert "Google Drive:\n\nIts run failed. The mail of that run says why" in mail["Message"]
    assert CAUSE not in mail["Message"]
    assert [(run.provider, run.status) for run in summary.runs] == [
        ("gopro", Ending.SUCCEEDED),
        ("google_drive", Ending.FAILED),
    ]


def test_a_provider_of_which_another_run_is_under_way_is_left_to_that_one(aws: InProcessAws) -> None:
    summary = report(aws, gopro=beside_another(), google_drive=succeeded(1))
    (mail,) = aws.mails()
    assert "GoPro:\n\nAnother run of this provider was under way." in mail["Message"]
    assert summary.runs[0].status is Ending.ALREADY_RUNNING and summary.runs[0].summary == {}


def paused(*, wanted: bool = True) -> dict[str, Any]:
    return {"output": {"paused": True, "status": "SUCCEEDED", "mail": "It is paused.", "mail_wanted": wanted}}


def test_a_provider_that_is_paused_is_named_and_not_counted(aws: InProcessAws) -> None:
    summary = report(aws, gopro=paused(), google_drive=succeeded(2))
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 videos archived from 1 provider; GoPro paused"
    assert "GoPro:\n\nIt is paused." in mail["Message"]
    assert summary.runs[0].status is Ending.PAUSED and "mail_wanted" not in summary.runs[0].summary


def quiet() -> dict[str, Any]:
    return {"output": succeeded(0)["output"] | {"mail_wanted": False}}


@pytest.mark.parametrize(
    ("gopro", "sent"),
    [(quiet(), 0), (paused(wanted=False), 0), (succeeded(0), 1), (paused(), 1), (beside_another(), 1), (FAILED, 1)],
)
def test_the_mail_is_left_out_only_if_no_run_has_one_that_is_wanted(
    aws: InProcessAws, gopro: dict[str, Any], sent: int
) -> None:
    summary = report(aws, gopro=gopro, google_drive=quiet())
    assert len(aws.mails()) == sent and len(summary.runs) == 2


def test_the_output_has_the_numbers_of_each_provider_and_no_mail(aws: InProcessAws) -> None:
    summary = report(aws, gopro=succeeded(2))
    assert msgspec.json.decode(msgspec.json.encode(summary)) == {
        "run_id": "run-of-all",
        "provider": "all",
        "runs": [
            {"provider": "gopro", "status": "SUCCEEDED", "summary": {"archived": 2, "failed": 0, "listed": 9}}
        ],
    }  # fmt: skip


def test_a_repeated_report_answers_the_same_and_sends_no_second_mail(aws: InProcessAws) -> None:
    first = report(aws, gopro=succeeded(2))
    assert report(aws, gopro=succeeded(2)) == first
    assert len(aws.mails()) == 1


def test_a_mail_that_cannot_be_sent_is_an_error_and_is_sent_by_the_next_attempt(aws: InProcessAws) -> None:
    gone = AllReport(runs=Runs(aws.table, "all"), topic=aws.sns, topic_arn=f"{aws.topic_arn}-gone", titles=TITLES)
    request = AllReportRequest(run_id="run-of-all", runs=(RunOfOne(provider="gopro", result=succeeded(1)),))
    with pytest.raises(ConfigurationError, match="does not accept a mail"):
        gone.report(request)
    step(aws).report(request)
    assert len(aws.mails()) == 1


def test_a_note_that_cannot_be_written_after_the_mail_is_no_error(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ArchiveUnavailableError("The ledger cannot be used just now.")

    monkeypatch.setattr(Runs, "note_reported", refuse)
    assert report(aws, gopro=succeeded(2)).provider == "all"
    assert len(aws.mails()) == 1
