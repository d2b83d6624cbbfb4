"""Restore jobs: what the owner wants back, for which price, and how far it is. S3 is the truth of what is thawed; these
rows remember what was intended.

A job is one row (`RESTORES`, its id), and each of its files one more (`RESTORE#{job}`, its number), so that one query
lists the jobs and another one the files of a job. The owner's command writes them before it starts the execution of the
same name; from then on archive-thawer alone changes the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import batched
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.row_values import Key, now, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from cloud_sync_common.stores.conditional_table import ConditionalTable

JOBS = "RESTORES"  # the partition key of all jobs
_FILE = "FILE#"
MOST_PROBLEMS = 10  # files that are named in a mail
_AT_ONCE = 25  # rows of one BatchWriteItem (DynamoDB API reference)


class Tier(StrEnum):
    """How fast S3 thaws an object of Deep Archive (S3 user guide, "Archive retrieval options"): within 12 hours, or
    within 48."""

    STANDARD = "Standard"
    BULK = "Bulk"


class JobState(StrEnum):
    """NEW: written, and its execution has not begun. READY: every file that can be had can be fetched. FAILED: no file
    can, or the execution gave up; `restore start` goes on with it."""

    NEW = "NEW"
    REQUESTING = "REQUESTING"
    THAWING = "THAWING"
    READY = "READY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self in (JobState.READY, JobState.FAILED, JobState.CANCELLED)


class FileState(StrEnum):
    """WANTED: S3 was not asked yet. REQUESTED: S3 thaws it. READY: it can be read, until `ready_until` where that is
    not empty. FAILED: it cannot be had; `problem` says why and what to do."""

    WANTED = "WANTED"
    REQUESTED = "REQUESTED"
    READY = "READY"
    FAILED = "FAILED"


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a job. `key` and `version_id` are of the object that has its bytes, `size` is in bytes, `checksum` is
    the ledger's CRC-64/NVME in base64; `filename` is the original's name, `captured_at` ISO 8601, `camera` the name
    of its camera where one is known. `asked` is how often S3 was asked to thaw it."""

    number: int
    provider: str
    media_id: str
    filename: str
    captured_at: str = ""
    camera: str = ""
    key: str
    version_id: str = ""
    size: int
    checksum: str = ""
    state: FileState = FileState.WANTED
    ready_until: str = ""
    problem: str = ""
    asked: int = 0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job. `selection` says in words what was chosen, `fingerprint` identifies it; `days` is how long thawed copies
    stay; prices are in USD, `max_usd` None: no ceiling. The counts are those of the last check; `ready_until` is when
    the first thawed copy ends. `checked_at` is when S3 was asked last. `awaited` is how many objects it
    thaws, which is less than `requested` where files share one; `events` counts S3's events since then, `early_looks`
    how often they have ended a wait. `task_token` is that of the execution's wait. `mailed` says that the mail of its
    end was claimed, `mailed_by` by which invocation. `proven_at` is when a drill got its certificate, or came to
    nothing."""

    job_id: str
    created_at: str
    selection: str
    fingerprint: str
    tier: Tier
    days: int
    files: int
    bytes: int
    quoted_usd: float
    max_usd: float | None = None
    state: JobState = JobState.NEW
    requested: int = 0
    ready: int = 0
    failed: int = 0
    ready_until: str = ""
    problem: str = ""
    checked_at: str = ""
    ended_at: str = ""
    fetched_at: str = ""
    awaited: int = 0
    events: int = 0
    early_looks: int = 0
    task_token: str = ""
    mailed: bool = False
    mailed_by: str = ""
    drill: bool = False
    proven_at: str = ""


@dataclass
class Tally:
    """What the files of a job add up to. `ready_until` is the earliest end of a thawed copy, empty where none ends;
    `problems` are the first files that cannot be had."""

    states: Counter[FileState] = field(default_factory=Counter)
    awaited: set[tuple[str, str]] = field(default_factory=set)
    ready_bytes: int = 0
    ready_until: str = ""
    problems: list[JobFile] = field(default_factory=list)

    def count(self, file: JobFile) -> None:
        self.states[file.state] += 1
        if file.state is FileState.REQUESTED:
            self.awaited.add((file.key, file.version_id))
        elif file.state is FileState.READY:
            self.ready_bytes += file.size
            self.ready_until = min(filter(None, (self.ready_until, file.ready_until)), default="")
        elif file.state is FileState.FAILED and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(file)

    def fields(self) -> dict[str, Any]:
        """Those of the job's row."""
        return {
            "requested": self.states[FileState.REQUESTED],
            "awaited": len(self.awaited),
            "ready": self.states[FileState.READY],
            "failed": self.states[FileState.FAILED],
            "ready_until": self.ready_until,
        }


