"""The port for the browser's answer: it takes one, of this request, from this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import urllib3

from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.loopback_redirect import LoopbackRedirect


@pytest.fixture
def redirect() -> Iterator[LoopbackRedirect]:
    with LoopbackRedirect("Google") as found:
        yield found


def sent(redirect: LoopbackRedirect, query: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{redirect.address}/?{query}", headers=headers)


def test_the_code_of_the_first_answer_is_taken_and_later_ones_change_nothing(redirect: LoopbackRedirect) -> None:
    assert sent(redirect, f"code=4%2F0A-first&state={redirect.state}&scope=x").status == 200
    assert sent(redirect, f"code=4%2F0A-second&state={redirect.state}").status == 200
    assert redirect.code(5) == "4/0A-first"
    with pytest.raises(ConsoleError, match="There was no answer from the browser"):
        redirect.code(0.01)


def test_the_page_runs_nothing_and_tells_nobody_the_code(redirect: LoopbackRedirect) -> None:
    page = sent(redirect, f"code=4%2F0A-secret-code&state={redirect.state}")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    text = page.data.decode()
    assert "You can close this window" in text and "secret-code" not in text and "<script" not in text


@pytest.mark.parametrize("state", ["", "&state=", "&state=another", "&state=%C3%BC"])
def test_an_answer_without_the_state_of_this_request_is_refused(redirect: LoopbackRedirect, state: str) -> None:
    assert sent(redirect, f"code=4%2F0A{state}").status == 400
    with pytest.raises(ConsoleError, match="belongs to another request"):
        redirect.code(5)


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        ("access_denied", CredentialsRefusedError, "Access was not given in the browser"),
        ("<script>server_error", ConsoleError, "Google answered with an error in the browser"),
    ],
)
def test_an_error_in_the_answer_is_never_quoted(
    redirect: LoopbackRedirect, error: str, kind: type[ConsoleError], sentence: str
) -> None:
    assert "script" not in sent(redirect, f"error={error}&state={redirect.state}").data.decode()
    with pytest.raises(kind, match=sentence) as failure:
        redirect.code(5)
    assert "script" not in str(failure.value)


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"])
def test_a_name_that_was_pointed_at_this_machine_gets_nothing(redirect: LoopbackRedirect, host: str) -> None:
    assert sent(redirect, f"code=4%2F0A&state={redirect.state}", Host=host).status == 404
    assert sent(redirect, f"code=4%2F0A-mine&state={redirect.state}").status == 200
    assert redirect.code(5) == "4/0A-mine"


def test_a_query_without_end_is_no_answer(redirect: LoopbackRedirect) -> None:
    assert sent(redirect, "&".join(f"code=x&a{number}=1" for number in range(100))).status == 404


def test_a_browser_that_opens_a_connection_and_says_nothing_holds_nobody_up(redirect: LoopbackRedirect) -> None:
    with socket.create_connection(("127.0.0.1", redirect.port)):
        assert sent(redirect, f"code=4%2F0A-mine&state={redirect.state}").status == 200
        assert redirect.code(5) == "4/0A-mine"


def test_a_browser_that_does_not_wait_for_the_page_has_answered_all_the_same(redirect: LoopbackRedirect) -> None:
    with socket.create_connection(("127.0.0.1", redirect.port)) as browser:
        asked = f"GET /?code=4%2F0A-mine&state={redirect.state} HTTP/1.1\r\nHost: 127.0.0.1:{redirect.port}\r\n\r\n"
        browser.sendall(asked.encode())
    assert redirect.code(5) == "4/0A-mine"


def test_a_port_that_is_taken_is_named(redirect: LoopbackRedirect) -> None:
    with pytest.raises(ConsoleError, match=f"The port {redirect.port} of this machine cannot be opened .*--port"):
        LoopbackRedirect("Google", redirect.port)


def test_nothing_listens_any_more_afterwards() -> None:
    with LoopbackRedirect("Google") as redirect:
        address = ("127.0.0.1", redirect.port)
        socket.create_connection(address).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
