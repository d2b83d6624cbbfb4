"""The steps of a restore job: S3 is asked for each object once, and what it says is what the rows say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.steps import thaw
from cloud_sync_common.steps.thaw import EARLY_LOOKS, MOST_ASKED, WAIT_SECONDS, Noted, ThawAnswer, ThawStatus
from cloud_sync_common.stores.restore_jobs import FileState, JobState, Tier
from cloud_sync_common.stores.thawing import GONE

from tests.unit.frozen_bucket import Frozen
from tests.unit.in_process_aws import running_aws
from tests.unit.restore_steps import JOB, Bench, ends_after

REQUESTED = ThawAnswer(status=ThawStatus.REQUESTED, wait_seconds=WAIT_SECONDS)
THAWING = ThawAnswer(status=ThawStatus.THAWING, wait_seconds=WAIT_SECONDS)
CANCELLED = ThawAnswer(status=ThawStatus.CANCELLED)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_aws(monkeypatch) as aws:
        yield Bench(aws)


def thawed(days: float) -> Frozen:
    found = Frozen()
    found.thaw(days)
    return found


def asked_for(bench: Bench) -> list[str]:
    """The names of the files that S3 was asked for."""
    return sorted(key.removeprefix("gopro/").removesuffix(".mp4") for key, *_ in bench.bucket.asked)


# Asking


def test_s3_is_asked_for_what_is_frozen_and_the_row_says_so(bench: Bench) -> None:
    bench.file("a"), bench.file("b")
    bench.job(days=5)
    assert bench.ask() == REQUESTED
    assert sorted(bench.bucket.asked) == [("gopro/a.mp4", "v1", "Bulk", 5), ("gopro/b.mp4", "v1", "Bulk", 5)]
    assert {(file.state, file.asked) for file in bench.files().values()} == {(FileState.REQUESTED, 1)}
    assert (bench.now().state, bench.now().requested, bench.now().awaited) == (JobState.THAWING, 2, 2)


def test_nobody_is_asked_for_what_is_hot_gone_thawed_long_enough_or_thawing(bench: Bench) -> None:
    bench.file("hot", Frozen("STANDARD_IA"))
    bench.file("thawed", thawed(6.5))
    bench.file("thawing", Frozen(thaws_by="Bulk"))
    bench.file("gone", gone=True)
    bench.job()
    assert bench.ask() == REQUESTED and bench.bucket.asked == []
    files = bench.files()
    assert (files["hot"].state, files["hot"].ready_until) == (FileState.READY, "")
    assert files["thawed"].state is FileState.READY and files["thawed"].ready_until.endswith("+00:00")
    assert files["thawing"].state is FileState.REQUESTED
    assert (files["gone"].state, files["gone"].problem) == (FileState.FAILED, GONE)
    assert (bench.now().ready, bench.now().requested, bench.now().failed) == (2, 1, 1)


def test_a_thawed_copy_that_ends_sooner_is_kept_for_the_days_of_the_job(bench: Bench) -> None:
    bench.file("a", thawed(2))
    bench.job(days=7)
    before = bench.bucket.objects["gopro/a.mp4", "v1"].until
    bench.ask()
    (file,) = bench.files().values()
    assert asked_for(bench) == ["a"] and file.state is FileState.READY
    assert before and file.ready_until > before.isoformat()


def test_what_may_be_thawing_by_bulk_is_thawed_by_standard_where_the_job_says_so(bench: Bench) -> None:
    bench.file("slow", Frozen(thaws_by="Bulk")), bench.file("fast", Frozen(thaws_by="Standard"))
    bench.job(tier=Tier.STANDARD)
    assert bench.ask() == REQUESTED and asked_for(bench) == ["fast", "slow"]
    assert set(bench.states().values()) == {FileState.REQUESTED}
    assert bench.bucket.objects["gopro/slow.mp4", "v1"].thaws_by == "Standard"


def test_files_of_one_object_are_asked_for_once_and_awaited_as_one(bench: Bench) -> None:
    bench.file("a"), bench.file("a")
    bench.job()
    bench.ask()
    assert asked_for(bench) == ["a"]
    assert (bench.now().requested, bench.now().awaited) == (2, 1)


def test_a_refusal_of_one_file_leaves_the_others(bench: Bench) -> None:
    bench.bucket.refused["gopro/b.mp4"] = "AccessDenied"
    bench.file("a"), bench.file("b")
    bench.job()
    assert bench.ask() == REQUESTED
    assert bench.states() == {"a": FileState.REQUESTED, "b": FileState.FAILED}
    assert "s3:RestoreObject" in bench.files()["b"].problem


def test_slices_follow_each_other_until_all_are_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thaw, "SLICE", 2)
    for name in "abcde":
        bench.file(name)
    bench.job()
    assert [bench.ask().status for _ in range(3)] == [ThawStatus.MORE, ThawStatus.MORE, ThawStatus.REQUESTED]
    assert asked_for(bench) == list("abcde")


def test_an_invocation_without_time_leaves_the_rest_to_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thaw, "_BATCH", 1)
    bench.file("a"), bench.file("b")
    bench.job()
    bench.deadline = ends_after(2)
    assert bench.ask().status is ThawStatus.MORE and asked_for(bench) == ["a"]
    bench.deadline = ends_after(10)
    assert bench.ask() == REQUESTED and asked_for(bench) == ["a", "b"]


def test_what_an_invocation_that_was_killed_has_asked_for_is_not_asked_for_again(bench: Bench) -> None:
    bench.bucket.refused["gopro/c.mp4"] = "SlowDown"
    for name in "abc":
        bench.file(name)
    bench.job()
    with pytest.raises(ArchiveUnavailableError):
        bench.ask()
    bench.jobs.update_file(JOB, 1, {"state": FileState.WANTED})  # it was killed before it could write this down
    bench.bucket.refused.clear()
    assert bench.ask() == REQUESTED and asked_for(bench) == ["a", "b", "c", "c"]
    assert set(bench.states().values()) == {FileState.REQUESTED}


# Looking


def test_what_is_thawed_is_ready_until_it_ends_and_the_rest_is_waited_for(bench: Bench) -> None:
    bench.file("a"), bench.file("b"), bench.file("c")
    bench.job()
    bench.ask()
    bench.bucket.objects["gopro/a.mp4", "v1"].thaw(7)
    bench.bucket.objects["gopro/b.mp4", "v1"].thaw(6)
    assert bench.check() == THAWING
    job, files = bench.now(), bench.files()
    assert (job.state, job.ready, job.requested, job.awaited) == (JobState.THAWING, 2, 1, 1)
    assert job.ready_until == files["b"].ready_until < files["a"].ready_until and job.checked_at
    bench.bucket.objects["gopro/c.mp4", "v1"].thaw(7)
    assert bench.check() == ThawAnswer(status=ThawStatus.READY) and bench.now().state is JobState.READY


def test_a_version_that_is_gone_cannot_be_had_and_alone_fails_the_job(bench: Bench) -> None:
    file = bench.file("a")
    bench.job()
    bench.ask()
    del bench.bucket.objects[file.key, file.version_id]
    assert bench.check() == ThawAnswer(status=ThawStatus.FAILED)
    assert (bench.files()["a"].problem, bench.now().failed) == (GONE, 1)


def test_what_s3_has_dropped_is_asked_for_again_and_not_for_ever(bench: Bench) -> None:
    file = bench.file("a")
    bench.job()
    for times in range(1, MOST_ASKED + 1):
        assert bench.ask() == REQUESTED and len(bench.bucket.asked) == times
        bench.bucket.objects[file.key, file.version_id].thaws_by = ""
        expected = ThawStatus.MORE if times < MOST_ASKED else ThawStatus.FAILED
        assert bench.check().status is expected
    assert "3 times" in bench.files()["a"].problem


def test_a_look_without_time_goes_on_at_once(bench: Bench) -> None:
    bench.bucket.page_size = 1
    bench.file("a"), bench.file("b")
    bench.job()
    bench.ask()
    for found in bench.bucket.objects.values():
        found.thaw()
    bench.deadline = ends_after(1)
    assert bench.check() == ThawAnswer(status=ThawStatus.THAWING, wait_seconds=1)
    bench.deadline = ends_after(10)
    assert bench.check().status is ThawStatus.READY


# Waiting, and S3's events


def test_the_event_of_the_last_object_ends_the_wait(bench: Bench) -> None:
    bench.file("a"), bench.file("b")
    bench.job()
    bench.ask()
    assert bench.wait("token") == ThawAnswer(status=ThawStatus.WAITING)
    assert bench.event() == Noted(1, 0) and bench.executions.ended == []
    assert bench.event() == Noted(1, 1) and bench.executions.ended == ["token"]


def test_events_that_came_before_the_wait_end_it_at_once(bench: Bench) -> None:
    bench.file("a")
    bench.job()
    bench.ask()
    bench.event()
    assert bench.executions.ended == []
    bench.wait("token")
    assert bench.executions.ended == ["token"]


def test_nothing_is_waited_for_where_nothing_is_outstanding(bench: Bench) -> None:
    bench.file("hot", Frozen("STANDARD"))
    bench.job()
    bench.ask()
    bench.wait("token")
    assert bench.executions.ended == ["token"]


def test_whom_events_have_woken_often_is_not_woken_again_just_after_a_look(bench: Bench) -> None:
    bench.file("a")
    bench.job()
    bench.jobs.update(JOB, {"early_looks": EARLY_LOOKS})
    bench.ask()
    bench.event(), bench.event()
    assert bench.check() == THAWING
    assert (bench.now().events, bench.now().task_token) == (0, "")
    bench.event()
    bench.wait("token")
    bench.event()
    assert bench.executions.ended == []
    bench.jobs.update(JOB, {"checked_at": "2026-01-01T00:00:00.000Z"})
    bench.event()
    assert bench.executions.ended == ["token"]


def test_only_jobs_that_wait_count_events_and_only_those_of_the_archive(bench: Bench) -> None:
    for number, state in enumerate(JobState):
        bench.job(f"restore-{number}", state=state)
    assert bench.event() == Noted(2, 0)
    assert bench.event(bucket="another") == Noted(0, 0)
    assert sorted(job.state for job in bench.jobs.all() if job.events) == [JobState.REQUESTING, JobState.THAWING]


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_wait_that_has_ended_by_itself_is_no_error(bench: Bench, code: str) -> None:
    bench.file("a")
    bench.job()
    bench.ask()
    bench.wait("token")
    bench.executions.refuses = code
    assert bench.event() == Noted(1, 1)


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidOutput"])
def test_any_other_refusal_is_one(bench: Bench, code: str) -> None:
    bench.file("a")
    bench.job()
    bench.ask()
    bench.wait("token")
    bench.executions.refuses = code
    with pytest.raises(ConfigurationError, match=code):
        bench.event()


# Jobs that are over, or not there


def test_a_cancelled_job_is_left_alone(bench: Bench) -> None:
    bench.file("a")
    bench.job(state=JobState.CANCELLED)
    assert (bench.ask(), bench.check(), bench.wait("token")) == (CANCELLED, CANCELLED, CANCELLED)
    assert bench.executions.ended == ["token"] and bench.bucket.asked == []
    assert (bench.now().state, bench.states()) == (JobState.CANCELLED, {"a": FileState.WANTED})


def test_a_job_that_is_cancelled_meanwhile_stays_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.file("a")
    bench.job()
    restore = bench.bucket.restore_object

    def cancel(**given: Any) -> Any:
        bench.jobs.update(JOB, {"state": JobState.CANCELLED})
        return restore(**given)

    monkeypatch.setattr(bench.bucket, "restore_object", cancel)
    assert bench.ask() == CANCELLED and bench.now().state is JobState.CANCELLED


def test_a_job_that_is_not_there_is_named(bench: Bench) -> None:
    for step in (bench.ask, bench.check, lambda job: bench.wait("token", job), lambda job: bench.end(job_id=job)):
        with pytest.raises(ConfigurationError, match="no restore job restore-none"):
            step("restore-none")


def test_events_that_follow_a_look_at_once_cause_another_one_and_that_is_counted(bench: Bench) -> None:
    bench.file("a")
    bench.job()
    bench.ask()
    assert bench.check() == THAWING
    bench.wait("token")
    bench.event()
    assert (bench.executions.ended, bench.now().early_looks) == (["token"], 1)
