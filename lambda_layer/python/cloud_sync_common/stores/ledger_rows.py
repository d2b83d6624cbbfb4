"""The shapes of the ledger's rows: of a media item, of one of its sources, and of either in a walk over all."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores import archive_keys

DAMAGE_LIMIT = 1_000  # characters; the rows of the sources have the rest


class Status(StrEnum):
    """The state of an item or a source."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"
    UNREADABLE = "UNREADABLE"  # never written: a row that is not as this module writes it


class ItemState(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing is compared with: the part of an item's row that decides whether it is work."""

    status: Status
    revision: str = ""
    attempts: int = 0

    def holds(self, revision: str) -> bool:
        """Whether this revision of the item is archived."""
        return self.status is Status.ARCHIVED and self.revision == revision

    def is_exhausted(self, max_attempts: int) -> bool:
        """Whether it has failed too often to be tried again by itself."""
        return self.status is Status.FAILED and self.attempts >= max_attempts


class ItemRow(ItemState, frozen=True, kw_only=True):
    """The row of a media item. Sizes are in bytes, lease_expires is Unix time, other times are ISO 8601; run_* say what
    the run `effort_run` has done for it."""

    filename: str = ""
    captured_at: str = ""
    archived_at: str = ""  # the last time that it was; a later version that is not archived yet leaves it
    bytes_total: int | None = None  # of what is archived
    run_id: str = ""
    failed_run: str = ""
    error_category: str = ""
    error_message: str = ""
    lease_owner: str = ""
    lease_expires: int = 0
    effort_run: str = ""
    run_bytes: int = 0
    run_gb_seconds: float = 0
    run_requests: int = 0
    run_slices: int = 0
    run_kept: int = 0  # the most bytes of it that were in S3, for good or in an upload, when one of them began
    run_idle: int = 0  # how many of them in a row found no more than that
    run_replaced: int | None = None  # the bytes that were archived of it before this run; None: it is a new original
    damage: str = ""  # what is wrong with its movies; set when it is archived
    # The version (MediaSource.listed) of which the published hash is not that of its bytes, the checksum of those, in
    # how many runs that was found, and until when it is not read again.
    disputed: str = ""
    disputed_content: str = ""
    disputed_runs: int = 0
    disputed_until: str = ""
    copied_bytes: int = 0  # of those of its sources that are copies of other objects
    twice_bytes: int = 0  # of those whose content another object had before


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a source: its key in the archive, its version, and the upload to continue. `identity` says which file
    of the item it is (MediaSource), `revision` as which revision of the item it was archived."""

    status: Status
    key: str
    size: int
    etag: str = ""
    upload_id: str = ""
    part_size: int = 0
    checksum: str = ""
    copy: int = 1
    proofs: tuple[str, ...] = ()  # what has shown that the object has the source's content
    single_stream: bool = False  # the source could not be read in ranges
    last_modified: str = ""
    listed: str = ""
    identity: str = ""
    revision: str = ""
    begun: int = 0  # how often the run `begun_by` has begun an upload of it
    begun_by: str = ""
    earlier: str = ""  # the object of the version before, which this upload may turn out to equal, and its number
    earlier_copy: int = 0
    readings: int = 0  # how often it was read again in the month `readings_in`, after it had been archived
    readings_in: str = ""
    damage: str = ""  # what is wrong with the movie, which was archived as it is at the provider
    copy_of: str = ""  # the object that has its bytes, whichever provider that is of; then `key` only points to it
    agreed: str = ""  # the digest that has shown it, such as `sha256:<hex>`
    same_as: str = ""  # an object that had the same content before; both are stored
    noted: bool = False  # its content is known to whoever looks for copies (stores/contents.py)

    def holds(self, item: MediaItem, source: MediaSource) -> bool:
        """Whether this file is in the archive, as of this revision of the item, so that nothing has to be asked."""
        archived = (self.status, self.identity, self.revision)
        return archived == (Status.ARCHIVED, source.identity, item.revision)

    @property
    def own_key(self) -> str:
        """The key of its object; of a copy, the one that it would have."""
        return archive_keys.pointed_from(self.key) if self.copy_of else self.key

    @property
    def version(self) -> Fingerprint:
        return Fingerprint(self.size, self.etag, self.last_modified, self.listed)


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of either kind, in a walk over the whole ledger. `bytes_total` and `disputed` are an item's; what follows
    `filename` is otherwise a source's. A row that cannot be read has the status UNREADABLE and nothing else."""

    sk: str
    media_id: str
    status: Status
    filename: str = ""
    key: str = ""
    size: int = 0
    checksum: str = ""
    copy_of: str = ""
    same_as: str = ""
    noted: bool = False
    damage: str = ""
    disputed: str = ""
    bytes_total: int | None = None

    @property
    def is_item(self) -> bool:
        return self.sk == "ITEM"

    @property
    def is_source(self) -> bool:
        return self.sk.startswith("SOURCE#")


class Claim(msgspec.Struct, frozen=True):
    """The answer to `claim`: whether the item is leased to the caller now, and its row."""

    granted: bool
    row: ItemRow


def repetition_of(copy_of: str, same_as: str, size: int) -> dict[str, int]:
    """What a source adds to the counts of what the archive had before, as `runtime.wording.repeated_of` has them."""
    return {
        **({"copied": 1, "copied_bytes": size} if copy_of else {}),
        **({"twice": 1, "twice_bytes": size} if same_as else {}),
    }


def repeated_in(sources: Sequence[SourceRow]) -> dict[str, float | str]:
    """What of an item the archive had before, as in its row."""
    copied, twice = (sum(row.size for row in sources if getattr(row, name)) for name in ("copy_of", "same_as"))
    return {"copied_bytes": copied, "twice_bytes": twice}


def damage_of(sources: Sequence[SourceRow]) -> str:
    """What is wrong with the movies of an item, in one line; empty: nothing that is known."""
    found = [(number, row.damage) for number, row in enumerate(sources, start=1) if row.damage]
    if len(sources) == 1:
        return "".join(damage for _, damage in found)
    return "; ".join(f"file {number}: {damage}" for number, damage in found)[:DAMAGE_LIMIT]
