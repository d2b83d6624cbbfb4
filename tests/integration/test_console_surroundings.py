"""`cloudsync` as a program, with whatever a terminal, a pipe, a network and a clock can be like: never a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import boto3
import pytest

from local.emulator import free_port
from tests.integration.aws_on_loopback import REGION, Aws
from tests.integration.canned_server import canned_server
from tests.integration.console_program import Owner
from tests.ledger_table import TABLE
from tests.synthesis import ROOT

NAME = "Été 日本.MP4"
READ = "Read 1 row of the ledger in 4 requests.\n"
MANY = 300  # with names as long as they may be: more than a pipe holds


@pytest.fixture
def owner(aws: Aws, tmp_path: Path) -> Owner:
    return Owner(aws, tmp_path)


def archive(owner: Owner, count: int = 1, name: str = NAME) -> None:
    server = owner.aws.server.variables
    table = boto3.Session("x", "x", region_name=REGION).resource(
        "dynamodb", endpoint_url=server["AWS_ENDPOINT_URL"], verify=server["AWS_CA_BUNDLE"]
    ).Table(TABLE)  # fmt: skip
    with table.batch_writer() as writer:
        for number in range(count):
            row = {"pk": f"gopro#clip-{number}", "sk": "ITEM", "media_id": f"clip-{number}", "filename": name}
            writer.put_item(Item={**row, "status": "ARCHIVED", "captured_at": "2026-05-03T10:00:00Z"})


def run(owner: Owner, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        owner.words(*arguments), env=owner.environment | variables, cwd=owner.home, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip


ENCODINGS: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin 1": {"PYTHONIOENCODING": "latin-1:strict"},
    "UTF-8": {"PYTHONIOENCODING": "utf-8"},
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_where_the_output_has_no_unicode_a_name_is_escaped_and_json_stays_json(owner: Owner, case: str) -> None:
    archive(owner)
    done = run(owner, "list", "--json", **ENCODINGS[case])
    assert (done.returncode, done.stderr) == (0, READ)
    _, item = map(json.loads, done.stdout.splitlines())
    assert item["filename"] == NAME
    shown = subprocess.run(
        owner.words("list"), env=owner.environment | ENCODINGS[case], stdin=subprocess.DEVNULL, capture_output=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert shown.returncode == 0 and b"Traceback" not in shown.stderr and b".MP4" in shown.stdout


TERMINALS = [{"TERM": ""}, {"TERM": "dumb"}, {"COLUMNS": "40"}, {"COLUMNS": "1"}, {"COLUMNS": "0"}, {"COLUMNS": "x"}]


@pytest.mark.parametrize("variables", TERMINALS, ids=str)
def test_whatever_the_terminal_is_said_to_be_the_result_is_shown(owner: Owner, variables: dict[str, str]) -> None:
    archive(owner, name="GX010042.MP4")
    done = run(owner, "list", **variables)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert len("".join(done.stdout.split())) > 40  # folded, and nothing is left out
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("list", "--json"), ("list", "-n", "300")], ids=" ".join)
def test_a_reader_that_has_enough_ends_it_without_a_word(owner: Owner, arguments: tuple[str, ...]) -> None:
    archive(owner, MANY, name="n" * 250 + ".MP4")
    with subprocess.Popen(
        owner.words(*arguments), env=owner.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        assert program.stdout is not None and program.stderr is not None
        assert program.stdout.readline() != b""
        program.stdout.close()
        said = program.stderr.read().decode()
        assert program.wait(timeout=120) == 1
    assert "Traceback" not in said and "Exception" not in said and "BrokenPipe" not in said


@pytest.mark.parametrize(
    ("shell", "code", "words"),
    [
        ('exec "$@" >&-', 0, ""),
        ('exec "$@" >/dev/full', 1, "cloudsync: The result cannot be written (ENOSPC).\n"),
        ('exec "$@" 2>&-', 0, ""),
        ('exec "$@" <&-', 0, ""),
    ],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_streams_that_are_closed_or_full_are_no_fault_of_ours(
    owner: Owner, shell: str, code: int, words: str, as_json: bool
) -> None:
    archive(owner)
    arguments = ["list", *(["--json"] if as_json else [])]
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *owner.words(*arguments)], env=owner.environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr.replace(READ, "")) == (code, words)


# What answers in place of AWS


def cloudsync(home: Path, endpoint: str, *arguments: str) -> subprocess.Popen[str]:
    variables: Mapping[str, str] = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret-key-of-the-owner",
        "AWS_DEFAULT_REGION": REGION, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
        "PATH": os.environ["PATH"], "HOME": str(home),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "console", *arguments], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(program: subprocess.Popen[str], sentence: str, code: int) -> None:
    out, err = program.communicate(timeout=120)
    assert (out, program.returncode) == ("", code) and sentence in err, err
    assert err.strip().count("\n") == 0 and err.strip().startswith("cloudsync: ") and "secret-key" not in err


def http(status: str, body: str, kind: str = "text/xml", off: timedelta = timedelta()) -> bytes:
    date = format_datetime(datetime.now(UTC) + off, usegmt=True)
    head = f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def refused(code: str, off: timedelta = timedelta()) -> bytes:
    message = "repeats secret-key-of-the-owner and c2VjcmV0LWtleS1vZi10aGUtb3duZXI="
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return http("403 Forbidden", body, off=off)


# Each is made when it is sent: it has the time.
ANSWERS = {
    "a page that is no XML": (
        partial(http, "200 OK", "<html><br>Sign in", "text/html"),
        1,
        "in place of AWS cannot be read",
    ),
    "a page that is XML": (partial(http, "200 OK", "<html><p>Sign in</p></html>", "text/html"), 1, "in place of AWS"),
    "a clock that is off": (
        partial(refused, "SignatureDoesNotMatch", timedelta(hours=1)),
        1,
        "This machine's clock is off",
    ),
    "a wrong key": (partial(refused, "SignatureDoesNotMatch"), 4, "AWS does not accept the credentials"),
    "no permission": (partial(refused, "AccessDenied"), 4, "may not do cloudformation:DescribeStacks."),
    "too often": (partial(refused, "Throttling"), 1, "AWS asks to slow down (cloudformation:DescribeStacks)"),
    "a code that is none": (
        partial(refused, "secret-key-of-the-owner"),
        1,
        "AWS refused cloudformation:DescribeStacks (no code)",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_answers_in_place_of_aws_is_told_by_what_it_is(tmp_path: Path, case: str) -> None:
    answer, code, sentence = ANSWERS[case]
    with canned_server() as server:
        server.answer = answer()
        ended(cloudsync(tmp_path, server.url, "runs"), sentence, code)


def test_where_nothing_answers_the_host_is_named(tmp_path: Path) -> None:
    address = f"http://me:pass-word-of-the-owner@127.0.0.1:{free_port()}"
    ended(cloudsync(tmp_path, address, "runs", "--json"), "AWS cannot be reached at 127.0.0.1", 1)


def test_ctrl_c_while_aws_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program = cloudsync(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", "status", "--json")
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            program.send_signal(signal.SIGINT)
            ended(program, "Interrupted; nothing further was done.", 130)
