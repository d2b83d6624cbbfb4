"""The fake GoPro Cloud can be controlled over HTTP, and started as a command."""

import os
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

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.library import Library
from tests.integration.gopro_client import ACCEPT, Client, client_of, write_library

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def gopro(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


# The control API


def test_the_control_api_does_what_the_methods_do(gopro: Client) -> None:
    def control(method: str, path: str, body: object = None) -> Any:
        answer = gopro.http.request(method, f"{gopro.fake.control_url}/{path}", json=body)
        return answer.json()

    ok = {"ok": True}
    assert control("POST", "faults", {"kind": "short_page", "times": 1, "args": {"rows": 1}}) == ok
    assert control("POST", "faults", {"kind": "no_source", "media_id": "clip"}) == ok
    assert [rule["kind"] for rule in control("GET", "faults")] == ["short_page", "no_source"]
    assert control("DELETE", "faults/no_source") == ok and len(gopro.ids()) == 1
    assert control("DELETE", "faults") == ok and control("GET", "faults") == []
    assert control("POST", "items", {"id": "new", "sources": ["one.mp4"]}) == ok and "new" in gopro.ids()
    assert control("DELETE", "items/new") == ok and "new" not in gopro.ids()
    assert control("POST", "insert_between_pages", {"after_page": 1}) == ok
    assert control("POST", "lifetimes", {"access_token_seconds": 50, "link_seconds": 5}) == ok
    assert gopro.renew().json()["expires_in"] == 50
    assert control("POST", "clock", {"advance": 51}) == ok and gopro.api("/media/user").status == 401
    assert control("GET", "stats")["requests"]["user"] == {"401": 1}
    assert control("GET", "requests")[-1]["path"] == "/media/user"
    assert len(control("GET", "originals")) == 5 and len(control("GET", "menu")) == len(FaultKind)
    assert control("POST", "reset") == ok
    assert control("POST", "expire_access_tokens") == ok and gopro.api("/media/user").status == 401
    assert control("POST", "reset") == ok and gopro.api("/media/user").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "faults", {"kind": "nonsense"}, 400),
        ("POST", "items", {"id": "x", "sources": ["../x"]}, 400),
        ("POST", "lifetimes", {"colour": 1}, 400),
        ("DELETE", "items/nobody", None, 404),
        ("POST", "clock", {}, 404),
    ],
)
def test_the_control_api_reports_errors(gopro: Client, method: str, path: str, body: object, status: int) -> None:
    answer = gopro.http.request(method, f"{gopro.fake.control_url}/{path}", json=body)
    assert answer.status == status and answer.json()["error"]


