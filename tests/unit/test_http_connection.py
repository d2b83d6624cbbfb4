"""HTTP in every form that servers use, and in forms that they must not use."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from cloud_sync_common.http.connection import Connections, EndedEarly, HttpError, Origin, target_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.canned import CannedStream, awaited, connection

BODY = bytes(range(256)) * 40
MEASURED = b'HTTP/1.1 206 Partial Content\r\nContent-Length: 10240\r\nETag: "x"\r\n\r\n' + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%b\r\n" % (len(BODY[n : n + 999]), BODY[n : n + 999]) for n in range(0, len(BODY), 999))
    + b"0\r\n\r\n"
)
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + MEASURED


async def exchange(stream: CannedStream, capacity: int = 4096) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can be used again."""
    asked = connection(stream)
    await asked.request("GET", "/clip?a=b", {"Range": "bytes=0-10239"})
    head = await asked.head()
    view, body = memoryview(bytearray(capacity)), b""
    while count := await asked.body_into(view):
        body += view[:count]
    return head.status, body, asked.is_reusable


@given(
    answer=st.sampled_from([MEASURED, CHUNKED, UNTIL_CLOSED, CONTINUED]),
    piece=st.integers(1, 12_000),
    capacity=st.integers(1, 20_000),
)
@settings(deadline=None, max_examples=60)
def test_a_body_is_the_same_however_the_network_cuts_it(answer: bytes, piece: int, capacity: int) -> None:
    status, body, _ = awaited(exchange(CannedStream(answer, piece), capacity))
    assert body == BODY and status in (200, 206)


@pytest.mark.parametrize(
    ("answer", "reusable"),
    [
        (MEASURED, True),
        (CONTINUED, True),
        (UNTIL_CLOSED, False),
        (MEASURED.replace(b"ETag", b"Connection: close\r\nETag"), False),
        (MEASURED.replace(b"HTTP/1.1", b"HTTP/1.0"), False),
    ],
)
def test_a_connection_is_kept_when_both_sides_know_where_the_answer_ends(answer: bytes, reusable: bool) -> None:
    assert awaited(exchange(CannedStream(answer)))[2] is reusable


@pytest.mark.parametrize("missing", [1, 100, len(BODY)])
@pytest.mark.parametrize("answer", [MEASURED, CHUNKED])
def test_a_body_that_ends_before_its_announced_end_is_an_error(answer: bytes, missing: int) -> None:
    with pytest.raises(EndedEarly):
        awaited(exchange(CannedStream(answer[:-missing])))


def test_a_body_without_a_length_that_tls_breaks_off_is_an_error() -> None:
    stream = CannedStream(UNTIL_CLOSED)
    stream.broke_off = True
    with pytest.raises(EndedEarly):
        awaited(exchange(stream))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
def test_what_is_not_http_is_an_error(answer: bytes) -> None:
    with pytest.raises(HttpError):
        awaited(exchange(CannedStream(answer)))


def test_a_request_names_its_host_and_its_headers() -> None:
    stream = CannedStream(MEASURED)
    awaited(exchange(stream))
    lines = stream.heard.decode().split("\r\n")
    assert lines[0] == "GET /clip?a=b HTTP/1.1" and "Host: cdn.example" in lines and "Range: bytes=0-10239" in lines


def test_a_header_cannot_smuggle_another_one() -> None:
    async def smuggle() -> None:
        await connection(CannedStream(MEASURED)).request("GET", "/", {"Range": "bytes=0-1\r\nX-Evil: 1"})

    with pytest.raises(HttpError):
        awaited(smuggle())


def test_a_link_that_is_not_ascii_cannot_be_requested() -> None:
    with pytest.raises(HttpError):
        awaited(connection(CannedStream(MEASURED)).request("GET", "/ü?Signature=s", {}))


@pytest.mark.parametrize(("size", "fits"), [(0, True), (2**20, True), (2**20 + 1, False), (2_000_000, False)])
def test_only_small_answers_are_read_whole(size: int, fits: bool) -> None:
    async def read() -> bytes:
        asked = connection(CannedStream(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)))
        await asked.request("GET", "/", {})
        await asked.head()
        return await asked.small_body()

    if fits:
        assert awaited(read()) == bytes(size)
    else:
        with pytest.raises(HttpError):
            awaited(read())


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://cdn.example/a/b.mp4?x=1&y=%2F", "cdn.example", "/a/b.mp4?x=1&y=%2F"),
        ("https://cdn.example:8443", "cdn.example:8443", "/"),
        ("http://127.0.0.1:80/x", "127.0.0.1", "/x"),
        ("https://[::1]:4443/x", "[::1]:4443", "/x"),
        ("https://Bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("https://xn--bcher-kva.example/x", "xn--bcher-kva.example", "/x"),
        ("https://faß。example:8443/ß", "xn--fa-hia.example:8443", "/%C3%9F"),
        ("https://a_b-.cdn.example./x", "a_b-.cdn.example.", "/x"),
    ],
)
def test_a_link_is_split_into_authority_and_target(url: str, authority: str, target: str) -> None:
    assert (Origin.of(url).authority, target_of(url)) == (authority, target)


