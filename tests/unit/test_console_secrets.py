"""Whatever AWS or a provider repeats of a secret that the command knows, no verb prints it: in none of its usual forms,
and not when a narrow table cuts it into lines."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common import safe_text
from cloud_sync_common.exceptions import ProviderContractError

from console import main
from console.aws_account import AwsAccount
from console.commands import connecting
from console.errors import ConsoleError, CredentialsRefusedError, UsageError
from console.operations import doctor_tokens
from console.operations.connection import Connected
from console.operations.provider_accounts import Account, Listed
from console.operations.provider_services import Services
from console.operations.stored_credentials import StoredCredentials
from tests.unit.console_account import stack_of
from tests.unit.console_ledger import World, a_world
from tests.unit.console_verbs import Refusing, of_stack

TOKEN = 'gp/T0ken+"of&the"owner=0123456789<abcdef>GHIJKL'
RUN = 12  # characters of a secret that are never shown (safe_text)
FORMS: dict[str, str] = {
    "as it is": TOKEN,
    "JSON": json.dumps(TOKEN)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(TOKEN))[3:-3],
    "a URL": quote(TOKEN, safe=""),
    "HTML": html.escape(TOKEN),
    "Base64": base64.b64encode(TOKEN.encode()).decode(),
    "Base64 of more": base64.b64encode(f"a:{TOKEN}".encode()).decode(),
    "Base64 for URLs": base64.urlsafe_b64encode(TOKEN.encode()).decode(),
    "hexadecimal": TOKEN.encode().hex(),
    "capitals": TOKEN.upper(),
    "its beginning": TOKEN[:20],
    "its end": TOKEN[-20:],
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is known to this process, and to no later test."""
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    safe_text.protect(TOKEN)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        yield world


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """Everything that was printed, whatever lines it was cut into."""
    printed = capsys.readouterr()
    return re.sub(r"\s", "", printed.out + printed.err)


def assert_hidden(text: str) -> None:
    for form in map(str.lower, FORMS.values()):
        for at in range(len(form) - RUN + 1):
            assert form[at : at + RUN] not in text.lower(), "a secret was shown"


def plant(world: World, form: str) -> None:
    """In each place whose text comes from others."""
    world.alarms.clear()
    world.answer("stepfunctions", list_executions={"executions": []})
    fields = {
        "media_id": "clip-1", "filename": f"GX-{form}.MP4", "captured_at": "2026-05-03T10:00:00Z", "camera": form,
        "updated_at": "2026-11-26T01:00:00.000Z", "error_category": "integrity", "error_message": f"Bad: {form}",
    }  # fmt: skip
    world.put("gopro#clip-1", "ITEM", status="FAILED", not_archived="gopro", attempts=5, **fields)
    world.put("gopro#clip-2", "ITEM", **fields | {"status": "ARCHIVED", "media_id": "clip-2", "damage": form})
    paused = {"changed_at": "2026-11-26T03:00:00+00:00", "pause_changed_at": "2026-11-26T03:00:00+00:00"}
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document='{"paused": true}', changed_by=form, **paused)
    row = {"version": 1, "document": json.dumps({"filters": {"names": [form]}}), "changed_at": form, "changed_by": form}
    world.put("SETTINGS#gopro", "VERSION#000001", **row)
    output = {"archived": 3, "failed": 1, "left_out": {form: 7}, "report_key": form, "findings": {form: 1}}
    world.night("n1", output=json.dumps(output))
    world.night("n2", status="FAILED", error=form, cause=f"It said: {form}", output=None)
    world.alarm("gopro-sync-run-failed", f"It said {form}. Next step: {form}")
    world.answer("logs", filter_log_events={"events": [{"timestamp": 1, "message": json.dumps({"message": form})}]})
    values = {"alert_email": form, "filters": json.dumps({"gopro": {"names": [form]}})}
    body = {"Metadata": {"CloudSync": {"version": form, "values": values}}}
    world.answer("cloudformation", get_template={"TemplateBody": body})


