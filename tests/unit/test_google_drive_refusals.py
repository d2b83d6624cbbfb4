"""What the provider makes of Google's refusals: of a call, of media bytes, and of a renewal."""

from __future__ import annotations

import json
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
from cloud_sync_common.provider_interface import REFUSAL_LIMIT, Credentials, Filters
from cloud_sync_common.providers.google_drive import GoogleDrive

from tests.unit.drive_service import FILES, START, refusal
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "ya29.synthetic-access-token-0"
ABOUT, RENEWAL, CLIP = "/drive/v3/about", "/token", f"{FILES}/1AbcSynthetic"
OAUTH = Credentials(
    provider="google_drive",
    access_token=TOKEN,
    refresh_token="1//synthetic-refresh-token-0",
    client_id="1234-abc.apps.googleusercontent.com",
    client_secret="GOCSPX-synthetic-secret-0",
    version="v",
)
READONLY = "https://www.googleapis.com/auth/drive.readonly"
REASONS: list[tuple[int, str, type[CloudSyncError], str]] = [
    (403, "downloadQuotaExceeded", OriginalNotReadyError, "Later runs look again"),
    (403, "cannotDownloadAbusiveFile", OriginalRefusedError, "Request a review"),
    (403, "abuse", OriginalRefusedError, "Request a review"),
    (403, "cannotDownloadFile", OriginalRefusedError, "Ask its owner"),
    (403, "insufficientFilePermissions", OriginalRefusedError, "Ask its owner"),
    (403, "appNotAuthorizedToFile", OriginalRefusedError, "drive.readonly is missing"),
    (403, "fileNotDownloadable", OriginalRefusedError, "Export it by hand"),
    (403, "teamDriveMembershipRequired", OriginalRefusedError, "Have it added again"),
    (403, "RATE_LIMIT_EXCEEDED", ProviderThrottledError, "wait"),
    (403, "forbidden", OriginalRefusedError, "Ask its owner"),
    (403, "domainPolicy", OriginalRefusedError, "Admin console"),
    (403, "insufficientPermissions", ConfigurationError, "drive.readonly is missing"),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", ConfigurationError, "`cloudsync connect google-drive`"),
    (403, "accessNotConfigured", ConfigurationError, "Enable it in the Google Cloud console"),
    (403, "CONSUMER_SUSPENDED", ConfigurationError, "another project"),
    (403, "CONSUMER_INVALID", ConfigurationError, "another project"),
    (403, "dailyLimitExceeded", ProviderUnavailableError, "for today"),
    (403, "rateLimitExceeded", ProviderThrottledError, "wait"),
    (403, "userRateLimitExceeded", ProviderThrottledError, "wait"),
    (429, "rateLimitExceeded", ProviderThrottledError, "wait"),
    (404, "notFound", MediaNotFoundError, "deleted"),
]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> RoutedService:
    service = RoutedService()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def refused(response: requests.Response) -> CloudSyncError | None:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return GoogleDrive().refusal(response.status_code, headers, response.content)


# Files and media


@pytest.mark.parametrize(("status", "reason", "error", "sentence"), REASONS)
def test_a_reason_says_what_a_refusal_means_of_a_call_and_of_media(
    service: RoutedService, status: int, reason: str, error: type[CloudSyncError], sentence: str
) -> None:
    found = refused(refusal(status, reason))
    assert type(found) is error and sentence in str(found)
    service.gives(CLIP, refusal(status, reason))
    with pytest.raises(error, match=sentence):
        GoogleDrive()._file(TOKEN, "1AbcSynthetic")


def test_a_reason_is_found_in_the_newer_form_of_errors_too() -> None:
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}}
    assert type(refused(answer(body, 403))) is ConfigurationError


def test_the_reason_that_concerns_one_file_counts_before_others() -> None:
    rows = [{"reason": "rateLimitExceeded"}, {"reason": "downloadQuotaExceeded"}]
    assert type(refused(answer({"error": {"errors": rows}}, 403))) is OriginalNotReadyError


def test_a_limit_carries_the_wait_that_google_states() -> None:
    error = refused(refusal(403, "userRateLimitExceeded", Retry_After="17"))
    assert isinstance(error, ProviderThrottledError) and error.retry_after == 17
    error = refused(refusal(403, "userRateLimitExceeded"))
    assert isinstance(error, ProviderThrottledError) and error.retry_after is None


def test_a_token_that_ended_has_the_file_asked_for_again() -> None:
    assert type(refused(refusal(401, "authError"))) is SourceLinkExpiredError


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>sorry</html>", b'{"error":', b"[]", b'{"error":"x"}', b'{"error":{"errors":[7]}}', b"\xff" * 64],
    ids=repr,
)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_unknown_refusal_of_media_is_left_to_its_status(status: int, body: bytes) -> None:
    assert GoogleDrive().refusal(status, {}, body) is None


