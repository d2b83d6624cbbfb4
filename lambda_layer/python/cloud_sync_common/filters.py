"""What a run is limited to: whether filters leave an item out, and why. Pure.

Filters limit what is archived, and a backup that is in doubt archives: where a provider does not state a size or a
time, no limit on it leaves the item out. One reason is given for each item, the first one in the order of `Reason`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol

import msgspec

MEGABYTE = 1_000_000
CLOCK_DAYS = 1  # by which a clock may be ahead; a time later than that says nothing about an item's age
VIDEO, PHOTO = "video", "photo"
KINDS = (VIDEO, PHOTO)
# The types that are no extensions: part of the name that the provider gives the kind of its media (MediaItem.kind).
_KINDS_NAMED = {
    "timelapse": "timelapse",
    "edits": "edit",
    "bursts": "burst",
    "looped": "looped",
    "livestreams": "livestream",
}
_SPHERICAL = frozenset({"360", "insv"})  # two makers' formats of video all around
TYPE_WORDS = ("360", *_KINDS_NAMED)


class Folders(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Globs of folders, from the root of the account: of those that are wanted (all if there are none), and of those
    that are not, which count more. A folder that fits stands for all that are below it."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Filters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one run is limited to. Times are ISO 8601 with an offset, and their ranges are half-open; sizes are in MB of
    10^6 bytes, both ends included; an age is counted from the upload, or from the capture where no upload is stated.

    `kinds` are `video` and `photo`. `types` are extensions in small letters without a dot, and TYPE_WORDS. In a glob,
    `*` and `?` stand for characters, and in `folders` `**` for any number of folders. `retry_failed` includes items
    whose attempts are used up. Empty lists limit nothing.
    """

    captured_from: str | None = None
    captured_before: str | None = None
    uploaded_from: str | None = None
    uploaded_before: str | None = None
    kinds: tuple[str, ...] = (VIDEO,)
    types: tuple[str, ...] = ()
    folders: Folders = Folders()
    names: tuple[str, ...] = ()
    min_size_mb: float | None = None
    max_size_mb: float | None = None
    min_age_days: float | None = None
    media_ids: tuple[str, ...] = ()
    retry_failed: bool = False

    @property
    def wants_photos(self) -> bool:
        return PHOTO in self.kinds


EVERYTHING = Filters(kinds=KINDS)  # what a listing is asked for that has to show what exists


class Reason(StrEnum):
    """Why an item is left out, in the order in which that is looked at: the name of the filter, or of a pair."""

    MEDIA_IDS = "media_ids"
    KINDS = "kinds"
    TYPES = "types"
    FOLDERS = "folders"
    NAMES = "names"
    CAPTURED = "captured"
    UPLOADED = "uploaded"
    SIZE = "size"
    AGE = "min_age_days"


WORDS = {
    Reason.MEDIA_IDS: "not among those that the run asks for (media_ids)",
    Reason.KINDS: "of another kind (kinds)",
    Reason.TYPES: "of another type (types)",
    Reason.FOLDERS: "in another folder (folders)",
    Reason.NAMES: "with another name (names)",
    Reason.CAPTURED: "captured at another time (captured_from, captured_before)",
    Reason.UPLOADED: "uploaded at another time (uploaded_from, uploaded_before)",
    Reason.SIZE: "smaller or larger (min_size_mb, max_size_mb)",
    Reason.AGE: "not old enough yet (min_age_days)",
}


# Judging


