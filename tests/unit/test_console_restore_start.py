"""`cloudsync restore start`: one job for one choice, whatever is in between, and nothing above the ceiling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.stores.restore_jobs import FileState, JobState

from console import main
from console.aws_refusals import SERVICE
from console.commands import restore_start
from console.errors import Exit
from tests.unit.console_archive import (
    ALL,
    FUTURE,
    PAST,
    SURE,
    Archive,
    an_archive,
    refused,
    set_files,
    set_job,
    started,
    the_job,
    told,
)  # fmt: skip

DENIED: dict[str, Any] = {"Error": {"Code": "AccessDeniedException", "Message": ""}, SERVICE: "stepfunctions"}
START_REFUSED = ClientError(DENIED, "StartExecution")  # type: ignore[arg-type]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with an_archive(monkeypatch) as archive:
        archive.item("clip-1")
        archive.item("clip-2")
        yield archive


def test_a_start_writes_the_job_with_its_price_and_starts_an_execution_of_its_name(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    found = started(capsys)
    job = the_job(archive)
    assert (found["kind"], found["job_id"], found["joined"], found["files"]) == ("restore", job.job_id, False, 2)
    assert (job.state, job.tier, job.days, job.max_usd) == (JobState.NEW, "Bulk", 7, 10)
    assert job.quoted_usd == pytest.approx(found["quoted_usd"]) and 0.015 < job.quoted_usd < 0.02
    assert job.selection == "everything" and len(job.fingerprint) == 32
    (execution,) = archive.started
    assert (execution["name"], json.loads(execution["input"])) == (job.job_id, {"job_id": job.job_id})
    files = list(archive.jobs.files(job.job_id))
    assert [(file.number, file.media_id, file.version_id, file.state) for file in files] == [
        (1, "clip-1", "v1", "WANTED"), (2, "clip-2", "v1", "WANTED")
    ]  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--yes",), ("--max-usd", "1")])
def test_without_a_terminal_both_yes_and_a_ceiling_are_needed(
    words: tuple[str, ...], archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "start", *ALL, *words, code=Exit.USAGE)
    assert "with --yes and a ceiling, such as --max-usd 0.02" in said
    assert (archive.jobs.all(), archive.started) == ([], [])


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_at_a_terminal_the_price_is_shown_and_asked_for(
    answer: str, archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restore_start, "is_terminal", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer.strip())
    assert main.main(["restore", "start", *ALL]) == (Exit.FINE if answer == "y\n" else Exit.FAILED)
    printed = capsys.readouterr()
    assert "frozen  2 objects, 2.0 GB, to be thawed" in printed.err and "in all" in printed.err
    assert len(archive.started) == (answer == "y\n") and ("Nothing was started." in printed.err) == (answer == "n\n")


def test_a_ceiling_that_is_too_low_starts_nothing_and_names_the_total_and_the_cheaper_tier(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "start", *ALL, "--tier", "standard", "--yes", "--max-usd", "0.02")
    assert "This would cost 0.06 USD, which is more than --max-usd 0.02" in said
    assert "With --tier bulk it is 0.02 USD." in said
    said = refused(capsys, "start", *ALL, "--tier", "standard", "--yes", "--max-usd", "0.001")
    assert "With --tier bulk it is 0.02 USD, which is more as well: choose less" in said
    said = refused(capsys, "start", *ALL, "--yes", "--max-usd", "0")
    assert "Choose less, or raise the ceiling." in said
    assert (archive.jobs.all(), archive.started) == ([], [])


def test_what_is_hot_is_a_job_that_is_ready_at_once_without_an_execution(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("hot", StorageClass="GLACIER_IR")
    assert started(capsys, "hot")["state"] == "READY"
    assert (the_job(archive).ready, archive.started) == (1, [])
    assert told(capsys, "status", "--latest")["ready"] == 1
    assert started(capsys, "hot")["joined"] is True


def test_the_same_choice_in_other_words_is_the_same_job_and_another_tier_or_time_is_none(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    first = started(capsys)
    again = started(capsys, "clip-2", "clip-1", "gopro/clip-1")
    assert (again["job_id"], again["joined"], len(archive.started)) == (first["job_id"], True, 1)
    for words in (("clip-1",), (*ALL, "--days", "8"), (*ALL, "--tier", "standard")):
        assert started(capsys, *words)["joined"] is False
    assert len(archive.started) == 4


def test_a_job_that_is_under_way_is_joined_without_a_question_or_a_price(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    set_job(archive, JobState.THAWING)
    assert main.main(["restore", "start", *ALL]) == Exit.FINE
    printed = capsys.readouterr()
    assert f"This is the job {job_id}, which goes on; no other one was started." in printed.out
    assert f"cloudsync restore status {job_id}" in printed.out and printed.err == ""


def test_of_two_starts_at_the_same_moment_the_one_that_was_written_first_does_the_work(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = started(capsys)["job_id"]
    monkeypatch.setattr("console.operations.restore.start.same_as", lambda *_: None)  # neither saw the other
    found = started(capsys)
    assert (found["job_id"], found["joined"], len(archive.started)) == (first, True, 1)
    assert {job.job_id == first: job.state for job in archive.jobs.all()} == {True: "NEW", False: "CANCELLED"}


def test_a_start_that_was_killed_before_its_execution_goes_on_with_its_job(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(**_: object) -> None:
        raise KeyboardInterrupt

    archive.world.answer("stepfunctions", start_execution=killed)
    assert main.main(["restore", "start", *ALL, *SURE]) == Exit.INTERRUPTED
    job_id = the_job(archive).job_id
    assert told(capsys, "status", job_id, code=Exit.ATTENTION)["state"] == "NEW"
    archive.world.answer("stepfunctions", start_execution=archive.start)
    found = started(capsys)
    assert (found["job_id"], found["taken_up"], found["joined"]) == (job_id, True, False)
    assert [one["name"] for one in archive.started] == [job_id]


@pytest.mark.parametrize("status", ["FAILED", "ABORTED", "TIMED_OUT"])
def test_a_job_whose_execution_has_ended_without_it_is_taken_up_under_a_further_name(
    status: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    for number in (2, 3):
        set_job(archive, JobState.THAWING, mailed=True, problem="odd")
        set_files(archive, (FileState.REQUESTED, ""), (FileState.FAILED, ""))
        archive.executions[archive.started[-1]["name"]] = status
        stopped = told(capsys, "status", job_id, code=Exit.FAILED)
        assert (stopped["state"], stopped["execution"]) == ("STOPPED", status)
        assert started(capsys)["taken_up"] is True
        assert archive.started[-1]["name"] == f"{job_id}-{number}"
        job = the_job(archive)
        assert (job.state, job.problem, job.mailed, job.failed, job.requested) == (JobState.NEW, "", False, 0, 1)
        assert [file.state for file in archive.jobs.files(job_id)] == ["REQUESTED", "WANTED"]
        assert told(capsys, "status", job_id, code=Exit.THAWING)["state"] == "NEW"


def test_a_job_that_has_failed_is_taken_up_and_one_that_was_cancelled_or_has_expired_begins_anew(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    first = started(capsys)["job_id"]
    archive.executions[first] = "SUCCEEDED"
    set_job(archive, JobState.FAILED, failed=2)
    set_files(archive, (FileState.FAILED, ""), (FileState.FAILED, ""))
    assert started(capsys)["job_id"] == first
    set_job(archive, JobState.READY, ready_until=FUTURE)
    set_files(archive, (FileState.READY, FUTURE), (FileState.READY, FUTURE))
    assert started(capsys)["joined"] is True
    set_files(archive, (FileState.READY, PAST), (FileState.READY, FUTURE))
    second = started(capsys)["job_id"]
    assert second != first
    told(capsys, "cancel", second)
    assert started(capsys)["job_id"] not in (first, second)


def test_a_job_that_is_ready_is_taken_up_for_a_file_that_can_be_had_by_now(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    archive.executions[job_id] = "SUCCEEDED"
    set_job(archive, JobState.READY, failed=1, ready=1)
    set_files(archive, (FileState.READY, FUTURE), (FileState.FAILED, ""))
    found = started(capsys)
    assert (found["job_id"], found["taken_up"]) == (job_id, True)
    assert [file.state for file in archive.jobs.files(job_id)] == ["READY", "WANTED"]


def test_a_part_that_cannot_be_had_is_in_the_job_as_failed_and_nothing_at_all_is_no_job(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = archive.item("lost")
    del archive.objects[key]
    found = started(capsys, code=Exit.ATTENTION)
    assert (found["files"], found["failed"]) == (3, 1)
    assert [file.state for file in archive.jobs.files(found["job_id"])] == ["WANTED", "WANTED", "FAILED"]
    assert "None of the files can be had" in refused(capsys, "start", "lost", *SURE)
    assert len(archive.jobs.all()) == 1


def test_an_execution_that_cannot_be_started_is_one_sentence_and_the_next_start_goes_on(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.world.answer("stepfunctions", start_execution=START_REFUSED)
    policy = "may not do states:StartExecution. Attach the managed policy CloudSyncRestorer"
    assert policy in refused(capsys, "start", *ALL, *SURE, code=Exit.CREDENTIALS)
    archive.world.answer("stepfunctions", start_execution=archive.start)
    assert started(capsys)["taken_up"] is True and len(archive.jobs.all()) == 1


def test_a_stack_of_an_earlier_version_is_told_before_anything_is_written(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    del archive.world.stack.outputs["RestorerArn"]  # type: ignore[attr-defined]
    said = refused(capsys, "start", *ALL, *SURE)
    assert "is of an earlier version: it has no output RestorerArn." in said
    assert archive.jobs.all() == []
