"""What an object of the archive says of itself: all that the downloader has said of it, and nothing that cannot be."""

from __future__ import annotations

import string

import msgspec
import pytest
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.providers import PROVIDERS
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.transfer import copies
from hypothesis import example, given
from hypothesis import strategies as st

from console.operations.restore import archived
from console.operations.restore.archived import ArchiveFile, Foreign, Pointer, Stored

ITEM = MediaItem(media_id="65a0", filename="GX010051.MP4", captured_at="2026-05-04T10:00:00Z")
KEY = "gopro/2026/05/65a0/GX010051.MP4"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


def said(**changes: str) -> dict[str, str]:
    source, version = MediaSource(1, "GX010051.MP4"), Fingerprint(7, '"e"', "a date")
    return archive_keys.metadata("gopro", ITEM, source, version) | changes


def stored(key: str = KEY, metadata: dict[str, str] | None = None, size: int = 7) -> Stored:
    modified = "2026-11-01T00:00:00.000Z"
    return Stored(key=key, size=size, checksum="c", version_id="v", modified=modified, metadata=metadata or {})


def read(own: Stored, pointer: Pointer | None = None) -> ArchiveFile:
    found = archived.read(own, PROVIDERS, pointer)
    assert isinstance(found, ArchiveFile), found
    return found


def test_an_object_says_all_that_its_row_had() -> None:
    file = read(stored(KEY, said()))
    assert (file.provider, file.media_id, file.number, file.copy, file.filename) == (
        "gopro", "65a0", 1, 1, "GX010051.MP4",
    )  # fmt: skip
    assert (file.captured_at, file.month, file.problem) == ("2026-05-04T10:00:00Z", "2026-05", "")
    assert file.said is not None and file.said.is_exact
    assert (file.said.size, file.said.etag, file.said.last_modified) == (7, '"e"', "a date")


names = st.one_of(texts.filter(bool), st.sampled_from(["Bärenfährte – 1.mp4", "日本.mov", "a" * 3_000 + ".mp4"]))
quoted = st.text("abc-/Wé ", min_size=1, max_size=250).filter(lambda text: not text.startswith("W/"))
etags = st.one_of(st.just(""), quoted.map('"{}"'.format), quoted.map('W/"{}"'.format))


@given(media_id=texts.filter(bool), filename=names, etag=etags, copy=st.integers(1, 12), number=st.integers(1, 9_999))
@example(media_id="x" * 2_000, filename="a.mp4", etag=f'"{"e" * 500}"', copy=2, number=3)
@example(media_id="id:ä/b", filename="clip-v2.mp4", etag='W/"weak"', copy=2, number=1)
def test_what_the_downloader_wrote_is_read_again(
    media_id: str, filename: str, etag: str, copy: int, number: int
) -> None:
    item = msgspec.structs.replace(ITEM, media_id=media_id, filename=filename)
    source, version = MediaSource(number, filename, number), Fingerprint(7, etag, "", "listed")
    key = archive_keys.object_key("gopro", item, source, copy)
    metadata = archive_keys.metadata("gopro", item, source, version)
    file = read(stored(key, metadata))
    assert (file.number, file.problem, file.month) == (number, "", "2026-05")
    assert file.kept_id == archive_keys.kept_id(media_id)
    assert file.media_id in (media_id, file.kept_id)
    assert file.filename and filename.startswith(file.filename.rstrip("\ufffd"))
    assert file.said is not None
    if file.said.is_exact:
        rebuilt = Fingerprint(7, file.said.etag, file.said.last_modified, file.said.listed)
        assert not rebuilt.contradicts(version)


@pytest.mark.parametrize(
    ("name", "filename", "version"),
    [
        ("GX01.MP4", "GX01.MP4", 1), ("GX01-v2.MP4", "GX01.MP4", 2), ("GX01-01-v12.MP4", "GX01.MP4", 12),
        ("clip-v2.mp4", "clip-v2.mp4", 1), ("clip-v2-v3.mp4", "clip-v2.mp4", 3), ("clip-v1.mp4", "x.mp4", 1),
        ("clip-v02.mp4", "x.mp4", 1), ("clip-v99999.mp4", "x.mp4", 1), ("clip-v2.mp4", "", 1),
    ],
)  # fmt: skip
def test_the_number_of_a_version_is_in_the_key_unless_the_file_is_called_so(
    name: str, filename: str, version: int
) -> None:
    file = read(stored(f"gopro/2026/05/65a0/{name}", said(filename=filename)))
    assert file.copy == version


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({}, "its metadata are gone"),
        (said() | {"media-id": "other"}, "its metadata name another item than its key"),
        (said() | {"file-number": "0"}, "its metadata do not say which file it is"),
        (said() | {"file-number": "1e3"}, "its metadata do not say which file it is"),
        (said() | {"source-size": "seven"}, "its metadata do not say which file it is"),
        (said() | {"source-size": "9" * 40}, "its metadata do not say which file it is"),
        (said() | {"source-size": "8"}, "it has 7 bytes, and its source had 8"),
        (said() | {"source-size": "-1"}, ""),
    ],
)
def test_what_is_damaged_is_named_and_taken_by_its_key(metadata: dict[str, str], problem: str) -> None:
    file = read(stored(KEY, metadata))
    assert (file.problem, file.provider, file.kept_id, file.stored.size) == (problem, "gopro", "65a0", 7)
    assert file.filename == "GX010051.MP4"


