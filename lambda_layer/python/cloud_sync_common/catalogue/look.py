"""Looks into one archived item: what its details are, and its picture."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import msgspec

from cloud_sync_common.catalogue.at_provider import AtProvider
from cloud_sync_common.catalogue.details import UNSAID, Archived, details_of
from cloud_sync_common.catalogue.frames import Frames
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    CloudSyncError,
    ConfigurationError,
    MediaNotFoundError,
    OriginalRefusedError,
    OriginalUnavailableError,
    PictureUnavailableError,
    RangeIgnoredError,
    SourceChangedError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.movie.facts import MovieFacts
from cloud_sync_common.movie.reading import Movie, read_movie
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.archived_bytes import ArchivedFiles, NotAtHand
from cloud_sync_common.stores.catalogue_rows import CatalogueFile, Details, Picture
from cloud_sync_common.transfer.movie_boxes import is_movie_name

# What will not be otherwise in another night: then the item has what the other sources say.
_LASTS = (
    MediaNotFoundError,
    OriginalRefusedError,
    OriginalUnavailableError,
    PictureUnavailableError,
    RangeIgnoredError,
    SourceChangedError,
)
_MOST_FILES = 20  # of an item whose durations are added up


@dataclass(frozen=True)
class Looked:
    """`problem` is the category of a trouble that may pass, so that a later look may find more; empty: there was
    none."""

    details: Details
    thumbnail: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class Look:
    """At one provider's items, within one invocation. Without `frames` no picture is kept: its place could not be taken
    out of it. Without `places` nothing says where an item was taken."""

    provider: AtProvider
    photo_kinds: Collection[str]
    archive: ArchivedFiles
    frames: Frames | None = None
    places: bool = True

    def into(self, archived: Archived) -> Looked:
        """Whatever goes wrong with the item, there are details: what is known without what was asked for. Raises
        ArchiveUnavailableError, ConfigurationError."""
        return _LookAtItem(self, archived).looked()


@dataclass
class _LookAtItem:
    look: Look
    archived: Archived
    problem: str = ""
    _movie: Movie | None = None
    _described: MediaItem | None = None
    _troubles: list[str] = field(default_factory=list)

    def looked(self) -> Looked:
        facts, picture, thumbnail = UNSAID, Picture.NONE, b""
        with self._noting():
            facts = self._facts()
        if self.look.frames:
            picture, thumbnail = self._picture(self.look.frames)
        if not self.look.places:
            facts = replace(facts, place=None)
        details = details_of(self.look.provider.name, self._as_described(), self.look.photo_kinds, facts)
        has_picture = picture is not Picture.NONE or self.look.frames is None
        is_whole = has_picture and (self._movie is not None or not self._is_movie)
        problem = "" if is_whole or not self._troubles else self._troubles[0]
        return Looked(msgspec.structs.replace(details, picture=picture), thumbnail, problem)

    def _as_described(self) -> Archived:
        """With what the provider says, where it was asked; the time by which its keys are made stays."""
        if self._described is None:
            return self.archived
        kept = self.archived.item
        item = msgspec.structs.replace(self._described, media_id=kept.media_id, captured_at=kept.captured_at)
        return replace(self.archived, item=item, is_described=True)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Notes what goes wrong in the block. What nobody has foreseen is of this item alone as well; what AWS refuses
        would be refused for each, and is raised."""
        try:
            yield
        except NotAtHand:
            pass
        except (ArchiveUnavailableError, ConfigurationError):
            raise
        except _LASTS as error:
            logger.info("not to be had", extra={"media_id": self.archived.item.media_id, "category": error.category})
        except CloudSyncError as error:
            self._troubles.append(error.category)
        except Exception as error:
            logger.warning("a defect", extra={"media_id": self.archived.item.media_id, "error": type(error).__name__})
            self._troubles.append(CloudSyncError.category)

    # The movie

    @property
    def _is_movie(self) -> bool:
        return any(is_movie_name(file.key) for file in self.archived.files[:1])

    def _facts(self) -> MovieFacts:
        """Of the first file, with the duration of all; what is frozen is read at the provider."""
        if not self._is_movie:
            return UNSAID
        first, *others = self.archived.files
        self._movie, is_at_hand = self._read(first)
        facts = self._movie.facts
        if not others:
            return facts
        return replace(facts, duration=self._duration(facts.duration, others) if is_at_hand else None)

    def _read(self, file: CatalogueFile) -> tuple[Movie, bool]:
        """The movie, and whether the archive has given it."""
        try:
            return read_movie(self.look.archive.opened(file.key, file.bytes)), True
        except NotAtHand:
            source = self.look.provider.file(self._item(), file.number, self.archived.sources)
            return read_movie(source), False

    def _duration(self, first: float | None, others: list[CatalogueFile]) -> float | None:
        """Of all files together; None where one does not say it."""
        if len(others) >= _MOST_FILES:
            return None
        durations = [first]
        with suppress(NotAtHand):
            for file in others:
                movie = read_movie(self.look.archive.opened(file.key, file.bytes))
                durations.append(movie.facts.duration)
        known = [duration for duration in durations if duration is not None]
        return sum(known) if len(known) == 1 + len(others) else None

    def _item(self) -> MediaItem:
        """As the provider describes it. Raises MediaNotFoundError where it has it no more."""
        if self.archived.is_described:
            return self.archived.item
        if self._described is None:
            found = self.look.provider.described(self.archived.item.media_id)
            if found is None or kept_id(found.media_id) != self.archived.item.media_id:
                raise MediaNotFoundError("The provider does not have this item any more.")
            self._described = found
        return self._described

    # The picture

    def _picture(self, frames: Frames) -> tuple[Picture, bytes]:
        """The provider's thumbnail, or its sprite, or a frame of the movie, whichever is first."""
        found = Picture.NONE, b""
        with self._noting():
            found = self._of_provider(frames)
        if not found[1] and self._movie is not None:
            with self._noting():
                key_picture = self._movie.key_picture()
                thumbnail = frames.of_movie(key_picture) if key_picture else b""
                found = (Picture.FRAME, thumbnail) if thumbnail else found
        return found

    def _of_provider(self, frames: Frames) -> tuple[Picture, bytes]:
        for link in self.look.provider.picture_links(self._item()):
            with self._noting():
                if thumbnail := frames.of_image(self.look.provider.picture(link), link.crop):
                    return Picture(link.kind), thumbnail
        return Picture.NONE, b""
