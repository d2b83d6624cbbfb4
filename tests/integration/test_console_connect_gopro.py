"""`cloudsync connect gopro` in its three ways, at a terminal and by a pipe, against the fake GoPro Cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cloud_sync_common.stores.credential_store import CredentialStore

from local.emulator import free_port
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.integration.aws_on_loopback import SECRET, Aws
from tests.integration.console_program import Owner
from tests.integration.secret_check import assert_no_secret
from tests.terminal import Terminal


@pytest.fixture
def owner(aws: Aws, tmp_path: Path, gopro: FakeGoPro) -> Owner:
    return Owner(aws, tmp_path, {"GOPRO_API_BASE_URL": gopro.base_url})


def client_typed(terminal: Terminal, gopro: FakeGoPro) -> None:
    for question, answer in (("Client id: ", gopro.client_id), ("Client secret: ", gopro.client_secret)):
        terminal.awaits(question)
        assert not terminal.echoes
        terminal.types(answer)


def owner_typed(terminal: Terminal, gopro: FakeGoPro, password: str | None = None) -> None:
    terminal.awaits("Name (e-mail): ")
    terminal.types(gopro.username)
    terminal.awaits("Password: ")
    terminal.types(gopro.password if password is None else password)


def secrets_of(gopro: FakeGoPro) -> set[str]:
    return {*gopro.secrets(), gopro.client_id, gopro.username}


# Name and password


def test_name_and_password_give_credentials_that_renew_themselves_and_are_kept_nowhere(
    owner: Owner, gopro: FakeGoPro
) -> None:
    with owner.at_terminal("connect", "gopro") as terminal:
        terminal.awaits("Which [1]: ")
        terminal.types("")
        client_typed(terminal, gopro)
        owner_typed(terminal, gopro)
        terminal.awaits("Start a run now? [y/N]: ")
        terminal.types("n")
        assert terminal.ends() == 0
        words = terminal.words
        assert f"GoPro is connected: account {gopro.user_id}." in words and "They renew themselves." in words
        assert_no_secret(terminal.shown + owner.files(), secrets_of(gopro))
    stored = owner.stored("gopro")
    assert stored | {"expires_at": 0} == {
        "provider": "gopro",
        "access_token": gopro.access_token,
        "refresh_token": gopro.refresh_token,
        "client_id": gopro.client_id,
        "client_secret": gopro.client_secret,
        "user_id": gopro.user_id,
        "expires_at": 0,
    }
    assert owner.started == []


REFUSED = [
    (FaultKind.TWO_FACTOR, {}, "Two-factor authentication is on for this GoPro account"),
    (FaultKind.TWO_FACTOR, {"code": 0}, "or two-factor authentication is on, which cannot be used here"),
]


@pytest.mark.parametrize(("fault", "values", "sentence"), REFUSED)
def test_two_factor_is_refused_with_the_ways_that_are_left(
    owner: Owner, gopro: FakeGoPro, fault: FaultKind, values: dict[str, int], sentence: str
) -> None:
    gopro.control.add_fault(fault, **values)
    with owner.at_terminal("connect", "gopro", "--way", "password") as terminal:
        client_typed(terminal, gopro)
        owner_typed(terminal, gopro)
        assert terminal.ends() == 4
        assert sentence in terminal.words and "--way refresh-token or --way session" in terminal.words
    assert not owner.has_stored("gopro") and gopro.control.stats()["requests"]["token"] == {"400": 1}


def test_a_wrong_password_is_tried_once_and_shown_nowhere(owner: Owner, gopro: FakeGoPro) -> None:
    with owner.at_terminal("connect", "gopro", "--way", "password") as terminal:
        client_typed(terminal, gopro)
        owner_typed(terminal, gopro, "not the right one, with spaces")
        assert terminal.ends() == 4
        assert "GoPro refuses this name and password" in terminal.words and "with spaces" not in terminal.shown
    assert gopro.control.stats()["requests"]["token"] == {"400": 1}


def test_a_network_that_is_down_is_said_to_be(owner: Owner, gopro: FakeGoPro) -> None:
    owner.variables["GOPRO_API_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    with owner.at_terminal("connect", "gopro", "--way", "password") as terminal:
        client_typed(terminal, gopro)
        owner_typed(terminal, gopro)
        assert terminal.ends() == 1
        assert "There was no answer to the sign-in at GoPro (ConnectionError). Check the network" in terminal.words
    assert not owner.has_stored("gopro")


# A refresh token


def test_what_comes_in_place_of_a_refresh_token_is_stored(owner: Owner, gopro: FakeGoPro) -> None:
    pasted = gopro.refresh_token
    with owner.at_terminal("connect", "gopro", "--way", "refresh-token", "--yes") as terminal:
        client_typed(terminal, gopro)
        terminal.awaits("Refresh token: ")
        terminal.types(pasted)
        assert terminal.ends() == 0
        assert_no_secret(terminal.shown + owner.files(), secrets_of(gopro))
    stored = owner.stored("gopro")
    assert stored["refresh_token"] == gopro.refresh_token != pasted and stored["access_token"] == gopro.access_token
    assert owner.started == [{"provider": "gopro"}]


def test_a_listing_that_fails_does_not_lose_what_came_in_place_of_the_refresh_token(
    owner: Owner, gopro: FakeGoPro
) -> None:
    gopro.control.add_fault(FaultKind.CONTRACT_CHANGED, endpoint=Endpoint.SEARCH)
    given = {"client_id": gopro.client_id, "client_secret": gopro.client_secret, "refresh_token": gopro.refresh_token}
    done = owner.piped("connect", "gopro", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 1 and done.stdout == ""
    assert "(What came in place of the refresh token is stored all the same.)" in " ".join(done.stderr.split())
    assert owner.stored("gopro")["refresh_token"] == gopro.refresh_token


def test_a_refresh_token_that_was_used_already_stores_nothing(owner: Owner, gopro: FakeGoPro) -> None:
    gopro.control.add_fault(FaultKind.TOKEN_BLACKLISTED)
    before = owner.store("gopro", {"access_token": "a-session-of-before"})
    given = {"client_id": gopro.client_id, "client_secret": gopro.client_secret, "refresh_token": gopro.refresh_token}
    done = owner.piped("connect", "gopro", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 4 and "GoPro refuses to renew the token (token_blacklisted)" in done.stderr
    assert owner.aws.secrets.get_secret_value(SecretId=SECRET)["VersionId"] == before


def test_a_token_that_has_ended_and_could_not_be_replaced_is_said_to_be_lost(owner: Owner, gopro: FakeGoPro) -> None:
    def gone(moment: str, name: str) -> None:
        if (moment, name) == ("done", "secretsmanager.DescribeSecret"):
            owner.aws.secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)

    owner.aws.server.watch = gone
    given = {"client_id": gopro.client_id, "client_secret": gopro.client_secret, "refresh_token": gopro.refresh_token}
    done = owner.piped("connect", "gopro", "--from-stdin", given=json.dumps(given))
    assert done.returncode == 5, done.stderr
    said, why = done.stderr.splitlines()[-2:]
    assert said == "The refresh token that you gave has ended by being tried. Obtain another one, because:"
    assert why.startswith("cloudsync: The secret gopro/credentials is not there any more. Deploy the stack again")


# A session


def test_a_session_is_stored_with_the_word_of_how_long_it_may_last(owner: Owner, gopro: FakeGoPro) -> None:
    with owner.at_terminal("connect", "gopro", "--way", "session") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types(f'  "{gopro.access_token}"  ')
        terminal.awaits("Start a run now? [y/N]: ")
        terminal.types("y")
        assert terminal.ends() == 0
        assert "one was seen to end after nine hours" in terminal.words
        assert_no_secret(terminal.shown + owner.files(), secrets_of(gopro))
    expected = {"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id}
    assert owner.stored("gopro") == expected and owner.started == [{"provider": "gopro"}]


def test_a_session_that_has_ended_is_not_stored(owner: Owner, gopro: FakeGoPro) -> None:
    gopro.control.expire_access_tokens()
    done = owner.piped("connect", "gopro", "--from-stdin", given=json.dumps({"access_token": gopro.access_token}))
    assert done.returncode == 4 and "GoPro no longer accepts the stored token" in done.stderr
    assert not owner.has_stored("gopro")


WRONG = [
    ("{0}\n{1}", "has a line break in it"),
    ("gp_access_token={0}; gp_user_id=7", "has 'token=' in it, so it is more than the token"),
    ("{0}…", "has been shortened"),
    ("  ", "is empty"),
    ("\x1b[200~{0}\n{1}\x1b[201~", "has a line break in it"),
]


@pytest.mark.parametrize(("pasted", "fault"), WRONG)
def test_what_is_pasted_wrongly_is_named_and_asked_for_again(
    owner: Owner, gopro: FakeGoPro, pasted: str, fault: str
) -> None:
    with owner.at_terminal("connect", "gopro", "--way", "session", "--yes") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types(pasted.format(gopro.access_token[:500], gopro.access_token[500:]))
        assert f"The gp_access_token {fault}" in " ".join(terminal.awaits("gp_access_token: ").split())
        terminal.types(gopro.access_token)
        assert terminal.ends() == 0
        assert_no_secret(terminal.shown, [gopro.access_token[:500], gopro.access_token[500:]])


def test_ctrl_z_at_a_hidden_question_stops_nothing_that_could_be_shown_afterwards(
    owner: Owner, gopro: FakeGoPro
) -> None:
    with owner.at_terminal("connect", "gopro", "--way", "session", "--yes") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types("\x1a", enter="")
        terminal.types(gopro.access_token)
        assert terminal.ends() == 0 and terminal.echoes
        assert_no_secret(terminal.shown, gopro)


def test_three_wrong_pastes_are_enough(owner: Owner) -> None:
    with owner.at_terminal("connect", "gopro", "--way", "session") as terminal:
        for _ in range(3):
            terminal.awaits("gp_access_token: ")
            terminal.types("two words")
        assert terminal.ends() == 2
        assert "There was no gp_access_token that can be used; nothing was stored." in terminal.words


def test_nothing_of_a_paste_with_several_lines_is_left_for_the_shell(owner: Owner) -> None:
    lines = "\n".join(["token-of-many-lines", "rm -rf everything", "last line"])
    with owner.at_terminal("connect", "gopro", "--way", "session") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types(lines)
        terminal.awaits("gp_access_token: ")
        terminal.types("\x04", enter="")
        assert terminal.ends() == 130
        assert "everything" not in terminal.shown and terminal.unread == b""


def test_a_token_longer_than_a_line_of_a_terminal_arrives_whole(owner: Owner, gopro: FakeGoPro) -> None:
    long = "x" * 6_000
    gopro.control.add_fault(FaultKind.SERVER_ERROR, status=401)
    with owner.at_terminal("connect", "gopro", "--way", "session") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types(f"{long}\x7fy")
        assert terminal.ends() != 2 and "xxxx" not in terminal.shown


# By a pipe


def test_by_a_pipe_nothing_is_asked_and_the_outcome_is_one_json_object(owner: Owner, gopro: FakeGoPro) -> None:
    given = {"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id, "renewed_from": "x"}
    done = owner.piped("connect", "gopro", "--from-stdin", "--json", "--yes", given=json.dumps(given))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "version": 1,
        "kind": "connected",
        "provider": "gopro",
        "secret": "gopro/credentials",
        "account": {"id": gopro.user_id, "name": "", "email": "", "team_root": ""},
        "listed": {"videos": 18, "total": 19},
        "renews_itself": False,
        "run_id": "run-1",
    }
    assert owner.started == [{"provider": "gopro"}]
    assert owner.stored("gopro") == {name: given[name] for name in ("provider", "access_token", "user_id")}
    assert_no_secret(done.stdout + done.stderr + owner.files(), gopro)


def test_by_a_pipe_no_run_is_started_unless_it_is_asked_for(owner: Owner, gopro: FakeGoPro) -> None:
    done = owner.piped("connect", "gopro", "--from-stdin", given=json.dumps({"access_token": gopro.access_token}))
    assert done.returncode == 0 and owner.started == []


ODD = [
    ("a-token-by-itself-of-some-length", "a token by itself is not enough"),
    ('{"refresh_token": "token-of-the-owner"}', "There is a 'refresh_token' but no 'client_id'"),
]


@pytest.mark.parametrize(("given", "sentence"), ODD)
def test_a_pipe_with_something_else_is_refused_with_the_field_named(owner: Owner, given: str, sentence: str) -> None:
    done = owner.piped("connect", "gopro", "--from-stdin", given=given)
    assert done.returncode == 2 and sentence in done.stderr and "of-the-owner" not in done.stderr
    assert not owner.has_stored("gopro")


def test_without_a_terminal_nothing_is_asked(owner: Owner) -> None:
    done = owner.piped("connect", "gopro")
    assert done.returncode == 2 and "There is no terminal to ask for what is secret" in done.stderr


def test_a_terminal_is_no_pipe(owner: Owner) -> None:
    with owner.at_terminal("connect", "gopro", "--from-stdin") as terminal:
        assert terminal.ends() == 2 and "--from-stdin reads from a pipe" in terminal.words


# What was connected before


def test_another_account_is_a_question_of_its_own(owner: Owner, gopro: FakeGoPro) -> None:
    before = owner.store("gopro", {"access_token": "a-session-of-before", "user_id": "another-user"})
    with owner.at_terminal("connect", "gopro", "--way", "session", "--yes") as terminal:
        terminal.awaits("gp_access_token: ")
        terminal.types(gopro.access_token)
        terminal.awaits("Replace them? [y/N]: ")
        terminal.types("n")
        assert terminal.ends() == 1 and "Nothing was stored." in terminal.words
    assert owner.aws.secrets.get_secret_value(SecretId=SECRET)["VersionId"] == before and owner.started == []


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--another-account",), 0)])
def test_by_a_pipe_another_account_needs_its_option(
    owner: Owner, gopro: FakeGoPro, options: tuple[str, ...], code: int
) -> None:
    owner.store("gopro", {"access_token": "a-session-of-before", "user_id": "another-user"})
    given = json.dumps({"access_token": gopro.access_token})
    assert owner.piped("connect", "gopro", "--from-stdin", *options, given=given).returncode == code
    assert (owner.stored("gopro")["access_token"] == gopro.access_token) is (code == 0)


def test_a_renewal_that_is_under_way_does_not_replace_what_was_connected(owner: Owner, gopro: FakeGoPro) -> None:
    """Nor does what was connected undo anything of a renewal: the version that it made stays, under its own label."""
    store = CredentialStore(owner.aws.secrets, SECRET, "gopro")
    owner.store("gopro", {"refresh_token": "r0-r0-r0", "client_id": "c0-c0-c0", "client_secret": "s0-s0-s0"})
    old = store.load()
    given = {"client_id": gopro.client_id, "client_secret": gopro.client_secret, "refresh_token": gopro.refresh_token}
    assert owner.piped("connect", "gopro", "--from-stdin", given=json.dumps(given)).returncode == 0
    assert store.replace(old, old).refresh_token == gopro.refresh_token
    store.recover()
    assert store.load().refresh_token == gopro.refresh_token
