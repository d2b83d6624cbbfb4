"""The fake's authorization server behaves as Google's: consent, PKCE, refresh tokens that stay and die."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.google_oauth import READ_FILES, READ_METADATA, WRITE_FILES
from local.fake_providers.library import Library
from tests.integration.google_drive_client import Client, client_of, write_library

REDIRECT = "http://127.0.0.1:53999/"
VERIFIER = "v" * 64
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": S256, "code_challenge_method": "S256"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def drive(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


def visit(drive: Client, path: str = "/o/oauth2/v2/auth", **params: str) -> urllib3.BaseHTTPResponse:
    """The consent page, or the error page."""
    usual = {
        "client_id": drive.fake.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": READ_FILES,
        "state": "xyz",
        "access_type": "offline",
        "prompt": "consent",
        **PKCE,
    }
    query = urlencode({name: value for name, value in (usual | params).items() if value})
    return drive.http.request("GET", f"{drive.fake.base_url}{path}?{query}", redirect=False)


def decide(drive: Client, page: urllib3.BaseHTTPResponse, decision: str = "allow", *, keep: int = 9) -> dict[str, str]:
    """Press a button of the consent page, with the first `keep` boxes checked; what the app then gets."""
    text = page.data.decode()
    (action,) = re.findall(r'action="([^"]+)"', text)
    (number,) = re.findall(r'name="request" value="([^"]+)"', text)
    scopes = [html.unescape(scope) for scope in re.findall(r'name="scope" value="([^"]+)"', text)]
    form = urlencode([("request", number), ("decision", decision), *(("scope", one) for one in scopes[:keep])])
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = drive.http.request("POST", drive.fake.base_url + action, body=form, headers=sent, redirect=False)
    assert answer.status == 302 and answer.headers["Location"].startswith(REDIRECT)
    return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def exchange(drive: Client, code: str, **form: str) -> urllib3.BaseHTTPResponse:
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    return drive.token(**(usual | form))


def connect(drive: Client, **params: str) -> Any:
    """The tokens of a whole consent."""
    return exchange(drive, decide(drive, visit(drive, **params))["code"]).json()


def test_a_consent_ends_in_tokens_that_read_files(drive: Client) -> None:
    back = decide(drive, visit(drive))
    assert (back["state"], back["scope"]) == ("xyz", READ_FILES)
    tokens = exchange(drive, back["code"]).json()
    assert tokens.keys() == {"access_token", "expires_in", "refresh_token", "scope", "token_type"}
    assert (tokens["expires_in"], tokens["token_type"], tokens["scope"]) == (3599, "Bearer", READ_FILES)
    assert drive.api("files", Authorization=f"Bearer {tokens['access_token']}").status == 200


def test_a_refresh_returns_no_refresh_token_and_the_old_one_stays_valid(drive: Client) -> None:
    first, second = drive.token().json(), drive.token().json()
    assert first.keys() == second.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert first["access_token"] != second["access_token"]
    for one in (first, second):
        assert drive.api("files", Authorization=f"Bearer {one['access_token']}").status == 200


def test_a_code_is_good_once_and_for_ten_minutes(drive: Client) -> None:
    code = decide(drive, visit(drive))["code"]
    assert [exchange(drive, code).status for _ in range(2)] == [200, 400]
    late = decide(drive, visit(drive))["code"]
    drive.fake.control.advance_clock(601)
    assert exchange(drive, late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", ["", "w" * 64, S256])
def test_only_who_began_can_end(drive: Client, verifier: str) -> None:
    answer = exchange(drive, decide(drive, visit(drive))["code"], code_verifier=verifier)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


def test_the_redirect_has_to_be_the_same_in_both_requests(drive: Client) -> None:
    answer = exchange(drive, decide(drive, visit(drive))["code"], redirect_uri="http://127.0.0.1:1/")
    assert (answer.status, answer.json()["error"]) == (400, "redirect_uri_mismatch")


@pytest.mark.parametrize("path", ["/o/oauth2/v2/auth", "/o/oauth2/auth"])
def test_the_user_may_refuse(drive: Client, path: str) -> None:
    assert decide(drive, visit(drive, path), "cancel") == {"error": "access_denied", "state": "xyz"}


def test_the_user_may_leave_a_scope_out(drive: Client) -> None:
    back = decide(drive, visit(drive, scope=f"{READ_METADATA} {READ_FILES}"), keep=1)
    tokens = exchange(drive, back["code"]).json()
    assert back["scope"] == tokens["scope"] == READ_METADATA
    bearer = f"Bearer {tokens['access_token']}"
    assert drive.api("files", Authorization=bearer).status == 200
    refused = drive.media("clip", Authorization=bearer)
    assert drive.reason(refused) == (403, "insufficientPermissions")
    assert refused.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def test_a_consent_to_nothing_is_none(drive: Client) -> None:
    assert decide(drive, visit(drive), keep=0)["error"] == "access_denied"


def test_the_scope_to_write_reads_too(drive: Client) -> None:
    tokens = connect(drive, scope=WRITE_FILES)
    assert drive.media("clip", Authorization=f"Bearer {tokens['access_token']}").status == 200


@pytest.mark.parametrize(
    ("params", "status", "error"),
    [
        ({"client_id": "someone"}, 401, "invalid_client"),
        ({"redirect_uri": "https://app.example/back"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}, 400, "redirect_uri_mismatch"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"code_challenge_method": "S512"}, 400, "invalid_request"),
    ],
)
def test_a_bad_request_for_consent_ends_on_an_error_page(
    drive: Client, params: dict[str, str], status: int, error: str
) -> None:
    page = visit(drive, **params)
    assert page.status == status and f"Error {status}: {error}" in page.data.decode()


def test_a_page_is_good_for_one_decision(drive: Client) -> None:
    page = visit(drive)
    decide(drive, page)
    with pytest.raises(AssertionError):
        decide(drive, page)


def test_a_desktop_app_gets_a_refresh_token_with_each_consent(drive: Client) -> None:
    first, second = connect(drive), connect(drive, access_type="", prompt="")
    assert first["refresh_token"] != second["refresh_token"]
    for tokens in (first, second):
        assert drive.token(refresh_token=tokens["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "someone"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": "unknown"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_grant"),
    ],
)
def test_a_bad_request_for_tokens_is_refused(drive: Client, form: dict[str, str], status: int, error: str) -> None:
    answer = drive.token(**form)
    assert (answer.status, answer.json()["error"]) == (status, error)


def test_in_testing_a_refresh_token_says_that_it_ends_and_does_after_seven_days(drive: Client) -> None:
    drive.fake.control.set_testing()
    tokens = connect(drive)
    assert tokens["refresh_token_expires_in"] == 604_799
    drive.fake.control.set_testing(False)  # publishing does not help a token that is issued
    drive.fake.control.advance_clock(604_700)
    assert drive.token(refresh_token=tokens["refresh_token"]).status == 200
    drive.fake.control.advance_clock(101)
    answer = drive.token(refresh_token=tokens["refresh_token"])
    assert answer.json() == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}


def test_in_production_a_refresh_token_lives_on_while_it_is_used(drive: Client) -> None:
    tokens = connect(drive)
    for _ in range(5):
        drive.fake.control.advance_clock(100 * 86_400)
        assert drive.token(refresh_token=tokens["refresh_token"]).status == 200
    drive.fake.control.advance_clock(184 * 86_400)
    assert drive.token(refresh_token=tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_oldest_of_more_than_a_hundred_refresh_tokens_dies(drive: Client) -> None:
    oldest, tokens = drive.fake.refresh_token, [connect(drive)["refresh_token"] for _ in range(100)]
    assert drive.token(refresh_token=oldest).status == 400
    assert [drive.token(refresh_token=one).status for one in (tokens[0], tokens[-1])] == [200, 200]


def test_a_consent_that_is_taken_back_ends_every_token(drive: Client) -> None:
    drive.fake.control.revoke_consent()
    assert drive.api("files").status == 401 and drive.token().json()["error"] == "invalid_grant"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_token_that_is_revoked_takes_its_own_along(drive: Client, which: str) -> None:
    tokens = connect(drive)
    url, form = f"{drive.fake.base_url}/revoke", {"token": tokens[which]}
    first, second = (drive.http.request("POST", url, fields=form, encode_multipart=False) for _ in range(2))
    assert (first.status, second.status, second.json()["error"]) == (200, 400, "invalid_token")
    assert drive.token(refresh_token=tokens["refresh_token"]).status == 400
    assert drive.api("files", Authorization=f"Bearer {tokens['access_token']}").status == 401


def test_a_client_may_name_itself_in_the_header(drive: Client) -> None:
    login = base64.b64encode(f"{drive.fake.client_id}:{drive.fake.client_secret}".encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": drive.fake.refresh_token}
    url, sent = f"{drive.fake.base_url}/token", {"Authorization": f"Basic {login}"}
    answer = drive.http.request("POST", url, fields=form, headers=sent, encode_multipart=False)
    assert answer.status == 200


def test_a_refresh_token_may_be_replaced_by_another(drive: Client) -> None:
    first = drive.fake.refresh_token
    drive.fake.control.add_fault(DriveFault.ROTATED, times=1)
    answer = drive.token().json()
    assert answer["refresh_token"] == drive.fake.refresh_token != first
    assert answer["refresh_token"] in drive.fake.secrets()
    assert drive.token(refresh_token=first).json()["error"] == "invalid_grant"
    again = drive.token()
    assert again.status == 200 and "refresh_token" not in again.json()


def test_the_owner_can_connect_anew_without_a_browser(drive: Client) -> None:
    first = drive.fake.refresh_token
    drive.fake.control.set_testing()
    assert drive.fake.control.connect() == drive.fake.refresh_token != first
    assert drive.token().status == 200
    drive.fake.control.advance_clock(7 * 86_400)
    assert drive.token().json()["error"] == "invalid_grant"
    assert drive.token(refresh_token=first).status == 200


def test_faults_of_a_consent(drive: Client) -> None:
    control = drive.fake.control
    control.add_fault(DriveFault.REFRESH_TOKEN_LEFT_OUT, times=1)
    assert "refresh_token" not in connect(drive)
    control.add_fault(DriveFault.SCOPE_NARROWED, times=1, scope=READ_METADATA)
    tokens = connect(drive)
    assert tokens["scope"] == READ_METADATA
    assert drive.media("clip", Authorization=f"Bearer {tokens['access_token']}").status == 403
    control.add_fault(DriveFault.CLIENT_REFUSED, times=1)
    refused = drive.token()
    assert (refused.status, refused.json()["error"]) == (401, "deleted_client")
    assert drive.token().status == 200
