"""The step Download: leases, effort, proofs, and what a batch leaves to slices."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    HashDisputedError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    OriginalUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_interface import Capabilities, MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps import download
from cloud_sync_common.steps.download import (
    LEASE_GRACE_SECONDS,
    BatchRequest,
    BatchResult,
    SliceRequest,
    SliceResult,
    VideoDownloader,
)
from cloud_sync_common.stores.ledger_rows import Claim, ItemRow, SourceRow, Status
from cloud_sync_common.transfer import side_by_side
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.part_plan import SLOW_CONNECTION
from cloud_sync_common.transfer.side_by_side import SharedTime
from cloud_sync_common.transfer.source_transfer import LostLease

from tests.unit.doubles import Account

CLIP = MediaItem(media_id="clip", filename="a.mp4", revision="/1", size=SLOW_CONNECTION * 10)
OTHER, THIRD = (
    replace_id for replace_id in (MediaItem(media_id=name, filename="b.mp4") for name in ("other", "third"))
)


def file(number: int = 1, count: int = 1) -> MediaSource:
    return MediaSource(file_number=number, filename="a.mp4", file_count=count, identity=f"file {number}")


def row(size: int = 7, *proofs: str, number: int = 1, **fields: Any) -> SourceRow:
    return SourceRow(status=Status.ARCHIVED, key="k", size=size, proofs=proofs, identity=f"file {number}", **fields)


class World:
    """The ledger, the runs, the provider and the transfers of one invocation."""

    def __init__(self, **before: Any) -> None:
        self.left, self.clock, self.connections = 100.0, [0.0], 8
        self.before = ItemRow(status=Status.IN_PROGRESS, **before)
        self.granted: list[bool] = [True]
        self.claims: list[tuple[str, float, str]] = []
        self.ended: set[str] = set()
        self.offered: dict[str, list[MediaSource]] = {}
        self.known: dict[int, SourceRow] = {}
        self.moves: list[SourceRow | Exception | None] = []  # what each transfer gives; row() when there are no more
        self.bytes_moved, self.moved = 100, list[tuple[str, int]]()
        self.stats: list[dict[str, Any]] = []
        self.read_before, self.most_bytes, self.noted_reads = 0, 10_000, list[tuple[str, int]]()
        self.archived: list[tuple[str, int]] = []
        self.damages: list[str] = []
        self.left_alone: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        self.hosts: list[MediaHost] = []
        self.writes_of_stats = 0  # that write nothing else
        self.keeps_lease, self.refused = True, cast(Exception | None, None)
        self.holds_others = False  # transfers end after the worker whose item was the first that is not done
        self.worker_in_trouble: asyncio.Task[Any] | None = None
        self.provider = Account(capabilities=Capabilities(most_connections=3))

    # The ledger and the runs

    def bytes_counted(self, _run_id: str) -> int:
        return self.read_before

    def note_read(self, run_id: str, count: int, videos: int) -> int:
        self.noted_reads.append((run_id, count))
        return count

    def claim(self, item: MediaItem, run_id: str, seconds: float, *, instead_of: str = "") -> Claim:
        self.claims.append((run_id, seconds, instead_of))
        return Claim(self.granted.pop(0) if self.granted else True, self.before)

    def has_ended(self, run_id: str) -> bool:
        return run_id in self.ended

    def sources_of(self, _: str) -> dict[int, SourceRow]:
        return self.known

    def set_stats(self, _media_id: str, _run_id: str, stats: dict[str, Any]) -> None:
        self.stats.append(stats)
        self.writes_of_stats += 1

    def archive_item(
        self, media_id: str, _run_id: str, *, bytes_total: int, damage: str, effort: dict[str, Any]
    ) -> bool:
        self.damages.append(damage)
        self.archived.append((media_id, bytes_total))
        self.stats += [effort] * self.keeps_lease
        return self.keeps_lease

    def leave_unavailable(
        self, media_id: str, _run_id: str, category: str, message: str, effort: dict[str, Any]
    ) -> bool:
        self.left_alone.append((media_id, category))
        self.reasons.append(message)
        self.stats += [effort] * self.keeps_lease
        return self.keeps_lease

    # The provider's session

    def require_usable_token(self) -> None:
        if self.refused:
            raise self.refused

    def offer(self, item: MediaItem) -> list[MediaSource]:
        found = self.offered.get(item.media_id, [file()])
        if isinstance(found, Exception):
            raise found
        return found

    def step(self) -> VideoDownloader:
        ledger = type("Ledger", (), {"sources": lambda _, media_id: self.sources_of(media_id)})()
        for name in ("claim", "set_stats", "archive_item", "leave_unavailable"):
            setattr(ledger, name, getattr(self, name))
        session = type("Session", (), {"sources": lambda _, item: self.offer(item), "provider": self.provider})()
        session.require_usable_token = self.require_usable_token
        session.same_source = lambda _item, ended: ended
        runner = type("Runner", (), {"run": lambda _, work: asyncio.run(work)})()
        return VideoDownloader(
            session=session, ledger=ledger, runs=cast(Any, self), archive=cast(Any, None), uploader=cast(Any, runner),
            connections=self.connections, deadline=Deadline(lambda: self.left, 0.0), memory_mb=2048,
            most_bytes=self.most_bytes,
        )  # fmt: skip

    def slice(self, item: MediaItem = CLIP) -> SliceResult:
        result = self.step().download(SliceRequest("run-1", "gopro", item))
        assert isinstance(result, SliceResult)
        return result

    def batch(self, *items: MediaItem) -> tuple[MediaItem, ...]:
        result = self.step().download(BatchRequest("run-1", "gopro", items))
        assert isinstance(result, BatchResult)
        return result.unfinished


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return moving(World(), monkeypatch)


def moving(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Every transfer of a source happens in this world."""

    class Transfer:
        def __init__(self, options: Any, _l: Any, _p: str, item: MediaItem, source: MediaSource, *_: Any) -> None:
            self.options, self.item, self.source = options, item, source

        async def archive(self) -> SourceRow | None:
            world.moved.append((self.item.media_id, self.source.file_number))
            world.hosts.append(self.options.host)
            self.options.stats.bytes_moved += world.bytes_moved
            self.options.stats.requests += 2
            self.options.stats.bytes_read += 150
            made = world.moves.pop(0) if world.moves else row(number=self.source.file_number)
            if world.worker_in_trouble not in (None, asyncio.current_task()):
                await asyncio.wait([world.worker_in_trouble], timeout=5)
            if world.holds_others and not isinstance(made, SourceRow):
                world.worker_in_trouble = asyncio.current_task()
            if isinstance(made, Exception):
                raise made
            return made

    monkeypatch.setattr(download, "SourceTransfer", Transfer)
    return world


