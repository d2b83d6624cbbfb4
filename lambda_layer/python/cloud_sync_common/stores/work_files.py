"""Files of a run in the work bucket, written by several invocations and never in memory as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.retry_utils import Deadline, retrying

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 256 * 1024  # bytes
_AGAIN_SECONDS = 60.0  # so long is one chunk asked for again


class WorkFile:
    """One object, `runs/{run_id}/{name}`. `what` names it in messages, e.g. "the manifest"."""

    def __init__(self, client: S3Client, bucket: str, run_id: str, name: str, what: str) -> None:
        self._s3, self._bucket, self._what = client, bucket, what
        self.key = f"runs/{run_id}/{name}"

    @contextmanager
    def extended(self, kept: int) -> Iterator[IO[bytes]]:
        """A file that continues after the first `kept` bytes of what earlier invocations wrote; 0 starts again. Bytes
        after those come from an invocation that died before it reported them, and are written again.

        The file is stored at the end of the block, unless the block raises; then the stored file stays as it was.
        """
        with tempfile.TemporaryFile() as file:
            if kept:
                file.writelines(self._chunks())
                file.truncate(kept)
                file.seek(kept)
            yield file
            file.seek(0)
            kind = "application/x-ndjson" if self.key.endswith(".jsonl") else "application/octet-stream"
            with aws_errors(f"writing {self._what}"):
                self._s3.put_object(Bucket=self._bucket, Key=self.key, Body=file, ContentType=kind)

    def lines(self) -> Iterator[bytes]:
        """Every line, streamed; none if there is no such file. Raises ArchiveUnavailableError, ConfigurationError."""
        rest = b""
        try:
            for chunk in self._chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
        except AwsError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return
            raise
        if rest:
            yield rest

    def _chunks(self) -> Iterator[bytes]:
        """The file in pieces. An answer that breaks off is asked for again, from where it broke off."""
        reading = _Reading(self._s3, self._bucket, self.key, self._what)
        while chunk := retrying(reading.next_chunk, Deadline.after(_AGAIN_SECONDS)):
            yield chunk


@dataclass
class _Reading:
    """How far one object has been read."""

    s3: S3Client
    bucket: str
    key: str
    what: str
    done: int = 0
    size: int = -1  # known from the first answer
    etag: str = ""
    body: Any = None  # boto3's stream

    def next_chunk(self) -> bytes:
        """The next bytes; none at the end. May be called again after each error but AwsError."""
        if self.done == self.size:
            return b""
        try:
            with aws_errors(f"reading {self.what}"):
                self.body = self.body or self._opened()
                if not self.size:  # an empty file, as the manifest of a run that found nothing new
                    return b""
                chunk: bytes = self.body.read(_CHUNK)
        except ArchiveUnavailableError:
            self.body = None
            raise
        if not chunk:
            self.body = None
            raise ArchiveUnavailableError(f"S3 ended its answer early for reading {self.what}.")
        self.done += len(chunk)
        return chunk

    def _opened(self) -> Any:
        rest: dict[str, Any] = {"Range": f"bytes={self.done}-", "IfMatch": self.etag} if self.done else {}
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.key, **rest)
        if not self.done:
            self.size, self.etag = answer["ContentLength"], answer["ETag"]
        return answer["Body"]
