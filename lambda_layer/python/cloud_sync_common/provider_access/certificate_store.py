"""Certificates in the work bucket: each is written once, and never again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THERE = frozenset({"PreconditionFailed", "412"})  # S3's answer where an object with that key exists


def store(s3: S3Client, bucket: str, documents: Iterable[tuple[str, str, bytes]]) -> None:
    """Stores each (key, content type, content). Overwrites nothing: an invocation that is repeated finds the
    certificate of the first one. Raises ArchiveUnavailableError, ConfigurationError."""
    for key, kind, content in documents:
        try:
            with aws_errors("storing a certificate"):
                s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind, IfNoneMatch="*")
        except AwsError as error:
            if error_code(error) not in _THERE:
                raise ConfigurationError(f"S3 refused a certificate ({error_code(error)}).") from None
