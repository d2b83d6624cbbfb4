"""Facts that the function code relies on, for every provider: the files of an item, and their bytes."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from cloud_sync_common.exceptions import (
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import MediaItem, MediaSource

from tests.integration.conformance.harness import (
    Harness,
    Original,
    Trouble,
    items_of,
    probe,
    read,
    refused_with,
    sources_of,
)
from tests.integration.secret_check import assert_no_secret


@pytest.fixture
def original(harness: Harness) -> Original:
    """The largest original of one file."""
    return max((found for found in harness.originals if found.file_count == 1), key=lambda found: len(found.content))


@pytest.fixture
def source(harness: Harness, original: Original) -> MediaSource:
    (source,) = sources_of(harness, original.media_id)
    return source


def test_every_file_of_every_video_is_its_original_byte_for_byte_and_in_order(harness: Harness) -> None:
    items, expected = items_of(harness), {}
    for found in harness.originals:
        expected.setdefault(found.media_id, []).append(found)
    for media_id, files in expected.items():
        sources = harness.provider.sources(harness.token, items[media_id])
        assert [(source.file_number, source.file_count) for source in sources] == [
            (found.file_number, found.file_count) for found in files
        ]
        for source, found in zip(sources, files, strict=True):
            assert hashlib.sha256(read(source)).digest() == hashlib.sha256(found.content).digest()
    assert max(len(files) for files in expected.values()) > 2


def test_never_a_proxy(harness: Harness) -> None:
    fakes = set(harness.proxies)
    assert fakes and not fakes & {found.content for found in harness.originals}
    items = items_of(harness)
    for media_id in {found.media_id for found in harness.originals}:
        assert not {read(source) for source in harness.provider.sources(harness.token, items[media_id])} & fakes


def test_a_video_without_an_original_is_an_error(harness: Harness) -> None:
    with refused_with(harness, OriginalUnavailableError):
        sources_of(harness, harness.without_original)


def test_an_original_that_is_no_longer_offered_is_an_error(harness: Harness, original: Original) -> None:
    items = items_of(harness)
    harness.cause(Trouble.ORIGINAL_GONE, original.media_id)
    with refused_with(harness, OriginalUnavailableError):
        harness.provider.sources(harness.token, items[original.media_id])


def test_a_video_in_the_trash_is_not_found(harness: Harness, original: Original) -> None:
    items = items_of(harness)
    harness.cause(Trouble.TRASHED, original.media_id)
    with refused_with(harness, MediaNotFoundError):
        harness.provider.sources(harness.token, items[original.media_id])


def test_a_video_that_never_existed_is_not_found(harness: Harness) -> None:
    with refused_with(harness, MediaNotFoundError):
        harness.provider.sources(harness.token, MediaItem(media_id="nosuchvideo", filename="x.mp4"))


def test_an_original_that_is_not_available_now_gives_no_source_and_no_error(
    harness: Harness, original: Original
) -> None:
    items = items_of(harness)
    harness.cause(Trouble.UNAVAILABLE_NOW, original.media_id)
    assert harness.provider.sources(harness.token, items[original.media_id]) == []
    harness.calm()
    assert read(sources_of(harness, original.media_id)[0]) == original.content


def test_the_name_of_a_file_has_an_extension_of_videos(harness: Harness) -> None:
    for media_id in {found.media_id for found in harness.originals}:
        for source in sources_of(harness, media_id)[:1]:
            assert source.filename.lower().endswith((".mp4", ".mov", ".360", ".m4v"))


def test_a_source_contains_no_token_and_its_repr_shows_no_link(harness: Harness, original: Original) -> None:
    (source,) = sources_of(harness, original.media_id)
    for text in (source.url, str(dict(source.headers)), repr(source), str(source)):
        assert not any(secret in text for secret in harness.secrets())
    assert_no_secret(repr(source) + str(source), harness.secrets())
    assert source.url not in repr(source)


def test_the_repr_of_credentials_shows_no_secret(harness: Harness) -> None:
    for credentials in (harness.oauth, harness.session, harness.provider.refresh(harness.oauth)):
        assert credentials.secrets
        assert_no_secret(f"{credentials!r} {credentials}", harness.secrets())


# Bytes


def test_a_probe_finds_the_true_size_whatever_the_listing_says(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    assert probe(source).size == len(original.content)
    assert probe(source) == probe(source)


def test_any_range_can_be_read_and_ranges_add_up_to_the_whole(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    version, content = probe(source), original.content
    borders = [0, 1, 4096, 30_000, len(content)]
    pieces = [read(source, version, start, end - 1) for start, end in pairwise(borders)]
    assert b"".join(pieces) == content and [len(piece) for piece in pieces] == [1, 4095, 25_904, len(content) - 30_000]


def test_an_expired_link_is_recognised_and_a_fresh_one_reads_the_same_file(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    version = probe(source)
    harness.cause(Trouble.LINKS_EXPIRED)
    with refused_with(harness, SourceLinkExpiredError):
        read(source, version)
    with refused_with(harness, SourceLinkExpiredError):
        probe(source)
    (fresh,) = sources_of(harness, original.media_id)
    assert probe(fresh) == version and read(fresh, version) == original.content


def test_a_source_that_ends_early_is_never_taken_as_complete(harness: Harness, source: MediaSource) -> None:
    version = probe(source)
    harness.cause(Trouble.CUT_SHORT)
    with refused_with(harness, ShortReadError, ProviderUnavailableError):
        read(source, version)


def test_an_ignored_range_is_an_error(harness: Harness, source: MediaSource) -> None:
    version = probe(source)
    harness.cause(Trouble.RANGE_IGNORED)
    with refused_with(harness, RangeIgnoredError):
        probe(source)
    with refused_with(harness, RangeIgnoredError):
        read(source, version, 100, 200)


def test_another_range_than_requested_is_a_contract_error(harness: Harness, source: MediaSource) -> None:
    version = probe(source)
    harness.cause(Trouble.RANGE_SHIFTED)
    with refused_with(harness, ProviderContractError):
        read(source, version, 100, 200)


def test_a_file_that_was_replaced_between_two_ranges_has_changed(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    version = probe(source)
    assert read(source, version, 0, 999) == original.content[:1000]
    harness.cause(Trouble.OBJECT_REPLACED)
    with refused_with(harness, SourceChangedError):
        read(source, version, 1000, 1999)
    assert probe(source) != version
