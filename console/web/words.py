"""How the page says dates, times, sizes and money. Pure but for this machine's time zone."""

from __future__ import annotations

import re
from datetime import date, datetime
from urllib.parse import quote

from cloud_sync_common.runtime.wording import count_of, size_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.provider_rows import UNKNOWN_MONTH
from markupsafe import Markup, escape

from console.wording import days as span_of
from console.wording import title_of, typed

__all__ = ["count_of", "size_of", "span_of", "title_of", "typed"]

MOST_CHARACTERS = 600  # of one text that AWS or a provider has given
_MONTH = re.compile(r"\b[0-9]{4}-(0[1-9]|1[0-2])\b")
_CODE = re.compile(r"`([^`]*)`")


def now() -> datetime:
    """In this machine's time zone."""
    return datetime.now().astimezone()


def day_name(day: date, today: date | None = None) -> str:
    """`Thursday 26 November`, with the year where it is another one."""
    year = "" if day.year == (today or now().date()).year else f" {day.year}"
    return f"{day:%A} {day.day} {day:%B}{year}"


def month_name(month: str) -> str:
    """`November 2026` of `2026-11`."""
    return f"{date(int(month[:4]), int(month[5:7]), 1):%B %Y}"


def shelf_name(month: str) -> str:
    """A month of the library: `November 2026`, and a word for `unknown`."""
    return "Undated" if month == UNKNOWN_MONTH else month_name(month)


def clock(moment: str) -> str:
    """`02:00`; as it is where it is no time."""
    found = _moment(moment)
    return f"{found:%H:%M}" if found else moment


def when(moment: str) -> str:
    """`Thursday 26 November, 02:00`; as it is where it is no time."""
    found = _moment(moment)
    return f"{day_name(found.date())}, {found:%H:%M}" if found else moment


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def taken_at(text: str) -> datetime | None:
    """A time of capture as it is shown: without an offset it is the camera's own clock and stays as it is, with one it
    is moved to this machine's zone. None where it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone().replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


def lasting(seconds: float | None) -> str:
    """`0:48`, `12:41`, `1:02:05`; empty where it is not known."""
    if seconds is None or not 0 <= seconds < 360_000:
        return ""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def usd(amount: float) -> str:
    """`7.04 USD`; what is under a cent is said to be."""
    return f"{amount:,.2f} USD" if amount >= 0.005 else "less than 0.01 USD" if amount > 0 else "0 USD"


def cents(amount: float) -> str:
    """`7.04`, without the unit, for tables of amounts; `< 0.01` for what is under a cent."""
    return f"{amount:,.2f}" if amount >= 0.005 or amount <= 0 else "< 0.01"


def round_size(count: float) -> str:
    """`530 GB`, where there is no room for more; `1.5 TB`, `12 MB`."""
    for unit, each in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= each:
            return f"{count / each:.1f} {unit}" if unit == "TB" else f"{count / each:.0f} {unit}"
    return "1 MB"


def in_words(text: str) -> str:
    """`August 2026 to October 2026` of `2026-08 to 2026-10`."""
    return _MONTH.sub(lambda found: month_name(found[0]), text)


def minutes(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 20 min`; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 90 else f"{whole // 60} h {whole % 60} min"


def number(value: int | None) -> str:
    """With commas; a dash where it is not known."""
    return "—" if value is None else f"{value:,}"


def item_path(provider: str, media_id: str) -> Markup:
    """The page of an item. It is never cut, as a text would be."""
    return escape(f"/item/{provider}/{quote(kept_id(media_id), safe='')}")


def prose(text: str) -> Markup:
    """A sentence of ours in which commands stand between backticks. Everything else in it is escaped."""
    parts = _CODE.split(one_line(text, MOST_CHARACTERS))
    marked = [Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)]
    return Markup("").join(marked)


def safe(value: object) -> object:
    """A text as a page may show it: on one line, without secrets, and only characters that are seen."""
    return one_line(value, MOST_CHARACTERS) if isinstance(value, str) and not isinstance(value, Markup) else value
