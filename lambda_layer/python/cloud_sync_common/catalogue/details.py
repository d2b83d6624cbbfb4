"""The details of an item out of what is known of it: the ledger, the provider's row, the movie, the name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from cloud_sync_common.catalogue import moments
from cloud_sync_common.file_services.media_files import PHOTO_EXTENSIONS
from cloud_sync_common.filters import PHOTO, VIDEO
from cloud_sync_common.movie.facts import MovieFacts
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.providers.camera_makers import maker_in_name
from cloud_sync_common.stores.catalogue_rows import CatalogueFile, Details
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.stores.row_values import now

MOVIE, NAME = "movie", "name"  # where a detail is from
UNSAID = MovieFacts()  # where there is no movie, or none that could be read
_OF_A_MOVIE = ("duration", "width", "height", "frame_rate", "codec", "camera", "firmware", "lens", "hilights", "place")


@dataclass(frozen=True)
class Archived:
    """An item as the ledger has it. `is_described`: `item` is what the provider says, and not only what the ledger has
    kept of it. `sources` are those that are archived, by number."""

    item: MediaItem
    row: ItemRow
    sources: Mapping[int, SourceRow]
    is_described: bool

    @property
    def files(self) -> tuple[CatalogueFile, ...]:
        """Those that are archived, by number; of a copy, with the key of the object that has its bytes."""
        return tuple(
            CatalogueFile(
                number=number,
                key=source.copy_of or source.key,
                bytes=source.size,
                checksum=source.checksum,
                proofs=source.proofs,
                copy_of=source.copy_of,
            )
            for number, source in sorted(self.sources.items())
            if source.status is Status.ARCHIVED
        )


def is_of(details: Details, archived: Archived) -> bool:
    """Whether these details are of that revision of the item, and of those files."""
    return (details.revision, details.files) == (archived.row.revision, archived.files)


def details_of(provider: str, archived: Archived, photo_kinds: Collection[str], facts: MovieFacts = UNSAID) -> Details:
    """What the movie, the provider, the ledger and the name say of an item. `photo_kinds`: Capabilities.photo_kinds."""
    item = archived.item
    moment = moments.captured(
        gps=facts.gps_time,
        listed=item.captured_at,
        listed_from=item.captured_at_from,
        movie=facts.created_at,
        movie_clock=facts.created_clock,
        filename=item.filename,
        is_described=archived.is_described,
    )
    said, taken_from = _said(facts, item.filename)
    return Details(
        provider=provider,
        media_id=item.media_id,
        revision=archived.row.revision,
        filename=item.filename,
        kind=kind_of(item, photo_kinds),
        listed_at=item.captured_at,
        captured_at=moment.at,
        captured_from=moment.said_by,
        captured_clock=moment.clock,
        files=archived.files,
        taken_from=taken_from,
        archived_at=archived.row.archived_at,
        damage=archived.row.damage,
        written_at=now(),
        **said,
    )


def _said(facts: MovieFacts, filename: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The details that a movie or a name says, and which of the two it is."""
    said = {name: value for name in _OF_A_MOVIE if (value := getattr(facts, name))}
    taken_from = dict.fromkeys(said, MOVIE)
    if not facts.camera and (camera := maker_in_name(filename)):
        said["camera"], taken_from["camera"] = camera, NAME
    return said, taken_from


def kind_of(item: MediaItem, photo_kinds: Collection[str]) -> str:
    """Photo or video, by the provider's kind, else by the name."""
    if item.kind:
        return PHOTO if item.kind in photo_kinds else VIDEO
    is_photo = PurePosixPath(item.filename).suffix.lower().removeprefix(".") in PHOTO_EXTENSIONS
    return PHOTO if is_photo else VIDEO
