"""The step Catalogue (catalogue-writer): describes what is archived, so that it can be looked through although it is
frozen.

First the items of this run that are ARCHIVED, then older ones. Nothing depends on it: whatever goes wrong with one item
is counted, and the next one follows; whatever goes wrong with all of it is left to a later night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched, islice

import msgspec

from cloud_sync_common.catalogue.backfill import Backfill
from cloud_sync_common.catalogue.entries import Entries
from cloud_sync_common.catalogue.indexes import Indexes
from cloud_sync_common.catalogue.look import Look
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_progress import CatalogueProgress, CatalogueProgresses
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest

MOST_SLICES = 4  # invocations of one night; the report waits for them
ITEM_SECONDS = 60  # what one item may take; with less time left, the next invocation goes on
_WRITTEN_EVERY = 25  # items


class Night(msgspec.Struct, kw_only=True):
    """What one invocation hands to the next: how many invocations there were, how many items of the manifest are done,
    whether the walk through the archive goes on tonight, its requests to the provider, and the bytes that that has
    sent."""

    slices: int = 0
    items: int = 0
    walks: bool = True
    requests: int = 0
    bytes: int = 0


class CatalogueRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of catalogue-writer. `new` is the number of items in the manifest. `next` is None at the start."""

    run_id: str
    provider: str
    new: int = 0
    next: Night | None = None


class CatalogueResult(msgspec.Struct, frozen=True, kw_only=True):
    """`detailed` and `failures` count what this invocation has looked into, and what it met trouble with."""

    status: StepStatus
    next: Night | None = None
    detailed: int = 0
    failures: int = 0


@dataclass(frozen=True)
class CatalogueWriter:
    """Describes the archived items of one provider."""

    provider: str
    ledger: Ledger
    manifest: Manifest
    archive: Archive
    catalogue: Catalogue
    progresses: CatalogueProgresses
    look: Look
    most_requests: int  # to the provider, that the walk may make in one night
    deadline: Deadline

    def write(self, request: CatalogueRequest) -> CatalogueResult:
        """Until everything is described, or the time is up.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        work = _Slice(self, request, request.next or Night(), self.progresses.get())
        is_done = work.go_on()
        work.night.bytes = self.look.provider.received
        counts = {"detailed": work.entries.detailed, "failures": work.entries.failures.total()}
        if counts["detailed"] or work.entries.failures:
            logger.info("the catalogue", extra={**counts, "categories": dict(work.entries.failures)})
        status = StepStatus.COMPLETE if is_done else StepStatus.IN_PROGRESS
        return CatalogueResult(status=status, next=None if is_done else work.night, **counts)


class _Slice:
    """What one invocation does."""

    def __init__(
        self, writer: CatalogueWriter, request: CatalogueRequest, night: Night, progress: CatalogueProgress
    ) -> None:
        self._writer, self._request, self.night, self._progress = writer, request, night, progress
        self.entries = Entries(writer.ledger, writer.catalogue, Indexes(writer.catalogue), writer.look)
        self._begun = 0
        self._noted = (0, 0, 0)  # which of the entries' counts the row has
        self._prefix = f"{writer.provider}/"
        writer.look.provider.received = night.bytes

    def go_on(self) -> bool:
        """True when nothing is left for tonight."""
        if self.night.slices == 0:
            self._begin()
        self.night.slices += 1
        is_last = self.night.slices >= MOST_SLICES
        if not self._new_items():
            if is_last:
                self._note(again=1, run_id="")  # the walk of a later night finds what is left of them
            return is_last
        return not self.night.walks or self._walk() or is_last

    def _begin(self) -> None:
        """Decides whether this night walks. A run that was stopped amid its new items has left some of them."""
        known, run_id = self._progress, self._request.run_id if self._request.new else ""
        is_stopped = known.run_id not in ("", self._request.run_id)
        changed = msgspec.structs.replace(known, run_id=run_id, again=known.again + is_stopped)
        if changed.has_to_begin(datetime.now(UTC)):
            changed = changed.begun(self._prefix)
        if changed != known:
            self._replace(changed)
        self.night.walks = not self._progress.complete

    def _new_items(self) -> bool:
        """True when all of this run are described."""
        if self.night.items >= self._request.new:
            return True
        for items in batched(islice(self._writer.manifest.items(), self.night.items, None), _WRITTEN_EVERY):
            done = self._enter(items)
            self.entries.indexes.write()
            self.night.items += done
            if done < len(items):
                self._note()
                return False
        self.night.items = self._request.new
        self._note(run_id="")
        return True

    def _enter(self, items: tuple[MediaItem, ...]) -> int:
        """How many of them are done. What is not archived does not belong into the catalogue."""
        rows = self._writer.ledger.known(item.media_id for item in items)
        for number, item in enumerate(items):
            if not self._has_time():
                return number
            row = rows.get(item.media_id)
            if row and row.holds(item.revision):
                self.entries.enter(item, row, is_described=True)
        return len(items)

    def _has_time(self) -> bool:
        """The first item is always begun, so that an invocation does something."""
        self._begun += 1
        return self._begun == 1 or self._writer.deadline.allows(ITEM_SECONDS)

    def _walk(self) -> bool:
        """True when the walk is over, or has had all that it may have tonight."""
        provider = self._writer.look.provider
        before, asked = provider.requests, self.night.requests

        def has_requests() -> bool:
            self.night.requests = asked + provider.requests - before
            return self.night.requests < self._writer.most_requests and provider.refusal is None

        walk = Backfill(
            prefix=self._prefix,
            archive=self._writer.archive,
            ledger=self._writer.ledger,
            catalogue=self._writer.catalogue,
            entries=self.entries,
            may_go_on=lambda: has_requests() and self._has_time(),
            note=self._note_cursor,
            is_last_try=self._progress.is_last_try,
        )
        if walk.go_on(self._progress.cursor):
            self._replace(self._counted().ended())
            return True
        return not has_requests() or not self.night.walks

    def _note_cursor(self, cursor: str) -> bool:
        """False where the owner wants the walk to begin again, which it does in the next night."""
        self.night.walks = self._replace(msgspec.structs.replace(self._counted(), cursor=cursor))
        return self.night.walks

    def _note(self, again: int = 0, **changes: str) -> None:
        self._replace(msgspec.structs.replace(self._counted(again), **changes))

    def _counted(self, again: int = 0) -> CatalogueProgress:
        """The row, with what was done since it was written last."""
        entries, known = self.entries, self._progress
        now = (entries.detailed, entries.without_picture, entries.failures.total())
        detailed, without, failures = (count - noted for count, noted in zip(now, self._noted, strict=True))
        self._noted = now
        return msgspec.structs.replace(
            known,
            detailed=known.detailed + detailed,
            without_picture=known.without_picture + without,
            failures=known.failures + failures,
            again=known.again + failures + again,
        )

    def _replace(self, changed: CatalogueProgress) -> bool:
        """Whether the row was written. One that the owner's command has changed meanwhile is as that has left it."""
        if self._writer.progresses.replace(self._progress, changed):
            self._progress = changed
            return True
        self._progress = self._writer.progresses.get()
        return False
