"""The session for the providers' APIs, against servers on loopback: what it sends, whom it trusts, what it survives."""

from __future__ import annotations

import gzip
import io
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cloud_sync_common
import pytest
import requests
import trustme
from cloud_sync_common.exceptions import ConfigurationError, ProviderContractError, ProviderUnavailableError
from cloud_sync_common.http import client
from cloud_sync_common.http.client import request

from tests.integration.canned_server import CannedServer, canned_server
from tests.integration.wait_until import wait_until

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.Z28.cHJv.Y2lwaGVy.dGFn"
HEADERS = {"Accept": "application/json", "Authorization": f"Bearer {TOKEN}"}
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LINK = "https://cdn.example/1.mp4?Signature=c2lnbmVk"


@pytest.fixture(autouse=True)
def fresh_session() -> Iterator[None]:
    client.session.cache_clear()
    yield
    client.session().close()
    client.session.cache_clear()


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        server.answer = FINE
        yield server


def ask(server: CannedServer) -> requests.Response:
    return request("GET", f"{server.url}/media/user", doing="the check of the token", headers=HEADERS)


def refused(server: CannedServer) -> str:
    """The sentence for a server that gives no usable answer."""
    with pytest.raises(ProviderUnavailableError, match=r"There was no answer to the check of the token \(") as failure:
        ask(server)
    assert failure.value.__cause__ is None and failure.value.__suppress_context__
    return str(failure.value)


# What is sent


def test_a_request_carries_what_the_caller_passes_and_names_the_version_and_nothing_else(server: CannedServer) -> None:
    ask(server)
    line, *headers = server.received[0].rstrip().split("\r\n")
    assert line == "GET /media/user HTTP/1.1"
    assert dict(header.split(": ", 1) for header in headers) == {
        "Host": f"127.0.0.1:{server.port}",
        "User-Agent": f"cloud-sync/{cloud_sync_common.__version__}",
        "Accept-Encoding": "identity",
        **HEADERS,
    }


def test_a_query_and_a_form_are_encoded(server: CannedServer) -> None:
    query = {"page": 2, "type": "Video,Edit", "captured_range": "2026-01-01T00:00:00Z,2026-02-01T00:00:00Z"}
    form = {"grant_type": "refresh_token", "refresh_token": "a+b/c=&d e"}
    request("POST", f"{server.url}/x", doing="a renewal", headers={}, query=query, form=form)
    head, _, body = server.received[0].partition("\r\n\r\n")
    range_ = "2026-01-01T00%3A00%3A00Z%2C2026-02-01T00%3A00%3A00Z"
    assert head.startswith(f"POST /x?page=2&type=Video%2CEdit&captured_range={range_} HTTP/1.1")
    assert "Content-Type: application/x-www-form-urlencoded" in head
    assert body == "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26d+e"


