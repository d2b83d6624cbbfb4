"""`cloudsync connect google-drive` at a terminal, against the fake's authorization server, its redirects followed."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from local.fake_providers import google_drive
from local.fake_providers.google_drive import FakeGoogleDrive
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import Aws
from tests.integration.consent_pages import decided
from tests.integration.console_program import Owner
from tests.integration.google_drive_client import write_library
from tests.integration.secret_check import assert_no_secret
from tests.synthesis import ROOT
from tests.terminal import Terminal

SCOPE = "https://www.googleapis.com/auth/drive.readonly"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(write_library(tmp_path_factory.mktemp("library")))


@pytest.fixture
def drive(library: Library) -> Iterator[FakeGoogleDrive]:
    with google_drive.running(library) as fake:
        yield fake


@pytest.fixture
def owner(aws: Aws, tmp_path: Path, drive: FakeGoogleDrive) -> Owner:
    names = ("GOOGLE_DRIVE_API", "GOOGLE_OAUTH", "GOOGLE_ACCOUNTS")
    return Owner(aws, tmp_path, {f"{name}_BASE_URL": drive.base_url for name in names})


def client_typed(terminal: Terminal, drive: FakeGoogleDrive) -> None:
    terminal.awaits("Client id: ")
    assert not terminal.echoes
    terminal.types(drive.client_id)
    terminal.awaits("Client secret: ")
    terminal.types(drive.client_secret)


def address_shown(terminal: Terminal) -> str:
    terminal.awaits("allow the access:\r\n")
    return terminal.awaits("\r\n").strip()


def asked(owner: Owner, drive: FakeGoogleDrive, *options: str) -> tuple[int, str]:
    """The exit code and what was shown, for an owner who allows the access."""
    with owner.at_terminal("connect", "google-drive", "--no-browser", "--yes", *options) as terminal:
        client_typed(terminal, drive)
        decided(address_shown(terminal))
        return terminal.ends(), terminal.words


def test_an_owner_allows_the_access_in_the_browser_and_the_credentials_are_stored(
    owner: Owner, drive: FakeGoogleDrive
) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser") as terminal:
        client_typed(terminal, drive)
        address = address_shown(terminal)
        assert "You can close this window" in decided(address)
        terminal.awaits("Start a run now? [y/N]: ")
        assert terminal.echoes
        terminal.types("y")
        assert terminal.ends() == 0
        shown = terminal.shown
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", query["redirect_uri"])
    assert (query["access_type"], query["prompt"], query["scope"]) == ("offline", "consent", SCOPE)
    assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == len(query["state"]) == 43
    stored = owner.stored("google_drive")
    assert stored | {"expires_at": 0} == {
        "provider": "google_drive",
        "access_token": drive.access_token,
        "refresh_token": drive.refresh_token,
        "client_id": drive.client_id,
        "client_secret": drive.client_secret,
        "user_id": stored["user_id"],
        "expires_at": 0,
    }
    assert owner.started == [{"provider": "google_drive"}]
    assert "Google Drive is connected:" in shown and "One page was listed: 6 videos." in shown
    assert_no_secret(shown + owner.files(), drive.secrets())


def test_the_browser_opens_by_itself(owner: Owner, drive: FakeGoogleDrive) -> None:
    owner.variables["BROWSER"] = f"{sys.executable} {ROOT / 'tests' / 'integration' / 'consent_pages.py'} %s"
    with owner.at_terminal("connect", "google-drive", "--yes") as terminal:
        client_typed(terminal, drive)
        assert terminal.ends() == 0
    assert owner.stored("google_drive")["refresh_token"] == drive.refresh_token


def test_without_a_browser_the_address_can_still_be_opened(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--yes") as terminal:
        client_typed(terminal, drive)
        address = address_shown(terminal)
        terminal.awaits("No browser can be opened from here: open the address yourself.")
        decided(address)
        assert terminal.ends() == 0


def test_access_that_is_not_given_stores_nothing(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser") as terminal:
        client_typed(terminal, drive)
        assert "Access was not given. You can close this window" in decided(address_shown(terminal), "cancel")
        assert terminal.ends() == 4
        assert "cloudsync: Access was not given in the browser, and nothing was stored." in terminal.words
    assert not owner.has_stored("google_drive")


def test_an_answer_with_another_state_is_refused(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser") as terminal:
        client_typed(terminal, drive)
        query = parse_qs(urlsplit(address_shown(terminal)).query)
        sent = urllib3.request("GET", f"{query['redirect_uri'][0]}/?code=4%2F0Aothers-code&state=another")
        assert sent.status == 400 and b"You can close this window" in sent.data
        assert terminal.ends() == 1
        assert "belongs to another request (its `state` is not ours)" in terminal.words
    assert not owner.has_stored("google_drive")


def test_what_is_no_answer_is_passed_over(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser", "--yes") as terminal:
        client_typed(terminal, drive)
        address = address_shown(terminal)
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        statuses = [
            urllib3.request("GET", f"{back}/favicon.ico").status,
            urllib3.request("GET", f"{back}/").status,
            urllib3.request("GET", f"{back}/?code=4%2F0A&state=x", headers={"Host": "evil.example"}).status,
            urllib3.request("POST", f"{back}/?code=4%2F0A&state=x").status,
        ]
        assert statuses == [404, 404, 404, 501]
        decided(address)
        assert terminal.ends() == 0


def pasted(drive: FakeGoogleDrive) -> dict[str, str]:
    return {"client_id": drive.client_id, "client_secret": drive.client_secret, "refresh_token": drive.refresh_token}


REFUSED = [
    (DriveFault.REFRESH_TOKEN_LEFT_OUT, {}, 1, "Google gave no refresh token"),
    (DriveFault.SCOPE_NARROWED, {"scope": "https://www.googleapis.com/auth/drive.metadata.readonly"}, 4,
     "the scope drive.readonly is missing"),
    (DriveFault.INVALID_GRANT, {}, 4, "Google does not accept the code"),
    (DriveFault.CLIENT_REFUSED, {"error": "deleted_client"}, 4, "This OAuth client was deleted"),
    (DriveFault.SERVER_ERROR, {"endpoint": DriveEndpoint.CODE}, 1, "The provider answered 500 to the exchange"),
    (DriveFault.SERVER_ERROR, {"endpoint": DriveEndpoint.LIST}, 1, "The provider answered 500 to the listing"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "values", "code", "sentence"), REFUSED)
def test_credentials_with_which_no_backup_would_last_are_not_stored(
    owner: Owner, drive: FakeGoogleDrive, fault: DriveFault, values: dict[str, str], code: int, sentence: str
) -> None:
    drive.control.add_fault(fault, **values)
    ended, shown = asked(owner, drive)
    assert ended == code and sentence in shown
    assert not owner.has_stored("google_drive") and owner.started == []
    assert_no_secret(shown, drive.secrets())


def test_an_app_in_testing_is_refused_with_what_to_press(owner: Owner, drive: FakeGoogleDrive) -> None:
    drive.control.set_testing(True)
    ended, shown = asked(owner, drive)
    assert ended == 4 and "is in 'Testing'" in shown and "'Publish app'" in shown
    assert not owner.has_stored("google_drive")


def test_a_refresh_token_of_an_app_in_testing_is_refused_when_it_is_piped_in(
    owner: Owner, drive: FakeGoogleDrive
) -> None:
    drive.control.set_testing(True)
    drive.control.connect()
    done = owner.piped("connect", "google-drive", "--from-stdin", "--yes", given=json.dumps(pasted(drive)))
    assert done.returncode == 4 and "is in 'Testing'" in done.stderr and done.stdout == ""
    assert not owner.has_stored("google_drive") and owner.started == []
    assert_no_secret(done.stderr, drive.secrets())


def test_a_refresh_token_of_which_google_says_no_end_is_stored_with_what_that_does_not_prove(
    owner: Owner, drive: FakeGoogleDrive
) -> None:
    done = owner.piped("connect", "google-drive", "--from-stdin", "--yes", given=json.dumps(pasted(drive)))
    assert done.returncode == 0 and "the access ends seven days after that" in done.stderr
    assert "has started. `cloudsync run --follow run-1` shows it." in done.stdout


def test_an_access_token_alone_is_stored_with_the_word_of_how_soon_it_ends(
    owner: Owner, drive: FakeGoogleDrive
) -> None:
    given = {"access_token": drive.access_token}
    done = owner.piped("connect", "google-drive", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 0 and "An access token alone ends within hours." in done.stderr
    assert "GoPro" not in done.stderr and "browser" not in done.stderr


@pytest.mark.parametrize("rotated", [False, True])
def test_a_refresh_token_that_is_piped_in_is_stored_as_google_leaves_it(
    owner: Owner, drive: FakeGoogleDrive, rotated: bool
) -> None:
    if rotated:
        drive.control.add_fault(DriveFault.ROTATED)
    pasted = drive.refresh_token
    given = {"client_id": drive.client_id, "client_secret": drive.client_secret, "refresh_token": pasted}
    done = owner.piped("connect", "google-drive", "--from-stdin", "--json", given=json.dumps(given))
    assert done.returncode == 0, done.stderr
    stored = owner.stored("google_drive")
    assert stored["access_token"] == drive.access_token and stored["client_id"] == drive.client_id
    assert stored["refresh_token"] == drive.refresh_token and (drive.refresh_token != pasted) is rotated


def test_a_consent_that_was_taken_back_is_not_stored_again(owner: Owner, drive: FakeGoogleDrive) -> None:
    drive.control.revoke_consent()
    given = {"client_id": drive.client_id, "client_secret": drive.client_secret, "refresh_token": drive.refresh_token}
    done = owner.piped("connect", "google-drive", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 4 and "Google no longer accepts the stored refresh token" in done.stderr
    assert not owner.has_stored("google_drive")


def test_a_wrong_client_secret_is_refused_as_such(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser") as terminal:
        terminal.awaits("Client id: ")
        terminal.types(drive.client_id)
        terminal.awaits("Client secret: ")
        terminal.types("GOCSPX-another-one-altogether")
        decided(address_shown(terminal))
        assert terminal.ends() == 4
        assert "Google does not know this client id with this client secret" in terminal.words
        assert "GOCSPX" not in terminal.shown


def test_ctrl_c_while_it_waits_ends_it_cleanly(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--no-browser") as terminal:
        client_typed(terminal, drive)
        terminal.awaits("Waiting for the browser's answer")
        terminal.types("\x03", enter="")
        assert terminal.ends() == 130
        assert "cloudsync: Interrupted; nothing further was done." in terminal.words
        assert "Traceback" not in terminal.shown and terminal.echoes


def test_ctrl_c_at_a_hidden_question_gives_the_terminal_back(owner: Owner) -> None:
    with owner.at_terminal("connect", "google-drive") as terminal:
        terminal.awaits("Client id: ")
        terminal.types("half of a cli\x03", enter="")
        assert terminal.ends() == 128 + signal.SIGINT and terminal.echoes
        assert "half of" not in terminal.shown


def test_a_port_that_is_taken_is_named(owner: Owner, drive: FakeGoogleDrive) -> None:
    with owner.at_terminal("connect", "google-drive", "--port", str(drive.port)) as terminal:
        client_typed(terminal, drive)
        assert terminal.ends() == 1
        assert f"The port {drive.port} of this machine cannot be opened" in terminal.words
