"""What the provider makes of Dropbox's refusals: of a call, of media bytes, and of a renewal."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import requests
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SourceLinkExpiredError,
)
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, Filters
from cloud_sync_common.providers.dropbox import Dropbox

from tests.unit.dropbox_service import ACCOUNT, LIST, METADATA, page, refusal
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "sl.synthetic-access-token-0"
RENEWAL = "/oauth2/token"
OAUTH = Credentials(
    provider="dropbox",
    access_token=TOKEN,
    refresh_token="synthetic-refresh-token-0",
    client_id="appkey0synthetic",
    version="v",
)
NOT_THIS_APP = b'Error in call to API function "files/list_folder": This app is currently disabled.'
TEXT = "text/plain; charset=utf-8"
TAGS: list[tuple[int, tuple[str, ...], type[CloudSyncError], str]] = [
    (401, ("missing_scope",), ConfigurationError, "files.content.read"),
    (401, ("user_suspended",), ConfigurationError, "administrator"),
    (403, ("invalid_account_type", "feature"), ConfigurationError, "account"),
    (403, ("team_access_denied",), ConfigurationError, "account"),
    (422, ("invalid_root",), ConfigurationError, "path_root"),
    (422, ("no_permission",), ConfigurationError, "path_root"),
    (409, ("path", "not_found"), MediaNotFoundError, "deleted"),
    (409, ("path", "not_file"), MediaNotFoundError, "deleted"),
    (409, ("path", "restricted_content"), OriginalRefusedError, "restricted"),
    (409, ("path", "unsupported_content_type"), OriginalRefusedError, "Export it"),
    (409, ("unsupported_file",), OriginalRefusedError, "Export it"),
    (409, ("path", "locked"), OriginalNotReadyError, "Later runs look again"),
]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> RoutedService:
    service = RoutedService()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def refused(response: requests.Response) -> CloudSyncError | None:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Dropbox().refusal(response.status_code, headers, response.content)


# Files and media


@pytest.mark.parametrize(("status", "tags", "error", "sentence"), TAGS)
def test_a_tag_says_what_a_refusal_means_of_a_call_and_of_media(
    service: RoutedService, status: int, tags: tuple[str, ...], error: type[CloudSyncError], sentence: str
) -> None:
    found = refused(refusal(status, *tags))
    assert type(found) is error and sentence in str(found)
    service.gives(METADATA, refusal(status, *tags))
    with pytest.raises(error, match=sentence):
        Dropbox()._file(TOKEN, "id:synthFile")


@pytest.mark.parametrize("tag", ["too_many_requests", "too_many_write_operations"])
def test_a_limit_carries_the_wait_that_dropbox_states(service: RoutedService, tag: str) -> None:
    body = {"error_summary": f"{tag}/..", "error": {"reason": {".tag": tag}, "retry_after": 300}}
    error = refused(answer(body, 429, Retry_After="300"))
    assert isinstance(error, ProviderThrottledError) and error.retry_after == 300
    service.gives(LIST, answer(b"Too many requests", 429, Content_Type=TEXT, Retry_After="15"))
    with pytest.raises(ProviderThrottledError) as failure:
        Dropbox().list_media(TOKEN, None, Filters())
    assert failure.value.retry_after == 15


@pytest.mark.parametrize("tag", ["expired_access_token", "invalid_access_token"])
def test_a_token_that_ended_is_refused_by_a_call_and_has_media_asked_for_again(
    service: RoutedService, tag: str
) -> None:
    assert type(refused(refusal(401, tag))) is SourceLinkExpiredError
    service.gives(METADATA, refusal(401, tag))
    with pytest.raises(CredentialsExpiredError) as failure:
        Dropbox()._file(TOKEN, "id:synthFile")
    assert not failure.value.doubtful and TOKEN not in str(failure.value)


@pytest.mark.parametrize("dots", [".", "..", "....."])
def test_the_summary_with_its_dots_is_never_looked_at(dots: str) -> None:
    body = {"error_summary": f"path/restricted_content/{dots}", "error": {".tag": "path", "path": {".tag": "new"}}}
    assert refused(answer(body, 409)) is None


def test_a_refusal_of_the_app_itself_is_said_to_be_that(service: RoutedService) -> None:
    refused_as_such = answer(NOT_THIS_APP, 400, Content_Type=TEXT)
    service.gives(LIST, refused_as_such)
    service.gives(ACCOUNT, refused_as_such)
    with pytest.raises(CredentialsExpiredError, match="the app is disabled or lacks a permission") as failure:
        Dropbox().list_media(TOKEN, None, Filters())
    assert "dropbox.com/developers/apps" in str(failure.value) and failure.value.doubtful
    of_bytes = refused(refused_as_such)
    assert type(of_bytes) is ProviderContractError, "other videos show whether it concerns all of them"
    assert "files.content.read" in str(of_bytes) and "disabled" in str(of_bytes)


def test_a_permission_that_the_app_lacks_is_named_where_the_token_is_accepted(service: RoutedService) -> None:
    """activepieces #3936: a 400 with a sentence. Its token may be renewed as often as one likes."""
    service.gives(LIST, answer(NOT_THIS_APP, 400, Content_Type=TEXT))
    service.gives(ACCOUNT, {"account_id": "dbid:a"})
    with pytest.raises(ConfigurationError, match=r"lacks the permission files\.metadata\.read: ") as failure:
        Dropbox().list_media(TOKEN, None, Filters())
    assert "disabled" not in str(failure.value)
    assert service.paths == [LIST, ACCOUNT, LIST], "it is believed when it is said twice"


