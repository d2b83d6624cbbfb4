"""The authorization server of the fake Dropbox: consent, codes with PKCE, tokens, and how they end."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.library import Library
from tests.integration.dropbox_client import SCOPES, TRIP, Certificate, Client, certificate, client_of, write_library

VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def dropbox(folder: Path, tls: Certificate) -> Iterator[Client]:
    with client_of(Library.load(folder), tls) as client:
        yield client


def asked(dropbox: Client, **changes: str) -> dict[str, str]:
    """The query of a visit to the authorization page, as Cloud Sync's; an empty change takes a field away."""
    query = {
        "client_id": dropbox.fake.app_key,
        "response_type": "code",
        "token_access_type": "offline",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "scope": " ".join(SCOPES),
    } | changes
    return {name: value for name, value in query.items() if value}


def visit(dropbox: Client, method: str, fields: dict[str, str]) -> urllib3.BaseHTTPResponse:
    url = f"{dropbox.fake.base_url}/oauth2/authorize"
    encoding = {} if method == "GET" else {"encode_multipart": False}
    return dropbox.http.request(method, url, fields=fields, redirect=False, **encoding)


def allow(dropbox: Client, **changes: str) -> str:
    """The code that is shown after the page was read and its button pressed."""
    page = visit(dropbox, "GET", asked(dropbox, **changes)).data.decode()
    kept = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)">', page)}
    kept.pop("decision", None)
    shown = visit(dropbox, "POST", kept | {"decision": "allow"}).data.decode()
    return re.findall(r'class="auth-code" value="([^"]+)"', shown)[0]


def exchange(dropbox: Client, code: str, **changes: str) -> urllib3.BaseHTTPResponse:
    form = {"grant_type": "authorization_code", "code": code, "client_id": dropbox.fake.app_key}
    return dropbox.grant(**form | {"code_verifier": VERIFIER} | changes)


# Consent


def test_the_page_shows_what_is_asked_for_and_then_a_code_to_copy(dropbox: Client) -> None:
    page = visit(dropbox, "GET", asked(dropbox))
    assert page.status == 200 and all(f"<li>{scope}</li>" in page.data.decode() for scope in SCOPES)
    answer = exchange(dropbox, allow(dropbox)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("bearer", 14_400, " ".join(SCOPES))
    assert (answer["access_token"], answer["refresh_token"]) == (dropbox.fake.access_token, dropbox.fake.refresh_token)
    assert answer["account_id"] == dropbox.fake.account_id and answer["uid"].isdecimal()
    assert dropbox.rpc("users/get_current_account").status == 200


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"client_id": "other"}, 'Invalid client_id: "other".'),
        ({"response_type": "token"}, "response_type"),
        ({"redirect_uri": "http://localhost:1/"}, "redirect_uri"),
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
        ({"scope": "team_data.member"}, "team_data.member"),
    ],
)
def test_what_an_app_may_not_ask_for_is_a_page_with_400(dropbox: Client, changes: dict[str, str], text: str) -> None:
    for method in ("GET", "POST"):
        page = visit(dropbox, method, asked(dropbox, **changes) | {"decision": "allow"})
        assert page.status == 400 and text in html.unescape(page.data.decode())


def test_who_does_not_consent_gives_no_code(dropbox: Client) -> None:
    assert b"auth-code" not in visit(dropbox, "POST", asked(dropbox) | {"decision": "deny"}).data


def test_a_registered_redirect_uri_gets_the_code_and_the_state(dropbox: Client) -> None:
    query = asked(dropbox, redirect_uri="http://localhost:53682/", state="xyz")
    target = visit(dropbox, "POST", query | {"decision": "allow"}).headers["Location"]
    found = parse_qs(urlsplit(target).query)
    assert target.startswith("http://localhost:53682/?") and found["state"] == ["xyz"]
    assert exchange(dropbox, found["code"][0]).status == 400
    assert exchange(dropbox, found["code"][0], redirect_uri="http://localhost:53682/").status == 200


# Codes


