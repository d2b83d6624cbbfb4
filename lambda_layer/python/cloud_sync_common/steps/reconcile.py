"""The step Reconcile (archive-reconciler): compares provider, ledger and archive. It never repairs.

Three walks, each in pages and in as many invocations as it takes: the listing, of which it keeps eight bytes an item;
the ledger, whose archived sources it looks up in the archive; the archive, whose objects it looks up in the ledger.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from typing import IO

import msgspec

from cloud_sync_common.filters import EVERYTHING, Filters, Selection
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.absent_items import AbsentItems
from cloud_sync_common.provider_access.certificate import Reconciled, examples_in
from cloud_sync_common.provider_access.disagreements import Disagreement, Finding
from cloud_sync_common.provider_access.listing import Listing, ListingProgress, decode_cursor, encode_cursor
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_access.verification import Verification, counts_of
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.runtime.wording import count_of
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.archive import Archive, ArchivedObject
from cloud_sync_common.stores.contents import Contents
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import LedgerRow, Status, repetition_of
from cloud_sync_common.stores.provider_settings import Mails
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.stores.work_files import WorkFile

PAGE_SECONDS = 20  # what one page of any walk may take; with less time left, the reconciliation pauses
LOOKUPS = 16  # at a time


class ReconcileRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of archive-reconciler. `started_at` is when the run began, ISO 8601; `cursor` is None at first. What
    `filters` leave out is not missing. `mails` says whether the owner wants a mail where nothing disagrees."""

    run_id: str
    provider: str
    started_at: str
    filters: Filters = Filters()
    mails: Mails = Mails.EVERY_NIGHT
    cursor: str | None = None


class Walk(StrEnum):
    """What is walked, in this order."""

    PROVIDER = "provider"
    LEDGER = "ledger"
    ARCHIVE = "archive"
    DONE = "done"


class Progress(msgspec.Struct, kw_only=True):
    """How far a reconciliation is: the walk, the place in it, and what it has counted."""

    walk: Walk = Walk.PROVIDER
    place: str | None = None
    listing: ListingProgress = msgspec.field(default_factory=ListingProgress)
    items: int = 0
    sources: int = 0
    objects: int = 0
    left_out: int = 0
    repeated: dict[str, int] = msgspec.field(default_factory=dict)
    beside: dict[str, int] = msgspec.field(default_factory=dict)  # what a certificate says of files and their objects
    findings: dict[str, int] = msgspec.field(default_factory=dict)
    report_bytes: int = 0  # of the two files, what belongs to the counts above
    listed_bytes: int = 0
    asked: int = 0  # items that were not listed, and for which the provider was asked by themselves


class ReconcileResult(msgspec.Struct, frozen=True, kw_only=True):
    """Counts what was walked: `items` of the provider, archived `sources` of the ledger, `objects` of the archive.
    `left_out` are rows of the provider that filters leave out and that are not archived, `repeated` counts sources with
    the content of another object, as in a run's report. `findings` counts disagreements by kind; the file `report_key`
    in the work bucket names each."""

    status: StepStatus
    next_cursor: str | None = None
    report_key: str = ""
    items: int = 0
    sources: int = 0
    objects: int = 0
    left_out: int = 0
    repeated: dict[str, int] = {}
    findings: dict[str, int] = {}


