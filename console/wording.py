"""Words in which people read what programs write otherwise: names, times and ages."""

from __future__ import annotations

from datetime import datetime

ALL = "all"  # the provider of a run of all of them (cloud_sync_common.runtime.run_input.ALL_PROVIDERS)
_MINUTES_OF_A_DAY = 24 * 60


def title_of(provider: str) -> str:
    """A provider's name for people: `Google Drive`. Its id is only for what is typed, and for programs."""
    from cloud_sync_common.providers import PROVIDERS  # noqa: PLC0415 (imports the providers)

    if provider == ALL:
        return "all providers"
    return PROVIDERS[provider].title if provider in PROVIDERS else provider


def typed(provider: str) -> str:
    """A provider as it is typed in a command: `google-drive`."""
    return provider.replace("_", "-")


def moment(text: str) -> str:
    """A time of ISO 8601 to the minute, in this machine's time zone; as it is where it is none."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return text


def days(count: float) -> str:
    """`5 minutes`, `5 hours`, `12 days`: a time that is given in days."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    if abs(count) < 2 / 24:
        return count_of(round(count * _MINUTES_OF_A_DAY), "minute")
    return count_of(round(count * 24), "hour") if abs(count) < 2 else count_of(round(count), "day")


def ago(count: float) -> str:
    """`just now`, `5 hours ago`: how long ago something was, in days."""
    return "just now" if round(count * _MINUTES_OF_A_DAY) < 1 else f"{days(count)} ago"


def clock(seconds: float) -> str:
    """`0:07`, `2:05`, `1:02:05`: how long a video is, or where in it something is."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