def test_a_body_that_was_cut_off_says_nothing() -> None:
    long = json.dumps({"error": {"errors": [{"reason": "abuse", "message": "x" * REFUSAL_LIMIT}]}}).encode()
    assert GoogleDrive().refusal(403, {}, long[:REFUSAL_LIMIT]) is None


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
    assert type(GoogleDrive().refusal(status, {"content-type": kind}, b"<html>sorry</html>")) is expected


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (refusal(401, "authError"), CredentialsExpiredError),
        (answer(b"", 401), CredentialsExpiredError),
        (answer(b"<html>blocked</html>", 403, Content_Type="text/html; charset=UTF-8"), ProviderUnavailableError),
        (answer({"error": {"errors": [{"reason": "somethingNew"}]}}, 403), ProviderContractError),
        (answer(b"", 429), ProviderThrottledError),
        (answer(b"", 503), ProviderUnavailableError),
        (answer({"error": {"errors": [{"reason": "backendError"}]}}, 500), ProviderUnavailableError),
        (answer(b"", 410), ProviderContractError),
    ],
    ids=["token", "bare 401", "page", "new reason", "429", "503", "500", "410"],
)
def test_a_refused_call_is_the_error_that_it_means(
    service: RoutedService, response: requests.Response, error: type[CloudSyncError]
) -> None:
    service.gives(ABOUT, response)
    with pytest.raises(error) as failure:
        GoogleDrive().validate(OAUTH)
    assert type(failure.value) is error and TOKEN not in str(failure.value)


@pytest.mark.parametrize(
    ("reason", "error", "sentence"),
    [
        ("domainPolicy", ConfigurationError, "does not allow Drive apps"),
        ("appNotAuthorizedToFile", ConfigurationError, "drive.readonly is missing"),
        ("insufficientFilePermissions", ConfigurationError, "Ask its owner"),
        ("downloadQuotaExceeded", ProviderUnavailableError, "Later runs look again"),
        ("notFound", ConfigurationError, "drive.google.com opens"),
    ],
)
def test_what_refuses_the_whole_listing_is_no_refusal_of_one_file(
    service: RoutedService, reason: str, error: type[CloudSyncError], sentence: str
) -> None:
    refused_so = refusal(404 if reason == "notFound" else 403, reason)
    service.gives(START, refused_so)
    with pytest.raises(error, match=sentence):
        GoogleDrive().list_media(TOKEN, None, Filters())
    service.gives(ABOUT, refused_so)
    with pytest.raises(error, match=sentence):
        GoogleDrive().validate(OAUTH)


def test_only_a_refusal_in_googles_own_words_is_without_doubt(service: RoutedService) -> None:
    service.gives(ABOUT, refusal(401, "authError"), answer(b"", 401))
    doubts = []
    for _ in range(2):
        with pytest.raises(CredentialsExpiredError) as failure:
            GoogleDrive().validate(OAUTH)
        doubts.append(failure.value.doubtful)
    assert doubts == [False, True]


# The account


def test_a_validation_says_whose_the_token_is(service: RoutedService) -> None:
    service.gives(ABOUT, {"user": {"permissionId": "07312345678901234567"}})
    assert GoogleDrive().validate(OAUTH) == replace(OAUTH, user_id="07312345678901234567")
    assert service.queries(ABOUT) == [{"fields": "user(permissionId)"}]


def test_a_renewal_keeps_the_refresh_token(service: RoutedService) -> None:
    service.gives(
        RENEWAL, {"access_token": "ya29.new-1", "expires_in": 3599, "scope": READONLY, "token_type": "Bearer"}
    )
    found = GoogleDrive().refresh(OAUTH)
    assert found.expires_at is not None and abs(found.expires_at - time.time() - 3599) < 60
    assert replace(found, expires_at=None) == replace(OAUTH, access_token="ya29.new-1")
    (asked,) = service.asked
    assert (asked["method"], asked["url"]) == ("POST", "https://oauth2.googleapis.com/token")
    assert asked["form"] == {
        "grant_type": "refresh_token",
        "refresh_token": OAUTH.refresh_token,
        "client_id": OAUTH.client_id,
        "client_secret": OAUTH.client_secret,
    }


def test_a_refresh_token_that_google_replaces_is_kept(service: RoutedService) -> None:
    service.gives(RENEWAL, {"access_token": "ya29.new-1", "refresh_token": "1//new-1"})
    assert GoogleDrive().refresh(OAUTH).refresh_token == "1//new-1"


