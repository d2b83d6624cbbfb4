"""Files of a run in the work bucket, written by several invocations and never in memory as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
                with aws_errors(f"reading {self._what}"):
                    self._s3.download_fileobj(self._bucket, self.key, file)
                file.truncate(kept)
                file.seek(kept)
            yield file
            file.seek(0)
            kind = "application/x-ndjson" if self.key.endswith(".jsonl") else "application/octet-stream"
            with aws_errors(f"writing {self._what}"):
                self._s3.put_object(Bucket=self._bucket, Key=self.key, Body=file, ContentType=kind)

    def lines(self) -> Iterator[bytes]:
        """Every line, streamed; none if there is no such file."""
        try:
            with aws_errors(f"reading {self._what}"):
                body = self._s3.get_object(Bucket=self._bucket, Key=self.key)["Body"]
        except AwsError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return
            raise
        yield from body.iter_lines()
