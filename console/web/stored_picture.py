"""What is stored over time, as bands above each other: a picture, and the same as a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, log10

from cloud_sync_common.runtime.wording import size_of

from console.operations.storage import Measured
from console.web.words import day_name, month_name

WIDTH, HEIGHT = 1000, 240
_MOST_DAYS = 62  # that are shown one by one; of a longer time, the last day of each month
_MOST_LABELS = 6  # of days
_LINES = 4  # of the scale, about
# Bands from the ground, each with its storage types (operations.storage.TIERS) and its shade.
BANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Deep Archive": ("b2", ("DeepArchiveStorage", "DeepArchiveObjectOverhead", "DeepArchiveS3ObjectOverhead")),
    "Instant Retrieval": ("b3", ("GlacierInstantRetrievalStorage", "GlacierIRSizeOverhead")),
    "Standard": ("b1", ("StandardStorage",)),
    "Unfinished uploads": ("b4", ("DeepArchiveStagingStorage",)),
}


@dataclass(frozen=True)
class Band:
    """`path` is its outline; `now` what is in it on the last day."""

    name: str
    shade: str
    path: str
    now: str


@dataclass(frozen=True)
class Tick:
    """A line of the scale, at its height."""

    text: str
    y: float


@dataclass(frozen=True)
class Row:
    """A day or a month in the table: the size in each band, and in all."""

    when: str
    sizes: list[str]
    total: str


@dataclass(frozen=True)
class StoredPicture:
    """`labels` stand below, from the first to the last point; `rows` are the table, the last point first. `by_month`:
    each point is the last day of a month that was measured."""

    bands: list[Band]
    top: str
    ticks: list[Tick]
    labels: list[str]
    rows: list[Row]
    by_month: bool


def stored_picture(days: Sequence[Measured]) -> StoredPicture | None:
    """None where fewer than two days were measured: two make a line."""
    by_month = bool(days) and (days[-1].day - days[0].day).days > _MOST_DAYS
    points = _last_of_months(days) if by_month else list(days)
    if len(points) < 2:
        return None
    amounts = {name: [_in(point, types) for point in points] for name, (_, types) in BANDS.items()}
    shown = {name: numbers for name, numbers in amounts.items() if any(numbers)}
    tops = list(accumulate(shown.values(), lambda below, more: [a + b for a, b in zip(below, more, strict=True)]))
    step, most = scale(max(tops[-1]))
    lines = [_line(numbers, most) for numbers in ([0] * len(points), *tops)]
    names = [_named(point, by_month=by_month) for point in points]
    return StoredPicture(
        bands=[
            Band(name, BANDS[name][0], _outline(lines[at], lines[at + 1]), size_of(shown[name][-1]))
            for at, name in enumerate(shown)
        ],
        top=f"M{' '.join(lines[-1])}",
        ticks=_ticks(step, most),
        labels=[f"{point.day:%b}" for point in points] if by_month else _spread(points),
        rows=_rows(names, list(shown.values()), tops[-1]),
        by_month=by_month,
    )


def _last_of_months(days: Sequence[Measured]) -> list[Measured]:
    return list({f"{one.day:%Y-%m}": one for one in days}.values())[-12:]


def _in(point: Measured, types: Sequence[str]) -> int:
    return sum(point.bytes.get(name, 0) for name in types)


def scale(most: float) -> tuple[float, float]:
    """A round step of the scale, and its highest line, which is not below `most`."""
    rough = most / _LINES
    power = 10.0 ** int(log10(rough)) if rough >= 1 else 1.0
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return step, step * ceil(most / step)


def _ticks(step: float, most: float) -> list[Tick]:
    """From the highest one to the ground. The unit stands at the highest."""
    each, unit = next((each, unit) for each, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1, "B")) if most >= each)
    count = round(most / step)
    values = [step * number for number in range(count, -1, -1)]
    return [
        Tick(f"{value / each:g}{f' {unit}' if value == values[0] else ''}", round(HEIGHT - HEIGHT * value / most, 1))
        for value in values
    ]


def _line(numbers: Sequence[int], most: float) -> list[str]:
    across = WIDTH / (len(numbers) - 1)
    return [f"{across * at:.1f},{HEIGHT - HEIGHT * number / most:.1f}" for at, number in enumerate(numbers)]


def _outline(below: list[str], above: list[str]) -> str:
    return f"M{' '.join(above)} {' '.join(reversed(below))}Z"


def _named(point: Measured, *, by_month: bool) -> str:
    return month_name(f"{point.day:%Y-%m}") if by_month else day_name(point.day)


def _spread(points: Sequence[Measured]) -> list[str]:
    """So many days that they stand at even distances, the first and the last one among them."""
    count = min(_MOST_LABELS, len(points))
    chosen = [points[round(at * (len(points) - 1) / (count - 1))] for at in range(count)]
    return [f"{point.day.day} {point.day:%b}" for point in chosen]


def _rows(names: Sequence[str], numbers: Sequence[Sequence[int]], totals: Sequence[int]) -> list[Row]:
    rows = [Row(name, [size_of(band[at]) for band in numbers], size_of(totals[at])) for at, name in enumerate(names)]
    return rows[::-1]
