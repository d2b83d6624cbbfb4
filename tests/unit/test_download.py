"""The step Download: what one invocation remembers from one item to the next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    NoProgressError,
    OriginalUnavailableError,
    ProviderThrottledError,
    ShortReadError,
)
from cloud_sync_common.provider_interface import Capabilities, MediaItem, MediaSource
from cloud_sync_common.source_identity import MOST_FILES
from cloud_sync_common.steps import download
from cloud_sync_common.steps.download import MOST_IDLE_SLICES, SliceStatus, VideoDownloader
from cloud_sync_common.stores.ledger_rows import Claim, ItemRow, SourceRow, Status
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import LengthUnknown

from tests.unit.doubles import PLENTY, Account

# Each is read by as many requests at once as its size says.
SMALL, LARGE, LARGER = (
    MediaItem(media_id=name, filename=f"{name}.MP4", size=requests)
    for name, requests in (("small", 1), ("large", 4), ("larger", 4))
)
MB = 1_000_000
ARCHIVED = SourceRow(status=Status.ARCHIVED, key="k", size=1)


class Ledger:
    """Grants every claim and believes everything."""

    def claim(self, *_: object, **__: object) -> Claim:
        return Claim(True, ItemRow(status=Status.IN_PROGRESS))

    def sources(self, _: str) -> dict[int, SourceRow]:
        return {}

    def set_stats(self, *_: object) -> None: ...

    def archive_item(self, *_: object, **__: object) -> bool:
        return True


class Runs:
    """A run that has read nothing yet."""

    def bytes_counted(self, _: str) -> int:
        return 0

    def note_read(self, *_: object) -> None: ...


class Session:
    """A provider that offers one source for each item."""

    def __init__(self, most_connections: int) -> None:
        self.provider = Account(capabilities=Capabilities(most_connections=most_connections))

    def require_usable_token(self) -> None: ...

    def sources(self, item: MediaItem) -> list[MediaSource]:
        return [MediaSource(file_number=1, filename=item.filename, url=f"https://cdn.example/{item.media_id}")]

    def same_source(self, item: MediaItem, ended: MediaSource) -> MediaSource:
        return ended


@dataclass
class Requests:
    """The requests of all transfers: how many were under way when the first of an item was answered."""

    throttled: set[str] = field(default_factory=set)  # items whose first request is told to slow down
    active: int = 0
    at_once: dict[str, int] = field(default_factory=dict)

    async def send(self, media_id: str) -> None:
        if media_id in self.throttled:
            self.throttled.remove(media_id)
            raise ProviderThrottledError("slow down", retry_after=0.0)
        self.active += 1
        await asyncio.sleep(0.001)
        self.at_once.setdefault(media_id, self.active)
        self.active -= 1


@dataclass
class Transfer:
    """Stands in for SourceTransfer."""

    requests: Requests
    item: MediaItem
    link: SourceLink

    async def archive(self) -> SourceRow:
        reads = [self.link.use(lambda _: self.requests.send(self.item.media_id)) for _ in range(self.item.size or 0)]
        await asyncio.gather(*reads)
        return ARCHIVED


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Stands in for the network: every source that is moved sends its requests here."""
    found = Requests()

    def transfer(_options: Any, _ledger: Any, _provider: str, item: MediaItem, _source: Any, link: Any, _: str) -> Any:
        return Transfer(found, item, link)

    monkeypatch.setattr(download, "SourceTransfer", transfer)
    return found


def step_with(session: Session, ledger: Ledger, runner: asyncio.Runner) -> VideoDownloader:
    return VideoDownloader(
        session=cast(Any, session),
        ledger=cast(Any, ledger),
        runs=cast(Any, Runs()),
        archive=cast(Any, None),
        uploader=cast(Any, runner),
        connections=4,
        deadline=PLENTY,
        memory_mb=512,
        most_bytes=10**12,
    )


def move(*items: MediaItem, most_connections: int = 16) -> None:
    """One invocation that moves one after the other over four connections, or as few as the provider welcomes."""
    with asyncio.Runner() as runner:
        downloader = step_with(Session(most_connections), Ledger(), runner)
        assert all(downloader.run_batch((item,), "run-1").unfinished == () for item in items)


