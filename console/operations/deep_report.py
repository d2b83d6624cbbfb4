"""The completion report of a job that computes checksums: which object has which one, or why S3 computed none.

Its form is the one of the S3 user guide, "Examples: S3 Batch Operations completion reports". Whatever has another form
proves nothing, and is an error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from urllib.parse import quote, unquote

import msgspec
from cloud_sync_common.safe_text import one_line

from console.errors import ConsoleError
from console.stack import Stack

ALGORITHM, KIND = "CRC64NVME", "FULL_OBJECT"
FORMAT = "Report_CSV_20180820"
_COLUMNS = 7  # Bucket, Key, VersionId, TaskStatus, two codes whose order the guide does not agree on, ResultMessage


class Outcome(msgspec.Struct, frozen=True):
    """Of one object: its checksum, or why there is none."""

    checksum: str = ""
    problem: str = ""


class _Place(msgspec.Struct, frozen=True, rename="pascal"):
    bucket: str
    key: str


class _Places(msgspec.Struct, frozen=True, rename="pascal"):
    format: str
    results: list[_Place]


class _Computed(msgspec.Struct, frozen=True):
    """The message of a task that succeeded."""

    checksum_base64: str
    algorithm: str = msgspec.field(name="checksumAlgorithm")
    kind: str = msgspec.field(name="checksumType")


def as_written(key: str) -> str:
    """A key as manifests have it (S3 user guide, "Creating an S3 Batch Operations job": it must be URL-encoded)."""
    return quote(key, safe="/")


def outcomes(stack: Stack, place: str, keys: Collection[str]) -> dict[str, Outcome]:
    """By object, of exactly these; `place` is the key of the report's manifest.json. Raises ConsoleError for a report
    that says anything else, and botocore's errors."""
    try:
        found = _found(stack, place, keys)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, csv.Error) as error:
        raise _odd(f"it cannot be read ({type(error).__name__})") from None
    if missing := len(keys) - len(found):
        raise _odd(f"it says nothing about {missing:,} of {len(keys):,} objects")
    return found


def _found(stack: Stack, place: str, keys: Collection[str]) -> dict[str, Outcome]:
    work = stack.output("WorkBucket")
    places = msgspec.json.decode(read(stack, place), type=_Places)
    if places.format != FORMAT or any(one.bucket != work for one in places.results):
        raise _odd("it has another format, or is in another bucket")
    written = {as_written(key): key for key in keys}
    found: dict[str, Outcome] = {}
    for one in places.results:
        for row in csv.reader(io.StringIO(read(stack, one.key).decode(), newline="")):
            key = _key(stack, row, written)
            if key in found:
                raise _odd(f"it names {one_line(key)} twice")
            found[key] = _outcome(row)
    return found


def read(stack: Stack, key: str) -> bytes:
    """An object of the work bucket. Raises ConsoleError where there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    bucket = stack.output("WorkBucket")
    try:
        content: bytes = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise ConsoleError(
            f"s3://{bucket}/{one_line(key, 1_100)} is not there any more, so that nothing is certified. Start another "
            "job with `cloudsync verify --deep`."
        ) from None
    return content


def _key(stack: Stack, row: list[str], written: dict[str, str]) -> str:
    """The guide does not say whether a report has keys as the manifest has them."""
    if len(row) < _COLUMNS or row[0] != stack.output("ArchiveBucket"):
        raise _odd("it has a row of another form, or about another bucket")
    for text in (row[1], as_written(unquote(row[1])), as_written(row[1])):
        if text in written:
            return written[text]
    raise _odd(f"it names {one_line(row[1])}, which was not asked for")


def _outcome(row: list[str]) -> Outcome:
    """The guide's example of a failure has quotation marks that make several columns of its message."""
    status = row[3]
    if status == "failed":
        return Outcome(problem=one_line(" ".join(filter(None, row[4:])), 200) or "no reason was stated")
    if status != "succeeded" or len(row) != _COLUMNS:
        raise _odd("it has a task that neither succeeded nor failed")
    said = msgspec.json.decode(row[6], type=_Computed)
    if (said.algorithm, said.kind) != (ALGORITHM, KIND) or not said.checksum_base64:
        raise _odd("it has a checksum of another kind")
    return Outcome(checksum=said.checksum_base64)


def _odd(why: str) -> ConsoleError:
    return ConsoleError(
        f"The report of S3 Batch Operations is not as Cloud Sync knows it: {why}. Nothing is certified. The report "
        "stays where it is, below certificates/deep/ in the work bucket."
    )
