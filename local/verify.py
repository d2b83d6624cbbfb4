"""Verifies that the archive holds the originals: reads them back, hashes them and compares them with the library.

It uses none of the code that made the archive, and another implementation of the checksum.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anycrc

from local.deployment import Deployment
from local.emulator import Emulator

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Verdict:
    """The result for one original file. `agreed`: the object is the original, byte for byte, and S3 and the ledger
    have its true checksum. `matched`: the ledger says that the hash that the provider publishes was compared."""

    media_id: str
    filename: str
    key: str
    size: int
    agreed: bool
    reason: str = ""
    matched: bool = False


def originals(control_url: str, context: ssl.SSLContext) -> list[dict[str, Any]]:
    """Every file that a complete archive of the account's own videos must hold, from the fake provider's control API.
    That of Google Drive names those of other places, too."""
    with urllib.request.urlopen(f"{control_url}/originals", context=context) as answer:
        files: list[dict[str, Any]] = json.load(answer)
        return [file for file in files if file.get("is_mine", True)]


def verify(deployment: Deployment, expected: list[dict[str, Any]], *, provider: str = "gopro") -> list[Verdict]:
    """Verifies each expected original of one provider, in the given order."""
    sources = {
        (row.get("media_id"), row.get("file_number")): row
        for row in deployment.rows(provider)
        if row["sk"].startswith("SOURCE#")
    }
    return [
        _judge(deployment, original, sources.get((original["media_id"], original["source_number"])))
        for original in expected
    ]


def _judge(deployment: Deployment, original: dict[str, Any], row: dict[str, Any] | None) -> Verdict:
    name = original["filename"] or original["media_id"]
    if original["source_count"] > 1:
        name += f" ({original['source_number']} of {original['source_count']})"
    if row is None or row.get("status") != "ARCHIVED" or "key" not in row:
        return Verdict(original["media_id"], name, "", original["size"], agreed=False, reason="not archived")
    key = row.get("copy_of") or row["key"]  # the bytes of a copy are those of another object
    try:
        head = deployment.s3.head_object(Bucket=deployment.archive_bucket, Key=key, ChecksumMode="ENABLED")
    except deployment.s3.exceptions.ClientError as error:
        reason = f"no such object ({error.response['Error']['Code']})"
        return Verdict(original["media_id"], name, key, original["size"], agreed=False, reason=reason)
    body = deployment.s3.get_object(Bucket=deployment.archive_bucket, Key=key)["Body"]
    stored, (sha256, checksum) = hashlib.sha256(), file_digests(Path(original["path"]))
    for chunk in body.iter_chunks(CHUNK):
        stored.update(chunk)
    facts = {
        "bytes": stored.hexdigest() == sha256,
        "size": head["ContentLength"] == original["size"],
        "S3's checksum": head.get("ChecksumCRC64NVME") == checksum,
        "the ledger's checksum": row.get("checksum") == checksum,
    }
    wrong = [fact for fact, holds in facts.items() if not holds]
    return Verdict(
        original["media_id"],
        name,
        key,
        original["size"],
        agreed=not wrong,
        reason=", ".join(wrong),
        matched="content-hash" in row.get("proofs", []),
    )


def file_digests(path: Path) -> tuple[str, str]:
    """(SHA-256 in hex, CRC-64/NVME in base64) of a file."""
    sha256, crc = hashlib.sha256(), 0
    model: Any = anycrc.Model("CRC64-NVME")
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            crc = model.calc(chunk, crc)
    return sha256.hexdigest(), base64.b64encode(crc.to_bytes(8, "big")).decode()


def iam_is_enforced(emulator: Emulator, bucket: str, table: str) -> bool:
    """Whether S3 and DynamoDB both refuse a user without permissions."""
    iam = emulator.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    s3, dynamodb = emulator.client("s3", **keys), emulator.client("dynamodb", **keys)
    refused = 0
    calls: tuple[Callable[[], object], ...] = (
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: dynamodb.scan(TableName=table),
    )
    for call in calls:
        try:
            call()
        except s3.exceptions.ClientError as error:
            refused += error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")
    return refused == 2
