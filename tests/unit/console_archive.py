"""An archive for the unit tests of `cloudsync restore`: objects with versions as S3 answers for them, and the
executions of the restorer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobState, RestoreJobs

from console import main
from console.errors import Exit
from tests.unit.console_account import refusal
from tests.unit.console_ledger import RESTORER, World, a_world

EXECUTION = RESTORER.replace(":stateMachine:", ":execution:") + ":"
WRITTEN = datetime(2026, 11, 20, tzinfo=UTC)
ALL = ("--everything",)
SURE = ("--yes", "--max-usd", "10")
PAST, FUTURE = ((datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds") for days in (-1, 2))


class Archive:
    """The bucket, the ledger's rows of its originals, and Step Functions. `heads` are the requests for objects."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.deleted: set[str] = set()
        self.refused: dict[str, str] = {}
        self.executions: dict[str, str] = {}
        self.heads: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        world.answer("s3", head_object=self._head, list_object_versions=self._versions)
        world.answer(
            "stepfunctions", describe_execution=self._described, start_execution=self.start, stop_execution=self._stop
        )

    @property
    def jobs(self) -> RestoreJobs:
        return RestoreJobs(self.world.aws.table)

    def item(
        self, media_id: str, filename: str = "", *, files: int = 1, provider: str = "gopro", status: str = "ARCHIVED",
        captured_at: str = "2026-05-03T10:00:00Z", size: int = 10**9, **head: Any,
    ) -> list[str]:  # fmt: skip
        """An archived item, frozen unless `head` says otherwise; the keys of its objects."""
        name = filename or f"{media_id}.MP4"
        fields = {"media_id": media_id, "filename": name, "captured_at": captured_at, "status": status}
        done = {"bytes_total": size * files} if status == "ARCHIVED" else {}
        self.world.put(f"{provider}#{media_id}", "ITEM", **fields, **done)
        keys = [f"{provider}/2026/05/{media_id}/{number}-{name}" for number in range(1, files + 1)]
        for number, key in enumerate(keys, start=1):
            self.source(media_id, number, key, provider=provider, size=size, status=status)
            if status == "ARCHIVED":
                self.object(key, size=size, **head)
        return keys

    def source(self, media_id: str, number: int, key: str, *, provider: str = "gopro", **fields: Any) -> None:
        more = {"status": "ARCHIVED", "key": key, "checksum": f"crc-of-{key}", **fields}
        self.world.put(f"{provider}#{media_id}", f"SOURCE#{number:04}", **more)

    def object(self, key: str, *, size: int = 10**9, **head: Any) -> None:
        """One more version of an object, which is the current one."""
        versions = self.objects.setdefault(key, [])
        answer = {
            "ContentLength": size, "ChecksumCRC64NVME": f"crc-of-{key}", "VersionId": f"v{len(versions) + 1}",
            "StorageClass": "DEEP_ARCHIVE", "LastModified": WRITTEN, "Metadata": {}, **head,
        }  # fmt: skip
        versions.append(answer)

    def _head(self, *, Bucket: str, Key: str, VersionId: str = "", ChecksumMode: str = "") -> dict[str, Any]:
        self.heads.append({"Key": Key, "VersionId": VersionId})
        code = self.refused.get(Key, "")
        if code and (ChecksumMode or not code.startswith("only with a checksum ")):
            raise refusal(code.removeprefix("only with a checksum "), "HeadObject")
        versions = self.objects.get(Key, [])
        if VersionId:
            return next(one for one in versions if one["VersionId"] == VersionId)
        if not versions or Key in self.deleted:
            raise refusal("404", "HeadObject")
        return versions[-1]

    def _versions(self, *, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        if code := self.refused.get(f"versions of {Prefix}"):
            raise refusal(code, "ListObjectVersions")
        found = [
            {"Key": key, "VersionId": one["VersionId"]}
            for key, versions in self.objects.items() if key.startswith(Prefix)
            for one in reversed(versions)
        ]  # fmt: skip
        markers = [{"Key": key, "IsLatest": True} for key in self.deleted if key.startswith(Prefix)]
        return {"Versions": found[:MaxKeys], "DeleteMarkers": markers}

    def _described(self, *, executionArn: str) -> dict[str, Any]:
        status = self.executions.get(executionArn.removeprefix(EXECUTION))
        if status is None:
            raise refusal("ExecutionDoesNotExist", "DescribeExecution")
        return {"status": status}

    def start(self, **given: Any) -> dict[str, Any]:
        if self.executions.get(given["name"], "RUNNING") != "RUNNING":
            raise refusal("ExecutionAlreadyExists", "StartExecution")
        self.executions[given["name"]] = "RUNNING"
        self.started.append(given)
        return {"executionArn": EXECUTION + given["name"]}

    def _stop(self, *, executionArn: str, cause: str) -> dict[str, Any]:
        self.executions[executionArn.removeprefix(EXECUTION)] = "ABORTED"
        return {}


@contextmanager
def an_archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with a_world(monkeypatch) as world:
        yield Archive(world)


def told(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    """What a verb says as JSON."""
    capsys.readouterr()
    assert main.main(["restore", *words, "--json"]) == code
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def started(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    """What `start` says, of everything unless `words` choose."""
    return told(capsys, "start", *(words or ALL), *SURE, code=code)


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FAILED) -> str:
    """The last line of what a verb says that ends so, on standard error alone."""
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
        asked = int(state is FileState.REQUESTED or bool(until))
        fields = {"state": state.value, "ready_until": until, "problem": problem, "asked": asked}
        archive.jobs.update_file(the_job(archive).job_id, number, fields)
