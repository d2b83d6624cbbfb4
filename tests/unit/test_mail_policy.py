"""Which nights are mailed: every one, those with news, or those with trouble. A failure always is."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from cloud_sync_common.runtime.carried_listing import Listing
from cloud_sync_common.steps.report import Failed, ReportRequest, SummaryWithMail
from cloud_sync_common.stores.provider_settings import Mails

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import a_mixed_run, clip, failure, metrics_in, report, success

QUIET = [Mails.ONLY_NEWS, Mails.ONLY_TROUBLE]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def night(listing: Listing, mails: Mails, reported_by: str = "") -> ReportRequest:
    return msgspec.structs.replace(success(listing), mails=mails, reported_by=reported_by)


def one_new_video(aws: InProcessAws) -> Listing:
    aws.manifest("run-1", [clip(1)])
    aws.archive(clip(1), "run-1", run_bytes=1_000, run_slices=1)
    return Listing(listed=1, new=1, batches=1)


@pytest.mark.parametrize(("mails", "sent"), [(Mails.EVERY_NIGHT, 1), (Mails.ONLY_NEWS, 0), (Mails.ONLY_TROUBLE, 0)])
def test_a_night_without_anything_new(
    aws: InProcessAws, mails: Mails, sent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report(aws, night(Listing(listed=20), mails))
    assert len(aws.mails()) == sent
    assert metrics_in(capsys.readouterr().out)["RunsSucceeded"] == 1 and aws.runs.last_success().run_id == "run-1"


@pytest.mark.parametrize(("mails", "sent"), [(Mails.EVERY_NIGHT, 1), (Mails.ONLY_NEWS, 1), (Mails.ONLY_TROUBLE, 0)])
def test_a_night_that_archived_something(aws: InProcessAws, mails: Mails, sent: int) -> None:
    report(aws, night(one_new_video(aws), mails))
    assert len(aws.mails()) == sent


@pytest.mark.parametrize("mails", Mails)
def test_a_night_with_a_failure_or_with_a_video_that_was_given_up_is_always_mailed(
    aws: InProcessAws, mails: Mails
) -> None:
    report(aws, night(a_mixed_run(aws), mails))
    assert len(aws.mails()) == 1
    report(aws, msgspec.structs.replace(night(Listing(listed=20, exhausted=1), mails), run_id="run-2"))
    assert len(aws.mails()) == 1


def test_a_run_that_failed_is_mailed_whatever_its_state_says_of_mails(aws: InProcessAws) -> None:
    state = {"provider": "gopro", "mails": "only_news", "error": {"Error": "ConfigurationError", "Cause": "x"}}
    assert isinstance(report(aws, failure(state)), Failed)
    assert len(aws.mails()) == 1


@pytest.mark.parametrize("mails", QUIET)
def test_a_run_that_another_one_reports_says_whether_its_mail_is_wanted(aws: InProcessAws, mails: Mails) -> None:
    summary = report(aws, night(Listing(listed=20), mails, "run-of-all"))
    assert isinstance(summary, SummaryWithMail) and not summary.mail_wanted and aws.mails() == []
    wanted = report(aws, night(Listing(listed=20), Mails.EVERY_NIGHT, "run-of-all"))
    assert isinstance(wanted, SummaryWithMail) and wanted.mail_wanted
