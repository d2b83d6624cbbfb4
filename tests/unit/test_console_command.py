"""`cloudsync`: help without delay, data on standard output, one sentence for what goes wrong, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from console import main
from console.commands import catalogue, restore
from console.errors import ConsoleError, Exit
from console.stack import Stack
from tests.synthesis import ROOT
from tests.unit.console_account import refusal, stack_of

ARN = "arn:aws:states:eu-west-1:000000000000:execution:gopro-sync-orchestrator:night-1"
NIGHT = {
    "executionArn": ARN,
    "name": "night-1",
    "status": "SUCCEEDED",
    "startDate": datetime(2026, 11, 26, 1, 0, tzinfo=UTC),
    "stopDate": datetime(2026, 11, 26, 1, 2, tzinfo=UTC),
    "input": '{"provider": "gopro"}',
    "output": '{"listed": 20, "archived": 3, "bytes_archived": 4000000, "failed": 0, "backlog": 1,'
    ' "estimated_usd": 0.01}',
}

# The modules of the verbs that read: what they import before AWS has answered anything.
READING = {
    "commands": ("status", "list", "show", "failures", "retry", "runs", "export_map", "catalogue_status"),
    "operations": ("status", "library", "listing", "item", "waiting", "retry", "runs", "map", "catalogue_state"),
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Step Functions answers; the stack is there."""
    scripted: dict[str, Any] = {
        "list_executions_pages": [{"executions": [{"executionArn": ARN}]}],
        "describe_execution": NIGHT,
    }

    def find(*_: object) -> Stack:
        return stack_of(stepfunctions=scripted)

    monkeypatch.setattr(Stack, "find", find)
    monkeypatch.delenv("COLUMNS", raising=False)  # where tests run side by side, each process has it
    return scripted


def test_the_nights_are_listed_with_their_numbers(answers: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["runs"]) == Exit.FINE
    title, night = capsys.readouterr().out.splitlines()
    assert title.split() == ["started", "provider", "status", "archived", "moved", "failed", "USD", "waiting", "left",
                             "out"]  # fmt: skip
    assert night.split()[2:] == ["GoPro", "SUCCEEDED", "3", "4.0", "MB", "0", "0.0100", "1"]