NO_LINKS = [
    *("", "ftp://x/y", "https://", "https:///path", "https://host:port/", "https://host:99999/", "https://[::1/"),
    *("https://a..b/", "https://.a/", "https://a b/", "https://a\0b/", f"https://{'a' * 64}.example/"),
    *("https://\u2603\u200d/", f"https://{'ü' * 64}.example/", "https://ü..example/", "https://\ud800.example/"),
]


@pytest.mark.parametrize("url", NO_LINKS, ids=ascii)
def test_what_is_not_a_link_is_an_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(HttpError) as failure:
        Origin.of(url)
    assert not url or url not in str(failure.value)


def test_an_idle_connection_that_has_ended_is_not_used_again() -> None:
    async def taken_again(quiet: bool) -> bool:
        stream, connections = CannedStream(MEASURED), Connections()
        first = connection(stream)
        await first.request("GET", "/", {})
        await first.head()
        await first.body_into(memoryview(bytearray(len(BODY))))
        connections.give_back(first)
        stream.is_quiet = quiet
        try:
            return await connections.take(first.origin) is first
        except OSError:  # cdn.example is nobody
            assert stream.closed
            return False

    assert awaited(taken_again(quiet=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cloud_sync_common.http.connection.Stream.open", refuse)
        assert not awaited(taken_again(quiet=False))


def test_a_connection_that_fails_also_closes_the_idle_ones_of_its_origin() -> None:
    async def idle_after_one_failed() -> list[bool]:
        connections = Connections()
        streams = [CannedStream(MEASURED) for _ in range(3)]
        used = [connection(streams[0]), connection(streams[1]), connection(streams[2], "https://other.example/")]
        for each in used:
            await each.request("GET", "/", {})
            await each.head()
            await each.body_into(memoryview(bytearray(len(BODY))))
            connections.give_back(each)
        connections.drop(await connections.take(used[0].origin))
        return [stream.closed for stream in streams]

    assert awaited(idle_after_one_failed()) == [True, True, False]


async def refuse(*_: object) -> None:
    raise ConnectionRefusedError


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("/a b.mp4", "/a%20b.mp4"),
        ('/1?name="Über den Grat".mp4', "/1?name=%22%C3%9Cber%20den%20Grat%22.mp4"),
        ("/1?name=%C3%9Cber%20x&s=a+b~c", "/1?name=%C3%9Cber%20x&s=a+b~c"),
        ("/1?x=100%&y={1|2}<3>^`\\", "/1?x=100%&y=%7B1|2%7D%3C3%3E%5E%60%5C"),
        ("", "/"),
    ],
)
def test_raw_characters_of_a_link_are_encoded_once(raw: str, sent: str) -> None:
    assert target_of(f"https://cdn.example{raw}") == sent
    assert target_of(f"https://cdn.example{sent}") == sent


# Answers that contradict themselves, say things twice, or go on behind their end


BEHIND = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 10240\r\n\r\n" + bytes(10240)
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("piece", [1, 700, 1 << 20])
@pytest.mark.parametrize("behind", [b"x", b"\r\n", BEHIND], ids=["a byte", "a line", "an answer"])
@pytest.mark.parametrize("answer", [MEASURED, CHUNKED], ids=["measured", "chunked"])
def test_a_connection_with_bytes_behind_the_answer_is_not_used_again(answer: bytes, behind: bytes, piece: int) -> None:
    status, body, reusable = awaited(exchange(CannedStream(answer + behind, piece)))
    assert body == BODY and status in (200, 206)
    if piece > len(answer):
        assert not reusable, "what is behind has been read"


def test_a_small_answer_is_read_whatever_is_behind_it() -> None:
    async def read() -> tuple[bytes, bool]:
        asked = connection(CannedStream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}surplus"))
        await asked.request("GET", "/", {})
        await asked.head()
        return await asked.small_body(), asked.is_reusable

    assert awaited(read()) == (b"{}", False)


CONTRADICTIONS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\ncontent-length: 03\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3.0\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: \xb3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\n Content-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 9\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\rContent-Length: 9\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
    b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\nabc",
    b"HTTP/1.1 099 X\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 33 + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
]


@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize("answer", CONTRADICTIONS, ids=lambda answer: repr(answer[:70]))
def test_an_answer_that_contradicts_itself_is_an_error(answer: bytes, piece: int) -> None:
    with pytest.raises(HttpError):
        awaited(exchange(CannedStream(answer, piece)))


def head_of(*lines: bytes) -> dict[str, str]:
    async def asking() -> dict[str, str]:
        asked = connection(CannedStream(b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])))
        await asked.request("GET", "/", {})
        return dict((await asked.head()).headers)

    return awaited(asking())