def test_a_text_that_is_over_in_a_moment_refuses_nothing(service: RoutedService) -> None:
    service.gives(LIST, answer(b"Bad request", 400, Content_Type=TEXT), page(cursor="c1"))
    service.gives(ACCOUNT, {"account_id": "dbid:a"})
    assert Dropbox().list_media(TOKEN, None, Filters()).items == ()


@pytest.mark.parametrize("scope", ["files.metadata.read", "files.content.read", "account_info.read"])
def test_the_permission_that_is_missing_is_named(scope: str) -> None:
    body = {"error_summary": "missing_scope/.", "error": {".tag": "missing_scope", "required_scope": scope}}
    error = refused(answer(body, 401))
    assert type(error) is ConfigurationError and f"lacks the permission {scope}: " in str(error)


@pytest.mark.parametrize("scope", ["files.everything", "", None, 7, ["files.content.read"]], ids=repr)
def test_a_permission_that_is_not_ours_is_not_quoted(scope: Any) -> None:
    body = {"error": {".tag": "missing_scope", "required_scope": scope}}
    error = refused(answer(body, 401))
    assert type(error) is ConfigurationError and "lacks a permission: " in str(error)


def test_a_wait_that_only_the_body_states_is_kept() -> None:
    body = {"error": {"reason": {".tag": "too_many_requests"}, "retry_after": 15}}
    error = refused(answer(body, 429))
    assert isinstance(error, ProviderThrottledError) and error.retry_after == 15


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("restricted_content", ConfigurationError),
        ("locked", ProviderUnavailableError),
        ("not_found", ConfigurationError),
    ],
)
def test_what_refuses_the_whole_listing_is_no_refusal_of_one_file(
    service: RoutedService, tag: str, error: type[CloudSyncError]
) -> None:
    service.gives(LIST, refusal(409, "path", tag))
    with pytest.raises(error):
        Dropbox().list_media(TOKEN, None, Filters())
    service.gives(ACCOUNT, refusal(409, "path", tag))
    with pytest.raises(error):
        Dropbox().validate(OAUTH)


