"""The rows of one page, sorted into media, other files, and what is left alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cloud_sync_common.file_services.listing_cursor import FeedCursor
from cloud_sync_common.file_services.media_files import NOT_DOWNLOADABLE, OTHER_FILES
from cloud_sync_common.filters import Reason
from cloud_sync_common.provider_interface import MediaItem, MediaPage


@dataclass
class SortedRows:
    """`kinds` are those of media that are asked for. Whatever is not among `items` is counted by its reason. Of other
    files, and of media that cannot be downloaded, the ids are kept as well: some may have been archived before, and
    are not missing now."""

    kinds: tuple[str, ...]
    items: list[MediaItem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def takes(self, reason: str, kind: str, file_id: str) -> bool:
        """Whether a row is an item. `reason` is why it is left alone, empty where it is not; `kind` is empty for what
        is no media."""
        if reason:
            self.left_out[reason] += 1
            self.ignored += [file_id] * (reason == NOT_DOWNLOADABLE and kind != "")
        elif kind not in self.kinds:
            self.ignored.append(file_id)
            self.left_out[Reason.KINDS.value if kind else OTHER_FILES] += 1
        return not reason and kind in self.kinds

    def page(self, beyond: FeedCursor | None) -> MediaPage:
        """The page; `beyond` is the cursor after it, None at the end. Raises as FeedCursor.text."""
        return MediaPage(
            items=tuple(self.items),
            ignored=tuple(self.ignored),
            left_out=dict(self.left_out),
            next_cursor=beyond.text() if beyond else None,
        )
