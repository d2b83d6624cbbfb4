"""The verbs that read, as programs against the deployed stack: status, list, show, failures, retry, cost."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.deployment import Deployment
from tests.e2e.conftest import account_of
from tests.ledger_table import LEDGER_TABLE
from tests.synthesis import ROOT

CLOUDSYNC = [sys.executable, "-m", "console"]
# The one video of the fake account that has no original.
WITHOUT_ORIGINAL = "65a0f0c2b7e4d1a2c3b4000c"
LARGE, ITEMS, AT_ONCE = "large-ledger", 100_000, 100  # items of one transaction (API reference, TransactWriteItems)
SECONDS = 3.0


def environment(deployment: Deployment) -> dict[str, str]:
    return {
        **deployment.emulator.environment(),
        "CLOUD_SYNC_ENVIRONMENT": "local",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
        "TZ": "UTC",
    }


def cloudsync(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLOUDSYNC, *arguments], env=environment(deployment), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def found(deployment: Deployment, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = cloudsync(deployment, *arguments, "--json")
    assert done.returncode == code, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.fixture
def after_a_night(deployment: Deployment) -> Deployment:
    assert deployment.run()["status"] == "SUCCEEDED"
    return deployment


def test_status_says_how_the_night_went_what_is_safe_and_what_is_to_be_done(after_a_night: Deployment) -> None:
    status = found(after_a_night, "status", code=3)
    (gopro,) = status["providers"]
    objects = after_a_night.objects()
    assert (gopro["last_run"]["status"], gopro["last_run"]["failed"], gopro["is_running"]) == ("SUCCEEDED", 1, False)
    assert gopro["safe"]["bytes"] == sum(objects.values()) and gopro["safe"]["originals"] == 17
    months = {key.split("/")[1] + "-" + key.split("/")[2] for key in objects}
    assert set(gopro["safe"]["months"]) == months and gopro["safe"]["counted_since"] == ""
    assert gopro["waiting"]["groups"][0]["category"] == "original_unavailable"
    assert gopro["credentials"]["health"] == "renews" and gopro["schedule"]["next_at"]
    assert gopro["spent"][0]["usd"] == pytest.approx(gopro["last_run"]["estimated_usd"])
    assert status["steps"][0] == {
        "text": "GoPro: 1 item could not be archived.", "about": "failures", "provider": "gopro",
        "command": "cloudsync failures", "is_urgent": True,
    }  # fmt: skip
    assert status["read"]["rows"] < 30


def test_status_reads_well_in_a_terminal_of_eighty_columns_without_colours(after_a_night: Deployment) -> None:
    main_end, program_end = pty.openpty()
    program = subprocess.Popen(
        [*CLOUDSYNC, "status"], stdout=program_end, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        env={**environment(after_a_night), "NO_COLOR": "1", "COLUMNS": "80", "TERM": "xterm"},
    )  # fmt: skip
    os.close(program_end)
    text = b"".join(_read(main_end)).decode()
    assert program.wait() == 3 and "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"safe +17 originals, .* 6 months, captured 2026-01 to 2026-06", text)


def _read(end: int) -> Iterator[bytes]:
    """What the program has written, until it closes its end of the terminal."""
    while True:
        try:
            data = os.read(end, 4096)
        except OSError:  # Linux's word for a terminal whose other end is closed
            return
        if not data:
            return
        yield data


def test_a_session_is_told_as_one_and_its_refusal_as_what_it_is(deployment: Deployment, gopro: Any) -> None:
    deployment.store_credentials(account_of(gopro).session())
    untried = found(deployment, "status")
    assert untried["providers"][0]["credentials"]["health"] == "untried"
    deployment.run()
    assert found(deployment, "status", code=3)["providers"][0]["credentials"]["health"] == "lasts"
    gopro.control.expire_access_tokens()
    assert deployment.run()["status"] == "FAILED"
    status = found(deployment, "status", code=3)
    assert status["providers"][0]["credentials"]["health"] == "refused"
    assert status["steps"][0]["command"] == "cloudsync connect gopro"


def test_a_count_anew_is_what_the_runs_have_counted(after_a_night: Deployment) -> None:
    before = found(after_a_night, "status", code=3)["providers"][0]["safe"]
    for month in before["months"]:
        after_a_night.dynamodb.delete_item(
            TableName=after_a_night.ledger_table, Key={"pk": {"S": "PROVIDER#gopro"}, "sk": {"S": f"MONTH#{month}"}}
        )
    assert found(after_a_night, "status", code=3)["providers"][0]["safe"]["originals"] == 0
    assert found(after_a_night, "status", "--recount", code=3)["providers"][0]["safe"] == before


def test_the_library_is_listed_and_each_item_shown_with_its_object_and_its_history(after_a_night: Deployment) -> None:
    done = cloudsync(after_a_night, "list", "--json", "--month", "2026-02")
    head, *items = map(json.loads, done.stdout.splitlines())
    assert (head["kind"], len(items), done.returncode) == ("library", 4, 0)
    largest = max(items, key=lambda item: item["bytes"])
    item = found(after_a_night, "show", largest["media_id"])
    (file,) = item["files"]
    assert (file["key"], file["size"]) == (max(after_a_night.objects().items(), key=lambda o: o[1]))
    assert file["stored"]["checksum"] == file["checksum"] and file["stored"]["problem"] == ""
    assert file["stored"]["storage_class"] == "STANDARD" and "whole-movie" in file["proofs"]
    history = [line["function"] for line in item["history"] if line["run_id"] == item["run_id"]]
    assert history == ["video-downloader", "run-report"]


def test_what_is_not_there_is_one_sentence_and_its_exit_code(after_a_night: Deployment) -> None:
    for arguments, code in (
        (["show", "nothing"], 5),
        (["retry", "nothing", "--yes"], 5),
        (["list", "--month", "x"], 2),
    ):
        done = cloudsync(after_a_night, *arguments)
        assert (done.returncode, done.stdout) == (code, "") and done.stderr.startswith("cloudsync: ")
        assert len(done.stderr.splitlines()) == 1


def test_what_has_failed_is_tried_again_and_only_its_message_leaves_the_queue(after_a_night: Deployment) -> None:
    failures = found(after_a_night, "failures", code=3)["providers"][0]
    assert [group["examples"][0]["media_id"] for group in failures["groups"]] == [WITHOUT_ORIGINAL]
    sqs, url = after_a_night.emulator.client("sqs"), after_a_night.outputs["DeadLetterQueueUrl"]
    for media_id in (WITHOUT_ORIGINAL, "another"):
        body = {"again": {"provider": "gopro"}, "media": {"media_id": media_id}, "run_id": "of-before"}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    refused = cloudsync(after_a_night, "retry", WITHOUT_ORIGINAL)
    assert (refused.returncode, "Repeat the command with --yes." in refused.stderr) == (2, True)
    (retried,) = found(after_a_night, "retry", "--all", "--yes")["runs"]
    assert (retried["items"], retried["messages_deleted"], retried["messages_left"]) == (1, 1, 1)
    arn = after_a_night.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{retried['run_id']}"
    assert after_a_night.wait(arn)["status"] == "SUCCEEDED"
    left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["media"]["media_id"] for message in left] == ["another"]
    assert found(after_a_night, "show", WITHOUT_ORIGINAL)["attempts"] == 2


def test_cost_is_what_the_runs_say_and_the_bucket_has(after_a_night: Deployment) -> None:
    cost = found(after_a_night, "cost")
    (month,), (run, *_) = cost["figures"]["spent"], cost["runs"]
    assert month["usd"] == pytest.approx(run["estimated_usd"]) and month["bytes"] == run["bytes_archived"]
    assert not cost["figures"]["measured"]  # the emulator measures no bucket
    assert sum(tier["bytes"] for tier in cost["figures"]["tiers"]) == sum(after_a_night.objects().values())
    assert cost["figures"]["lifecycle"] == {"deep_archive_days": 7, "older_versions_days": 7, "abort_days": 7}
    assert (cost["figures"]["kept"]["alarms"], cost["figures"]["kept"]["providers"]) == (10, 1)
    assert cloudsync(after_a_night, "cost").returncode == 0


# A large library

# The program itself, with another table as the ledger.
LARGE_STATUS = f"""
import sys
from console.main import main
from console.stack import Stack
find = Stack.find
Stack.find = lambda *given: Stack(given[0], given[1], {{**find(*given).outputs, "LedgerTable": "{LARGE}"}})
sys.exit(main(sys.argv[1:]))
"""


def large_item(number: int) -> dict[str, Any]:
    """One of a hundred has failed."""
    media_id = f"item-{number:06}"
    row = {
        "pk": f"gopro#{media_id}", "sk": "ITEM", "media_id": media_id, "provider": "gopro", "status": "ARCHIVED",
        "filename": f"GX{number:06}.MP4", "captured_at": f"{2016 + number % 10}-{number % 12 + 1:02}-03T10:00:00Z",
    }  # fmt: skip
    if number % 100 == 0:
        row |= {"status": "FAILED", "not_archived": "gopro", "updated_at": f"2026-11-01T00:00:{number % 60:02}Z"}
        row |= {"error_category": "integrity"}
    item: dict[str, Any] = {name: {"S": value} for name, value in row.items()}
    return item if number % 100 == 0 else {**item, "bytes_total": {"N": "1000000"}}


@pytest.fixture
def large_ledger(deployment: Deployment) -> Iterator[Deployment]:
    """A hundred thousand items in a table of its own, which goes at once."""
    deployment.dynamodb.create_table(**{**LEDGER_TABLE, "TableName": LARGE})

    def put(first: int) -> None:
        puts = [{"Put": {"TableName": LARGE, "Item": large_item(n)}} for n in range(first, first + AT_ONCE)]
        deployment.dynamodb.transact_write_items(TransactItems=puts)

    try:
        with ThreadPoolExecutor(4) as writers:
            list(writers.map(put, range(0, ITEMS, AT_ONCE)))
        yield deployment
    finally:
        deployment.dynamodb.delete_table(TableName=LARGE)


def large(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LARGE_STATUS, *arguments], env=environment(deployment), capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(900)
def test_a_hundred_thousand_items_are_listed_as_they_are_read_counted_and_looked_at_in_three_seconds(
    large_ledger: Deployment,
) -> None:
    listed = large(large_ledger, "list", "--json").stdout.splitlines()
    assert len(listed) == 1 + ITEMS and len(set(listed)) == 1 + ITEMS
    counted = json.loads(large(large_ledger, "status", "--recount", "--json").stdout)["providers"][0]["safe"]
    assert (counted["originals"], counted["bytes"], len(counted["months"])) == (99_000, 99_000_000_000, 60)
    done, seconds = min((_timed_status(large_ledger) for _ in range(5)), key=lambda one: one[1])
    status = json.loads(done.stdout)
    (gopro,) = status["providers"]
    assert (gopro["safe"], gopro["waiting"]["failed"]) == (counted, 1_000)
    assert status["read"] == {"requests": 2, "rows": 1_061} and seconds < SECONDS
    _stopped_early(large_ledger)


def _stopped_early(deployment: Deployment) -> None:
    """A list that nobody reads any more, or that is interrupted, ends with the pages that are being read."""
    for stop, code, said in ((_read_no_further, 1, ""), (_interrupt, 130, "Interrupted; nothing further was done.")):
        with subprocess.Popen(
            [sys.executable, "-c", LARGE_STATUS, "list", "--json"], env=environment(deployment), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as program:  # fmt: skip
            assert program.stdout and program.stderr
            assert json.loads(program.stdout.readline())["kind"] == "library" and program.stdout.readline()
            stop(program)
            assert program.stderr.read().strip().removeprefix("cloudsync: ") == said and program.wait() == code


def _read_no_further(program: subprocess.Popen[str]) -> None:
    """As `head` does."""
    assert program.stdout
    program.stdout.close()


def _interrupt(program: subprocess.Popen[str]) -> None:
    program.send_signal(signal.SIGINT)


def _timed_status(deployment: Deployment) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    return large(deployment, "status", "--json"), time.monotonic() - began