JSON = {"Content-Type": "application/json"}
SENT_BY_A_PAGE = {
    "plain text": ({"Content-Type": "text/plain"}, 415),
    "a form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "a form with files": ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "plain text that names json": ({"Content-Type": "text/plain; charset=application/json"}, 415),
    "no type at all": ({}, 415),
    "another origin": (JSON | {"Origin": "https://evil.example"}, 403),
    "an origin that is hidden": (JSON | {"Origin": "null"}, 403),
    "another site": (JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
    "another port of this machine": (JSON | {"Sec-Fetch-Site": "same-site"}, 403),
    "a name that was pointed at this machine": (JSON | {"Host": "evil.example"}, 403),
    "such a name with the port": (JSON | {"Host": "evil.example:PORT"}, 403),
    "a name that begins like ours": (JSON | {"Host": "127.0.0.1.evil.example:PORT"}, 403),
    "another port in the name": (JSON | {"Host": "127.0.0.1:1"}, 403),
}


@pytest.mark.parametrize("what", sorted(SENT_BY_A_PAGE))
def test_what_a_web_page_can_have_a_browser_send_changes_nothing(gopro: Client, what: str) -> None:
    headers, status = SENT_BY_A_PAGE[what]
    port = gopro.fake.base_url.rpartition(":")[2]
    given = {name: value.replace("PORT", port) for name, value in headers.items()}
    rule = b'{"kind": "no_source"}'
    answer = gopro.http.request("POST", f"{gopro.fake.control_url}/faults", body=rule, headers=given)
    assert answer.status == status and answer.json()["error"]
    assert gopro.fake.control.faults() == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT"])
def test_a_foreign_name_reads_nothing(gopro: Client, host: str) -> None:
    given = {"Host": host.replace("PORT", gopro.fake.base_url.rpartition(":")[2])}
    assert gopro.http.request("GET", f"{gopro.fake.control_url}/originals", headers=given).status == 403


def test_a_bare_post_of_a_page_resets_nothing(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.EDGE_BLOCKED)
    answer = gopro.http.request("POST", f"{gopro.fake.control_url}/reset", headers={"Origin": "https://evil.example"})
    assert answer.status == 403
    assert len(gopro.fake.control.faults()) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT"])
def test_our_own_names_are_served(gopro: Client, host: str) -> None:
    given = {"Host": host.replace("PORT", gopro.fake.base_url.rpartition(":")[2])}
    assert gopro.http.request("GET", f"{gopro.fake.control_url}/menu", headers=given).status == 200


def test_another_user_of_the_machine_is_refused(gopro: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.fake_providers.control.is_foreign", lambda peer, server: True)
    answer = gopro.http.request("POST", f"{gopro.fake.control_url}/reset")
    assert answer.status == 403 and "another user" in answer.json()["error"]


def test_a_reset_restores_the_initial_state(gopro: Client) -> None:
    first = gopro.fake.access_token
    gopro.renew()
    gopro.fake.control.trash_item("clip")
    gopro.fake.control.advance_clock(1_000_000)
    gopro.fake.control.add_fault(FaultKind.EDGE_BLOCKED)
    gopro.fake.control.reset()
    assert gopro.fake.access_token == first and "clip" in gopro.ids()
    assert gopro.fake.control.stats()["token_refreshes"] == 0


def test_the_request_log_holds_no_secret(gopro: Client) -> None:
    gopro.renew()
    gopro.api(f"/media/search?page=1&access_token={gopro.fake.access_token}")
    gopro.fetch(gopro.link(), Range="bytes=0-9")
    log = gopro.fake.control.requests()
    assert [entry["endpoint"] for entry in log] == ["token", "search", "download", "cdn"]
    assert log[1]["query"] == {"page": "1"} and log[3]["range"] == "bytes=0-9"
    assert "Signature" not in str(log) and gopro.fake.access_token not in str(log)


# The command


def _command(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.fake_providers.gopro", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env={**os.environ})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_how_to_reach_it_and_stops_on_a_signal(folder: Path, tmp_path: Path, how: int) -> None:
    ca = trustme.CA()
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    with _command("--library", str(folder), "--certfile", str(tmp_path / "server.pem")) as process:
        assert process.stdout is not None
        printed = dict(line.strip().split("=", 1) for line in iter(process.stdout.readline, "ready\n"))
        http = urllib3.PoolManager(ssl_context=trusting)
        assert http.request("GET", f"{printed['control_url']}/stats").status == 200
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {printed['access_token']}"}
        user = http.request("GET", f"{printed['base_url']}/media/user", headers=headers).json()
        assert user["id"] == printed["user_id"]
        process.send_signal(how)
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None and process.stderr.read() == ""
    assert {"client_id", "client_secret", "refresh_token"} <= printed.keys()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--library", "no-such-folder", "--library or --extra: There is no folder no-such-folder."),
        ("--certfile", "no-such-file", "No such file"),
        ("--port", "taken", "address already in use"),
    ],
)
def test_the_command_refuses_invalid_options_with_one_sentence(
    gopro: Client, folder: Path, option: str, value: str, message: str
) -> None:
    taken = gopro.fake.base_url.rpartition(":")[2]
    with _command("--library", str(folder), option, value.replace("taken", taken)) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and message in errors and option in errors and errors.count("\n") == 1
