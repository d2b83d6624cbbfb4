"""`cloudsync connect dropbox` at a terminal, against the fake's authorization server: the code is pasted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from local.fake_providers import dropbox
from local.fake_providers.dropbox import FakeDropbox
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import Aws
from tests.integration.consent_pages import code_on, decided
from tests.integration.console_program import Owner
from tests.integration.dropbox_client import write_library
from tests.integration.secret_check import assert_no_secret
from tests.terminal import Terminal


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(write_library(tmp_path_factory.mktemp("library")))


@pytest.fixture
def fake(library: Library) -> Iterator[FakeDropbox]:
    with dropbox.running(library) as found:
        yield found


@pytest.fixture
def owner(aws: Aws, tmp_path: Path, fake: FakeDropbox) -> Owner:
    names = ("DROPBOX_API", "DROPBOX_CONTENT", "DROPBOX_WEB")
    return Owner(aws, tmp_path, {f"{name}_BASE_URL": fake.base_url for name in names})


def address_shown(terminal: Terminal, fake: FakeDropbox) -> str:
    terminal.awaits("App key: ")
    assert not terminal.echoes
    terminal.types(fake.app_key)
    terminal.awaits("allow the access:\r\n")
    return terminal.awaits("\r\n").strip()


def code_typed(terminal: Terminal, fake: FakeDropbox) -> None:
    code = code_on(decided(address_shown(terminal, fake)))
    terminal.awaits("Code that Dropbox shows: ")
    assert not terminal.echoes
    terminal.types(code)


def test_an_owner_pastes_the_code_and_the_credentials_are_stored(owner: Owner, fake: FakeDropbox) -> None:
    with owner.at_terminal("connect", "dropbox") as terminal:
        address = address_shown(terminal, fake)
        code = code_on(decided(address))
        terminal.awaits("Code that Dropbox shows: ")
        terminal.types(code)
        terminal.awaits("Start a run now? [y/N]: ")
        terminal.types("")
        assert terminal.ends() == 0
        assert "Dropbox is connected: Anna Example <anna@example.com>." in terminal.words
        assert_no_secret(terminal.shown + owner.files(), fake.secrets() | {code})
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (query["token_access_type"], query["code_challenge_method"]) == ("offline", "S256")
    assert query["scope"].split() == ["files.metadata.read", "files.content.read", "account_info.read"]
    stored = owner.stored("dropbox")
    assert stored["user_id"].startswith("dbid:") and stored["expires_at"] > 1e9
    assert {name: stored[name] for name in stored if name not in ("user_id", "expires_at")} == {
        "provider": "dropbox",
        "access_token": fake.access_token,
        "refresh_token": fake.refresh_token,
        "client_id": fake.app_key,
    }
    assert owner.started == []


REFUSED = [
    (DropboxFault.NO_REFRESH_TOKEN, {}, 1, "Dropbox gave no refresh token"),
    (DropboxFault.SCOPE_NARROWED, {"scope": "account_info.read"}, 4, "The app at Dropbox lacks a permission"),
    (DropboxFault.INVALID_GRANT, {}, 4, "Dropbox does not accept the code"),
    (DropboxFault.APP_DISABLED, {"endpoint": DropboxEndpoint.CODE}, 4, "or has disabled the app"),
    (
        DropboxFault.TOKEN_REFUSED,
        {"endpoint": DropboxEndpoint.LIST, "tag": "missing_scope"},
        4,
        "The app at Dropbox or the stored token lacks",
    ),
    (DropboxFault.TOKEN_REFUSED, {"tag": "user_suspended"}, 4, "is suspended by its team"),
    (DropboxFault.SERVER_ERROR, {"endpoint": DropboxEndpoint.ACCOUNT}, 1, "The provider answered 500 to the check"),
]


@pytest.mark.parametrize(("fault", "values", "code", "sentence"), REFUSED)
def test_credentials_with_which_no_backup_would_last_are_not_stored(
    owner: Owner, fake: FakeDropbox, fault: DropboxFault, values: dict[str, str], code: int, sentence: str
) -> None:
    fake.control.add_fault(fault, **values)
    with owner.at_terminal("connect", "dropbox", "--yes") as terminal:
        code_typed(terminal, fake)
        assert terminal.ends() == code and sentence in terminal.words
        assert_no_secret(terminal.shown, fake.secrets())
    assert not owner.has_stored("dropbox") and owner.started == []


def test_a_code_that_was_copied_in_part_is_refused_as_such(owner: Owner, fake: FakeDropbox) -> None:
    with owner.at_terminal("connect", "dropbox") as terminal:
        address_shown(terminal, fake)
        terminal.awaits("Code that Dropbox shows: ")
        terminal.types("half-of-a-code")
        assert terminal.ends() == 4
        assert "it was copied in part, has expired, or was used before" in terminal.words
        assert "half-of" not in terminal.shown


@pytest.mark.parametrize(("answer", "is_taken"), [("y", True), ("n", False)])
def test_in_a_team_its_folders_are_offered(owner: Owner, fake: FakeDropbox, answer: str, is_taken: bool) -> None:
    root = fake.control.join_team()
    with owner.at_terminal("connect", "dropbox", "--yes") as terminal:
        code_typed(terminal, fake)
        terminal.awaits("team's folders too? [y/N]: ")
        terminal.types(answer)
        assert terminal.ends() == 0
    assert owner.stored("dropbox").get("path_root") == (root if is_taken else None)


def test_in_no_team_there_is_no_space_of_one(owner: Owner, fake: FakeDropbox) -> None:
    with owner.at_terminal("connect", "dropbox", "--team-space") as terminal:
        code_typed(terminal, fake)
        assert terminal.ends() == 2 and "--team-space is for an account in a team" in terminal.words
    assert not owner.has_stored("dropbox")


def test_by_a_pipe_the_root_is_that_of_the_credentials(owner: Owner, fake: FakeDropbox) -> None:
    root = fake.control.join_team()
    given = {"client_id": fake.app_key, "refresh_token": fake.refresh_token, "path_root": int(root)}
    done = owner.piped("connect", "dropbox", "--from-stdin", "--json", given=json.dumps(given))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"]["team_root"] == root
    assert owner.stored("dropbox")["path_root"] == root


def test_consent_that_was_taken_back_is_not_stored_again(owner: Owner, fake: FakeDropbox) -> None:
    fake.control.revoke()
    given = {"client_id": fake.app_key, "refresh_token": fake.refresh_token}
    done = owner.piped("connect", "dropbox", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 4 and "Dropbox no longer accepts the stored refresh token" in done.stderr
    assert not owner.has_stored("dropbox")
