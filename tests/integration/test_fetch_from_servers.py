"""Fetching from S3 servers that others have written, over TLS: SeaweedFS, which keeps versions and checksums itself."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.aws_account import AwsAccount
from console.errors import NotFoundError
from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.outcome import Ending, Options
from console.operations.restore.fetch.source import Source
from tests.integration.fetching import content, names
from tests.integration.object_server import checksum_of
from tests.integration.seaweedfs import SeaweedFs

BUCKET, KEY, MIB = "versions", "gopro/2026/05/ä b+c/GX010001.MP4", 1024 * 1024
PARTS = [content(1, 5 * MIB), content(2, 3 * MIB + 17)]


@pytest.fixture(scope="module")
def versions(seaweed: SeaweedFs) -> list[str]:
    """Two versions of one object: of two parts, and of one."""
    seaweed.s3.create_bucket(Bucket=BUCKET)
    seaweed.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    upload = seaweed.s3.create_multipart_upload(
        Bucket=BUCKET, Key=KEY, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )["UploadId"]
    parts = [
        seaweed.s3.upload_part(
            Bucket=BUCKET, Key=KEY, UploadId=upload, PartNumber=number, Body=data, ChecksumAlgorithm="CRC64NVME"
        )
        for number, data in enumerate(PARTS, 1)
    ]
    first = seaweed.s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key=KEY,
        UploadId=upload,
        MultipartUpload={
            "Parts": [
                {"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC64NVME": part["ChecksumCRC64NVME"]}
                for number, part in enumerate(parts, 1)
            ]
        },
        ChecksumType="FULL_OBJECT",
    )
    second = seaweed.s3.put_object(Bucket=BUCKET, Key=KEY, Body=PARTS[1], ChecksumAlgorithm="CRC64NVME")
    return [first["VersionId"], second["VersionId"]]


def test_each_version_is_fetched_as_it_is(
    seaweed: SeaweedFs, versions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.variables.items():
        monkeypatch.setenv(name, value)
    whole = {versions[0]: b"".join(PARTS), versions[1]: PARTS[1]}
    files = [
        JobFile(
            number=number, provider="gopro", media_id=version, filename="GX010001.MP4", key=KEY, version_id=version,
            size=len(data), checksum=checksum_of(data), state=FileState.READY, captured_at="2026-05-17T08:30:00Z",
        )
        for number, (version, data) in enumerate(whole.items(), 1)
    ]  # fmt: skip
    source = Source.of(AwsAccount(), BUCKET)
    result = fetch(files, source, str(tmp_path), Options(range_bytes=2 * MIB, connections=3))
    assert (result.counts, result.problems) == ({Ending.FETCHED: 2}, [])
    assert len(names(tmp_path)) == 2
    assert {path.read_bytes() for path in (tmp_path / "2026-05").iterdir()} == set(whole.values())


def test_a_certificate_that_is_not_accepted_is_one_sentence(
    seaweed: SeaweedFs, versions: list[str], tmp_path: Path
) -> None:
    session = boto3.Session("loopback", "loopback-secret", region_name="us-east-1")
    client = session.client("s3", endpoint_url=seaweed.endpoint, verify=str(seaweed.authority))
    file = JobFile(
        number=1, provider="gopro", media_id="m", filename="x.mp4", key=KEY, version_id=versions[1], size=len(PARTS[1]),
        state=FileState.READY,
    )  # fmt: skip
    result = fetch([file], Source(session, client, BUCKET), str(tmp_path))  # whose session trusts the usual ones
    assert "certificate of what answered in place of S3 is not accepted" in result.stopped
    assert names(tmp_path) <= {"unknown month/x.mp4.part", "unknown month/x.mp4.part.journal"}


def test_a_bucket_that_is_not_there(seaweed: SeaweedFs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in seaweed.variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotFoundError, match="There is no bucket nowhere"):
        Source.of(AwsAccount(), "nowhere")
