"""restore-prover: one original at random within its price, every byte read and compared, one mail if it is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.prove_restore import (
    MAX_USD,
    ChooseRequest,
    Chosen,
    GiveUpRequest,
    Progress,
    ProveRequest,
    RestoreProver,
    job_id_of,
    usd_of_drill,
)
from cloud_sync_common.stores.archive_reader import ArchiveReader
from cloud_sync_common.stores.archived_sources import ArchivedSources
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobState, RestoreJobs

from tests.unit.fake_buckets import checksum
from tests.unit.in_process_aws import WORK, InProcessAws, running_aws

CHOOSE = ChooseRequest(execution="quarter-1", began_at="2027-01-01T12:00:00.000Z")
CONTENT = bytes(range(250)) * 12
GB = 10**9


class World:
    """An archive in moto, whose bucket is the work bucket's neighbour, and the prover on it."""

    def __init__(self, aws: InProcessAws) -> None:
        self.aws, self.s3 = aws, aws.s3
        self.s3.create_bucket(Bucket="archive")
        self.s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        self.jobs = RestoreJobs(aws.table)

    def prover(self, deadline: Deadline | None = None, seed: int = 1) -> RestoreProver:
        return RestoreProver(
            jobs=self.jobs,
            sources=ArchivedSources(self.aws.table, random.Random(seed)),  # noqa: S311 (a test repeats it)
            archive=ArchiveReader(self.s3, "archive"),
            s3=self.s3,
            work_bucket=WORK,
            topic=self.aws.sns,
            topic_arn=self.aws.topic_arn,
            deadline=deadline or Deadline.after(900),
            stack="CloudSync-dev",
            titles={"gopro": "GoPro"},
            range_bytes=1_000,
        )

    def original(self, name: str, content: bytes = CONTENT, **row: Any) -> str:
        key = f"gopro/2026/05/{name}/GX.MP4"
        self.s3.put_object(
            Bucket="archive", Key=key, Body=content, ChecksumAlgorithm="CRC64NVME",
            Metadata={"filename": "Caf%C3%A9.MP4"},
        )  # fmt: skip
        fields = {"status": "ARCHIVED", "key": key, "size": len(content), "checksum": checksum(content), **row}
        self.aws.table.put_item(Item={"pk": f"gopro#{name}", "sk": "SOURCE#0001", **fields})
        return key

    def chosen(self, **more: Any) -> str:
        found = self.prover(**more).carry_out(CHOOSE)
        assert isinstance(found, Chosen)
        return found.job_id

    def thawed(self, over: JobState = JobState.READY, **file: Any) -> str:
        """A job that the restorer has done with."""
        job_id = self.chosen()
        self.jobs.update_file(job_id, 1, {"state": FileState.READY.value, **file})
        self.jobs.update(job_id, {"state": over.value})
        return job_id

    def proved(self, job_id: str, deadline: Deadline | None = None, **more: Any) -> Progress:
        found = self.prover(deadline).carry_out(ProveRequest(job_id=job_id, **more))
        assert isinstance(found, Progress)
        return found

    def certificates(self) -> list[dict[str, Any]]:
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=WORK).get("Contents", [])]
        assert sum(key.endswith(".txt") for key in keys) == len(keys) / 2
        bodies = (self.s3.get_object(Bucket=WORK, Key=key)["Body"].read() for key in keys if key.endswith(".json"))
        return [json.loads(body) for body in bodies]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_aws(monkeypatch) as aws:
        yield World(aws)


def job_of(world: World) -> Job:
    (job,) = world.jobs.all()
    return job


def test_an_original_is_drawn_and_its_job_written_once_for_one_execution(world: World) -> None:
    key = world.original("a")
    job_id = world.chosen()
    assert job_id == job_id_of(CHOOSE) and job_id.startswith("restore-20270101T120000Z-")
    assert world.chosen(seed=2) == job_id
    job, (file,) = job_of(world), list(world.jobs.files(job_id))
    assert (job.drill, job.state, job.tier, job.max_usd, job.files) == (True, JobState.NEW, "Bulk", 0.25, 1)
    assert (file.key, file.filename, file.size, file.checksum) == (key, "Café.MP4", 3_000, checksum(CONTENT))
    assert file.version_id == world.s3.head_object(Bucket="archive", Key=key)["VersionId"]


