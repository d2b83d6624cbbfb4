"""A sheet of the library: one page of what was found, by days, as a template draws it. Pure but for this machine's time
zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from cloud_sync_common.stores.catalogue_rows import Picture
from markupsafe import Markup, escape

from console.operations.shelves import Hit, Standing
from console.operations.thumbnails import place_of
from console.web.words import count_of, day_name, item_path, lasting, size_of, taken_at, title_of

PER_PAGE = 120
NO_DAY = "Without a date"


@dataclass(frozen=True)
class Shot:
    """One item. `path` leads to its page, `picture` is empty where there is none, `value` is how a restore names it;
    `is_chosen`: its box is ticked. `files` is 0 where nothing is archived, and so nothing can be had back."""

    path: Markup
    picture: Markup
    value: str
    day: str
    clock: str
    facts: list[str]
    name: str
    note: str
    files: int
    bytes: int
    standing: Standing
    reason: str
    is_chosen: bool


@dataclass(frozen=True)
class Day:
    """The shots of one day on this sheet. `is_part`: it has more of them on another one."""

    id: str
    title: str
    shots: list[Shot]
    bytes: int
    is_part: bool


@dataclass(frozen=True)
class Sheet:
    """`number` of `of` pages; `first` to `last` of all that was found, with its bytes."""

    days: list[Day]
    number: int
    of: int
    first: int
    last: int
    found: int
    bytes: int

    @property
    def chosen(self) -> list[Shot]:
        return [shot for day in self.days for shot in day.shots if shot.is_chosen]


def sheet_of(hits: Sequence[Hit], number: int, chosen: Collection[str] = ()) -> Sheet:
    """The page with this number, or the nearest one. `chosen` are values of shots, and days as `2026-05-14`."""
    of = max(1, -(-len(hits) // PER_PAGE))
    number = min(max(number, 1), of)
    first = (number - 1) * PER_PAGE
    shown = hits[first : first + PER_PAGE]
    beside = {_day_of(hits[at]) for at in (first - 1, first + PER_PAGE) if 0 <= at < len(hits)}
    usual = Counter(hit.provider for hit in shown).most_common(1)
    days = [
        _day(day, list(some), usual[0][0], chosen, is_part=day in beside) for day, some in groupby(shown, key=_day_of)
    ]
    size = sum(hit.row.bytes for hit in hits)
    return Sheet(days, number, of, first + 1 if hits else 0, first + len(shown), len(hits), size)


def _day_of(hit: Hit) -> str:
    moment = taken_at(hit.row.captured_at)
    return f"{moment:%Y-%m-%d}" if moment else ""


def _day(day: str, hits: Sequence[Hit], usual: str, chosen: Collection[str], *, is_part: bool) -> Day:
    shots = [_shot(hit, usual, chosen, is_chosen=bool(day) and day in chosen) for hit in hits]
    title = day_name(datetime.fromisoformat(day).date()) if day else NO_DAY
    return Day(day, title, shots, sum(shot.bytes for shot in shots), is_part)


def _shot(hit: Hit, usual: str, chosen: Collection[str], *, is_chosen: bool) -> Shot:
    row, moment = hit.row, taken_at(hit.row.captured_at)
    value = f"{hit.provider}/{row.media_id}"
    has_picture = hit.standing is Standing.ARCHIVED and row.picture is not Picture.NONE
    return Shot(
        path=item_path(hit.provider, row.media_id),
        picture=picture_path(hit.provider, row.listed_at, row.media_id) if has_picture else Markup(),
        value=value,
        day=f"{moment.day} {moment:%B}" if moment else "",
        clock=f"{moment:%H:%M}" if moment else "",
        facts=[part for part in (lasting(row.duration), size_of(row.bytes) if row.bytes else "") if part],
        name=row.filename or row.media_id,
        note=", ".join(_notes(hit, usual)),
        files=row.files,
        bytes=row.bytes,
        standing=hit.standing,
        reason=hit.reason,
        is_chosen=(is_chosen or value in chosen) and row.files > 0,
    )


def _notes(hit: Hit, usual: str) -> list[str]:
    """What is not so of most of them."""
    row = hit.row
    found = [count_of(row.files, "file")] if row.files > 1 else []
    found += [count_of(row.hilights, "HiLight")] if row.hilights else []
    return found + ([title_of(hit.provider)] if hit.provider != usual else [])


def picture_path(provider: str, listed_at: str, media_id: str) -> Markup:
    """Where its thumbnail is, on this page."""
    return escape(f"/thumbnail/{place_of(provider, listed_at, media_id)}.jpg")
