"""Reads filters, the run's own and the lasting ones, and names the field that does not fit, and the fix. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.filters import KINDS, PHOTO, TYPE_WORDS, VIDEO, Filters, Folders, composed

MOST_PATTERNS = 100  # of one list of globs or types; each item is compared with all of them
PATTERN_LIMIT = 400  # characters of one of them
SHOWN_LIMIT = 60  # characters of a wrong value in the sentence about it
MOST_MB = 1e12
MOST_DAYS = 36_500  # a hundred years: more is a slip, which would archive nothing for ever
EXTENSION_LIMIT = 5  # characters of a file's extension, beyond which a type is a word
OF_ONE_RUN = ("media_ids", "retry_failed")  # these are no lasting filters
OTHER_WORDS = {  # for the ends of a range of time
    **dict.fromkeys(("to", "until", "till", "end"), "before"),
    **dict.fromkeys(("after", "since", "start"), "from"),
}
_PLURALS = {"videos": VIDEO, "photos": PHOTO}


class _Unfit(Exception):
    """What a value must be, in words."""


@dataclass(frozen=True)
class Place:
    """Where filters stand: whose they are, and the path of their object, for the sentence about a wrong one."""

    owner: str = "The input"
    path: str = "filters"
    is_lasting: bool = False

    def field(self, name: str = "") -> str:
        """A field of theirs, or all of them."""
        possessive = "'" if self.owner.endswith("s") else "'s"
        return f"{self.owner}{possessive} field '{self.path}{'.' if name else ''}{name}'"


def checked(given: object, place: Place | None = None) -> Filters:
    """The filters in a JSON object, with times in UTC and types in small letters; a field that is null is as if it were
    not there. Raises ConfigurationError naming the field and the fix."""
    where = place or Place()
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'{where.field()} must be an object such as {{"types": ["mp4"]}}, not {shown(given)}.')
    known = [name for name in _READERS if not (where.is_lasting and name in OF_ONE_RUN)]
    _check_names(given, known, where.field())
    found = {name: _read(name, value, where) for name, value in given.items() if value is not None}
    filters = Filters(**found)
    _check_ranges(filters, where)
    return filters


def _check_names(given: Mapping[Any, Any], known: list[str], owner: str) -> None:
    for name in given:
        if name not in known:
            raise ConfigurationError(
                f"{owner} has a field {shown(name)}; {hint(name, known)} may have {', '.join(known)}."
            )


def hint(name: object, known: list[str]) -> str:
    """What goes before `may have`, and names a similar field if there is one."""
    similar = difflib.get_close_matches(_as_ours(str(name)), known, n=1)
    return f"did you mean '{similar[0]}'? It" if similar else "it"


def _as_ours(name: str) -> str:
    """A name with the words that ours have."""
    words = re.split(r"[-_ ]", name.lower())
    return "_".join(OTHER_WORDS.get(word, word) for word in words)


def _read(name: str, value: Any, where: Place) -> Any:
    try:
        return _READERS[name](value)
    except _Unfit as unfit:
        raise ConfigurationError(f"{where.field(name)} must be {unfit}, not {shown(value)}.") from None


def _check_ranges(filters: Filters, where: Place) -> None:
    for start, end in (("captured_from", "captured_before"), ("uploaded_from", "uploaded_before")):
        first, last = getattr(filters, start), getattr(filters, end)
        if first is not None and last is not None and first >= last:
            raise ConfigurationError(f"{where.field(end)} must be later than '{start}' ({first}).")
    least, most = filters.min_size_mb, filters.max_size_mb
    if least is not None and most is not None and least > most:
        raise ConfigurationError(f"{where.field('max_size_mb')} must not be smaller than 'min_size_mb' ({least:g}).")


def shown(value: object) -> str:
    """A wrong value for the sentence about it, cut to a length that a mail can take."""
    text = repr(value)
    return text if len(text) <= SHOWN_LIMIT else f"{text[:SHOWN_LIMIT]}…"


def _time(value: Any) -> str:
    wanted = "a time with an offset such as 2026-01-31T00:00:00Z"
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise _Unfit(wanted)
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def _number(what: str, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise _Unfit(f"a number of {what} from 0 to {most:,.0f}, such as 100")
        return float(value)

    return read


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("true or false, without quotation marks")
    return value


def _list(example: str, value: Any) -> list[str]:
    """A list of texts, none of them empty."""
    wanted = f"a list of texts such as {example}"
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _Unfit(wanted)
    if not all(one.strip() for one in value):
        raise _Unfit(f"{wanted}, none of them empty")
    return list(value)


def _patterns(example: str, value: Any) -> list[str]:
    found = _list(example, value)
    if len(found) > MOST_PATTERNS or any(len(one) > PATTERN_LIMIT for one in found):
        raise _Unfit(f"at most {MOST_PATTERNS} texts of at most {PATTERN_LIMIT} characters")
    return found


def _media_ids(value: Any) -> tuple[str, ...]:
    return tuple(_list('["65a0f0c2b7e4d1a2c3b4d5e6"]', value))


def _kinds(value: Any) -> tuple[str, ...]:
    wanted = 'a list of "video", "photo" or both, such as ["video", "photo"]'
    try:
        found = _list("", value)
    except _Unfit:
        raise _Unfit(wanted) from None
    kinds = tuple(dict.fromkeys(found))
    if not kinds or not set(kinds) <= set(KINDS):
        raise _Unfit(wanted)
    return kinds


def _type_names(value: Any) -> tuple[str, ...]:
    found = (one.strip().lower().removeprefix("*").removeprefix(".") for one in _patterns('["mp4", "360"]', value))
    return tuple(dict.fromkeys(map(_type_name, found)))


def _type_name(name: str) -> str:
    """Raises _Unfit for a word that is none of ours, and for what can be no extension."""
    if name in (*KINDS, *_PLURALS):
        kind = _PLURALS.get(name, name)
        raise _Unfit(f'file types such as "mp4"; {kind}s are chosen by kinds, such as {{"kinds": ["{kind}"]}}')
    if name in TYPE_WORDS:
        return name
    similar = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name), TYPE_WORDS, n=1, cutoff=0.8)
    if similar:
        raise _Unfit(f"a list of file types; one that is like {shown(name)} is written {similar[0]!r}")
    if not re.fullmatch(rf"[a-z0-9]{{1,{EXTENSION_LIMIT}}}", name):
        raise _Unfit(f'a list of extensions such as ["mp4"], or of {", ".join(TYPE_WORDS)}, which {shown(name)} is not')
    return name


def _names(value: Any) -> tuple[str, ...]:
    found = _patterns('["GX*.MP4"]', value)
    if any("/" in one for one in found):
        raise _Unfit('names such as ["GX*.MP4"] without a folder, which is chosen by folders')
    return tuple(map(composed, found))


def _folders(value: Any) -> Folders:
    example = '{"include": ["Trips/*"], "exclude": ["Private"]}'
    if not isinstance(value, Mapping) or not set(value) <= {"include", "exclude"}:
        raise _Unfit(f"an object with the lists include and exclude, such as {example}")
    found = {name: _folder_globs(globs) for name, globs in value.items() if globs is not None}
    return Folders(**found)


def _folder_globs(value: Any) -> tuple[str, ...]:
    try:
        found = [composed(one).strip("/") for one in _patterns("", value)]
    except _Unfit:
        found = [""]
    parts = [part for one in found for part in one.split("/")]
    if not all(part.strip() and part not in (".", "..") and "\\" not in part for part in parts):
        raise _Unfit(
            f'an object whose lists include and exclude have at most {MOST_PATTERNS} folders, such as ["Trips/*"], '
            'with "/" between two of them, none of them empty, and no "\\", "." or ".."'
        )
    return tuple(found)


_READERS: dict[str, Callable[[Any], Any]] = {
    "captured_from": _time,
    "captured_before": _time,
    "uploaded_from": _time,
    "uploaded_before": _time,
    "kinds": _kinds,
    "types": _type_names,
    "folders": _folders,
    "names": _names,
    "min_size_mb": _number("MB", MOST_MB),
    "max_size_mb": _number("MB", MOST_MB),
    "min_age_days": _number("days", MOST_DAYS),
    "media_ids": _media_ids,
    "retry_failed": _yes_or_no,
}
