"""`cloudsync restore fetch JOB --to s3://BUCKET/PREFIX`: thawed originals copied to another bucket, in the cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from console.errors import Exit
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from cloud_sync_common.stores.restore_jobs import Job

    from console.operations.restore.bucket import Bucket
    from console.operations.restore.bucket_copy import Place
    from console.operations.restore.fetch.names import Layout
    from console.operations.restore.from_bucket import Looked
    from console.operations.restore.to_bucket import Copied, Named

_MOST_NAMED = 20  # files whose troubles are printed one by one


# S3's names (API reference, PutObject); those for on-premises and for a single zone's directories are left out.
_STORAGE_CLASSES = (
    "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
)  # fmt: skip
_OPTIONS = (
    click.option(
        "--to", default="", metavar="s3://BUCKET/PREFIX",
        help="Copy to this bucket in place of DIR: within AWS, nothing goes to the Internet.",
    ),
    click.option(
        "--storage-class", type=click.Choice(_STORAGE_CLASSES, case_sensitive=False), default="STANDARD",
        show_default=True, help="With --to: that of the copies.",
    ),
)  # fmt: skip


class To(NamedTuple):
    """Where copies go, and as what, as it was typed."""

    url: str
    storage_class: str


def to_bucket(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with `to`, which is None where it is not to copy to a bucket."""

    @wraps(command)
    def called(*more: Any, to: str, storage_class: str, **options: Any) -> int | None:
        return command(*more, to=To(to, storage_class) if to else None, **options)

    decorated: Callable[..., int | None] = called
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def copied_of_bucket(bucket: Bucket, output: Output, found: Looked, to: To, layout: Layout) -> int:
    """What was chosen of an archive, without a stack. Raises UsageError, ConsoleError, botocore's errors."""
    from console.operations.restore.from_bucket import for_fetching  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.to_bucket import named, place_of  # noqa: PLC0415

    place = place_of(to.url, to.storage_class, {bucket.name})
    files = named(for_fetching(found), layout)
    return answered(output, place, copies(bucket.account.client("s3"), bucket.name, place, files, output))


def copied(stack: Stack, output: Output, jobs: Iterable[Job], to: To, layout: str) -> int:
    """The files of these jobs. Raises UsageError, ConsoleError, botocore's errors."""
    from console.operations.restore.fetch.names import Layout  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.fetching import JobFiles, note_fetched  # noqa: PLC0415
    from console.operations.restore.to_bucket import named, place_of  # noqa: PLC0415

    archive = stack.output("ArchiveBucket")
    place = place_of(to.url, to.storage_class, {archive, stack.output("WorkBucket")})
    found: list[Copied] = []
    for job in jobs:
        of_job = copies(stack.client("s3"), archive, place, named(JobFiles(stack, [job]), Layout(layout)), output)
        if all(one.is_there for one in of_job):
            note_fetched(stack, job)
        found += of_job
    return answered(output, place, found)


def copies(s3: Any, archive: str, place: Place, files: Iterable[Named], output: Output) -> list[Copied]:
    """Copies, and says so of each file. Raises ConsoleError and botocore's errors."""
    from console.operations.restore.to_bucket import Outcome, ToBucket  # noqa: PLC0415 (not needed for --help)

    found: list[Copied] = []
    with closing(ToBucket(s3, archive, place).copy(files)) as made:
        for one in made:
            found.append(one)
            if one.outcome is Outcome.COPIED:
                output.aside.print(f"s3://{place.bucket}/{one.key}: copied, its checksum agrees.", soft_wrap=True)
    return found


def answered(output: Output, place: Place, found: list[Copied]) -> int:
    """Says what became of the files; the exit code."""
    from console.operations.restore.to_bucket import Outcome  # noqa: PLC0415 (not needed for --help)

    _answer(output, place, found)
    outcomes = {one.outcome for one in found}
    if Outcome.FAILED in outcomes:
        return Exit.FAILED
    return Exit.THAWING if Outcome.THAWING in outcomes else Exit.FINE


def _answer(output: Output, place: Place, found: list[Copied]) -> None:
    if output.as_json:
        output.data("restore-copied", {"bucket": place.bucket, "prefix": place.prefix, "files": found})
        return
    for line in _lines(place, found):
        output.page.print(line, soft_wrap=True)


def _lines(place: Place, found: list[Copied]) -> Iterable[str]:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    from console.operations.restore.to_bucket import Outcome  # noqa: PLC0415 (not needed for --help)

    of = {outcome: [one for one in found if one.outcome is outcome] for outcome in Outcome}
    done = of[Outcome.COPIED]
    size = size_of(sum(one.bytes for one in done))
    yield f"{count_of(len(done), 'file')} copied to s3://{place.bucket}/{place.prefix}, {size}; every checksum agrees."
    if of[Outcome.THERE]:
        yield f"{count_of(len(of[Outcome.THERE]), 'file was', 'files were')} there already, with the same bytes."
    if of[Outcome.THAWING]:
        yield f"{count_of(len(of[Outcome.THAWING]), 'file is', 'files are')} still thawing: repeat the command later."
    told = [one for one in found if one.problem]
    yield from (f"{one.filename}: {one.problem}." for one in told[:_MOST_NAMED])
    if len(told) > _MOST_NAMED:
        yield f"and {len(told) - _MOST_NAMED:,} more; --json has all of them."
