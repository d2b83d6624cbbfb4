"""gopro-media-downloader, which backs up real accounts of GoPro Cloud, finds the fake to be one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Item, Library
from tests.installed import ROOT, installed
from tests.integration.downloader import BIG
from tests.integration.gopro_client import SIZES, write_library
from tests.integration.judges.programs import PYTHON, Authority, environment, new_authority

_PROGRAM = Path(__file__).with_name("gopro_program.py")
CHAPTERS = {"GX010002.MP4": "one.mp4", "GX020002.MP4": "two.mp4", "GX030002.MP4": "three.mp4"}
VIDEOS_ALONE = ("--types", "Video,TimeLapseVideo,LoopedVideo,ExternalVideo", "--non-interactive")
VIDEOS = {"GX010001.MP4": "clip.mp4", "two.mp4": "two.mp4", **CHAPTERS}  # by the name that it gives them


@dataclass
class GoProDownloader:
    """The program with one account and one folder. It logs as JSON Lines."""

    fake: FakeGoPro
    authority: Authority
    folder: Path
    library: Path = field(default=Path())

    def run(self, command: str, *arguments: str, **account: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        installed(PYTHON)
        token = ["--token", account.get("token", self.fake.access_token)]
        where = ["--dest", str(self.folder / "videos"), *token]
        env = environment(self.authority) | {"HOME": str(self.folder)}
        line = [str(ROOT / PYTHON), str(_PROGRAM), self.fake.base_url, command, *where, *arguments]
        return subprocess.run(line, env=env, capture_output=True, text=True, check=False, timeout=100)

    def sync(self) -> list[dict[str, Any]]:
        """Downloads all videos; returns what it logged of files."""
        before = self.events()
        done = self.run("sync", *VIDEOS_ALONE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return self.events()[len(before) :]

    def events(self) -> list[dict[str, Any]]:
        """Its log, in order."""
        logs = sorted(
            (self.folder / "videos" / ".gopro-dl" / "logs").glob("*.jsonl"), key=lambda log: log.stat().st_ino
        )
        return sorted(
            (json.loads(line) for log in logs for line in log.read_text().splitlines()), key=lambda e: e["ts"]
        )

    def paths(self) -> list[Path]:
        """The files that it has downloaded: a folder for each day."""
        return sorted((self.folder / "videos").glob("[0-9]*/*"))

    def files(self) -> dict[str, bytes]:
        """What it has downloaded, by name."""
        return {path.name: path.read_bytes() for path in self.paths()}

    def expect_videos(self) -> None:
        assert self.files() == {name: (self.library / source).read_bytes() for name, source in VIDEOS.items()}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def downloader(authority: Authority, tmp_path: Path) -> Iterator[GoProDownloader]:
    library = write_library(tmp_path / "library")
    with running(Library.load(library), authority.server(["api.gopro.com"])) as fake:
        yield GoProDownloader(fake, authority, tmp_path, library)


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def is_waiting(item: Item) -> bool:
    return item.is_video and str(item.row["ready_to_view"]) != "ready"


def checksums(events: list[dict[str, Any]]) -> dict[str, str]:
    """What it makes of each file's ETag."""
    return {Path(event["path"]).name: event["checksum_state"] for event in events if event["event"] == "file_done"}


def test_it_knows_the_account_and_refuses_a_token_that_was_never_issued(downloader: GoProDownloader) -> None:
    good, bad = downloader.run("token"), downloader.run("token", token="nonsense")
    assert good.returncode == 0 and downloader.fake.user_id in good.stdout
    assert bad.returncode == 1 and "Token rejected" in bad.stdout


def test_it_downloads_every_video_page_after_page_with_each_chapter_and_proves_the_content(
    downloader: GoProDownloader,
) -> None:
    downloader.fake.control.set_page_size(2)
    events = downloader.sync()
    downloader.expect_videos()
    assert checksums(events) == dict.fromkeys(VIDEOS, "ok")
    (skipped,) = [event for event in events if event["event"] == "item_skipped"]
    assert (skipped["media_id"], skipped["reason"]) == ("proxyonly", "no_source_variation")
    pages = [
        request["query"]["page"] for request in downloader.fake.control.requests() if request["endpoint"] == "search"
    ]
    assert pages == ["1", "2"]