def test_an_item_is_read_over_as_many_connections_as_are_configured(requests: Requests) -> None:
    move(LARGE, LARGER)
    assert requests.at_once == {"large": 4, "larger": 4}


def test_a_provider_that_welcomes_fewer_connections_gets_fewer(requests: Requests) -> None:
    move(LARGE, LARGER, most_connections=2)
    assert requests.at_once == {"large": 2, "larger": 2}


def test_a_request_to_slow_down_during_one_item_slows_the_next_item_too(requests: Requests) -> None:
    requests.throttled = {"small"}
    move(SMALL, LARGE)
    assert requests.at_once == {"small": 1, "large": 2}  # the first answer after the refusal admits one more


# A batch side by side


EVENTS = ("claim", "links", "move")


@dataclass
class Stage:
    """Transfers that end when they are told to, and what else is asked for meanwhile."""

    items: tuple[MediaItem, ...]
    end: dict[str, threading.Event] = field(init=False)
    outcome: dict[str, SourceRow | Exception | None] = field(default_factory=dict)
    happened: dict[tuple[str, str], threading.Event] = field(init=False)
    moving: set[str] = field(default_factory=set)
    most_moving: int = 0
    trouble: threading.Event = field(default_factory=threading.Event)  # an item was not finished, and that is known

    def __post_init__(self) -> None:
        names = [item.media_id for item in self.items]
        self.end = {name: threading.Event() for name in names}
        self.happened = {(what, name): threading.Event() for what in EVENTS for name in names}

    def did(self, what: str, media_id: str) -> bool:
        """Whether this happens."""
        return self.happened[what, media_id].wait(10.0)

    async def move(self, media_id: str) -> SourceRow | None:
        self.moving.add(media_id)
        self.most_moving = max(self.most_moving, len(self.moving))
        self.happened["move", media_id].set()
        try:
            assert await asyncio.to_thread(self.end[media_id].wait, 10.0)
        finally:
            self.moving.remove(media_id)
        outcome = self.outcome.get(media_id, ARCHIVED)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def has_happened(self, what: str) -> list[str]:
        return [item.media_id for item in self.items if self.happened[what, item.media_id].is_set()]


@contextmanager
def staged(
    monkeypatch: pytest.MonkeyPatch, *sizes: int, connections: int, first: int
) -> Iterator[tuple[Stage, Future[tuple[MediaItem, ...]]]]:
    """A batch of items of these sizes under way, in a thread; gives what it will leave unfinished. The links of the
    `first` ones come first, and those of others once these move."""
    stage = Stage(tuple(MediaItem(media_id=str(at), filename="a.MP4", size=size) for at, size in enumerate(sizes)))

    class Noting(Session):
        def sources(self, item: MediaItem) -> list[MediaSource]:
            if int(item.media_id) >= first:
                assert all(stage.did("move", str(at)) for at in range(first))
            stage.happened["links", item.media_id].set()
            return super().sources(item)

    class Claims(Ledger):
        def claim(self, item: MediaItem, *_: object, **__: object) -> Claim:  # type: ignore[override]
            stage.happened["claim", item.media_id].set()
            return super().claim()

    def transfer(_options: Any, _ledger: Any, _provider: str, item: MediaItem, *_: Any) -> Any:
        return SimpleNamespace(archive=lambda: stage.move(item.media_id))

    is_finished = VideoDownloader._is_finished

    async def noting_trouble(step: VideoDownloader, *args: Any) -> bool:
        finished = False
        try:
            finished = await is_finished(step, *args)
        finally:
            if not finished:
                stage.trouble.set()
        return finished

    monkeypatch.setattr(download, "SourceTransfer", transfer)
    monkeypatch.setattr(VideoDownloader, "_is_finished", noting_trouble)
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as invocation:
        runner.get_loop().set_default_executor(ThreadPoolExecutor(32))
        step = step_with(Noting(connections), Claims(), runner)
        yield stage, invocation.submit(lambda: step.run_batch(stage.items, "run-1").unfinished)


def test_small_videos_of_a_batch_move_side_by_side_within_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(monkeypatch, *[MB] * 9, connections=3, first=3) as (stage, left):
        assert all(stage.did("move", name) for name in "012")
        for name in "012345678":
            stage.end[name].set()
        assert left.result(10.0) == ()
    assert stage.most_moving == 3