def test_any_original_may_be_drawn_but_none_that_costs_more_or_is_not_archived(world: World) -> None:
    for name in "abcdef":
        world.original(name)
    world.original("large", size=60 * GB)
    world.original("waiting", status="WAITING")
    world.original("odd", checksum="")
    drawn = set()
    for seed in range(60):
        found = world.prover(seed=seed).sources.drawn(lambda size: usd_of_drill(size) <= MAX_USD).source
        assert found
        drawn.add(found.media_id)
    assert drawn == set("abcdef")


def test_a_copy_is_read_where_its_bytes_are(world: World) -> None:
    key = world.original("a")
    world.aws.table.update_item(
        Key={"pk": "gopro#a", "sk": "SOURCE#0001"},
        UpdateExpression="SET #key = :pointer, copy_of = :key",
        ExpressionAttributeNames={"#key": "key"},
        ExpressionAttributeValues={":pointer": f"{key}.copy", ":key": key},
    )
    assert [file.key for file in world.jobs.files(world.chosen())] == [key]


def test_where_nothing_is_archived_nothing_happens(world: World) -> None:
    assert world.chosen() == "" and world.aws.mails() == [] and world.jobs.all() == []


def test_where_every_original_is_too_large_one_mail_says_what_the_smallest_costs(world: World) -> None:
    world.original("a", size=90 * GB)
    world.original("b", size=60 * GB)
    assert world.chosen() == "" and world.jobs.all() == []
    (mail,) = world.aws.mails()
    assert mail["Subject"] == "Cloud Sync: no restore drill, because every original is too large"
    assert "the smallest has 60.0 GB" in mail["Message"] and "`cloudsync restore drill`" in mail["Message"]


def test_the_most_that_a_drill_reads_is_fifty_gigabytes_and_costs_a_quarter_of_a_dollar() -> None:
    assert usd_of_drill(50 * GB) < MAX_USD < usd_of_drill(55 * GB)


def test_every_byte_is_read_in_ranges_and_a_certificate_kept_without_a_mail(world: World) -> None:
    world.original("a")
    job_id = world.thawed()
    assert world.proved(job_id) == Progress(job_id=job_id, done=True, agrees=True, read=3_000)
    (found,) = world.certificates()
    (original,) = found["originals"]
    assert found["agrees"] and found["by"] == "the drill of this quarter" and found["stack"] == "CloudSync-dev"
    assert original["read_checksum"] == original["ledger_checksum"] == checksum(CONTENT)
    assert world.aws.mails() == [] and job_of(world).proven_at


def test_it_goes_on_where_the_time_of_an_invocation_ended(world: World) -> None:
    world.original("a")
    job_id, none = world.thawed(), Deadline.after(0)
    first = world.proved(job_id, none)
    second = world.proved(job_id, none, read=first.read, crc=first.crc)
    assert [(one.done, one.read) for one in (first, second)] == [(False, 1_000), (False, 2_000)]
    assert world.certificates() == []
    assert world.proved(job_id, none, read=second.read, crc=second.crc).done
    assert world.certificates()[0]["agrees"]


def test_it_is_pinned_to_the_version_that_was_drawn(world: World) -> None:
    key = world.original("a")
    job_id = world.thawed()
    world.s3.put_object(Bucket="archive", Key=key, Body=b"a later version", ChecksumAlgorithm="CRC64NVME")
    world.proved(job_id)
    assert world.certificates()[0]["agrees"]


def test_other_bytes_fail_the_drill_with_one_mail_and_a_certificate(world: World) -> None:
    world.original("a", checksum=checksum(b"what was archived"))
    job_id = world.thawed()
    for _ in range(2):
        found = world.proved(job_id)
        assert found.done and not found.agrees
    (proof,), (mail,) = world.certificates(), world.aws.mails()
    assert not proof["agrees"] and f"the checksum {checksum(CONTENT)}" in proof["originals"][0]["problem"]
    assert mail["Subject"] == "Cloud Sync: the restore drill has failed"
    assert proof["text_key"] in mail["Message"] and "Next step: `cloudsync restore drill`" in mail["Message"]


