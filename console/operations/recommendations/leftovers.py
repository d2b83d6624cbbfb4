"""What nobody needs any more and is billed all the same: unfinished uploads, and copies that were thawed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from cloud_sync_common import prices
from cloud_sync_common.prices import GB
from cloud_sync_common.runtime.wording import count_of, size_of
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState

from console.operations.fixed_costs import DAYS_PER_MONTH
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import (
    MOST_COMMANDS,
    Change,
    Recommendation,
    gigabytes,
    months_of,
    of,
    paid,
    recommendation,
)
from console.operations.restore import jobs
from console.stack import Stack

MOST_OBJECTS = 200_000  # that are looked at for thawed copies
MOST_JOBS = 20  # restores whose files are looked at, the newest first
# A copy that is asked for again for one day stays until the midnight (UTC) after that (S3 user guide, "Restoring an
# archived object").
STAYS_DAYS = 2
_UPLOADS, _UPLOADS_MEASURED = 1_000, 20


def uploads(stack: Stack, facts: Facts) -> Iterator[Recommendation]:
    """Uploads that nothing will end: those older than the rule that ends them, or any where there is none. A run goes
    on with an upload, so that the young ones are no waste. Raises botocore's errors."""
    days = facts.found.lifecycle.abort_days
    before = datetime.now(UTC) - timedelta(days=7 if days is None else days + 2)
    bucket = stack.output("ArchiveBucket")
    answer = stack.client("s3").list_multipart_uploads(Bucket=bucket, MaxUploads=_UPLOADS)
    stray = [one for one in answer.get("Uploads", []) if one["Initiated"] < before]
    if not stray:
        return
    looked_at = stray[:_UPLOADS_MEASURED]
    count = sum(_bytes_of(stack, bucket, one) for one in looked_at) * len(stray) / len(looked_at)
    first, *others = [facts.deploy()] if days is None else [_abort(bucket, one) for one in stray[:MOST_COMMANDS]]
    measured = "their parts" if len(looked_at) == len(stray) else f"the parts of {len(looked_at)} of them"
    yield recommendation(
        "unfinished-uploads",
        f"{count_of(len(stray), 'upload was', 'uploads were')} never finished, {size_of(count)} in all.",
        Change([paid("parts in S3 Standard", prices.STANDARD_GB_MONTH, gigabytes(count))]),
        lost="What they hold; if a video of theirs is not archived yet, it is read from its beginning.",
        command=first,
        further=others,
        basis=f"the bucket's uploads now, and {measured}",
    )


def _abort(bucket: str, upload: Any) -> str:
    return (
        f"aws s3api abort-multipart-upload --bucket {bucket} --key {shlex.quote(upload['Key'])} --upload-id "
        f"{shlex.quote(upload['UploadId'])}"
    )


def _bytes_of(stack: Stack, bucket: str, upload: Any) -> int:
    """At least: of the first 1,000 parts."""
    answer = stack.client("s3").list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return sum(part["Size"] for part in answer.get("Parts", []))


@dataclass(frozen=True)
class Thawed:
    """An object whose thawed copy is alive; `version_id` is empty for the latest version."""

    key: str
    size: int
    until: datetime
    version_id: str = ""

    def days_saved(self, now: datetime) -> float:
        """How much longer it stays than it would if it were asked for again, for one day."""
        return max((self.until - now) / timedelta(days=1) - STAYS_DAYS, 0.0)


def of_restores(stack: Stack) -> Iterator[Recommendation]:
    """By the restore jobs: the copies of those that were fetched can go. Raises ConsoleError, botocore's errors."""
    now = datetime.now(UTC)
    ready = [job for job in jobs.all_jobs(stack) if job.state is JobState.READY][:MOST_JOBS]
    for job in ready:
        alive = list(_of_files(jobs.files_of(stack, job.job_id), now))
        if alive:
            where = f"restore job {job.job_id}"
            yield thawed(stack.output("ArchiveBucket"), alive, where, left_alone=_not_fetched(job))


def _not_fetched(job: Job) -> str:
    if job.fetched_at:
        return ""
    return f"They were not fetched yet: `cloudsync restore fetch {job.job_id}`."


def _of_files(files: Sequence[JobFile], now: datetime) -> Iterator[Thawed]:
    """Those that are thawed, each object once."""
    found = {}
    for file in files:
        until = _moment(file.ready_until)
        if file.state is FileState.READY and until and until > now:
            found[file.key, file.version_id] = Thawed(file.key, file.size, until, file.version_id)
    yield from found.values()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def of_the_bucket(stack: Stack) -> Iterator[Recommendation]:
    """By a look at each object (S3 API reference, ListObjectsV2, RestoreStatus). Raises botocore's errors."""
    bucket, now = stack.output("ArchiveBucket"), datetime.now(UTC)
    pages = stack.client("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])
    objects = islice((one for page in listed for one in page.get("Contents", [])), MOST_OBJECTS)
    ends = ((one, one.get("RestoreStatus", {}).get("RestoreExpiryDate")) for one in objects)
    alive = [Thawed(one["Key"], one["Size"], until) for one, until in ends if until and until > now]
    if alive:
        yield thawed(bucket, alive, "the archive")


def thawed(bucket: str, alive: Sequence[Thawed], where: str, *, left_alone: str = "") -> Recommendation:
    """Each copy ends by itself, so that only the days count that it stays longer than it has to; to ask for it again
    costs a request for each object (S3 API reference, RestoreObject)."""
    now = datetime.now(UTC)
    days = max(one.days_saved(now) for one in alive)
    months = max(days / DAYS_PER_MONTH, 1.0)
    gb_days = sum(one.size * one.days_saved(now) for one in alive) / GB
    total = sum(one.size for one in alive)
    average = gb_days * GB / total if total else 0.0
    first, *others = [_shortened(bucket, one) for one in alive[:MOST_COMMANDS]]
    return recommendation(
        "thawed-copies",
        f"{count_of(len(alive), 'thawed copy is', 'thawed copies are')} in S3 Standard until they end: "
        f"{size_of(total)} of {where}.",
        Change(
            [paid("copies in S3 Standard", prices.STANDARD_GB_MONTH, gigabytes(total), months_of(average / months))],
            once=[paid("asked for again", prices.RESTORE_STANDARD_REQUEST, of(len(alive), "objects"))],
        ),
        lost=f"They can be read for about {STAYS_DAYS} days then; the originals stay in Deep Archive.",
        command=first,
        further=others,
        basis=f"{where}; each copy ends by itself, {_latest(alive):%Y-%m-%d} at the latest",
        lasts_months=months,
        left_alone=left_alone,
    )


def _latest(alive: Iterable[Thawed]) -> datetime:
    return max(one.until for one in alive)


def _shortened(bucket: str, one: Thawed) -> str:
    version = f" --version-id {shlex.quote(one.version_id)}" if one.version_id else ""
    return f"aws s3api restore-object --bucket {bucket} --key {shlex.quote(one.key)}{version} --restore-request Days=1"