@pytest.mark.parametrize(
    ("key", "metadata"),
    [
        ("inventory.csv", {}), ("gopro/2026/05/65a0", {}), ("gopro/2026/5/65a0/x.mp4", {}), (f"{KEY}/more", {}),
        ("gopro/2026/05/65a0/naïve.mp4", {}), ("GoPro/2026/05/65a0/x.mp4", {}), ("other/2026/05/65a0/x.mp4", {}),
        (KEY, said() | {"provider": "dropbox"}),
    ],
)  # fmt: skip
def test_other_objects_are_foreign(key: str, metadata: dict[str, str]) -> None:
    found = archived.read(stored(key, metadata), PROVIDERS)
    assert isinstance(found, Foreign) and found.key == key and found.why


def test_a_provider_of_a_later_version_is_known_by_its_metadata() -> None:
    file = read(stored("later/2026/05/65a0/GX010051.MP4", said(provider="later")))
    assert (file.provider, file.problem) == ("later", "")


@given(
    st.dictionaries(
        st.sampled_from(
            ["provider", "media-id", "file-number", "captured-at", "filename", "source-size", "source-etag"]
        ),
        st.one_of(texts, st.text("%0123456789abcdefABCDEF", max_size=80), st.just("gopro"), st.just("7")),
    ),
    st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=60),
    st.integers(0, 10**15),
)
def test_whatever_metadata_say_nothing_breaks(metadata: dict[str, str], name: str, size: int) -> None:
    found = archived.read(stored(f"gopro/2026/05/{name}/{name}", metadata, size), PROVIDERS)
    if isinstance(found, ArchiveFile):
        assert len(found.filename) <= 1_000 and found.filename and found.source
        assert found.number is None or 1 <= found.number <= 9_999


def test_a_time_that_is_none_is_left_out() -> None:
    file = read(stored(KEY, said() | {"captured-at": "yesterday%zz"}))
    assert (file.captured_at, file.month, file.problem) == ("", "2026-05", "")


def test_a_digest_in_place_of_an_etag_is_no_exact_version() -> None:
    source, version = MediaSource(1, "GX010051.MP4"), Fingerprint(7, f'"{"e" * 500}"')
    file = read(stored(KEY, archive_keys.metadata("gopro", ITEM, source, version)))
    assert file.said is not None and not file.said.is_exact


# Copies


def pointer(copy_of: str = "dropbox/2026/05/b/clip.mp4", size: int = 7) -> bytes:
    return msgspec.json.encode(copies.Pointer(copy_of, size, "sum"))


def test_a_pointer_is_what_the_downloader_writes() -> None:
    assert archived.pointer_in(pointer()) == Pointer("dropbox/2026/05/b/clip.mp4", 7, "sum")
    assert Pointer.__struct_fields__ == copies.Pointer.__struct_fields__
    assert archive_keys.pointer_key("") == archived.POINTER


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"copy_of": 7}', b"[" * 100_000, pointer("../../x"), pointer(size=-1), b"\x00" * 99],
    ids=range(9),
)
def test_what_is_no_pointer_points_to_nothing(content: bytes) -> None:
    assert archived.pointer_in(content) is None


def test_a_copy_has_the_number_of_its_version_before_the_end_of_its_key() -> None:
    found = read(stored(f"{KEY.replace('.MP4', '-v2.MP4')}.copy", said(), 99), archived.pointer_in(pointer()))
    assert (found.copy, found.copy_of, found.problem) == (2, "dropbox/2026/05/b/clip.mp4", "")


@pytest.mark.parametrize(
    ("key", "size", "may_be"),
    [(f"{KEY}.copy", 99, True), (KEY, 99, False), (f"{KEY}.copy", 7, False), (f"{KEY}.copy", 5_000, False)],
)
def test_only_a_small_object_whose_file_has_another_size_may_be_a_pointer(key: str, size: int, may_be: bool) -> None:
    assert archived.may_be_pointer(stored(key, said(), size)) is may_be
