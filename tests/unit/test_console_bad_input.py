"""What cannot work is one sentence with the next step and an exit code, for every verb of `cloudsync`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from botocore import exceptions as of_botocore

from console import aws_account, main
from console.aws_account import AwsAccount
from console.errors import Exit
from tests.unit.console_account import SECRET, answered, refusal
from tests.unit.console_ledger import World, a_world
from tests.unit.console_verbs import MORE, Refusing, of_stack, verbs

# Every verb


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said; nothing is on standard output."""
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1 and printed.err.startswith("cloudsync: ")
    return printed.err


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something for the verb that reads a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"access_token": "access-token-of-the-owner"})))


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Has every client of AWS raise this error."""

    def refuse(error: BaseException) -> None:
        monkeypatch.setattr(AwsAccount, "client", lambda *_: Refusing(error))
        monkeypatch.setattr(AwsAccount, "table", lambda *_: Refusing(error))
        monkeypatch.setattr(AwsAccount, "region", "eu-west-1")

    return refuse


REFUSALS: dict[str, tuple[BaseException, Exit, str]] = {
    "no credentials": (of_botocore.NoCredentialsError(), Exit.CREDENTIALS, "There are no AWS credentials"),
    "expired": (answered("ExpiredToken"), Exit.CREDENTIALS, "have expired"),
    "signed out": (of_botocore.UnauthorizedSSOTokenError(), Exit.CREDENTIALS, "`aws sso login`"),
    "denied": (refusal("AccessDenied", "DescribeStacks"), Exit.CREDENTIALS, "may not do DescribeStacks"),
    "clock": (answered("RequestTimeTooSkewed"), Exit.FAILED, "clock is off"),
    "throttled": (answered("Throttling"), Exit.FAILED, "asks to slow down"),
    "no such stack": (answered("ValidationError"), Exit.NOT_FOUND, "There is no stack CloudSync-dev"),
    "no region": (of_botocore.NoRegionError(), Exit.FAILED, "No AWS region is set"),
    "unreachable": (
        of_botocore.EndpointConnectionError(endpoint_url="https://x"),
        Exit.FAILED,
        "AWS cannot be reached",
    ),
    "no network name": (
        of_botocore.ConnectTimeoutError(endpoint_url="https://x"),
        Exit.FAILED,
        "AWS cannot be reached",
    ),
    "interrupted": (KeyboardInterrupt(), Exit.INTERRUPTED, "Interrupted"),
    "a fault": (ValueError(SECRET), Exit.FAILED, "This is a fault of Cloud Sync (ValueError in console_verbs.py"),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
@pytest.mark.usefixtures("piped")
def test_every_verb_ends_with_the_sentence_and_the_exit_code_of_what_is_in_the_way(
    words: tuple[str, ...],
    case: str,
    as_json: bool,
    refusing: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    error, code, sentence = REFUSALS[case]
    refusing(error)
    assert main.main([*words, *(["--json"] if as_json else [])]) == code
    printed = capsys.readouterr()
    assert printed.out == "" and sentence in printed.err and SECRET not in printed.err
    assert [line for line in printed.err.splitlines() if line] == [printed.err.strip()]


@pytest.mark.parametrize("case", [case for case in REFUSALS if case not in ("interrupted", "a fault")])
def test_for_doctor_what_is_in_the_way_is_a_line_with_the_same_exit_code(
    case: str, refusing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    error, code, sentence = REFUSALS[case]
    refusing(error)
    if case == "no such stack":
        code, sentence = Exit.FAILED, "AWS refused GetObject"  # STS is asked first
    assert main.main(["doctor", "--json"]) == code
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["outcome"] == "fail" and sentence in found["text"]


SERVICES = {"AccessDenied": Exit.CREDENTIALS, "ThrottlingException": Exit.FAILED, "ExpiredToken": Exit.CREDENTIALS}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("code", SERVICES)
@pytest.mark.parametrize(
    "words", [words for words in of_stack() if words[-1] != "x=1" or "show" in words], ids=" ".join
)
@pytest.mark.usefixtures("piped")
def test_every_verb_says_so_when_what_it_asks_once_the_stack_is_found_is_refused(
    words: tuple[str, ...],
    code: str,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ["--provider", "gopro"] if words[0] == "settings" else MORE.get(words, [])
    with a_world(monkeypatch) as world:
        for name in ("client", "table"):
            monkeypatch.setattr(world.account, name, lambda _: Refusing(answered(code)), raising=False)
        assert main.main([*words, *more, *(["--json"] if as_json else [])]) == SERVICES[code]
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.splitlines()[-1].startswith("cloudsync: ")
    assert "fault of Cloud Sync" not in printed.err


@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
@pytest.mark.usefixtures("piped")
def test_every_verb_refuses_a_name_that_no_environment_can_have(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*words, "--environment", "No Such"]) == Exit.USAGE
    assert "--environment must be a name" in one_sentence(capsys)


@pytest.mark.parametrize("words", list(verbs()), ids=" ".join)
def test_an_option_that_no_verb_has_is_one_sentence_with_where_to_read_on(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*words, "--odd-option"]) == Exit.USAGE
    said = one_sentence(capsys)
    assert "No such option" in said and f"`cloudsync {words[0]}" in said and "--help` shows what there is." in said


def test_without_a_verb_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == "" and "Usage: cloudsync" in printed.err and len(printed.err.splitlines()) > 10


# Stacks that cannot be used


STATES = {
    "REVIEW_IN_PROGRESS": "never executed",
    "CREATE_IN_PROGRESS": "is being created", "CREATE_FAILED": "deploy it again",
    "ROLLBACK_COMPLETE": "delete it", "ROLLBACK_IN_PROGRESS": "is being undone", "ROLLBACK_FAILED": "deploy it again",
    "DELETE_IN_PROGRESS": "is being deleted", "DELETE_FAILED": "deploy it again", "UPDATE_FAILED": "deploy it again",
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback", "IMPORT_IN_PROGRESS": "imported", "NEW_STATE": "deploy it",
}  # fmt: skip
OUTPUTS = [{"OutputKey": "CredentialsSecret", "OutputValue": "gopro/credentials"}]


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[dict[str, str]]], None]:
    """Has CloudFormation say this of the stack."""

    def describe(status: str, outputs: list[dict[str, str]]) -> None:
        class CloudFormation(Refusing):
            def describe_stacks(self, **_: object) -> dict[str, Any]:
                return {"Stacks": [{"StackName": "CloudSync-dev", "StackStatus": status, "Outputs": outputs}]}

        monkeypatch.setattr(AwsAccount, "client", lambda *_: CloudFormation(answered("Odd")))
        monkeypatch.setattr(AwsAccount, "region", "eu-west-1")

    return describe


@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
@pytest.mark.parametrize("status", STATES)
@pytest.mark.usefixtures("piped")
def test_every_verb_says_how_a_stack_that_is_half_deployed_goes_on(
    words: tuple[str, ...],
    status: str,
    described: Callable[[str, list[dict[str, str]]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    described(status, [])
    assert main.main(list(words)) == Exit.FAILED
    said = one_sentence(capsys)
    assert f"The stack CloudSync-dev is not ready ({status})." in said and STATES[status] in said


@pytest.mark.parametrize("outputs", [[], [{"OutputKey": "Other", "OutputValue": "x"}]])
@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
@pytest.mark.usefixtures("piped")
def test_every_verb_says_that_a_stack_without_its_outputs_is_of_another_version(
    words: tuple[str, ...],
    outputs: list[dict[str, str]],
    described: Callable[[str, list[dict[str, str]]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    described("CREATE_COMPLETE", outputs)
    assert main.main(list(words)) == Exit.FAILED
    assert "it is of an earlier version" in one_sentence(capsys)


# Only these ask nothing but what every version has, for one reason or another.
ASKS_MORE = [words for words in of_stack() if words[0] not in ("connect", "settings", "config", "show")]


@pytest.mark.parametrize("words", ASKS_MORE, ids=" ".join)
def test_an_output_that_is_missing_is_named(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    described: dict[str, Any] = {"StackStatus": "CREATE_COMPLETE", "Outputs": OUTPUTS}

    class CloudFormation(Refusing):
        def describe_stacks(self, **_: object) -> dict[str, Any]:
            return {"Stacks": [described]}

    monkeypatch.setattr(AwsAccount, "client", lambda *_: CloudFormation(answered("AccessDenied")))
    monkeypatch.setattr(AwsAccount, "table", lambda *_: Refusing(answered("AccessDenied")))
    code = main.main([*words, *MORE.get(words, [])])
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert (code, "it has no output" in said.err) in ((Exit.FAILED, True), (Exit.CREDENTIALS, False))


# Credentials and configuration as they really are


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without AWS credentials; the folder of its configuration."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
@pytest.mark.usefixtures("piped", "home")
def test_every_verb_names_a_profile_that_is_not_there(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert main.main(list(words)) == Exit.CREDENTIALS
    assert "The AWS profile nobody is not there." in one_sentence(capsys)


SSO = "[default]\nsso_session=s\nsso_account_id=1\nsso_role_name=r\n[sso-session s]\nsso_start_url=https://x.example\n"
CONFIGS: dict[str, tuple[str, dict[str, str], Exit, str]] = {
    "nothing": ("", {}, Exit.CREDENTIALS, "There are no AWS credentials"),
    "half a key": ("", {"AWS_ACCESS_KEY_ID": "AKIA"}, Exit.CREDENTIALS, "AWS_SECRET_ACCESS_KEY is missing"),
    "no INI file": ("this is no INI file\n[", {}, Exit.FAILED, "config cannot be read: it is no INI file"),
    "no text": ("\udcff\udcfe\x00", {}, Exit.FAILED, "config cannot be read"),
    "another source": (
        "[default]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile=y\n", {}, Exit.FAILED, "configuration",
    ),
    "a loop": (
        "[default]\nrole_arn=arn:aws:iam::1:role/x\nsource_profile=y\n[profile y]\nrole_arn=arn:aws:iam::1:role/y\n"
        "source_profile=default\n", {}, Exit.FAILED, "InfiniteLoopConfigError",
    ),
    "an unknown source": (
        "[default]\nrole_arn=arn:aws:iam::1:role/x\ncredential_source=Moon\n", {}, Exit.FAILED, "configuration",
    ),
    "no sign-in": (SSO + "sso_region=eu-west-1\n", {}, Exit.CREDENTIALS, "sign-in of this AWS profile has expired"),
    "half a sign-in": (SSO, {}, Exit.FAILED, "configuration of this machine"),
    "no program": ("[default]\ncredential_process=/no/such/program\n", {}, Exit.CREDENTIALS, "(FileNotFoundError)"),
    "a program that fails": (
        f"[default]\ncredential_process=/bin/sh -c 'echo {SECRET} >&2; exit 3'\n", {}, Exit.CREDENTIALS,
        "cannot be had from where the profile says (custom-process)",
    ),
    "a program that says something else": (
        f"[default]\ncredential_process=/bin/echo {SECRET}\n", {}, Exit.CREDENTIALS, "cannot be had",
    ),
    "no region": ("", {"AWS_DEFAULT_REGION": ""}, Exit.FAILED, "No AWS region is set"),
    "an odd region": ("", {"AWS_DEFAULT_REGION": "x y"}, Exit.USAGE, "no such region as 'x y'"),
    "an odd address": ("", {"AWS_ENDPOINT_URL": "nowhere"}, Exit.USAGE, "The address in AWS_ENDPOINT_URL"),
    "an odd mode of retries": ("[default]\nretry_mode=never\n", {}, Exit.CREDENTIALS, "no AWS credentials"),
    "an odd default": ("[default]\ndefaults_mode=never\n", {}, Exit.FAILED, "(InvalidDefaultsMode)"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_how_credentials_and_configuration_can_be_wrong_on_a_machine(
    case: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, variables, code, sentence = CONFIGS[case]
    (home / "config").write_bytes(text.encode("utf-8", "surrogateescape"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main.main(["runs"]) == code
    said = one_sentence(capsys)
    assert sentence in said and SECRET not in said


def test_what_signs_requests_is_never_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    protected: list[str | None] = []
    monkeypatch.setattr(aws_account, "protect", lambda *secrets: protected.extend(secrets))
    for name, value in (("ACCESS_KEY_ID", "AKIA"), ("SECRET_ACCESS_KEY", SECRET), ("SESSION_TOKEN", "session-token")):
        monkeypatch.setenv(f"AWS_{name}", value)
    client = AwsAccount().client("sts")
    client.generate_presigned_url("get_caller_identity")
    assert {SECRET, "session-token"} <= set(protected)


# Items and filters


def test_an_item_that_nobody_knows_is_not_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_world(monkeypatch) as world:
        assert isinstance(world, World)
        for words in (["show", "no-such-item"], ["retry", "no-such-item", "--yes"]):
            assert main.main(words) == Exit.NOT_FOUND
            assert "no-such-item" in one_sentence(capsys)


# Empty words


def _with_an_empty_word() -> list[tuple[str, ...]]:
    """Each verb with each of its options that take text and are empty, as `--provider "$UNSET"` is, and with an empty
    argument."""
    found: list[tuple[str, ...]] = []
    for words in of_stack():
        command, depth = main.cloudsync.get_command(click.Context(main.cloudsync), words[0]), 1
        assert command is not None
        if isinstance(command, click.Group):
            command, depth = command.get_command(click.Context(command), words[1]), 2
            assert command is not None
        for one in command.params:
            if isinstance(one, click.Option) and one.type is click.STRING and not one.is_flag:
                found.append((*words, one.opts[0], ""))
            elif isinstance(one, click.Argument) and one.name != "provider":
                found.append((*words[:depth], ""))
    return found


@pytest.mark.parametrize("words", _with_an_empty_word(), ids=" ".join)
@pytest.mark.usefixtures("piped")
def test_an_empty_word_is_refused_before_aws_is_asked_and_never_means_everything(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], refusing: Callable[[BaseException], None]
) -> None:
    refusing(AssertionError("AWS was asked"))
    assert main.main(list(words)) == Exit.USAGE
    one_sentence(capsys)
