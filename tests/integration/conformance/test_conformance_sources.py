"""Facts that the function code relies on, for every provider: the files of an item, and their bytes."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from cloud_sync_common.exceptions import (
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.http.connection import Origin
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
            assert hashlib.sha256(read(harness, source)).digest() == hashlib.sha256(found.content).digest()
    most = max(len(files) for files in expected.values())
    assert most > 2 if harness.provider.capabilities.several_files else most == 1


def test_never_a_proxy(harness: Harness) -> None:
    fakes = set(harness.proxies)
    assert bool(fakes) == harness.provider.capabilities.has_proxies
    assert not fakes & {found.content for found in harness.originals}
    items = items_of(harness)
    for media_id in {found.media_id for found in harness.originals}:
        sources = harness.provider.sources(harness.token, items[media_id])
        assert not {read(harness, source) for source in sources} & fakes


def test_a_video_without_an_original_is_an_error(harness: Harness) -> None:
    if not harness.provider.capabilities.has_proxies:
        assert harness.without_original == ""
        return
    with refused_with(harness, OriginalUnavailableError):
        sources_of(harness, harness.without_original)


def test_an_original_that_is_no_longer_offered_is_an_error(harness: Harness, original: Original) -> None:
    items = items_of(harness)
    harness.cause(Trouble.ORIGINAL_GONE, original.media_id)
    with refused_with(harness, OriginalUnavailableError, OriginalRefusedError):
        for source in harness.provider.sources(harness.token, items[original.media_id]):
            probe(harness, source)


def test_a_video_in_the_trash_is_not_found(harness: Harness, original: Original) -> None:
    items = items_of(harness)
    harness.cause(Trouble.TRASHED, original.media_id)
    with refused_with(harness, MediaNotFoundError):
        harness.provider.sources(harness.token, items[original.media_id])


def test_a_video_that_never_existed_is_not_found(harness: Harness) -> None:
    with refused_with(harness, MediaNotFoundError):
        harness.provider.sources(harness.token, MediaItem(media_id="nosuchvideo", filename="x.mp4"))


def test_an_original_that_is_not_available_now_gives_no_source_or_says_so_when_it_is_asked_for(
    harness: Harness, original: Original
) -> None:
    items = items_of(harness)
    harness.cause(Trouble.UNAVAILABLE_NOW, original.media_id)
    with refused_with(harness, OriginalNotReadyError):
        offered = harness.provider.sources(harness.token, items[original.media_id])
        probe(harness, offered[0]) if offered else left_for_later()
    harness.calm()
    assert read(harness, sources_of(harness, original.media_id)[0]) == original.content


def left_for_later() -> None:
    """What the step Download makes of an item without sources."""
    raise OriginalNotReadyError("The provider does not offer the original just now.")


def test_the_name_of_a_file_has_an_extension_of_videos(harness: Harness) -> None:
    for media_id in {found.media_id for found in harness.originals}:
        for source in sources_of(harness, media_id)[:1]:
            assert source.filename.lower().endswith((".mp4", ".mov", ".360", ".m4v"))


def test_a_token_is_in_no_link_and_in_headers_only_for_the_providers_own_servers(
    harness: Harness, original: Original
) -> None:
    (source,) = sources_of(harness, original.media_id)
    for text in (source.url, repr(source), str(source)):
        assert not any(secret in text for secret in harness.secrets())
    assert_no_secret(repr(source) + str(source), harness.secrets())
    assert source.url not in repr(source)
    own = {Origin.of(origin) for origin in harness.provider.media_origins}
    has_token = any(secret in str(dict(source.headers)) for secret in harness.secrets())
    assert has_token == (Origin.of(source.url) in own)


def test_the_repr_of_credentials_shows_no_secret(harness: Harness) -> None:
    for credentials in (harness.oauth, harness.session, harness.provider.refresh(harness.oauth)):
        assert credentials.secrets
        assert_no_secret(f"{credentials!r} {credentials}", harness.secrets())


# Bytes


def test_a_probe_finds_the_true_size_whatever_the_listing_says(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    assert probe(harness, source).size == len(original.content)
    assert probe(harness, source) == probe(harness, source)


def test_any_range_can_be_read_and_ranges_add_up_to_the_whole(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    version, content = probe(harness, source), original.content
    borders = [0, 1, 4096, 30_000, len(content)]
    pieces = [read(harness, source, version, start, end - 1) for start, end in pairwise(borders)]
    assert b"".join(pieces) == content and [len(piece) for piece in pieces] == [1, 4095, 25_904, len(content) - 30_000]


def test_an_expired_link_is_recognised_and_a_fresh_one_reads_the_same_file(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    version = probe(harness, source)
    harness.cause(Trouble.LINKS_EXPIRED)
    with refused_with(harness, SourceLinkExpiredError):
        read(harness, source, version)
    with refused_with(harness, SourceLinkExpiredError):
        probe(harness, source)
    (fresh,) = sources_of(harness, original.media_id)
    assert probe(harness, fresh) == version and read(harness, fresh, version) == original.content


def test_a_source_that_ends_early_is_never_taken_as_complete(harness: Harness, source: MediaSource) -> None:
    version = probe(harness, source)
    harness.cause(Trouble.CUT_SHORT)
    with refused_with(harness, ShortReadError, ProviderUnavailableError):
        read(harness, source, version)


def test_an_ignored_range_is_an_error(harness: Harness, source: MediaSource) -> None:
    version = probe(harness, source)
    harness.cause(Trouble.RANGE_IGNORED)
    with refused_with(harness, RangeIgnoredError):
        probe(harness, source)
    with refused_with(harness, RangeIgnoredError):
        read(harness, source, version, 100, 200)


def test_another_range_than_requested_is_a_contract_error(harness: Harness, source: MediaSource) -> None:
    version = probe(harness, source)
    harness.cause(Trouble.RANGE_SHIFTED)
    with refused_with(harness, ProviderContractError):
        read(harness, source, version, 100, 200)


def test_a_file_that_was_replaced_between_two_ranges_has_changed(
    harness: Harness, original: Original, source: MediaSource
) -> None:
    """Where answers do not show their version, the provider is asked again once all are there: it lists another."""
    version = probe(harness, source)
    assert read(harness, source, version, 0, 999) == original.content[:1000]
    harness.cause(Trouble.OBJECT_REPLACED)
    if version.shows_itself:
        with refused_with(harness, SourceChangedError):
            read(harness, source, version, 1000, 1999)
    (fresh,) = sources_of(harness, original.media_id)
    with refused_with(harness, SourceChangedError):
        read(harness, fresh, version, 1000, 1999)
    assert probe(harness, fresh) != version and (version.shows_itself or fresh.listed != source.listed)
