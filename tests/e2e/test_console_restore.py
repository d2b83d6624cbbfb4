"""`cloudsync restore` as a program against the deployed stack: the price, one job for one choice, thawed, cancelled."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local.aws_fault_menu import AwsFaultKind
from local.aws_proxy import AwsProxy
from local.deep_archive import freeze
from local.deployment import Deployment
from tests.e2e.test_console_reading import cloudsync, found

SECONDS, BETWEEN = 90.0, 0.2
CLIPS = [f"65a0f0c2b7e4d1a2c3b4{number:04x}" for number in (1, 2, 3)]  # the last one has three files
ALL = ("--everything", "--max-usd", "1", "--yes")


@pytest.fixture
def frozen(deployment: Deployment) -> Deployment:
    """Three clips in Deep Archive, as the lifecycle rule has them after a week."""
    archive(deployment)
    for key in deployment.objects():
        freeze(deployment, key)
    return deployment


def archive(deployment: Deployment) -> None:
    """What is archived in a moment, and is enough."""
    run = {"provider": "gopro", "filters": {"media_ids": CLIPS}}
    assert deployment.run(run)["status"] == "SUCCEEDED"


def jobs(deployment: Deployment) -> list[dict[str, Any]]:
    return [row for row in deployment.rows() if row["pk"] == "RESTORES"]


def over(deployment: Deployment, job_id: str) -> dict[str, Any]:
    """What `restore status` says as soon as it says that nothing more is thawed."""
    end = time.monotonic() + SECONDS
    while True:
        done = cloudsync(deployment, "restore", "status", job_id, "--json")
        if done.returncode != 10:
            assert done.returncode == 0, done.stdout + done.stderr
            value: dict[str, Any] = json.loads(done.stdout)
            return value
        assert time.monotonic() < end, done.stdout
        time.sleep(BETWEEN)


def test_the_price_is_shown_and_kept_and_a_choice_is_thawed_once(frozen: Deployment) -> None:
    sizes = frozen.objects()
    planned = found(frozen, "restore", "plan", "--everything", code=0)
    plan = planned["plan"]
    assert (plan["items"], plan["files"], plan["bytes"]) == (3, len(sizes), sum(sizes.values()))
    assert plan["frozen"] == {"files": len(sizes), "bytes": sum(sizes.values())}
    assert plan["quotes"][0]["retrieval"] > len(sizes) * 0.025 / 1_000 and plan["quotes"][0]["egress"] == 0

    refused = cloudsync(frozen, "restore", "start", "--everything", "--max-usd", "0.0001", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "") and "more than --max-usd 0.0001" in refused.stderr
    refused = cloudsync(frozen, "restore", "start", "--everything", "--yes")
    assert refused.returncode == 2 and "There is no terminal to ask on." in refused.stderr
    assert jobs(frozen) == []

    job = found(frozen, "restore", "start", *ALL)
    again = found(frozen, "restore", "start", *ALL)
    assert (job["joined"], again["joined"], again["job_id"]) == (False, True, job["job_id"])
    assert job["quoted_usd"] == pytest.approx(planned["total_usd"], rel=0.01)

    ready = over(frozen, job["job_id"])
    assert (ready["state"], ready["ready"], ready["ready_bytes"]) == ("READY", len(sizes), sum(sizes.values()))
    assert ready["ready_until"] and ready["failed"] == 0
    after = found(frozen, "restore", "plan", "--everything")["plan"]
    assert (after["frozen"]["files"], after["thawed"]["files"]) == (0, len(sizes))
    assert after["quotes"][0]["retrieval"] == 0
    assert found(frozen, "restore", "start", *ALL)["joined"] is True

    listed = cloudsync(frozen, "restore", "list", "--json")
    head, one = map(json.loads, listed.stdout.splitlines())
    assert (head["kind"], one["job_id"], one["state"], one["files"]) == (
        "restore-jobs", job["job_id"], "READY", len(sizes)
    )  # fmt: skip


def test_a_job_is_cancelled_while_it_is_thawed_and_what_that_cannot_undo_is_said(
    frozen: Deployment, aws: AwsProxy
) -> None:
    keys = list(frozen.objects())
    aws.add_fault(AwsFaultKind.SLOW_ANSWER, "s3", seconds=10.0)  # so that the job is under way for as long
    job_id = found(frozen, "restore", "start", keys[0], "--max-usd", "1", "--yes")["job_id"]
    assert found(frozen, "restore", "status", job_id, code=10)["state"] in ("NEW", "REQUESTING", "THAWING")
    done = found(frozen, "restore", "cancel", job_id)
    assert done["asked"]["files"] + done["never_asked"] == 1 and not done["again"]
    arn = frozen.outputs["RestorerArn"].replace(":stateMachine:", ":execution:", 1)
    step_functions = frozen.emulator.client("stepfunctions")
    assert step_functions.describe_execution(executionArn=f"{arn}:{job_id}")["status"] == "ABORTED"
    assert found(frozen, "restore", "status", "--latest", code=1)["state"] == "CANCELLED"
    assert found(frozen, "restore", "cancel", job_id)["again"]
    missing = cloudsync(frozen, "restore", "cancel", "restore-20260101T000000Z-0000")
    assert missing.returncode == 5 and "`cloudsync restore list`" in missing.stderr
    aws.rules.clear()

    another = found(frozen, "restore", "start", keys[0], "--max-usd", "1", "--yes")
    assert another["job_id"] != job_id and over(frozen, another["job_id"])["ready"] == 1


def test_a_deleted_original_comes_back_by_its_version_and_what_is_hot_is_ready_at_once(deployment: Deployment) -> None:
    archive(deployment)
    deleted, gone, *_, hot = sorted(deployment.objects())
    s3, bucket = deployment.s3, deployment.archive_bucket
    freeze(deployment, deleted)
    version = s3.head_object(Bucket=bucket, Key=deleted)["VersionId"]
    for key in (deleted, gone):
        s3.delete_object(Bucket=bucket, Key=key)
    left = s3.list_object_versions(Bucket=bucket, Prefix=gone)
    for one in (*left["Versions"], *left["DeleteMarkers"]):
        s3.delete_object(Bucket=bucket, Key=gone, VersionId=one["VersionId"])
    plan = found(deployment, "restore", "plan", deleted, gone, code=3)["plan"]
    notes = {note["key"]: (note["is_lost"], note["text"]) for note in plan["notes"]}
    assert notes[deleted][0] is False and f"its version {version} of " in notes[deleted][1]
    assert notes[gone][0] is True and "in no version" in notes[gone][1]
    ready = found(deployment, "restore", "start", hot, "--max-usd", "1", "--yes")
    assert (ready["state"], ready["failed"], ready["ready_until"]) == ("READY", 0, "")
    assert found(deployment, "restore", "status", ready["job_id"])["ready"] == ready["files"] >= 1
