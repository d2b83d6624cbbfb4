"""What a schedule of EventBridge Scheduler means: when it fires, how long it pauses, what a clock change does to it.

Source: EventBridge Scheduler user guide, "Schedule types": the grammar of cron() and rate(), and "Daylight savings
time": a time that does not exist is skipped, and one that comes twice fires only once.
"""

from __future__ import annotations

import calendar
import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from cloud_sync.config_error import ConfigError

# In 12 years every date falls on every day of the week, and there are at least two 29ths of February.
YEARS_AHEAD = 12
DATES_SHOWN = 3
STAGGER_MINUTES = 5  # at least, between the starts of two providers: until then the listing of one is under way
FIELD = "schedule"  # the value of the configuration that an error is about
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAYS = "SUN|MON|TUE|WED|THU|FRI|SAT"
_FIELDS = (  # name, lowest and highest number, names, special values
    ("minutes", 0, 59, "", ""),
    ("hours", 0, 23, "", ""),
    ("day of month", 1, 31, "", r"\?|L|LW|([1-9]|[12]\d|3[01])W"),
    ("month", 1, 12, _MONTHS, ""),
    ("day of week", 1, 7, _DAYS, r"\?|L|[1-7]L|[1-7]#[1-5]"),
    ("year", 1970, 2199, "", ""),
)
_RATE = re.compile(r"rate\(([1-9][0-9]{0,8}) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


@dataclass(frozen=True)
class Cron:
    """A cron() expression of six fields. `numbers` has the values of each field that has no special value."""

    expression: str
    texts: tuple[str, ...]
    numbers: tuple[frozenset[int], ...]

    @cached_property
    def times(self) -> list[time]:
        """The times at which it fires on a day, in order."""
        return [time(hour, minute) for hour in sorted(self.numbers[1]) for minute in sorted(self.numbers[0])]

    @property
    def is_hourly(self) -> bool:
        """Whether it fires in every hour of its days."""
        return len(self.numbers[1]) == 24

    @cached_property
    def longest_pause_within_a_day(self) -> timedelta:
        """The longest time between two of its times, on a day on which the clock does not change."""
        minutes = [at.hour * 60 + at.minute for at in self.times]
        return MINUTE * max((after - before for before, after in pairwise(minutes)), default=0)

    def at_minutes(self, minutes: Iterable[int]) -> str:
        """The same expression with other minutes."""
        return f"cron({' '.join([','.join(map(str, sorted(minutes))), *self.texts[1:]])})"

    def fires_on(self, day: date) -> bool:
        if day.year not in self.numbers[5] or day.month not in self.numbers[3]:
            return False
        return self._fires_on_month_day(day) if self.texts[4] == "?" else self._fires_on_weekday(day)

    def fires_at(self, moment: datetime) -> bool:
        """Whether it fires at this time of its own time zone."""
        return moment.hour in self.numbers[1] and moment.minute in self.numbers[0] and self.fires_on(moment.date())

    def _fires_on_month_day(self, day: date) -> bool:
        text, last = self.texts[2], calendar.monthrange(day.year, day.month)[1]
        if text == "L":
            return day.day == last
        if text == "LW":
            return day == _nearest_weekday(day.replace(day=last))
        if text.endswith("W"):
            wanted = int(text[:-1])
            return wanted <= last and day == _nearest_weekday(day.replace(day=wanted))
        return day.day in self.numbers[2]

    def _fires_on_weekday(self, day: date) -> bool:
        text, number = self.texts[4], day.isoweekday() % 7 + 1  # 1 is Sunday
        if text == "L":  # the last day of the week
            return number == 7
        if text.endswith("L"):  # 6L: the last Friday of the month
            return number == int(text[0]) and (day + 7 * DAY).month != day.month
        if "#" in text:  # 2#1: the first Monday of the month
            return number == int(text[0]) and (day.day - 1) // 7 + 1 == int(text[2])
        return number in self.numbers[4]


def side_by_side(expression: str, count: int) -> list[str]:
    """The schedules of so many providers: the first one as it is, the others a few minutes later or, where that would
    be in another hour, earlier. No two of them ever start in the same minute.

    Raises ConfigError where there is no room for that within the hours of the schedule, and for several rate()s: each
    counts from the creation of its schedule, so that all would start together. (A start date could tell them apart, but
    EventBridge Scheduler refuses one that lies in the past, as that of a template does at its next deployment.)
    """
    if count == 1:
        return [expression]
    if rate := _RATE.fullmatch(expression):
        raise ConfigError(
            f"schedule {expression!r} would start {count} providers in the same minute, because a rate() counts from "
            f"the deployment: write a cron() instead, such as {_as_cron(int(rate[1]), rate[2])}.",
            FIELD,
            "providers",
        )
    cron = parse_cron(expression)
    taken = [cron.numbers[0]]
    for shift in (sign * minutes for minutes in range(STAGGER_MINUTES, 60, STAGGER_MINUTES) for sign in (1, -1)):
        moved = frozenset(minute + shift for minute in cron.numbers[0])
        if min(moved) >= 0 and max(moved) <= 59 and not any(moved & minutes for minutes in taken):
            taken.append(moved)
    if len(taken) < count:
        raise ConfigError(
            f"schedule {expression!r} leaves no room within its hours to start {count} providers {STAGGER_MINUTES} "
            "minutes apart: name fewer minutes in its first field, such as 0.",
            FIELD,
            "providers",
        )
    return [expression, *(cron.at_minutes(minutes) for minutes in taken[1:count])]


def is_rate(expression: str) -> bool:
    """Whether it counts from the creation of its schedule, and not by a clock."""
    return _RATE.fullmatch(expression) is not None


def _as_cron(number: int, unit: str) -> str:
    """An expression like rate(number unit), where there is one; else one for each night."""
    if unit == "hour" and 24 % number == 0 and number < 24:
        return f"cron(0 0/{number} * * ? *)"
    return "cron(0 2 ? * SUN *)" if (number, unit) == (7, "day") else "cron(0 2 * * ? *)"


def check_schedule(expression: str, time_zone: str = "UTC", today: date | None = None) -> None:
    """Raises ConfigError unless EventBridge Scheduler accepts `expression` and it fires as often as it says.

    That is not so if the clock of `time_zone` skips or repeats one of its times in the years after `today`. A schedule
    that fires in every hour loses nothing by that. A rate() does not depend on the clock.
    """
    if _RATE.fullmatch(expression):
        return
    cron, first = parse_cron(expression), today or _today()
    if not any(cron.fires_on(day) for day in _days(first)):
        raise ConfigError(f"schedule {expression!r} does not fire on any day from {first} to {_end(first)}.", FIELD)
    if not cron.is_hourly:
        _check_clock_changes(cron, time_zone, first)


def longest_interval_hours(expression: str, time_zone: str, today: date | None = None) -> int:
    """The longest time between two runs that the schedule starts, rounded up to whole hours.

    For a cron() this is the longest pause in the years after `today`, and it counts the time until the first run.
    Raises ConfigError for an expression that EventBridge Scheduler does not accept.
    """
    if rate := _RATE.fullmatch(expression):
        return math.ceil(int(rate[1]) * _MINUTES[rate[2]] / 60)
    cron, zone, first = parse_cron(expression), ZoneInfo(time_zone), today or _today()
    last, longest = datetime.combine(first, time(), zone).astimezone(UTC), cron.longest_pause_within_a_day
    for day in _days(first):
        if cron.fires_on(day):
            changes = _clock_changes_on(day, zone)
            times = cron.times if changes else [cron.times[0], cron.times[-1]]
            moments = [datetime.combine(day, at, zone).astimezone(UTC) for at in times]
            pauses = pairwise([last, *moments]) if changes else [(last, moments[0])]
            longest = max(longest, *(after - before for before, after in pauses))
            last = moments[-1]
    return math.ceil(longest / timedelta(hours=1))


def _clock_changes_on(day: date, zone: ZoneInfo) -> bool:
    midnights = (datetime.combine(day, time(), zone), datetime.combine(day + DAY, time(), zone))
    return midnights[0].utcoffset() != midnights[1].utcoffset()


def _check_clock_changes(cron: Cron, time_zone: str, first: date) -> None:
    """Raises ConfigError with the next dates on which a time of the schedule does not exist or comes twice."""
    skipped: list[datetime] = []
    repeated: list[datetime] = []
    for before, after in _clock_changes(time_zone, first):
        moments, moment = skipped if after > before else repeated, min(before, after)
        while moment < max(before, after):
            if cron.fires_at(moment):
                moments.append(moment)
                break
            moment += MINUTE
    found = [*_described(skipped, "does not exist"), *_described(repeated, "comes twice")]
    if found:
        raise ConfigError(
            f"schedule {cron.expression!r} does not suit schedule_time_zone {time_zone}: {', '.join(found)}; choose "
            "another hour, or a time zone without daylight saving time such as Etc/GMT-1, which is CET all year.",
            FIELD,
            "schedule_time_zone",
        )


def _described(moments: list[datetime], what: str) -> Iterator[str]:
    if moments:
        dates = [str(moment.date()) for moment in moments[:DATES_SHOWN]]
        yield f"{moments[0]:%H:%M} {what} on {' and '.join([', '.join(dates[:-1]), dates[-1]] if dates[1:] else dates)}"


@cache
def _clock_changes(time_zone: str, first: date) -> tuple[tuple[datetime, datetime], ...]:
    """What the clock shows at the moment of each change, before and after it."""
    zone, found = ZoneInfo(time_zone), []
    midnights = (datetime.combine(day, time(), UTC) for day in _days(first - DAY))
    for early, late in pairwise(midnights):
        before, after = _offset(early, zone), _offset(late, zone)
        if before != after:
            minutes = bisect_left(range(24 * 60), True, key=lambda n: _offset(early + n * MINUTE, zone) != before)
            change = early.replace(tzinfo=None) + minutes * MINUTE
            found.append((change + before, change + after))
    return tuple(found)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _nearest_weekday(day: date) -> date:
    """The nearest day from Monday to Friday in the same month."""
    if day.isoweekday() == 6:
        return day - DAY if day.day > 1 else day + 2 * DAY
    if day.isoweekday() == 7:
        return day + DAY if (day + DAY).month == day.month else day - 2 * DAY
    return day


def _days(first: date) -> Iterator[date]:
    return (first + n * DAY for n in range((_end(first) - first).days + 1))


def _end(first: date) -> date:
    return first + timedelta(days=math.ceil(YEARS_AHEAD * 365.25))


def _today() -> date:
    return datetime.now(UTC).date()


def parse_cron(expression: str) -> Cron:
    """Raises ConfigError unless it is a cron() expression of the user guide's grammar."""
    match = re.fullmatch(r"cron\((.+)\)", expression)
    parts = tuple(match[1].split()) if match else ()
    if len(parts) != len(_FIELDS):
        raise ConfigError(
            f"schedule must be rate(N hours) or cron() of six fields such as cron(0 2 * * ? *), not {expression!r}.",
            FIELD,
        )
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ConfigError(
            f"schedule must have ? in exactly one of day of month and day of week, unlike {expression!r}.",
            FIELD,
        )
    numbers = []
    for part, (name, low, high, words, special) in zip(parts, _FIELDS, strict=True):
        is_special = special and re.fullmatch(special, part, re.ASCII)
        values = [] if is_special else [_values(text, low, high, words) for text in part.split(",")]
        if not all(values):
            raise ConfigError(
                f"schedule has {part!r} as its {name}, which is not {low} to {high}: {expression!r}.", FIELD
            )
        numbers.append(frozenset(number for one in values for number in one))
    return Cron(expression, parts, tuple(numbers))


def _values(text: str, low: int, high: int, words: str) -> range:
    """The numbers of `*`, a value, a range, or one of these with a step; none if the text is not valid."""
    span, slash, step = text.partition("/")
    if slash and _whole(step) < 1:
        return range(0)
    names = words.split("|") if words else []
    ends = [str(low), str(high)] if span == "*" else span.split("-")
    values = [low + names.index(end) if end in names else _whole(end) for end in ends]
    if len(values) > 2 or values != sorted(values) or not all(low <= value <= high for value in values):
        return range(0)
    last = high if slash and len(values) == 1 else values[-1]  # 5/15 goes on to the end of the field
    return range(values[0], last + 1, _whole(step) if slash else 1)


def _whole(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
