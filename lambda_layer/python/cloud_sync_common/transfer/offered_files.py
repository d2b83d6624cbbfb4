"""The files that a provider offers of one item: which they are, and whether they are all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cloud_sync_common import source_identity
from cloud_sync_common.exceptions import OriginalUnavailableError, ShortReadError
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.stores.ledger_rows import SourceRow


def as_numbered_before(sources: list[MediaSource], known: Mapping[int, SourceRow]) -> list[MediaSource]:
    """The sources with the numbers that they have in the ledger, so that none takes another's row and object."""
    listed = [(source.file_number, source.identity) for source in sources]
    numbers = source_identity.kept_numbers(listed, {number: row.identity for number, row in known.items()})
    return [replace(source, file_number=number) for source, number in zip(sources, numbers, strict=True)]


def with_what_is_left(item: MediaItem, archived: list[SourceRow], put_off: list[MediaSource]) -> MediaSource:
    """The one source whose length nobody knows, with what the others leave of the item's size. Raises ShortReadError
    when that cannot be said."""
    left = (item.size or 0) - sum(row.size for row in archived)
    if len(put_off) > 1 or left <= 0:
        raise ShortReadError(
            f"Nobody says how long file {put_off[0].file_number} of this video is, so nothing would show that it is "
            "whole. It is not stored, and asked for again."
        )
    return replace(put_off[0], size=left)


def check_count(sources: list[MediaSource]) -> None:
    """Raises OriginalUnavailableError: each file is an object to pay for, however small it is."""
    if len(sources) > source_identity.MOST_FILES:
        raise OriginalUnavailableError(
            f"The provider offers {len(sources):,} files of this video, and Cloud Sync believes in at most "
            f"{source_identity.MOST_FILES:,}; none is archived. Look at the video with the provider."
        )


def check_complete(sources: list[MediaSource]) -> None:
    """What is offered is safe by now; an item of which the provider says that it has more is not ARCHIVED."""
    expected = max(source.file_count for source in sources)
    if len(sources) < expected:
        raise OriginalUnavailableError(
            f"The provider offers only {len(sources)} of the {expected} files of this video; those are archived."
        )
