"""What the size that a provider lists says about the file that its server sends."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync_common.exceptions import OriginalUnavailableError, ShortReadError
from cloud_sync_common.provider_interface import UNKNOWN, MediaItem, MediaSource
from cloud_sync_common.transfer.ranged_get import Range

# A claimed size may be out of date by a few kB (provider_interface.MediaItem); half of it is another file.
MIN_FRACTION_OF_CLAIMED_SIZE = 0.5
CLAIM_SLACK = 16 * 1024  # bytes by which a file that says where it ends may be smaller than listed, and one hundredth


@dataclass(frozen=True)
class ListedSize:
    """The size in bytes that the provider lists for one file; None when it lists none."""

    size: int | None

    @classmethod
    def of(cls, item: MediaItem, source: MediaSource) -> ListedSize:
        """Where an item has several files, its size says nothing about one of them."""
        if source.size is not None:
            return cls(source.size)
        return cls(item.size if item.source_count == source.file_count == 1 else None)

    def check(self, size: int) -> None:
        """Raises OriginalUnavailableError when the source is much smaller than the provider says that the original
        is."""
        claimed = self.size or 0
        if size < claimed * MIN_FRACTION_OF_CLAIMED_SIZE:
            raise OriginalUnavailableError(
                f"The source has {size} bytes, and the provider says that the original has {claimed}; a file that "
                "is so much smaller is not stored in its place."
            )

    def check_end(self, opened: Range, size: int) -> None:
        """Raises ShortReadError when a whole file, whose length is announced once or not at all, ends before the size
        that the provider lists: it may have been cut, and only that size could show it."""
        least = 0 if opened.length != UNKNOWN else 1
        if self.size is not None:
            least = self.size - (min(CLAIM_SLACK, self.size // 100) if opened.is_delimited else 0)
        if size < least:
            raise ShortReadError(
                f"The source does not send ranges, and ends after {size} bytes, while the provider lists "
                f"{self.size if self.size is not None else 'no size'}; what may be cut off is not stored. It is asked "
                "for again."
            )
