"""rclone's drive backend, which knows the real Google Drive, finds the fake to be one."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.google_drive import HOSTS, FakeGoogleDrive, running
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.library import Library
from tests.connect_proxy import ConnectProxy, connect_proxy
from tests.integration.google_drive_client import SIZES, write_library
from tests.integration.judges.consent import grant
from tests.integration.judges.programs import (
    RCLONES_PORT,
    Authority,
    Rclone,
    alone_with_rclones_port,
    environment,
    new_authority,
    write_config,
)

QUIET = ("--drive-skip-gdocs", "--drive-skip-shortcuts")
NAMED_ONCE = ("--exclude", "GX010001.MP4")
MINE = {
    "Größe/Über 'Grat'.mp4": "umlaut.mp4",
    "Locked/locked.mp4": "locked.mp4",
    "Trips/GS010003.360": "sphere.360",
    "Trips/still.jpg": "still.jpg",
    "empty.mp4": "empty.mp4",
    "holiday.mov": "holiday.mov",
}
"""The paths of what the account owns, but for the two files of one name, and the files of the library behind them."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def served(folder: Path, authority: Authority) -> Iterator[FakeGoogleDrive]:
    with running(Library.load(folder), authority.server(HOSTS)) as fake:
        yield fake


@pytest.fixture(scope="module")
def proxy(served: FakeGoogleDrive) -> Iterator[ConnectProxy]:
    with connect_proxy(dict.fromkeys(HOSTS, served.port)) as proxy:
        yield proxy
        assert proxy.refused == []


@pytest.fixture
def fake(served: FakeGoogleDrive) -> FakeGoogleDrive:
    served.control.reset()
    return served


@pytest.fixture
def rclone(fake: FakeGoogleDrive, proxy: ConnectProxy, authority: Authority, tmp_path: Path) -> Rclone:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return Rclone(write_config(tmp_path / "rclone.conf", {"drive": remote(fake, expiry)}), authority, proxy.url)


def remote(fake: FakeGoogleDrive, expiry: str) -> dict[str, str]:
    token = {"access_token": fake.access_token, "token_type": "Bearer", "refresh_token": fake.refresh_token}
    return {
        "type": "drive",
        "client_id": fake.client_id,
        "client_secret": fake.client_secret,
        "scope": "drive.readonly",
        "token": json.dumps(token | {"expiry": expiry}),
    }


def listed(rclone: Rclone, *options: str, where: str = "drive:") -> list[dict[str, Any]]:
    return list(json.loads(rclone.output("lsjson", "--recursive", "--files-only", "--hash", where, *options)))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("how", [["--fast-list"], ["--disable", "ListR"]])
def test_it_lists_every_folder_with_sizes_types_and_three_hashes(rclone: Rclone, folder: Path, how: list[str]) -> None:
    rows = {row["Path"]: row for row in listed(rclone, *QUIET, *how)}
    assert set(rows) == {*MINE, "Trips/Alps/GX010001.MP4"}
    for path, name in MINE.items():
        content = (folder / name).read_bytes()
        row = rows[path]
        assert row["Size"] == len(content) == SIZES[name]
        for kind in ("md5", "sha1", "sha256"):
            assert row["Hashes"][kind] == hashlib.new(kind, content).hexdigest()
    assert rows["holiday.mov"]["MimeType"] == "video/quicktime"
    assert rows["holiday.mov"]["ModTime"] == "2026-05-04T10:00:00.000Z"


def test_it_sees_both_files_of_one_name(rclone: Rclone) -> None:
    twins = [row["ID"] for row in listed(rclone, *QUIET, where="drive:Trips/Alps")]
    assert sorted(twins) == ["clip", "twin"]


def test_it_follows_a_shortcut(rclone: Rclone) -> None:
    (row,) = listed(rclone, "--drive-skip-gdocs", where="drive:Papers")
    assert (row["Path"], row["Size"]) == ("best.mp4", SIZES["clip.mp4"])


def test_it_sees_a_google_document_as_one_that_can_be_exported(rclone: Rclone) -> None:
    rows = listed(rclone, "--drive-skip-shortcuts", "--drive-show-all-gdocs", where="drive:Papers")
    assert [(row["ID"], row["Size"]) for row in rows] == [("notes", -1)]


