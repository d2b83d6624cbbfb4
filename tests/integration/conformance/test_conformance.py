"""Facts that the function code relies on, for every provider: its account and its listing."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    ConfigurationError,
    CredentialsExpiredError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.filters import Selection
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Filters, MediaItem, MediaPage
from cloud_sync_common.providers import PROVIDERS, get
from cloud_sync_common.retry_utils import Deadline, retrying

from tests.integration.conformance.harness import (
    Harness,
    Trouble,
    harness_of,
    items_of,
    pages_of,
    refused_with,
    sources_of,
)

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("oauth", "session")
CALLS = ("list_media", "sources", "find", "validate")
MOST_LIST_REQUESTS = 4  # at once: an account is one person's, and other programs ask for a few


def ask(harness: Harness, call: str, token: str | None = None) -> object:
    """Makes one call: with this token, or with one that is accepted; `refresh` needs none."""
    token, provider = token or harness.token, harness.provider
    if call == "list_media":
        return provider.list_media(token, None, Filters())
    if call == "sources":
        return provider.sources(token, MediaItem(media_id=harness.originals[0].media_id, filename="x.mp4"))
    if call == "find":
        return provider.find(token, harness.originals[0].media_id)
    if call == "refresh":
        return provider.refresh(harness.oauth)
    return provider.validate(replace(harness.session, access_token=token))


@pytest.fixture
def requests_made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Method and URL of every request that the provider makes."""
    made: list[tuple[str, str]] = []
    request = http_client.request

    def watched(method: str, url: str, **more: Any) -> Any:
        made.append((method, url))
        return request(method, url, **more)

    monkeypatch.setattr(http_client, "request", watched)
    return made


# No provider can leave these facts out


def test_a_provider_without_a_harness_fails(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="nobody has no harness"):
        harness_of("nobody", {}, tmp_path)


def test_a_provider_that_is_added_without_a_harness_fails_every_fact_and_skips_none() -> None:
    program = (
        "import sys, pytest, cloud_sync_common.providers as providers\n"
        "providers.PROVIDERS['nobody'] = providers.PROVIDERS['gopro']\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-k', 'nobody and listed', sys.argv[1]]))\n"
    )
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}", "PATH": str(Path(sys.executable).parent)}
    command = [sys.executable, "-c", program, str(Path(__file__))]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "The provider nobody has no harness" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1] and "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_is_found_under_its_own_name(name: str) -> None:
    assert get(name, {}).name == name


# The account


@pytest.mark.parametrize("kind", KINDS)
def test_a_validation_gives_the_same_credentials_and_says_whose_they_are(harness: Harness, kind: str) -> None:
    credentials = getattr(harness, kind)
    working = harness.provider.validate(credentials)
    assert working.user_id and replace(working, user_id=credentials.user_id) == credentials


@pytest.mark.parametrize("kind", KINDS)
def test_a_validation_is_one_request_that_only_reads(
    harness: Harness, requests_made: list[tuple[str, str]], kind: str
) -> None:
    harness.provider.validate(getattr(harness, kind))
    ((method, url),) = requests_made
    assert harness.only_reads(method, url)


def test_a_validation_does_not_use_up_the_refresh_token(harness: Harness) -> None:
    working = harness.provider.refresh(harness.provider.validate(harness.oauth))
    assert working.access_token != harness.oauth.access_token


@pytest.mark.parametrize("kind", KINDS)
def test_a_validation_never_renews_a_token_that_has_expired(harness: Harness, kind: str) -> None:
    harness.cause(Trouble.TOKEN_EXPIRED)
    with refused_with(harness, CredentialsExpiredError):
        harness.provider.validate(getattr(harness, kind))


def test_a_session_token_is_never_renewed_and_nothing_is_sent(
    harness: Harness, requests_made: list[tuple[str, str]]
) -> None:
    with refused_with(harness, ConfigurationError):
        harness.provider.refresh(harness.session)
    assert requests_made == []