def test_several_lines_of_one_header_are_a_list_and_the_same_line_twice_is_one() -> None:
    assert head_of(
        b'ETag: "a"', b"X: 1", b'etag: "a"', b"x: 2", b"X: 1", b"Content-Length: 3", b"Content-Length: 3, 3"
    ) == {"etag": '"a"', "x": "1, 2", "content-length": "3"}


def test_a_folded_line_is_one_line_with_spaces() -> None:
    assert head_of(b"X: a", b"  b", b"\tContent-Length: 9", b"Content-Length: 0") == {
        "x": "a b Content-Length: 9",
        "content-length": "0",
    }


@pytest.mark.parametrize("said", [b"close", b"Close", b"keep-alive, close", b"close, x", b"x\r\nConnection: close"])
def test_a_connection_that_is_said_to_end_is_not_used_again(said: bytes) -> None:
    answer = MEASURED.replace(b"ETag", b"Connection: " + said + b"\r\nETag")
    assert awaited(exchange(CannedStream(answer))) == (206, BODY, False)


SCRAPS = (
    "HTTP/1.1 200 OK\r\n|HTTP/1.1 206 X\r\n|HTTP/1.1 100 X\r\n\r\n|HTTP/1.0 200 OK\r\n|Content-Length: 3\r\n|"
    "Content-Length: 1|Transfer-Encoding: chunked\r\n|Connection: close\r\n|"
    "3\r\nabc\r\n|0\r\n|0\r\n\r\n|1;a=b\r\n| x\r\n|\r\n|\r|\n|\0|:"
)
NONSENSE = st.one_of(st.sampled_from([scrap.encode() for scrap in SCRAPS.split("|")]), st.binary(max_size=6))


@given(pieces=st.lists(NONSENSE, max_size=12), piece=st.integers(1, 50), begin=st.booleans())
@settings(deadline=None, max_examples=400)
def test_no_answer_whatsoever_is_a_foreign_error_or_a_body_without_end(
    pieces: list[bytes], piece: int, begin: bool
) -> None:
    answer = (b"HTTP/1.1 200 OK\r\n" if begin else b"") + b"".join(pieces)
    try:
        status, body, _ = awaited(exchange(CannedStream(answer, piece)))
    except HttpError:
        return
    assert 200 <= status < 1000 and len(body) <= len(answer)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (2**20, True), (2**20 + 1, False), (2_000_000, False)])
def test_an_answer_in_chunks_is_small_or_large_by_its_bytes(size: int, fits: bool) -> None:
    async def read() -> bytes:
        chunk = b"%x\r\n%s\r\n" % (size, bytes(size)) if size else b""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        asked = connection(CannedStream(head + chunk + b"0\r\n\r\n"))
        await asked.request("GET", "/", {})
        await asked.head()
        return await asked.small_body()

    with nullcontext() if fits else pytest.raises(HttpError, match="1 MiB"):
        assert awaited(read()) == bytes(size)


def test_tls_is_made_once_and_only_for_https(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts, opened = [object(), object()], list[tuple[str, int, object]]()

    async def open_stream(host: str, port: int, context: object, _addresses: object) -> CannedStream:
        opened.append((host, port, context))
        return CannedStream(b"")

    async def take(*urls: str) -> None:
        connections = Connections(tls=lambda: contexts.pop(0))  # type: ignore[arg-type, return-value]
        for url in urls:
            await connections.take(Origin.of(url))

    first, second = contexts
    monkeypatch.setattr("cloud_sync_common.http.connection.Stream.open", open_stream)
    awaited(take("http://a.example/", "http://b.example:8080/"))
    assert contexts == [first, second] and opened == [("a.example", 80, None), ("b.example", 8080, None)]
    opened.clear()
    awaited(take("https://a.example/", "http://a.example/", "https://b.example/"))
    assert contexts == [second]
    assert opened == [("a.example", 443, first), ("a.example", 80, None), ("b.example", 443, first)]


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", False),
    ],
)
def test_a_connection_that_is_given_back_is_kept_or_closed(head: bytes, kept: bool) -> None:
    async def given_back() -> tuple[bool, bool]:
        stream, connections = CannedStream(head), Connections()
        used = connection(stream)
        await used.request("GET", "/", {})
        answered = await used.head()
        if answered.status == 204:
            await used.body_into(memoryview(bytearray(1)))
        connections.give_back(used)
        kept = not stream.closed
        connections.close()
        return kept, stream.closed

    assert awaited(given_back()) == (kept, True)


def test_a_head_of_more_than_64_kib_is_no_answer() -> None:
    async def status(size: int) -> int:
        asked = connection(CannedStream(b"HTTP/1.1 200 OK\r\nX: " + b"a" * size + b"\r\nContent-Length: 0\r\n\r\n"))
        await asked.request("GET", "/", {})
        return (await asked.head()).status

    assert awaited(status(60_000)) == 200
    with pytest.raises(HttpError, match="not HTTP"):
        awaited(status(100_000))
