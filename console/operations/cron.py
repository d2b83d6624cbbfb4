"""When a schedule of EventBridge Scheduler fires next. Pure.

Source: EventBridge Scheduler user guide, "Schedule types" (cron, rate, at) and "Daylight savings time": a time that
does not exist is skipped, and one that comes twice fires once. A test compares this with the code that checks a
schedule before it is deployed.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS_AHEAD = 366 * 9  # a 29th of February is at most eight years away
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS: tuple[tuple[int, int, list[str]], ...] = (
    (0, 59, []),
    (0, 23, []),
    (1, 31, []),
    (1, 12, _MONTHS),
    (1, 7, _DAYS),
    (1970, 2199, []),
)
_RATE = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)s?\)")
_AT = re.compile(r"at\(([0-9T:-]{16,19})\)")


def next_after(expression: str, zone_name: str, now: datetime, since: datetime) -> datetime | None:
    """The first moment after `now` at which it fires, in UTC; None: never again, or it is not understood. `since` is
    from when a rate counts: its start, or its creation."""
    try:
        zone = ZoneInfo(zone_name or "UTC")
        if rate := _RATE.fullmatch(expression):
            step = timedelta(**{f"{rate[2]}s": int(rate[1])})
            return since if since > now else since + ((now - since) // step + 1) * step
        if at := _AT.fullmatch(expression):
            moment = datetime.fromisoformat(at[1]).replace(tzinfo=zone).astimezone(UTC)
            return moment if moment > now else None
        return _next_of_cron(expression, zone, now)
    except (ValueError, ZeroDivisionError, OverflowError, ZoneInfoNotFoundError):
        return None


def _next_of_cron(expression: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    found = re.fullmatch(r"cron\((.+)\)", expression)
    texts = found[1].split() if found else []
    if len(texts) != len(_FIELDS):
        return None
    minutes, hours = (_numbers(texts[at], *_FIELDS[at]) for at in (0, 1))
    first = now.astimezone(zone).date()
    for day in (first + timedelta(days=n) for n in range(DAYS_AHEAD)):
        if _fires_on(day, texts):
            for moment in _moments(day, sorted(hours), sorted(minutes), zone):
                if moment > now:
                    return moment
    return None


def _moments(day: date, hours: list[int], minutes: list[int], zone: ZoneInfo) -> Iterator[datetime]:
    """In UTC, without those that the clock skips."""
    for local in (datetime.combine(day, time(hour, minute), zone) for hour in hours for minute in minutes):
        moment = local.astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            yield moment


def _fires_on(day: date, texts: list[str]) -> bool:
    if day.month not in _numbers(texts[3], *_FIELDS[3]) or day.year not in _numbers(texts[5], *_FIELDS[5]):
        return False
    return _fires_on_month_day(day, texts[2]) if texts[4] == "?" else _fires_on_weekday(day, texts[4])


def _fires_on_month_day(day: date, text: str) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if text == "L":
        return day.day == last
    if text == "LW":
        return day == _nearest_weekday(day.replace(day=last))
    if text.endswith("W"):
        wanted = int(text[:-1])
        return wanted <= last and day == _nearest_weekday(day.replace(day=wanted))
    return day.day in _numbers(text, *_FIELDS[2])


def _fires_on_weekday(day: date, text: str) -> bool:
    number = day.isoweekday() % 7 + 1  # 1 is Sunday
    if text == "L":
        return number == 7
    if text.endswith("L"):
        return number == int(text[:-1]) and (day + timedelta(days=7)).month != day.month
    if "#" in text:
        wanted, _, which = text.partition("#")
        return number == int(wanted) and (day.day - 1) // 7 + 1 == int(which)
    return number in _numbers(text, *_FIELDS[4])


def _nearest_weekday(day: date) -> date:
    """The nearest day from Monday to Friday in the same month."""
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        after = day + timedelta(days=1)
        return after if after.month == day.month else day - timedelta(days=2)
    return day


def _numbers(text: str, low: int, high: int, names: list[str]) -> frozenset[int]:
    """The values of a field: numbers, names, ranges and steps, separated by commas. Raises ValueError."""
    return frozenset(number for part in text.split(",") for number in _range(part, low, high, names))


def _range(part: str, low: int, high: int, names: list[str]) -> range:
    span, slash, step = part.partition("/")
    ends = [str(low), str(high)] if span == "*" else span.split("-")
    values = [low + names.index(end) if end in names else int(end) for end in ends]
    last = high if slash and len(values) == 1 else values[-1]
    return range(values[0], last + 1, int(step) if slash else 1)
