"""The step Download: what one invocation remembers from one item to the next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest
from cloud_sync_common.exceptions import NoProgressError, OriginalUnavailableError, ProviderThrottledError
from cloud_sync_common.provider_interface import Capabilities, MediaItem, MediaSource
from cloud_sync_common.steps import download
from cloud_sync_common.steps.download import MOST_FILES, MOST_IDLE_SLICES, SliceStatus, VideoDownloader
from cloud_sync_common.stores.ledger_rows import Claim, ItemRow, SourceRow, Status
from cloud_sync_common.transfer.source_link import SourceLink

from tests.unit.doubles import PLENTY, Account

# Each is read by as many requests at once as its size says.
SMALL, LARGE, LARGER = (
    MediaItem(media_id=name, filename=f"{name}.MP4", size=requests)
    for name, requests in (("small", 1), ("large", 4), ("larger", 4))
)
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

    def bytes_read(self, _: str) -> int:
        return 0

    def note_read(self, *_: object) -> None: ...


class Session:
    """A provider that offers one source for each item."""

    def __init__(self, most_connections: int) -> None:
        self.provider = Account(capabilities=Capabilities(most_connections=most_connections))

    def require_usable_token(self) -> None: ...

    def sources(self, item: MediaItem) -> list[MediaSource]:
        return [MediaSource(file_number=1, filename=item.filename, url=f"https://cdn.example/{item.media_id}")]


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


def move(*items: MediaItem, most_connections: int = 16) -> None:
    """One invocation that moves all of them over four connections, or as few as the provider welcomes."""
    with asyncio.Runner() as runner:
        downloader = VideoDownloader(
            session=cast(Any, Session(most_connections)),
            ledger=cast(Any, Ledger()),
            runs=cast(Any, Runs()),
            archive=cast(Any, None),
            uploader=cast(Any, runner),
            connections=4,
            deadline=PLENTY,
            memory_mb=512,
            most_bytes=10**12,
        )
        assert downloader.run_batch(items, "run-1").unfinished == ()


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


# Slices that lead to nothing


class RememberingLedger(Ledger):
    """Keeps what the slices of a run note of an item."""

    def __init__(self) -> None:
        self.row = ItemRow(status=Status.IN_PROGRESS)

    def claim(self, *_: object, **__: object) -> Claim:
        return Claim(True, self.row)

    def set_stats(self, *given: Any) -> None:
        self.row = msgspec.structs.replace(self.row, **given[-1])


def slices(held: list[int], ledger: RememberingLedger, monkeypatch: pytest.MonkeyPatch, run_id: str = "run-1") -> int:
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
    assert slices([100 * number for number in range(200)], RememberingLedger(), monkeypatch) == 200


def test_a_video_whose_bytes_do_not_last_is_given_up_for_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0] * 50, RememberingLedger(), monkeypatch) == MOST_IDLE_SLICES


def test_what_comes_and_goes_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0, 100, 0, 100, 50, 100, 0, 100, 0], RememberingLedger(), monkeypatch) == 1 + MOST_IDLE_SLICES


def test_a_slice_that_finds_more_makes_up_for_those_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slices([0, 0, 0, 0, 100, 100, 100, 100, 200], RememberingLedger(), monkeypatch) == 9


def test_the_next_run_begins_to_count_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = RememberingLedger()
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
            with pytest.raises(OriginalUnavailableError, match="believes in 1,000"):
                step.run_slice(LARGE, "run-1")
    assert len(moved) == (count if count <= MOST_FILES else 0)