def test_a_code_is_good_for_one_time_and_ten_minutes(dropbox: Client) -> None:
    code, late = allow(dropbox), allow(dropbox)
    assert [exchange(dropbox, code).status for _ in range(2)] == [200, 400]
    dropbox.fake.control.advance_clock(601)
    assert exchange(dropbox, late).json() == {
        "error": "invalid_grant",
        "error_description": "code doesn't exist or has expired",
    }


def test_a_code_asked_for_with_pkce_is_only_for_who_has_the_verifier(dropbox: Client) -> None:
    code = allow(dropbox)
    assert exchange(dropbox, code, code_verifier="b" * 43).json()["error"] == "invalid_grant"
    assert exchange(dropbox, code, code_verifier="", client_secret=dropbox.fake.app_secret).status == 400
    assert exchange(dropbox, code).status == 200


def test_a_code_asked_for_without_pkce_needs_the_secret_then_and_later(dropbox: Client) -> None:
    code = allow(dropbox, code_challenge="", code_challenge_method="")
    assert exchange(dropbox, code).status == 400
    assert exchange(dropbox, code, client_secret=dropbox.fake.app_secret).status == 200
    assert dropbox.refresh().json() == {"error": "invalid_client: Invalid client_id or client_secret"}
    assert dropbox.refresh(client_secret=dropbox.fake.app_secret).status == 200


def test_without_offline_access_there_is_no_refresh_token(dropbox: Client) -> None:
    assert "refresh_token" not in exchange(dropbox, allow(dropbox, token_access_type="")).json()


def test_the_client_may_also_be_in_a_header(dropbox: Client) -> None:
    code = allow(dropbox, code_challenge="", code_challenge_method="")
    headers = urllib3.make_headers(basic_auth=f"{dropbox.fake.app_key}:{dropbox.fake.app_secret}")
    form = {"grant_type": "authorization_code", "code": code}
    url = f"{dropbox.fake.base_url}/oauth2/token"
    assert dropbox.http.request("POST", url, fields=form, encode_multipart=False, headers=headers).status == 200


# Tokens


def test_a_refresh_needs_no_secret_and_replaces_the_access_token_alone(dropbox: Client) -> None:
    access, refresh = dropbox.fake.access_token, dropbox.fake.refresh_token
    answer = dropbox.refresh().json()
    assert answer == {"access_token": dropbox.fake.access_token, "token_type": "bearer", "expires_in": 14_400}
    assert dropbox.fake.access_token != access and dropbox.fake.refresh_token == refresh
    assert dropbox.refresh().status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "other"}, {"error": "invalid_client: Invalid client_id or client_secret"}),
        ({"client_secret": "other"}, {"error": "invalid_client: Invalid client_id or client_secret"}),
        (
            {"refresh_token": "short"},
            {"error": "invalid_grant", "error_description": "refresh token is malformed"},
        ),
        (
            {"refresh_token": "x" * 64},
            {"error": "invalid_grant", "error_description": "refresh token is invalid or revoked"},
        ),
        (
            {"grant_type": "password"},
            {
                "error": "unsupported_grant_type",
                "error_description": "only authorization_code and refresh_token are supported",
            },
        ),
    ],
)
def test_a_bad_refresh_is_400_with_the_reason(dropbox: Client, changes: dict[str, str], error: object) -> None:
    answer = dropbox.refresh(**changes)
    assert (answer.status, answer.json()) == (400, error)


def test_an_access_token_lives_four_hours_of_the_fakes_clock_and_a_refresh_token_for_ever(dropbox: Client) -> None:
    dropbox.fake.control.advance_clock(14_399)
    assert dropbox.rpc("users/get_current_account").status == 200
    dropbox.fake.control.advance_clock(2)
    assert dropbox.error("users/get_current_account") == (401, {".tag": "expired_access_token"})
    dropbox.fake.control.advance_clock(10 * 365 * 86_400)
    assert dropbox.refresh().status == 200 and dropbox.rpc("users/get_current_account").status == 200


def test_all_access_tokens_can_be_expired_at_once(dropbox: Client) -> None:
    dropbox.fake.control.expire_access_tokens()
    assert dropbox.error("users/get_current_account") == (401, {".tag": "expired_access_token"})
    assert dropbox.refresh().status == 200