def test_it_sees_the_trash_and_what_is_shared(rclone: Rclone) -> None:
    assert [row["Path"] for row in listed(rclone, "--drive-trashed-only")] == ["gone.mp4"]
    assert [row["Path"] for row in listed(rclone, "--drive-shared-with-me")] == ["drone.mp4"]


def test_it_sees_the_shared_drives_and_what_is_in_one(rclone: Rclone, folder: Path, tmp_path: Path) -> None:
    (shared,) = json.loads(rclone.output("backend", "drives", "drive:"))
    assert shared["name"] == "Family videos"
    option = ["--drive-team-drive", shared["id"]]
    assert [row["Path"] for row in listed(rclone, *option)] == ["2026/team.mp4"]
    rclone.output("copy", "drive:", str(tmp_path / "got"), *option)
    assert sha256_of(tmp_path / "got" / "2026" / "team.mp4") == sha256_of(folder / "team.mp4")


def test_it_copies_every_byte_and_finds_the_copy_equal(rclone: Rclone, folder: Path, tmp_path: Path) -> None:
    target, options = str(tmp_path / "got"), [*QUIET, *NAMED_ONCE, "--exclude", "locked.mp4"]
    rclone.output("copy", "drive:", target, *options)
    got = {str(path.relative_to(target)): path for path in Path(target).rglob("*") if path.is_file()}
    assert set(got) == set(MINE) - {"Locked/locked.mp4"}
    assert {path: sha256_of(file) for path, file in got.items()} == {
        path: sha256_of(folder / MINE[path]) for path in got
    }
    checked = rclone.run("check", "drive:", target, "--one-way", *options)
    assert checked.returncode == 0 and "0 differences found" in checked.stderr


def test_it_notices_a_published_hash_that_does_not_match(rclone: Rclone, fake: FakeGoogleDrive, tmp_path: Path) -> None:
    fake.control.add_fault(DriveFault.HASHES_WRONG, media_id="holiday")
    done = rclone.run("copyto", "drive:holiday.mov", str(tmp_path / "got.mov"))
    assert done.returncode != 0 and "hashes differ" in done.stderr


def test_it_downloads_ranges_in_parallel(rclone: Rclone, fake: FakeGoogleDrive, folder: Path, tmp_path: Path) -> None:
    streams = ["--multi-thread-streams", "4", "--multi-thread-cutoff", "64Ki", "--multi-thread-chunk-size", "64Ki"]
    rclone.output("copyto", "drive:holiday.mov", str(tmp_path / "got.mov"), *streams)
    assert sha256_of(tmp_path / "got.mov") == sha256_of(folder / "holiday.mov")
    media = [entry for entry in fake.control.requests() if entry["endpoint"] == "media"]
    assert [entry["status"] for entry in media] == [206] * 3
    assert sorted(entry["range"] for entry in media)[0] == "bytes=0-65535"


def test_it_reads_a_part_of_a_file(rclone: Rclone, folder: Path) -> None:
    done = subprocess.run(
        rclone.command("cat", "drive:holiday.mov", "--offset", "1000", "--count", "500"),
        env=environment(rclone.authority, rclone.proxy), capture_output=True, check=True, timeout=100,
    )  # fmt: skip
    assert done.stdout == (folder / "holiday.mov").read_bytes()[1000:1500]


def test_it_tells_the_quota(rclone: Rclone) -> None:
    about = json.loads(rclone.output("about", "drive:", "--json"))
    others = ("drone.mp4", "team.mp4", "other.mp4")
    assert about["total"] == 15 * 1024**3 and about["trashed"] == SIZES["gone.mp4"]
    assert about["used"] == sum(size for name, size in SIZES.items() if name not in others)


def test_it_renews_a_token_that_has_ended(fake: FakeGoogleDrive, rclone: Rclone) -> None:
    write_config(rclone.config, {"drive": remote(fake, "2020-01-01T00:00:00Z")})
    assert rclone.output("lsf", "drive:holiday.mov").strip() == "holiday.mov"
    assert fake.control.stats()["token_refreshes"] == 1
    assert fake.access_token in rclone.config.read_text() and fake.refresh_token in rclone.config.read_text()


