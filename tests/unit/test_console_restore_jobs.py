"""`cloudsync restore start`, `status`, `list` and `cancel`: one job for one choice, whatever is in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobState

from console import main
from console.commands import restore_start
from console.errors import Exit
from tests.unit.console_account import refusal
from tests.unit.console_archive import Archive, an_archive

ALL = ("--everything",)
SURE = ("--yes", "--max-usd", "10")
PAST, FUTURE = ((datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds") for days in (-1, 2))


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with an_archive(monkeypatch) as archive:
        archive.item("clip-1")
        archive.item("clip-2")
        yield archive


def told(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    """What a verb says as JSON."""
    capsys.readouterr()
    assert main.main(["restore", *words, "--json"]) == code
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def started(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    return told(capsys, "start", *(words or ALL), *SURE, code=code)


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FAILED) -> str:
    capsys.readouterr()
    assert main.main(["restore", *words]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()[-1]


def the_job(archive: Archive) -> Job:
    (job,) = archive.jobs.all()
    return job


def set_job(archive: Archive, state: JobState, **fields: Any) -> None:
    archive.jobs.update(the_job(archive).job_id, {"state": state.value, **fields})


def set_files(archive: Archive, *files: tuple[FileState, str]) -> None:
    """States and ends of the files of the one job, in their order."""
    for number, (state, until) in enumerate(files, start=1):
        problem = "It was not to be had." if state is FileState.FAILED else ""
        fields = {"state": state.value, "ready_until": until, "problem": problem}
        archive.jobs.update_file(the_job(archive).job_id, number, fields)


# start


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
    archive.world.answer("stepfunctions", start_execution=refusal("AccessDeniedException", "StartExecution"))
    assert "may not do StartExecution" in refused(capsys, "start", *ALL, *SURE, code=Exit.CREDENTIALS)
    archive.world.answer("stepfunctions", start_execution=archive.start)
    assert started(capsys)["taken_up"] is True and len(archive.jobs.all()) == 1


# status, list


STATES: list[tuple[JobState, tuple[tuple[FileState, str], ...], str, Exit]] = [
    (JobState.REQUESTING, ((FileState.WANTED, ""), (FileState.REQUESTED, "")), "REQUESTING", Exit.THAWING),
    (JobState.THAWING, ((FileState.REQUESTED, ""), (FileState.READY, FUTURE)), "THAWING", Exit.THAWING),
    (JobState.READY, ((FileState.READY, FUTURE), (FileState.READY, "")), "READY", Exit.FINE),
    (JobState.READY, ((FileState.READY, FUTURE), (FileState.FAILED, "")), "READY", Exit.ATTENTION),
    (JobState.READY, ((FileState.READY, FUTURE), (FileState.READY, PAST)), "READY", Exit.ATTENTION),
    (JobState.READY, ((FileState.READY, PAST), (FileState.READY, PAST)), "EXPIRED", Exit.ATTENTION),
    (JobState.FAILED, ((FileState.FAILED, ""), (FileState.FAILED, "")), "FAILED", Exit.FAILED),
    (JobState.CANCELLED, ((FileState.WANTED, ""), (FileState.REQUESTED, "")), "CANCELLED", Exit.FAILED),
]


@pytest.mark.parametrize(("state", "files", "shown", "code"), STATES)
def test_status_says_how_a_job_is_now_and_its_exit_code(
    state: JobState, files: tuple[tuple[FileState, str], ...], shown: str, code: Exit, archive: Archive,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    job_id = started(capsys)["job_id"]
    set_job(archive, state)
    set_files(archive, *files)
    found = told(capsys, "status", job_id, code=code)
    states = [file[0] for file in files]
    assert (found["kind"], found["state"], found["job"]["job_id"]) == ("restore-status", shown, job_id)
    assert (found["wanted"], found["requested"], found["failed"]) == tuple(
        states.count(one) for one in (FileState.WANTED, FileState.REQUESTED, FileState.FAILED)
    )
    assert found["ready"] + found["expired"] == states.count(FileState.READY)
    assert main.main(["restore", "status", "--latest"]) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{job_id}: {shown}\n") and printed.err
    assert ("It was not to be had." in printed.out) == (FileState.FAILED in states)
    assert (f"cloudsync restore fetch {job_id} DIR" in printed.err) == (shown == "READY")


def test_status_waits_until_nothing_more_is_thawed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id, waited = started(capsys)["job_id"], list[float]()

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        set_files(archive, (FileState.READY, FUTURE), (FileState.READY, FUTURE))
        set_job(archive, JobState.READY if len(waited) == 2 else JobState.THAWING)

    monkeypatch.setattr("console.commands.restore_status.time.sleep", sleep)
    assert told(capsys, "status", job_id, "--wait")["ready"] == 2 and len(waited) == 2


def test_jobs_are_listed_the_newest_first_as_lines_or_as_a_table(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["restore", "list"]) == Exit.FINE
    assert "There is no restore job yet." in capsys.readouterr().out
    assert "There is no restore job yet." in refused(capsys, "status", "--latest", code=Exit.NOT_FOUND)
    first = started(capsys)["job_id"]
    set_job(archive, JobState.READY, ready_until=PAST)
    archive.jobs.update(first, {"created_at": "2026-11-01T00:00:00.000Z"})
    second = started(capsys, "clip-1")["job_id"]
    assert main.main(["restore", "list", "--json"]) == Exit.FINE
    head, *jobs = map(json.loads, capsys.readouterr().out.splitlines())
    assert head == {"version": 1, "kind": "restore-jobs", "environment": "dev"}
    assert [(job["job_id"], job["state"]) for job in jobs] == [(second, "NEW"), (first, "EXPIRED")]
    assert main.main(["restore", "list"]) == Exit.FINE
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == ["job", second, first] and "everything" in table[2]


BAD = [("status",), ("status", "restore-1", "--latest")]


@pytest.mark.parametrize("words", BAD)
def test_status_wants_one_job_or_the_latest(
    words: tuple[str, ...], archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "`cloudsync restore list`" in refused(capsys, *words, code=Exit.USAGE)


@pytest.mark.parametrize("job", ["restore-20261127T113406Z-1a2b", "no job", "restore-" + "x" * 3_000])
@pytest.mark.parametrize("verb", ["status", "cancel"])
def test_a_job_that_there_is_not_is_not_found(
    verb: str, job: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, verb, job, code=Exit.NOT_FOUND)
    assert "There is no restore job" in said and "`cloudsync restore list`" in said and len(said) < 250


@pytest.mark.parametrize("words", [("list",), ("status", "restore-odd"), ("start", *ALL, *SURE)])
def test_a_row_of_the_jobs_that_cannot_be_read_is_one_sentence(
    words: tuple[str, ...], archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.world.put("RESTORES", "restore-odd", state="ODD")
    assert "A row of the restore jobs in the ledger cannot be read" in refused(capsys, *words)
    assert archive.started == []


# cancel


def test_a_job_is_cancelled_its_execution_stopped_and_what_was_asked_for_is_told_with_its_price(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    set_job(archive, JobState.REQUESTING)
    set_files(archive, (FileState.REQUESTED, ""), (FileState.WANTED, ""))
    done = told(capsys, "cancel", job_id)
    assert (done["asked"], done["never_asked"], done["again"]) == ({"files": 1, "bytes": 10**9}, 1, False)
    # 1 GB at 0.0025, a request at 0.000025, and a GB-month of 0.023 for 7 of 30.42 days
    assert done["usd"] == pytest.approx(0.0025 + 0.000025 + 0.00529, abs=0.00001)
    assert (the_job(archive).state, archive.executions[job_id]) == (JobState.CANCELLED, "ABORTED")
    assert main.main(["restore", "cancel", job_id]) == Exit.FINE
    said = capsys.readouterr().out
    assert "was cancelled before." in said and "1 file of it S3 was never asked for" in said
    assert "S3 was asked for 1 object (1.0 GB), which cannot be undone" in said and "up to 0.0078 USD" in said


def test_a_cancel_that_was_killed_before_it_stopped_the_execution_does_so_when_it_is_repeated(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    set_job(archive, JobState.CANCELLED)
    assert told(capsys, "cancel", job_id)["again"] is True
    assert archive.executions[job_id] == "ABORTED"


@pytest.mark.parametrize("state", [JobState.READY, JobState.FAILED])
def test_a_job_that_is_over_cannot_be_cancelled(
    state: JobState, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    set_job(archive, state)
    assert f"is over ({state.value})" in refused(capsys, "cancel", job_id)
    assert archive.executions[job_id] == "RUNNING"


def test_a_job_that_ends_while_it_is_cancelled_stays_as_it_has_ended(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    before = the_job(archive)
    set_job(archive, JobState.READY)
    monkeypatch.setattr("console.operations.restore.jobs.named", lambda *_: before)
    assert "has just ended (READY)" in refused(capsys, "cancel", job_id)
    assert the_job(archive).state is JobState.READY


def test_a_stack_of_an_earlier_version_is_told_before_anything_is_written(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    del archive.world.stack.outputs["RestorerArn"]  # type: ignore[attr-defined]
    said = refused(capsys, "start", *ALL, *SURE)
    assert "is of an earlier version: it has no output RestorerArn." in said
    assert archive.jobs.all() == []
