"""The fake Dropbox sends files like Dropbox: by path, id and revision, in ranges, and by temporary links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.fake_providers.library import Library
from tests.integration.dropbox_client import (
    EMPTY,
    LONG,
    PAPER,
    ROOT,
    SIZES,
    SONG,
    TRIP,
    UMLAUT,
    Certificate,
    Client,
    certificate,
    client_of,
    write_library,
)

SIZE = SIZES["one.mp4"]


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


@pytest.fixture
def content(folder: Path) -> bytes:
    return (folder / "one.mp4").read_bytes()


# files/download


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_download_has_the_file_and_its_metadata(dropbox: Client, content: bytes, method: str) -> None:
    answer, known = dropbox.download(TRIP, method), dropbox.metadata(TRIP)
    assert (answer.status, answer.data) == (200, content)
    known.pop(".tag")
    assert json.loads(answer.headers["Dropbox-API-Result"]) == known
    assert answer.headers["ETag"] == f'W/"{known["rev"]}"' and answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("kind", ["id", "rev"])
def test_a_download_by_id_or_revision_is_that_file(dropbox: Client, content: bytes, kind: str) -> None:
    known = dropbox.metadata(TRIP)
    assert dropbox.download(known["id"] if kind == "id" else f"rev:{known['rev']}").data == content


def test_the_argument_may_be_in_the_address(dropbox: Client, content: bytes) -> None:
    url = f"{dropbox.fake.content_url}/2/files/download"
    headers = {"Authorization": f"Bearer {dropbox.fake.access_token}"}
    assert dropbox.http.request("GET", url, fields={"arg": f'{{"path":"{TRIP}"}}'}, headers=headers).data == content


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), (f"bytes={SIZE - 5}-", SIZE - 5, SIZE - 1),
     ("bytes=-7", SIZE - 7, SIZE - 1), (f"bytes=10-{SIZE + 9}", 10, SIZE - 1)],
)  # fmt: skip
def test_a_range_gets_that_part(dropbox: Client, content: bytes, asked: str, first: int, last: int) -> None:
    answer = dropbox.download(TRIP, Range=asked)
    assert (answer.status, answer.data) == (206, content[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert json.loads(answer.headers["Dropbox-API-Result"])["size"] == SIZE


def test_a_range_past_the_end_is_416_and_so_is_any_range_of_an_empty_file(dropbox: Client) -> None:
    assert dropbox.download(TRIP, Range=f"bytes={SIZE}-").status == 416
    assert dropbox.download(EMPTY, Range="bytes=0-0").status == 416
    assert (dropbox.download(EMPTY).status, dropbox.download(EMPTY).data) == (200, b"")


def test_a_known_etag_gets_304(dropbox: Client) -> None:
    etag = dropbox.download(TRIP).headers["ETag"]
    assert (dropbox.download(TRIP, If_None_Match=etag).status, dropbox.download(TRIP, If_None_Match="x").status) == (
        304,
        200,
    )


def test_a_path_with_other_letters_has_to_be_escaped(dropbox: Client, folder: Path) -> None:
    """koreader issue 12154: the 400 has a body, which is no film."""
    assert dropbox.download(UMLAUT).data == (folder / "two.mp4").read_bytes()
    raw = json.dumps({"path": UMLAUT}, ensure_ascii=False).encode().decode("latin-1")
    answer = dropbox.download(UMLAUT, Dropbox_API_Arg=raw)
    assert answer.status == 400 and b"could not decode input as JSON" in answer.data


def test_the_metadata_of_a_download_is_ascii(dropbox: Client) -> None:
    result = dropbox.download(UMLAUT).headers["Dropbox-API-Result"]
    assert result.isascii() and json.loads(result)["path_display"] == UMLAUT


def test_a_download_without_an_argument_or_with_a_type_of_its_own_is_bad_input(dropbox: Client) -> None:
    url = f"{dropbox.fake.content_url}/2/files/download"
    headers = {"Authorization": f"Bearer {dropbox.fake.access_token}"}
    assert b'Must provide HTTP header "Dropbox-API-Arg"' in dropbox.http.request("GET", url, headers=headers).data
    assert b'Bad HTTP "Content-Type" header' in dropbox.download(TRIP, Content_Type="application/json").data


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/nothing.mp4", {".tag": "path", "path": {".tag": "not_found"}}),
        ("id:nothing", {".tag": "path", "path": {".tag": "not_found"}}),
        ("rev:012345678", {".tag": "path", "path": {".tag": "not_found"}}),
        ("/Trips", {".tag": "path", "path": {".tag": "not_file"}}),
        (SONG, {".tag": "path", "path": {".tag": "restricted_content"}}),
        (PAPER, {".tag": "unsupported_file"}),
    ],
)
def test_what_cannot_be_downloaded_is_409_with_its_reason(dropbox: Client, path: str, error: object) -> None:
    answer = dropbox.download(path)
    assert (answer.status, answer.json()["error"]) == (409, error)
    assert dropbox.error("files/get_temporary_link", {"path": path}) == (409, error)


def test_content_can_have_a_port_of_its_own(folder: Path, tls: Certificate, content: bytes) -> None:
    with client_of(Library.load(folder), tls, content_port=0) as client:
        assert client.fake.content_url != client.fake.base_url
        assert client.download(TRIP).data == content and client.fetch(client.link(TRIP)).data == content
        url = f"{client.fake.base_url}/2/files/download"
        assert client.http.request("POST", url).status == 404


# Temporary links


def test_a_temporary_link_needs_no_token_and_takes_ranges(dropbox: Client, content: bytes) -> None:
    link = dropbox.link(TRIP)
    whole, part = dropbox.fetch(link), dropbox.fetch(link, Range="bytes=5-9")
    assert (whole.status, whole.data, whole.headers["Content-Type"]) == (200, content, "video/mp4")
    assert (part.status, part.data) == (206, content[5:10])
    assert dropbox.fake.control.stats()["cdn_saw_api_token"] is False


def test_a_token_that_reaches_a_temporary_link_is_noticed(dropbox: Client) -> None:
    dropbox.fetch(dropbox.link(TRIP), Authorization=f"Bearer {dropbox.fake.access_token}")
    stats = dropbox.fake.control.stats()
    assert (stats["cdn_saw_authorization"], stats["cdn_saw_api_token"]) == (True, True)


def test_a_temporary_link_is_gone_after_four_hours_of_the_fakes_clock(dropbox: Client) -> None:
    link = dropbox.link(TRIP)
    dropbox.fake.control.advance_clock(4 * 3600 - 5)
    assert dropbox.fetch(link).status == 200
    dropbox.fake.control.advance_clock(10)
    assert dropbox.fetch(link).status == 410
    assert dropbox.fetch(link.replace("/cd/0/get/", "/cd/0/get/x")).status == 404


def test_a_temporary_link_needs_a_verified_address(dropbox: Client) -> None:
    dropbox.fake.control.set_email_verified(False)
    assert dropbox.error("files/get_temporary_link", {"path": ROOT}) == (409, {".tag": "email_not_verified"})


# The log


def test_the_log_knows_each_answer_and_every_byte_but_no_secret(dropbox: Client) -> None:
    dropbox.refresh()
    dropbox.download(LONG, Range="bytes=0-99")
    dropbox.fetch(dropbox.link(TRIP))
    log = dropbox.fake.control.requests()
    assert [(entry["endpoint"], entry["status"]) for entry in log] == [
        ("token", 200), ("download", 206), ("get_temporary_link", 200), ("link", 200)
    ]  # fmt: skip
    assert log[1]["range"] == "bytes=0-99" and log[1]["media_id"] == dropbox.fake.control.id_of(LONG)
    stats = dropbox.fake.control.stats()
    assert stats["token_refreshes"] == 1 and stats["bytes_served"][dropbox.fake.control.id_of(LONG)] == 100
    assert not any(secret in str(log) for secret in dropbox.fake.secrets())
