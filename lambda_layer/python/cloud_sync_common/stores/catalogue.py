"""The catalogue in the work bucket: details and a thumbnail of each archived item, and an index of each month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.stores import catalogue_rows as rows
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = frozenset({"NoSuchKey", "404"})
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})


@dataclass(frozen=True)
class Index:
    """A month's rows by their ids, and the ETag of the file they were read from; empty where there is none."""

    rows: dict[str, IndexRow]
    etag: str = ""


class Catalogue:
    """One provider's. Its methods raise ArchiveUnavailableError and ConfigurationError."""

    def __init__(self, client: S3Client, bucket: str, provider: str) -> None:
        self._s3, self._bucket, self._provider = client, bucket, provider

    def details(self, listed_at: str, media_id: str) -> Details | None:
        """None where there are none, or none that this version can read."""
        content = self._read(rows.details_key(self._provider, listed_at, media_id))
        try:
            return msgspec.json.decode(content, type=Details) if content else None
        except msgspec.MsgspecError:
            return None

    def thumbnail(self, listed_at: str, media_id: str) -> bytes:
        """A JPEG; empty where there is none."""
        return self._read(rows.thumbnail_key(self._provider, listed_at, media_id))

    def store(self, details: Details, thumbnail: bytes) -> None:
        """The picture first: whoever finds the details finds what they speak of."""
        if thumbnail:
            key = rows.thumbnail_key(self._provider, details.listed_at, details.media_id)
            self._write(key, thumbnail, "image/jpeg")
        key = rows.details_key(self._provider, details.listed_at, details.media_id)
        self._write(key, msgspec.json.encode(details), "application/json")

    def index(self, month: str) -> Index:
        """A month, `2026-05` or `unknown`. A line that cannot be read is left out: a rebuilt index has it again."""
        found = self._got(rows.index_key(self._provider, month))
        if not found:
            return Index({})
        read = (_row(line) for line in found["Body"].read().splitlines())
        return Index({row.media_id: row for row in read if row}, found["ETag"])

    def replace_index(self, month: str, known: Index, changed: Iterable[IndexRow]) -> bool:
        """Writes the month with these rows added or replaced; False where another has written it since it was read."""
        merged = sorted(
            (known.rows | {row.media_id: row for row in changed}).values(),
            key=lambda row: (row.captured_at, row.media_id),
        )
        content = b"".join(msgspec.json.encode(row) + b"\n" for row in merged)
        condition: dict[str, Any] = {"IfMatch": known.etag} if known.etag else {"IfNoneMatch": "*"}
        try:
            self._write(rows.index_key(self._provider, month), content, "application/x-ndjson", **condition)
        except AwsError as error:
            if error_code(error) in _CHANGED:
                return False
            raise
        return True

    def _read(self, key: str) -> bytes:
        found = self._got(key)
        return found["Body"].read() if found else b""

    def _got(self, key: str) -> Any:
        try:
            with aws_errors("reading the catalogue"):
                return self._s3.get_object(Bucket=self._bucket, Key=key)
        except AwsError as error:
            if error_code(error) in _MISSING:
                return None
            raise

    def _write(self, key: str, content: bytes, kind: str, **condition: Any) -> None:
        with aws_errors("writing the catalogue"):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=kind, **condition)


def _row(line: bytes) -> IndexRow | None:
    try:
        return msgspec.json.decode(line, type=IndexRow)
    except msgspec.MsgspecError:
        return None
