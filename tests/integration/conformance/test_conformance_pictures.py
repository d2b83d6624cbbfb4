"""Pictures of items, as every provider must show them: the catalogue relies on nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from urllib.parse import urlsplit

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    CredentialsExpiredError,
    MediaNotFoundError,
    PictureUnavailableError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SourceLinkExpiredError,
)
from cloud_sync_common.http.connection import Origin
from cloud_sync_common.provider_access.pictures import is_picture

from tests.integration.canned_server import canned_server
from tests.integration.conformance.harness import Harness, Trouble, fetched, item_of, pictures_of, refused_with
from tests.integration.jpegs import size_of


def test_the_best_picture_of_an_item_is_a_real_one_of_some_hundred_pixels(harness: Harness) -> None:
    content = fetched(harness, pictures_of(harness, harness.pictured)[0])
    assert is_picture(content) and 400 <= size_of(content)[0] <= 640


def test_every_picture_of_an_item_is_one_and_what_is_cut_out_of_it_lies_within(harness: Harness) -> None:
    links = pictures_of(harness, harness.pictured)
    for link in links:
        assert link.kind in ("provider", "sprite") and link.method in ("GET", "POST")
        width, height = size_of(fetched(harness, link))
        left, top, across, down = link.crop or (0, 0, width, height)
        assert across > 0 < down and 0 <= left <= width - across and 0 <= top <= height - down
    assert all((link.crop is not None) == (link.kind == "sprite") for link in links)


def test_an_item_without_a_picture_has_none(harness: Harness) -> None:
    assert pictures_of(harness, harness.without_picture) == []


def test_an_item_that_is_gone_is_said_to_be(harness: Harness) -> None:
    item = item_of(harness, harness.pictured)
    gone = msgspec.structs.replace(item, media_id=f"{item.media_id}zz")
    with refused_with(harness, MediaNotFoundError):
        harness.provider.pictures(harness.token, gone)


def test_a_refused_token_is_reported_as_that(harness: Harness) -> None:
    item, token = item_of(harness, harness.pictured), harness.token
    harness.cause(Trouble.TOKEN_EXPIRED)
    with refused_with(harness, CredentialsExpiredError):
        harness.provider.pictures(token, item)


def test_a_token_that_ends_before_the_picture_is_asked_for_is_a_link_that_has_ended(harness: Harness) -> None:
    link = pictures_of(harness, harness.pictured)[0]
    harness.cause(Trouble.TOKEN_EXPIRED)
    with refused_with(harness, SourceLinkExpiredError):
        fetched(harness, link)


@pytest.mark.parametrize("trouble", [Trouble.PICTURE_MISSING, Trouble.PICTURE_PAGE, Trouble.PICTURE_TOO_LARGE])
def test_what_is_no_picture_is_never_taken_for_one(harness: Harness, trouble: Trouble) -> None:
    link = pictures_of(harness, harness.pictured)[0]
    harness.cause(trouble)
    with refused_with(harness, PictureUnavailableError):
        fetched(harness, link)
    harness.calm()
    assert is_picture(fetched(harness, link))


@pytest.mark.parametrize(
    ("trouble", "error"),
    [(Trouble.THROTTLED, ProviderThrottledError), (Trouble.SERVER_ERROR, ProviderUnavailableError)],
)
def test_a_service_that_is_busy_is_reported_as_that(
    harness: Harness, trouble: Trouble, error: type[ProviderThrottledError | ProviderUnavailableError]
) -> None:
    item, link = item_of(harness, harness.pictured), pictures_of(harness, harness.pictured)[0]
    harness.cause(trouble)
    with refused_with(harness, error):
        harness.provider.pictures(harness.token, item)
    with refused_with(harness, error):
        fetched(harness, link)


def test_a_link_and_its_token_are_in_no_text_of_it(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    links = pictures_of(harness, harness.pictured)
    for link in links:
        fetched(harness, link)
        shown = f"{link!r} {link} {caplog.text}"
        assert link.url not in shown and urlsplit(link.url).path not in shown
        assert not [value for value in link.headers.values() if value in shown]


def test_a_token_goes_to_the_providers_own_servers_only(harness: Harness) -> None:
    own = {Origin.of(origin) for origin in (*harness.provider.media_origins, *harness.provider.picture_origins)}
    for link in pictures_of(harness, harness.pictured):
        assert "Authorization" not in link.headers or Origin.of(link.url) in own
    with_token = pictures_of(harness, harness.pictured)[0]
    with canned_server() as elsewhere:
        with refused_with(harness, PictureUnavailableError):
            fetched(harness, replace(with_token, url=f"{elsewhere.url}/1.jpg"))
        assert elsewhere.received == []


def test_a_redirect_is_not_followed_and_gets_no_token(harness: Harness) -> None:
    link = pictures_of(harness, harness.pictured)[0]
    with canned_server() as elsewhere:
        harness.move_pictures(f"{elsewhere.url}/1.jpg")
        with refused_with(harness, PictureUnavailableError):
            fetched(harness, link)
        assert elsewhere.received == []