class Listed(Protocol):
    """What is looked at of an item; MediaItem has it."""

    @property
    def media_id(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def captured_at(self) -> str: ...
    @property
    def uploaded_at(self) -> str: ...
    @property
    def size(self) -> int | None: ...


@dataclass(frozen=True)
class Selection:
    """What filters select at one provider, at one moment. `photo_kinds` and `folders_ignore_case` are the provider's
    capabilities."""

    filters: Filters
    now: datetime
    photo_kinds: Collection[str] = (PHOTO,)
    folders_ignore_case: bool = False

    def reason(self, item: Listed) -> Reason | None:
        """Why the item is left out; None: it is not."""
        return next((reason for reason, leaves_out in self._checks if leaves_out(item)), None)

    @cached_property
    def _checks(self) -> list[tuple[Reason, Callable[[Listed], bool]]]:
        """Those that the filters ask for."""
        wanted = self.filters
        checks: tuple[tuple[Reason, object, Callable[[Listed], bool]], ...] = (
            (Reason.MEDIA_IDS, wanted.media_ids, lambda item: item.media_id not in self._media_ids),
            (Reason.KINDS, True, lambda item: self._kind(item) not in wanted.kinds),
            (Reason.TYPES, wanted.types, lambda item: not _types(item) & self._types),
            (Reason.FOLDERS, wanted.folders != Folders(), self._is_elsewhere),
            (Reason.NAMES, wanted.names, self._has_another_name),
            (Reason.CAPTURED, True, lambda item: _is_outside(item.captured_at, *self._captured)),
            (Reason.UPLOADED, True, lambda item: _is_outside(item.uploaded_at, *self._uploaded)),
            (Reason.SIZE, True, self._has_another_size),
            (Reason.AGE, wanted.min_age_days, self._is_too_young),
        )
        return [(reason, leaves_out) for reason, is_set, leaves_out in checks if is_set]

    @cached_property
    def _media_ids(self) -> frozenset[str]:
        return frozenset(self.filters.media_ids)

    @cached_property
    def _types(self) -> frozenset[str]:
        return frozenset(self.filters.types)

    @cached_property
    def _captured(self) -> tuple[datetime | None, datetime | None]:
        return _moment(self.filters.captured_from), _moment(self.filters.captured_before)

    @cached_property
    def _uploaded(self) -> tuple[datetime | None, datetime | None]:
        return _moment(self.filters.uploaded_from), _moment(self.filters.uploaded_before)

    @cached_property
    def _folders(self) -> tuple[list[list[str]], list[list[str]]]:
        folders = self.filters.folders
        include, exclude = (
            [_plain_brackets(self._compared(glob)).split("/") for glob in globs]
            for globs in (folders.include, folders.exclude)
        )
        return include, exclude

    @cached_property
    def _names(self) -> list[str]:
        return [_plain_brackets(_small(glob)) for glob in self.filters.names]

    def _compared(self, text: str) -> str:
        return _small(text) if self.folders_ignore_case else composed(text)

    def _kind(self, item: Listed) -> str:
        return PHOTO if item.kind in self.photo_kinds else VIDEO

    def _is_elsewhere(self, item: Listed) -> bool:
        include, exclude = self._folders
        parts = self._compared(item.folder).split("/") if item.folder else []
        is_wanted = not include or any(_is_in(parts, pattern) for pattern in include)
        return not is_wanted or any(_is_in(parts, pattern) for pattern in exclude)

    def _has_another_name(self, item: Listed) -> bool:
        name = _small(item.filename)
        return not any(fnmatchcase(name, glob) for glob in self._names)

    def _has_another_size(self, item: Listed) -> bool:
        least, most = self.filters.min_size_mb, self.filters.max_size_mb
        if item.size is None:
            return False
        is_smaller = least is not None and item.size < least * MEGABYTE
        return is_smaller or (most is not None and item.size > most * MEGABYTE)

    def _is_too_young(self, item: Listed) -> bool:
        moment = _moment(item.uploaded_at) or _moment(item.captured_at)
        if moment is None or self.filters.min_age_days is None:
            return False
        days = (self.now - moment) / timedelta(days=1)
        return -CLOCK_DAYS <= days < self.filters.min_age_days


def _moment(text: str | None) -> datetime | None:
    """A time without an offset is read as UTC, as for keys; None for what is no time."""
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_outside(text: str, start: datetime | None, end: datetime | None) -> bool:
    if start is None and end is None:
        return False
    moment = _moment(text)
    return moment is not None and ((start is not None and moment < start) or (end is not None and moment >= end))


def _types(item: Listed) -> set[str]:
    """The types that an item has: its extension, and the words that its kind or its extension stand for."""
    extension, kind = _extension(item.filename), item.kind.lower()
    words = {word for word, named in _KINDS_NAMED.items() if named in kind}
    return {extension, *words, *(["360"] if extension in _SPHERICAL else [])}


def _extension(filename: str) -> str:
    _, dot, end = filename.rpartition(".")
    return end.lower() if dot else ""


def composed(text: str) -> str:
    """In the form NFC, in which a letter and its marks are one character."""
    return unicodedata.normalize("NFC", text)


def _small(text: str) -> str:
    return composed(composed(text).lower())


def _plain_brackets(glob: str) -> str:
    """`*` and `?` only: a bracket is a bracket, which folders often have in their names."""
    return glob.replace("[", "[[]")


def _is_in(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a folder fits the pattern or is below one that does. The last `**` takes as many folders as are needed,
    and none is tried before it again, so that a comparison takes at most the product of both lengths."""
    at = place = 0
    last: tuple[int, int] | None = None  # where the pattern goes on after its last `**`, and the folder that it took
    while place < len(pattern):
        if pattern[place] == "**":
            last, place = (place + 1, at), place + 1
        elif at < len(parts) and fnmatchcase(parts[at], pattern[place]):
            at, place = at + 1, place + 1
        elif last is not None and last[1] < len(parts):
            last = (last[0], last[1] + 1)
            place, at = last
        else:
            return False
    return True
