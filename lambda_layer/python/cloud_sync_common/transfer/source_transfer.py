"""Archives one source: finds out what is there already, plans, moves the bytes, and notes the result with its proofs.

S3 remembers the parts, the ledger the upload; so a slice that runs out of time, or is killed, costs at most the parts
that were under way.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial

import msgspec

from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    IntegrityError,
    SourceChangedError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.archive import (
    ObjectExists,
    Part,
    UploadGone,
    WriteConflict,
    combined_checksum,
)
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import source_rows
from cloud_sync_common.transfer.copied_source import CopiedSource, SameAsAnother
from cloud_sync_common.transfer.earlier_copy import EarlierCopy, Readings, SameContent, content_of, number_after
from cloud_sync_common.transfer.first_contact import Archived, FirstContact, InParts, KeyTaken, OutOfTime
from cloud_sync_common.transfer.listed_size import ListedSize
from cloud_sync_common.transfer.listed_version import check_listed
from cloud_sync_common.transfer.part_plan import SLOW_CONNECTION, PartPlan, largest_put, plan_parts
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.range_transfer import (
    MOST_LOOKS,
    ArchivedContent,
    Compare,
    RangeTransfer,
    TransferOptions,
)
from cloud_sync_common.transfer.ranged_get import Range
from cloud_sync_common.transfer.second_look import LooksDamaged, SecondLook
from cloud_sync_common.transfer.side_by_side import in_a_thread
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_rows import SourceLedger


class LostLease(Exception):
    """Another invocation moves this source now."""


class LengthUnknown(Exception):
    """Nothing would show that this file is whole: neither its server nor the provider says how long it is, and the end
    of its body is the end of the connection."""


class SourceTransfer:
    """One source of one item, for one run."""

    def __init__(
        self,
        options: TransferOptions,
        ledger: Ledger,
        provider: str,
        item: MediaItem,
        source: MediaSource,
        link: SourceLink,
        run_id: str,
    ) -> None:
        self._options, self._provider, self._item, self._source = options, provider, item, source
        self._link, self._run_id = link, run_id
        self._ledger = SourceLedger(ledger, item.media_id, source.file_number, run_id)
        self._archive, self._bytes = options.archive, RangeTransfer(options, link)
        self._copied = CopiedSource(options, provider, item, self._ledger)
        self._second_look = SecondLook(options.deadline)
        self._had_conflict, self._changes, self._has_strong_etag = False, 0, True
        self._most_at_once = largest_put(options.seconds, options.single_put)

    async def archive(self) -> SourceRow | None:
        """What the ledger says of the source once it is in the archive; None when time was up first.

        A source that changes while it is read is started again, once; then its date is not looked at if it has a strong
        ETag. One without is started twice, and then read by one request. One that looks damaged is read again, once,
        and archived as it is. Raises LostLease, LengthUnknown and every leaf of the error tree.
        """
        while True:
            try:
                return await self._archive_version()
            except LooksDamaged:
                self._bytes.looks_left = MOST_LOOKS
                await self._link.refresh()
            except SourceChangedError:
                if self._changes == (1 if self._has_strong_etag else 2):
                    raise
                self._changes += 1
                logger.warning("the source changed while it was read", extra={"media_id": self._item.media_id})

    def _is_certain(self, version: Fingerprint) -> bool:
        """Whether two answers of this version would be known as such."""
        return version.is_certain and (self._changes < 2 or version.has_strong_etag)

    async def _archive_version(self) -> SourceRow | None:
        row = await self._ledger.row()
        copy = row.copy + 1 if row and row.status is Status.ARCHIVED else 1
        self._known = row
        if found := await self._copied.before_a_byte(self._source, row, self._key(copy)):
            return await self._copied.record_unread(self._source, found, row, self._key, copy)
        while True:
            try:
                first = await self._bytes.in_time(self._first_contact(row, copy)) or OutOfTime()
                break
            except KeyTaken:
                copy = number_after(copy)
        match first:
            case Archived():
                return first.row
            case OutOfTime():
                return None
            case InParts():
                return await self._in_parts(first.version, row, copy)

    async def _in_parts(self, version: Fingerprint, row: SourceRow | None, copy: int) -> SourceRow | None:
        if row and row.upload_id:
            date_misleads = self._changes > 0 and row.version != row.version.undated
            if self._is_of(row, version) and not date_misleads:
                return await self._upload(row)
            await in_a_thread(self._archive.abort, row.key, row.upload_id)  # of a version that is no longer there
            if self._is_of(row, version.undated):
                version = version.undated  # only its date is another: the ETag decides from now on
        return await self._begin(version, row, copy)

    async def _first_contact(self, row: SourceRow | None, copy: int) -> FirstContact:
        """Asks for the source, and stores it where one answer is enough. Raises KeyTaken."""
        claimed = self._source.size or self._item.size or 0
        may_fit = claimed <= self._most_at_once and not (row and row.upload_id)
        if may_fit and self._options.stats.bytes_moved and not self._options.deadline.allows(claimed / SLOW_CONNECTION):
            return OutOfTime()
        archived = row if row and row.status is Status.ARCHIVED else None  # one byte shows whether it is still that one
        most = self._most_at_once - 1 if may_fit else 0

        async def ask(source: MediaSource) -> Archived | InParts:
            self._source = source  # as the provider describes it now
            opened = await self._bytes.open(source, 0 if archived else most)
            if archived and most and not self._is_of(archived, opened.fingerprint.undated):
                opened.close()  # it has changed, so that all of it is wanted
                opened = await self._bytes.open(source, most)
            if opened.honoured and opened.length < opened.fingerprint.size and not self._is_certain(opened.fingerprint):
                opened.close()  # nothing could show that a second answer is of the same version: one has to do
                opened = await self._bytes.open(source, opened.fingerprint.size - 1)
            try:
                return await self._answered(opened, row, copy)
            finally:
                opened.close()

        return await self._link.use(ask)

    async def _answered(self, opened: Range, row: SourceRow | None, copy: int) -> Archived | InParts:
        version = opened.fingerprint.undated if self._changes else opened.fingerprint
        self._has_strong_etag = version.has_strong_etag
        if row and row.status is Status.ARCHIVED and self._is_of(row, version.undated):
            return Archived(await self._confirmed(row))
        Readings.of(row)
        listed = ListedSize.of(self._item, self._source)
        if version.size != UNKNOWN:
            listed.check(version.size)
            if not opened.honoured:
                listed.check_end(opened, version.size)
        elif listed.size is None and not opened.is_delimited:
            raise LengthUnknown
        complete = opened.length == version.size != UNKNOWN and version.size <= self._most_at_once
        if opened.honoured and self._is_certain(version) and not complete:
            return InParts(version)
        if version.size == 0:
            logger.warning("the original is empty, and so is its object", extra={"media_id": self._item.media_id})
        if row and row.upload_id:
            await in_a_thread(
                self._archive.abort, row.key, row.upload_id
            )  # one answer replaces what was begun in parts
        key, proofs, metadata = self._key(copy), self._proofs(version), self._metadata(version)
        if complete:
            write = self._bytes.put(opened, key, metadata, proofs, self._compare(version, row, copy))
        else:
            check = partial(listed.check_end, opened) if version.size == UNKNOWN else listed.check
            write = self._bytes.stream(opened, key, metadata, proofs, self._compare(version, row, copy), check)
        in_one = not (complete and opened.honoured)
        return Archived(await self._store(write, version, key, copy, row, single_stream=in_one))

    async def _confirmed(self, row: SourceRow) -> SourceRow:
        """The row of a source that was archived before, noted for this revision, so that no later slice asks again."""
        if row.holds(self._item, self._source):
            return row
        same = msgspec.structs.replace(row, revision=self._item.revision, identity=self._source.identity)
        await self._ledger.archive(same)
        return same

    async def _store(
        self,
        write: Awaitable[ArchivedContent],
        version: Fingerprint,
        key: str,
        copy: int,
        row: SourceRow | None,
        *,
        single_stream: bool,
    ) -> SourceRow:
        """Writes an object and notes it. An object that exists already will do when it is of this version: then the
        ledger has missed an earlier success. Raises KeyTaken when it is of another version."""
        try:
            content = await write
        except SameAsAnother as same:
            return await self._copied.record(self._source, version, same, row, Readings.of(row), self._key, copy)
        except SameContent as same:
            logger.info("the archive has the same bytes already", extra={"media_id": self._item.media_id})
            return await self._note_archived(version, same.copy.key, same.copy.number, same.content, row)
        except ObjectExists:
            there = await self._found(key, version)
            if there is None:
                raise KeyTaken from None
            damage = self._second_look.first_damage(version)
            content = replace(there, single_stream=single_stream, damage=damage)
        return await self._note_archived(version, key, copy, content, row)

    def _compare(self, version: Fingerprint, row: SourceRow | None, copy: int) -> Compare:
        """Raises LooksDamaged, and SameContent for the content that the version before has, or another source."""
        earlier, started = self._earlier(row, copy), time.monotonic()

        async def compare(content: ArchivedContent) -> None:
            self._second_look.check(version, content.damage, time.monotonic() - started)
            if earlier.key:
                await in_a_thread(earlier.compare, self._archive, content)
            await self._copied.check(content, self._key(copy))

        return compare

    def _earlier(self, row: SourceRow | None, copy: int) -> EarlierCopy:
        return EarlierCopy.before(row, self._key(max(copy - 1, 1)), copy - 1)

    async def _begin(self, version: Fingerprint, row: SourceRow | None, copy: int) -> SourceRow | None:
        """Starts a multipart upload under the first key that no other version has. `row` names the upload before."""
        while there := await in_a_thread(self._archive.find, key := self._key(copy)):
            if content := content_of(there, version):  # archived before, and the ledger does not know
                return await self._note_archived(version, key, copy, await self._looked_at(content, version), row)
            copy = number_after(copy)
        plan = self._plan(version)
        is_same = row is not None and self._is_of(row, version)
        begun = source_rows.beginnings(row, self._run_id, is_same=is_same)
        earlier, readings = self._earlier(row, copy), Readings.of(row)
        upload = await in_a_thread(self._archive.begin, key, self._metadata(version))
        if upload.md5_etags:
            plan = self._plan(version, self._proofs(version).source_part)
        self._options.stats.requests += 1
        new = source_rows.begun(
            self._source,
            version,
            key=key,
            copy=copy,
            upload_id=upload.upload_id,
            part_size=plan.part_size,
            beginnings=begun,
            run_id=self._run_id,
            earlier=earlier,
            readings=readings,
        )
        return await self._upload(await self._noted(new, row.upload_id if row else ""))

    def _plan(self, version: Fingerprint, copied: int | None = None) -> PartPlan:
        options, block_size = self._options, self._proofs(version).block_size
        return plan_parts(version.size, options.seconds, options.connections, block_size, copied)

    def _key(self, copy: int) -> str:
        if self._known and self._source.own_name:  # its versions may have been named by its number before
            return archive_keys.later_key(self._known.own_key, self._known.copy, copy)
        return archive_keys.object_key(self._provider, self._item, self._source, copy)

    def _metadata(self, version: Fingerprint) -> dict[str, str]:
        return archive_keys.metadata(self._provider, self._item, self._source, version)

    def _proofs(self, version: Fingerprint) -> Proofs:
        check_etag, for_copies = self._options.check_etag, self._copied.is_recorded
        return Proofs(self._source, version, check_etag=check_etag, for_copies=for_copies)

    async def _noted(self, new: SourceRow, replaces: str) -> SourceRow:
        """Notes an upload that has started. Raises LostLease when another invocation was first."""
        if await self._ledger.begin(new, replaces):
            return new
        await in_a_thread(self._archive.abort, new.key, new.upload_id)
        raise LostLease

    async def _upload(self, row: SourceRow) -> SourceRow | None:
        """Continues a multipart upload."""
        version = row.version
        try:
            parts, proofs = await self._all_parts(row, version)
            if parts is None:
                return None
            await check_listed(self._link, version, proofs)
            write = self._completed(row, parts, proofs)
            return await self._store(write, version, row.key, row.copy, row, single_stream=False)
        except (UploadGone, KeyTaken, WriteConflict) as ended:
            if found := await self._found(row.key, version):  # completed, and the answer was lost; or by somebody else
                return await self._note_archived(version, row.key, row.copy, await self._looked_at(found, version), row)
            if isinstance(ended, WriteConflict):
                self._allow_one_conflict()
            return await self._begin(version, row, row.copy)
        except IntegrityError:
            await in_a_thread(self._archive.abort, row.key, row.upload_id)  # the next attempt starts again
            raise

    def _allow_one_conflict(self) -> None:
        """Raises ArchiveUnavailableError at the second one: to wait and try again is left to the state machine."""
        if self._had_conflict:
            raise ArchiveUnavailableError("Another write of the same object was under way whenever it was completed.")
        self._had_conflict = True

    async def _all_parts(self, row: SourceRow, version: Fingerprint) -> tuple[list[Part] | None, Proofs]:
        """The parts of the whole source, in order, with the proofs that were made on the way; None when time was up
        first. Raises UploadGone."""
        plan, proofs = PartPlan(row.size, row.part_size), self._proofs(version)
        held = await in_a_thread(self._archive.parts, row.key, row.upload_id)
        held = {number: part for number, part in held.items() if part.size == plan.length(number)}
        self._options.stats.held = sum(part.size for part in held.values())
        if held and proofs.is_published:
            proofs.resume(plan, held, await self._ledger.hashes(row.upload_id))
        await self._look_at_boxes(proofs, version, plan, held)
        if len(held) < plan.count:
            moved: dict[int, Part] | None = None
            try:
                moved = await self._bytes.in_time(
                    self._bytes.parts(row.key, row.upload_id, plan, held, version, proofs)
                )
            finally:
                if moved is None or len(moved) < plan.count:
                    await self._ledger.keep_hashes(row.upload_id, proofs.kept(plan))
            if moved is None or len(moved) < plan.count:
                return None, proofs
            held = moved
            await self._look_at_boxes(proofs, version, plan, held)
        return [held[number] for number in sorted(held)], proofs

    async def _look_at_boxes(
        self, proofs: Proofs, version: Fingerprint, plan: PartPlan, held: Mapping[int, Part]
    ) -> None:
        """Asks for boxes in parts that S3 holds, as far as there is time."""
        looking = self._bytes.look_at_boxes(proofs, version, lambda byte: byte // plan.part_size + 1 in held)
        await self._bytes.in_time(looking)

    async def _looked_at(self, content: ArchivedContent, version: Fingerprint) -> ArchivedContent:
        """The content of an object that was there before, with what the movie's boxes show now."""
        proofs = self._proofs(version)
        await self._bytes.in_time(self._bytes.look_at_boxes(proofs, version, lambda _: True))
        damage = proofs.movie.reason or self._second_look.first_damage(version)
        return replace(content, proofs=proofs.made(), damage=damage)

    async def _completed(self, row: SourceRow, parts: list[Part], proofs: Proofs) -> ArchivedContent:
        """The parts as one object. Raises UploadGone, ObjectExists, WriteConflict, IntegrityError, SameContent,
        LooksDamaged."""
        made, damage = proofs.made_of(parts), self._second_look.damage_of_parts(row.version, proofs.movie)
        checksum, hashes = combined_checksum(parts), proofs.hashes
        content = ArchivedContent(row.size, checksum, made, single_stream=False, damage=damage, hashes=hashes)
        try:
            await self._compare(row.version, row, row.copy)(content)
            checksum = await in_a_thread(self._archive.complete, row.key, row.upload_id, parts)
        except (ObjectExists, WriteConflict, SameContent):
            await in_a_thread(self._archive.abort, row.key, row.upload_id)
            raise
        except (ArchiveUnavailableError, LooksDamaged):  # the parts stay, and nobody reads them again
            await self._ledger.keep_hashes(row.upload_id, proofs.kept(PartPlan(row.size, row.part_size)))
            raise
        self._options.stats.requests += 1
        return replace(content, checksum=checksum)

    async def _found(self, key: str, version: Fingerprint) -> ArchivedContent | None:
        there = await in_a_thread(self._archive.find, key)
        return content_of(there, version) if there else None

    async def _note_archived(
        self, version: Fingerprint, key: str, copy: int, content: ArchivedContent, before: SourceRow | None
    ) -> SourceRow:
        """ARCHIVED, in the ledger, with every proof that was made. `before` is the row as it was."""
        readings = Readings.of(before)
        done = source_rows.archived(self._item, self._source, version, content, key=key, copy=copy, readings=readings)
        done = await self._copied.noted(done, content)
        await self._ledger.archive(done)
        return done

    def _is_of(self, row: SourceRow, version: Fingerprint) -> bool:
        """Whether a row is certainly about this file and that version of it; a source that states no size contradicts
        none."""
        another = row.identity and self._source.identity and row.identity != self._source.identity
        return not another and row.version.agrees_with(version)
