"""A restore drill: originals chosen at random are thawed, fetched and compared, and the proof is kept.

Thawing takes hours, so the same command is repeated: a drill is a job like any other, marked as one, and the newest
that is not done goes on.
"""

from __future__ import annotations

import heapq
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from cloud_sync_common.provider_access.certificate import Choice as Drawn
from cloud_sync_common.provider_access.certificate import Compared
from cloud_sync_common.stores.restore_jobs import Job, JobFile, JobState
from cloud_sync_common.stores.row_values import now

from console.errors import ConsoleError, NotFoundError
from console.operations.ledger import Reading, Row, by_keys, typed, walk
from console.operations.restore.jobs import all_jobs, console_errors, files_of, has_ended, jobs_of, last_execution
from console.operations.restore.objects import look
from console.operations.restore.plan import Planned, Terms, plan_of, rounded
from console.operations.restore.price import Amount, Load, quote
from console.operations.restore.selection import Archived, Choice, Chosen
from console.operations.restore.start import execute, written
from console.operations.stored_checksums import ATTRIBUTES, File, candidates, chosen_rows, provider_of
from console.stack import Stack

MAX_USD, MOST_SAMPLED = 0.25, 1_000
_SPARE = 20  # times as many are drawn, of which some would pass the ceiling
_NAMES = ("filename", "captured_at")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a new drill is to have: `sample` originals that the seed chooses, for no more than `terms.max_usd`."""

    sample: int = 1
    seed: str = ""
    terms: Terms = Terms(max_usd=MAX_USD)

    @property
    def ceiling(self) -> float:
        return MAX_USD if self.terms.max_usd is None else self.terms.max_usd


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A drill that is not done: whether it has just begun, its job, and what it is to have back."""

    job: Job
    originals: list[JobFile]
    seed: str = ""
    is_new: bool = False


def under_way(stack: Stack) -> Job | None:
    """The newest drill that has no certificate yet. Raises botocore's errors."""
    jobs = (job for job in all_jobs(stack) if job.drill)
    return next((job for job in jobs if not job.proven_at and job.state is not JobState.CANCELLED), None)


def begin(stack: Stack, asked: Asked, reading: Reading) -> Begun:
    """Draws originals, and has them thawed. Raises NotFoundError where nothing is archived, ConsoleError where nothing
    fits the price, botocore's errors."""
    asked.terms.check()
    seed = asked.seed or secrets.token_hex(8)
    planned = _planned(stack, _drawn(stack, asked, seed, reading), asked.terms, seed)
    planned.plan.check_ceiling()
    stack.output("RestorerArn")  # before anything is written
    job = written(stack, planned, drill=True)
    if not job.state.is_over:
        execute(stack, job.job_id)
    return Begun(job=job, originals=planned.files, seed=seed, is_new=True)


def resumed(stack: Stack, job: Job) -> Begun:
    """A drill that began before. Where its execution has ended without it, another one takes it up. Raises botocore's
    errors."""
    if not job.state.is_over:
        execution = last_execution(stack, job.job_id)
        if execution is None or not execution.is_running:
            execute(stack, job.job_id)
    return Begun(job=job, originals=files_of(stack, job.job_id))


def has_lapsed(begun: Begun) -> bool:
    """Whether a thawed copy has ended before it was fetched, so that the drill has to begin anew."""
    return begun.job.state is JobState.READY and any(has_ended(file.ready_until) for file in begun.originals)


class LapsedError(ConsoleError):
    """What was thawed is frozen again."""


def close(stack: Stack, job: Job) -> None:
    """The drill is done with: the next one begins anew."""
    with console_errors():
        jobs_of(stack).update(job.job_id, {"proven_at": now()})


def folder_of(job: Job) -> Path:
    """Where its originals are fetched to and deleted again: a folder that only the owner uses, and that a drill which
    was interrupted finds again."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cloudsync" / job.job_id


def emptied(folder: Path) -> None:
    """Nothing of it is left."""
    shutil.rmtree(folder, ignore_errors=True)


def _drawn(stack: Stack, asked: Asked, seed: str, reading: Reading) -> list[Row]:
    """Rows of as many originals as are asked for, or as the price allows, in an order that the seed decides. Walks over
    the ledger once."""
    found = {provider: Compared(provider=provider) for provider in stack.secrets}
    smallest: list[int] = []
    with closing(walk(stack, reading, ATTRIBUTES)) as rows:
        fitting = _affordable(candidates(rows, found, Drawn()), asked, smallest)
        drawn = list(chosen_rows(fitting, Drawn(sample=asked.sample * _SPARE, seed=seed)))
    if not smallest:
        raise NotFoundError("Nothing is archived yet, so there is nothing to have back: `cloudsync status` says why.")
    if not drawn:
        least = _usd(1, smallest[0], asked.terms)
        raise ConsoleError(
            f"No original costs as little as --max-usd {asked.ceiling} to have back: the smallest costs "
            f"{rounded(least)} USD. Raise the ceiling."
        )
    return _within(drawn, asked)


def _affordable(rows: Iterable[Row], asked: Asked, smallest: list[int]) -> Iterator[Row]:
    """Those that would not pass the ceiling alone; `smallest` gets the size of the smallest of all."""
    for row in rows:
        file = typed(row, File)
        if file.is_odd:
            continue
        smallest[:] = heapq.nsmallest(1, [*smallest, file.size])
        if _usd(1, file.size, asked.terms) <= asked.ceiling:
            yield row


def _within(drawn: list[Row], asked: Asked) -> list[Row]:
    """The first ones that fit the ceiling together, each object once."""
    found: dict[str, Row] = {}
    size = 0
    for row in drawn:
        file = typed(row, File)
        if file.object_key in found or _usd(len(found) + 1, size + file.size, asked.terms) > asked.ceiling:
            continue
        found[file.object_key] = row
        size += file.size
        if len(found) == asked.sample:
            break
    return list(found.values())


def _usd(files: int, size: int, terms: Terms) -> float:
    amount = Amount(files, size)
    return quote(Load(all=amount, frozen=amount, leaves_aws=terms.leaves_aws), terms.tier, terms.days).total


def _planned(stack: Stack, rows: list[Row], terms: Terms, seed: str) -> Planned:
    items = by_keys(stack, ((row["pk"], "ITEM") for row in rows), _NAMES, Reading())
    files = [_archived(number, row, items.get((row["pk"], "ITEM"), {})) for number, row in enumerate(rows, start=1)]
    chosen = Chosen(choice=Choice(), files=files, items=len(files))
    planned = plan_of(chosen, look(stack.client("s3"), stack.output("ArchiveBucket"), files), terms)
    words = f"a drill: {len(files):,} at random, with the seed {seed}"
    return msgspec.structs.replace(planned, plan=msgspec.structs.replace(planned.plan, selection=words))


def _archived(number: int, row: Row, item: Row) -> Archived:
    source, media_id = typed(row, File), str(row["pk"]).partition("#")[2]
    file = JobFile(
        number=number,
        provider=provider_of(row),
        media_id=media_id,
        filename=_text(item.get("filename")) or media_id,
        captured_at=_text(item.get("captured_at")),
        key=source.object_key,
        size=source.size,
        checksum=source.checksum,
    )
    return Archived(file=file, is_copy=bool(source.copy_of))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