def test_a_renewal_gives_a_new_token_and_says_when_it_ends(harness: Harness) -> None:
    harness.cause(Trouble.TOKEN_EXPIRED)
    working = harness.provider.validate(harness.provider.refresh(harness.oauth))
    assert working.access_token != harness.oauth.access_token and working.expires_at
    assert (working.client_id, working.version) == (harness.oauth.client_id, harness.oauth.version)
    assert harness.provider.list_media(working.access_token or "", None, Filters()).items


def test_each_renewal_leaves_credentials_that_can_be_renewed_again(harness: Harness) -> None:
    first = harness.provider.refresh(harness.oauth)
    second = harness.provider.refresh(first)
    assert len({harness.oauth.access_token, first.access_token, second.access_token}) == 3
    assert harness.provider.list_media(second.access_token or "", None, Filters()).items


def test_a_refresh_token_that_was_replaced_is_refused_and_needs_the_owner(harness: Harness) -> None:
    replaced = harness.provider.refresh(harness.oauth).refresh_token != harness.oauth.refresh_token
    if not replaced:
        harness.cause(Trouble.RENEWAL_REFUSED)
    with refused_with(harness, CredentialsExpiredError):
        harness.provider.refresh(harness.oauth)


def test_a_refused_renewal_needs_the_owner(harness: Harness) -> None:
    harness.cause(Trouble.RENEWAL_REFUSED)
    with refused_with(harness, CredentialsExpiredError):
        harness.provider.refresh(harness.oauth)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_recognises_an_expired_token(harness: Harness, call: str) -> None:
    harness.cause(Trouble.TOKEN_EXPIRED)
    with refused_with(harness, CredentialsExpiredError):
        ask(harness, call)


@pytest.mark.parametrize("call", CALLS)
def test_a_token_that_was_never_issued_counts_as_expired(harness: Harness, call: str) -> None:
    stranger = "a-token-of-somebody-else"
    with refused_with(harness, CredentialsExpiredError) as failure:
        ask(harness, call, stranger)
    assert stranger not in str(failure.value)


@pytest.mark.parametrize("call", CALLS)
def test_a_token_that_http_cannot_carry_is_an_error_that_does_not_show_it(harness: Harness, call: str) -> None:
    for odd in ("a-token-with\na-line-break", "a-tökén-of-☃"):
        with refused_with(harness, ConfigurationError) as failure:
            ask(harness, call, odd)
        assert odd not in str(failure.value)


# Transient errors, and a service that has changed


@pytest.mark.parametrize("call", [*CALLS, "refresh"])
@pytest.mark.parametrize(("trouble", "seconds"), [(Trouble.THROTTLED, 7.0), (Trouble.THROTTLED_WITHOUT_A_WAIT, None)])
def test_throttling_carries_the_wait_that_the_provider_asked_for(
    harness: Harness, call: str, trouble: Trouble, seconds: float | None
) -> None:
    harness.cause(trouble)
    with refused_with(harness, ProviderThrottledError) as failure:
        ask(harness, call)
    assert isinstance(failure.value, ProviderThrottledError) and failure.value.retry_after == seconds


@pytest.mark.parametrize("call", [*CALLS, "refresh"])
@pytest.mark.parametrize("trouble", [Trouble.SERVER_ERROR, Trouble.NO_ANSWER])
def test_a_server_error_is_transient(harness: Harness, call: str, trouble: Trouble) -> None:
    harness.cause(trouble)
    with refused_with(harness, ProviderUnavailableError):
        ask(harness, call)


def test_a_service_that_cannot_be_reached_is_transient(harness: Harness) -> None:
    with refused_with(harness, ProviderUnavailableError):
        harness.unreachable.list_media(harness.token, None, Filters())
    with refused_with(harness, ProviderUnavailableError):
        harness.unreachable.refresh(harness.oauth)
    with refused_with(harness, ProviderUnavailableError):
        harness.unreachable.validate(harness.session)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("trouble", [Trouble.VERSION_DROPPED, Trouble.TYPE_REFUSED, Trouble.TYPE_UNSUPPORTED])
def test_a_changed_service_is_a_contract_error(harness: Harness, call: str, trouble: Trouble) -> None:
    harness.cause(trouble)
    with refused_with(harness, ProviderContractError):
        ask(harness, call)


