"""The judge of integrity is one: it takes what is right and refuses what is not, in every place where we rely on it."""

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


def begin(judge: SeaweedFs, key: str) -> str:
    return judge.s3.create_multipart_upload(
        Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )["UploadId"]


def upload(judge: SeaweedFs, key: str) -> tuple[str, list[CompletedPartTypeDef]]:
    """A multipart upload with both parts, each sent with its checksum behind it, signed."""
    upload_id = begin(judge, key)
    parts: list[CompletedPartTypeDef] = []
    for number, data in enumerate(PARTS, start=1):
        answer = judge.s3.upload_part(
            Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=number, Body=data, ChecksumAlgorithm="CRC64NVME"
        )
        assert answer["ChecksumCRC64NVME"] == crc64(data)
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC64NVME": crc64(data)})
    return upload_id, parts


def complete(judge: SeaweedFs, key: str, upload_id: str, parts: list[CompletedPartTypeDef], checksum: str) -> str:
    answer = judge.s3.complete_multipart_upload(
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


def test_an_upload_with_the_right_checksum_becomes_the_object(judge: SeaweedFs) -> None:
    upload_id, parts = upload(judge, "right")
    assert complete(judge, "right", upload_id, parts, crc64(WHOLE)) in ("", crc64(WHOLE))
    assert judge.read("right") == WHOLE
    head = judge.s3.head_object(Bucket=BUCKET, Key="right", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc64(WHOLE), "FULL_OBJECT")


def test_an_upload_with_a_wrong_checksum_of_the_whole_is_refused(judge: SeaweedFs) -> None:
    upload_id, parts = upload(judge, "wrong")
    with pytest.raises(ClientError) as refused:
        complete(judge, "wrong", upload_id, parts, crc64(WHOLE + b"!"))
    assert code(refused) == "BadDigest"
    with pytest.raises(ClientError) as missing:
        judge.s3.head_object(Bucket=BUCKET, Key="wrong")
    assert code(missing) == "404"


def test_a_part_with_a_wrong_checksum_is_refused(judge: SeaweedFs) -> None:
    upload_id = begin(judge, "part")
    with pytest.raises(ClientError) as refused:
        judge.s3.upload_part(
            Bucket=BUCKET,
            Key="part",
            UploadId=upload_id,
            PartNumber=1,
            Body=PARTS[0],
            ChecksumCRC64NVME=crc64(PARTS[1]),
        )
    assert code(refused) == "BadDigest"
    assert judge.s3.list_parts(Bucket=BUCKET, Key="part", UploadId=upload_id).get("Parts", []) == []


def test_an_object_that_exists_is_not_overwritten_where_that_is_asked(judge: SeaweedFs) -> None:
    judge.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        judge.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"second", IfNoneMatch="*")
    assert code(refused) == "PreconditionFailed"
    assert judge.read("kept") == b"first"


def test_a_request_that_is_signed_by_a_stranger_is_refused(judge: SeaweedFs, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = SeaweedFs(judge.endpoint, judge.authority)
    monkeypatch.setattr("tests.integration.seaweedfs.SECRET_KEY", "another")
    with pytest.raises(ClientError) as refused:
        stranger.s3.put_object(Bucket=BUCKET, Key="strange", Body=b"1")
    assert code(refused) == "SignatureDoesNotMatch"
