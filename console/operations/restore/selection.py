"""Which footage is wanted back, and the archived files of it as the ledger has them. What S3 has of them is looked at
in objects.py; where there is no ledger, `library.fits` says of an object's metadata whether it is wanted.

The ledger says what there is, so that nothing is missed; the catalogue adds the cameras, and alone knows what is chosen
by a detail such as the length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import batched

import msgspec
from cloud_sync_common.camera_names import chapter_names
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.errors import UsageError
from console.operations import library, listing
from console.operations.item import rows_of
from console.operations.ledger import Reading, Row, partition, typed
from console.operations.library import Item, Wanted
from console.stack import Stack
from console.wording import clock, title_of

MOST_FILES = 999_999  # of one job: its rows are numbered with six digits
_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?|unknown")
_ANY = Wanted()
_AT_ONCE = 10
_AT_A_TIME = 1_000  # items, whose rows are held together
_SHOWN = 3  # names of items in the sentence about a choice


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted: `items` as `cloudsync show` takes them, or all that fit `wanted`; with neither, everything."""

    items: tuple[str, ...] = ()
    wanted: Wanted = Wanted()

    @property
    def text(self) -> str:
        """In words, for the lists of jobs."""
        if self.items:
            more = f" and {len(self.items) - _SHOWN:,} more" if len(self.items) > _SHOWN else ""
            return ", ".join(one_line(name, 100) for name in self.items[:_SHOWN]) + more
        wanted = self.wanted
        parts = (
            f"of {title_of(wanted.provider)}" if wanted.provider else "",
            f"captured in {wanted.month}" if wanted.month else "",
            f"named {one_line(' or '.join(wanted.names), 200)}" if wanted.names else "",
            f"from the camera {one_line(wanted.camera, 200)}" if wanted.camera else "",
            f"longer than {clock(wanted.longer_than)}" if wanted.longer_than is not None else "",
            "with HiLights" if wanted.hilights else "",
            f"near {wanted.near.text}" if wanted.near else "",
        )
        return " ".join(["everything", *filter(None, parts)])


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the archive before S3 was asked: `file` has the item's name, `chapter` is the one that the camera gave
    to this file of it, empty where that is not known."""

    file: JobFile
    chapter: str = ""
    is_copy: bool = False


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a choice, in the order of capture and numbered; how many items they are of, how many items that
    were chosen have nothing in the archive, and how many rows of files cannot be read."""

    choice: Choice
    files: list[Archived]
    items: int
    not_archived: int = 0
    unreadable: int = 0


class _Files(msgspec.Struct, frozen=True, kw_only=True):
    """The archived files of an item by their numbers within it; `unreadable` rows are of others that are archived."""

    place: tuple[str, str, str]
    files: list[Archived]
    unreadable: int


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a source, as far as it is needed. A row that nobody of Cloud Sync writes is an empty one."""

    status: str = ""
    key: str = ""
    size: int = -1
    checksum: str = ""
    copy_of: str = ""


def choice_of(
    items: tuple[str, ...],
    month: str,
    names: tuple[str, ...],
    provider: str,
    *,
    is_everything: bool,
    details: Wanted = _ANY,
) -> Choice:
    """`provider` is the id of one of the stack's, `details` has what only the catalogue knows. Raises UsageError where
    nothing is chosen, or two ways at once."""
    if month and not _MONTH.fullmatch(month):
        raise UsageError(f"--month must be a month such as 2026-05, a year, or unknown; not {month!r}.")
    is_limited = bool(month or names or provider or details.needs_details)
    if sum((bool(items), is_limited, is_everything)) != 1:
        raise UsageError(
            "Choose what you want back: name ITEMs (as `cloudsync list` shows them), or limit by --month, --name and "
            "--provider, or by --camera, --longer-than, --hilights and --near, or take --everything."
        )
    wanted = msgspec.structs.replace(details, provider=provider, month=month, names=names)
    return Choice(items=items, wanted=wanted)


def chosen(stack: Stack, choice: Choice, reading: Reading) -> Chosen:
    """Reads the rows of each item by its key; what is chosen by filters takes a walk over the ledger besides. Raises
    NotFoundError for an item that there is not, UsageError where nothing is archived of it, botocore's errors."""
    found, not_archived, unreadable = list[_Files](), 0, 0
    for item, rows in _rows(stack, choice, reading):
        one = _files(item, rows)
        unreadable += one.unreadable
        not_archived += not one.files and not one.unreadable
        found += [one] if one.files else []
    files = [file for one in sorted(found, key=lambda one: one.place) for file in one.files]
    if len(files) > MOST_FILES:
        raise UsageError(f"These are more than {MOST_FILES:,} files. Choose fewer: --month or --provider.")
    return Chosen(
        choice=choice,
        files=[_numbered(file, number) for number, file in enumerate(files, start=1)],
        items=len(found),
        not_archived=not_archived,
        unreadable=unreadable,
    )


