"""`cloudsync restore drill` as a program, against AWS on loopback over TLS: begun, thawed, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobState, RestoreJobs

from tests.integration.aws_on_loopback import ARCHIVE, WORK, Aws
from tests.integration.console_program import Owner
from tests.integration.object_server import checksum_of

KEY = "gopro/2026/05/m1/GX010042.MP4"
CONTENT = b"an original of the archive " * 20_000
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:gopro-sync-restorer"


@pytest.fixture
def owner(aws: Aws, tmp_path: Path) -> Owner:
    found = Owner(aws, tmp_path)
    named = {"ArchiveBucket": ARCHIVE, "WorkBucket": WORK, "RestorerArn": MACHINE}
    found.variables["OUTPUTS"] = json.dumps({**json.loads(found.environment["OUTPUTS"]), **named})
    found.variables["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    aws.server.instead["states.DescribeExecution"] = lambda _: {"status": "RUNNING", "startDate": 0}
    aws.s3.put_bucket_versioning(Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"})
    aws.s3.put_object(Bucket=ARCHIVE, Key=KEY, Body=CONTENT, StorageClass="DEEP_ARCHIVE", ChecksumAlgorithm="CRC64NVME")
    aws.table.put_item(Item={"pk": "gopro#m1", "sk": "ITEM", "filename": "GX010042.MP4", "status": "ARCHIVED"})
    source: dict[str, Any] = {"status": "ARCHIVED", "key": KEY, "size": len(CONTENT), "checksum": checksum_of(CONTENT)}
    aws.table.put_item(Item={"pk": "gopro#m1", "sk": "SOURCE#0001", **source})
    return found


def job_of(aws: Aws) -> Job:
    (job,) = RestoreJobs(aws.table).all()
    return job


def thawed(aws: Aws) -> None:
    """What S3 and the restorer do in hours."""
    request: Any = {"Days": 7, "GlacierJobParameters": {"Tier": "Bulk"}}
    aws.s3.restore_object(Bucket=ARCHIVE, Key=KEY, RestoreRequest=request)
    jobs, job = RestoreJobs(aws.table), job_of(aws)
    jobs.update_file(job.job_id, 1, {"state": FileState.READY.value})
    jobs.update(job.job_id, {"state": JobState.READY.value})


def certificate(aws: Aws) -> Any:
    keys = [one["Key"] for one in aws.s3.list_objects_v2(Bucket=WORK, Prefix="certificates/")["Contents"]]
    (key,) = (key for key in keys if key.endswith(".json"))
    assert len(keys) == 2
    return json.loads(aws.read(key, WORK))


def test_a_drill_has_an_original_back_and_leaves_a_certificate_and_nothing_else(
    owner: Owner, aws: Aws, tmp_path: Path
) -> None:
    begun = owner.piped("restore", "drill")
    assert begun.returncode == 10, begun.stderr
    assert "GX010042.MP4" in begun.stdout and "Then repeat the command" in begun.stdout
    assert owner.piped("restore", "drill").returncode == 10
    assert aws.calls("GetObject") == []

    thawed(aws)
    done = owner.piped("restore", "drill")
    assert done.returncode == 0, done.stderr
    assert f"CRC-64/NVME of the bytes read: {checksum_of(CONTENT)}, as archived." in done.stdout
    proof = certificate(aws)
    assert proof["agrees"] and proof["job_id"] == job_of(aws).job_id
    assert proof["originals"][0]["read_checksum"] == proof["originals"][0]["ledger_checksum"]
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_flipped_byte_in_the_archive_fails_the_drill(owner: Owner, aws: Aws) -> None:
    assert owner.piped("restore", "drill").returncode == 10
    wrong = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    stored = aws.s3.put_object(Bucket=ARCHIVE, Key=KEY, Body=wrong, StorageClass="DEEP_ARCHIVE")
    thawed(aws)
    RestoreJobs(aws.table).update_file(job_of(aws).job_id, 1, {"version_id": stored["VersionId"]})
    done = owner.piped("restore", "drill", "--json")
    assert done.returncode == 1, done.stderr
    proof = certificate(aws)
    assert not proof["agrees"] and proof["originals"][0]["problem"]
    assert json.loads(done.stdout)["proof"] == proof