@pytest.mark.parametrize(
    "body", [b"", b"<html>sorry</html>", b'{"error":', b"[]", b'{"error":{".tag":7}}', b"\xff" * 64], ids=repr
)
@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_an_unknown_refusal_of_media_is_left_to_its_status(status: int, body: bytes) -> None:
    assert Dropbox().refusal(status, {}, body) is None


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (403, "text/html; charset=UTF-8", ProviderUnavailableError),
        (401, "TEXT/HTML", ProviderUnavailableError),
        (404, "text/html", ProviderUnavailableError),
        (404, "", ProviderUnavailableError),
        (404, "application/json", ProviderUnavailableError),
        (410, "application/json", type(None)),
        (403, "application/json", type(None)),
        (429, "text/html", type(None)),
        (503, "text/html", type(None)),
    ],
)
def test_what_is_not_the_providers_says_nothing_of_a_file(status: int, kind: str, expected: type[object]) -> None:
    """A gateway, or Google's page about automated queries. 429 and 5xx say by themselves what they are."""
    assert type(Dropbox().refusal(status, {"content-type": kind}, b"<html>sorry</html>")) is expected


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer(b"", 401), CredentialsExpiredError),
        (answer(b"<html>blocked</html>", 403, Content_Type="text/html"), ProviderUnavailableError),
        (refusal(409, "something_new"), ProviderContractError),
        (answer(b"", 503), ProviderUnavailableError),
        (answer({"error": "bad"}, 400, Content_Type="application/json"), ProviderContractError),
        (answer(b"", 404), ProviderContractError),
    ],
    ids=["bare 401", "page", "new tag", "503", "json 400", "404"],
)
def test_a_refused_call_is_the_error_that_it_means(
    service: RoutedService, response: requests.Response, error: type[CloudSyncError]
) -> None:
    service.gives(ACCOUNT, response)
    with pytest.raises(error) as failure:
        Dropbox().validate(OAUTH)
    assert type(failure.value) is error


def test_a_root_that_is_not_there_is_a_setting_to_be_changed(service: RoutedService) -> None:
    service.gives(LIST, refusal(409, "path", "not_found"))
    with pytest.raises(ConfigurationError, match="path_root"):
        Dropbox().list_media(TOKEN, None, Filters())


# Renewals


def test_a_renewal_needs_the_app_key_only_and_keeps_the_refresh_token(service: RoutedService) -> None:
    service.gives(RENEWAL, {"access_token": "sl.new-1", "token_type": "bearer", "expires_in": 14400})
    found = Dropbox().refresh(OAUTH)
    assert found.expires_at is not None and abs(found.expires_at - time.time() - 14400) < 60
    assert replace(found, expires_at=None) == replace(OAUTH, access_token="sl.new-1")
    (asked,) = service.asked
    assert (asked["method"], asked["url"]) == ("POST", "https://api.dropboxapi.com/oauth2/token")
    assert asked["form"] == {
        "grant_type": "refresh_token",
        "refresh_token": OAUTH.refresh_token,
        "client_id": "appkey0synthetic",
    }
    assert Dropbox.capabilities.has_client_secret is False


def test_an_app_that_has_a_secret_sends_it(service: RoutedService) -> None:
    service.gives(RENEWAL, {"access_token": "sl.new-1"})
    Dropbox().refresh(replace(OAUTH, client_secret="secret-0"))
    assert service.asked[0]["form"]["client_secret"] == "secret-0"


def test_an_access_token_alone_is_not_renewed(service: RoutedService) -> None:
    with pytest.raises(ConfigurationError, match="cannot be renewed"):
        Dropbox().refresh(replace(OAUTH, refresh_token=None))
    assert service.asked == []


@pytest.mark.parametrize(
    ("response", "sentence", "doubtful"),
    [
        (
            answer({"error": "invalid_grant", "error_description": "refresh token is invalid or revoked"}, 400),
            "disconnected from the account",
            False,
        ),
        (answer({"error": "invalid_client"}, 401), "has disabled it: enable it", False),
        (answer({"error": "unauthorized_client"}, 400), "has disabled it: enable it", False),
        (answer({"error": "invalid_client: Invalid client_id or client_secret"}, 400), r"\(invalid_client\)", False),
        (answer(b"This app is currently disabled.", 400, Content_Type=TEXT), "has disabled it: enable it", True),
    ],
    ids=["revoked", "unknown app", "other app", "code with a sentence", "disabled app"],
)
def test_a_refused_renewal_names_the_cause_and_the_step(
    service: RoutedService, response: requests.Response, sentence: str, doubtful: bool
) -> None:
    service.gives(RENEWAL, response)
    with pytest.raises(CredentialsExpiredError, match=sentence) as failure:
        Dropbox().refresh(OAUTH)
    assert "`cloudsync connect dropbox`" in str(failure.value) and failure.value.doubtful is doubtful


@pytest.mark.parametrize("body", [{"expires_in": 14400}, [], b"no json", {"access_token": 7}], ids=repr)
def test_an_answer_without_a_token_is_a_changed_api(service: RoutedService, body: Any) -> None:
    service.gives(RENEWAL, answer(body))
    with pytest.raises(ProviderContractError):
        Dropbox().refresh(OAUTH)
