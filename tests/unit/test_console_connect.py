"""`cloudsync connect`: where secrets may be sent, what is cleaned and refused, and how the secret is used."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner
from cloud_sync_common.exceptions import (
    ConfigurationError,
    CredentialsExpiredError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers import PROVIDERS

from console import main
from console.aws_refusals import explained
from console.commands import connect
from console.commands.hidden_input import edited, is_whole
from console.errors import ConsoleError, Exit, NotFoundError, UsageError
from console.operations import pasted_credentials
from console.operations.provider_services import ADDRESSES, Services, answering
from console.operations.stored_credentials import StoredCredentials
from tests.unit.console_account import ScriptedClient, refusal, stack_of

TOKEN = "token-of-the-owner-0123456789"
DESCRIBED = {"VersionIdsToStages": {"v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"]}}
STORED = {"SecretString": json.dumps({"access_token": TOKEN, "user_id": "user-1"})}


# Where secrets are sent


def test_without_variables_every_service_is_the_real_one() -> None:
    services = Services.of({"PATH": "/bin", "GOPRO_API_BASE_URL": ""})
    assert {name: services.address(name) for name in ADDRESSES} == ADDRESSES and services.notes(PROVIDERS) == []
    assert all(address.startswith("https://") for address in ADDRESSES.values())


def test_every_address_of_a_provider_can_be_on_this_machine() -> None:
    assert {name for registered in PROVIDERS.values() for name in registered.base_urls} <= ADDRESSES.keys()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080", "https://127.0.0.1:1/", "http://localhost:9", "http://[::1]:9", "http://127.1.2.3"]
)  # fmt: skip
def test_an_address_on_this_machine_is_used_and_named(address: str) -> None:
    services = Services.of({"GOOGLE_OAUTH_BASE_URL": address})
    assert services.address("google_oauth") == address.rstrip("/")
    assert services.notes(["gopro", "google_drive"]) == [
        f"Google Drive is asked at {address.rstrip('/')} instead of where it is, as GOOGLE_OAUTH_BASE_URL says."
    ]


def test_several_addresses_of_a_provider_are_one_sentence_and_others_none() -> None:
    places = {"GOOGLE_DRIVE_API_BASE_URL": "http://[::1]:9", "GOOGLE_OAUTH_BASE_URL": "http://[::1]:9"}
    services = Services.of(
        {**places, "DROPBOX_API_BASE_URL": "http://[::1]:1", "DROPBOX_WEB_BASE_URL": "http://[::1]:2"}
    )
    assert services.notes(PROVIDERS) == [
        "Google Drive is asked at http://[::1]:9 instead of where it is, as GOOGLE_DRIVE_API_BASE_URL and others like "
        "it say.",
        "Dropbox is asked at http://[::1]:1 and http://[::1]:2 instead of where it is, as DROPBOX_API_BASE_URL and "
        "others like it say.",
    ]
    assert services.notes(["gopro"]) == []


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "address",
    ["https://evil.example", "http://10.0.0.1", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example",
     "http://evil.example\\@127.0.0.1", "http://localhost.evil.example:80", "ftp://127.0.0.1", "127.0.0.1:80",
     "http://127.0.0.1:80/elsewhere", "http://127.0.0.1:80\n", "http://0.0.0.0:80", "http://2130706433"],
)  # fmt: skip
def test_a_variable_that_names_any_other_machine_is_refused_and_not_passed_over(name: str, address: str) -> None:
    with pytest.raises(UsageError, match=f"{name.upper()}_BASE_URL may only name an address on this machine"):
        Services.of({f"{name.upper()}_BASE_URL": address})


# What a provider's errors mean


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CredentialsExpiredError("Ended."), Exit.CREDENTIALS),
        (ConfigurationError("Too narrow."), Exit.CREDENTIALS),
        (ProviderUnavailableError("No answer."), Exit.FAILED),
        (ProviderContractError("Changed."), Exit.FAILED),
    ],
)
def test_a_providers_error_is_a_sentence_with_an_exit_code(error: Exception, code: Exit) -> None:
    with pytest.raises(ConsoleError, match=f"^{error}") as failure, answering():
        raise error
    assert failure.value.exit_code == code


def test_nothing_is_logged_to_standard_output_while_a_provider_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    level = logger.log_level
    with answering():
        logger.error("a line of the log")
    assert logger.log_level == level and "a line of the log" not in capsys.readouterr().out


# What is piped in


def test_fields_are_cleaned_and_others_are_left_out() -> None:
    given = {"client_id": 4711, "client_secret": f' "{TOKEN}" ', "refresh_token": TOKEN, "renewed_from": "v1", "x": "y"}
    assert pasted_credentials.from_json(json.dumps(given), "gopro") == Credentials(
        "gopro", refresh_token=TOKEN, client_id="4711", client_secret=TOKEN
    )


def test_an_access_token_beside_a_refresh_token_is_not_trusted() -> None:
    given = {
        "provider": "Dropbox",
        "client_id": "key",
        "refresh_token": TOKEN,
        "access_token": "old",
        "expires_at": 2e9,
    }
    found = pasted_credentials.from_json(json.dumps(given), "dropbox")
    assert (found.access_token, found.refresh_token, found.client_secret) == (None, TOKEN, None)


@pytest.mark.parametrize(
    ("provider", "given", "sentence"),
    [
        ("gopro", {"refresh_token": TOKEN, "client_id": "id"}, "no 'client_secret'"),
        ("google_drive", {"refresh_token": TOKEN, "client_secret": "x"}, "no 'client_id'"),
        ("dropbox", {"refresh_token": TOKEN}, "no 'client_id'"),
        ("gopro", {"access_token": f"{TOKEN}\nx"}, "'access_token' in what came on standard input has a line break"),
        ("gopro", {"access_token": [TOKEN]}, "'access_token' in what came on standard input must be text"),
        ("gopro", {"provider": "google_drive", "access_token": TOKEN}, "must be 'gopro', or be left out"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field_and_never_quoted(
    provider: str, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError) as failure:
        pasted_credentials.from_json(json.dumps(given), provider)
    assert sentence in str(failure.value) and TOKEN not in str(failure.value)


def test_more_than_a_secret_can_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="Standard input holds more than a secret can"):
        pasted_credentials.from_json(json.dumps({"access_token": "x" * 65_536}), "gopro")
    assert pasted_credentials.fault_of("access_token", "x" * 65_537) == "is far too long to be one."


# What is typed


@pytest.mark.parametrize(
    ("typed", "is_taken_as"),
    [
        ("token\n", "token"), ("token\r\n", "token"), ("tokem\x7fn\n", "token"), ("\x7f\b\n", ""),
        ("wrong\x15token\n", "token"), ("to\x04ken\n", "token"), ("\x1b[200~token\n\x1b[201~", "token"),
        ("one\ntwo\n", "one\ntwo"), ("pass word \n", "pass word "),
    ],
)  # fmt: skip
def test_a_line_is_what_its_erasing_characters_have_left(typed: str, is_taken_as: str) -> None:
    assert edited(typed) == is_taken_as


@pytest.mark.parametrize(
    ("typed", "is_the_end"),
    [
        ("token", False), ("token\n", True), ("token\r", True), ("\x1b[200~one\ntwo\n", False),
        ("\x1b[200~one\ntwo\n\x1b[201~", False), ("\x1b[200~one\ntwo\x1b[201~\n", True),
        ("\x1b[200~one\x1b[201~\n\x1b[200~two\n", True),
    ],
)  # fmt: skip
def test_the_lines_of_a_marked_paste_end_nothing(typed: str, is_the_end: bool) -> None:
    assert is_whole(typed) is is_the_end


# The secret


def stored_of(**answers: Any) -> tuple[StoredCredentials, ScriptedClient]:
    stack = stack_of(secretsmanager={"describe_secret": DESCRIBED, "get_secret_value": STORED, **answers})
    return StoredCredentials.of(stack, "gopro"), stack.client("secretsmanager")


def test_a_provider_that_the_stack_does_not_back_up_is_named_with_the_value_to_change() -> None:
    with pytest.raises(NotFoundError) as failure:
        StoredCredentials.of(stack_of(), "dropbox")
    assert str(failure.value) == (
        "The stack of dev backs up GoPro, Google Drive, so there is no secret for Dropbox: add 'dropbox' to "
        "`providers` in environments/dev.toml, and deploy it again."
    )


def test_the_account_that_was_connected_before_is_known_by_its_id() -> None:
    secret, client = stored_of()
    assert secret.owner() == "user-1"
    assert client.asked[1] == ("get_secret_value", {"SecretId": "gopro/credentials", "VersionStage": "AWSCURRENT"})


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '{"access_token": "x"}', '{"user_id": null}'])
def test_of_odd_content_no_account_is_known(text: str) -> None:
    assert stored_of(get_secret_value={"SecretString": text})[0].owner() == ""


def test_of_an_empty_secret_nothing_is_read() -> None:
    secret, client = stored_of(describe_secret={"VersionIdsToStages": {"v1": ["AWSPENDING"]}})
    assert secret.owner() == "" and [name for name, _ in client.asked] == ["describe_secret"]


def test_credentials_become_current_in_one_request_with_their_own_fields_only() -> None:
    secret, client = stored_of(put_secret_value={"VersionId": "v3"})
    given = Credentials("gopro", "access", "refresh", "id", "secret", "user-1", expires_at=1.8e9, version="v1")
    assert secret.store(given) == "v3"
    (_, asked), *_ = client.asked
    assert asked.keys() == {"SecretId", "ClientRequestToken", "SecretString"} and len(asked["ClientRequestToken"]) == 36
    assert json.loads(asked["SecretString"]) == {
        "provider": "gopro", "access_token": "access", "refresh_token": "refresh", "client_id": "id",
        "client_secret": "secret", "user_id": "user-1", "expires_at": 1.8e9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "code", "sentence"),
    [
        ({"describe_secret": DESCRIBED | {"DeletedDate": 1}}, 1, "is scheduled for deletion. Restore it first"),
        ({"describe_secret": refusal("ResourceNotFoundException", "DescribeSecret")}, 5, "is not there any more"),
        ({"get_secret_value": refusal("DecryptionFailure", "GetSecretValue")}, 1, "The KMS key of the secret"),
        ({"get_secret_value": refusal("KMSInvalidStateException", "GetSecretValue")}, 1, "(KMSInvalidStateException)"),
        ({"get_secret_value": refusal("AccessDeniedException", "GetSecretValue")}, 4, "may not do GetSecretValue"),
    ],
)
def test_a_secret_that_cannot_be_used_shows_before_anything_is_asked(
    answers: dict[str, Any], code: int, sentence: str
) -> None:
    with pytest.raises(Exception) as failure:  # noqa: PT011 (what main makes of it)
        stored_of(**answers)[0].owner()
    found = failure.value if isinstance(failure.value, ConsoleError) else explained(failure.value)
    assert found is not None and found.exit_code == code and sentence in str(found)


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [("EncryptionFailure", "The KMS key of the secret"), ("AccessDeniedException", "may not do PutSecretValue")],
)
def test_a_secret_that_cannot_be_written_says_why(refused: str, sentence: str) -> None:
    secret, _ = stored_of(put_secret_value=refusal(refused, "PutSecretValue"))
    with pytest.raises(Exception) as failure:  # noqa: PT011 (what main makes of it)
        secret.store(Credentials("gopro", TOKEN))
    found = failure.value if isinstance(failure.value, ConsoleError) else explained(failure.value)
    assert sentence in str(found)


# The command's words


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([TOKEN], "The provider must be one of gopro, google-drive, dropbox."),
        (["gopro", TOKEN], "Nothing but the provider is an argument."),
        (["gopro", f"--access-token={TOKEN}"], "No such option"),
        (["gopro", "--access-token", TOKEN], "No such option"),
    ],
)
def test_a_secret_among_the_words_of_the_command_is_refused_and_not_quoted(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["connect", *arguments]) == Exit.USAGE
    printed = capsys.readouterr()
    assert sentence in printed.err and TOKEN not in printed.err + printed.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing argument"),
        (["gopro", "--way", "sms"], "is not one of 'password', 'refresh-token', 'session'"),
        (["google-drive", "--port", "70000"], "--port"),
    ],
)
def test_a_word_that_does_not_fit_is_refused_before_aws_is_asked(arguments: list[str], sentence: str) -> None:
    shown = CliRunner().invoke(connect.command, arguments)
    assert shown.exit_code == Exit.USAGE and sentence in shown.output


@pytest.mark.parametrize(
    ("provider", "options", "sentence"),
    [
        ("gopro", {"port": 1}, "--port is for google-drive, and means nothing for gopro"),
        ("dropbox", {"way": "session"}, "--way is for gopro"),
        ("gopro", {"team_space": True}, "--team-space is for dropbox"),
        ("dropbox", {"no_browser": True}, "--no-browser is for google-drive"),
        ("dropbox", {"team_space": False, "from_stdin": True}, "--team-space means nothing with --from-stdin"),
        ("gopro", {"way": "session", "from_stdin": True}, "--way means nothing with --from-stdin"),
    ],
)
def test_an_option_of_another_provider_or_with_nobody_to_ask_is_refused(
    provider: str, options: dict[str, Any], sentence: str
) -> None:
    none = {"way": None, "no_browser": None, "port": None, "team_space": None, "from_stdin": False}
    with pytest.raises(UsageError, match=sentence):
        connect.check_options(none | options | {"provider": provider})


def test_no_option_takes_a_secret() -> None:
    names = {option.name or "" for option in connect.command.params if isinstance(option, click.Option)}
    assert names >= {"way", "from_stdin"}
    assert [
        name for name in names if any(word in name for word in ("secret", "token", "password", "code", "key"))
    ] == []


def test_each_name_of_a_provider_is_accepted_in_either_spelling() -> None:
    assert connect._provider(None, None, "Google_Drive") == "google-drive"  # type: ignore[arg-type]
    assert set(connect.PROVIDERS) == {name.replace("_", "-") for name in PROVIDERS}
