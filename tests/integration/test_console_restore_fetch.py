"""`cloudsync restore fetch` as a program, against AWS on loopback over TLS."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from tests.connect_proxy import connect_proxy
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


def job_of(aws: Aws, job_state: JobState = JobState.READY, **of_last: Any) -> None:
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
        job_id=JOB, created_at="2026-11-27T11:34:06Z", selection="all", fingerprint="f", tier=Tier.BULK, days=7,
        files=len(files), bytes=sum(file.size for file in files), quoted_usd=0.1, state=job_state,
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


def test_a_proxy_is_used_where_one_is_named(owner: Owner, aws: Aws, tmp_path: Path) -> None:
    job_of(aws)
    port = urlsplit(aws.server.variables["AWS_ENDPOINT_URL"]).port
    assert port
    with connect_proxy({"127.0.0.1": port}) as proxy:
        owner.variables["HTTPS_PROXY"] = proxy.url
        done = owner.piped("restore", "fetch", JOB, "films", "--layout", "flat")
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "3 files, 300.0 kB, are in films, verified.")
        assert len(proxy.asked) > 1
    assert {path.name for path in (tmp_path / "films").glob("*.MP4")} == set(CONTENTS)


def test_ctrl_c_is_one_sentence_and_the_same_command_goes_on(owner: Owner, aws: Aws, tmp_path: Path) -> None:
    job_of(aws)
    process = subprocess.Popen(
        owner.words("restore", "fetch", JOB, "films"), env=owner.environment, cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    pressed: list[bool] = []

    def interrupt(moment: str, name: str) -> None:
        if (moment, name) == ("sent", "s3.GetObject") and not pressed:
            pressed.append(True)
            process.send_signal(signal.SIGINT)

    aws.server.watch = interrupt
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == (
        "cloudsync: Interrupted. What is fetched stays: repeat the command, and it goes on where it was."
    )
    assert "Traceback" not in err
    aws.server.watch = lambda _moment, _name: None
    assert owner.piped("restore", "fetch", JOB, "films").returncode == 0


def test_what_still_thaws_and_what_can_never_be_had(owner: Owner, aws: Aws) -> None:
    job_of(aws, JobState.THAWING, state=FileState.FAILED, problem="It is gone.")
    done = owner.piped("restore", "fetch", JOB, "films")
    assert (done.returncode, "1 file: It is gone." in done.stdout) == (3, True)
    job = RestoreJobs(aws.table).get(JOB)
    assert job is not None and not job.fetched_at
    nothing = owner.piped("restore", "fetch", "--ready", "other")
    assert (nothing.returncode, "No job can be fetched." in nothing.stderr) == (0, True)


def test_words_that_are_not_understood(owner: Owner, aws: Aws) -> None:
    job_of(aws)
    for words in (["films"], ["--ready", JOB, "films"]):
        done = owner.piped("restore", "fetch", *words)
        assert (done.returncode, "Name a job and a directory" in done.stderr) == (2, True)
    unknown = owner.piped("restore", "fetch", "restore-20200101T000000Z-ffff", "films")
    assert (unknown.returncode, "There is no restore job" in unknown.stderr) == (5, True)
    file = owner.piped("restore", "fetch", JOB, "/dev/null")
    assert (file.returncode, "name a directory" in file.stderr) == (2, True)


def test_bars_at_a_terminal(owner: Owner, aws: Aws) -> None:
    job_of(aws)
    with owner.at_terminal("restore", "fetch", JOB, "films") as terminal:
        assert terminal.ends() == 0
        assert "3 of 3 files" in terminal.words and "are in films, verified" in terminal.words
