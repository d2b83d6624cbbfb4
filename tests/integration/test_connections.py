"""Connections to sources on loopback: what lies behind an answer, and which of several addresses answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import trustme
from cloud_sync_common.exceptions import OriginalUnavailableError, ProviderUnavailableError
from cloud_sync_common.http import address_guard, client, connecting, tls_stream
from cloud_sync_common.http.connection import Connections, EndedEarly, Origin

from tests.integration.canned_server import CannedServer, canned_server

FIRST = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 6\r\n\r\nvideo1'
FORGED = b'HTTP/1.1 200 OK\r\nETag: "2"\r\nContent-Length: 6\r\n\r\nforged'
CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nvideo1\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[CannedServer]:
    context = None
    if request.param == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with canned_server(context) as server:
        yield server


def trusting(authority: trustme.CA) -> Connections:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Connections(tls=lambda: context)


async def asked(connections: Connections, url: str) -> bytes:
    connection = await connections.take(Origin.of(url))
    await connection.request("GET", "/", {})
    await connection.head()
    body = await connection.small_body()
    connections.give_back(connection)
    return body


def asked_twice(server: CannedServer, authority: trustme.CA) -> list[bytes]:
    """The bodies of two requests, one after the other."""

    async def twice() -> list[bytes]:
        connections = trusting(authority)
        try:
            return [await asked(connections, server.url) for _ in range(2)]
        finally:
            connections.close()

    return asyncio.run(twice())


@pytest.mark.parametrize("answer", [FIRST, CODED], ids=["measured", "chunked"])
def test_what_lies_behind_an_answer_is_never_the_next_answer(
    server: CannedServer, authority: trustme.CA, answer: bytes
) -> None:
    server.answer = answer + FORGED
    assert asked_twice(server, authority) == [b"video1", b"video1"] and server.connections == 2


def test_what_is_deciphered_with_the_last_bytes_of_a_body_is_never_the_next_answer(
    server: CannedServer, authority: trustme.CA
) -> None:
    """The first read ends within the body; one record of TLS has its end, and what is behind it."""
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"1" * 20_000 + FORGED
    assert asked_twice(server, authority) == [b"1" * 20_000] * 2 and server.connections == 2


def test_a_connection_whose_answers_end_in_order_is_used_again(server: CannedServer, authority: trustme.CA) -> None:
    server.answer = FIRST
    assert asked_twice(server, authority) == [b"video1", b"video1"] and server.connections == 1


def asked_once(server: CannedServer, authority: trustme.CA) -> bytes:
    """The body of a request to a server that closes the connection after its answer."""

    async def once() -> bytes:
        connections = trusting(authority)
        connection = await connections.take(Origin.of(server.url))
        try:
            await connection.request("GET", "/", {})
            await connection.head()
            return await connection.small_body()
        finally:
            connections.drop(connection)

    return asyncio.run(once())


UNMEASURED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("body", [b"", b"video1", b"1" * 40_000], ids=["none", "short", "several records"])
def test_a_body_that_ends_with_its_connection_is_whole_when_the_other_side_takes_leave(
    server: CannedServer, authority: trustme.CA, body: bytes
) -> None:
    server.answer, server.closes, server.takes_leave = UNMEASURED + body, True, True
    assert asked_once(server, authority) == body


@pytest.mark.parametrize("body", [b"", b"video1", b"1" * 40_000], ids=["none", "short", "several records"])
def test_a_body_that_ends_with_its_connection_is_cut_off_when_tls_was_not_closed(
    server: CannedServer, authority: trustme.CA, body: bytes
) -> None:
    server.answer, server.closes = UNMEASURED + body, True
    if server.url.startswith("http://"):  # TCP alone cannot tell
        assert asked_once(server, authority) == body
        return
    with pytest.raises(EndedEarly, match="broke off"):
        asked_once(server, authority)


# Several addresses of one name


SWALLOWS, REFUSES, ANSWERS = "127.0.0.2", "127.0.0.3", "127.0.0.1"


@pytest.fixture
def swallowing(server: CannedServer) -> Iterator[None]:
    """At the server's port on the address SWALLOWS, no packet is answered: the queue of the listener there is full."""
    with ExitStack() as opened:
        full = opened.enter_context(socket.socket())
        full.bind((SWALLOWS, server.port))
        full.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((SWALLOWS, server.port))
        yield


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every socket that an attempt is made with."""
    found: list[socket.socket] = []
    new_socket = connecting.new_socket

    def kept(address: str) -> socket.socket:
        found.append(new_socket(address))
        return found[-1]

    for module in (connecting, tls_stream):
        monkeypatch.setattr(module, "new_socket", kept)
    return found


ORDERS = [
    [SWALLOWS, ANSWERS],
    [REFUSES, ANSWERS],
    [SWALLOWS, REFUSES, SWALLOWS, ANSWERS],
    [ANSWERS, SWALLOWS],
    ["::ffff:0:1", REFUSES, ANSWERS],
]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.usefixtures("swallowing")
def test_media_come_from_the_address_that_answers_within_a_few_seconds(
    server: CannedServer, authority: trustme.CA, order: list[str], made: list[socket.socket]
) -> None:
    server.answer = FIRST
    begun = time.monotonic()

    async def once() -> bytes:
        connections = trusting(authority)
        connections.addresses = lambda *_: order
        try:
            return await asked(connections, server.url.replace(ANSWERS, "localhost"))
        finally:
            connections.close()

    assert asyncio.run(once()) == b"video1"
    assert time.monotonic() - begun < 5
    assert all(each.fileno() == -1 for each in made), "no attempt stays open"


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
@pytest.mark.usefixtures("swallowing")
def test_the_api_is_asked_at_the_address_that_answers_within_a_few_seconds(
    server: CannedServer,
    authority: trustme.CA,
    order: list[str],
    made: list[socket.socket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setattr(connecting, "every_address", lambda *_: order)
    client.session.cache_clear()
    server.answer = FIRST
    begun = time.monotonic()
    try:
        answer = client.request("GET", server.url.replace(ANSWERS, "localhost"), doing="a check", headers={})
        assert answer.content == b"video1" and time.monotonic() - begun < 5
        assert sum(each.fileno() != -1 for each in made) <= 1, "no other attempt stays open"
    finally:
        client.session().close()
        client.session.cache_clear()


@pytest.mark.usefixtures("swallowing")
def test_when_every_address_swallows_what_is_sent_there_is_no_answer_in_the_time_for_one_connection(
    server: CannedServer, authority: trustme.CA, made: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_stream, "CONNECT_SECONDS", 0.6)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.6)
    monkeypatch.setattr(connecting, "every_address", lambda *_: [SWALLOWS] * 40)
    begun = time.monotonic()

    async def once() -> None:
        connections = trusting(authority)
        connections.addresses = connecting.every_address
        await asked(connections, server.url)

    with pytest.raises(TimeoutError):
        asyncio.run(once())
    with pytest.raises(ProviderUnavailableError, match="There was no answer to a check"):
        client.request("GET", server.url, doing="a check", headers={})
    assert time.monotonic() - begun < 5 and all(each.fileno() == -1 for each in made)


def test_a_name_without_an_address_is_an_error_of_the_network() -> None:
    with pytest.raises(OSError, match="no address"):
        connecting.connected([], 1, 1.0)


def test_the_two_families_of_addresses_are_tried_in_alternation_and_not_too_many_of_them() -> None:
    given = ["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]
    assert connecting.in_turn(given) == ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]
    assert connecting.in_turn([]) == []
    assert len(connecting.in_turn(f"10.0.0.{number}" for number in range(200))) == connecting.MOST_ADDRESSES


@pytest.mark.parametrize(("host", "named"), [("bücher.example", "xn--bcher-kva.example"), ("localhost.", "localhost")])
def test_a_certificate_is_for_the_name_as_dns_has_it(authority: trustme.CA, host: str, named: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(named).configure_cert(context)
    resolved: list[str] = []

    def addresses(name: str, _port: int) -> list[str]:
        resolved.append(name)
        return [ANSWERS]

    async def once(url: str) -> bytes:
        connections = trusting(authority)
        connections.addresses = addresses
        try:
            return await asked(connections, url)
        finally:
            connections.close()

    with canned_server(context) as server:
        server.answer = FIRST
        assert asyncio.run(once(f"https://{host}:{server.port}/")) == b"video1"
    assert resolved in ([named], [f"{named}."])
    assert f"Host: {resolved[0]}:{server.port}" in server.received[0]


@pytest.mark.parametrize("host", ["１２７.0.0.1", "127。0。0。1", "①②⑦.0.0.1", "ⓛocalhost"])
def test_a_name_that_becomes_an_address_of_this_machine_is_refused(host: str) -> None:
    guarded = Connections(addresses=partial(address_guard.addresses, allow_loopback=False))
    with pytest.raises(OriginalUnavailableError):
        asyncio.run(asked(guarded, f"https://{host}/"))
