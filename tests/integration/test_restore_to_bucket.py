"""Originals copied to another bucket by the emulator's S3: whole, in parts, and not before they are thawed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from awscrt.checksums import crc64nvme
from cloud_sync_common.aws.aws_chunked import encode_checksum
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.bucket_copy import Place, Sizes
from console.operations.restore.to_bucket import Copied, Outcome, ToBucket
from local.emulator import EMULATOR_PYTHON, FUNCTION_PYTHON, REGION, Certificates, Emulator
from tests.installed import installed
from tests.integration.wait_until import wait_until

SIZE = 12 * 2**20
IN_PARTS = Sizes(at_once=SIZE - 1, part=5 * 2**20)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """With a bucket `archive` that keeps versions, and a bucket `mine`."""
    installed(str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    folder = tmp_path_factory.mktemp("emulator")
    with Emulator(folder, Certificates(folder)) as emulator:
        client = emulator.client("s3")
        for name in ("archive", "mine"):
            client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        yield client


def archived(s3: Any, number: int, content: bytes, storage_class: str = "DEEP_ARCHIVE") -> JobFile:
    key = f"gopro/2026/05/id/GX01000{number}.MP4"
    answer = s3.put_object(
        Bucket="archive", Key=key, Body=content, StorageClass=storage_class, ChecksumAlgorithm="CRC64NVME",
        ContentType="video/mp4", Metadata={"captured-at": "2026-05-01T10:00:00+00:00"},
    )  # fmt: skip
    return JobFile(
        number=number, provider="gopro", media_id="id", filename="GX.MP4", key=key, version_id=answer["VersionId"],
        size=len(content), checksum=encode_checksum(crc64nvme(content)),
    )  # fmt: skip


def copied(s3: Any, file: JobFile, name: str, sizes: Sizes) -> Copied:
    (one,) = ToBucket(s3, "archive", Place("mine", "out/"), sizes).copy([(file, name)])
    return one


def thaw(s3: Any, file: JobFile) -> None:
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Standard"}}
    s3.restore_object(Bucket="archive", Key=file.key, VersionId=file.version_id, RestoreRequest=request)

    def is_thawed() -> bool:
        head = s3.head_object(Bucket="archive", Key=file.key, VersionId=file.version_id)
        return 'ongoing-request="false"' in head.get("Restore", "")

    wait_until(is_thawed, "S3 has thawed the original")


@pytest.mark.parametrize(("number", "sizes"), [(1, Sizes()), (2, IN_PARTS)], ids=["whole", "in parts"])
def test_a_frozen_original_waits_and_a_thawed_one_is_copied_with_every_byte(s3: Any, number: int, sizes: Sizes) -> None:
    content = bytes([number]) * SIZE
    file, name = archived(s3, number, content), f"{number}.mp4"
    assert copied(s3, file, name, sizes).outcome is Outcome.THAWING
    thaw(s3, file)
    s3.put_object(Bucket="archive", Key=file.key, Body=b"a later version")  # the job is pinned to its own
    one = copied(s3, file, name, sizes)
    there = s3.get_object(Bucket="mine", Key=one.key)
    assert (one.outcome, one.key, one.checksum) == (Outcome.COPIED, f"out/{name}", file.checksum)
    assert there["Body"].read() == content and there["ContentType"] == "video/mp4"
    assert there["Metadata"] == {"captured-at": "2026-05-01T10:00:00+00:00"}
    assert copied(s3, file, name, sizes).outcome is Outcome.THERE
    assert s3.list_multipart_uploads(Bucket="mine").get("Uploads", []) == []


@pytest.mark.parametrize(("number", "sizes"), [(3, Sizes()), (4, IN_PARTS)], ids=["whole", "in parts"])
def test_an_object_of_that_name_stays_as_it_is(s3: Any, number: int, sizes: Sizes) -> None:
    file = archived(s3, number, bytes([number]) * SIZE, "STANDARD")
    s3.put_object(Bucket="archive", Key=file.key, Body=b"a later version")  # the job is pinned to its own
    s3.put_object(Bucket="mine", Key=f"out/{number}.mp4", Body=b"somebody's own")
    one = copied(s3, file, f"{number}.mp4", sizes)
    assert (one.outcome, one.key) == (Outcome.COPIED, f"out/{number} (2).mp4")
    assert s3.get_object(Bucket="mine", Key=f"out/{number}.mp4")["Body"].read() == b"somebody's own"