READ: list[list[str]] = [
    ["status"], ["runs"], ["list"], ["failures"], ["show", "clip-1"], ["retry", "clip-1"],
    ["run", "--follow", "n1"], ["run", "--follow", "n2"], ["run", "--provider", "gopro"], ["config"],
    ["settings", "history", "--provider", "gopro"], ["settings", "show", "--provider", "gopro"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", READ, ids=" ".join)
def test_no_verb_that_reads_shows_a_secret_that_a_row_a_run_or_a_log_repeats(
    world: World, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ways = [(form, 200, more) for form in FORMS.values() for more in ([], ["--json"])]
    for form, width, more in [*ways, (FORMS["as it is"], 40, []), (FORMS["Base64"], 40, [])]:
        monkeypatch.setenv("COLUMNS", str(width))
        plant(world, form)
        main.main([*arguments, *more])
        text = shown(capsys)
        assert_hidden(text)
        assert text and "faultofCloudSync" not in text, text


def test_what_nobody_knows_to_be_a_secret_would_be_shown_by_these_verbs(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    plant(world, "planted-in-each-place")
    silent = [arguments for arguments in READ if main.main(arguments) >= 0 and "planted" not in shown(capsys)]
    assert silent == []


@pytest.mark.parametrize("words", of_stack(), ids=" ".join)
def test_no_verb_shows_what_a_refusal_of_aws_repeats(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(AwsAccount, "region", "eu-west-1")
    for text in FORMS.values():
        for code in (text, "AccessDenied"):
            monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"access_token": TOKEN})))
            answer: Any = {"Error": {"Code": code, "Message": f"perform: {text} {text}"}, "Odd": text}
            client = Refusing(ClientError(answer, "DescribeStacks"))
            monkeypatch.setattr(AwsAccount, "client", lambda *_, client=client: client)
            main.main([*words, "--json"])
            assert_hidden(shown(capsys))


ERRORS: list[Callable[[str], Exception]] = [
    ConsoleError, UsageError, CredentialsRefusedError, ProviderContractError, ValueError, OSError, KeyError,
    lambda text: UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: getattr(error, "__name__", "decoding"))
def test_no_sentence_shows_what_an_error_of_any_kind_says(
    error: Callable[[str], Exception], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main._failed(*main._meaning(error(f"It said {FORMS[form]}")))
    assert_hidden(shown(capsys))


@pytest.mark.parametrize("form", FORMS)
def test_doctor_and_connect_show_no_secret_in_the_name_of_an_account(
    world: World, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account(id="1", name=FORMS[form], email=FORMS[form])
    listed = Listed(videos=1, total=2)
    found = Connected(provider="dropbox", secret="s", account=account, listed=listed, renews_itself=True)
    options = {"from_stdin": True, "yes": False}
    for as_json in (False, True):
        output = connecting.Output(as_json=as_json)
        connecting.Connecting(world.stack, output, Services(), "dropbox", options)._ended(found)
        output.data("connected", found)
    monkeypatch.setattr(doctor_tokens, "account_of", lambda *_: account)
    monkeypatch.setattr(doctor_tokens, "_is_empty", lambda *_: False)
    monkeypatch.setattr(AwsAccount, "client", lambda _self, name: world.account.client(name))
    monkeypatch.setattr(AwsAccount, "region", "eu-west-1")
    main.main(["doctor"])
    main.main(["doctor", "--json"])
    assert_hidden(shown(capsys))


def test_what_is_read_from_the_secret_is_known_from_then_on() -> None:
    stored = {"access_token": "another-token-9876543210", "odd_field": "odd-secret-5432109876", "user_id": "u-1"}
    answers = {
        "describe_secret": {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}},
        "get_secret_value": {"SecretString": json.dumps(stored)},
    }
    assert StoredCredentials.of(stack_of(secretsmanager=answers), "gopro").owner() == "u-1"
    said = safe_text.redact("It said another-token-9876543210 and odd-secret-5432109876.")
    assert said == "It said *** and ***."