def test_while_videos_move_the_next_one_is_claimed_and_its_links_are_there_but_no_further_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with staged(monkeypatch, *[MB] * 5, connections=2, first=2) as (stage, left):
        assert all(stage.did("move", name) for name in "01") and stage.did("links", "2")
        assert stage.has_happened("claim") == ["0", "1", "2"] and stage.has_happened("move") == ["0", "1"]
        for name in "01234":
            stage.end[name].set()
        assert left.result(10.0) == ()


def test_the_links_of_two_videos_are_asked_for_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    active, most, lock = 0, 0, threading.Lock()

    def sources(_: object, item: MediaItem) -> list[MediaSource]:
        nonlocal active, most
        with lock:
            active, most = active + 1, max(most, active + 1)
        together.wait(10.0)
        with lock:
            active -= 1
        return [MediaSource(file_number=1, filename=item.filename)]

    together = threading.Barrier(2)
    monkeypatch.setattr(Session, "sources", sources)
    with staged(monkeypatch, *[MB] * 6, connections=4, first=6) as (stage, left):
        for end in stage.end.values():
            end.set()
        assert left.result(10.0) == ()
    assert most == 2


def test_two_large_videos_move_at_once_and_over_one_connection_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for connections, most in ((4, 2), (3, 1), (1, 1)):
        with staged(monkeypatch, *[900 * MB] * (most + 1), connections=connections, first=most) as (stage, left):
            assert all(stage.did("links", str(at)) for at in range(most + 1))
            for end in stage.end.values():
                end.set()
            assert left.result(10.0) == ()
        assert stage.most_moving == most


@pytest.mark.parametrize("trouble", [OriginalUnavailableError("x"), None], ids=["error", "time is up"])
def test_the_trouble_of_one_video_ends_the_taking_of_new_ones_and_not_those_beside_it(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception | None
) -> None:
    with staged(monkeypatch, *[MB] * 6, connections=2, first=2) as (stage, left):
        assert all(stage.did("move", name) for name in "01") and stage.did("links", "2")
        stage.outcome["1"] = trouble
        stage.end["1"].set()
        assert stage.did("move", "2")  # it was claimed already
        assert stage.trouble.wait(10.0)
        stage.end["2"].set()
        stage.end["0"].set()
        assert [item.media_id for item in left.result(10.0)] == ["1", "3", "4", "5"]
    assert stage.has_happened("claim") == ["0", "1", "2"]


def test_a_defect_is_raised_once_those_beside_it_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(monkeypatch, *[MB] * 6, connections=2, first=2) as (stage, left):
        assert all(stage.did("move", name) for name in "01") and stage.did("links", "2")
        stage.outcome["0"] = RuntimeError("a defect")
        stage.end["0"].set()
        assert stage.did("move", "2") and stage.trouble.wait(10.0) and not left.done()
        stage.end["1"].set()
        stage.end["2"].set()
        with pytest.raises(RuntimeError, match="a defect"):
            left.result(10.0)
    assert stage.has_happened("claim") == ["0", "1", "2"]


# Files whose length nobody knows


CHAPTERS = MediaItem(media_id="chapters", filename="c.MP4", size=60, source_count=3, kind="Chaptered")
LENGTHS = {1: 10, 2: 20, 3: 30}


@dataclass
class Chapter:
    """Stands in for SourceTransfer: the server of some files does not say how long they are, and sends `sent` bytes."""

    source: MediaSource
    unmeasured: dict[int, int]
    moved: list[tuple[int, int | None]]

    async def archive(self) -> SourceRow:
        number, size = self.source.file_number, self.source.size
        sent = self.unmeasured.get(number, LENGTHS[number])
        if number in self.unmeasured and size is None:
            raise LengthUnknown
        if size is not None and sent < size:
            raise ShortReadError(f"after {sent} bytes")
        self.moved.append((number, size))
        return SourceRow(status=Status.ARCHIVED, key=str(number), size=sent)


