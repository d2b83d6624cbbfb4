"""What the checks write into the archive: a prefix of their own, which is emptied however a check ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from botocore.exceptions import ClientError

from aws_check.outcome import NotPartOfThisEnvironment
from aws_check.stack import Stack


@contextmanager
def own_objects(stack: Stack) -> Iterator[str]:
    """Yields a prefix of the archive for this run. When the block ends, also by Ctrl-C, every version, delete marker
    and unfinished upload below it is removed. Raises NotPartOfThisEnvironment where Object Lock would keep them."""
    _refuse_object_lock(stack)
    try:
        yield stack.prefix
    finally:
        empty(stack, stack.prefix)


def _refuse_object_lock(stack: Stack) -> None:
    try:
        found = stack.client("s3").get_object_lock_configuration(Bucket=stack.outputs["ArchiveBucket"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return
        raise
    if "Rule" in found.get("ObjectLockConfiguration", {}):
        raise NotPartOfThisEnvironment(
            "object_lock_days is set: S3 would keep what this check writes, so it writes nothing"
        )


def empty(stack: Stack, prefix: str) -> None:
    """Removes every version, delete marker and unfinished upload below the prefix."""
    s3, bucket = stack.client("s3"), stack.outputs["ArchiveBucket"]
    for key, upload in uploads(stack, prefix):
        with suppress(s3.exceptions.NoSuchUpload):  # completed in the meantime: then it is a version
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    for key, version in versions(stack, prefix):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)


def uploads(stack: Stack, prefix: str) -> list[tuple[str, str]]:
    """(key, upload id) of each unfinished upload below the prefix."""
    pages = stack.client("s3").get_paginator("list_multipart_uploads")
    found = pages.paginate(Bucket=stack.outputs["ArchiveBucket"], Prefix=prefix)
    # Filtered here as well: nothing outside the prefix may be removed, whatever the endpoint makes of `Prefix`.
    every = [(upload["Key"], upload["UploadId"]) for page in found for upload in page.get("Uploads", [])]
    return [pair for pair in every if pair[0].startswith(prefix)]


def versions(stack: Stack, prefix: str) -> list[tuple[str, str]]:
    """(key, version id) of each version and each delete marker below the prefix."""
    pages = stack.client("s3").get_paginator("list_object_versions")
    every = [
        (entry["Key"], entry["VersionId"])
        for page in pages.paginate(Bucket=stack.outputs["ArchiveBucket"], Prefix=prefix)
        for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    ]
    return [pair for pair in every if pair[0].startswith(prefix)]
