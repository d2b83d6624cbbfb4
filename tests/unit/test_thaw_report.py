"""The end of a restore job: one mail that says what can be fetched, until when, how, and what cannot and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.steps.thaw_report import ThawGivenUp
from cloud_sync_common.stores.restore_jobs import FileState, JobState
from cloud_sync_common.stores.thawing import GONE

from tests.unit.frozen_bucket import refusal
from tests.unit.in_process_aws import running_aws
from tests.unit.restore_steps import JOB, Bench

UNTIL = "2026-12-05T00:00:00+00:00"
STOPPED = {"Error": "ConfigurationError", "Cause": '{"errorMessage": "S3 refused it (NoSuchBucket)."}'}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_aws(monkeypatch) as aws:
        yield Bench(aws)


class Topic:
    """SNS, which refuses with a code."""

    def __init__(self, code: str, status: int = 400) -> None:
        self._error = refusal(code, "Publish", status)

    def publish(self, **_: Any) -> Any:
        raise self._error


def ready(bench: Bench, *names: str, until: str = UNTIL) -> None:
    for name in names:
        bench.file(name, state=FileState.READY, ready_until=until)


def failed(bench: Bench, *names: str, problem: str = GONE) -> None:
    for name in names:
        bench.file(name, state=FileState.FAILED, problem=problem)


def test_the_mail_says_what_can_be_fetched_until_when_and_with_which_command(bench: Bench) -> None:
    ready(bench, "a", until="2026-12-06T00:00:00+00:00"), ready(bench, "b")
    bench.job(state=JobState.THAWING)
    ended = bench.end()
    assert (ended.status, ended.ready, ended.failed, ended.ready_until, ended.mailed) == ("READY", 2, 0, UNTIL, True)
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 restored files can be fetched until 2026-12-05 at 00:00 UTC"
    text = mail["Message"]
    assert f"The restore job {JOB} is ready: 2 files (2.0 MB) of what you chose (May 2026)" in text
    assert "until 2026-12-05 at 00:00 UTC" in text and f"`cloudsync restore fetch {JOB} DIRECTORY`" in text
    assert "0.1234 USD" in text and "cannot be had" not in text
    assert (bench.now().state, bool(bench.now().ended_at)) == (JobState.READY, True)


def test_commands_name_the_environment_where_it_is_not_dev(bench: Bench) -> None:
    bench.environment = "prod"
    ready(bench, "a"), failed(bench, "b")
    bench.job()
    bench.end()
    (mail,) = bench.aws.mails()
    assert f"`cloudsync restore fetch {JOB} DIRECTORY -e prod`" in mail["Message"]
    assert "`cloudsync verify -e prod`" in mail["Message"]


def test_what_cannot_be_had_is_named_with_its_reason(bench: Bench) -> None:
    ready(bench, "a"), failed(bench, "b\nc", problem="S3 no\nlonger has it.")
    bench.job()
    bench.end()
    (mail,) = bench.aws.mails()
    assert mail["Subject"].startswith("Cloud Sync: 1 of 2 restored files can be fetched until")
    assert "1 file cannot be had:\n- b c.MP4 (id-b c): S3 no longer has it." in mail["Message"]


def test_no_more_than_ten_are_named(bench: Bench) -> None:
    ready(bench, "a"), failed(bench, *(f"f{number:02d}" for number in range(13)))
    bench.job()
    bench.end()
    (mail,) = bench.aws.mails()
    assert (
        "13 files cannot be had" in mail["Message"]
        and f"- and 3 more: `cloudsync restore status {JOB}`" in mail["Message"]
    )
    assert "f09.MP4" in mail["Message"] and "f10.MP4" not in mail["Message"]


def test_a_job_without_a_file_that_is_ready_has_failed_and_says_why(bench: Bench) -> None:
    failed(bench, "a", "b")
    bench.job()
    assert bench.end().status is JobState.FAILED
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 files cannot be restored"
    assert GONE in mail["Message"] and "`cloudsync restore start`" in mail["Message"]
    assert "restore fetch" not in mail["Message"]


def test_files_that_need_no_thaw_can_be_fetched_at_any_time(bench: Bench) -> None:
    ready(bench, "a", until="")
    bench.job()
    bench.end()
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: 1 restored file can be fetched"
    assert "can be fetched at any time" in mail["Message"] and "paid for, again" not in mail["Message"]


def test_a_repeated_report_sends_no_second_mail_and_keeps_the_time_of_the_end(bench: Bench) -> None:
    ready(bench, "a")
    bench.job()
    first, at = bench.end(), bench.now().ended_at
    assert bench.end() == first and bench.now().ended_at == at
    assert len(bench.aws.mails()) == 1


@pytest.mark.parametrize(("topic", "error"), [
    (Topic("Throttling"), ArchiveUnavailableError), (Topic("NotFound", 404), ConfigurationError),
])  # fmt: skip
def test_a_mail_that_sns_refuses_is_sent_by_the_repeated_report(bench: Bench, topic: Topic, error: Any) -> None:
    ready(bench, "a")
    bench.job()
    with pytest.raises(error):
        bench.end(topic)
    assert not bench.now().mailed and bench.now().state is JobState.READY
    assert bench.end().mailed and len(bench.aws.mails()) == 1


def test_a_drill_sends_no_mail(bench: Bench) -> None:
    ready(bench, "a")
    bench.job(drill=True)
    assert (bench.end().status, bench.end().mailed) == (JobState.READY, False)
    assert bench.aws.mails() == []


def test_a_cancelled_job_ends_without_a_word(bench: Bench) -> None:
    ready(bench, "a")
    bench.job(state=JobState.CANCELLED)
    assert bench.end().status is bench.give_up(STOPPED).status is JobState.CANCELLED
    assert bench.aws.mails() == [] and bench.now().ended_at == ""


# Giving up


def test_an_execution_that_stops_says_why_what_stays_and_what_to_do(bench: Bench) -> None:
    ready(bench, "a"), bench.file("b", state=FileState.REQUESTED)
    bench.job(state=JobState.THAWING)
    assert bench.give_up(STOPPED).status is JobState.FAILED
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: the restore stopped (ConfigurationError)"
    text = mail["Message"]
    assert "stopped: S3 refused it (NoSuchBucket)." in text and "`cloudsync restore start`" in text
    assert "1 file can be fetched until 2026-12-05 at 00:00 UTC" in text and "goes on to thaw 1 file" in text
    assert (bench.now().problem, bool(bench.now().ended_at)) == ("S3 refused it (NoSuchBucket).", True)


def test_a_job_that_was_ready_stays_so_when_only_its_report_failed(bench: Bench) -> None:
    ready(bench, "a")
    bench.job(state=JobState.READY)
    assert bench.give_up(STOPPED).status is JobState.READY
    (mail,) = bench.aws.mails()
    assert "restore fetch" in mail["Message"] and bench.now().problem == ""


@pytest.mark.parametrize("state", [JobState.THAWING, JobState.READY, JobState.CANCELLED])
def test_whatever_became_of_the_job_the_answer_has_the_error_and_the_cause_with_which_the_execution_fails(
    bench: Bench, state: JobState
) -> None:
    ready(bench, "a")
    bench.job(state=state)
    ended = bench.give_up(STOPPED)
    assert isinstance(ended, ThawGivenUp)
    assert (ended.error, ended.cause) == ("ConfigurationError", "S3 refused it (NoSuchBucket).")


def test_giving_up_twice_sends_one_mail(bench: Bench) -> None:
    bench.file("a")
    bench.job(state=JobState.REQUESTING)
    assert bench.give_up(STOPPED) == bench.give_up(STOPPED)
    assert len(bench.aws.mails()) == 1