@dataclass(frozen=True)
class ArchiveReconciler:
    """Reconciles one provider's library with its ledger and its archive."""

    session: AuthorisedSession
    ledger: Ledger
    runs: Runs
    archive: Archive
    listed: WorkFile
    report: WorkFile
    verification: Verification
    deadline: Deadline
    contents: Contents | None = None  # where somebody looks for copies

    def reconcile(self, request: ReconcileRequest) -> ReconcileResult:
        """Walks until everything is compared or time is up.

        Raises CredentialsExpiredError, ProviderUnavailableError, ProviderThrottledError, ProviderContractError,
        ArchiveUnavailableError, ConfigurationError.
        """
        if request.cursor is None and self.runs.is_under_way():
            self.verification.could_not_begin(request.provider)
            return ReconcileResult(status=StepStatus.ALREADY_RUNNING)
        progress = decode_cursor(request.cursor, Progress)
        with (
            self.report.extended(progress.report_bytes) as report,
            self.listed.extended(progress.listed_bytes) as listed,
        ):
            listing = Listing(self.session, EVERYTHING, progress.listing)
            wanted = self.session.selection(request.filters, datetime.fromisoformat(request.started_at))
            walks = _Walks(self, progress, listing, report, listed, wanted.now, wanted)
            with closing(listing):
                done = walks.go_on()
            progress.report_bytes, progress.listed_bytes = report.seek(0, 2), listed.seek(0, 2)
        if walks.listing_starts_again:
            # The next invocation does it: until its answer arrives, the files that this one continued may be needed
            # again.
            progress = Progress(listing=progress.listing.from_the_start(progress.items))
        result = self._result(progress, done=done)
        if done:
            self._conclude(progress, request, result)
        return result

    def _result(self, progress: Progress, *, done: bool) -> ReconcileResult:
        return ReconcileResult(
            status=StepStatus.COMPLETE if done else StepStatus.IN_PROGRESS,
            next_cursor=None if done else encode_cursor(progress, progress.listing),
            report_key=self.report.key,
            items=progress.items,
            sources=progress.sources,
            objects=progress.objects,
            left_out=progress.left_out,
            repeated=progress.repeated,
            findings=progress.findings,
        )

    def _conclude(self, progress: Progress, request: ReconcileRequest, result: ReconcileResult) -> None:
        logger.info("reconciled", extra=msgspec.to_builtins(result))
        one = Reconciled(
            provider=request.provider,
            run_id=request.run_id,
            began_at=request.started_at,
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
            is_new=True,
            items=result.items,
            sources=result.sources,
            objects=result.objects,
            left_out=result.left_out,
            listed_again=max(progress.listing.rows - progress.items, 0),
            findings=result.findings,
            report_key=result.report_key,
            examples=examples_in(self.report.lines()) if result.findings else [],
        )
        self.verification.conclude(one, progress.beside, result.repeated, request.mails)


class _OutOfTime(Exception):
    """A page needs more time than is left; the next invocation begins with it."""