class RestoreJobs:
    """The jobs of a stack. Every method raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @property
    def _rows(self) -> ConditionalTable:
        from cloud_sync_common.stores.conditional_table import ConditionalTable  # noqa: PLC0415 (boto3 and X-Ray)

        return ConditionalTable(self._table)

    def create(self, job: Job, files: Iterable[JobFile]) -> None:
        """Writes the files first and the job last, so that a job that is listed has all its files."""
        for some in batched(files, _AT_ONCE):
            with self._table.batch_writer() as writer:
                for file in some:
                    writer.put_item(Item={**_file_key(job.job_id, file.number), **_fields(file), "updated_at": now()})
        self._rows.create(_job_key(job.job_id), _fields(job))

    def get(self, job_id: str) -> Job | None:
        """The job, strongly consistent; None if there is none."""
        row = self._rows.get(_job_key(job_id))
        return typed(row, Job) if row else None

    def all(self) -> list[Job]:
        """Every job, the newest last."""
        return [typed(row, Job) for row in self._query(JOBS)]

    def files(self, job_id: str, *, after: int = 0) -> Iterator[JobFile]:
        """The files of a job by their numbers, read page by page as they are taken; `after` is a number."""
        return (typed(row, JobFile) for row in self._query(f"RESTORE#{job_id}", f"{_FILE}{after:06d}"))

    def tally(self, job_id: str) -> Tally:
        """Reads every file's row."""
        tally = Tally()
        for file in self.files(job_id):
            tally.count(file)
        return tally

    def known(self, job_id: str) -> Job:
        """The job. Raises ConfigurationError naming it if there is none."""
        if job := self.get(job_id):
            return job
        raise ConfigurationError(
            f"There is no restore job {one_line(job_id, 80)}. `cloudsync restore list` names those there are."
        )

    def go_on(self, job_id: str, fields: Mapping[str, Any]) -> tuple[Job, bool]:
        """Changes a job unless it was cancelled. Returns the job as it is then, and whether it goes on. Raises
        ConfigurationError if there is none."""
        self.known(job_id)
        return self.update(job_id, fields, condition="#state <> :cancelled", cancelled=JobState.CANCELLED)

    def update(self, job_id: str, fields: Mapping[str, Any], *, condition: str = "", **extra: Any) -> tuple[Job, bool]:
        """Changes a job that exists, if `condition` holds besides (see ConditionalTable.update; `extra` are further
        values by their names without the colon). Returns the job as it is then, and whether it was changed."""
        there = "attribute_exists(pk)"
        row, done = self._rows.update(
            _job_key(job_id),
            fields,
            condition=f"{there} AND ({condition})" if condition else there,
            extra={f":{name}": value for name, value in extra.items()},
        )
        return typed(row, Job), done

    def update_file(self, job_id: str, number: int, fields: Mapping[str, Any]) -> None:
        """Changes a file that exists."""
        self._rows.update(_file_key(job_id, number), fields, condition="attribute_exists(pk)")

    def note_event(self, job_id: str) -> Job:
        """Counts one of S3's events, and returns the job."""
        row, _ = self._rows.update(_job_key(job_id), {}, add={"events": 1}, condition="attribute_exists(pk)")
        return typed(row, Job)

    def _query(self, pk: str, after: str = "") -> Iterator[dict[str, Any]]:
        from cloud_sync_common.stores.conditional_table import ledger_errors  # noqa: PLC0415 (boto3 and X-Ray)

        query: dict[str, Any] = {
            "TableName": self._table.name,
            "KeyConditionExpression": "pk = :pk" + (" AND sk > :after" if after else ""),
            "ExpressionAttributeValues": {":pk": pk, **({":after": after} if after else {})},
            "ConsistentRead": True,
        }
        pages = iter(self._table.meta.client.get_paginator("query").paginate(**query))
        while True:
            with ledger_errors("reading the restore jobs"):
                page = next(pages, None)
            if page is None:
                return
            yield from page["Items"]


def _fields(struct: Job | JobFile) -> dict[str, Any]:
    from decimal import Decimal  # noqa: PLC0415 (only where rows are written)

    found = msgspec.to_builtins(struct)
    return {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in found.items()
        if value is not None
    }


def _job_key(job_id: str) -> Key:
    return {"pk": JOBS, "sk": job_id}


def _file_key(job_id: str, number: int) -> Key:
    return {"pk": f"RESTORE#{job_id}", "sk": f"{_FILE}{number:06d}"}