def test_in_eighty_columns_the_longest_provider_is_on_one_line(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = '{"archived": 12345, "bytes_archived": 999900000000, "failed": 0, "estimated_usd": 12.5}'
    answers["describe_execution"] = NIGHT | {"input": '{"provider": "google_drive"}', "output": output}
    monkeypatch.setenv("COLUMNS", "80")
    assert main.main(["runs"]) == Exit.FINE
    _, night = capsys.readouterr().out.splitlines()
    assert night.split()[2:] == ["Google", "Drive", "SUCCEEDED", "12,345", "999.9", "GB", "0", "12.5000"]


def test_what_the_last_night_left_out_is_said_in_words_and_has_a_column_where_there_is_room(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["describe_execution"] = NIGHT | {"output": '{"archived": 3, "left_out": {"kinds": 7, "odd": "x", "n": 0}}'}
    assert main.main(["runs"]) == Exit.FINE
    wide = capsys.readouterr().out
    assert wide.splitlines()[0].endswith("left out") and "- 7 of another kind (kinds)" in wide
    monkeypatch.setenv("COLUMNS", "80")
    main.main(["runs"])
    narrow = capsys.readouterr().out
    assert "left out" not in narrow.splitlines()[0] and max(map(len, narrow.splitlines()[:2])) <= 80


def test_json_is_one_versioned_object_on_standard_output(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["runs", "--json"]) == Exit.FINE
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (found["version"], found["kind"], printed.err) == (1, "runs", "")
    assert (found["runs"][0]["run_id"], found["runs"][0]["seconds"]) == ("night-1", 120.0)


@pytest.mark.parametrize("odd", [None, "", "[1]", "no JSON", '{"provider": 7, "mode": null}'])
def test_a_run_with_an_odd_input_and_output_is_listed_all_the_same(
    answers: dict[str, Any], odd: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    answers["describe_execution"] = NIGHT | {"input": odd, "output": odd}
    assert main.main(["runs", "--json"]) == Exit.FINE
    assert json.loads(capsys.readouterr().out)["runs"][0]["archived"] is None


def test_a_refusal_is_one_sentence_on_standard_error(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["describe_execution"] = refusal("AccessDeniedException", "DescribeExecution")
    assert main.main(["runs"]) == Exit.CREDENTIALS
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("cloudsync: The AWS credentials may not do DescribeExecution.")


def test_a_fault_of_ours_says_where_and_nothing_of_what_it_was_about(
    answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["describe_execution"] = ValueError("token-of-the-owner")
    assert main.main(["runs"]) == Exit.FAILED
    printed = capsys.readouterr().err
    assert printed.startswith("cloudsync: This is a fault of Cloud Sync (ValueError in console_account.py:")
    assert "token-of-the-owner" not in printed and len(printed.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["nonsense"], ["runs", "--most", "0"], ["runs", "--odd"]])
def test_what_does_not_fit_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(arguments) == Exit.USAGE
    assert "cloudsync" in capsys.readouterr().err


def test_an_error_of_the_console_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Thawing(ConsoleError):
        exit_code = Exit.THAWING

    def find(*_: object) -> Stack:
        raise Thawing("Not yet.")

    monkeypatch.setattr(Stack, "find", find)
    assert (main.main(["runs"]), capsys.readouterr().err) == (10, "cloudsync: Not yet.\n")


OF_GROUPS = {"settings": ["show"], "restore": list(restore.VERBS), "catalogue": list(catalogue.VERBS)}  # of their own
HELPED = [[verb, *more] for verb in main.VERBS for more in ([[one] for one in OF_GROUPS.get(verb, [])] or [[]])]


@pytest.mark.parametrize("words", HELPED, ids=" ".join)
def test_the_help_of_a_verb_imports_neither_boto3_nor_rich_and_says_what_it_does(words: list[str]) -> None:
    program = (
        f"import sys; from console.main import main; main([*{words!r}, '--help']);"
        "loaded = {'boto3', 'botocore', 'rich', 'requests'} & set(sys.modules); sys.exit(', '.join(loaded) or 0)"
    )
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"}
    shown = subprocess.run([sys.executable, "-c", program], env=paths, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "") and f"Usage: cloudsync {' '.join(words)}" in shown.stdout
    if words != ["completion"]:  # which is about no stack
        assert "--json" in shown.stdout and "--environment" in shown.stdout


def test_help_imports_neither_boto3_nor_rich_nor_a_verb() -> None:
    program = (
        "import sys; from console.main import main; main(['--help']);"
        "loaded = {'boto3', 'botocore', 'rich', 'requests', 'console.commands.runs'} & set(sys.modules);"
        "sys.exit(', '.join(loaded) or 0)"
    )
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"}
    shown = subprocess.run([sys.executable, "-c", program], env=paths, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "") and all(verb in shown.stdout for verb in main.VERBS)


def test_what_looks_at_the_library_imports_no_provider_and_no_tracing() -> None:
    """Half a second of computing, which is seconds beside other load."""
    program = (
        "import sys; from importlib import import_module;"
        "[import_module(f'console.{name}') for name in sys.argv[1:]];"
        "loaded = {'aws_xray_sdk', 'aws_lambda_powertools', 'requests', 'rich', 'cloud_sync_common.providers',"
        "'cloud_sync_common.aws.clients'} & set(sys.modules); sys.exit(', '.join(loaded) or 0)"
    )
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"}
    names = [f"{part}.{name}" for part in ("commands", "operations") for name in READING[part]]
    done = subprocess.run(
        [sys.executable, "-c", program, *names], env=paths, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
