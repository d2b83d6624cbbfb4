"""What the catalogue has of each archived item, and under which keys of the work bucket. Pure functions.

An item has `catalogue/{provider}/{yyyy}/{mm}/{media_id}/details.json` and, where there is a picture, `thumbnail.jpg`
beside it: the folder is that of its originals in the archive. An index has one line for each item of a month. Nothing
under `catalogue/` expires or is frozen.

Nothing heavy is imported here: the owner's command and page read these files as well.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cloud_sync_common.movie.place import Place as Place  # noqa: PLC0414 (a part of these shapes)
from cloud_sync_common.stores.archive_keys import capture_month, safe_id
from cloud_sync_common.stores.provider_rows import month_of

PREFIX = "catalogue/"
_INDEX = f"{PREFIX}index/"
DETAILS_FILE, THUMBNAIL_FILE = "details.json", "thumbnail.jpg"


class Picture(StrEnum):
    """Where the thumbnail came from. NONE: there is none, and a placeholder is shown."""

    PROVIDER = "provider"
    SPRITE = "sprite"
    FRAME = "frame"
    NONE = "none"


class CatalogueFile(msgspec.Struct, frozen=True, kw_only=True):
    """One archived file: its key (of a copy: the object with its bytes), its size in bytes, its CRC-64/NVME, and the
    proofs of the ledger."""

    number: int
    key: str
    bytes: int
    checksum: str = ""
    proofs: tuple[str, ...] = ()
    copy_of: str = ""


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is known of one item. What nobody has said is None or empty.

    `captured_at` is ISO 8601; `listed_at` is what the provider has said of it, and makes the keys of its objects.
    `captured_from` says which source has won, `captured_clock` whether it is UTC or the
    camera's own clock, whose zone nobody knows. `taken_from` says for each other detail where it is from: "movie" (its
    own boxes), "provider" (its row) or "name". `hilights` are seconds from the beginning of the first file.
    `duration` is in seconds and of all files together; the rest of what a movie says is of its first file.
    """

    provider: str
    media_id: str
    revision: str = ""
    filename: str = ""
    kind: str = ""  # "video" or "photo"
    listed_at: str = ""
    captured_at: str = ""
    captured_from: str = ""  # "gps", "movie", "provider", or what stands in for it (MediaItem.captured_at_from)
    captured_clock: str = ""  # "utc" or "camera"
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    codec: str = ""  # the sample entry's four characters, such as avc1 or hvc1
    camera: str = ""
    firmware: str = ""
    lens: str = ""
    hilights: tuple[float, ...] = ()
    place: Place | None = None
    picture: Picture = Picture.NONE
    files: tuple[CatalogueFile, ...] = ()
    taken_from: dict[str, str] = {}
    damage: str = ""  # what the ledger says is wrong with its movies, which are archived as they are at the provider
    archived_at: str = ""
    written_at: str = ""

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def row(self) -> IndexRow:
        """What the index has of it."""
        return IndexRow(
            media_id=self.media_id,
            filename=self.filename,
            listed_at=self.listed_at,
            captured_at=self.captured_at,
            bytes=self.bytes,
            files=len(self.files),
            kind=self.kind,
            camera=self.camera,
            duration=self.duration,
            width=self.width,
            height=self.height,
            frame_rate=self.frame_rate,
            hilights=len(self.hilights),
            place=self.place,
            picture=self.picture,
            damage=self.damage,
            archived_at=self.archived_at,
            is_detailed=True,
        )


class IndexRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an index: what lists, filters and searches need of an item. `bytes` and `files` are of all of it,
    `hilights` is their number. `is_detailed`: it has been looked into; else nothing but the ledger speaks."""

    media_id: str
    filename: str = ""
    listed_at: str = ""
    captured_at: str = ""
    bytes: int = 0
    files: int = 0
    kind: str = ""
    camera: str = ""
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    hilights: int = 0
    place: Place | None = None
    picture: Picture = Picture.NONE
    damage: str = ""
    archived_at: str = ""
    is_detailed: bool = False


def folder_of(provider: str, month: str, media_id: str) -> str:
    """Of an item whose originals are in the archive's folder of that month, `2026/05`."""
    return f"{PREFIX}{provider}/{month}/{safe_id(media_id)}/"


def details_key(provider: str, listed_at: str, media_id: str) -> str:
    return folder_of(provider, capture_month(listed_at), media_id) + DETAILS_FILE


def thumbnail_key(provider: str, listed_at: str, media_id: str) -> str:
    return folder_of(provider, capture_month(listed_at), media_id) + THUMBNAIL_FILE


def index_prefix(provider: str) -> str:
    return f"{_INDEX}{provider}/"


def index_key(provider: str, month: str) -> str:
    """`month` is that of the ledger's totals: `2026-05`, or `unknown`."""
    return f"{index_prefix(provider)}{month}.jsonl"


def index_month(listed_at: str) -> str:
    """The month in whose index an item is."""
    return month_of(listed_at)