@dataclass
class _Walks:
    """The part of the three walks that one invocation does."""

    reconciler: ArchiveReconciler
    progress: Progress
    listing: Listing
    report: IO[bytes]
    listed: IO[bytes]  # a fingerprint of eight bytes for each id that the provider lists
    began: datetime
    selection: Selection  # what runs archive
    listing_starts_again: bool = False  # because it does not add up
    _noted: set[int] = field(default_factory=set)
    _pages: int = 0  # that this invocation has done

    def go_on(self) -> bool:
        """True when all walks are over, False when time is up or the listing has to start again."""
        walks: dict[Walk, tuple[Callable[[str | None], str | None], Walk]] = {
            Walk.PROVIDER: (self._provider_page, Walk.LEDGER),
            Walk.LEDGER: (self._ledger_page, Walk.ARCHIVE),
            Walk.ARCHIVE: (self._archive_page, Walk.DONE),
        }
        while self.progress.walk is not Walk.DONE:
            page, then = walks[self.progress.walk]
            try:
                self.progress.place = page(self.progress.place)
            except _OutOfTime:
                return False
            self._pages += 1
            if self.progress.place is None:
                self.progress.walk = then
            over = self.progress.walk is Walk.DONE
            if self.listing_starts_again or not (over or self.reconciler.deadline.allows(PAGE_SECONDS)):
                return False
        return True

    def _note(self, kind: Disagreement, media_id: str = "", key: str = "", detail: str = "") -> None:
        self.progress.findings[kind] = self.progress.findings.get(kind, 0) + 1
        self.report.write(msgspec.json.encode(Finding(kind, media_id, key, detail)) + b"\n")

    def _provider_page(self, _place: str | None) -> str | None:
        """Remembers what is listed. Absence is only believed when the listing adds up."""
        page = self.listing.next_page()
        self.listed.write(array("Q", map(_fingerprint, page.ids)).tobytes())
        known = self.reconciler.ledger.states(item.media_id for item in page.items)
        for item in page.items:
            row = known.get(item.media_id)
            if row and row.status is Status.ARCHIVED:
                continue
            if self.selection.reason(item):
                self.progress.left_out += 1
            elif self._is_noted(item.media_id):
                continue  # the provider lists it a second time
            elif row is None:
                self._note(Disagreement.NOT_IN_LEDGER, item.media_id, detail=item.filename)
            else:
                self._note(Disagreement.NOT_ARCHIVED, item.media_id, detail=f"{item.filename} ({row.status})")
        if page.next_cursor is None:
            self.progress.items = len(self._read_fingerprints())
            self.listing_starts_again = not self.listing.adds_up(self.progress.items)
        return page.next_cursor

    def _is_noted(self, media_id: str) -> bool:
        """Whether this item was asked for here before, or had a finding before this invocation began."""
        fingerprint = _fingerprint(media_id)
        is_noted = fingerprint in self._noted or _contains(self._noted_before, fingerprint)
        self._noted.add(fingerprint)
        return is_noted

    @cached_property
    def _noted_before(self) -> array[int]:
        """The fingerprints of the items that the report names, in order; first asked for before there is a new one."""
        self.report.seek(0)
        return array(
            "Q", sorted(_fingerprint(msgspec.json.decode(line, type=Finding).media_id) for line in self.report)
        )

    @cached_property
    def _fingerprints(self) -> array[int]:
        """The fingerprints of a listing that is complete."""
        return self._read_fingerprints()

    def _read_fingerprints(self) -> array[int]:
        """The fingerprints of all listed ids, sorted, each once."""
        self.listed.seek(0)
        found = array("Q", self.listed.read())
        return array("Q", (fingerprint for fingerprint, _ in groupby(sorted(found))))

    def _ledger_page(self, place: str | None) -> str | None:
        """Items that the provider no longer has or whose sources do not make it up, archived sources whose object is
        not what the row says, and rows that cannot be read. Raises _OutOfTime."""
        rows, next_place = self.reconciler.ledger.page(place)
        self._look_for([row for row in rows if row.is_item and not self._is_listed(row.media_id)])
        sources = _by_item(row for row in rows if row.is_source)
        for row in rows:
            if row.status is Status.UNREADABLE:
                self._note(Disagreement.ODD_ROW, row.media_id, detail=f"the row {row.sk}")
            if row.is_item and _what_is_missing(row, sources.get(row.media_id, [])):
                self._judge_again(row.media_id)
        archived = [row for row in rows if row.is_source and row.status is Status.ARCHIVED]
        self.progress.sources += len(archived)
        for name, count in counts_of(rows):
            self.progress.beside[name] = self.progress.beside.get(name, 0) + count
        with ThreadPoolExecutor(LOOKUPS) as lookups:
            found = lookups.map(self._stored, archived)
            for row, there in zip(archived, found, strict=True):
                self._compare(row, there)
                for name, count in repetition_of(row.copy_of, row.same_as, row.size).items():
                    self.progress.repeated[name] = self.progress.repeated.get(name, 0) + count
        return next_place

    def _stored(self, row: LedgerRow) -> ArchivedObject | None:
        """The object with a source's bytes; of a copy, its pointer has to be there, too. What was archived before
        anybody looked for copies is noted for them."""
        there = self.reconciler.archive.find(row.key)
        if there and row.copy_of:
            there = self.reconciler.archive.find(row.copy_of)
        contents, is_sound = (
            self.reconciler.contents,
            there and (there.size, there.checksum) == (row.size, row.checksum),
        )
        if contents and is_sound and not row.noted:
            contents.note(row.key, row.size, row.checksum)
        return there

    def _kind_of_stray(self, key: str) -> Disagreement:
        """Of an object that no row of its item names."""
        contents = self.reconciler.contents
        there = self.reconciler.archive.find(key) if contents else None
        is_needed = contents and there and contents.needs(key, there.size, there.checksum)
        return Disagreement.NEEDED_OBJECT if is_needed else Disagreement.ORPHAN_OBJECT

    def _look_for(self, rows: list[LedgerRow]) -> None:
        """Asks for items that are not listed, and notes what became of them."""
        absent = AbsentItems(self.reconciler.session, self.progress.asked)
        if self._pages and not self.reconciler.deadline.allows(absent.seconds(len(rows)) + PAGE_SECONDS):
            raise _OutOfTime
        found = absent.look_for([row.media_id for row in rows])
        self.progress.asked = absent.asked
        for row in rows:
            kind = Disagreement.UNLISTED if found.get(row.media_id) else Disagreement.GONE_AT_SOURCE
            kind = kind if row.media_id in found else Disagreement.NOT_ASKED_FOR
            self._note(kind, row.media_id, detail=f"{row.filename} ({row.status})")

    def _judge_again(self, media_id: str) -> None:
        """Reads an item with all of its sources: some of them may be on another page, or have changed meanwhile."""
        rows = self.reconciler.ledger.rows_of(media_id)
        sources = [row for row in rows if row.is_source]
        for item in rows:
            if item.is_item and (missing := _what_is_missing(item, sources)):
                self._note(Disagreement.INCOMPLETE_ITEM, media_id, detail=f"{item.filename}: {missing}")

    def _compare(self, row: LedgerRow, found: ArchivedObject | None) -> None:
        if found is None:
            self._note(Disagreement.MISSING_OBJECT, row.media_id, row.key, row.copy_of and f"a copy of {row.copy_of}")
        elif found.size != row.size:
            self._note(Disagreement.SIZE_DIFFERS, row.media_id, row.key, f"{found.size} instead of {row.size} bytes")
        elif found.checksum != row.checksum:
            detail = f"{found.checksum or 'none'} instead of {row.checksum}"
            self._note(Disagreement.CHECKSUM_DIFFERS, row.media_id, row.key, detail)

    def _is_listed(self, media_id: str) -> bool:
        return _contains(self._fingerprints, _fingerprint(media_id))

    def _archive_page(self, place: str | None) -> str | None:
        """Objects that no row names. A younger one than this run may belong to a run that started meanwhile."""
        objects = self.reconciler.archive.page(f"{self.reconciler.session.provider.name}/", place or "")
        self.progress.objects += len(objects)
        for media_id, group in groupby(objects, lambda found: archive_keys.media_id_of(found.key)):
            named = self.reconciler.ledger.keys_of(media_id)
            for found in group:
                is_named = found.key in named or archive_keys.pointed_from(found.key) in named
                if not is_named and found.last_modified < self.began:
                    self._note(self._kind_of_stray(found.key), media_id, found.key, f"{found.size} bytes")
        return objects[-1].key if objects else None


def _by_item(rows: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    items: dict[str, list[LedgerRow]] = {}
    for row in rows:
        items.setdefault(row.media_id, []).append(row)
    return items


def _what_is_missing(item: LedgerRow, sources: list[LedgerRow]) -> str:
    """What an item that is ARCHIVED lacks, in words; empty when its sources are all archived and make it up."""
    if item.status is not Status.ARCHIVED:
        return ""
    if not sources:
        return "it has no source"
    if left := [source.sk for source in sources if source.status is not Status.ARCHIVED]:
        return f"{count_of(len(left), 'source')} of {len(sources)} not archived, such as {left[0]}"
    total = sum(source.size for source in sources)
    if total != item.bytes_total:
        return f"its sources have {total} bytes, and the item says {item.bytes_total}"
    return ""


def _contains(ordered: array[int], fingerprint: int) -> bool:
    at = bisect_left(ordered, fingerprint)
    return at < len(ordered) and ordered[at] == fingerprint


def _fingerprint(media_id: str) -> int:
    """64 bits of an id: among ten million, two equal ones are unlikely (1 in 370,000)."""
    return int.from_bytes(blake2b(archive_keys.kept_id(media_id).encode(), digest_size=8).digest(), "big")
