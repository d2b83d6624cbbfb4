"""Moving a source's bytes: what is requested, counted and proven, and when another part is not begun any more."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    IntegrityError,
    ProviderUnavailableError,
    RangeIgnoredError,
    SourceChangedError,
)
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import ArchivedObject, NewUpload, ObjectExists, Part, WriteConflict
from cloud_sync_common.transfer import range_transfer
from cloud_sync_common.transfer.part_plan import MIB, PartPlan
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.range_transfer import (
    ArchivedContent,
    RangeTransfer,
    TransferOptions,
    TransferStats,
)
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink

from local.movies import movie_of

CONTENT = movie_of(bytes(range(250)) * 4)  # with boxes at 0, 16 and 992
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324
PLAN = PartPlan(len(CONTENT), 300)


class Opened:
    """An answer with the bytes from `first` to `last`; a length that is not announced is UNKNOWN."""

    def __init__(self, first: int = 0, last: int = len(CONTENT) - 1, *, honoured: bool = True, sized: bool = True):
        self.left, self.honoured = CONTENT[first : last + 1], honoured
        self.length = len(self.left) if sized else UNKNOWN
        self.fingerprint = Fingerprint(len(CONTENT) if sized else UNKNOWN, f'"{MD5}"')
        self.closed = False

    async def fill(self, view: memoryview) -> None:
        view[:], self.left = self.left[: len(view)], self.left[len(view) :]

    async def read_into(self, view: memoryview) -> int:
        count = min(len(view), len(self.left))
        view[:count], self.left = self.left[:count], self.left[count:]
        return count

    def close(self) -> None:
        self.closed = True


class World:
    """The archive and the uploader of a transfer, in memory. `during` is called before each upload."""

    def __init__(self, *, connections: int = 1, seconds: float = 900.0) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}
        self.completed: list[int] = []
        self.begun, self.aborted, self.at_once, self.most_at_once = 0, 0, 0, 0
        self.there: ArchivedObject | None = None
        self.conflict = False
        self.md5_etags = False  # whether the archive's ETags are MD5s
        self.during: Callable[[], None] = lambda: None
        self.compared: list[ArchivedContent] = []  # what was compared with an earlier copy, before it was stored
        self.now = 0.0
        self.stats = TransferStats()
        deadline = Deadline(lambda: seconds - self.now, margin=0.0)
        options = TransferOptions(cast(Any, self), cast(Any, self), connections, deadline, seconds, self.stats)
        self.link = SourceLink(source(), lambda ended: ended, Deadline.after(1), RequestLimiter(9, Deadline.after(600)))
        self.transfer = RangeTransfer(options, self.link)
        self.sources = None

    async def upload(self, body: Any, upload: Any, hashers: tuple[Any, ...] = (), before_end: Any = None) -> Any:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.during()
        data = memoryview(bytearray(upload.length))
        await body.fill(data)
        for hasher in hashers:
            hasher.update(data)
        if before_end:
            await before_end(0)
        self.at_once -= 1
        etag = f'"{hashlib.md5(data).hexdigest()}"' if self.md5_etags else '"of a key"'  # noqa: S324
        return SimpleNamespace(data=bytes(data), checksum=f"sum of {len(data)}", upload=upload, etag=etag)

    def object_upload(self, key: str, length: int, metadata: Mapping[str, str]) -> Any:
        return SimpleNamespace(key=key, length=length)

    def object_stored(self, stored: Any) -> str:
        if self.there:
            raise ObjectExists
        self.objects[stored.upload.key] = stored.data
        return str(stored.checksum)

    def find(self, _key: str) -> ArchivedObject | None:
        return self.there

    def begin(self, _key: str, _metadata: Mapping[str, str]) -> NewUpload:
        self.begun += 1
        return NewUpload("upload", self.md5_etags)

    def part_upload(self, key: str, upload_id: str, number: int, length: int) -> Any:
        assert upload_id == "upload"
        return SimpleNamespace(key=key, number=number, length=length)

    def part_stored(self, number: int, length: int, stored: Any) -> Part:
        assert (stored.upload.number, stored.upload.length) == (number, length)
        self.parts[number] = stored.data
        return Part(number, length, stored.etag, "AAAAAAAAAAA=")

    def complete(self, key: str, _upload_id: str, parts: list[Part]) -> str:
        if self.conflict:
            raise WriteConflict
        self.completed = [part.number for part in parts]
        self.objects[key] = b"".join(self.parts[part.number] for part in parts)
        return "whole"

    def abort(self, _key: str, _upload_id: str) -> None:
        self.aborted += 1

    async def compare(self, content: ArchivedContent) -> None:
        self.compared.append(content)

    # What a test does

    def put(self, answer: Opened, proofs: Proofs | None = None) -> ArchivedContent:
        return asyncio.run(self.transfer.put(cast(Any, answer), "key", {}, proofs or no_proofs(), self.compare))

    def stream(
        self, answer: Opened, check: Callable[[int], None] = lambda _: None, proofs: Proofs | None = None
    ) -> ArchivedContent:
        moving = self.transfer.stream(cast(Any, answer), "key", {}, proofs or no_proofs(), self.compare, check)
        return asyncio.run(moving)

    def look(self, proofs: Proofs, *passed: int) -> None:
        """Looks at a movie's boxes when these parts have passed."""
        version = Fingerprint(len(CONTENT), "")
        asyncio.run(self.transfer.look_at_boxes(proofs, version, lambda byte: byte // 300 + 1 in passed))

    def move(self, held: Mapping[int, Part] | None = None, proofs: Proofs | None = None) -> dict[int, Part]:
        moving = self.transfer.parts("key", "upload", PLAN, held or {}, Fingerprint(1000, ""), proofs or no_proofs())
        return asyncio.run(moving)


def source(content_hash: str | None = None, filename: str = "x.jpg") -> MediaSource:
    hashes = (content_hash,) if content_hash else ()
    return MediaSource(file_number=1, filename=filename, content_hashes=hashes)


def no_proofs() -> Proofs:
    return Proofs(source(), Fingerprint(len(CONTENT), ""), check_etag=True)


def proofs_of(content_hash: str | None, etag: str = f'"{MD5}"', *, check_etag: bool = True) -> Proofs:
    return Proofs(source(content_hash), Fingerprint(len(CONTENT), etag), check_etag=check_etag)


@pytest.fixture(autouse=True)
def ranges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges that were asked for; each is answered with its bytes."""
    asked: list[tuple[int, int]] = []

    async def open_range(_: Any, _source: Any, first: int, last: int, *_rest: Any) -> Any:
        asked.append((first, last))
        return Opened(first, last)

    monkeypatch.setattr(range_transfer, "open_range", open_range)
    return asked


# One object


@pytest.mark.parametrize("honoured", [True, False])
def test_a_put_is_one_request_and_says_whether_the_source_could_be_read_in_ranges(honoured: bool) -> None:
    world = World()
    assert world.put(Opened(honoured=honoured)) == ArchivedContent(1000, "sum of 1000", (), single_stream=not honoured)
    assert (world.stats.requests, world.stats.bytes_moved, world.objects) == (1, 1000, {"key": CONTENT})


def test_an_object_that_is_there_with_the_same_content_will_do_and_another_will_not() -> None:
    world = World()
    world.there = ArchivedObject("key", 1000, "sum of 1000", {})
    assert world.put(Opened()).checksum == "sum of 1000"
    for other in (ArchivedObject("key", 999, "sum of 1000", {}), ArchivedObject("key", 1000, "another", {})):
        world.there = other
        with pytest.raises(ObjectExists):
            world.put(Opened())


@pytest.mark.parametrize(
    ("proofs", "made"),
    [
        (proofs_of(None), ("source-etag",)),
        (proofs_of(None, check_etag=False), ()),
        (proofs_of(None, '"another"'), ()),
        (proofs_of(f"md5:{MD5}", ""), ("content-hash",)),
        (proofs_of(f"md5:{MD5}"), ("content-hash", "source-etag")),
        (proofs_of(f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", '"0"'), ("content-hash",)),
        (proofs_of(None, f'"{"0" * 32}"'), ()),
    ],
)
def test_what_a_source_publishes_of_its_content_is_proven(proofs: Proofs, made: tuple[str, ...]) -> None:
    assert World().put(Opened(), proofs).proofs == made


def test_the_etag_that_s3_gives_to_an_object_is_compared_with_the_sources_where_it_is_an_md5() -> None:
    for etag in (f'"{MD5}"', f'"{hashlib.md5(hashlib.md5(CONTENT).digest()).hexdigest()}-1"'):  # noqa: S324
        for md5_etags, made in ((True, ("source-etag",)), (False, ())):
            world = World()
            world.md5_etags = md5_etags
            assert world.put(Opened(), proofs_of(None, etag, check_etag=False)).proofs == made
            assert world.compared[0].proofs == ()  # not known before it is stored


def test_an_object_in_s3_of_other_bytes_than_the_sources_etag_is_stored_without_that_proof() -> None:
    world = World()
    world.md5_etags = True
    assert world.put(Opened(), proofs_of(None, f'"{"0" * 32}"', check_etag=False)).proofs == ()
    assert world.objects == {"key": CONTENT}


def test_parts_of_the_sources_likeliest_size_would_prove_its_etag_unless_a_hash_is_published() -> None:
    def part(size: int, etag: str, content_hash: str | None = None) -> int | None:
        return Proofs(source(content_hash), Fingerprint(size, etag), check_etag=False).source_part

    assert part(39 * MIB, f'"{MD5}-2"') == 20 * MIB
    assert part(250 * MIB, f'"{MD5}-3"') == 100 * MIB
    assert part(39 * MIB, f'"{MD5}-2"', "sha256-4mib:00") is None
    assert part(39 * MIB, f'"{MD5}"') is part(39 * MIB, '"x"') is part(39 * MIB, f'"{MD5}-977"') is None


def test_a_published_hash_that_does_not_fit_stores_nothing() -> None:
    world = World()
    with pytest.raises(IntegrityError, match="does not have the hash"):
        world.put(Opened(), proofs_of(f"md5:{'0' * 32}"))
    assert world.objects == {} and world.stats.requests == 0


def test_parts_follow_the_blocks_of_the_first_hash_that_has_several() -> None:
    etag = f'"{"0" * 32}-2"'
    version = Fingerprint(9 * MIB, etag)
    assert Proofs(source(), version, check_etag=True).block_size == 8 * MIB
    assert Proofs(source("sha256-4mib:00"), version, check_etag=True).block_size == 4 * MIB
    assert Proofs(source("md5:00"), version, check_etag=False).block_size == MIB
    assert Proofs(source(), version, check_etag=False).block_size == MIB


def test_order_is_needed_only_where_a_published_block_is_longer_than_a_part() -> None:
    blocks = Proofs(source("sha256-4mib:00"), Fingerprint(9 * MIB, ""), check_etag=True)
    assert [blocks.needs_order(size) for size in (4 * MIB - 1, 4 * MIB, 8 * MIB)] == [True, False, False]
    etag = Proofs(source(), Fingerprint(9 * MIB, f'"{"0" * 32}-2"'), check_etag=True)
    assert not etag.needs_order(1)


# One stream


def test_a_stream_begins_an_upload_and_completes_it_and_each_part_is_a_request() -> None:
    world = World()
    assert world.stream(Opened(honoured=False)) == ArchivedContent(1000, "whole", (), single_stream=True)
    assert (world.stats.requests, world.stats.bytes_moved, world.begun, world.aborted) == (3, 1000, 1, 0)
    assert world.objects == {"key": CONTENT} and not world.transfer.streaming


def test_the_etag_of_a_streams_parts_is_compared_with_the_sources() -> None:
    world = World()
    world.md5_etags = True
    etag = hashlib.md5(hashlib.md5(CONTENT).digest()).hexdigest()  # noqa: S324
    proofs = proofs_of(None, f'"{etag}-1"', check_etag=False)
    assert world.stream(Opened(honoured=False), proofs=proofs).proofs == ("source-etag",)
    assert world.compared[0].proofs == ("source-etag",)


def test_a_stream_without_a_length_ends_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_transfer, "_UNMEASURED_PART", 250)
    for size in (1000, 999):  # the end of a part, and the middle of one
        world = World()
        assert world.stream(Opened(last=size - 1, sized=False)).size == size
        assert (world.completed, world.stats.requests) == ([1, 2, 3, 4], 6) and world.objects == {"key": CONTENT[:size]}


def test_a_stream_of_nothing_is_an_empty_object() -> None:
    world = World()
    assert world.stream(Opened(last=-1, sized=False)).size == 0
    assert (world.completed, world.stats.requests, world.objects) == ([1], 3, {"key": b""})


def test_a_stream_of_too_many_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_transfer, "_UNMEASURED_PART", 250)
    monkeypatch.setattr(range_transfer, "MAX_PARTS", 3)
    world = World()
    with pytest.raises(RangeIgnoredError, match="longer than can be moved"):
        world.stream(Opened(sized=False))
    assert world.aborted == 1 and world.objects == {}


def test_a_stream_whose_size_is_objected_to_is_aborted_and_stores_nothing() -> None:
    def object_to(size: int) -> None:
        raise SourceChangedError(f"{size} bytes")

    world = World()
    with pytest.raises(SourceChangedError, match="1000 bytes"):
        world.stream(Opened(honoured=False), object_to)
    assert (world.aborted, world.objects) == (1, {})


def test_a_stream_that_meets_another_write_is_left_to_a_later_try() -> None:
    world = World()
    world.conflict = True
    with pytest.raises(ArchiveUnavailableError, match="Another write"):
        world.stream(Opened(honoured=False))
    assert world.aborted == 1


# Parts


def test_each_part_is_one_request_to_s3_and_consecutive_ones_are_one_to_the_source(
    ranges: list[tuple[int, int]],
) -> None:
    world = World()
    assert sorted(world.move()) == [1, 2, 3, 4]
    assert ranges == [(0, 999)]
    assert b"".join(world.parts[number] for number in range(1, 5)) == CONTENT
    assert (world.stats.requests, world.stats.bytes_moved, world.begun) == (4, 1000, 0)


@pytest.mark.parametrize(
    ("connections", "held", "asked"),
    [
        (1, [], [(0, 999)]),
        (2, [], [(0, 599), (600, 999)]),
        (4, [], [(0, 299), (300, 599), (600, 899), (900, 999)]),
        (1, [1, 3], [(300, 599), (900, 999)]),
        (1, [1, 4], [(300, 899)]),
    ],
)
def test_one_answer_serves_as_many_consecutive_parts_as_leave_work_for_every_connection(
    ranges: list[tuple[int, int]], connections: int, held: list[int], asked: list[tuple[int, int]]
) -> None:
    world = World(connections=connections)
    assert sorted(world.move({number: Part(number, 300, "held", "") for number in held})) == [1, 2, 3, 4]
    assert ranges == asked
    assert all(world.parts[n] == CONTENT[(n - 1) * 300 : n * 300] for n in world.parts)


def test_one_answer_serves_no_more_than_a_usual_part(ranges: list[tuple[int, int]]) -> None:
    with patch.object(range_transfer, "USUAL_PART", 899):
        World().move()
    assert ranges == [(0, 599), (600, 999)]


def test_an_answer_that_breaks_off_is_asked_for_again_from_the_part_that_was_under_way(
    ranges: list[tuple[int, int]],
) -> None:
    world, breaks = World(), iter([False, True, False, False, True])

    def break_off() -> None:
        if next(breaks, False):
            raise ProviderUnavailableError("broken")

    world.during = break_off
    assert sorted(world.move()) == [1, 2, 3, 4]
    assert ranges == [(0, 999), (300, 999), (900, 999)]
    assert b"".join(world.parts[number] for number in range(1, 5)) == CONTENT


def test_parts_that_s3_holds_are_not_moved_again(ranges: list[tuple[int, int]]) -> None:
    world, held = World(), {number: Part(number, 300, "held", "") for number in (1, 3)}
    moved = world.move(held)
    assert sorted(moved) == [1, 2, 3, 4] and moved[3] is held[3]
    assert ranges == [(300, 599), (900, 999)] and world.stats.bytes_moved == 400


@pytest.mark.parametrize(("seconds", "parts"), [(22.5, 2), (22.4, 1), (32.5, 3), (32.4, 2), (9.0, 1)])
def test_a_part_is_begun_when_a_quarter_more_time_is_left_than_the_slowest_took(
    monkeypatch: pytest.MonkeyPatch, seconds: float, parts: int
) -> None:
    world = World(seconds=seconds)
    monkeypatch.setattr(range_transfer, "time", SimpleNamespace(monotonic=lambda: world.now))

    def take_ten_seconds() -> None:
        world.now += 10

    world.during = take_ten_seconds
    assert sorted(world.move()) == list(range(1, parts + 1))


def test_the_slowest_part_decides_and_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world, took = World(seconds=23.0), iter([10.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(range_transfer, "time", SimpleNamespace(monotonic=lambda: world.now))

    def take_time() -> None:
        world.now += next(took)

    world.during = take_time
    assert sorted(world.move()) == [1, 2]  # after 11 s, 12 s are left, and the slowest part needs 12.5 s


def test_after_an_error_no_connection_begins_another_part(ranges: list[tuple[int, int]]) -> None:
    world = World(connections=2)

    def fail() -> None:
        raise SourceChangedError("changed")

    world.during = fail
    with pytest.raises(SourceChangedError):
        world.move()
    assert ranges == [(0, 599), (600, 999)] and world.parts == {}


@pytest.mark.parametrize(
    ("proofs", "at_once"), [(no_proofs(), 3), (proofs_of(f"md5:{MD5}", ""), 1), (proofs_of(None), 3)]
)
def test_parts_come_in_order_only_where_a_published_hash_asks_for_it(proofs: Proofs, at_once: int) -> None:
    world = World(connections=3)
    world.move(proofs=proofs)
    assert world.most_at_once == at_once


def test_a_hash_of_the_whole_content_is_proven_by_parts_in_order() -> None:
    proofs = proofs_of(f"md5:{MD5}")
    World(connections=3).move(proofs=proofs)
    assert proofs.made() == ("content-hash", "source-etag")


# The end of the time


def test_what_is_not_done_in_time_is_left_for_the_next_slice_and_a_stream_is_an_error() -> None:
    world = World(seconds=0.0)
    assert asyncio.run(world.transfer.in_time(asyncio.sleep(60))) is None
    world.transfer.streaming = True
    with pytest.raises(RangeIgnoredError, match="downloader_timeout_seconds"):
        asyncio.run(world.transfer.in_time(asyncio.sleep(60)))


def test_what_is_done_in_time_has_its_result_and_its_error() -> None:
    async def done() -> int:
        return 7

    async def failed() -> int:
        raise ProviderUnavailableError("x")

    world = World(seconds=60.0)
    assert asyncio.run(world.transfer.in_time(done())) == 7
    with pytest.raises(ProviderUnavailableError):
        asyncio.run(world.transfer.in_time(failed()))
