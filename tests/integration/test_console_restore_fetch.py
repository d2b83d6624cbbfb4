"""`cloudsync restore fetch` as a program, against AWS on loopback over TLS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.console_program import Owner
from tests.integration.object_server import checksum_of

JOB = "restore-20261127T113406Z-1a2b"
CONTENTS = {f"GX01004{number}.MP4": f"{number}".encode() * 100_000 for number in range(3)}


@pytest.fixture
def owner(aws: Aws, tmp_path: Path) -> Owner:
    found = Owner(aws, tmp_path)
    outputs = {**json.loads(found.environment["OUTPUTS"]), "ArchiveBucket": ARCHIVE}
    found.variables["OUTPUTS"] = json.dumps(outputs)
    return found


def job_of(aws: Aws, state: JobState = JobState.READY, job_id: str = JOB, **of_last: Any) -> None:
    """A job with every file of CONTENTS; the last one has other fields."""
    aws.s3.put_bucket_versioning(Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"})
    files = []
    for number, (name, content) in enumerate(CONTENTS.items(), 1):
        key = f"gopro/2026/05/m{number}/{name}"
        stored = aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=content, ChecksumAlgorithm="CRC64NVME")
        more = of_last if number == len(CONTENTS) else {}
        given = {
            "number": number, "provider": "gopro", "media_id": f"m{number}", "filename": name, "size": len(content),
            "captured_at": "2026-05-17T08:30:00Z", "key": key, "version_id": stored["VersionId"],
            "checksum": checksum_of(content), "state": FileState.READY,
        }  # fmt: skip
        files.append(JobFile(**{**given, **more}))
    job = Job(
        job_id=job_id, created_at="2026-11-27T11:34:06Z", selection="all", fingerprint="f", tier=Tier.BULK, days=7,
        files=len(files), bytes=sum(file.size for file in files), quoted_usd=0.1, state=state,
    )  # fmt: skip
    RestoreJobs(aws.table).create(job, files)


def test_a_ready_job_is_fetched_verified_and_noted(owner: Owner, aws: Aws, tmp_path: Path) -> None:
    job_of(aws)
    done = owner.piped("restore", "fetch", JOB, "films", "--json")
    assert (done.returncode, done.stderr.count("verified")) == (0, 3), done.stderr
    answer = json.loads(done.stdout)
    assert (answer["kind"], answer["counts"]["fetched"], answer["jobs"]) == ("restore-fetch", 3, [JOB])
    assert {path.name: path.read_bytes() for path in (tmp_path / "films" / "2026-05").iterdir()} == CONTENTS
    job = RestoreJobs(aws.table).get(JOB)
    assert job is not None and job.fetched_at
    again = owner.piped("restore", "fetch", "--ready", "films")
    assert again.returncode == 0
    assert again.stdout.startswith("3 files, 300.0 kB, are in films, verified.\n  3 there already.")
    assert len(aws.calls("GetObject")) == 3