# Leases


def test_an_item_is_leased_a_minute_longer_than_the_invocation_may_last(world: World) -> None:
    world.slice()
    assert world.claims == [("run-1", 100.0 + LEASE_GRACE_SECONDS, "")]


@pytest.mark.parametrize(
    ("status", "revision", "found"),
    [
        (Status.ARCHIVED, "/1", "ARCHIVED"),
        (Status.ARCHIVED, "/0", "BUSY"),
        (Status.IN_PROGRESS, "/1", "BUSY"),
    ],
)
def test_an_item_that_is_not_to_be_had_is_archived_or_busy(
    monkeypatch: pytest.MonkeyPatch, status: Status, revision: str, found: str
) -> None:
    world = moving(World(), monkeypatch)
    world.before, world.granted = ItemRow(status=status, revision=revision, lease_owner="run-0"), [False]
    assert world.slice() == SliceResult(download.SliceStatus(found))
    assert world.moved == [] and world.stats == [] and len(world.claims) == 1


def test_the_lease_of_a_run_that_has_ended_is_taken_over_and_of_no_other(world: World) -> None:
    world.before, world.granted, world.ended = replace_row(world.before, lease_owner="run-0"), [False, True], {"run-0"}
    assert world.slice().status == "ARCHIVED"
    assert world.claims == [("run-1", 160.0, ""), ("run-1", 160.0, "run-0")]


def replace_row(before: ItemRow, **changes: Any) -> ItemRow:
    return ItemRow(**{name: getattr(before, name) for name in before.__struct_fields__} | changes)


def test_a_lease_that_is_lost_at_the_end_or_on_the_way_means_busy(world: World) -> None:
    world.keeps_lease = False
    assert world.slice().status == "BUSY"
    world.moves = [LostLease()]
    assert world.slice().status == "BUSY"