def test_it_names_a_dead_refresh_token(fake: FakeGoogleDrive, rclone: Rclone) -> None:
    write_config(rclone.config, {"drive": remote(fake, "2020-01-01T00:00:00Z")})
    fake.control.revoke_consent()
    done = rclone.run("lsf", "drive:")
    assert done.returncode != 0 and "invalid_grant: maybe token expired?" in done.stderr


def test_it_slows_down_and_goes_on_when_it_is_told_so(fake: FakeGoogleDrive, rclone: Rclone) -> None:
    fake.control.add_fault(DriveFault.REFUSED, endpoint=DriveEndpoint.LIST, times=2)
    assert rclone.output("lsf", "drive:Trips/Alps").split() == ["GX010001.MP4", "GX010001.MP4"]
    assert fake.control.stats()["requests"]["files.list"]["403"] == 2


@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        (DriveFault.DOWNLOAD_QUOTA, {}, "downloadQuotaExceeded"),
        (DriveFault.ABUSIVE, {}, "cannotDownloadAbusiveFile"),
        (DriveFault.TRASHED, {"endpoint": DriveEndpoint.MEDIA}, "notFound"),
        (DriveFault.NOT_DOWNLOADABLE, {"endpoint": DriveEndpoint.MEDIA}, "cannotDownloadFile"),
        (DriveFault.BAD_REQUEST, {}, "badRequest"),
    ],
)
def test_it_reads_the_reason_of_a_refusal(
    fake: FakeGoogleDrive, rclone: Rclone, tmp_path: Path, kind: DriveFault, rule: dict[str, Any], words: str
) -> None:
    fake.control.add_fault(kind, media_id="holiday", **rule)
    done = rclone.run("copyto", "drive:holiday.mov", str(tmp_path / "got.mov"))
    assert done.returncode != 0 and words in done.stderr
    assert not (tmp_path / "got.mov").exists()


def test_it_gets_an_abusive_file_by_acknowledging_it(fake: FakeGoogleDrive, rclone: Rclone, tmp_path: Path) -> None:
    fake.control.add_fault(DriveFault.ABUSIVE, media_id="holiday")
    rclone.output("copyto", "drive:holiday.mov", str(tmp_path / "got.mov"), "--drive-acknowledge-abuse")
    assert (tmp_path / "got.mov").stat().st_size == SIZES["holiday.mov"]


def test_it_stops_for_the_day_when_the_quota_is_used_up(fake: FakeGoogleDrive, rclone: Rclone, tmp_path: Path) -> None:
    fake.control.add_fault(DriveFault.DOWNLOAD_QUOTA)
    done = rclone.run("copy", "drive:Trips", str(tmp_path / "got"), *QUIET, "--drive-stop-on-download-limit")
    assert done.returncode == 7  # rclone's exit status for a fatal error


def test_it_loses_children_of_joined_parents_as_in_its_issue_9810(fake: FakeGoogleDrive, rclone: Rclone) -> None:
    for number in range(60):
        fake.control.put_item({"id": f"many{number}", "folder": f"Many/{number}", "sources": ["other.mp4"]})
    assert len(listed(rclone, "--fast-list", where="drive:Many")) == 60
    fake.control.add_fault(DriveFault.PARENTS_INCOMPLETE, keep=1)
    assert len(listed(rclone, "--fast-list", where="drive:Many")) < 60
    assert len(listed(rclone, "--disable", "ListR", where="drive:Many")) == 60


def test_it_gets_tokens_from_the_consent_page(fake: FakeGoogleDrive, rclone: Rclone, authority: Authority) -> None:
    urls = ["--drive-auth-url", f"{fake.base_url}/o/oauth2/auth", "--drive-token-url", f"{fake.base_url}/token"]
    command = rclone.command("authorize", "drive", fake.client_id, fake.client_secret, "--auth-no-open-browser", *urls)
    with (
        alone_with_rclones_port(),
        subprocess.Popen(
            command, env=environment(authority), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None and process.stdout is not None
        wanted = f"http://127.0.0.1:{RCLONES_PORT}/auth"
        line = next(line for line in process.stderr if wanted in line)
        grant(line[line.index(wanted) :].strip(), authority.client())
        output = process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert fake.refresh_token in output and fake.access_token in output