def test_a_changed_shape_is_a_contract_error_and_no_page_is_given(harness: Harness) -> None:
    harness.cause(Trouble.SHAPE_CHANGED)
    with refused_with(harness, ProviderContractError):
        list(pages_of(harness))


def test_odd_values_in_one_row_hide_no_video(harness: Harness) -> None:
    before = items_of(harness)
    harness.cause(Trouble.ROW_ODD, next(iter(before)))
    assert set(items_of(harness)) == set(before)


# The listing


def test_every_ready_video_is_listed_exactly_once(harness: Harness) -> None:
    pages = list(pages_of(harness))
    listed = Counter(item.media_id for page in pages for item in page.items)
    expected = {original.media_id for original in harness.originals} | ({harness.without_original} - {""})
    assert len(pages) > 2 and set(listed) == expected and set(listed.values()) == {1}


def test_every_page_states_the_number_of_rows_in_all(harness: Harness) -> None:
    pages = list(pages_of(harness))
    rows = sum(len(page.ids) for page in pages)
    assert {page.total for page in pages} == ({rows} if harness.provider.capabilities.counts_exactly else {None})


def test_a_provider_that_says_the_cursors_of_later_pages_says_those_that_come_in_turn(harness: Harness) -> None:
    pages = list(pages_of(harness))
    cursors = [page.next_cursor for page in pages if page.next_cursor is not None]
    at_once = harness.provider.capabilities.most_list_requests
    for number, page in enumerate(pages):
        later = tuple(cursors[number + 1 :][: at_once - 1])  # and none beyond the end
        assert page.later_cursors == later


def test_pages_may_be_asked_for_at_once_as_many_as_the_provider_says(harness: Harness) -> None:
    first, *rest = pages_of(harness)
    cursors = [cursor for cursor in (first.next_cursor, *first.later_cursors) if cursor is not None]
    most = harness.provider.capabilities.most_list_requests
    assert 1 <= most <= MOST_LIST_REQUESTS and 1 <= len(cursors) <= most
    with ThreadPoolExecutor(most) as threads:
        asked = [threads.submit(harness.provider.list_media, harness.token, cursor, Filters()) for cursor in cursors]
        assert [page.result().ids for page in asked] == [page.ids for page in rest[: len(cursors)]]


def test_a_video_that_is_not_ready_waits_and_a_still_is_not_a_video(harness: Harness) -> None:
    pages = list(pages_of(harness))
    items = {item.media_id for page in pages for item in page.items}
    waiting = {media_id for page in pages for media_id in page.waiting}
    assert bool(harness.not_ready) == harness.provider.capabilities.lists_waiting
    assert waiting == harness.not_ready and not waiting & items
    assert harness.stills and not harness.stills & (items | waiting)


def test_an_item_says_what_it_is(harness: Harness) -> None:
    items = items_of(harness)
    assert all(item.filename and item.captured_at for item in items.values())
    counts = Counter(original.media_id for original in harness.originals)
    assert {media_id: items[media_id].source_count for media_id in counts} == dict(counts)
    assert max(Counter(item.filename for item in items.values()).values()) > 1


def test_pages_and_items_survive_json(harness: Harness) -> None:
    page = next(pages_of(harness))
    assert msgspec.json.decode(msgspec.json.encode(page), type=MediaPage) == page


def test_the_same_listing_twice_is_the_same(harness: Harness) -> None:
    assert items_of(harness) == items_of(harness)


def test_a_short_page_hides_no_video(harness: Harness) -> None:
    """Where the provider counts, such a page is an error that passes; elsewhere, its other rows come on another."""
    whole, items = harness.provider.list_media(harness.token, None, Filters()), items_of(harness)
    harness.cause(Trouble.SHORT_PAGE)
    if harness.provider.capabilities.counts_exactly:
        with refused_with(harness, ProviderUnavailableError):
            harness.provider.list_media(harness.token, None, Filters())
        again = retrying(lambda: harness.provider.list_media(harness.token, None, Filters()), Deadline.after(20))
        assert again == whole
    assert items_of(harness) == items


