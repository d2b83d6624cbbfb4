"""Ranged GETs: responses that are not the requested media are never taken for it."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest
from cloud_sync_common import __version__, safe_text
from cloud_sync_common.exceptions import (
    CloudSyncError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.transfer import ranged_get
from cloud_sync_common.transfer.ranged_get import IfMatch, open_range
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.canned import CannedConnections, CannedStream, awaited

SOURCE = MediaSource(file_number=1, filename="x.mp4", url="https://cdn.example/1.mp4?Expires=1&Signature=s")
VERSION = Fingerprint(1000, '"etag-1"')
HEADERS = {"Content-Range": "bytes 100-199/1000", "ETag": '"etag-1"', "Content-Length": "100"}


def cdn(status: int = 206, body: bytes = bytes(100), **changes: str | None) -> CannedStream:
    """One prepared response; a header that is None is left out."""
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return CannedStream("\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body)


def read(*streams: CannedStream, version: Fingerprint | None = VERSION, condition: IfMatch | None = None) -> bytes:
    async def reading() -> bytes:
        opened = await open_range(CannedConnections(streams), SOURCE, 100, 199, version, condition or IfMatch())
        view = memoryview(bytearray(max(opened.length, 0)))
        await opened.fill(view)
        opened.close()
        return bytes(view)

    return awaited(reading())


def first_contact(stream: CannedStream, last: int = 0) -> tuple[Fingerprint, int, bool]:
    """Fingerprint, length and support for ranges of an unknown source, from its first response."""

    async def asking() -> tuple[Fingerprint, int, bool]:
        opened = await open_range(CannedConnections([stream]), SOURCE, 0, last, None, IfMatch())
        opened.close()
        return opened.fingerprint, opened.length, opened.honoured

    return awaited(asking())


def test_a_range_request_names_bytes_and_version_and_has_no_credentials() -> None:
    stream = cdn()
    assert read(stream) == bytes(100)
    lines = stream.heard.decode().split("\r\n")
    assert {f"User-Agent: cloud-sync/{__version__}", "Accept: */*"} <= set(lines)
    assert {"Range: bytes=100-199", 'If-Match: "etag-1"', "Accept-Encoding: identity"} <= set(lines)
    assert not any(line.lower().startswith(("authorization", "cookie")) for line in lines)


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_only_a_strong_etag_is_compared(etag: str) -> None:
    stream = cdn(ETag=etag or None)
    assert read(stream, version=Fingerprint(1000, etag)) == bytes(100) and b"If-Match" not in stream.heard


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ETag": '"etag-2"'}, SourceChangedError),
        ({"ETag": None}, SourceChangedError),
        ({"Content_Range": "bytes 100-199/1001"}, SourceChangedError),
        ({"Content_Range": "bytes 101-200/1000"}, ProviderContractError),
        ({"Content_Range": "bytes 100-200/1000"}, ProviderContractError),
        ({"Content_Range": "bytes 100-99/1000", "Content_Length": "0"}, ProviderContractError),
        ({"Content_Range": f"bytes 100-199/{'9' * 5000}"}, ProviderContractError),
        ({"Content_Range": "items 1-2/3"}, ProviderContractError),
        ({"Content_Range": None}, ProviderContractError),
        ({"Content_Length": "99"}, ProviderContractError),
    ],
)
def test_a_206_with_another_version_or_range_is_refused(changes: dict[str, str], error: type[CloudSyncError]) -> None:
    stream = cdn(**changes)
    with pytest.raises(error):
        read(stream)
    assert stream.closed


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, RangeIgnoredError),
        (401, SourceLinkExpiredError),
        (403, SourceLinkExpiredError),
        (410, SourceLinkExpiredError),
        (404, MediaNotFoundError),
        (412, SourceChangedError),
        (416, SourceChangedError),
        (302, ProviderContractError),
        (400, ProviderContractError),
        (429, ProviderThrottledError),
        (503, ProviderUnavailableError),
    ],
)
def test_each_status_raises_its_error_without_the_link(status: int, error: type[CloudSyncError]) -> None:
    with pytest.raises(error) as failure:
        read(cdn(status, Content_Range=None), cdn(status, Content_Range=None))
    assert "://" not in str(failure.value) and "Signature" not in str(failure.value)


@pytest.mark.parametrize("status", [400, 412, 501])
def test_a_refused_if_match_is_left_out_from_then_on(status: int) -> None:
    refusal, again, next_part, condition = cdn(status, Content_Range=None), cdn(), cdn(), IfMatch()
    assert read(refusal, again, condition=condition) == bytes(100)
    assert read(next_part, condition=condition) == bytes(100)
    said = [b"If-Match" in stream.heard for stream in (refusal, again, next_part)]
    assert said == [True, False, False] and refusal.closed


@pytest.mark.parametrize("changes", [{"ETag": '"etag-2"'}, {"Content_Range": "bytes 100-199/1001"}], ids=str)
def test_a_refused_if_match_of_a_source_that_has_changed_is_a_change(changes: dict[str, str]) -> None:
    condition = IfMatch()
    with pytest.raises(SourceChangedError):
        read(cdn(412, Content_Range=None), cdn(**changes), condition=condition)
    assert condition.usable, "nothing is known about the header"


def test_a_refusal_that_has_nothing_to_do_with_if_match_is_reported_as_it_is() -> None:
    with pytest.raises(ProviderContractError, match="400"):
        read(cdn(400, Content_Range=None), cdn(400, Content_Range=None))
    with pytest.raises(ProviderContractError, match="400"):
        read(cdn(400, Content_Range=None), condition=IfMatch(usable=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"Content_Type": "text/html; charset=utf-8"},
        {"Content_Type": "Application/XML"},
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("status", "content_range"), [(200, None), (206, "bytes 0-99/100")])
def test_a_page_or_a_compressed_body_is_never_media(
    changes: dict[str, str], status: int, content_range: str | None
) -> None:
    stream = cdn(status, Content_Range=content_range, **changes)
    with pytest.raises(ProviderUnavailableError):
        first_contact(stream, last=5000)
    assert stream.closed


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/problem+json", "application/rss+xml", "text/css", "application/x-ndjson"]
)
def test_text_with_status_200_is_a_gateways_and_never_media(kind: str) -> None:
    with pytest.raises(ProviderUnavailableError):
        first_contact(cdn(200, Content_Type=kind), last=5000)


def test_a_range_that_is_called_text_is_a_file_that_the_server_does_not_know() -> None:
    assert first_contact(cdn(Content_Type="text/plain", Content_Range="bytes 0-99/100"), last=5000)[1] == 100


@pytest.mark.parametrize("changes", [{"Content_Encoding": "identity"}, {"Content_Encoding": "aws-chunked"}], ids=str)
def test_an_encoding_that_leaves_the_bytes_unchanged_is_accepted(changes: dict[str, str]) -> None:
    assert first_contact(cdn(Content_Range="bytes 0-99/100", **changes), last=5000)[1] == 100


def test_retry_after_of_a_source_is_part_of_the_error() -> None:
    with pytest.raises(ProviderThrottledError) as failure:
        read(cdn(429, Retry_After="7"))
    assert failure.value.retry_after == 7


def test_a_body_that_ends_before_its_range_is_a_short_read() -> None:
    with pytest.raises(ShortReadError):
        read(cdn(body=bytes(99)))


def test_an_empty_file_is_valid() -> None:
    stream = cdn(416, b"", Content_Range="bytes */0", ETag='"nothing"', Content_Length="0")
    assert first_contact(stream) == (Fingerprint(0, '"nothing"'), 0, True)


def test_the_first_response_gives_size_and_etag() -> None:
    stream = cdn(body=b"x", Content_Range="bytes 0-0/1000", Content_Length="1")
    assert first_contact(stream) == (VERSION, 1, True)
    assert b"Range: bytes=0-0\r\n" in stream.heard and b"If-Match" not in stream.heard


def test_the_first_response_may_be_the_whole_file() -> None:
    stream = cdn(Content_Range="bytes 0-99/100")
    assert first_contact(stream, last=5000) == (Fingerprint(100, '"etag-1"'), 100, True)


@pytest.mark.parametrize(("length", "size"), [("1000", 1000), (None, UNKNOWN)])
def test_the_first_response_shows_missing_support_for_ranges_or_length(length: str | None, size: int) -> None:
    stream = cdn(200, bytes(1000), Content_Range=None, Content_Length=length)
    assert first_contact(stream) == (Fingerprint(size, '"etag-1"'), size, False)


# Ranges that are shorter than asked for


def piece(first: int, last: int, **changes: str | None) -> CannedStream:
    said = {"Content_Range": f"bytes {first}-{last}/1000", "Content_Length": str(last - first + 1)}
    return cdn(body=bytes(n % 256 for n in range(first, last + 1)), **{**said, **changes})


WANTED = bytes(n % 256 for n in range(100, 200))


@pytest.mark.parametrize("ends", [[150], [100], [110, 120, 198]], ids=str)
def test_the_rest_of_a_range_that_is_shorter_than_asked_for_is_asked_for(ends: list[int]) -> None:
    starts = [100, *(end + 1 for end in ends)]
    streams = [piece(first, last) for first, last in zip(starts, [*ends, 199], strict=True)]
    assert read(*streams) == WANTED
    for stream, first in zip(streams, starts, strict=True):
        assert f"Range: bytes={first}-199\r\n".encode() in stream.heard and b"If-Match" in stream.heard


def test_the_rest_of_a_range_is_never_taken_from_another_version() -> None:
    with pytest.raises(SourceChangedError):
        read(piece(100, 150), piece(151, 199, ETag='"etag-2"'))


def test_a_short_range_of_which_no_version_is_known_is_an_error() -> None:
    with pytest.raises(ShortReadError):
        read(piece(100, 150, ETag=None), version=Fingerprint(1000, ""))


def test_a_source_that_sends_a_byte_at_a_time_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged_get, "_MOST_ANSWERS", 5)
    with pytest.raises(ShortReadError, match="pieces"):
        read(*(piece(first, first) for first in range(100, 200)))


@pytest.mark.parametrize(
    "said", ["Bytes 100-199/1000", "BYTES=100-199/1000", "bytes 100-199/*", " bytes  100-199/1000 "]
)
def test_a_range_is_understood_in_every_spelling(said: str) -> None:
    assert read(cdn(Content_Range=said)) == bytes(100)


@pytest.mark.parametrize(("status", "content_range"), [(206, "bytes 0-0/*"), (416, None), (416, "bytes */*")])
def test_a_first_answer_that_leaves_the_size_open_is_followed_by_a_request_for_the_whole_file(
    status: int, content_range: str | None
) -> None:
    for body in (b"", bytes(7)):
        unclear = cdn(status, b"x", Content_Range=content_range, Content_Length="1")
        whole = cdn(200, body, Content_Range=None, Content_Length=str(len(body)))

        async def asking(streams: tuple[CannedStream, ...]) -> tuple[int, int, bool]:
            opened = await open_range(CannedConnections(streams), SOURCE, 0, 0, None, IfMatch())
            opened.close()
            return opened.fingerprint.size, opened.length, opened.honoured

        assert awaited(asking((unclear, whole))) == (len(body), len(body), False)
        assert b"Range:" in unclear.heard and b"Range:" not in whole.heard


@pytest.mark.parametrize("coding", ["UTF-8", "binary", "iso-8859-1", "None", "identity, utf-8", "8bit", ""])
def test_what_is_no_coding_is_no_coding(coding: str) -> None:
    assert first_contact(cdn(Content_Range="bytes 0-99/100", Content_Encoding=coding), last=5000)[1] == 100


@pytest.mark.parametrize(
    "coding", ["gzip", "utf-8, gzip", "x-gzip", "deflate", "zstd", "base64", "zlib", "bz2", "zip", "?"]
)
def test_a_coding_or_what_may_be_one_is_refused(coding: str) -> None:
    with pytest.raises(ProviderUnavailableError, match="compressed"):
        first_contact(cdn(Content_Range="bytes 0-99/100", Content_Encoding=coding), last=5000)


@pytest.mark.parametrize(
    ("changes", "delimited"),
    [
        ({}, True),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, True),
        ({"Content_Length": None}, False),
    ],
    ids=["a length", "chunks", "neither"],
)
def test_a_body_that_only_the_end_of_the_connection_ends_is_told_apart(
    changes: dict[str, str | None], delimited: bool
) -> None:
    async def asking() -> bool:
        stream = cdn(200, Content_Range=None, **changes)
        opened = await open_range(CannedConnections([stream]), SOURCE, 0, 0, None, IfMatch())
        opened.close()
        return opened.is_delimited

    assert awaited(asking()) is delimited


# Absurd numbers, and headers that come several times

ENORMOUS = "9" * 5000


@pytest.mark.parametrize("version", [VERSION, None], ids=["expected", "first"])
@pytest.mark.parametrize("status", [200, 206, 416, 429, 503])
@pytest.mark.parametrize(
    "changes",
    [
        {"Content_Length": ENORMOUS},
        {"Content_Length": "9" * 20},
        {"Content_Range": f"bytes {ENORMOUS}-{ENORMOUS}/{ENORMOUS}"},
        {"Content_Range": f"bytes 100-{ENORMOUS}/1000"},
        {"Content_Range": f"bytes 100-199/{'9' * 19}"},
        {"Content_Range": f"bytes */{ENORMOUS}"},
        {"ETag": f'"{"a" * 32}-{ENORMOUS}"'},
        {"Last_Modified": f"Mon, 01 Jan {ENORMOUS} 00:00:00 GMT"},
        {"Retry_After": ENORMOUS},
        {"Retry_After": f"Mon, 01 Jan {ENORMOUS} 00:00:00 GMT"},
        {"Content_Encoding": ENORMOUS},
        {"Content_Type": f"text/html; q={ENORMOUS}"},
    ],
    ids=lambda changes: f"{next(iter(changes))} {next(iter(changes.values()))[:20]}",
)
def test_no_number_is_a_foreign_error(status: int, changes: dict[str, str], version: Fingerprint | None) -> None:
    async def asking() -> None:
        answers = CannedConnections(cdn(status, **changes) for _ in range(2))
        (await open_range(answers, SOURCE, 100, 199, version, IfMatch())).close()

    with suppress(CloudSyncError):
        awaited(asking())


@given(
    status=st.sampled_from([200, 206, 416, 429, 503]),
    name=st.sampled_from(["Content-Range", "Content-Length", "ETag", "Last-Modified", "Retry-After", "Content-Type"]),
    before=st.sampled_from(["", "bytes ", "bytes 100-", "bytes 100-199/", f'"{"a" * 32}-', "-", "+", "0x", "1."]),
    digits=st.integers(1, 6000),
    after=st.sampled_from(["", "/1000", "-199/1000", '"', ", 1", ".5", "e9"]),
)
@settings(deadline=None)
def test_no_header_is_a_foreign_error(status: int, name: str, before: str, digits: int, after: str) -> None:
    answers = [cdn(status, **{name.replace("-", "_"): f"{before}{'7' * digits}{after}"}) for _ in range(2)]
    with suppress(CloudSyncError):
        read(*answers)


def twice(name: str, *values: str, status: int = 206) -> CannedStream:
    """An answer with several lines of one header."""
    stream = cdn(status, **{name: None})
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for value in values)
    stream.answer = stream.answer.replace(b"\r\n", b"\r\n" + lines.encode(), 1)
    return stream


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content_Range", "bytes 100-199/1000"), ("Content_Length", "100"), ("ETag", '"etag-1"')],
)
def test_the_same_line_twice_is_one_line(name: str, value: str) -> None:
    assert read(twice(name, value, value)) == bytes(100)


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("Content_Range", ("bytes 100-199/1000", "bytes 0-99/1000"), ProviderContractError),
        ("Content_Range", ("bytes 0-99/1000", "bytes 100-199/1000"), ProviderContractError),
        ("Content_Length", ("100", "99"), ProviderUnavailableError),
        ("Content_Length", ("99", "100"), ProviderUnavailableError),
        ("ETag", ('"etag-1"', '"etag-2"'), SourceChangedError),
        ("ETag", ('"etag-2"', '"etag-1"'), SourceChangedError),
        ("Content_Type", ("video/mp4", "text/html"), ProviderUnavailableError),
        ("Content_Type", ("text/html", "video/mp4"), ProviderUnavailableError),
        ("Content_Type", ("text/html", "text/html"), ProviderUnavailableError),
        ("Content_Encoding", ("identity", "gzip"), ProviderUnavailableError),
        ("Content_Encoding", ("gzip", "identity"), ProviderUnavailableError),
        ("Transfer_Encoding", ("chunked",), ProviderUnavailableError),
    ],
)
def test_an_answer_that_says_two_things_is_refused(
    name: str, values: tuple[str, ...], error: type[CloudSyncError]
) -> None:
    stream = twice(name, *values)
    with pytest.raises(error):
        read(stream)
    assert stream.closed


def test_a_source_gets_the_headers_that_belong_to_it_and_they_change_no_range() -> None:
    source = replace(SOURCE, headers={"X-Lens": "front", "Range": "bytes=0-", "Accept-Encoding": "gzip"})
    stream = cdn()
    awaited(open_range(CannedConnections([stream]), source, 100, 199, VERSION, IfMatch()))
    lines = stream.heard.decode().split("\r\n")
    assert {"X-Lens: front", "Range: bytes=100-199", "Accept-Encoding: identity"} <= set(lines)
    assert not any("gzip" in line or line == "Range: bytes=0-" for line in lines)


@pytest.mark.parametrize(("pieces", "read_whole"), [(5, True), (6, False)])
def test_a_range_may_come_in_as_many_pieces_as_there_are_answers(
    monkeypatch: pytest.MonkeyPatch, pieces: int, read_whole: bool
) -> None:
    monkeypatch.setattr(ranged_get, "_MOST_ANSWERS", 5)
    starts = [100 + 10 * number for number in range(pieces)]
    streams = [piece(first, last) for first, last in zip(starts, [*(s - 1 for s in starts[1:]), 199], strict=True)]
    with nullcontext() if read_whole else pytest.raises(ShortReadError, match="more than 5 pieces"):
        assert read(*streams) == WANTED


def test_a_source_that_does_not_answer_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged_get, "ANSWER_SECONDS", 0.01)
    stream = CannedStream(b"", stall=True)
    with pytest.raises(ProviderUnavailableError, match="TimeoutError"):
        read(stream)
    assert stream.closed


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("bytes 100-100/1000", ProviderContractError),  # announced as one byte, with another length
        ("bytes 199-199/1000", ProviderContractError),
        ("bytes 99-199/1000", ProviderContractError),
        ("bytes 100-199/999", SourceChangedError),
    ],
)
def test_a_range_begins_where_it_was_asked_to_begin_and_is_as_long_as_it_says(
    said: str, error: type[CloudSyncError]
) -> None:
    with pytest.raises(error):
        read(cdn(Content_Range=said))


def test_the_end_of_a_range_may_lie_beyond_the_end_of_the_source() -> None:
    for last, length in ((99, 100), (100, 100), (98, 99), (0, 1)):
        end = min(last, 99)
        answer = cdn(Content_Range=f"bytes 0-{end}/100", Content_Length=str(end + 1))
        assert first_contact(answer, last)[1] == length


def coded(body: bytes, end: bytes = b"0\r\n\r\n") -> CannedStream:
    """The range that is asked for, in chunks of 30 bytes."""
    pieces = (body[at : at + 30] for at in range(0, len(body), 30))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return cdn(body=chunks + end, Content_Length=None, Transfer_Encoding="chunked")


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"0\r\n", b"nonsense"], ids=repr)
def test_a_range_in_chunks_is_whole_when_all_its_bytes_are_there(end: bytes) -> None:
    stream = coded(WANTED, end)
    assert read(stream) == WANTED
    assert stream.closed is not end.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("surplus", [1, 20, 30, 5000])
def test_a_range_whose_body_goes_on_behind_it_is_refused(surplus: int) -> None:
    for stream in (coded(WANTED + bytes(surplus)), cdn(body=WANTED + bytes(surplus), Content_Length=None)):
        with pytest.raises(ProviderUnavailableError):
            read(stream)


def test_a_range_that_ends_with_the_connection_is_whole_when_all_its_bytes_are_there() -> None:
    stream = cdn(body=WANTED, Content_Length=None)
    assert read(stream) == WANTED and stream.closed


@pytest.mark.parametrize("length", ["100", None])
def test_a_part_of_the_file_that_is_called_the_whole_file_is_not_taken_for_it(length: str | None) -> None:
    part = cdn(200, Content_Range="bytes 0-99/1000", Content_Length=length)
    with pytest.raises(ProviderUnavailableError, match="called it the whole one"):
        first_contact(part, last=99)


def test_a_whole_file_may_name_its_range() -> None:
    assert first_contact(cdn(200, Content_Range="bytes 0-99/100"), last=99)[1:] == (100, False)


def test_a_link_that_must_not_be_used_is_refused_before_anything_is_asked() -> None:
    def refuse(_: str) -> None:
        raise OriginalUnavailableError("not there")

    connections = CannedConnections([stream := cdn()])
    connections.check_url = refuse
    with pytest.raises(OriginalUnavailableError, match="not there"):
        awaited(open_range(connections, SOURCE, 100, 199, VERSION, IfMatch()))
    assert stream.heard == b""


def test_a_body_in_chunks_that_ends_before_its_range_is_a_short_read() -> None:
    with pytest.raises(ShortReadError):
        read(coded(bytes(99)))


@pytest.mark.parametrize(("name", "others"), [("ETag", "Last_Modified"), ("Last_Modified", "ETag")])
def test_a_header_that_holds_a_secret_of_ours_is_kept_nowhere(
    monkeypatch: pytest.MonkeyPatch, name: str, others: str
) -> None:
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    safe_text.protect("the-access-token-0123456789")
    said = {name: "x the-access-token-0123456789", others: "harmless"}
    version, _, _ = first_contact(cdn(Content_Range="bytes 0-99/1000", **said), last=99)
    assert sorted([version.etag, version.last_modified]) == ["", "harmless"]