def test_an_access_token_alone_is_not_renewed(service: RoutedService) -> None:
    with pytest.raises(ConfigurationError, match="cannot be renewed"):
        GoogleDrive().refresh(replace(OAUTH, refresh_token=None))
    assert service.asked == []


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("invalid_grant", "set its publishing status to 'In production'"),
        ("invalid_client", "copy both"),
        ("deleted_client", "create another one"),
        ("disabled_client", "enable it"),
        ("unauthorized_client", "issued to another OAuth client"),
        ("admin_policy_enforced", "administrator"),
        ("org_internal", "'External'"),
        ("invalid_request", "'Desktop app'"),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_renewal_names_the_cause_and_the_step(
    service: RoutedService, status: int, code: str, sentence: str
) -> None:
    service.gives(RENEWAL, answer({"error": code, "error_description": "Token has been expired or revoked."}, status))
    with pytest.raises(CredentialsExpiredError, match=sentence) as failure:
        GoogleDrive().refresh(OAUTH)
    assert f"({code})" in str(failure.value) and "`cloudsync connect google-drive`" in str(failure.value)
    assert not failure.value.doubtful and "expired or revoked." not in str(failure.value)


@pytest.mark.parametrize("subtype", ["invalid_rapt", "rapt_required"])
def test_the_session_control_of_a_workspace_is_said_to_be_that(service: RoutedService, subtype: str) -> None:
    body = {"error": "invalid_grant", "error_description": "reauth related error", "error_subtype": subtype}
    service.gives(RENEWAL, answer(body, 400))
    with pytest.raises(CredentialsExpiredError, match="session control") as failure:
        GoogleDrive().refresh(OAUTH)
    assert not failure.value.doubtful and "Testing" not in str(failure.value)


@pytest.mark.parametrize("body", [{"error": "something_new"}, {"error": {"code": 7}}, {"error": ["invalid_grant"]}, []])
def test_an_unknown_code_is_not_taken_for_testing_mode(service: RoutedService, body: Any) -> None:
    service.gives(RENEWAL, answer(body, 400))
    with pytest.raises(CredentialsExpiredError, match=r"does not know \(400\)") as failure:
        GoogleDrive().refresh(OAUTH)
    assert failure.value.doubtful and "Testing" not in str(failure.value)


def test_a_token_that_nobody_used_for_six_months_is_said_to_be_that(service: RoutedService) -> None:
    service.gives(RENEWAL, answer({"error": "invalid_grant"}, 400))
    for days, said in ((181, "six months"), (179, "'Testing'")):
        with pytest.raises(CredentialsExpiredError, match=said):
            GoogleDrive().refresh(replace(OAUTH, stored_at=time.time() - days * 86_400))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer(b"", 400), CredentialsExpiredError),
        (answer(b"<html>", 403, Content_Type="text/html"), ProviderUnavailableError),
        (answer(b"<html>", 200, Content_Type="text/html"), ProviderContractError),
        (answer(b"", 429, Retry_After="7"), ProviderThrottledError),
        (answer(b"", 503), ProviderUnavailableError),
        (answer({"expires_in": 3599}), ProviderContractError),
        (answer(b"no json"), ProviderContractError),
        (answer({"access_token": "line\nbreak"}), ProviderContractError),
    ],
    ids=["unknown", "page", "page with 200", "429", "503", "no token", "no json", "no usable token"],
)
def test_any_other_answer_to_a_renewal_is_an_error(
    service: RoutedService, response: requests.Response, error: type[CloudSyncError]
) -> None:
    service.gives(RENEWAL, response)
    with pytest.raises(error):
        GoogleDrive().refresh(OAUTH)


@pytest.mark.parametrize(
    "scope",
    ["https://www.googleapis.com/auth/drive.metadata.readonly", "https://www.googleapis.com/auth/drive.file", ""],
)
def test_a_token_whose_scope_is_too_narrow_is_said_to_be_so(service: RoutedService, scope: str) -> None:
    service.gives(RENEWAL, {"access_token": "ya29.new-1", "scope": scope})
    with pytest.raises(ConfigurationError, match=r"drive\.readonly is missing"):
        GoogleDrive().refresh(OAUTH)


@pytest.mark.parametrize("scope", [f"openid {READONLY}", "https://www.googleapis.com/auth/drive"])
def test_a_wide_enough_scope_is_accepted_among_others(service: RoutedService, scope: str) -> None:
    service.gives(RENEWAL, {"access_token": "ya29.new-1", "scope": scope})
    assert GoogleDrive().refresh(OAUTH).access_token == "ya29.new-1"


def test_testing_mode_is_warned_of_before_the_token_ends(
    service: RoutedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "cloud_sync_common.file_services.token_endpoint.logger.warning", lambda _, extra: warned.append(extra)
    )
    service.gives(RENEWAL, {"access_token": "ya29.new-1", "scope": READONLY, "refresh_token_expires_in": 604_799})
    assert GoogleDrive().refresh(OAUTH).access_token == "ya29.new-1"
    assert warned == [{"days_left": 6}]