def test_an_upload_between_two_pages_hides_no_video_and_shows_in_the_total(harness: Harness) -> None:
    before = {media_id for page in pages_of(harness) for media_id in page.ids}
    harness.cause(Trouble.UPLOAD_BETWEEN_PAGES)
    pages = list(pages_of(harness))
    listed = [media_id for page in pages for media_id in page.ids]
    assert before <= set(listed)
    if harness.provider.capabilities.counts_exactly:
        assert (pages[0].total, pages[-1].total) == (len(before), len(before) + 1)
    else:
        assert len(set(listed) - before) == 1, "the listing is closed by what has changed meanwhile"


def test_a_video_in_an_unknown_state_waits(harness: Harness) -> None:
    media_id = harness.originals[0].media_id
    if not harness.provider.capabilities.lists_waiting:
        assert not any(page.waiting for page in pages_of(harness))
        return
    harness.cause(Trouble.STATE_UNKNOWN, media_id)
    pages = list(pages_of(harness))
    assert media_id in {waiting for page in pages for waiting in page.waiting}
    assert media_id not in {item.media_id for page in pages for item in page.items}


def test_a_video_of_an_unknown_kind_is_not_lost_silently(harness: Harness) -> None:
    before = set(items_of(harness))
    harness.cause(Trouble.KIND_UNKNOWN)
    after = set(items_of(harness))
    assert len(after - before) == 1, "a video of a new kind is in no page: it would never be backed up, nor missed"


def test_a_revision_changes_when_the_content_was_made_again_and_only_then(harness: Harness) -> None:
    before, changed = items_of(harness), harness.originals[0].media_id
    harness.cause(Trouble.REPROCESSED, changed)
    after = items_of(harness)
    assert {media_id for media_id, item in before.items() if after[media_id].revision != item.revision} == {changed}


def selected(harness: Harness, filters: Filters) -> set[str]:
    """The ids of what is listed under filters, and selected by them: a provider may leave the choice to its caller."""
    selection = Selection(filters, datetime.now(UTC))
    return {media_id for media_id, item in items_of(harness, filters).items() if selection.reason(item) is None}


def test_capture_times_limit_a_listing_from_the_first_moment_and_before_the_last(harness: Harness) -> None:
    items = sorted(items_of(harness).values(), key=lambda item: item.captured_at)
    early, late = items[10].captured_at, items[-10].captured_at
    expected = {item.media_id for item in items if early <= item.captured_at < late}
    assert 10 < len(expected) < len(items) - 10
    assert selected(harness, Filters(captured_from=early, captured_before=late)) == expected
    only_from = {item.media_id for item in items if item.captured_at >= late}
    assert selected(harness, Filters(captured_from=late)) == only_from
    only_before = {item.media_id for item in items if item.captured_at < early}
    assert selected(harness, Filters(captured_before=early)) == only_before


# One item by itself


def test_an_item_that_is_asked_for_by_itself_is_the_one_that_is_listed(harness: Harness) -> None:
    listed = items_of(harness)
    for media_id in (harness.originals[0].media_id, harness.originals[-1].media_id):
        found, item = harness.provider.find(harness.token, media_id), listed[media_id]
        assert found is not None and (found.media_id, found.filename) == (media_id, item.filename)
        assert (found.revision, found.size, found.captured_at) == (item.revision, item.size, item.captured_at)


def test_an_item_in_the_trash_and_one_that_never_existed_are_gone(harness: Harness) -> None:
    media_id = harness.originals[0].media_id
    assert harness.provider.find(harness.token, "nosuchvideo") is None
    harness.cause(Trouble.TRASHED, media_id)
    assert harness.provider.find(harness.token, media_id) is None


def test_a_cursor_is_small(harness: Harness) -> None:
    cursors = [page.next_cursor for page in pages_of(harness) if page.next_cursor is not None]
    assert cursors and max(len(cursor.encode()) for cursor in cursors) <= 2048


def test_a_provider_only_ever_reads(harness: Harness, requests_made: list[tuple[str, str]]) -> None:
    harness.provider.validate(harness.session)
    harness.provider.refresh(harness.oauth)
    sources_of(harness, harness.originals[0].media_id)
    assert len(requests_made) >= 4 and all(harness.only_reads(method, url) for method, url in requests_made)
