"""Keys and metadata at their limits, and which version of which video a key is of."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

import pytest
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores.archive_keys import (
    capture_month,
    is_version,
    media_id_of,
    metadata,
    object_key,
    safe_name,
    versions,
)

ITEM = MediaItem(media_id="clip", filename="a.mp4", captured_at="2026-01-01T00:00:00Z")
THE_ETAG = '"e"'


def source(number: int = 1, count: int = 1, filename: str = "a.mp4") -> MediaSource:
    return MediaSource(file_number=number, file_count=count, filename=filename)


@pytest.mark.parametrize(
    ("number", "count", "copy", "name"),
    [
        (1, 1, 1, "a.mp4"),
        (1, 2, 1, "a-01.mp4"),
        (9, 99, 1, "a-09.mp4"),
        (7, 100, 1, "a-007.mp4"),
        (100, 100, 1, "a-100.mp4"),
        (1, 1, 2, "a-v2.mp4"),
        (2, 3, 11, "a-02-v11.mp4"),
    ],
)
def test_a_key_has_the_number_of_the_file_and_of_its_version_where_there_are_several(
    number: int, count: int, copy: int, name: str
) -> None:
    key = object_key("gopro", ITEM, source(number, count), copy)
    assert key == f"gopro/2026/01/clip/{name}" and media_id_of(key) == "clip"


@pytest.mark.parametrize(
    ("key", "copy", "found"),
    [
        ("g/a.mp4", 1, {"g/a.mp4"}),
        ("g/a-v2.mp4", 2, {"g/a.mp4", "g/a-v2.mp4"}),
        ("g/a-v3.mp4", 3, {"g/a.mp4", "g/a-v2.mp4", "g/a-v3.mp4"}),
        ("g/a-v1.mp4", 1, {"g/a-v1.mp4"}),  # a name that looks like a version
        ("g/a-v2", 2, {"g/a", "g/a-v2"}),
    ],
)
def test_the_versions_of_a_key_are_it_and_all_before_it(key: str, copy: int, found: set[str]) -> None:
    assert versions(key, copy) == found


@pytest.mark.parametrize("media_id", ["clip", "ä/b c", "a.b", "..", "🏔️", "%2e"])
def test_the_id_can_be_read_back_from_a_key(media_id: str) -> None:
    key = object_key("gopro", MediaItem(media_id=media_id, filename="a.mp4"), source())
    assert media_id_of(key) == media_id and key.count("/") == 4


@pytest.mark.parametrize("key", ["", "gopro/readme.txt", "gopro/2026/01/clip", "gopro/2026/01/clip/a/b.mp4"])
def test_what_is_no_key_of_ours_is_of_no_video(key: str) -> None:
    assert media_id_of(key) == ""


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a" * 180 + ".mp4", "a" * 180 + ".mp4"),
        ("a" * 181 + ".mp4", "a" * 180 + ".mp4"),
        ("a." + "b" * 16, "a." + "b" * 16),
        ("a." + "b" * 17, "a." + "b" * 16),
        ("a" * 181, "a" * 180),
        ("..hidden.mp4", "hidden.mp4"),
        ("a.b.mp4", "a.b.mp4"),
        ("name.", "name."),
        ("name.___", "name.___"),
        (".mp4", ".mp4"),
        ("", ""),
        ("a b  c.m p4", "a_b_c.m_p4"),
        (" C:\\Videos\\a.mp4 ", "a.mp4"),
    ],
)
def test_a_safe_name_has_its_letters_and_at_most_its_limits(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("captured", "month"),
    [
        ("2026-01-31T23:59:59Z", "2026/01"),
        ("2026-01-31T23:30:00-01:00", "2026/02"),
        ("2026-02-01T00:30:00+01:00", "2026/01"),
        ("2026-02-01T00:30:00", "2026/02"),
        ("0999-12-01", "0999/12"),
        ("", "0000/00"),
        ("yesterday", "0000/00"),
        ("0001-01-01T00:00:00+14:00", "0000/00"),
    ],
)
def test_the_month_of_a_key_is_in_utc_or_unknown(captured: str, month: str) -> None:
    assert capture_month(captured) == month


def stored(media_id: str = "clip", **said: str) -> dict[str, str]:
    item = MediaItem(media_id=media_id, filename="a.mp4", captured_at="2026-01-01T00:00:00+02:00")
    return metadata("gopro", item, source(2, 3), Fingerprint(7, said.pop("etag", THE_ETAG), **said))


def test_metadata_names_the_video_the_file_and_the_version() -> None:
    assert stored(last_modified="a day", listed="md5:00") == {
        "provider": "gopro", "media-id": "clip", "file-number": "2", "captured-at": "2026-01-01T00:00:00+02:00",
        "source-size": "7", "source-etag": "e", "source-modified": "a%20day", "source-listed": "md5%3A00",
        "filename": "a.mp4",
    }  # fmt: skip
    assert set(stored(etag="")) == set(stored()) and stored(etag="")["source-etag"] == ""
    assert "source-modified" not in stored() and "source-listed" not in stored()


@pytest.mark.parametrize(("length", "whole"), [(768, True), (769, False)])
def test_a_long_id_is_kept_as_its_digest(length: int, whole: bool) -> None:
    media_id = "i" * length
    digest = f"sha256-{sha256(media_id.encode()).hexdigest()}"
    assert stored(media_id)["media-id"] == (media_id if whole else digest)


@pytest.mark.parametrize(("length", "whole"), [(200, True), (201, False)])
@pytest.mark.parametrize("what", ["etag", "last_modified", "listed"])
def test_what_a_server_says_at_length_is_kept_as_its_digest(what: str, length: int, whole: bool) -> None:
    name = {"etag": "source-etag", "last_modified": "source-modified", "listed": "source-listed"}[what]
    found = stored(**{what: "s" * length})[name]
    assert (found == "s" * length) == whole and found.startswith("s" if whole else "sha256-")


def test_a_long_weak_etag_stays_weak() -> None:
    weak = stored(etag="W/" + "s" * 300)["source-etag"]
    assert weak.startswith("W/sha256-") and not is_version(
        {"source-size": "7", "source-etag": weak}, Fingerprint(7, weak)
    )


@pytest.mark.parametrize("moment", ["x" * 60, "x" * 61, "ä" * 30])
def test_a_moment_is_cut_where_no_encoded_byte_is_halved(moment: str) -> None:
    item = MediaItem(media_id="clip", filename="a.mp4", captured_at=moment)
    found = metadata("gopro", item, source(), Fingerprint(7, THE_ETAG))["captured-at"]
    assert 58 <= len(found) <= 60 and quote(moment, safe=":+").startswith(found)
    assert "%" not in found[-2:]


@pytest.mark.parametrize("size", ["seven", None])
def test_an_object_without_a_size_that_can_be_read_is_of_no_version(size: str | None) -> None:
    said = {"source-etag": "e"} | ({"source-size": size} if size else {})
    for version in (Fingerprint(7, THE_ETAG), Fingerprint(-1, THE_ETAG)):
        assert not is_version(said, version)
    assert is_version({"source-etag": "e", "source-size": "7"}, Fingerprint(7, THE_ETAG))
