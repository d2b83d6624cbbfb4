"""Keys and metadata of archived objects, for any name and any id of a provider."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from cloud_sync_common import safe_text
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores.archive_keys import (
    capture_month,
    is_version,
    kept_id,
    later_key,
    media_id_of,
    metadata,
    object_key,
    safe_name,
    versions,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

# S3 user guide, "Safe characters"; the slash separates.
SAFE_KEY = re.compile(r"[A-Za-z0-9!_.*'()/-]+")
TRAPS = ("../../etc/passwd", "..", ".", "", "/", "a/b\\c.mp4", "🏔️🏔️.MP4", "x" * 251 + ".mp4", "\x00\n\t.mp4", " . ")
IDS = st.text(min_size=1, max_size=64)
NAMES = st.text(max_size=255) | st.sampled_from(TRAPS)
ID_LIMIT_OF_KEYS = 1024  # bytes (S3 user guide, "Naming Amazon S3 objects")


def key_of(media_id: str, filename: str, number: int = 1, count: int = 1, copy: int = 1) -> str:
    item = MediaItem(media_id=media_id, filename=filename, captured_at="2026-05-06T10:00:00Z")
    return object_key("gopro", item, MediaSource(file_number=number, file_count=count, filename=filename), copy)


@given(media_id=IDS, filename=NAMES, number=st.integers(1, 9), copy=st.integers(1, 3))
@example(media_id="..", filename="..", number=1, copy=1)
@example(media_id="a/../b", filename="../x", number=1, copy=1)
@settings(deadline=None)
def test_a_key_has_only_safe_characters_and_five_plain_parts(
    media_id: str, filename: str, number: int, copy: int
) -> None:
    key = key_of(media_id, filename, number, 9, copy)
    assert SAFE_KEY.fullmatch(key), key
    parts = key.split("/")
    assert parts[:3] == ["gopro", "2026", "05"] and len(parts) == 5
    assert not {"", ".", ".."} & set(parts)
    assert len(key.encode()) <= ID_LIMIT_OF_KEYS


@pytest.mark.parametrize("media_id", ["65a0f0c2b7e4d1a2c3b4d5e6", "AbCdEf0123456", "with-dash_and_line"])
def test_a_usual_id_is_in_the_key_unchanged(media_id: str) -> None:
    assert key_of(media_id, "GX010001.MP4") == f"gopro/2026/05/{media_id}/GX010001.MP4"


@given(one=IDS, other=IDS, filename=NAMES)
@example(one="a/b", other="a.2fb", filename="x.mp4")
@example(one="a", other="A", filename="x.mp4")
@example(one="é", other="e", filename="x.mp4")
@settings(deadline=None)
def test_two_media_ids_never_share_a_key(one: str, other: str, filename: str) -> None:
    assume(one != other)
    assert key_of(one, filename) != key_of(other, filename)


@given(media_id=IDS, filename=NAMES, count=st.integers(2, 130))
@settings(deadline=None, max_examples=50)
def test_chapters_have_separate_keys_that_sort_in_order(media_id: str, filename: str, count: int) -> None:
    keys = [key_of(media_id, filename, number, count) for number in range(1, count + 1)]
    assert len(set(keys)) == count and sorted(keys) == keys


@given(filename=NAMES, number=st.integers(1, 3))
@settings(deadline=None)
def test_a_later_version_never_takes_the_key_of_an_earlier_one(filename: str, number: int) -> None:
    keys = {key_of("id", filename, number, 3, copy) for copy in range(1, 6)}
    assert len(keys) == 5


def test_a_source_with_its_own_name_has_no_number_in_its_key() -> None:
    item = MediaItem(media_id="id", filename="GX010051.MP4", captured_at="2026-05-06T10:00:00Z")
    keys = [
        object_key("gopro", item, MediaSource(number, f"GX0{number}0051.MP4", 3, own_name=True), copy)
        for number, copy in ((1, 1), (2, 1), (3, 2))
    ]
    assert [key.removeprefix("gopro/2026/05/id/") for key in keys] == [
        "GX010051.MP4", "GX020051.MP4", "GX030051-v2.MP4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "had", "copy", "later"),
    [
        ("g/GX010051-02.MP4", 1, 2, "g/GX010051-02-v2.MP4"),
        ("g/GX010051-02-v2.MP4", 2, 3, "g/GX010051-02-v3.MP4"),
        ("g/GX010051-02-v2.MP4", 2, 1, "g/GX010051-02.MP4"),
        ("g/GX020051.MP4", 1, 1, "g/GX020051.MP4"),
        ("g/a-v2.MP4", 1, 2, "g/a-v2-v2.MP4"),
        ("g/a", 1, 2, "g/a-v2"),
    ],
)
def test_a_later_version_is_named_like_the_one_before_it(key: str, had: int, copy: int, later: str) -> None:
    assert later_key(key, had, copy) == later
    assert key in versions(later, copy) or copy == 1


def test_chapter_number_and_version_come_before_the_extension() -> None:
    assert key_of("id", "GX010001.MP4", 2, 3, 4).endswith("/GX010001-02-v4.MP4")


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("GX010001.MP4", "GX010001.MP4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\lake.mov", "lake.mov"),
        ('Über den "Grat" ∕ 50% (1).MP4', "Uber_den_Grat_50_1_.MP4"),
        (".hidden", "hidden"),
        (" .MP4", ".MP4"),
        ("\u3000.mov", ".mov"),
        ("🏔️", ""),
        ("", ""),
        ("GX\u00ad01.m\u200bp4\ufeff", "GX01.mp4"),
        ("holiday\u202e4pm.exe", "holiday4pm.exe"),
    ],
)
def test_a_name_is_made_safe_and_stays_recognisable(filename: str, safe: str) -> None:
    assert safe_name(filename) == safe


def test_a_very_long_name_keeps_its_extension() -> None:
    assert re.fullmatch(r"x{100,200}\.mp4", safe_name("x" * 5000 + ".mp4"))


def test_a_source_without_a_usable_name_is_named_after_its_item_or_its_id() -> None:
    item = MediaItem(media_id="65a0", filename="Best of winter", captured_at="2026-05-06T10:00:00Z")
    nameless = MediaSource(file_number=1, filename="🏔️")
    assert object_key("gopro", item, nameless).endswith("/65a0/Best_of_winter")
    assert object_key("gopro", MediaItem(media_id="65a0", filename=""), nameless) == "gopro/0000/00/65a0/65a0"


@given(
    moment=st.datetimes(
        timezones=st.builds(lambda hours: timezone(timedelta(hours=hours)), st.integers(-12, 14)) | st.none()
    )
)
@settings(deadline=None)
def test_the_month_is_in_utc(moment: datetime) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        utc = aware.astimezone(UTC)
    except OverflowError:
        assert capture_month(moment.isoformat()) == "0000/00"
        return
    assert capture_month(moment.isoformat()) == f"{utc.year:04}/{utc.month:02}"


@pytest.mark.parametrize(
    ("captured_at", "month"),
    [
        ("2026-01-31T23:30:00-01:00", "2026/02"),
        ("2026-01-01T00:30:00+01:00", "2025/12"),
        ("2026-01-31T23:59:59Z", "2026/01"),
        ("2026-01-31T23:59:59", "2026/01"),
        ("", "0000/00"),
        ("last summer", "0000/00"),
    ],
)
def test_the_month_does_not_depend_on_the_time_zone_of_the_camera(captured_at: str, month: str) -> None:
    assert capture_month(captured_at) == month


@given(media_id=IDS, filename=NAMES, etag=st.text(max_size=40), size=st.integers(0, 2**46))
@settings(deadline=None)
def test_metadata_is_small_ascii_and_identifies_its_version(media_id: str, filename: str, etag: str, size: int) -> None:
    item = MediaItem(media_id=media_id, filename=filename, captured_at="2026-05-06T10:00:00Z")
    source, version = MediaSource(file_number=3, filename=filename, file_count=3), Fingerprint(size, etag)
    stored = metadata("gopro", item, source, version)
    assert all(text.isascii() and text.isprintable() for pair in stored.items() for text in pair)
    assert sum(len(name) + len(value) for name, value in stored.items()) < 2048
    assert unquote(stored["media-id"]) == media_id and stored["file-number"] == "3"
    assert is_version(stored, version) == version.has_strong_etag
    assert not is_version(stored, Fingerprint(size + 1, etag)) and not is_version(stored, Fingerprint(size, etag + "x"))


@pytest.mark.parametrize("filename", ["GX010001.MP4", 'Über den "Grat" ∕ 50% 🏔️.MP4', "a/b\\c\n.mp4"])
def test_the_original_name_can_be_read_back_from_the_metadata(filename: str) -> None:
    item = MediaItem(media_id="id", filename="another")
    stored = metadata("gopro", item, MediaSource(file_number=1, filename=filename), Fingerprint(1, '"e"'))
    assert unquote(stored["filename"]) == filename


@pytest.mark.parametrize("stored", [{}, {"source-size": "1"}, {"source-size": "1", "source-etag": "f"}])
def test_an_object_without_complete_version_metadata_does_not_match(stored: dict[str, str]) -> None:
    assert not is_version(stored, Fingerprint(1, '"e"'))


@pytest.mark.parametrize("etag", ["", '""', 'W/"e"'])
def test_an_object_is_of_no_version_when_nothing_certain_is_known_of_it(etag: str) -> None:
    item, source = MediaItem(media_id="id", filename="x.mp4"), MediaSource(file_number=1, filename="x.mp4")
    bare = Fingerprint(1, etag)
    assert not is_version(metadata("gopro", item, source, bare), bare)
    dated = Fingerprint(1, etag, "Mon, 02 Nov 2026 10:00:00 GMT")
    assert is_version(metadata("gopro", item, source, dated), dated)
    assert not is_version(metadata("gopro", item, source, dated), replace(dated, last_modified="another"))
    assert not is_version(metadata("gopro", item, source, dated), bare)


def test_an_etag_of_absurd_length_still_identifies_its_version() -> None:
    item, source = MediaItem(media_id="id", filename="x" * 4000), MediaSource(file_number=1, filename="x" * 4000)
    stored = metadata("gopro", item, source, Fingerprint(1, f'"{"e" * 3000}"', "d" * 3000, "md5:" + "0" * 3000))
    assert sum(len(name) + len(value) for name, value in stored.items()) < 2048
    assert is_version(stored, Fingerprint(1, f'"{"e" * 3000}"')) and not is_version(stored, Fingerprint(1, '"e"'))


@pytest.mark.parametrize("name", ["Видео", "我的视频", "βίντεο", "סרטון", "🏔️🏔️", "فيديو", "วิดีโอ", "ビデオ・一", "…"])
@pytest.mark.parametrize("extension", [".MP4", ".mov", ".360", ".JPG"])
def test_a_name_in_any_script_keeps_its_extension_and_its_id(name: str, extension: str) -> None:
    assert key_of("65a0", name + extension) == f"gopro/2026/05/65a0/65a0{extension}"
    assert key_of("65a0", name + extension, 2, 3, 4) == f"gopro/2026/05/65a0/65a0-02-v4{extension}"
    stored = metadata("gopro", MediaItem(media_id="65a0", filename=""),
                      MediaSource(file_number=1, filename=name + extension), Fingerprint(1, ""))  # fmt: skip
    assert unquote(stored["filename"]) == name + extension


def test_what_can_be_kept_of_a_name_in_two_scripts_is_kept() -> None:
    assert key_of("65a0", "Озеро GX010001.MP4").endswith("/GX010001.MP4")
    assert key_of("65a0", "GX010001 Озеро.MP4").endswith("/GX010001_.MP4")


def test_an_item_gives_the_name_that_its_source_does_not_have() -> None:
    item = MediaItem(media_id="65a0", filename="Winter.MP4", captured_at="2026-05-06T10:00:00Z")
    assert object_key("gopro", item, MediaSource(file_number=1, filename="🏔️.mov")).endswith("/65a0/Winter.mov")
    assert object_key("gopro", item, MediaSource(file_number=1, filename="")).endswith("/65a0/Winter.MP4")


@given(media_id=st.text(min_size=1, max_size=3000), filename=st.text(max_size=5000), etag=st.text(max_size=3000),
       moment=st.text(max_size=3000))  # fmt: skip
@example(media_id="\U0001f3d4" * 64, filename="\U0001f3d4" * 4000, etag="\U0001f3d4" * 3000, moment="я" * 3000)
@example(media_id="\U0001f3d4" * 64, filename="\U0001f3d4" * 4000, etag="\U0001f3d4" * 64, moment="я" * 3000)
@settings(deadline=None)
def test_metadata_never_outgrows_what_s3_takes(media_id: str, filename: str, etag: str, moment: str) -> None:
    item = MediaItem(media_id=media_id, filename=filename, captured_at=moment)
    version = Fingerprint(2**46, etag, moment or "a day", etag)
    stored = metadata("gopro", item, MediaSource(file_number=1_000, file_count=1_000, filename=filename), version)
    assert sum(len(name) + len(value) for name, value in stored.items()) <= 1900
    assert all(text.isascii() and text.isprintable() for pair in stored.items() for text in pair)
    assert is_version(stored, version) and not is_version(stored, replace(version, etag=etag + "x"))


def test_an_etag_of_3000_characters_tells_versions_apart() -> None:
    item, source = MediaItem(media_id="id", filename="a"), MediaSource(file_number=1, filename="a")
    stored = metadata("gopro", item, source, Fingerprint(1, '"' + "e" * 3000 + '"'))
    assert is_version(stored, Fingerprint(1, "e" * 3000)) and not is_version(stored, Fingerprint(1, "e" * 2999 + "f"))


def test_a_secret_that_a_provider_gives_as_a_name_is_in_neither_key_nor_metadata(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    token = "eyJhbGciOiJSU0EtT0FFUCJ9.c2VjcmV0"
    safe_text.protect(token)
    item = MediaItem(media_id="65a0", filename="x", captured_at=token)
    source = MediaSource(file_number=1, filename=f"{token}.MP4")
    stored = metadata("gopro", item, source, Fingerprint(1, ""))
    assert object_key("gopro", item, source) == "gopro/0000/00/65a0/x.MP4"
    assert not any(token[:12] in text for text in stored.values())


def test_the_metadata_of_a_source_without_a_name_has_the_name_of_its_item() -> None:
    item = MediaItem(media_id="65a0", filename="Winter.MP4")
    named, nameless = (MediaSource(file_number=1, filename=name) for name in ("GX010001.MP4", ""))
    stored = [metadata("gopro", item, source, Fingerprint(1, '"e"'))["filename"] for source in (named, nameless)]
    assert stored == ["GX010001.MP4", "Winter.MP4"]


# Ids of absurd length

LONG = ["x" * 700, "x" * 1_000, "x" * 999 + "y", "x" * 20_000, "🏔️" * 200, "/" * 400, "\x00" * 3_000]


@pytest.mark.parametrize("filename", ["GX010001.MP4", "", "x" * 400 + ".MP4", "\U0001f3d4.MP4"])
@pytest.mark.parametrize("media_id", LONG, ids=lambda media_id: f"{media_id[-1]!r}-{len(media_id)}")
def test_a_key_stays_within_1024_bytes_whatever_the_id_is(media_id: str, filename: str) -> None:
    key = key_of(media_id, filename, number=10**6, count=10**6, copy=10**6)
    assert len(key.encode()) <= ID_LIMIT_OF_KEYS and SAFE_KEY.fullmatch(key)
    assert media_id_of(key) == kept_id(media_id) == kept_id(kept_id(media_id))


def test_ids_that_are_too_long_for_a_key_still_have_keys_of_their_own() -> None:
    assert len({key_of(media_id, "") for media_id in (*LONG, "x" * 701)}) == len(LONG) + 1


@given(one=st.text(min_size=600, max_size=900), other=st.text(min_size=600, max_size=900))
@settings(deadline=None, max_examples=50)
def test_two_long_ids_never_share_a_key(one: str, other: str) -> None:
    assume(one != other)
    assert key_of(one, "x.mp4") != key_of(other, "x.mp4")
