"""Restores for tests of the page in a browser: originals that sleep, and a job of each kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from tests.unit.console_archive import EXECUTION
from tests.unit.console_ledger import World
from tests.unit.page_world import GB

ASLEEP = ("gopro/asleep-1", "gopro/asleep-2")
THAWING, READY, STOPPED = (f"restore-20261126T18{number:02}00Z-0badcafe" for number in range(3))


def with_restores(world: World) -> None:
    """Two originals of 70 GB that sleep, one job that thaws, one that is ready, and one that was stopped."""
    heads, running = dict[str, Any](), {EXECUTION + THAWING}
    for number, item in enumerate(ASLEEP, start=1):
        _original(world, heads, item.partition("/")[2], f"GX0104{number:02}.MP4")
    _answer(world, heads, running)
    day = timedelta(days=1)
    _job(world, THAWING, JobState.THAWING, [FileState.READY, *[FileState.REQUESTED] * 3, FileState.WANTED], -day / 4)
    _job(world, READY, JobState.READY, [*[FileState.READY] * 3, FileState.FAILED], -2 * day)
    _job(world, STOPPED, JobState.CANCELLED, [FileState.REQUESTED, FileState.WANTED], -9 * day)


def _answer(world: World, heads: dict[str, Any], running: set[str]) -> None:
    """S3 and Step Functions answer for these as well, and for all others as before."""
    s3, steps = world.scripted("s3").answers, world.scripted("stepfunctions").answers
    head, described, start = s3["head_object"], steps["describe_execution"], steps["start_execution"]

    def started(**given: Any) -> Any:
        running.add(EXECUTION + given["name"])
        return start(**given)

    def stopped(executionArn: str, cause: str) -> dict[str, Any]:
        running.discard(executionArn)
        return {}

    world.answer("s3", head_object=_or(heads, "Key", head))
    known = {"status": "RUNNING"}
    world.answer(
        "stepfunctions",
        describe_execution=lambda executionArn: known if executionArn in running else described(executionArn),
        start_execution=started,
        stop_execution=stopped,
    )


def _or(answers: dict[str, Any], name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    def answer(**given: Any) -> Any:
        return answers[given[name]] if given[name] in answers else otherwise(**given)

    return answer


def _original(world: World, heads: dict[str, Any], media_id: str, filename: str) -> None:
    key, size = f"gopro/2026/05/{media_id}/1-{filename}", 70 * GB
    world.put(f"gopro#{media_id}", "ITEM", media_id=media_id, filename=filename, status="ARCHIVED", bytes_total=size,
              captured_at="2026-05-03T10:00:00Z")  # fmt: skip
    world.put(f"gopro#{media_id}", "SOURCE#0001", status="ARCHIVED", key=key, size=size, checksum="c")
    heads[key] = {"ContentLength": size, "ChecksumCRC64NVME": "c", "VersionId": "v1", "StorageClass": "DEEP_ARCHIVE",
                  "LastModified": datetime(2026, 5, 4, tzinfo=UTC), "Metadata": {}}  # fmt: skip


def _job(world: World, job_id: str, state: JobState, states: list[FileState], shift: timedelta) -> None:
    began = datetime.now(UTC) + shift
    until = (began + timedelta(days=7)).isoformat(timespec="seconds")
    files = [_file(number, one, until) for number, one in enumerate(states, start=1)]
    job = Job(
        job_id=job_id, created_at=began.isoformat(timespec="milliseconds"), state=state, fingerprint=job_id,
        selection="GX010466.MP4, GX010488.MP4, GX020488.MP4 and 2 more", tier=Tier.BULK, days=7, files=len(files),
        bytes=sum(file.size for file in files), quoted_usd=0.33, max_usd=1.0,
        requested=states.count(FileState.REQUESTED),
        ready=states.count(FileState.READY), failed=states.count(FileState.FAILED), ready_until=until,
    )  # fmt: skip
    if state is JobState.CANCELLED:
        job = msgspec.structs.replace(job, ended_at=began.isoformat(), problem="It was stopped on the page.")
    RestoreJobs(world.aws.table).create(job, files)


def _file(number: int, state: FileState, until: str) -> JobFile:
    name = f"GX0104{number:02}.MP4"
    return JobFile(
        number=number, provider="gopro", media_id=f"clip-{number}", filename=name, key=f"gopro/2026/05/x/{name}",
        size=number * GB, captured_at="2026-05-03T10:00:00Z", state=state, asked=int(state is not FileState.WANTED),
        ready_until=until if state is FileState.READY else "",
        problem="S3 has no such object, in no version." if state is FileState.FAILED else "",
    )  # fmt: skip
