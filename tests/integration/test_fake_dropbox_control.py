"""The fake Dropbox can be controlled over HTTP, and started as a command."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.library import Library
from tests.integration.dropbox_client import (
    FILES,
    FOLDERS,
    ROOT,
    TRIP,
    Certificate,
    Client,
    certificate,
    client_of,
    write_library,
)

ROOT_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def dropbox(folder: Path, tls: Certificate) -> Iterator[Client]:
    with client_of(Library.load(folder), tls) as client:
        yield client


def test_the_control_api_does_what_the_methods_do(dropbox: Client) -> None:
    def control(method: str, path: str, body: object = None) -> Any:
        return dropbox.http.request(method, f"{dropbox.fake.control_url}/{path}", json=body).json()

    ok = {"ok": True}
    assert control("POST", "faults", {"kind": "page_small", "times": 1, "args": {"rows": 2}}) == ok
    assert (
        control("POST", "faults", {"kind": "not_found", "media_id": control("POST", "id", {"path": ROOT})["id"]}) == ok
    )
    assert [rule["kind"] for rule in control("GET", "faults")] == ["page_small", "not_found"]
    assert control("DELETE", "faults/not_found") == ok and control("DELETE", "faults") == ok
    assert control("POST", "files", {"path": "/new.mp4", "source": "one.mp4"})["id"].startswith("id:")
    assert control("POST", "folders", {"path": "/Empty"}) == ok
    assert control("POST", "many", {"count": 1, "source": "one.mp4"}) == ok
    assert control("POST", "delete", {"path": "/Many"}) == ok
    assert control("POST", "move", {"path": "/new.mp4", "target": "/Empty/newer.mp4"}) == ok
    assert control("POST", "delete", {"path": TRIP}) == ok
    assert dropbox.shown(recursive=True) == FILES - {TRIP} | FOLDERS | {"/Empty", "/Empty/newer.mp4"}
    assert control("POST", "page_size", {"rows": 3}) == ok and control("POST", "reset_cursors") == ok
    assert control("POST", "team_files", {"path": "/Team/a.mp4", "source": "one.mp4"})["id"].startswith("id:")
    assert control("POST", "join_team")["root_namespace_id"].isdecimal()
    assert control("POST", "email_verified", {"verified": False}) == ok
    assert dropbox.rpc("users/get_current_account").json()["email_verified"] is False
    assert control("POST", "lifetimes", {"access_token_seconds": 50, "link_seconds": 5}) == ok
    assert dropbox.refresh().json()["expires_in"] == 50
    assert control("POST", "clock", {"advance": 51}) == ok and dropbox.rpc("users/get_current_account").status == 401
    query = {"client_id": dropbox.fake.app_key, "response_type": "code"}
    assert control("POST", "consent", query)["code"] in dropbox.fake.secrets()
    assert control("POST", "app_disabled", {"disabled": True}) == ok and dropbox.refresh().status == 400
    assert control("GET", "stats")["requests"]["token"] == {"200": 1, "400": 1}
    assert control("GET", "requests")[-1]["path"] == "/oauth2/token"
    assert len(control("GET", "originals")) == 6 and len(control("GET", "menu")) == len(DropboxFault)
    assert control("POST", "reset") == ok and dropbox.shown(recursive=True) == FILES | FOLDERS
    assert control("POST", "expire_access_tokens") == ok and dropbox.rpc("users/get_current_account").status == 401
    assert control("POST", "revoke") == ok and dropbox.refresh().status == 400
    assert control("POST", "reset") == ok and dropbox.refresh().json()["expires_in"] == 14_400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "faults", {"kind": "nonsense"}, 400),
        ("POST", "files", {"path": "/x.mp4", "source": "../x"}, 400),
        ("POST", "files", {"path": "/Trips", "source": "one.mp4"}, 400),
        ("POST", "lifetimes", {"colour": 1}, 400),
        ("POST", "delete", {"path": "/nothing"}, 404),
        ("POST", "id", {"path": "/nothing"}, 404),
    ],
)
def test_the_control_api_reports_errors(dropbox: Client, method: str, path: str, body: object, status: int) -> None:
    answer = dropbox.http.request(method, f"{dropbox.fake.control_url}/{path}", json=body)
    assert answer.status == status and answer.json()["error"]


def test_a_reset_restores_files_tokens_and_account_but_no_cursor(dropbox: Client) -> None:
    first, cursor = dropbox.fake.access_token, dropbox.latest()
    dropbox.refresh()
    dropbox.fake.control.delete("/Trips")
    dropbox.fake.control.join_team()
    dropbox.fake.control.advance_clock(1_000_000)
    dropbox.fake.control.add_fault(DropboxFault.SERVER_ERROR)
    dropbox.fake.control.reset()
    assert dropbox.fake.access_token == first and dropbox.shown(recursive=True) == FILES | FOLDERS
    assert dropbox.rpc("users/get_current_account").json()["root_info"][".tag"] == "user"
    assert dropbox.error("files/list_folder/continue", {"cursor": cursor})[1] == {".tag": "reset"}


# The command


def _command(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.fake_providers.dropbox", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT_FOLDER, stdout=pipe, stderr=pipe, text=True, env={**os.environ})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_how_to_reach_it_and_stops_on_a_signal(folder: Path, how: int) -> None:
    with _command("--library", str(folder)) as process:
        assert process.stdout is not None
        printed = dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))
        http = urllib3.PoolManager(ssl_context=ssl.create_default_context(cafile=printed["authority"]))
        assert http.request("GET", f"{printed['control_url']}/stats").status == 200
        headers = {"Authorization": f"Bearer {printed['access_token']}"}
        account = http.request("POST", f"{printed['base_url']}/2/users/get_current_account", headers=headers).json()
        assert account["account_id"] == printed["account_id"]
        process.send_signal(how)
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None and process.stderr.read() == ""
    assert {"app_key", "app_secret", "refresh_token", "content_url"} <= printed.keys()
    assert not Path(printed["authority"]).exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--library", "no-such-folder", "--library or --extra: There is no folder no-such-folder."),
        ("--certfile", "no-such-file", "No such file"),
        ("--port", "taken", "address already in use"),
    ],
)
def test_the_command_refuses_invalid_options_with_one_sentence(
    dropbox: Client, folder: Path, option: str, value: str, message: str
) -> None:
    taken = dropbox.fake.base_url.rpartition(":")[2]
    with _command("--library", str(folder), option, value.replace("taken", taken)) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and message in errors and option in errors and errors.count("\n") == 1
