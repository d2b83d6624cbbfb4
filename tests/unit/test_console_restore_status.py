"""`cloudsync restore status`, `list` and `cancel`: how a job is now, and what cannot be undone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, JobState

from console import main
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


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with an_archive(monkeypatch) as archive:
        archive.item("clip-1")
        archive.item("clip-2")
        yield archive


# status and list


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
    assert (f"cloudsync restore fetch {job_id} DIRECTORY" in printed.err) == (shown == "READY")


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
    assert [line.split()[-1] for line in table] == ["job", second, first] and "everything" in table[2]


@pytest.mark.parametrize("columns", ["80", "160"])
def test_the_id_of_a_job_can_be_copied_from_the_list_in_one_piece(
    columns: str, archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("--name", "clip*", "--name", "GX01*.MP4", "--name", "a very long name that has no room*")
    job_id = started(capsys, *names)["job_id"]
    set_job(archive, JobState.READY, ready_until=FUTURE)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    assert main.main(["restore", "list"]) == Exit.FINE
    printed = capsys.readouterr().out
    assert job_id in printed and max(map(len, printed.splitlines())) <= int(columns)


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