def test_with_a_token_that_is_known_to_be_refused_nothing_is_asked(world: World) -> None:
    world.refused = CredentialsExpiredError("refused")
    with pytest.raises(CredentialsExpiredError):
        world.slice()
    assert world.moved == [] and world.archived == [] and len(world.stats) == 1


# Effort


def effort(world: World) -> tuple[int, int, int]:
    (stats,) = world.stats
    assert stats["effort_run"] == "run-1"
    return stats["run_bytes"], stats["run_requests"], stats["run_slices"]


def test_the_effort_of_one_run_is_the_sum_of_its_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = {"run_bytes": 1000, "run_requests": 20, "run_slices": 4, "run_gb_seconds": 50.0}
    for run, found in (("run-1", (1100, 22, 5)), ("run-0", (100, 2, 1))):
        world = moving(World(effort_run=run, **earlier), monkeypatch)
        world.slice()
        assert effort(world) == found
        assert (world.stats[0]["run_gb_seconds"] >= 50) == (run == "run-1")


def test_gb_seconds_are_the_seconds_times_the_memory_in_gb(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(side_by_side, "SharedTime", lambda: SharedTime(lambda: next(clock, 4.0)))
    world.slice()
    assert world.stats[0]["run_gb_seconds"] == 3 * 2


def test_the_effort_of_a_slice_that_fails_is_noted_too(world: World) -> None:
    world.moves = [OriginalUnavailableError("x")]
    with pytest.raises(OriginalUnavailableError):
        world.slice()
    assert effort(world) == (100, 2, 1)


@pytest.mark.parametrize("outcome", [row(), MediaNotFoundError("gone")], ids=["archived", "unavailable"])
def test_the_effort_of_a_slice_is_written_together_with_the_outcome_of_its_item(
    world: World, outcome: SourceRow | Exception
) -> None:
    world.moves = [outcome]
    world.slice()
    assert effort(world) == (100, 2, 1) and world.writes_of_stats == 0


@pytest.mark.parametrize("outcome", [row(), MediaNotFoundError("gone"), LostLease(), None], ids=str)
def test_the_effort_of_a_slice_without_an_outcome_is_written_alone(
    world: World, outcome: SourceRow | Exception | None
) -> None:
    world.keeps_lease, world.moves = False, [outcome]
    world.slice()
    assert effort(world) == (100, 2, 1) and world.writes_of_stats == 1


def test_a_slice_that_moved_not_one_byte_and_is_not_done_is_an_error(world: World) -> None:
    world.moves, world.bytes_moved = [None], 0
    with pytest.raises(ProviderUnavailableError, match="within 100 s"):
        world.slice()
    world.moves, world.bytes_moved = [None], 1
    assert world.slice() == SliceResult(download.SliceStatus.IN_PROGRESS, 1)


@pytest.mark.parametrize(("read", "goes_on"), [(9_999, True), (10_000, False), (10_001, False)])
def test_a_run_that_has_read_as_much_as_it_may_begins_nothing_more(world: World, read: int, goes_on: bool) -> None:
    world.read_before = read
    assert (world.slice().status, world.batch(CLIP, OTHER)) == ("ARCHIVED" if goes_on else "LEFT", ())
    assert bool(world.moved) == bool(world.claims) == goes_on


def test_what_was_read_is_added_up_for_the_run_also_when_a_slice_fails(world: World) -> None:
    world.batch(CLIP, OTHER)
    world.moves = [OriginalUnavailableError("x")]
    with pytest.raises(OriginalUnavailableError):
        world.slice()
    assert world.noted_reads == [("run-1", 300), ("run-1", 150)]


# Files of one item


def test_every_file_of_an_item_is_moved_and_their_bytes_are_added_up(world: World) -> None:
    world.offered["clip"] = [file(1, 2), file(2, 2)]
    world.moves = [row(7, number=1), row(5, number=2)]
    assert world.slice() == SliceResult(download.SliceStatus.ARCHIVED, 200)
    assert (world.moved, world.archived) == ([("clip", 1), ("clip", 2)], [("clip", 12)])


def test_a_file_that_is_archived_for_this_revision_is_not_asked_for(world: World) -> None:
    world.offered["clip"] = [file(1, 3), file(2, 3), file(3, 3)]
    world.known = {1: row(7, number=1, revision="/1"), 2: row(7, number=2, revision="/0")}
    world.slice()
    assert world.moved == [("clip", 2), ("clip", 3)]  # of another revision; and not begun yet


def test_after_a_file_that_is_not_done_no_other_is_begun(world: World) -> None:
    world.offered["clip"], world.moves = [file(1, 2), file(2, 2)], [None]
    assert world.slice().status == "IN_PROGRESS" and world.moved == [("clip", 1)] and world.archived == []


def test_an_item_of_which_a_file_is_missing_is_not_archived_although_the_others_are(world: World) -> None:
    world.offered["clip"] = [file(1, 3), file(3, 3)]
    with pytest.raises(OriginalUnavailableError, match="only 2 of the 3 files"):
        world.slice()
    assert len(world.moved) == 2 and world.archived == []


@pytest.mark.parametrize(
    ("damages", "said"),
    [
        (("",), ""),
        (("it is empty",), "it is empty"),
        (("", ""), ""),
        (("", "it is empty"), "file 2: it is empty"),
        (("cut", "", "it is empty"), "file 1: cut; file 3: it is empty"),
    ],
)
def test_what_is_wrong_with_the_files_of_an_item_is_noted_with_it(
    world: World, damages: tuple[str, ...], said: str
) -> None:
    world.offered["clip"] = [file(number, len(damages)) for number in range(1, len(damages) + 1)]
    world.moves = [row(number=number, damage=damage) for number, damage in enumerate(damages, start=1)]
    assert world.slice().status == "ARCHIVED" and world.damages == [said]


def test_the_proofs_of_an_item_are_those_of_each_of_its_files(world: World) -> None:
    world.offered["clip"] = [file(1, 2), file(2, 2)]
    world.moves = [row(7, "s3-checksum", "source-etag"), row(5, "claimed-size", "s3-checksum", number=2)]
    assert world.slice().proofs == ("s3-checksum",)
    world.moves = [row(7, "s3-checksum", "source-etag"), row(5, "source-etag", "s3-checksum", number=2)]
    assert world.slice().proofs == ("s3-checksum", "source-etag")


@pytest.mark.parametrize("streams", [(False, False), (True, False), (False, True)], ids=str)
def test_an_item_says_that_one_of_its_files_could_not_be_read_in_ranges(
    world: World, streams: tuple[bool, bool]
) -> None:
    world.offered["clip"] = [file(1, 2), file(2, 2)]
    world.moves = [row(7, single_stream=streams[0]), row(5, number=2, single_stream=streams[1])]
    assert world.slice().single_stream == any(streams)


@pytest.mark.parametrize("sources", [[], None], ids=["no file", "gone"])
def test_what_is_not_there_now_is_left_for_a_later_run(world: World, sources: list[MediaSource] | None) -> None:
    if sources is None:
        world.moves = [MediaNotFoundError("gone")]
    else:
        world.offered["clip"] = sources
    assert world.slice().status == "UNAVAILABLE" and world.archived == []
    assert world.left_alone == [("clip", "not_available_yet" if sources == [] else MediaNotFoundError.category)]


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (OriginalNotReadyError("Its quota of today is used up."), "not_available_yet"),
        (OriginalRefusedError("The provider calls it abusive."), "refused_by_provider"),
        (HashDisputedError("Its hash is wrong.", {}), "hash_disputed"),
    ],
)
@pytest.mark.parametrize("by", ["its host", "its API"])
def test_a_file_that_the_provider_refuses_stays_listed_with_its_reason_and_counts_no_attempt(
    world: World, error: CloudSyncError, category: str, by: str
) -> None:
    if by == "its host":
        world.moves = [error]
    else:
        world.offered["clip"] = cast(Any, error)
    assert world.slice().status == "UNAVAILABLE"
    assert world.left_alone == [("clip", category)] and world.reasons == [str(error)] and world.archived == []


