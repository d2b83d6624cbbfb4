"""The fake Google Drive can be controlled over HTTP, and started as a command."""

import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3

from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.library import Library
from tests.integration.google_drive_client import ALL_DRIVES, Client, client_of, write_library

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def drive(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


def control(drive: Client, method: str, path: str, body: object = None) -> Any:
    return drive.http.request(method, f"{drive.fake.control_url}/{path}", json=body).json()


def test_the_control_api_does_what_the_methods_do(drive: Client) -> None:
    ok = {"ok": True}
    assert control(drive, "POST", "faults", {"kind": "page_short", "endpoint": "files.list"}) == ok
    assert [rule["kind"] for rule in control(drive, "GET", "faults")] == ["page_short"]
    assert control(drive, "DELETE", "faults/page_short") == ok and control(drive, "GET", "faults") == []
    assert control(drive, "POST", "items", {"id": "new", "folder": "New", "sources": ["other.mp4"]}) == ok
    assert control(drive, "POST", "items/new/name", {"name": "b.mp4"}) == ok and drive.row("new")["name"] == "b.mp4"
    assert control(drive, "POST", "items/new/folder", {"folder": "Else"}) == ok
    folder_id = control(drive, "POST", "folders", {"path": "Else"})["id"]
    assert drive.row("new")["parents"] == [folder_id]
    assert control(drive, "POST", "items/new/content", {"source": "twin.mp4"}) == ok
    assert drive.row("new")["size"] == "200002"
    assert control(drive, "POST", "items/new/trash") == ok and drive.row("new")["trashed"] is True
    assert control(drive, "POST", "items/new/restore") == ok and drive.row("new")["trashed"] is False
    assert control(drive, "DELETE", "items/new") == ok and drive.api("files/new").status == 404
    assert len(control(drive, "GET", "originals")) == 8 and len(control(drive, "GET", "menu")) == len(DriveFault)


def test_many_files_can_be_uploaded_at_once(drive: Client) -> None:
    before = drive.ids()
    drive.fake.control.put_many(3, "clip.mp4", "Many")
    assert sorted(set(drive.ids()) - set(before)) == ["many0", "many1", "many2"]
    assert drive.row("many2")["sha256Checksum"] == drive.row("clip")["sha256Checksum"]
    drive.fake.control.reset()
    assert sorted(drive.ids()) == sorted(before)


def test_the_control_api_moves_the_clock_drives_and_tokens(drive: Client) -> None:
    ok = {"ok": True}
    drive_id = control(drive, "POST", "shared_drives", {"name": "Family videos"})["id"]
    assert drive.ids(corpora="drive", driveId=drive_id, **ALL_DRIVES) == ["team"]
    assert control(drive, "DELETE", f"shared_drives/{drive_id}") == ok
    assert control(drive, "POST", "page_size", {"rows": 2}) == ok and len(drive.page()["files"]) == 2
    assert control(drive, "POST", "insert_between_pages", {"after_page": 1}) == ok
    assert control(drive, "POST", "lifetimes", {"access_token_seconds": 50, "page_token_seconds": 5}) == ok
    assert drive.token().json()["expires_in"] == 49
    assert control(drive, "POST", "clock", {"advance": 51}) == ok and drive.api("files").status == 401
    assert control(drive, "GET", "stats")["requests"]["files.list"]["401"] == 1
    assert control(drive, "GET", "requests")[-1]["path"] == "/drive/v3/files"
    assert control(drive, "POST", "connect") == {"refresh_token": drive.fake.refresh_token}
    assert control(drive, "POST", "testing") == ok and control(drive, "POST", "revoke_consent") == ok
    assert drive.token().status == 400
    assert control(drive, "POST", "reset") == ok and drive.api("files").status == 200
    assert drive.ids(corpora="drive", driveId=drive_id, **ALL_DRIVES) == ["team"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "faults", {"kind": "short_page"}, 400),
        ("POST", "items", {"id": "x", "sources": ["../x"]}, 400),
        ("POST", "items/clip/content", {"source": "../x"}, 400),
        ("POST", "items/clip/content", {"source": "none.mp4"}, 400),
        ("POST", "lifetimes", {"colour": 1}, 400),
        ("DELETE", "items/nobody", None, 404),
        ("POST", "items/nobody/trash", None, 404),
        ("DELETE", "shared_drives/none", None, 404),
    ],
)
def test_the_control_api_reports_errors(drive: Client, method: str, path: str, body: object, status: int) -> None:
    answer = drive.http.request(method, f"{drive.fake.control_url}/{path}", json=body)
    assert answer.status == status and answer.json()["error"]


def test_a_web_page_can_change_nothing(drive: Client) -> None:
    url, sent = f"{drive.fake.control_url}/reset", {"Origin": "https://evil.example"}
    assert drive.http.request("POST", url, headers=sent).status == 403


def test_a_reset_restores_the_initial_state(drive: Client) -> None:
    first, rows = drive.fake.access_token, drive.ids()
    drive.token()
    drive.fake.control.delete_item("clip")
    drive.fake.control.advance_clock(1_000_000)
    drive.fake.control.add_fault(DriveFault.SERVER_ERROR)
    drive.fake.control.reset()
    assert drive.fake.access_token == first and drive.ids() == rows
    assert drive.fake.control.stats()["token_refreshes"] == 0


def test_the_request_log_holds_no_secret(drive: Client) -> None:
    drive.token()
    drive.api("files", {"q": "trashed = false", "access_token": drive.fake.access_token})
    drive.media("clip", Range="bytes=0-9")
    log = drive.fake.control.requests()
    assert [entry["endpoint"] for entry in log] == ["token", "files.list", "media"]
    assert log[1]["query"] == {"q": "trashed = false"} and log[2]["range"] == "bytes=0-9"
    assert not any(secret in str(log) for secret in drive.fake.secrets())
    assert drive.fake.control.stats()["bytes_served"] == {"clip": 10}


def command(*arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "local.fake_providers.google_drive", *arguments]
    return subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_prints_how_to_reach_it_and_stops_on_a_signal(folder: Path, tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    with command("--library", str(folder), "--certfile", str(tmp_path / "server.pem"), "--testing") as process:
        assert process.stdout is not None
        printed = dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))
        http = urllib3.PoolManager(ssl_context=trusting)
        assert http.request("GET", f"{printed['control_url']}/stats").status == 200
        sent = {"Authorization": f"Bearer {printed['access_token']}"}
        answer = http.request("GET", f"{printed['base_url']}/drive/v3/files/clip?alt=media", headers=sent)
        assert answer.data == (folder / "clip.mp4").read_bytes()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None and process.stderr.read() == ""
    assert {"client_id", "client_secret", "refresh_token"} <= printed.keys()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--library", "no-such-folder", "There is no folder no-such-folder."),
        ("--certfile", "no-such-file", "No such file"),
    ],
)
def test_the_command_refuses_invalid_options_with_one_sentence(
    folder: Path, option: str, value: str, message: str
) -> None:
    with command("--library", str(folder), option, value) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and message in errors and option in errors and errors.count("\n") == 1
