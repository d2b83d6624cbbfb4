"""Uploads: S3 compares every checksum as the design relies on (docs/decisions/002-s3-verifies-integrity.md). The
checksums are computed and combined by the code of the functions."""

from __future__ import annotations

import base64
from typing import Any

from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError
from cloud_sync_common.stores.archive import Part, combined_checksum

from aws_check.outcome import Check, CheckFailed, require
from aws_check.own_objects import own_objects
from aws_check.stack import Stack

PART_BYTES = 5 * 1024 * 1024  # the smallest part of an object that has another one (S3: multipart upload limits)
WHOLE = (b"cloud sync, " * PART_BYTES)[:PART_BYTES] + b"checked"
PARTS = (WHOLE[:PART_BYTES], WHOLE[PART_BYTES:])
REMEDY = "do not rely on this endpoint: report what you saw, with the region, as an issue of this project"


def checks(_stack: Stack) -> list[Check]:
    """A multipart upload with whole-object CRC-64/NVME, refused and accepted; and an object in Deep Archive."""
    return [
        Check(
            "a flipped bit in a part",
            "S3 refuses a part whose bytes do not have the checksum that was sent with it",
            REMEDY,
            flipped_bit_is_refused,
        ),
        Check(
            "a wrong checksum of the whole object",
            "S3 refuses to complete an upload whose parts do not have the CRC-64/NVME of the whole object",
            REMEDY,
            wrong_whole_is_refused,
        ),
        Check(
            "a multipart upload",
            "S3 accepts the checksum that we combine from those of the parts, and returns it with HEAD",
            REMEDY,
            right_whole_is_accepted,
        ),
        Check(
            "an object that exists",
            "S3 refuses to complete an upload over an object that exists (`IfNoneMatch: *`)",
            REMEDY,
            existing_object_stays,
        ),
        Check(
            "an object in Deep Archive",
            "HEAD returns the checksum of an object in Deep Archive without restoring it, and it is the ledger's",
            "start a run with the mode `reconcile`, which compares every object with its row in the ledger",
            deep_archive_keeps_the_checksum,
        ),
    ]


