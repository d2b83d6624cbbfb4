"""What a run says whose provider is paused: once, and only to an owner who wants to hear it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.steps.report_paused import PausedReport, PausedRequest, PausedSummary
from cloud_sync_common.stores.provider_settings import Mails

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import metrics_in


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def report(aws: InProcessAws, topic_arn: str = "", **given: Any) -> PausedSummary:
    metrics = EnvironmentMetrics("staging", detailed=True)
    step = PausedReport(aws.runs, aws.sns, topic_arn or aws.topic_arn, metrics, "Cloud Sync (GoPro)")
    return step.report(PausedRequest(run_id="run-1", provider="gopro", **given))


def test_it_counts_as_a_success_so_that_no_alarm_is_raised_and_is_none_of_the_last_success(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = report(aws)
    assert (summary.status, summary.paused, summary.run_id) == ("SUCCEEDED", True, "run-1")
    assert metrics_in(capsys.readouterr().out) == {"RunsSucceeded": 1, "RunsFailed": 0, "AuthenticationFailures": 0}
    assert aws.runs.last_success().ended_at == ""


def test_the_mail_says_what_pauses_mean_and_how_they_end(aws: InProcessAws) -> None:
    report(aws)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync (GoPro): paused, nothing was looked for"
    assert "cloudsync settings resume --provider gopro" in mail["Message"] and mail["Message"].endswith("Run run-1.")


def test_a_verification_says_that_nothing_was_verified_and_is_no_run_that_succeeded(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = report(aws, mode=Mode.RECONCILE)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync (GoPro): paused, nothing was verified"
    assert "there is no certificate" in mail["Message"] and "`cloudsync verify --provider gopro`" in mail["Message"]
    assert metrics_in(capsys.readouterr().out) == {} and summary.paused


@pytest.mark.parametrize("mails", [Mails.ONLY_NEWS, Mails.ONLY_TROUBLE])
def test_an_owner_who_wants_news_only_gets_no_mail_about_a_pause(aws: InProcessAws, mails: Mails) -> None:
    assert not report(aws, mails=mails).mail_wanted and aws.mails() == []


def test_a_run_that_another_one_reports_hands_its_text_over(aws: InProcessAws) -> None:
    summary = report(aws, reported_by="run-of-all")
    assert summary.mail.startswith("It is paused") and summary.mail_wanted and aws.mails() == []


def test_a_repeated_report_sends_and_counts_nothing_again(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    first = report(aws)
    capsys.readouterr()
    assert report(aws) == first
    assert len(aws.mails()) == 1 and metrics_in(capsys.readouterr().out) == {}


def test_a_mail_that_cannot_be_sent_says_so_after_the_run_was_counted(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match="does not accept a mail"):
        report(aws, f"{aws.topic_arn}-gone")
    assert metrics_in(capsys.readouterr().out)["RunsSucceeded"] == 1
