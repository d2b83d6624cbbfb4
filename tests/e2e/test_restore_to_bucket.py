"""`cloudsync restore fetch --to` against the deployed stack: the whole library copied to another bucket, every byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.deep_archive import freeze
from local.deployment import Deployment
from local.emulator import REGION
from tests.e2e.test_console_reading import cloudsync, found
from tests.e2e.test_console_restore import over

ELSEWHERE = "somebody-elses-archive"


@pytest.fixture
def elsewhere(deployment: Deployment) -> Iterator[str]:
    """A bucket of the owner's, which is none of the stack's."""
    s3 = deployment.s3
    s3.create_bucket(Bucket=ELSEWHERE, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield ELSEWHERE
    for one in s3.list_objects_v2(Bucket=ELSEWHERE).get("Contents", []):
        s3.delete_object(Bucket=ELSEWHERE, Key=one["Key"])
    s3.delete_bucket(Bucket=ELSEWHERE)


def copies(deployment: Deployment) -> dict[str, Any]:
    listed = deployment.s3.list_objects_v2(Bucket=ELSEWHERE).get("Contents", [])
    return {one["Key"]: deployment.s3.get_object(Bucket=ELSEWHERE, Key=one["Key"]) for one in listed}


def test_a_thawed_library_is_copied_once_and_byte_for_byte(deployment: Deployment, elsewhere: str) -> None:
    assert deployment.run()["status"] == "SUCCEEDED"
    contents = []
    for key in deployment.objects():
        before = deployment.s3.get_object(Bucket=deployment.archive_bucket, Key=key)
        contents.append(before["Body"].read())
        freeze(deployment, key)
    job = found(deployment, "restore", "start", "--everything", "--max-usd", "1", "--yes")["job_id"]
    over(deployment, job)

    done = found(deployment, "restore", "fetch", job, "--to", f"s3://{elsewhere}/films")
    assert {one["outcome"] for one in done["files"]} == {"copied"} and len(done["files"]) == len(contents)
    made = copies(deployment)
    assert all(key.startswith("films/20") or key.startswith("films/unknown month/") for key in made)
    assert sorted(one["Body"].read() for one in made.values()) == sorted(contents)
    assert {one["Metadata"]["provider"] for one in made.values()} == {"gopro"}
    assert {one["key"] for one in done["files"]} == set(made)

    again = found(deployment, "restore", "fetch", "--ready", "--to", f"s3://{elsewhere}/films")
    assert {one["outcome"] for one in again["files"]} == {"there"} and set(copies(deployment)) == set(made)
    own = cloudsync(deployment, "restore", "fetch", job, "--to", f"s3://{deployment.archive_bucket}")
    assert own.returncode == 2 and "belongs to the stack" in own.stderr
    missing = cloudsync(deployment, "restore", "fetch", job, "--to", "s3://there-is-no-such-bucket-at-all")
    assert missing.returncode == 5 and "There is no bucket there-is-no-such-bucket-at-all" in missing.stderr