def test_a_revoked_consent_ends_its_tokens(dropbox: Client) -> None:
    dropbox.fake.control.revoke()
    assert dropbox.error("users/get_current_account") == (401, {".tag": "invalid_access_token"})
    assert dropbox.refresh().json()["error_description"] == "refresh token is invalid or revoked"


def test_a_client_that_revokes_its_token_ends_its_own_consent_alone(dropbox: Client) -> None:
    first = dropbox.fake.access_token, dropbox.fake.refresh_token
    exchange(dropbox, allow(dropbox))
    assert dropbox.rpc("auth/token/revoke").data == b"null"
    assert (dropbox.rpc("users/get_current_account").status, dropbox.refresh().status) == (401, 400)
    assert dropbox.rpc("users/get_current_account", Authorization=f"Bearer {first[0]}").status == 200
    assert dropbox.refresh(refresh_token=first[1]).status == 200


def test_a_token_without_a_permission_is_told_which_one_it_lacks(dropbox: Client) -> None:
    exchange(dropbox, allow(dropbox, scope="account_info.read"))
    assert dropbox.rpc("users/get_current_account").status == 200
    needed = {".tag": "missing_scope", "required_scope": "files.metadata.read"}
    assert dropbox.error("files/list_folder", {"path": ""}) == (401, needed)
    answer = dropbox.download(TRIP)
    assert (answer.status, answer.json()["error"]["required_scope"]) == (401, "files.content.read")


def test_a_disabled_app_gets_no_consent_no_token_and_no_call(dropbox: Client) -> None:
    """dbxcli issue 184."""
    dropbox.fake.control.set_app_disabled(True)
    page = visit(dropbox, "GET", asked(dropbox))
    assert page.status == 400 and "This app is currently disabled." in page.data.decode()
    assert dropbox.refresh().json()["error_description"] == "This app is currently disabled."
    call = dropbox.rpc("files/list_folder", {"path": ""})
    text = 'Error in call to API function "files/list_folder": This app is currently disabled.'
    assert (call.status, call.data.decode()) == (400, text)
    dropbox.fake.control.set_app_disabled(False)
    assert dropbox.refresh().status == 200


# Their faults


def test_a_grant_can_be_refused_narrowed_or_lack_the_refresh_token(dropbox: Client) -> None:
    dropbox.fake.control.add_fault(DropboxFault.INVALID_GRANT, times=1)
    assert dropbox.refresh().json()["error"] == "invalid_grant"
    dropbox.fake.control.add_fault(DropboxFault.NO_REFRESH_TOKEN)
    assert "refresh_token" not in exchange(dropbox, allow(dropbox)).json()
    dropbox.fake.control.add_fault(DropboxFault.SCOPE_NARROWED)
    assert exchange(dropbox, allow(dropbox)).json()["scope"] == "account_info.read"
    assert dropbox.error("files/list_folder", {"path": ""})[1][".tag"] == "missing_scope"


def test_a_refresh_token_may_be_replaced_by_another(dropbox: Client) -> None:
    first = dropbox.fake.refresh_token
    dropbox.fake.control.add_fault(DropboxFault.ROTATED, times=1)
    answer = dropbox.refresh().json()
    assert answer["refresh_token"] == dropbox.fake.refresh_token != first
    assert answer["refresh_token"] in dropbox.fake.secrets()
    assert dropbox.refresh(refresh_token=first).json()["error"] == "invalid_grant"
    again = dropbox.refresh()
    assert again.status == 200 and "refresh_token" not in again.json()


def test_the_app_can_be_disabled_for_some_requests(dropbox: Client) -> None:
    dropbox.fake.control.add_fault(DropboxFault.APP_DISABLED, times=3)
    assert visit(dropbox, "GET", asked(dropbox)).status == 400
    assert [dropbox.refresh().status, dropbox.rpc("users/get_current_account").status] == [400, 400]
    assert dropbox.refresh().status == 200


def test_a_token_may_be_issued_and_its_answer_lost(dropbox: Client) -> None:
    before = dropbox.fake.access_token
    dropbox.fake.control.add_fault(DropboxFault.ANSWER_LOST, times=1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        dropbox.refresh()
    assert dropbox.fake.access_token != before and dropbox.refresh().status == 200
