"""SeaweedFS verifies integrity: it accepts right content and refuses wrong content wherever the tests rely on it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import anycrc
import pytest
from botocore.exceptions import ClientError

from tests.integration.seaweedfs import BUCKET, SeaweedFs

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PARTS = [b"a" * 5 * 1024 * 1024, b"b" * 1000]
WHOLE = b"".join(PARTS)


def crc64(data: bytes) -> str:
    """CRC-64/NVME as S3 writes it, by a library that the archive does not use."""
    return base64.b64encode(anycrc.Model("CRC64-NVME").calc(data).to_bytes(8, "big")).decode()


def begin(seaweed: SeaweedFs, key: str) -> str:
    return seaweed.s3.create_multipart_upload(
        Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )["UploadId"]


def upload(seaweed: SeaweedFs, key: str) -> tuple[str, list[CompletedPartTypeDef]]:
    """A multipart upload with both parts, each with its checksum in a signed trailer."""
    upload_id = begin(seaweed, key)
    parts: list[CompletedPartTypeDef] = []
    for number, data in enumerate(PARTS, start=1):
        answer = seaweed.s3.upload_part(
            Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=number, Body=data, ChecksumAlgorithm="CRC64NVME"
        )
        assert answer["ChecksumCRC64NVME"] == crc64(data)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC64NVME": crc64(data)})
    return upload_id, parts


def complete(seaweed: SeaweedFs, key: str, upload_id: str, parts: list[CompletedPartTypeDef], checksum: str) -> str:
    answer = seaweed.s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key=key,
        UploadId=upload_id,
        MultipartUpload={"Parts": parts},
        ChecksumCRC64NVME=checksum,
        ChecksumType="FULL_OBJECT",
        MpuObjectSize=len(WHOLE),
    )
    return answer.get("ChecksumCRC64NVME", "")


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response.get("Error", {}).get("Code"))


def test_an_upload_with_the_right_checksum_becomes_the_object(seaweed: SeaweedFs) -> None:
    upload_id, parts = upload(seaweed, "right")
    assert complete(seaweed, "right", upload_id, parts, crc64(WHOLE)) in ("", crc64(WHOLE))
    assert seaweed.read("right") == WHOLE
    head = seaweed.s3.head_object(Bucket=BUCKET, Key="right", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64(WHOLE), "FULL_OBJECT")


def test_an_upload_with_a_wrong_checksum_of_the_whole_is_refused(seaweed: SeaweedFs) -> None:
    upload_id, parts = upload(seaweed, "wrong")
    with pytest.raises(ClientError) as refused:
        complete(seaweed, "wrong", upload_id, parts, crc64(WHOLE + b"!"))
    assert code(refused) == "BadDigest"
    with pytest.raises(ClientError) as missing:
        seaweed.s3.head_object(Bucket=BUCKET, Key="wrong")
    assert code(missing) == "404"


def test_a_part_with_a_wrong_checksum_is_refused(seaweed: SeaweedFs) -> None:
    upload_id = begin(seaweed, "part")
    with pytest.raises(ClientError) as refused:
        seaweed.s3.upload_part(
            Bucket=BUCKET,
            Key="part",
            UploadId=upload_id,
            PartNumber=1,
            Body=PARTS[0],
            ChecksumCRC64NVME=crc64(PARTS[1]),
        )
    assert code(refused) == "BadDigest"
    assert seaweed.s3.list_parts(Bucket=BUCKET, Key="part", UploadId=upload_id).get("Parts", []) == []


def test_an_existing_object_is_not_overwritten_with_if_none_match(seaweed: SeaweedFs) -> None:
    seaweed.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        seaweed.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"second", IfNoneMatch="*")
    assert code(refused) == "PreconditionFailed"
    assert seaweed.read("kept") == b"first"


def test_a_request_with_a_wrong_signature_is_refused(seaweed: SeaweedFs, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SeaweedFs(seaweed.endpoint, seaweed.authority)
    monkeypatch.setattr("tests.integration.seaweedfs.SECRET_KEY", "another")
    with pytest.raises(ClientError) as refused:
        other.s3.put_object(Bucket=BUCKET, Key="other", Body=b"1")
    assert code(refused) == "SignatureDoesNotMatch"