def _numbered(one: Archived, number: int) -> Archived:
    return msgspec.structs.replace(one, file=msgspec.structs.replace(one.file, number=number))


def _rows(stack: Stack, choice: Choice, reading: Reading) -> Iterator[tuple[Item, list[Row]]]:
    """Each item once, with its rows; none for an item that was never archived."""
    if choice.items:
        by_pk, known = _named(stack, choice, reading), listing.Known(stack)
        yield from ((known.detailed(library.item_of(_item_row(pk, rows))), rows) for pk, rows in by_pk.items())
        return
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        for some in batched(listing.by_ledger(stack, choice.wanted, reading), _AT_A_TIME):
            yield from zip(some, readers.map(lambda item: _rows_of(stack, item, reading), some), strict=True)


def _named(stack: Stack, choice: Choice, reading: Reading) -> dict[str, list[Row]]:
    """By their partition keys, each once."""
    return {rows[0]["pk"]: rows for rows in (rows_of(stack, name, reading) for name in choice.items)}


def _rows_of(stack: Stack, item: Item, reading: Reading) -> list[Row]:
    """An item whose later version waits or has failed still has the bytes of the one before."""
    is_there = item.status == Status.ARCHIVED or item.bytes is not None
    return list(partition(stack, f"{item.provider}#{item.media_id}", reading)) if is_there else []


def _item_row(pk: str, rows: Iterable[Row]) -> Row:
    return next((row for row in rows if row["sk"] == "ITEM"), {"pk": pk, "sk": "ITEM"})


def _files(item: Item, rows: Iterable[Row]) -> _Files:
    raw = {_number_of(row): row for row in rows if row["sk"].startswith("SOURCE#")}
    sources = {number: typed(row, _Source) for number, row in sorted(raw.items())}
    good = {n: one for n, one in sources.items() if one.status == Status.ARCHIVED and one.key and one.size >= 0}
    odd = sum(row.get("status") == Status.ARCHIVED and number not in good for number, row in raw.items())
    chapters = dict(enumerate(chapter_names(item.filename, max(raw, default=0)), start=1))
    return _Files(
        place=(item.captured_at, item.provider, item.media_id),
        files=[_archived(item, one, chapters.get(n, "") if len(raw) > 1 else "") for n, one in good.items()],
        unreadable=odd or int(item.status == Status.ARCHIVED and not good),
    )


def _number_of(row: Row) -> int:
    return int("".join(filter(str.isdecimal, row["sk"])) or 0)


def _archived(item: Item, source: _Source, chapter: str) -> Archived:
    file = JobFile(
        number=0,
        provider=item.provider,
        media_id=item.media_id,
        filename=item.filename or item.media_id,
        captured_at=item.captured_at,
        camera=item.camera,
        key=source.copy_of or source.key,
        size=source.size,
        checksum=source.checksum,
        state=FileState.WANTED,
    )
    return Archived(file=file, chapter=chapter, is_copy=bool(source.copy_of))
