"""`cloudsync verify` as a program against the deployed stack: it finds what differs, and keeps a certificate of it."""

from __future__ import annotations

import json
from typing import Any

from local.deployment import Deployment
from tests.e2e.test_console_reading import cloudsync, found


def sources(deployment: Deployment) -> list[dict[str, Any]]:
    return [row for row in deployment.rows() if row["sk"].startswith("SOURCE#") and row["status"] == "ARCHIVED"]


def findings(certificate: dict[str, Any]) -> dict[str, int]:
    (compared,) = certificate["compared"]
    counts: dict[str, int] = compared["findings"]
    return counts


def test_after_a_night_every_checksum_agrees_and_the_certificate_is_kept(deployment: Deployment) -> None:
    assert deployment.run()["status"] == "SUCCEEDED"
    before, left = sources(deployment), [
        row for row in deployment.rows() if row["sk"] == "ITEM" and row["status"] != "ARCHIVED"
    ]  # fmt: skip
    objects = deployment.objects()

    certificate = found(deployment, "verify", "--max-age-hours", "0", code=3)  # what could not be archived is a finding

    (run,), (compared,) = certificate["reconciliations"], certificate["compared"]
    assert (run["is_new"], run["findings"]) == (True, {"not_archived": len(left)})
    assert (compared["files"], compared["bytes"], compared["findings"]) == (len(before), sum(objects.values()), {})
    assert certificate["is_everything"] and certificate["safe"][0]["originals"] == 17 and not certificate["not_counted"]
    assert (sources(deployment), deployment.objects()) == (before, objects)
    stored = deployment.s3.get_object(Bucket=deployment.work_bucket, Key=certificate["key"])["Body"].read()
    assert json.loads(stored)["compared"] == certificate["compared"]

    again = cloudsync(deployment, "verify", "--sample", "3", "--seed", "s")
    assert again.returncode == 3, again.stderr
    text_key = next(word for word in again.stderr.split() if word.endswith(".txt")).partition("/certificates/")[2]
    text = deployment.s3.get_object(Bucket=deployment.work_bucket, Key=f"certificates/{text_key}")["Body"].read()
    assert text.decode() == again.stdout and f"  {run['run_id']} of " in again.stdout, "the fresh one is used again"
    assert "3 of them at random, with the seed s" in again.stdout


def test_what_was_lost_or_changed_in_the_bucket_is_named(deployment: Deployment) -> None:
    assert deployment.run()["status"] == "SUCCEEDED"
    lost, changed = (row["key"] for row in sources(deployment)[:2])
    deployment.s3.delete_object(Bucket=deployment.archive_bucket, Key=lost)
    deployment.s3.put_object(
        Bucket=deployment.archive_bucket,
        Key=changed,
        Body=b"x" * deployment.objects()[changed],
        ChecksumAlgorithm="CRC64NVME",
    )
    certificate = found(deployment, "verify", "--max-age-hours", "0", code=3)
    assert findings(certificate) == {"missing_object": 1, "checksum_differs": 1}
    named = {one["kind"]: one["key"] for one in certificate["compared"][0]["examples"]}
    assert named == {"missing_object": lost, "checksum_differs": changed}
    assert certificate["reconciliations"][0]["findings"].items() >= findings(certificate).items()


def test_deep_says_plainly_that_it_cannot_run_on_an_emulator_and_leaves_nothing(deployment: Deployment) -> None:
    job = "0f1e2d3c-0000-4000-8000-123456789abc"
    for words in (["--deep", "--yes"], ["--deep-job", job]):
        done = cloudsync(deployment, "verify", *words)
        assert done.returncode == 1 and done.stdout == ""
        assert "S3 Batch Operations does not exist here" in done.stderr
    left = deployment.s3.list_objects_v2(Bucket=deployment.work_bucket, Prefix="certificates/deep/")
    assert left.get("KeyCount", 0) == 0
