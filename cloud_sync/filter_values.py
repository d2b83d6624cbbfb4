"""The check of the configuration's value `filters` at synthesis, so that no night has to fail first.

The functions read filters more closely (cloud_sync_common/runtime/filter_input.py), and infrastructure never imports
them; a test compares what both refuse.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cloud_sync.config_error import ConfigError

PROVIDERS = ("gopro", "google_drive", "dropbox")
# All variables of a function have 4 KB together (Lambda quotas).
LIMIT = 1500  # bytes of JSON
MOST_MB, MOST_DAYS = 1e12, 36_500
MOST_PATTERNS, PATTERN_LIMIT = 100, 400  # of one list, and characters of one of them
TYPE_WORDS = ("360", "timelapse", "edits", "bursts", "looped", "livestreams")
OTHER_WORDS = {  # for the ends of a range of time
    **dict.fromkeys(("to", "until", "till", "end"), "before"),
    **dict.fromkeys(("after", "since", "start"), "from"),
}
KIND_WORDS = ("video", "videos", "photo", "photos")
EXAMPLE = '{"gopro": {"kinds": ["video", "photo"]}}'


def check_filters(text: str) -> None:
    """Raises ConfigError, which names the field and the fix."""
    given = _object(text)
    _check_names(given, PROVIDERS, "")
    for provider, filters in given.items():
        if not isinstance(filters, dict):
            raise _error(f".{provider}", f"must be an object such as {EXAMPLE}", filters)
        _check_names(filters, tuple(_CHECKS), f".{provider}")
        for name, value in filters.items():
            check, wanted = _CHECKS[name]
            if value is not None and not check(value):
                raise _error(f".{provider}.{name}", f"must be {wanted}", value)
        _check_ranges(filters, provider)
    if len(json.dumps(given).encode()) > LIMIT:
        raise ConfigError(f"filters has more than {LIMIT} bytes; name fewer things in it.", "filters")


def _object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _error("", f"must be JSON such as {EXAMPLE}, in single quotation marks", text)
    return given


def _error(path: str, what: str, value: object) -> ConfigError:
    return ConfigError(f"filters{path} {what}, not {repr(value)[:60]}.", "filters")


def _check_names(given: dict[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in given:
        if name not in known:
            similar = difflib.get_close_matches(_as_ours(name), known, n=1)
            hint = f"did you mean {similar[0]}? It" if similar else "it"
            names = ", ".join(known)
            raise ConfigError(f"filters{path} has a field {name[:60]!r}; {hint} may have {names}.", "filters")


def _as_ours(name: str) -> str:
    """A name with the words that ours have."""
    words = re.split(r"[-_ ]", name.lower())
    return "_".join(OTHER_WORDS.get(word, word) for word in words)


def _check_ranges(filters: dict[str, Any], provider: str) -> None:
    for start, end in (("captured_from", "captured_before"), ("uploaded_from", "uploaded_before")):
        first, last = filters.get(start), filters.get(end)
        if first and last and datetime.fromisoformat(first) >= datetime.fromisoformat(last):
            raise ConfigError(f"filters.{provider}.{end} must be later than {start} ({first}).", "filters")
    least, most = filters.get("min_size_mb"), filters.get("max_size_mb")
    if least is not None and most is not None and least > most:
        raise ConfigError(f"filters.{provider}.max_size_mb must not be smaller than min_size_mb ({least}).", "filters")


def _is_time(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment is not None and moment.tzinfo is not None and moment.astimezone(UTC) is not None
    except (ValueError, OverflowError):
        return False


def _is_number(most: float, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


def _are_texts(value: Any) -> bool:
    """A list of texts, none of them empty, and no more than the functions accept."""
    if not isinstance(value, list) or len(value) > MOST_PATTERNS:
        return False
    return all(isinstance(one, str) and one.strip() and len(one) <= PATTERN_LIMIT for one in value)


def _are_types(value: Any) -> bool:
    return _are_texts(value) and all(map(_is_type, value))


def _is_type(text: str) -> bool:
    """A word of ours, or what can be an extension and is not like such a word."""
    name = text.strip().lower().removeprefix("*").removeprefix(".")
    is_like_a_word = bool(difflib.get_close_matches(name, TYPE_WORDS, n=1, cutoff=0.8)) or name in KIND_WORDS
    return name in TYPE_WORDS or (not is_like_a_word and re.fullmatch(r"[a-z0-9]{1,5}", name) is not None)


def _are_kinds(value: Any) -> bool:
    return _are_texts(value) and value != [] and set(value) <= {"video", "photo"}


def _are_names(value: Any) -> bool:
    return _are_texts(value) and not any("/" in one for one in value)


def _are_folders(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"include", "exclude"}:
        return False
    globs = [one for found in value.values() if found is not None for one in (found if _are_texts(found) else [""])]
    parts = [part for glob in globs for part in glob.strip("/").split("/")]
    return all(part.strip() and part not in (".", "..") and "\\" not in part for part in parts)


_TIME = (_is_time, "a time with an offset such as 2026-01-31T00:00:00Z")
_MB = (partial(_is_number, MOST_MB), f"a number of MB from 0 to {MOST_MB:,.0f}, such as 100")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "captured_from": _TIME,
    "captured_before": _TIME,
    "uploaded_from": _TIME,
    "uploaded_before": _TIME,
    "kinds": (_are_kinds, 'a list of "video", "photo" or both'),
    "types": (_are_types, 'a list of file types such as ["mp4", "360", "timelapse", "edits"]'),
    "folders": (_are_folders, 'an object such as {"include": ["Trips/*"], "exclude": ["Private"]}'),
    "names": (_are_names, 'a list of names such as ["GX*.MP4"], without folders'),
    "min_size_mb": _MB,
    "max_size_mb": _MB,
    "min_age_days": (partial(_is_number, MOST_DAYS), f"a number of days from 0 to {MOST_DAYS:,}, such as 2"),
}