@pytest.mark.parametrize(
    ("state", "file", "says"),
    [
        (JobState.READY, {"state": "FAILED", "problem": "S3 does not allow it."}, "S3 does not allow it"),
        (JobState.FAILED, {}, "the restorer has left its job as FAILED"),
        (JobState.THAWING, {}, "the restorer has left its job as THAWING"),
        (JobState.READY, {"size": 3_001}, "S3 has 3,000 bytes in place of 3,001"),
        (JobState.READY, {"version_id": "x" * 32}, "S3 has no such object, or no such version of it"),
    ],
)
def test_what_cannot_be_had_back_fails_the_drill(
    world: World, state: JobState, file: dict[str, Any], says: str
) -> None:
    world.original("a")
    world.proved(world.thawed(state, **file))
    (found,) = world.certificates()
    assert not found["agrees"] and found["originals"][0]["problem"] == says
    assert says in world.aws.mails()[0]["Message"].replace("\n  ", " ")


def test_what_is_frozen_again_fails_the_drill(world: World) -> None:
    world.original("a")
    job_id = world.thawed()
    key = next(world.jobs.files(job_id)).key
    world.s3.copy_object(
        Bucket="archive", Key=key, CopySource={"Bucket": "archive", "Key": key}, StorageClass="DEEP_ARCHIVE",
        ChecksumAlgorithm="CRC64NVME",
    )  # fmt: skip
    world.jobs.update_file(job_id, 1, {"version_id": world.s3.head_object(Bucket="archive", Key=key)["VersionId"]})
    world.proved(job_id)
    assert world.certificates()[0]["originals"][0]["problem"] == "S3 has not thawed it, or it is frozen again"


def test_an_original_that_is_gone_is_asked_for_all_the_same(world: World) -> None:
    world.s3.delete_object(Bucket="archive", Key=world.original("a"))
    (file,) = world.jobs.files(world.chosen())
    assert (file.version_id, file.filename) == ("", "GX.MP4")


def test_a_connection_that_breaks_is_repeated_by_the_state_machine(world: World) -> None:
    world.original("a")
    job_id = world.thawed()
    prover = world.prover()
    with Stubber(world.s3) as stubbed:
        stubbed.add_client_error("head_object", "SlowDown", http_status_code=503)
        with pytest.raises(ArchiveUnavailableError):
            prover.carry_out(ProveRequest(job_id=job_id))
    assert world.certificates() == [] and world.aws.mails() == []


def test_what_the_owners_command_has_proven_meanwhile_is_not_read_again(world: World) -> None:
    world.original("a")
    job_id = world.thawed()
    world.jobs.update(job_id, {"proven_at": "2027-01-02T00:00:00Z"})
    assert world.proved(job_id) == Progress(job_id=job_id, done=True, agrees=True)
    assert world.certificates() == []


def test_a_job_that_is_gone_is_said(world: World) -> None:
    with pytest.raises(ConfigurationError, match="There is no restore job restore-x any more"):
        world.proved("restore-x")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"Error": "ConfigurationError", "Cause": '{"errorMessage": "The role may not."}'}, "The role may not."),
        ({"Error": "States.Timeout", "Cause": "no JSON"}, "States.Timeout"),
        ({}, "the reason is in its execution's history"),
    ],
)
def test_giving_up_is_one_mail_with_the_cause(world: World, error: dict[str, Any], says: str) -> None:
    assert world.prover().carry_out(GiveUpRequest(job_id="restore-x", error=error)).job_id == "restore-x"
    (mail,) = world.aws.mails()
    assert mail["Subject"] == "Cloud Sync: the restore drill could not be carried out"
    assert f"(job restore-x): {says}" in mail["Message"] and "Next step:" in mail["Message"]


def test_a_refused_certificate_is_no_proof(world: World) -> None:
    world.original("a")
    job_id = world.thawed()
    with pytest.raises(ConfigurationError):
        replace(world.prover(), work_bucket="there-is-none").carry_out(ProveRequest(job_id=job_id))
    assert not job_of(world).proven_at