def test_it_backs_up_the_demo_library_and_continues_a_file_where_the_connection_broke_off(
    authority: Authority, demo_folder: Path, tmp_path: Path
) -> None:
    with running(Library.load(demo_folder), authority.server(["api.gopro.com"])) as fake:
        downloader = GoProDownloader(fake, authority, tmp_path)
        fake.control.add_fault(FaultKind.CONNECTION_CUT, media_id=BIG, times=1, byte=5_000_000)
        fake.control.add_fault(FaultKind.FILE_SIZE_NULL)  # one is out of date by more than it allows of so small a file
        downloader.sync()
        asked = [r for r in fake.control.requests() if r["endpoint"] == "cdn" and r["media_id"] == BIG]
        edits = {item.media_id for item in fake.library.items() if item.row["type"] == "MultiClipEdit"}
        wanted = [digest(found.path) for found in fake.library.originals() if found.media_id not in edits]
        waiting = [digest(path) for item in fake.library.items() if is_waiting(item) for path in item.sources]
        assert sorted(map(digest, downloader.paths())) == sorted(
            [*wanted, *waiting]
        )  # it asks for what is not ready too
        assert downloader.run("verify", "--deep").returncode == 0
    assert [request["status"] for request in asked] == [200, 206] and asked[0]["range"] is None
    assert 4_000_000 < int(asked[1]["range"].removeprefix("bytes=").removesuffix("-")) <= 5_000_000


def test_it_asks_for_a_fresh_link_when_one_has_expired(downloader: GoProDownloader) -> None:
    downloader.fake.control.add_fault(FaultKind.LINK_REFUSED, media_id="clip", times=1)
    events = downloader.sync()
    downloader.expect_videos()
    assert sum(event["event"] == "refreshing_signed_url" for event in events) == 1


def test_it_waits_where_it_is_throttled(downloader: GoProDownloader) -> None:
    downloader.fake.control.add_fault(FaultKind.THROTTLED, endpoint=Endpoint.SEARCH, times=1, retry_after=1)
    retried = [event for event in downloader.sync() if event["event"] == "request_retry"]
    assert [(event["status"], event["retry_after"]) for event in retried] == [(429, 1.0)]
    downloader.expect_videos()


def test_it_takes_a_listed_size_that_is_a_little_out_of_date_for_what_it_is(downloader: GoProDownloader) -> None:
    downloader.fake.control.add_fault(FaultKind.FILE_SIZE_STALE, media_id="clip", bytes_off=200)
    (stale,) = [event for event in downloader.sync() if event["event"] == "listing_size_stale"]
    assert (stale["listed"], stale["origin"]) == (SIZES["clip.mp4"] - 200, SIZES["clip.mp4"])
    downloader.expect_videos()


def test_it_finds_another_content_than_the_etag_says(downloader: GoProDownloader) -> None:
    downloader.fake.control.add_fault(FaultKind.BYTES_CORRUPTED, media_id="clip", byte=77)
    done = downloader.run("sync", *VIDEOS_ALONE)
    assert done.returncode == 1 and "clip.mp4" not in downloader.files()
    (failed,) = [event for event in downloader.events() if event["event"] == "file_failed"]
    assert "content checksum mismatch against origin ETag" in failed["error"]


def test_it_is_refused_when_a_media_type_is_no_longer_known(downloader: GoProDownloader) -> None:
    downloader.fake.control.add_fault(FaultKind.CONTRACT_CHANGED, endpoint=Endpoint.DOWNLOAD, status=406)
    assert downloader.run("sync", *VIDEOS_ALONE).returncode == 1 and downloader.files() == {}
    failed = [event for event in downloader.events() if event["event"] == "item_failed"]
    assert len(failed) == 4 and all("HTTP 406" in event["error"] for event in failed)
