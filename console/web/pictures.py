"""Pictures as shapes with places: templates draw them, and have the same in a table. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloud_sync_common.runtime.wording import count_of, size_of

from console.operations.nights import REMEMBERED_DAYS, Night, weeks_until
from console.operations.safe import SpentMonth
from console.web.words import day_name, month_name, round_size, usd

CELL, EDGE = 12, 10  # of a day in the strip: from one to the next, and its own
HEIGHT = 7 * CELL - (CELL - EDGE)
_HALF = 27  # weeks in the first half of the strip, which stands above the other one on a phone
_LEVELS = 4
_LEAST_WEEKS = 3  # under which the name of a month would not fit
_BAR = 100  # the width of a chart of bars


@dataclass(frozen=True)
class Day:
    """A day of the strip, at its place. `level` is 0 (nothing new) to 4, or -1: not known."""

    title: str
    x: int
    y: int
    level: int
    left: bool = False
    stopped: bool = False
    last: bool = False


@dataclass(frozen=True)
class Label:
    """The name of a month over its weeks, of which there are `weeks`, and what was archived in it."""

    text: str
    weeks: int
    size: str


@dataclass(frozen=True)
class Block:
    """A month whose nights are not remembered, over its weeks and from the ground: how much was archived in it."""

    title: str
    x: int
    width: int
    height: float


@dataclass(frozen=True)
class Half:
    """Half a year of the strip."""

    days: list[Day]
    months: list[Block]
    labels: list[Label]
    width: int


@dataclass(frozen=True)
class YearRow:
    """A month in the table of the strip. `nights` are those that are known."""

    month: str
    nights: int
    left: int
    stopped: int
    archived: int
    bytes: int


@dataclass(frozen=True)
class Bar:
    """One bar of a chart, from the left, and what it says."""

    name: str
    text: str
    width: float


def strip(nights: Mapping[date, Night], spent: Sequence[SpentMonth], today: date) -> list[Half]:
    """The year until today, in two halves of weeks."""
    weeks, shades = weeks_until(today), _shades(nights)
    sums = {one.month: one for one in spent}
    last = max((day for day in nights if day <= today), default=None)
    halves = []
    for some in (weeks[:_HALF], weeks[_HALF:]):
        blocks = _blocks(some, sums, nights, today)
        days = [
            _day(day, nights.get(day), shades, (column * CELL, day.weekday() * CELL), today, is_last=day == last)
            for column, week in enumerate(some)
            for day in week
            if month_of_week(week) not in blocks
        ]
        width = len(some) * CELL - (CELL - EDGE)
        halves.append(Half(days, list(blocks.values()), _labels(some, sums), width))
    return halves


def _blocks(
    weeks: Sequence[Sequence[date]], sums: Mapping[str, SpentMonth], nights: Mapping[date, Night], today: date
) -> dict[str, Block]:
    """By month, of those in which something ran and of which no night is remembered."""
    most = max((one.bytes for one in sums.values()), default=0)
    columns: dict[str, list[int]] = {}
    for column, week in enumerate(weeks):
        columns.setdefault(month_of_week(week), []).append(column)
    kept = {month_of_week(week) for week in weeks for day in week if day in nights or _is_remembered(day, today)}
    return {
        month: _block(sums[month], places, most)
        for month, places in columns.items()
        if month in sums and month not in kept
    }


def _block(month: SpentMonth, columns: list[int], most: int) -> Block:
    title = f"{month_name(month.month)}: {count_of(month.archived, 'original')}, {size_of(month.bytes)}"
    height = round(HEIGHT * month.bytes / most, 1) if most else 0.0
    return Block(title, columns[0] * CELL, len(columns) * CELL - (CELL - EDGE), max(height, 1.0))


def month_of_week(week: Sequence[date]) -> str:
    """A week belongs to the month of its Thursday, as a week of ISO 8601 belongs to its year."""
    return f"{week[0] + timedelta(days=3):%Y-%m}"


def _is_remembered(day: date, today: date) -> bool:
    return day > today - timedelta(days=REMEMBERED_DAYS)


def _day(
    day: date, night: Night | None, shades: list[int], place: tuple[int, int], today: date, *, is_last: bool
) -> Day:
    title = day_name(day, today)
    if night is None:
        words = "no run" if _is_remembered(day, today) else "not known any more"
        return Day(f"{title}: {words}", *place, level=-1)
    words = f"{count_of(night.archived, 'new original')}, {size_of(night.bytes)}" if night.archived else "nothing new"
    if night.stopped:
        words = "stopped"
    elif night.left:
        words += ", something left waiting"
    level = sum(night.bytes >= shade for shade in shades) + 1 if night.bytes else 0
    return Day(f"{title}: {words}", *place, level=level, left=night.left, stopped=night.stopped, last=is_last)


def _shades(nights: Mapping[date, Night]) -> list[int]:
    """The bytes at which the next shade begins: a quarter of the nights that moved something has each."""
    moved = sorted(night.bytes for night in nights.values() if night.bytes)
    return [moved[len(moved) * part // _LEVELS] for part in range(1, _LEVELS)] if moved else []


def _labels(weeks: Sequence[Sequence[date]], sums: Mapping[str, SpentMonth]) -> list[Label]:
    months = Counter(month_of_week(week) for week in weeks)
    return [_label(name, count, sums[name].bytes if name in sums else 0) for name, count in months.items()]


def _label(month: str, weeks: int, count: int) -> Label:
    if weeks < _LEAST_WEEKS:
        return Label("", weeks, "")
    return Label(month_name(month)[:3], weeks, round_size(count) if count else "")


def year_table(nights: Mapping[date, Night], spent: Sequence[SpentMonth], today: date) -> list[YearRow]:
    """The strip in numbers, this month first. What runs moved is counted for ever, nights are known for 90 days."""
    sums = {one.month: one for one in spent}
    first = f"{weeks_until(today)[0][0]:%Y-%m}"
    months = sorted({*(f"{day:%Y-%m}" for day in nights), *(name for name in sums)}, reverse=True)
    rows = []
    for month in (name for name in months if name >= first):
        own = [night for day, night in nights.items() if f"{day:%Y-%m}" == month]
        total = sums.get(month)
        rows.append(
            YearRow(
                month=month_name(month),
                nights=len(own),
                left=sum(night.left and not night.stopped for night in own),
                stopped=sum(night.stopped for night in own),
                archived=total.archived if total else sum(night.archived for night in own),
                bytes=total.bytes if total else sum(night.bytes for night in own),
            )
        )
    return rows


def bars(amounts: Sequence[tuple[str, float]]) -> list[Bar]:
    """Amounts of USD, each with its name, as bars of which the largest is whole."""
    most = max((amount for _, amount in amounts), default=0.0)
    return [Bar(name, usd(amount), round(_BAR * amount / most, 2) if most else 0.0) for name, amount in amounts]
