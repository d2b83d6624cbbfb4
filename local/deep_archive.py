"""Puts an original into Deep Archive, as a lifecycle rule does on AWS after days: the emulator ages nothing."""

from __future__ import annotations

from local.deployment import Deployment


def freeze(deployment: Deployment, key: str) -> None:
    """A new version of an object, which is in Deep Archive; the one before goes."""
    s3, bucket = deployment.s3, deployment.archive_bucket
    before = s3.get_object(Bucket=bucket, Key=key)
    s3.put_object(
        Bucket=bucket, Key=key, Body=before["Body"].read(), Metadata=before["Metadata"], StorageClass="DEEP_ARCHIVE",
        ChecksumAlgorithm="CRC64NVME",
    )  # fmt: skip
    s3.delete_object(Bucket=bucket, Key=key, VersionId=before["VersionId"])
