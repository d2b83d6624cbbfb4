"""Words of mails and sentences: those that depend on a number, and the names of others' files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cloud_sync_common import prices
from cloud_sync_common.filters import WORDS, Reason
from cloud_sync_common.safe_text import one_line

# Where it is broken: in ://, after www and @, and between the name of a server and its path.
_ADDRESS = re.compile(r"(?i)(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=@)(?=\w)")
_SERVER = re.compile(r"(?i)(\.[a-z]{2,24})/")
_LEAST_USD = 0.0001  # that has four digits
# What providers leave alone, one and several. Other reasons are the same for both.
_LEFT_ALONE = {"folder": "folders", "shortcut": "shortcuts"}


def count_of(number: int, noun: str, plural: str = "") -> str:
    """`1 video`, `1,200 videos`; `plural` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def reason_of(number: int, reason: str) -> str:
    """`2 folders`, `7 of another kind (kinds)`: how many are left out, by a filter's name or a provider's reason."""
    words = {known.value: text for known, text in WORDS.items()}
    if reason in words:
        return f"{number:,} {words[reason]}"
    known = file_name(reason)
    return count_of(number, known, _LEFT_ALONE.get(reason, known))


def file_name(name: str) -> str:
    """The name of a file as a mail may show it: one line, with a space in whatever a mail program would take for an
    address. A name with a dot, such as evil.com or lake.mov, stays as it is."""
    return _SERVER.sub(r"\1 /", _ADDRESS.sub(" ", one_line(name)))


def left_out_of(counts: Mapping[str, int]) -> list[str]:
    """What a run has left out, and why: a paragraph, or none. A reason that is no filter's is the provider's."""
    if not any(counts.values()):
        return []
    lines = [f"- {reason_of(count, reason)}" for reason, count in sorted(counts.items()) if count]
    filtered = "Nothing of it is lost: the run after a filter is widened archives what it lets in."
    return ["\n".join(["Left out:", *lines, *([filtered] if counts.keys() & set(Reason) else [])])]


def repeated_of(noun: str, counts: Mapping[str, int]) -> list[str]:
    """What the archive had before, in paragraphs: `copied` of these (videos, sources) with `copied_bytes` are recorded
    as copies, `twice` with `twice_bytes` are stored a second time."""
    lines, copied, twice = [], counts.get("copied", 0), counts.get("twice", 0)
    if copied:
        lines.append(
            f"{count_of(copied, noun)} ({size_of(counts['copied_bytes'])}) had the content of objects that are in the "
            "archive already, and so were recorded as copies of those, and not stored again."
        )
    if twice:
        month = counts["twice_bytes"] / prices.GB * prices.DEEP_ARCHIVE_GB_MONTH.each
        lines.append(
            f"{count_of(twice, noun)} ({size_of(counts['twice_bytes'])}) {'is' if twice == 1 else 'are'} in the "
            "archive twice: size and CRC-64 are "
            f"those of another object. In Deep Archive that costs {month:.4f} USD a month. With record_copies, what "
            "comes from now on is recorded as a copy instead (docs/configuration.md)."
        )
    return lines


def size_of(count: float) -> str:
    """`999 B`, `2.0 MB`, `1.50 TB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < (1000 if unit == "B" else 999.95):  # which would be called 1000.0
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def usd_of(amount: float) -> str:
    """`0.0120 USD`; what is less than a hundredth of a cent counts as that, and only nothing as nothing."""
    return f"{max(amount, _LEAST_USD):.4f} USD" if amount > 0 else "0 USD"


def seconds_since(started_at: str) -> float:
    """Since a time of ISO 8601; 0 if it is none."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(started_at)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def lifetime_of(stored_at: float, worked_at: str, refused_at: float) -> str:
    """How long a session has lived, in a sentence: from when it was stored (Unix time) to the run that last worked with
    it (ISO 8601, empty: none is known), and to when it was first refused."""
    when = datetime.fromtimestamp(stored_at, UTC).strftime("%Y-%m-%d at %H:%M UTC")
    refused = f"was refused {_age_of(refused_at - stored_at)} after that"
    worked = seconds_since(worked_at)
    lived = datetime.now(UTC).timestamp() - worked - stored_at if worked else 0.0
    last = f"last worked {_age_of(lived)} after that and " if lived > 0 else ""
    return f"The session that ended was stored on {when}; it {last}{refused}."


def _age_of(seconds: float) -> str:
    """`40 minutes`, `9 hours`, `12 days`."""
    for unit, each in (("day", 86_400), ("hour", 3_600)):
        if seconds >= 2 * each:
            return count_of(round(seconds / each), unit)
    return count_of(max(round(seconds / 60), 0), "minute")


def enough_read(left: int, most_bytes: int) -> str:
    """Why a run has left videos that it could have moved, and what the owner may want to know of it."""
    return (
        f"It has read {size_of(most_bytes)}, or as many videos as cost that much, which is as much as one run may "
        f"(max_run_gb), and left "
        f"{count_of(left, 'video')} to the next run, which continues there. Nothing is lost, and none counts as "
        "failed. During a first backup this is to be expected. Otherwise the saved query 'Slowest files' shows what "
        "took so long."
    )
