"""Restore drills against the deployed stack: the owner's command, and the quarterly state machine without a machine of
the owner's."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.deep_archive import freeze
from local.deployment import Deployment
from tests.e2e.test_console_reading import CLOUDSYNC, environment

SECONDS, BETWEEN = 180.0, 0.5
LEAST = 1_000_000  # bytes, so that ranges of an original are read


@pytest.fixture
def archived(deployment: Deployment) -> dict[str, Any]:
    """The row of one original, which is in Deep Archive and the only one that the ledger knows."""
    assert deployment.run()["status"] == "SUCCEEDED"
    rows = [row for row in deployment.rows() if row["sk"].startswith("SOURCE#") and row["status"] == "ARCHIVED"]
    kept = next(row for row in rows if row["size"] > LEAST)
    freeze(deployment, kept["key"])
    for row in rows:
        if row is not kept:
            key = {name: {"S": row[name]} for name in ("pk", "sk")}
            deployment.dynamodb.delete_item(TableName=deployment.ledger_table, Key=key)
    return kept


def certificate(deployment: Deployment) -> dict[str, Any]:
    """The one that there is, which is there as text as well."""
    listed = deployment.s3.list_objects_v2(Bucket=deployment.work_bucket, Prefix="certificates/")["Contents"]
    (key,) = (one["Key"] for one in listed if one["Key"].endswith(".json"))
    assert {one["Key"] for one in listed} == {key, key.replace(".json", ".txt")}
    body = deployment.s3.get_object(Bucket=deployment.work_bucket, Key=key)["Body"].read()
    value: dict[str, Any] = json.loads(body)
    return value


def quarter(deployment: Deployment) -> Any:
    """What EventBridge Scheduler does on the first of a quarter, and how that has ended."""
    machine = deployment.outputs["RestorerArn"].replace("gopro-sync-restorer", "gopro-sync-restore-drill")
    started = deployment.emulator.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")
    return deployment.wait(started["executionArn"])


def test_the_owners_drill_is_begun_thawed_and_proven(
    deployment: Deployment, archived: dict[str, Any], tmp_path: Path
) -> None:
    def drill() -> subprocess.CompletedProcess[str]:
        given = {**environment(deployment), "XDG_CACHE_HOME": str(tmp_path)}
        words = [*CLOUDSYNC, "restore", "drill", "--json"]
        return subprocess.run(words, env=given, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    done, end = drill(), time.monotonic() + SECONDS
    job_id = json.loads(done.stdout)["job"]["job_id"]
    while done.returncode == 10:
        assert time.monotonic() < end, done.stdout
        time.sleep(BETWEEN)
        done = drill()
    assert done.returncode == 0, done.stdout + done.stderr
    proof = json.loads(done.stdout)["proof"]
    assert (proof["job_id"], proof["agrees"]) == (job_id, True) and proof == certificate(deployment)
    (original,) = proof["originals"]
    assert original["key"] == archived["key"] and original["read_checksum"] == archived["checksum"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_quarter_is_proven_without_the_owner_and_without_a_mail(
    deployment: Deployment, archived: dict[str, Any], inbox: Callable[[], list[dict[str, str]]]
) -> None:
    inbox()
    ended = quarter(deployment)
    assert ended["status"] == "SUCCEEDED", ended
    proof = certificate(deployment)
    (original,) = proof["originals"]
    assert proof["agrees"] and proof["by"] == "the drill of this quarter"
    assert original["key"] == archived["key"] and original["read_checksum"] == archived["checksum"]
    assert inbox() == []
    (job,) = (row for row in deployment.rows() if row["pk"] == "RESTORES")
    assert job["drill"] and job["proven_at"] and job["state"] == "READY"


def test_a_quarter_whose_original_has_other_bytes_is_one_mail_and_a_certificate(
    deployment: Deployment, archived: dict[str, Any], inbox: Callable[[], list[dict[str, str]]]
) -> None:
    s3, bucket, key = deployment.s3, deployment.archive_bucket, archived["key"]
    s3.put_object(
        Bucket=bucket, Key=key, Body=bytes(archived["size"]), StorageClass="DEEP_ARCHIVE", ChecksumAlgorithm="CRC64NVME"
    )
    inbox()
    assert quarter(deployment)["status"] == "FAILED"
    proof, (mail,) = certificate(deployment), inbox()
    assert not proof["agrees"] and archived["checksum"] in proof["originals"][0]["problem"]
    assert mail["Subject"] == "Cloud Sync: the restore drill has failed" and proof["text_key"] in mail["Message"]


def test_a_quarter_with_nothing_archived_succeeds_in_silence(
    deployment: Deployment, inbox: Callable[[], list[dict[str, str]]]
) -> None:
    inbox()
    assert quarter(deployment)["status"] == "SUCCEEDED"
    assert inbox() == [] and deployment.rows() == []
