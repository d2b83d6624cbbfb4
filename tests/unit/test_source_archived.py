"""How one source gets into the archive: what is asked, what is stored, and what the ledger is told of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    IntegrityError,
    OriginalUnavailableError,
    SourceChangedError,
)
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import ArchivedObject, NewUpload, ObjectExists, Part, UploadGone, WriteConflict
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import source_transfer
from cloud_sync_common.transfer.part_plan import MIB, SLOW_CONNECTION, PartPlan
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.range_transfer import ArchivedContent, RangeTransfer, TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.second_look import LooksDamaged, SecondLook
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_rows import MOST_BEGINNINGS
from cloud_sync_common.transfer.source_transfer import LostLease, SourceTransfer

SMALL, LARGE = 1000, 200 * MIB
KEY, KEY_2 = "gopro/0000/00/clip/a.mp4", "gopro/0000/00/clip/a-v2.mp4"
THE_ETAG = '"e"'


def there(size: int = SMALL, etag: str = "e") -> ArchivedObject:
    return ArchivedObject(KEY, size, "sum", {"source-size": str(size), "source-etag": etag})


class World:
    """One item of one source. The provider lists `listed` bytes of it; the source answers with these values."""

    def __init__(self, size: int = SMALL, *, listed: int | None = None, row: SourceRow | None = None) -> None:
        self.version = Fingerprint(size, THE_ETAG)
        self.length, self.honoured = size, True
        self.row, self.objects, self.stats = row, dict[str, ArchivedObject](), TransferStats()
        self.item = MediaItem(media_id="clip", filename="a.mp4", size=listed, revision="/2")
        self.source = MediaSource(file_number=1, filename="a.mp4", identity="front")
        self.left = 900.0
        self.asked: list[int] = []  # the last byte of each question
        self.done: list[str] = []
        self.noted: list[SourceRow] = []
        self.written_error: Exception | None = None  # the error of the next write
        self.completed: list[Exception] = []
        self.lease = True
        self.md5_etags = False
        self.boxes: list[bytes] = []  # what each look at the movie's boxes finds at the start of the file; then nothing
        self.put_damages: list[str] = []  # what the boxes say of each answer; then nothing is wrong
        self.fresh_links, self.replaced_by = 0, cast(Fingerprint | None, None)

    async def archived(self) -> SourceRow | None:
        deadline = Deadline(lambda: self.left, margin=0.0)
        options = TransferOptions(cast(Any, None), cast(Any, self), 1, deadline, 900.0, self.stats)
        link = SourceLink(self.source, self._fresh_link, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
        transfer = SourceTransfer(options, cast(Any, self._ledger()), "gopro", self.item, self.source, link, "run-1")
        return await transfer.archive()

    def run(self) -> SourceRow | None:
        return asyncio.run(self.archived())

    def _fresh_link(self, ended: MediaSource) -> MediaSource:
        self.fresh_links += 1
        self.version = self.replaced_by or self.version
        return ended

    def _ledger(self) -> Any:
        return SimpleNamespace(
            source=lambda *_: self.row, archive_source=self._note_archived, begin_source=self._note_begun
        )

    def _note_archived(self, media_id: str, number: int, run_id: str, row: SourceRow) -> None:
        assert (media_id, number, run_id) == ("clip", 1, "run-1")
        self.noted.append(row)

    def _note_begun(self, media_id: str, number: int, run_id: str, row: SourceRow, *, replaces: str) -> bool:
        assert (media_id, number, run_id) == ("clip", 1, "run-1")
        self.done.append(f"noted {row.upload_id} instead of {replaces or 'none'}")
        self.noted.append(row)
        return self.lease

    # The archive

    def find(self, key: str) -> ArchivedObject | None:
        return self.objects.get(key)

    def begin(self, key: str, _metadata: object) -> NewUpload:
        self.done.append(f"began {key}")
        return NewUpload("upload", self.md5_etags)

    def abort(self, _key: str, upload_id: str) -> None:
        self.done.append(f"aborted {upload_id}")

    def parts(self, _key: str, _upload_id: str) -> dict[int, Part]:
        return {}

    def complete(self, _key: str, _upload_id: str, parts: list[Part]) -> str:
        if self.completed:
            raise self.completed.pop(0)
        assert [part.number for part in parts] == list(range(1, len(parts) + 1))
        return "whole"

    # The bytes

    def written(self, how: str, key: str, size: int, *, single_stream: bool) -> ArchivedContent:
        self.done.append(f"{how} {key}")
        error, self.written_error = self.written_error, None
        if error:
            raise error
        return ArchivedContent(size, "sum", ("source-etag",), single_stream)


class Bytes(RangeTransfer):
    """Moves none; what would be moved is noted in the world, which is the archive of the transfer."""

    async def open(self, _source: MediaSource, last: int) -> Any:
        world = cast(Any, self._archive)
        world.asked.append(last)
        ranged = world.honoured and world.length != UNKNOWN
        length = min(world.length, last + 1) if ranged else world.length
        return SimpleNamespace(fingerprint=world.version, length=length, honoured=world.honoured, close=lambda: None)

    async def put(self, source: Any, key: str, _metadata: object, _proofs: object, compare: Any) -> ArchivedContent:
        world, size = cast(World, self._archive), source.fingerprint.size
        damage = world.put_damages.pop(0) if world.put_damages else ""
        await compare(ArchivedContent(size, "of this answer", (), single_stream=False, damage=damage))
        return replace(world.written("put", key, size, single_stream=not source.honoured), damage=damage)

    async def look_at_boxes(self, proofs: Proofs, version: Fingerprint, has_passed: Callable[[int], bool]) -> None:
        world = cast(World, self._archive)
        if has_passed(0) and world.boxes and proofs.boxes:
            proofs.boxes.see(0, world.boxes.pop(0))

    async def stream(self, source: Any, key: str, *_given: object) -> ArchivedContent:
        return cast(World, self._archive).written("stream", key, source.fingerprint.size, single_stream=True)

    async def parts(self, _key: str, _upload_id: str, plan: PartPlan, held: Any, *_given: object) -> dict[int, Part]:
        cast(World, self._archive).done.append(f"{plan.count - len(held)} parts")
        return {n: Part(n, plan.length(n), "etag", "AAAAAAAAAAA=") for n in range(plan.count, 0, -1)}


@pytest.fixture(autouse=True)
def no_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_transfer, "RangeTransfer", Bytes)


def archived_row(**changes: Any) -> SourceRow:
    fields: dict[str, Any] = {
        "status": Status.ARCHIVED, "key": KEY, "size": SMALL, "etag": THE_ETAG, "checksum": "old", "identity": "front",
    }  # fmt: skip
    return SourceRow(**(fields | changes))


def begun_row(**changes: Any) -> SourceRow:
    fields: dict[str, Any] = {
        "status": Status.IN_PROGRESS, "key": KEY, "size": LARGE, "etag": THE_ETAG, "upload_id": "before",
        "part_size": 64 * MIB, "identity": "front",
    }  # fmt: skip
    return SourceRow(**(fields | changes))


# One answer


def test_a_small_source_is_one_answer_and_one_object() -> None:
    one = World()
    row = one.run()
    assert row == SourceRow(
        status=Status.ARCHIVED, key=KEY, size=SMALL, etag=THE_ETAG, checksum="sum", copy=1, identity="front",
        proofs=("s3-checksum", "source-etag"), revision="/2",
    )  # fmt: skip
    assert one.noted == [row] and one.done == [f"put {KEY}"] and one.asked == [128 * MIB - 1]


@pytest.mark.parametrize(
    ("listed", "of_source", "claimed"),
    [
        (SMALL, None, True),
        (None, SMALL, True),
        (7, SMALL, True),
        (SMALL + 3, None, False),
        (SMALL - 3, None, False),
        (None, None, False),
    ],
)
def test_the_claimed_size_is_a_proof_only_when_it_is_exact(
    listed: int | None, of_source: int | None, claimed: bool
) -> None:
    one = World(listed=listed)
    one.source = MediaSource(file_number=1, filename="a.mp4", size=of_source)
    row = one.run()
    assert row is not None and ("claimed-size" in row.proofs) == claimed


@pytest.mark.parametrize(("fraction", "stored"), [(0.5, True), (0.499, False), (2.0, True)])
def test_less_than_half_of_the_listed_size_is_not_the_original(fraction: float, stored: bool) -> None:
    one = World(int(SMALL * fraction), listed=SMALL)
    if stored:
        assert one.run() is not None
        return
    with pytest.raises(OriginalUnavailableError):
        one.run()
    assert one.noted == [] and one.done == []


def test_a_source_that_ignores_ranges_is_one_stream_if_it_is_large_and_says_so() -> None:
    small, large = World(), World(LARGE)
    for one in (small, large):
        one.honoured = False
    rows = [one.run() for one in (small, large)]
    assert [row.single_stream for row in rows if row] == [True, True]
    assert (small.done, large.done) == ([f"put {KEY}"], [f"stream {KEY}"])


def test_a_source_of_which_no_version_is_certain_is_asked_for_as_a_whole() -> None:
    one = World(LARGE)
    one.version = Fingerprint(LARGE, "")
    row = one.run()
    assert row is not None and one.asked == [128 * MIB - 1, LARGE - 1] and one.done == [f"stream {KEY}"]


def test_what_one_answer_replaces_is_aborted() -> None:
    one = World(LARGE, row=begun_row())
    one.honoured = False
    assert one.run() is not None and one.done == ["aborted before", f"stream {KEY}"]


# What is there already


def test_a_source_that_is_archived_in_this_version_is_noted_for_this_revision_and_not_moved() -> None:
    one = World(row=archived_row(revision="/1"))
    row = one.run()
    assert row == archived_row(revision="/2") and one.noted == [row] and one.done == []
    assert one.asked == [0], "one byte shows the version, however small the file is"


def test_a_source_that_is_archived_for_this_revision_is_not_noted_again() -> None:
    one = World(row=archived_row(revision="/2"))
    assert one.run() == one.row and one.noted == [] and one.done == []


@pytest.mark.parametrize("changes", [{"etag": '"f"'}, {"size": SMALL - 1}, {"identity": "back"}], ids=str)
def test_another_version_or_file_gets_the_next_key(changes: dict[str, Any]) -> None:
    one = World(row=archived_row(**changes))
    row = one.run()
    assert row is not None and (row.key, row.copy) == (KEY_2, 2) and one.done == [f"put {KEY_2}"]
    assert one.asked == [0, 128 * MIB - 1]


def test_an_archived_row_without_an_identity_is_of_this_file() -> None:
    one = World(row=archived_row(identity=""))
    assert one.run() == archived_row(revision="/2") and one.done == []


def test_an_object_of_this_version_that_the_ledger_does_not_know_will_do() -> None:
    one = World()
    one.objects, one.written_error = {KEY: there()}, ObjectExists()
    row = one.run()
    assert row is not None and (row.key, row.checksum, row.proofs) == (KEY, "sum", ("s3-checksum",))
    assert not row.single_stream


def test_an_object_of_another_version_is_left_and_this_one_gets_the_next_key() -> None:
    one = World()
    one.objects, one.written_error = {KEY: there(etag="f")}, ObjectExists()
    row = one.run()
    assert row is not None and (row.key, row.copy, one.done) == (KEY_2, 2, [f"put {KEY}", f"put {KEY_2}"])


# Parts


def test_a_large_source_is_moved_in_parts_and_beginning_and_completing_are_a_request_each() -> None:
    one = World(LARGE)
    row = one.run()
    assert row is not None and (row.key, row.checksum, row.single_stream, row.size) == (KEY, "whole", False, LARGE)
    assert row.upload_id == "" and row.proofs == ("s3-checksum",)
    assert one.done == [f"began {KEY}", "noted upload instead of none", "4 parts"] and one.stats.requests == 2
    begun, _ = one.noted
    assert begun == SourceRow(
        status=Status.IN_PROGRESS, key=KEY, size=LARGE, etag=THE_ETAG, upload_id="upload", part_size=64 * MIB,
        identity="front", begun=1, begun_by="run-1", readings_in=begun.readings_in,
    )  # fmt: skip


def test_an_upload_of_this_version_is_continued_and_only_its_completion_is_a_request() -> None:
    one = World(LARGE, row=begun_row())
    row = one.run()
    assert row is not None and (row.status, row.size) == (Status.ARCHIVED, LARGE)
    assert one.asked == [0] and one.done == ["4 parts"] and one.stats.requests == 1


def test_an_upload_of_another_version_is_aborted_and_replaced() -> None:
    one = World(LARGE, row=begun_row(etag='"f"', begun=2, begun_by="run-1"))
    assert one.run() is not None
    assert one.done == ["aborted before", f"began {KEY}", "noted upload instead of before", "4 parts"]
    assert one.noted[0].begun == 3


def test_beginnings_are_counted_for_each_run() -> None:
    one = World(LARGE, row=begun_row(etag='"f"', begun=5, begun_by="run-0"))
    assert one.run() is not None and one.noted[0].begun == 1


def test_whoever_loses_the_lease_aborts_what_it_began() -> None:
    one = World(LARGE)
    one.lease = False
    with pytest.raises(LostLease):
        one.run()
    assert one.done[-1] == "aborted upload"


def test_a_large_source_that_is_there_already_is_noted_and_not_begun() -> None:
    one = World(LARGE)
    one.objects = {KEY: there(LARGE)}
    row = one.run()
    assert row is not None and (row.key, row.size, one.done, one.stats.requests) == (KEY, LARGE, [], 0)


def test_a_large_source_gets_the_first_key_that_no_other_version_has() -> None:
    one = World(LARGE)
    one.objects = {KEY: there(LARGE, "f"), KEY_2: there(LARGE, "g")}
    row = one.run()
    assert row is not None and row.copy == 3 and row.key.endswith("a-v3.mp4")


def test_an_upload_that_is_gone_is_begun_again() -> None:
    one = World(LARGE, row=begun_row())
    one.completed = [UploadGone()]
    assert one.run() is not None
    assert one.done == ["4 parts", f"began {KEY}", "noted upload instead of before", "4 parts"]


def test_one_conflict_is_tried_again_and_a_second_one_is_left_to_the_state_machine() -> None:
    once, twice = World(LARGE), World(LARGE)
    once.completed, twice.completed = [WriteConflict()], [WriteConflict(), WriteConflict()]
    assert once.run() is not None and once.done.count("aborted upload") == 1
    with pytest.raises(ArchiveUnavailableError, match="whenever it was completed"):
        twice.run()
    assert twice.done.count(f"began {KEY}") == 2


def test_a_source_that_stays_the_same_and_has_been_begun_too_often_is_the_archives_trouble() -> None:
    one = World(LARGE, row=begun_row(begun=MOST_BEGINNINGS, begun_by="run-1"))
    one.completed = [WriteConflict()]
    with pytest.raises(ArchiveUnavailableError, match="something else writes its object"):
        one.run()
    assert f"began {KEY}" not in one.done


def test_an_upload_in_parts_that_finds_its_object_there_was_no_single_stream() -> None:
    one = World(LARGE, row=begun_row())
    one.completed, one.objects = [ObjectExists()], {KEY: there(LARGE)}
    row = one.run()
    assert row is not None and (row.checksum, row.single_stream, row.key) == ("sum", False, KEY)
    assert one.done == ["4 parts", "aborted before"] and one.stats.requests == 0


def test_an_upload_in_parts_that_finds_another_version_there_gets_the_next_key() -> None:
    one = World(LARGE, row=begun_row())
    one.completed, one.objects = [ObjectExists()], {KEY: there(LARGE, "f")}
    row = one.run()
    assert row is not None and (row.key, row.copy) == (KEY_2, 2)
    assert one.done == [
        "4 parts", "aborted before", f"began {KEY_2}", "noted upload instead of before", "4 parts",
    ]  # fmt: skip


@pytest.mark.parametrize("honoured", [True, False])
def test_an_object_that_is_there_already_was_a_single_stream_if_this_source_is(honoured: bool) -> None:
    one = World()
    one.objects, one.written_error, one.honoured = {KEY: there()}, ObjectExists(), honoured
    row = one.run()
    assert row is not None and row.single_stream != honoured


def test_parts_that_do_not_fit_together_are_thrown_away() -> None:
    one = World(LARGE, row=begun_row())
    one.completed = [IntegrityError("other bytes")]
    with pytest.raises(IntegrityError):
        one.run()
    assert one.done[-1] == "aborted before"


# Time, and changes


@pytest.mark.parametrize(
    ("moved", "spare", "started"), [(0, -1.0, True), (1, 0.0, True), (1, -0.1, False)], ids=["first", "enough", "less"]
)
def test_after_the_first_source_another_is_begun_only_with_the_time_that_it_needs(
    moved: int, spare: float, started: bool
) -> None:
    one = World(SLOW_CONNECTION * 10, listed=SLOW_CONNECTION * 10)
    one.left, one.stats.bytes_moved = 10.0 + spare, moved
    assert (one.run() is not None, bool(one.asked)) == (started, started)


def test_a_source_that_changed_once_is_read_again_and_one_that_changes_again_is_an_error() -> None:
    one = World()
    one.written_error = SourceChangedError("changed")
    assert one.run() is not None and one.done == [f"put {KEY}"] * 2
    other = World(LARGE)
    other.completed = [SourceChangedError("x"), SourceChangedError("x")]
    with pytest.raises(SourceChangedError):
        other.run()


@pytest.mark.parametrize(
    ("md5_etags", "etag", "content_hash", "part"),
    [
        (True, f'"{"0" * 32}-10"', None, 20),
        (False, f'"{"0" * 32}-10"', None, 64),  # with a KMS key S3's ETags prove nothing, so that parts cost no more
        (True, f'"{"0" * 32}-10"', "sha256-4mib:00", 64),  # which proves the same
        (True, f'"{"0" * 32}"', None, 64),
        (True, f'"{"0" * 32}-25"', None, 64),  # of 8 MiB
        (True, '"e"', None, 64),
    ],
)
def test_parts_are_cut_like_the_sources_own_where_that_proves_something(
    md5_etags: bool, etag: str, content_hash: str | None, part: int
) -> None:
    one = World(LARGE)
    one.version, one.md5_etags = Fingerprint(LARGE, etag), md5_etags
    one.source = replace(one.source, content_hashes=(content_hash,) if content_hash else ())
    with contextlib.suppress(IntegrityError):  # no bytes, and so none that have the published hash
        one.run()
    assert one.noted[0].part_size == part * MIB


# A movie that looks damaged

CUT = "it ends after 1000 of at least 2000 bytes"
NO_INDEX, FOUND = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\0mdat", "it has no index of its pictures (moov)"
WHOLE = b"\0\0\0\x08moov" + (LARGE - 8).to_bytes(4) + b"mdat"


class Kept(World):
    """The ledger and S3 remember what was begun and moved."""

    def _note_begun(self, *given: Any, replaces: str) -> bool:
        self.row = given[-1]
        return super()._note_begun(*given, replaces=replaces)

    def parts(self, _key: str, _upload_id: str) -> dict[int, Part]:
        plan = PartPlan(LARGE, 64 * MIB)
        moved = any(done.endswith(" parts") for done in self.done)
        return {n: Part(n, plan.length(n), "etag", "AAAAAAAAAAA=") for n in range(1, plan.count + 1)} if moved else {}


def test_a_movie_that_looks_damaged_is_read_again_with_a_fresh_link_before_anything_is_stored() -> None:
    one = World()
    one.put_damages = [CUT]
    row = one.run()
    assert row is not None and row.damage == "" and one.done == [f"put {KEY}"]
    assert (one.fresh_links, len(one.asked)) == (1, 2)


def test_a_movie_that_looks_damaged_twice_is_archived_as_it_is_and_its_row_says_what_is_wrong() -> None:
    one = World()
    one.put_damages = [CUT, CUT]
    row = one.run()
    assert row is not None and (row.status, row.damage) == (Status.ARCHIVED, CUT)
    assert one.noted == [row] and one.done == [f"put {KEY}"] and one.fresh_links == 1


def test_a_second_look_for_which_there_is_no_time_is_not_begun_and_the_first_one_counts() -> None:
    look, version = SecondLook(Deadline(lambda: 7.5, 0.0)), Fingerprint(SMALL, THE_ETAG)
    look.check(version, CUT, seconds=5.1)
    assert look.first_damage(version) == ""
    with pytest.raises(LooksDamaged):
        look.check(version, CUT, seconds=5.0)
    look.check(version, CUT, seconds=5.0)  # believed now
    assert look.first_damage(version) == CUT


def test_the_parts_of_a_movie_that_looks_damaged_stay_while_its_boxes_are_looked_at_again() -> None:
    one = Kept(LARGE)
    one.boxes = [NO_INDEX, NO_INDEX]
    row = one.run()
    assert row is not None and (row.status, row.damage, one.fresh_links) == (Status.ARCHIVED, FOUND, 1)
    assert one.done == [f"began {KEY}", "noted upload instead of none", "4 parts"]


def test_damage_that_a_second_look_cannot_judge_stays_damage() -> None:
    one = Kept(LARGE)
    one.boxes = [NO_INDEX, b""]
    row = one.run()
    assert row is not None and row.damage == FOUND


def test_parts_of_a_movie_that_is_whole_at_a_second_look_are_not_believed() -> None:
    one = Kept(LARGE)
    one.boxes = [NO_INDEX, WHOLE]
    with pytest.raises(IntegrityError, match="at a second look"):
        one.run()
    assert one.done[-1] == "aborted upload" and one.noted[-1].status is Status.IN_PROGRESS


def test_a_version_that_took_the_place_of_a_damaged_one_is_judged_by_itself() -> None:
    one = Kept(LARGE)
    one.boxes = [NO_INDEX, WHOLE]
    one.replaced_by = Fingerprint(LARGE, '"new"')
    row = one.run()
    assert row is not None and (row.etag, row.damage) == ('"new"', "") and "whole-movie" in row.proofs


def test_a_whole_movie_has_the_proof_and_a_movie_of_which_nothing_is_known_has_none() -> None:
    one, other = Kept(LARGE), Kept(LARGE)
    one.boxes = [WHOLE]
    first, second = one.run(), other.run()
    assert first is not None and first.proofs == ("s3-checksum", "whole-movie") and one.fresh_links == 0
    assert second is not None and (second.proofs, second.damage) == (("s3-checksum",), "")


def test_an_object_whose_success_was_never_noted_is_looked_at_for_the_list_of_damages() -> None:
    one = World(LARGE)
    one.objects, one.boxes = {KEY: there(LARGE)}, [NO_INDEX]
    row = one.run()
    assert row is not None and (row.damage, row.proofs) == (FOUND, ("s3-checksum",))


def test_a_damaged_movie_that_is_archived_is_read_again_when_another_version_takes_its_place() -> None:
    one = World(row=archived_row(etag='"old"', damage=CUT))
    row = one.run()
    assert row is not None and (row.key, row.damage) == (KEY_2, "")


def test_a_damaged_movie_that_stays_the_same_stays_damaged_under_a_new_revision() -> None:
    row = World(row=archived_row(damage=CUT)).run()
    assert row is not None and (row.damage, row.revision) == (CUT, "/2")


# Chapters with names of their own, and objects that were named by the chapter's number before


OLD_KEY, NEW_KEY = "gopro/0000/00/clip/GX010051-02.MP4", "gopro/0000/00/clip/GX020051.MP4"


def chapter(row: SourceRow | None = None, size: int = SMALL) -> World:
    """A chapter of GX010051.MP4."""
    world = World(size, row=row)
    world.source = replace(world.source, filename="GX020051.MP4", file_count=3, own_name=True)
    return world


def test_a_new_chapter_has_its_own_name() -> None:
    assert (one := chapter()).run() and one.done == [f"put {NEW_KEY}"]


def test_a_chapter_that_is_archived_under_the_old_name_is_not_moved_and_keeps_it() -> None:
    one = chapter(archived_row(key=OLD_KEY, revision="/1"))
    row = one.run()
    assert row == archived_row(key=OLD_KEY, revision="/2") and one.done == []


@pytest.mark.parametrize("copy", [1, 2])
def test_a_later_version_of_such_a_chapter_is_named_like_the_ones_before_it(copy: int) -> None:
    key = OLD_KEY if copy == 1 else OLD_KEY.replace(".MP4", "-v2.MP4")
    one = chapter(archived_row(key=key, copy=copy, etag='"another"'))
    row = one.run()
    expected = OLD_KEY.replace(".MP4", f"-v{copy + 1}.MP4")
    assert row is not None and (row.key, row.copy) == (expected, copy + 1) and one.done == [f"put {expected}"]


def test_an_upload_that_was_begun_under_the_old_name_is_completed_under_it() -> None:
    one = chapter(begun_row(key=OLD_KEY), LARGE)
    row = one.run()
    assert row is not None and row.key == OLD_KEY and one.done == ["4 parts"]


def test_a_source_without_its_own_name_is_named_as_its_item_is_now() -> None:
    """Its capture time may have been corrected."""
    one = World(row=archived_row(key="gopro/1999/01/clip/a.mp4", etag='"another"'))
    row = one.run()
    assert row is not None and row.key == KEY_2