def test_what_is_to_be_remembered_of_a_disputed_hash_is_written_with_its_reason(world: World) -> None:
    world.moves = [HashDisputedError("Its hash is wrong.", {"disputed": "md5:00", "disputed_runs": 1})]
    world.slice()
    (written,) = world.stats
    assert (written["disputed"], written["disputed_runs"], written["run_slices"]) == ("md5:00", 1, 1)
    assert world.writes_of_stats == 0


def test_a_file_that_is_disputed_and_not_to_be_read_yet_is_left_without_a_transfer(world: World) -> None:
    world.offered["clip"] = [replace(file(), content_hashes=("md5:00",))]
    known = {"disputed": "md5:00", "disputed_content": "crc", "disputed_until": "9999-01-01T00:00:00Z"}
    world.before = msgspec.structs.replace(world.before, **known)
    assert world.slice().status == "UNAVAILABLE" and world.moved == []
    assert world.left_alone == [("clip", "hash_disputed")] and "disputed" not in world.stats[0]


def test_a_file_that_is_not_available_now_is_done_with_for_its_batch_and_holds_up_no_other(world: World) -> None:
    world.moves = [OriginalNotReadyError("later"), row()]
    assert world.batch(CLIP, OTHER) == () and len(world.archived) == 1


def test_a_transfer_is_told_how_its_provider_reads_refusals_and_where_its_token_may_go(world: World) -> None:
    world.provider.media_origins = ("https://media.example",)
    world.slice()
    (host,) = world.hosts
    assert host == MediaHost(world.provider.refusal, ("https://media.example",))