def move_chapters(
    monkeypatch: pytest.MonkeyPatch, unmeasured: dict[int, int], item: MediaItem = CHAPTERS, files: int = 3
) -> list[tuple[int, int | None]]:
    """What is archived, in this order: the number of each file, and the size that it had to have."""
    moved: list[tuple[int, int | None]] = []

    def transfer(_options: Any, _ledger: Any, _provider: str, _item: Any, source: MediaSource, *_: Any) -> Any:
        return Chapter(source, unmeasured, moved)

    monkeypatch.setattr(download, "SourceTransfer", transfer)
    session = Session(4)
    offered = [MediaSource(file_number=number, file_count=3, filename="c.MP4") for number in range(1, files + 1)]
    monkeypatch.setattr(session, "sources", lambda _: offered)
    with asyncio.Runner() as runner:
        step = step_with(session, Ledger(), runner)
        assert step.run_slice(item, "run-1").status == "ARCHIVED"
    return moved


@pytest.mark.parametrize("number", LENGTHS)
def test_a_chapter_of_unknown_length_is_archived_when_the_sum_shows_that_it_is_whole(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    moved = move_chapters(monkeypatch, {number: LENGTHS[number]})
    assert moved == [*((other, None) for other in LENGTHS if other != number), (number, LENGTHS[number])]


@pytest.mark.parametrize("number", LENGTHS)
def test_a_chapter_of_unknown_length_that_ends_short_is_not_archived(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with pytest.raises(ShortReadError, match="after"):
        move_chapters(monkeypatch, {number: LENGTHS[number] * 6 // 10})


@pytest.mark.parametrize(
    ("unmeasured", "size"), [({1: 10, 2: 20}, 60), ({1: 10}, None), ({3: 30}, 30), ({3: 30}, 10)], ids=str
)
def test_a_chapter_is_not_archived_when_nothing_shows_that_it_is_whole(
    monkeypatch: pytest.MonkeyPatch, unmeasured: dict[int, int], size: int | None
) -> None:
    with pytest.raises(ShortReadError, match="Nobody says how long"):
        move_chapters(monkeypatch, unmeasured, msgspec.structs.replace(CHAPTERS, size=size))


def test_a_single_file_of_which_nobody_says_the_length_is_not_archived(monkeypatch: pytest.MonkeyPatch) -> None:
    single = msgspec.structs.replace(CHAPTERS, size=None, source_count=1)
    monkeypatch.setattr(download, "check_complete", lambda _: None)
    with pytest.raises(ShortReadError, match="Nobody says how long"):
        move_chapters(monkeypatch, {1: 10}, single, files=1)


def test_the_sum_shows_nothing_when_a_file_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OriginalUnavailableError, match="only 2 of the 3"):
        move_chapters(monkeypatch, {1: 10}, files=2)


# An item of very many files


@dataclass
class RememberingLedger(Ledger):
    """Keeps the rows of sources, and counts how often they are read."""

    rows: dict[int, SourceRow] = field(default_factory=dict)
    reads: int = 0

    def sources(self, _: str) -> dict[int, SourceRow]:
        self.reads += 1
        return dict(self.rows)


@pytest.mark.parametrize("revision", ["", "2026-11-01/1000"])
@pytest.mark.parametrize("identified", [True, False])
def test_a_thousand_files_in_short_slices_are_each_asked_for_once_and_once_more_per_slice_at_most(
    monkeypatch: pytest.MonkeyPatch, revision: str, identified: bool
) -> None:
    item, per_slice = msgspec.structs.replace(CHAPTERS, source_count=1_000, size=None, revision=revision), 12
    ledger, asked, slices = RememberingLedger(), list[int](), 0
    names = {number: f"file-{number}" if identified else "" for number in range(1, 1_001)}

    class Slice:
        """Stands in for SourceTransfer: the time is up after a dozen files."""

        def __init__(
            self, options: Any, _ledger: Any, _provider: Any, _item: Any, source: MediaSource, *_: Any
        ) -> None:
            self._options, self._source = options, source

        async def archive(self) -> SourceRow | None:
            number = self._source.file_number
            asked.append(number)
            if self._options.stats.bytes_moved == per_slice:
                return None
            self._options.stats.bytes_moved += 1
            ledger.rows[number] = SourceRow(
                status=Status.ARCHIVED, key="k", size=1, identity=names[number], revision=revision
            )
            return ledger.rows[number]

    monkeypatch.setattr(download, "SourceTransfer", Slice)
    session, status = Session(4), "IN_PROGRESS"
    files = [MediaSource(number, "c.MP4", 1_000, identity=identity) for number, identity in names.items()]
    monkeypatch.setattr(session, "sources", lambda _: files)
    with asyncio.Runner() as runner:
        while status == "IN_PROGRESS":
            step = step_with(session, ledger, runner)
            status, slices = step.run_slice(item, "run-1").status, slices + 1
    assert (status, slices, ledger.reads) == ("ARCHIVED", 84, 84)
    assert set(asked) == set(names) and len(asked) <= 1_000 + slices


# Slices that lead to nothing


class NotingLedger(Ledger):
    """Keeps what the slices of a run note of an item."""

    def __init__(self) -> None:
        self.row = ItemRow(status=Status.IN_PROGRESS)

    def claim(self, *_: object, **__: object) -> Claim:
        return Claim(True, self.row)

    def set_stats(self, *given: Any) -> None:
        self.row = msgspec.structs.replace(self.row, **given[-1])


def slices(held: list[int], ledger: NotingLedger, monkeypatch: pytest.MonkeyPatch, run_id: str = "run-1") -> int:
    """How many slices say that they want another one. S3 has so many bytes of the video at the start of each of them;
    all move bytes."""
    at_start = iter(held)

    class Unfinished:
        def __init__(self, options: Any, *_: object) -> None:
            self.stats = options.stats

        async def archive(self) -> None:
            self.stats.held = next(at_start)
            self.stats.bytes_moved += 100

    monkeypatch.setattr(download, "SourceTransfer", Unfinished)
    with asyncio.Runner() as runner:
        nothing = cast(Any, None)
        session, runs = cast(Any, Session(4)), cast(Any, Runs())
        step = VideoDownloader(
            session, cast(Any, ledger), runs, nothing, cast(Any, runner), 4, PLENTY, 512, most_bytes=10**12
        )
        for done in range(len(held)):
            try:
                assert step.run_slice(LARGE, run_id).status is SliceStatus.IN_PROGRESS
            except NoProgressError:
                return done
    return len(held)


def test_a_video_that_has_more_in_s3_at_each_slice_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([100 * number for number in range(200)], NotingLedger(), monkeypatch) == 200


def test_a_video_whose_bytes_do_not_last_is_given_up_for_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0] * 50, NotingLedger(), monkeypatch) == MOST_IDLE_SLICES


def test_what_comes_and_goes_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0, 100, 0, 100, 50, 100, 0, 100, 0], NotingLedger(), monkeypatch) == 1 + MOST_IDLE_SLICES


