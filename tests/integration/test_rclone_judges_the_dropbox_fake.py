"""rclone, which nobody here wrote, takes the fake for Dropbox. It finds it through a CONNECT proxy."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.dropbox import HOSTS
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.library import Library
from tests.connect_proxy import connect_proxy
from tests.installed import ROOT, installed
from tests.integration.dropbox_client import (
    FILES,
    FOLDERS,
    LONG,
    PAPER,
    SIZES,
    SONG,
    TRIP,
    Certificate,
    Client,
    certificate,
    client_of,
    write_library,
)
from tests.integration.judges.programs import RCLONE
from tests.integration.wait_until import wait_until

FILMS = FILES - {PAPER}


@dataclass(frozen=True)
class Rclone:
    """rclone, configured with a remote `d:` that is the fake."""

    service: Client
    environment: dict[str, str]
    config: Path

    def command(self, *arguments: str) -> list[str]:
        return [
            str(ROOT / RCLONE),
            "--config",
            str(self.config),
            "--retries",
            "1",
            "--low-level-retries",
            "2",
            *arguments,
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs a command to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, check=False, timeout=90
        )

    def output(self, *arguments: str) -> bytes:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def listed(self, remote: str = "d:", *options: str) -> dict[str, Any]:
        """Everything below a folder: path to what rclone knows of it."""
        rows = json.loads(self.output("lsjson", "-R", "--hash", *options, remote))
        return {f"/{row['Path']}": row for row in rows}


@contextlib.contextmanager
def rclone_of(
    library: Library, tls: Certificate, folder: Path, expiry: str = "2099-01-01T00:00:00Z"
) -> Iterator[Rclone]:
    installed(RCLONE)
    with client_of(library, tls) as client:
        token = {
            "access_token": client.fake.access_token,
            "refresh_token": client.fake.refresh_token,
            "token_type": "bearer",
            "expiry": expiry,
        }
        (folder / "rclone.conf").write_text(
            f"[d]\ntype = dropbox\nclient_id = {client.fake.app_key}\nclient_secret = {client.fake.app_secret}\n"
            f"token = {json.dumps(token)}\n"
        )
        with connect_proxy(dict.fromkeys(HOSTS, client.fake.port)) as proxy:
            # Its longpoll does not look at --ca-cert.
            own = {"HTTPS_PROXY": proxy.url, "NO_PROXY": "", "SSL_CERT_FILE": str(tls.authority)}
            yield Rclone(client, {**os.environ, **own}, folder / "rclone.conf")
            assert proxy.refused == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def rclone(folder: Path, tls: Certificate, tmp_path: Path) -> Iterator[Rclone]:
    with rclone_of(Library.load(folder), tls, tmp_path) as judge:
        yield judge


# Listing


def test_rclone_lists_every_file_with_its_size_time_and_hash(rclone: Rclone) -> None:
    listed = rclone.listed()
    # What has to be exported gets the extension of its export.
    assert set(listed) == FILMS | FOLDERS | {"/Notes.html"}
    trip = listed[TRIP]
    assert (trip["Size"], trip["ModTime"]) == (SIZES["one.mp4"], "2026-05-06T10:00:00Z")
    assert trip["Hashes"] == {"dropbox": rclone.service.metadata(TRIP)["content_hash"]}
    assert trip["ID"] == rclone.service.fake.control.id_of(TRIP)


def test_rclone_lists_the_same_over_small_and_empty_pages(rclone: Rclone) -> None:
    whole = rclone.listed()
    rclone.service.fake.control.set_page_size(1)
    rclone.service.fake.control.add_fault(DropboxFault.PAGE_EMPTY, after=2, times=5)
    assert rclone.listed() == whole


def test_rclone_finds_a_folder_in_any_case_and_misses_what_is_not_there(rclone: Rclone) -> None:
    assert set(rclone.listed("d:TRIPS/2026")) == {"/GX010001.MP4"}
    missing = rclone.run("lsf", "d:nowhere")
    assert missing.returncode == 3 and b"directory not found" in missing.stderr


def test_rclone_sees_the_team_space_from_the_real_root(rclone: Rclone) -> None:
    rclone.service.fake.control.put_team_file("/Team films/one.mp4", "one.mp4")
    rclone.service.fake.control.join_team()
    assert set(rclone.listed()) == FILMS | FOLDERS | {"/Notes.html"}
    assert {"/Team films/one.mp4", f"/Anna Example{TRIP}"} <= set(rclone.listed("d:/"))


def test_rclone_reads_the_space(rclone: Rclone) -> None:
    about = json.loads(rclone.output("about", "--json", "d:"))
    assert about["used"] == rclone.service.rpc("users/get_space_usage").json()["used"]
    assert about["total"] == about["used"] + about["free"]


# Downloading


def test_rclone_copies_real_videos_and_finds_each_hash_matching(
    demo_folder: Path, tls: Certificate, tmp_path: Path
) -> None:
    library = Library.load(demo_folder)
    with rclone_of(library, tls, tmp_path) as rclone:
        rclone.output("copy", "d:", str(tmp_path / "copy"))
        rclone.output("check", "d:", str(tmp_path / "copy"))
        originals = rclone.service.fake.control.originals()
        copied = {path.stat().st_size for path in (tmp_path / "copy").rglob("*") if path.is_file()}
        assert {original["size"] for original in originals} <= copied and len(originals) >= 20
        (tmp_path / "copy" / "GX010060.MP4").write_bytes(b"another film")
        different = rclone.run("check", "d:", str(tmp_path / "copy"))
        assert different.returncode == 1 and b"1 differences found" in different.stderr


def test_rclone_copies_a_large_file_in_ranges(rclone: Rclone, folder: Path, tmp_path: Path) -> None:
    several = ["--multi-thread-streams", "4", "--multi-thread-cutoff", "1M", "--multi-thread-chunk-size", "2M"]
    rclone.output("copyto", *several, f"d:{LONG[1:]}", str(tmp_path / "film"))
    assert (tmp_path / "film").read_bytes() == (folder / "long.mp4").read_bytes()
    asked = [entry for entry in rclone.service.fake.control.requests() if entry["endpoint"] == "download"]
    assert {entry["status"] for entry in asked} == {206} and len({entry["range"] for entry in asked}) == 5


def test_rclone_reads_a_part_of_a_file(rclone: Rclone, folder: Path) -> None:
    found = rclone.output("cat", "--offset", "5000", "--count", "100", f"d:{TRIP[1:]}")
    assert found == (folder / "one.mp4").read_bytes()[5000:5100]


def test_rclone_notices_bytes_that_are_not_those_of_the_hash(rclone: Rclone, tmp_path: Path) -> None:
    trip = rclone.service.fake.control.id_of(TRIP)
    rclone.service.fake.control.add_fault(DropboxFault.BYTES_CORRUPTED, byte=77, media_id=trip)
    failed = rclone.run("copyto", f"d:{TRIP[1:]}", str(tmp_path / "film"))
    assert failed.returncode != 0 and b"corrupted on transfer" in failed.stderr


# Changes


def test_rclone_is_told_of_a_change(rclone: Rclone) -> None:
    command = rclone.command("test", "changenotify", "d:", "--poll-interval", "1s", "-vv")
    with subprocess.Popen(command, env=rclone.environment, stderr=subprocess.PIPE, text=True) as watching:
        try:
            log = rclone.service.fake.control
            wait_until(
                lambda: any(one["endpoint"] == "list_folder/get_latest_cursor" for one in log.requests()), "it watches"
            )
            rclone.service.fake.control.put_file("/Trips/new.mp4", "two.mp4")
            assert watching.stderr is not None
            assert next(line for line in watching.stderr if "Trips/new.mp4" in line)
        finally:
            watching.kill()


# Errors and tokens


def test_rclone_gives_up_on_restricted_content_and_copies_the_rest(rclone: Rclone, tmp_path: Path) -> None:
    done = rclone.run("copy", "--exclude", "*.html", "d:", str(tmp_path / "copy"))
    assert done.returncode != 0 and b"path/restricted_content" in done.stderr
    copied = {f"/{path.relative_to(tmp_path / 'copy')}" for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert copied == FILMS - {SONG}


def test_rclone_waits_as_long_as_it_is_told(rclone: Rclone) -> None:
    rclone.service.fake.control.add_fault(DropboxFault.THROTTLED, times=1, retry_after=1)
    done = rclone.run("lsf", "d:")
    assert done.returncode == 0 and b"Trying again in 1 seconds" in done.stderr


def test_rclone_refreshes_a_token_that_has_expired(folder: Path, tls: Certificate, tmp_path: Path) -> None:
    with rclone_of(Library.load(folder), tls, tmp_path, expiry="2020-01-01T00:00:00Z") as rclone:
        assert "Trips/" in rclone.output("lsf", "d:").decode()
        assert rclone.service.fake.control.stats()["token_refreshes"] == 1
        rclone.service.fake.control.revoke()
        refused = rclone.run("lsf", "d:")
        assert refused.returncode != 0 and b"invalid_access_token" in refused.stderr


def test_rclone_says_which_permission_a_token_lacks(rclone: Rclone) -> None:
    rclone.service.fake.control.add_fault(
        DropboxFault.TOKEN_REFUSED, endpoint=DropboxEndpoint.LIST, tag="missing_scope"
    )
    refused = rclone.run("lsf", "d:")
    assert refused.returncode != 0 and b"missing_scope" in refused.stderr