# Batches


def test_a_batch_that_is_done_leaves_nothing(world: World) -> None:
    assert world.batch(CLIP, OTHER, THIRD) == () and sorted(name for name, _ in world.moved) == [
        "clip",
        "other",
        "third",
    ]


@pytest.mark.parametrize("error", [OriginalUnavailableError("x"), ProviderUnavailableError("x"), None])
def test_a_batch_leaves_the_item_that_is_not_done_and_those_that_were_not_begun_to_slices(
    world: World, error: CloudSyncError | None
) -> None:
    world.connections, world.moves, world.holds_others = 1, [row(), error], True
    items = [MediaItem(media_id=str(number), filename="b.mp4") for number in range(9)]
    left = world.batch(*items)
    begun = [items[int(name)] for name, _ in world.moved]
    assert 2 <= len(begun) <= 3, "two are under way at once, and no further one is begun"
    assert left == tuple(item for item in items if item is begun[1] or item not in begun)


def test_an_item_of_a_batch_that_is_busy_or_unavailable_stops_no_other(world: World) -> None:
    world.moves = [LostLease(), MediaNotFoundError("gone"), row()]
    assert world.batch(CLIP, OTHER, THIRD) == ()


@pytest.mark.parametrize(("left", "begun"), [(10.0, 2), (9.9, 1)])
def test_a_later_item_is_begun_only_when_even_a_slow_connection_would_do_it_in_time(
    world: World, left: float, begun: int
) -> None:
    world.left, later = left, msgspec.structs.replace(CLIP, media_id="later")
    assert world.batch(CLIP, later) == ((later,) if begun == 1 else ()) and len(world.moved) == begun


def test_an_item_that_is_twice_in_a_batch_is_moved_once(world: World) -> None:
    assert world.batch(CLIP, OTHER, CLIP) == () and len(world.moved) == 2
    world.moved, world.moves = [], [ProviderUnavailableError("x"), row()]
    assert world.batch(CLIP, OTHER, CLIP) in ((CLIP, CLIP), (OTHER,)), "both are under way at once, and one fails"


def test_the_first_item_of_a_batch_is_begun_however_large_it_is_and_one_without_a_size_always(world: World) -> None:
    world.left = 0.0
    assert world.batch(CLIP, OTHER) == () and len(world.moved) == 2


def test_the_gb_seconds_of_a_slice_are_noted_to_a_thousandth(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0])
    monkeypatch.setattr(side_by_side, "SharedTime", lambda: SharedTime(lambda: next(clock, 1.23456)))
    world.slice()
    assert world.stats[-1]["run_gb_seconds"] == 2.469  # of 2048 MB


def test_what_was_archived_before_a_source_counts_as_kept(world: World) -> None:
    """It shows that slices make progress, although the next source has not moved."""
    world.offered["clip"] = [file(1, 2), file(2, 2)]
    world.moves = [row(number=1), None]
    world.slice()
    assert world.stats[-1]["run_kept"] == row(number=1).size > 0