def test_a_slice_that_finds_more_makes_up_for_those_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0, 0, 0, 0, 100, 100, 100, 100, 200], NotingLedger(), monkeypatch) == 9


def test_the_next_run_begins_to_count_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = NotingLedger()
    for run_id in ("run-1", "run-2"):
        assert slices([0] * 50, ledger, monkeypatch, run_id) == MOST_IDLE_SLICES


@pytest.mark.parametrize("count", [MOST_FILES, MOST_FILES + 1, 160_000])
def test_a_video_of_absurdly_many_files_is_refused_before_any_is_moved(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    moved: list[int] = []

    class Small:
        def __init__(self, _options: Any, _ledger: Any, _provider: str, _item: Any, source: Any, *_: object) -> None:
            moved.append(source.file_number)

        async def archive(self) -> SourceRow:
            return ARCHIVED

    sources = [MediaSource(file_number=number + 1, file_count=count, filename="a.mp4") for number in range(count)]
    monkeypatch.setattr(download, "SourceTransfer", Small)
    monkeypatch.setattr(Session, "sources", lambda *_: sources)
    with asyncio.Runner() as runner:
        nothing = cast(Any, None)
        session, ledger, runs = (cast(Any, double) for double in (Session(4), Ledger(), Runs()))
        step = VideoDownloader(session, ledger, runs, nothing, cast(Any, runner), 4, PLENTY, 512, most_bytes=10**12)
        if count <= MOST_FILES:
            assert step.run_slice(LARGE, "run-1").status is SliceStatus.ARCHIVED
        else:
            with pytest.raises(OriginalUnavailableError, match="believes in at most 9,999"):
                step.run_slice(LARGE, "run-1")
    assert len(moved) == (count if count <= MOST_FILES else 0)
