"""The CDN of the fake GoPro Cloud behaves like the real one: signed links, ranges, ETags, and no tokens."""

import hashlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from local.fake_providers.cdn_objects import CdnObject, multipart_etag
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.library import Library
from tests.integration.gopro_client import SIZES, Client, client_of, write_library

SIZE = SIZES["clip.mp4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def gopro(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


@pytest.fixture
def content(folder: Path) -> bytes:
    return (folder / "clip.mp4").read_bytes()


# Links


def test_a_link_gives_the_whole_file_with_the_headers_of_the_real_cdn(gopro: Client, content: bytes) -> None:
    answer = gopro.fetch(gopro.link())
    assert (answer.status, answer.data) == (200, content)
    assert answer.headers["Accept-Ranges"] == "bytes" and answer.headers["x-amz-storage-class"] == "GLACIER_IR"
    assert answer.headers["Content-Type"] == "binary/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''GX010001.MP4"


def test_a_link_expires_after_an_hour_of_the_fakes_clock(gopro: Client) -> None:
    url = gopro.link()
    gopro.fake.control.advance_clock(3590)
    assert gopro.fetch(url).status == 200
    gopro.fake.control.advance_clock(11)
    answer = gopro.fetch(url)
    assert answer.status == 403 and b"<Code>AccessDenied</Code>" in answer.data
    assert gopro.fetch(gopro.link()).status == 200


def test_a_link_that_was_changed_in_any_part_is_403(gopro: Client) -> None:
    url = gopro.link()
    changes = [
        ("/clip/", "/cooking/"),
        ("Expires=", "Expires=9"),
        ("Signature=", "Signature=x"),
        ("GX010001", "GX010002"),
        ("Expires=", "Later="),
    ]
    assert {gopro.fetch(url.replace(*change)).status for change in changes} == {403}


def test_a_head_needs_the_link_signed_for_it(gopro: Client) -> None:
    (original,) = gopro.originals("clip")
    assert gopro.fetch(original["url"], "HEAD").status == 403
    assert gopro.fetch(original["head"], "GET").status == 403
    answer = gopro.fetch(original["head"], "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.data) == (200, str(SIZE), b"")


def test_every_link_of_the_download_response_works(gopro: Client) -> None:
    parts = gopro.download("chapters")
    for entry in [*parts["files"], *parts["variations"], *parts["sidecar_files"]]:
        assert gopro.fetch(entry["url"]).status == gopro.fetch(entry["head"], "HEAD").status == 200
    assert [gopro.fetch(url).status for sprite in parts["sprites"] for url in sprite["urls"]] == [200]


def test_links_may_lead_to_another_host_than_the_api(folder: Path, content: bytes) -> None:
    with client_of(Library.load(folder), cdn_port=0) as gopro:
        url = gopro.link()
        assert url.startswith(gopro.fake.cdn_url) and not url.startswith(gopro.fake.base_url)
        assert gopro.fetch(url).data == content
        assert gopro.fetch(url.replace(gopro.fake.cdn_url, gopro.fake.base_url)).status == 404


def test_links_are_https_when_the_fake_is(folder: Path, content: bytes) -> None:
    ca, tls, trusting = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.configure_trust(trusting)
    with client_of(Library.load(folder), trusting, tls=tls) as gopro:
        assert urlsplit(gopro.link()).scheme == "https"
        assert gopro.fetch(gopro.link()).data == content


# Tokens must not reach the CDN


def test_an_authorization_header_is_400_and_recorded(gopro: Client) -> None:
    answer = gopro.fetch(gopro.link(), Authorization="Bearer anything")
    assert answer.status == 400 and b"Only one auth mechanism allowed" in answer.data
    stats = gopro.fake.control.stats()
    assert (stats["cdn_saw_authorization"], stats["cdn_saw_api_token"]) == (True, False)


def test_a_token_in_a_cookie_or_link_is_recorded(gopro: Client) -> None:
    gopro.fetch(gopro.link())
    assert gopro.fake.control.stats()["cdn_saw_api_token"] is False
    assert gopro.fetch(gopro.link(), Cookie=f"gp_access_token={gopro.fake.access_token}").status == 200
    assert gopro.fake.control.stats()["cdn_saw_api_token"] is True


# Ranges


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        (f"bytes=5-{SIZE * 2}", 5, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
    ],
)
def test_a_range_is_206_with_exactly_these_bytes(
    gopro: Client, content: bytes, asked: str, first: int, last: int
) -> None:
    answer = gopro.fetch(gopro.link(), Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{SIZE}")
    assert answer.data == content[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0"])
def test_a_range_past_the_end_is_416_with_the_total(gopro: Client, asked: str) -> None:
    answer = gopro.fetch(gopro.link(), Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2"])
def test_several_ranges_or_an_invalid_one_get_the_whole_file(gopro: Client, asked: str) -> None:
    answer = gopro.fetch(gopro.link(), Range=asked)
    assert (answer.status, len(answer.data)) == (200, SIZE)


def test_conditions_are_met_or_refused(gopro: Client) -> None:
    url = gopro.link()
    etag = gopro.fetch(url).headers["ETag"]
    matches = [gopro.fetch(url, If_Match=condition).status for condition in (etag, "*", f'"x", {etag}', '"x"')]
    assert matches == [200, 200, 200, 412]
    ranges = [gopro.fetch(url, Range="bytes=0-9", If_Range=condition).status for condition in (etag, '"x"')]
    assert ranges == [206, 200]


# ETags


@pytest.mark.parametrize(
    ("size", "part_size", "etag"),
    [
        (5 * 1024 * 1024, 20 * 1024 * 1024, '"81485c0e873d222199469076b60f30e9-1"'),
        (12 * 1024 * 1024, 5 * 1024 * 1024, '"4e982d58b6c2ce178ae042c23f9bca6e-3"'),
    ],
)
def test_an_etag_is_that_of_a_multipart_upload_to_s3(tmp_path: Path, size: int, part_size: int, etag: str) -> None:
    (tmp_path / "zeros").write_bytes(bytes(size))
    assert multipart_etag(CdnObject(tmp_path / "zeros"), part_size) == etag


def test_the_part_size_of_the_etags_can_be_set(folder: Path, content: bytes) -> None:
    with client_of(Library.load(folder), etag_part_size=100_000) as gopro:
        etag = gopro.fetch(gopro.originals("clip")[0]["head"], "HEAD").headers["ETag"]
    parts = [hashlib.md5(content[start : start + 100_000], usedforsecurity=False) for start in range(0, SIZE, 100_000)]
    whole = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False).hexdigest()
    assert etag == f'"{whole}-4"'


def test_a_replaced_file_has_another_etag_under_the_same_link(gopro: Client) -> None:
    url = gopro.link()
    before = gopro.fetch(url)
    gopro.fake.control.put_item({"id": "clip", "sources": ["two.mp4"]})
    after = gopro.fetch(url)
    assert before.headers["ETag"] != after.headers["ETag"] and len(after.data) == SIZES["two.mp4"]


# Statistics


def test_bytes_are_counted_by_file(gopro: Client) -> None:
    gopro.fetch(gopro.link("chapters", 2))
    gopro.fetch(gopro.link("chapters", 2), Range="bytes=0-9")
    assert gopro.fake.control.stats()["bytes_served"] == {"chapters/source/2": SIZES["two.mp4"] + 10}


def test_the_highest_number_of_connections_is_counted(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SLOW, bytes_per_second=SIZE * 4)
    url = gopro.link()
    readers = [threading.Thread(target=gopro.fetch, args=(url,)) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert gopro.fake.control.stats()["cdn_connections_max"] == 3
