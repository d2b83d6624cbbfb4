"""`cloudsync run` and `cloudsync plan` as programs against the deployed stack: progress, joining, Ctrl-C, a dry run."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of
from tests.e2e.test_console_reading import CLOUDSYNC
from tests.e2e.test_console_reading import environment as of_aws

SECONDS = 120.0


@pytest.fixture
def environment(deployment: Deployment, gopro: FakeGoPro) -> dict[str, str]:
    authority = str(deployment.emulator.certificates.ca_bundle)
    return {**of_aws(deployment), "GOPRO_API_BASE_URL": gopro.base_url, "SSL_CERT_FILE": authority}


type Cloudsync = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cloudsync(environment: dict[str, str]) -> Cloudsync:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLOUDSYNC, *arguments], env=environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=SECONDS,
        )  # fmt: skip

    return run


@pytest.fixture
def held(deployment: Deployment, gopro: FakeGoPro) -> Iterator[str]:
    """The name of a video in parts that comes slowly until the test is over."""
    (large,) = [one for one in gopro.control.originals() if int(one["size"]) > 20_000_000]
    gopro.control.add_fault(FaultKind.SLOW, media_id=large["media_id"], bytes_per_second=150_000)
    yield str(large["filename"])
    gopro.control.clear_faults()


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def state_of(deployment: Deployment) -> tuple[Any, ...]:
    """All that a run writes: rows, objects of both buckets, and the versions of the secret."""
    s3, rows = deployment.s3, sorted(deployment.rows(), key=lambda row: (row["pk"], row["sk"]))
    work = s3.list_objects_v2(Bucket=deployment.work_bucket).get("Contents", [])
    versions = deployment.secrets.describe_secret(SecretId=deployment.secret)["VersionIdsToStages"]
    return rows, deployment.objects(), sorted(one["Key"] for one in work), versions


def test_a_run_is_followed_to_its_report_and_then_a_plan_has_nothing_left(
    deployment: Deployment, cloudsync: Cloudsync
) -> None:
    before = state_of(deployment)
    (plan,) = lines(cloudsync("plan", "--json"))[0]["providers"]
    after = state_of(deployment)
    assert after[1:3] == before[1:3] and {row["pk"] for row in after[0]} <= {"PROVIDER#gopro"}

    done = cloudsync("run", "--follow", "--json")
    begun, *events, report = lines(done)
    assert done.returncode == 3, done.stderr  # one has no original
    assert (begun["kind"], begun["joined"], begun["provider"]) == ("run", False, "gopro")
    assert {event["kind"] for event in events} == {"progress"}
    last = events[-1]
    assert (last["videos"], last["ended"], last["failed"]) == (18, 18, 1)
    assert last["done"] == last["total"] == sum(deployment.objects().values()) == report["bytes_archived"]
    assert (report["status"], report["archived"], report["failed"]) == ("SUCCEEDED", 17, 1)
    names = [video["filename"] for event in events for video in event["news"]]
    assert len(names) == 18

    assert (plan["videos"], plan["listed"], plan["waiting"]) == (18, report["listed"], report["waiting"])
    assert {reason: left["items"] for reason, left in plan["left_out"].items()} == report["left_out"]
    assert plan["estimate"]["run_usd"] == pytest.approx(report["estimated_usd"], rel=0.5)

    (plan,) = lines(cloudsync("plan", "--json"))[0]["providers"]
    assert (plan["videos"], plan["again"], plan["archived"], plan["problem"]) == (1, 1, 17, "")

    again = cloudsync("run", "--follow", begun["run_id"])
    assert again.returncode == 3 and again.stdout.startswith("GoPro: SUCCEEDED, 17 items archived (")


def test_filters_limit_a_run_and_its_plan_alike(deployment: Deployment, cloudsync: Cloudsync) -> None:
    filters = ["--name", "GX01004*", "--from", "2020-01"]
    (plan,) = lines(cloudsync("plan", *filters, "--json"))[0]["providers"]
    done = cloudsync("run", "--follow", *filters)
    assert done.returncode == 0, done.stderr
    assert len(deployment.objects()) >= plan["videos"] > 0
    assert f"GoPro: SUCCEEDED, {plan['videos']} items archived" in done.stdout
    assert f"{plan['left_out']['names']['items']} with another name (names)" in done.stdout
    assert done.stderr.count(".MP4: archived, ") == plan["videos"] and "GoPro " in done.stderr


def test_an_interrupted_command_leaves_the_run_running_which_the_next_one_joins(
    deployment: Deployment, cloudsync: Cloudsync, environment: dict[str, str], held: str, gopro: FakeGoPro
) -> None:
    main_end, program_end = pty.openpty()
    program = subprocess.Popen(
        [*CLOUDSYNC, "run", "--follow", "--name", "GX01006*", "--name", held], stdin=program_end, stdout=program_end,
        stderr=program_end, env={**environment, "TERM": "xterm", "COLUMNS": "80"}, start_new_session=True,
    )  # fmt: skip
    os.close(program_end)
    text = _until(main_end, held[:20])
    program.send_signal(signal.SIGINT)
    text += _rest(main_end)
    assert program.wait(timeout=SECONDS) == 130
    assert "The run goes on. To see it again:\r\n  cloudsync run --follow run-" in text and "Traceback" not in text
    assert "\x1b[?25h" in text, "the cursor is shown again"

    other = cloudsync("run", "--name", "GX01004*")
    assert (other.returncode, "Follow it with `cloudsync run --follow run-" in other.stderr) == (1, True)
    joined = cloudsync("run", "--json")
    assert (joined.returncode, lines(joined)[0]["joined"]) == (0, True)
    gopro.control.clear_faults()
    done = cloudsync("run", "--follow", lines(joined)[0]["run_id"], "--json")
    assert (done.returncode, lines(done)[-1]["status"]) == (0, "SUCCEEDED")
    executions = deployment.step_functions.list_executions(stateMachineArn=deployment.state_machine_arn)
    ours = [one["name"] for one in executions["executions"] if one["name"].startswith("run-")]
    assert lines(joined)[0]["run_id"] in ours


def _until(end: int, wanted: str) -> str:
    """What the program writes, to that text."""
    text, deadline = "", time.monotonic() + SECONDS
    while wanted not in text:
        assert time.monotonic() < deadline, text[-2_000:]
        text += os.read(end, 4096).decode(errors="replace")
    return text


def _rest(end: int) -> str:
    text = ""
    while True:
        try:
            data = os.read(end, 4096)
        except OSError:  # Linux's word for a terminal whose other end is closed
            return text
        if not data:
            return text
        text += data.decode(errors="replace")


def test_a_plan_whose_token_has_ended_has_it_renewed_as_a_run_would_and_the_next_run_works(
    deployment: Deployment, cloudsync: Cloudsync, gopro: FakeGoPro
) -> None:
    assert deployment.run()["status"] == "SUCCEEDED"
    first = stored(deployment)
    gopro.control.expire_access_tokens()
    planned = cloudsync("plan", "--json")
    assert planned.returncode == 0, planned.stderr
    assert "the function media-authenticator renews it" in planned.stderr
    second = stored(deployment)
    assert second["access_token"] != first["access_token"]
    assert lines(planned)[0]["providers"][0]["videos"] == 1
    assert output_of(deployment.run())["archived"] == 0
    assert stored(deployment) == second
    for secret in (second["access_token"], second["refresh_token"], second["client_secret"]):
        assert secret not in planned.stdout + planned.stderr


def stored(deployment: Deployment) -> dict[str, str]:
    text = deployment.secrets.get_secret_value(SecretId=deployment.secret)["SecretString"]
    value: dict[str, str] = json.loads(text)
    return value


def test_a_session_that_has_ended_is_a_plan_that_says_to_connect(
    deployment: Deployment, cloudsync: Cloudsync, gopro: FakeGoPro
) -> None:
    deployment.store_credentials(account_of(gopro).session())
    gopro.control.expire_access_tokens()
    done = cloudsync("plan")
    assert done.returncode == 4 and "`cloudsync connect gopro`" in " ".join(done.stdout.split())
    failed = cloudsync("run", "--follow")
    assert failed.returncode == 1 and "GoPro: FAILED (CredentialsExpiredError)" in failed.stdout
    assert "Next step: Connect the provider again: `cloudsync connect`." in failed.stdout


def test_a_reconciliation_is_followed_too(deployment: Deployment, cloudsync: Cloudsync) -> None:
    deployment.run()
    done = cloudsync("run", "--mode", "reconcile", "--follow")
    assert done.returncode == 3, done.stderr  # the one that has no original is not archived
    assert "GoPro: SUCCEEDED, 1 finding in" in done.stdout and "- 1 not_archived" in done.stdout
    assert "GoPro comparing" in done.stderr