def test_proxies_and_netrc_and_other_settings_of_the_machine_are_not_used(
    server: CannedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    request("GET", server.url, doing="a check", headers={"Accept": "*/*"})
    assert "authorization" not in server.received[0].lower()


def test_a_cookie_that_the_provider_sets_is_not_sent_back(server: CannedServer) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    ask(server)
    ask(server)
    assert not any("cookie" in received.lower() for received in server.received)


@pytest.mark.parametrize("location", [b"/elsewhere", b"https://[", b"\xff\xfe", b"//", b"javascript:1", b""])
def test_a_redirect_is_an_answer_and_is_not_followed(server: CannedServer, location: bytes) -> None:
    server.answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    assert ask(server).status_code == 302
    assert len(server.received) == 1


def test_a_connection_is_used_again(server: CannedServer) -> None:
    assert [ask(server).content for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 1


def test_a_connection_that_has_ended_in_the_meantime_is_replaced(server: CannedServer) -> None:
    server.closes = True
    for closed in (1, 2, 3):
        assert ask(server).status_code == 200
        wait_until(lambda: server.closed == closed, "the server has closed the connection")  # noqa: B023


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://api.example", "a-token\nX-Evil: 1"),
        ("https://api.example", "a-t\N{SNOWMAN}ken"),
        ("api.example", "a-token"),
        ("https://", "a-token"),
        ("https://a..b", "a-token"),
        (f"https://{'a' * 64}.example", "a-token"),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_configuration_that_shows_no_token(url: str, token: str) -> None:
    with pytest.raises(ConfigurationError, match=r"No request could be sent for a check \(\w+\)\. Check") as failure:
        request("GET", url, doing="a check", headers={"Authorization": f"Bearer {token}"})
    assert token not in str(failure.value) and failure.value.__suppress_context__


# Whom it trusts


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return str(tmp_path / "authority.pem")


@contextmanager
def tls_server(authority: trustme.CA, host: str = "127.0.0.1") -> Iterator[CannedServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    with canned_server(context) as server:
        server.answer = FINE
        yield server


def test_an_authority_that_ssl_cert_file_names_is_trusted(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    with tls_server(authority) as server:
        assert ask(server).status_code == 200


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", None])
def test_no_other_variable_adds_an_authority(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, bundle)
    with tls_server(authority) as server:
        assert "SSLError" in refused(server)
        assert server.received == []


def test_a_certificate_for_another_host_is_refused(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    with tls_server(authority, "api.example") as server:
        assert "SSLError" in refused(server)
        assert server.received == []


# No answer, and answers that are not HTTP


MALFORMED = [
    b"",
    b"HTTP/1.1 2",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
]


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda answer: repr(answer[:60]))
def test_what_is_not_http_is_asked_for_once_and_its_text_is_not_repeated(server: CannedServer, answer: bytes) -> None:
    server.answer, server.closes = answer, True
    assert "http" not in refused(server).replace("HTTP", "") and len(server.received) == 1


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"])
def test_an_answer_that_stops_coming_is_not_waited_for_without_end(
    server: CannedServer, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_SECONDS", 0.2)
    server.answer = begun
    refused(server)


HEAD = b"HTTP/1.1 200 OK\r\n"
TRICKLES = [
    HEAD + b"X: y\r\n" * 500 + b"\r\n",
    HEAD + b"Content-Length: 900\r\n\r\n" + b" " * 900,
    HEAD + b"\r\n" + b" " * 900,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1_000,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
]


@pytest.mark.parametrize("trickle", TRICKLES, ids=["head", "length", "no length", "chunks", "interim"])
@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_that_trickles_has_a_limit_as_a_whole(
    trickle: bytes, secure: bool, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.4)
    with tls_server(authority) if secure else canned_server() as server:
        server.answer, server.every = trickle, 0.005
        begun = time.monotonic()
        with pytest.raises(ProviderUnavailableError, match="the check of the token"):
            ask(server)
        assert time.monotonic() - begun < 2
        server.every, server.answer = 0.0, FINE
        monkeypatch.setattr(client, "ANSWER_SECONDS", 60.0)
        assert ask(server).content == b"{}", "the next request has a connection of its own"


INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
]


@pytest.mark.parametrize("interim", INTERIM, ids=lambda interim: interim[9:12].decode())
def test_an_interim_answer_is_never_taken_for_the_answer(server: CannedServer, interim: bytes) -> None:
    server.answer = interim * 3 + FINE
    answers = [ask(server) for _ in range(3)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"{}")] * 3
    assert server.connections == 1


@pytest.mark.parametrize("interim", [*(each * 33 for each in INTERIM), b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
def test_an_answer_that_is_only_announced_is_no_answer(server: CannedServer, interim: bytes) -> None:
    server.answer = interim + FINE
    refused(server)
    server.answer = FINE
    assert ask(server).content == b"{}"


@pytest.mark.parametrize("padding", [0, 8_000, 12_000])
def test_what_lies_behind_an_answer_of_the_api_is_never_the_next_answer(
    padding: int, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    head = b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 2\r\n\r\n"
    with tls_server(authority) as server:
        for at in range(8_192 - 20, 8_192 + 1):  # urllib3 reads 8 KiB at a time, and what is behind may begin there
            server.answer = head % (b"x" * (at - len(head) - 2 + 2)) + b"{}" + forged + b" " * padding
            assert [ask(server).content for _ in range(2)] == [b"{}"] * 2


def chunked(body: bytes) -> bytes:
    pieces = (body[at : at + 60_000] for at in range(0, len(body), 60_000))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


LARGE = b" " * (2**20 + 1)
TOO_LARGE = [
    HEAD + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(LARGE),
    HEAD
    + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
    % (len(gzip.compress(LARGE * 40)), gzip.compress(LARGE * 40)),
]


@pytest.mark.parametrize("answer", TOO_LARGE, ids=["length", "chunked", "gzip"])
def test_an_answer_has_a_limit_in_size(server: CannedServer, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 2**20)
    server.answer = answer
    with pytest.raises(ProviderContractError, match="larger than 1 MiB"):
        ask(server)
    server.answer = FINE
    assert ask(server).content == b"{}"


def test_an_answer_that_is_compressed_although_nobody_asked_is_read(server: CannedServer) -> None:
    body = gzip.compress(b"{}")
    server.answer = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert ask(server).content == b"{}"


def test_a_port_where_nobody_listens_is_no_answer(server: CannedServer) -> None:
    server.close()
    assert "ConnectionError" in refused(server)


@pytest.fixture
def root_log() -> Iterator[io.StringIO]:
    """What a handler of the root logger prints, as the one in Lambda does, at every level."""
    root, written = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


def test_no_library_writes_an_address_or_a_header_into_the_log(
    server: CannedServer, root_log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    echoed = (
        f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno header at all {LINK}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n{{}}"
    )
    server.answer = echoed.encode()
    assert ask(server).status_code == 200
    written = root_log.getvalue() + "".join(capfd.readouterr())
    assert TOKEN not in written and "c2lnbmVk" not in written and "/media/user" not in written
