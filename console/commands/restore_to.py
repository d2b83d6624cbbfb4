"""`cloudsync restore fetch JOB --to s3://BUCKET/PREFIX`: thawed originals copied to another bucket, in the cloud."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from console.errors import Exit
from console.output import Output

if TYPE_CHECKING:
    from console.operations.restore.bucket_copy import Place
    from console.operations.restore.to_bucket import Copied, Named

_MOST_NAMED = 20  # files whose troubles are printed one by one


def copy(s3: Any, archive: str, place: Place, files: Iterable[Named], output: Output) -> int:
    """Copies, says what became of the files, and returns the exit code. Raises ConsoleError and botocore's errors."""
    from console.operations.restore.to_bucket import Outcome, ToBucket  # noqa: PLC0415 (not needed for --help)

    found: list[Copied] = []
    with closing(ToBucket(s3, archive, place).copy(files)) as copies:
        for one in copies:
            found.append(one)
            if one.outcome is Outcome.COPIED:
                output.aside.print(f"s3://{place.bucket}/{one.key}: copied, its checksum agrees.", soft_wrap=True)
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