class Upload:
    """One multipart upload of this run, as the functions make it."""

    def __init__(self, stack: Stack, key: str) -> None:
        self._s3 = stack.client("s3")
        self._place: dict[str, Any] = {"Bucket": stack.outputs["ArchiveBucket"], "Key": key}
        created = self._s3.create_multipart_upload(
            **self._place, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        self._id = created["UploadId"]

    def send(self, number: int, body: bytes, checksum: str) -> None:
        self._s3.upload_part(**self._place, UploadId=self._id, PartNumber=number, Body=body, ChecksumCRC64NVME=checksum)

    def complete(self, checksum: str, **conditions: str) -> None:
        """Completes the upload from the parts that S3 has."""
        found = self._s3.list_parts(**self._place, UploadId=self._id)["Parts"]
        require(all("ChecksumCRC64NVME" in part for part in found), "ListParts does not return the parts' checksums")
        parts = [{name: part[name] for name in ("PartNumber", "ETag", "ChecksumCRC64NVME")} for part in found]
        self._s3.complete_multipart_upload(
            **self._place,
            UploadId=self._id,
            MultipartUpload={"Parts": parts},
            ChecksumCRC64NVME=checksum,
            ChecksumType="FULL_OBJECT",
            **conditions,
        )


def flipped_bit_is_refused(stack: Stack) -> str:
    """Raises CheckFailed if S3 takes a part with one bit flipped."""
    flipped = bytes([PARTS[0][0] ^ 1]) + PARTS[0][1:]
    with own_objects(stack) as prefix:
        upload = Upload(stack, f"{prefix}flipped")
        code = _refusal(lambda: upload.send(1, flipped, checksum_of(PARTS[0])), "a part with a flipped bit")
    require(code == "BadDigest", f"S3 refused the part with {code}, not with BadDigest")
    return f"refused with {code}"


def wrong_whole_is_refused(stack: Stack) -> str:
    """Raises CheckFailed if S3 completes an upload with a wrong checksum of the whole object."""
    with own_objects(stack) as prefix:
        upload = Upload(stack, f"{prefix}wrong")
        upload.send(1, PARTS[1], checksum_of(PARTS[1]))
        code = _refusal(
            lambda: upload.complete(checksum_of(b"other bytes"), IfNoneMatch="*"),
            "a wrong checksum of the whole object",
        )
        kept = "Contents" in stack.client("s3").list_objects_v2(Bucket=stack.outputs["ArchiveBucket"], Prefix=prefix)
    require(code in ("BadDigest", "InvalidRequest"), f"S3 refused the completion with {code}, not with BadDigest")
    require(not kept, "S3 refused the completion, and the object is there all the same")
    return f"refused with {code}"


def right_whole_is_accepted(stack: Stack) -> str:
    """Raises CheckFailed unless S3 accepts two parts and returns the checksum of the whole."""
    sums = [checksum_of(part) for part in PARTS]
    combined = combined_checksum([Part(n, len(PARTS[n - 1]), "", sums[n - 1]) for n in (1, 2)])
    with own_objects(stack) as prefix:
        upload = Upload(stack, f"{prefix}whole")
        for number in (1, 2):
            upload.send(number, PARTS[number - 1], sums[number - 1])
        upload.complete(combined, IfNoneMatch="*")
        head = _head(stack, f"{prefix}whole")
    stored, kind = head.get("ChecksumCRC64NVME"), head.get("ChecksumType")
    require(kind == "FULL_OBJECT", f"HEAD says that the checksum is {kind}, not FULL_OBJECT")
    require(stored == combined == checksum_of(WHOLE), f"HEAD returns {stored}, not {combined}")
    return f"two parts, {combined}"


def existing_object_stays(stack: Stack) -> str:
    """Raises CheckFailed if S3 completes an upload over an existing object although it was asked not to."""
    with own_objects(stack) as prefix:
        bucket = stack.outputs["ArchiveBucket"]
        stack.client("s3").put_object(Bucket=bucket, Key=f"{prefix}exists", Body=b"first", IfNoneMatch="*")
        upload = Upload(stack, f"{prefix}exists")
        upload.send(1, b"second", checksum_of(b"second"))
        code = _refusal(lambda: upload.complete(checksum_of(b"second"), IfNoneMatch="*"), "a second object")
    require(code in ("PreconditionFailed", "412"), f"S3 refused with {code}, not with PreconditionFailed")
    return f"refused with {code}"


def deep_archive_keeps_the_checksum(stack: Stack) -> str:
    """Looks at an original in Deep Archive, or at one byte of its own as long as there is none. Raises CheckFailed."""
    key = _an_original_in_deep_archive(stack)
    if key is None:
        with own_objects(stack) as prefix:
            stack.client("s3").put_object(
                Bucket=stack.outputs["ArchiveBucket"],
                Key=f"{prefix}deep",
                Body=b"x",
                StorageClass="DEEP_ARCHIVE",
                ChecksumAlgorithm="CRC64NVME",
                IfNoneMatch="*",
            )
            _compare(_head(stack, f"{prefix}deep"), checksum_of(b"x"), "what was written")
        return "no original is there yet; one byte of our own was, with its checksum"
    _compare(_head(stack, key), _ledgers_checksum(stack, key), "the ledger")
    return f"{key} has the checksum of the ledger"


def _compare(head: dict[str, Any], expected: str, whose: str) -> None:
    require(head.get("StorageClass") == "DEEP_ARCHIVE", f"the object is in {head.get('StorageClass')}")
    found = head.get("ChecksumCRC64NVME")
    require(found == expected, f"HEAD returns {found}, and {whose} has {expected or 'no checksum'}")
    require(head.get("ChecksumType") == "FULL_OBJECT", f"the checksum is {head.get('ChecksumType')}")


def _an_original_in_deep_archive(stack: Stack) -> str | None:
    """The first one among the first 10,000 originals of each provider."""
    pages = stack.client("s3").get_paginator("list_objects_v2")
    for provider in stack.providers:
        found = pages.paginate(
            Bucket=stack.outputs["ArchiveBucket"], Prefix=f"{provider}/", PaginationConfig={"MaxItems": 10_000}
        )
        for entry in (entry for page in found for entry in page.get("Contents", [])):
            if entry.get("StorageClass") == "DEEP_ARCHIVE":
                return str(entry["Key"])
    return None


def _ledgers_checksum(stack: Stack, key: str) -> str:
    """The checksum in the row of the source with this key. Raises CheckFailed when there is no such row."""
    provider, _year, _month, media_id, _filename = key.split("/")
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["LedgerTable"],
        KeyConditionExpression="pk = :item AND begins_with(sk, :source)",
        ExpressionAttributeValues={":item": {"S": f"{provider}#{media_id}"}, ":source": {"S": "SOURCE#"}},
    )
    for row in answer["Items"]:
        if row.get("key") == {"S": key}:
            return str(row.get("checksum", {}).get("S", ""))
    raise CheckFailed(f"the ledger has no row for {key}")


def _head(stack: Stack, key: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("s3").head_object(
        Bucket=stack.outputs["ArchiveBucket"], Key=key, ChecksumMode="ENABLED"
    )
    return found


def _refusal(call: Any, what: str) -> str:
    """The code with which S3 refuses the call. Raises CheckFailed if it accepts it."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    raise CheckFailed(f"S3 accepted {what}")


def checksum_of(data: bytes) -> str:
    """The CRC-64/NVME in base64, as S3 writes it."""
    return base64.b64encode(crc64nvme(data).to_bytes(8, "big")).decode()
