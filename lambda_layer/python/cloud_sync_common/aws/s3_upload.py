"""Requests that upload media to S3: botocore signs them here, and transfer.upload_stream sends them without it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from cloud_sync_common.aws.clients import session
from cloud_sync_common.exceptions import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ERROR_CODE = re.compile(rb"<Code>([\w.]+)</Code>")


@dataclass(frozen=True)
class Upload:
    """A signed request for a body of `length` bytes."""

    url: str
    headers: Mapping[str, str]
    length: int


@dataclass(frozen=True)
class Stored:
    """S3's answer to an upload, and the CRC-64/NVME of the bytes that were sent, in base64."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    checksum: str

    @property
    def etag(self) -> str:
        """S3's ETag of what was stored, with its quotes; empty when it was refused."""
        return self.headers.get("etag", "")


def bucket_url(client: S3Client, bucket: str) -> str:
    """The URL of a bucket by botocore's rules for endpoints, without the slash before the key."""
    presigned = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    return presigned.partition("?")[0].removesuffix("/k")


def signed_put(url: str, headers: Mapping[str, str], region: str) -> dict[str, str]:
    """The headers of a PUT to S3 with a trailing checksum (`aws_chunked`), signed by botocore with this process's
    credentials (Signature Version 4). Raises ConfigurationError when there are no credentials."""
    credentials = session().get_credentials()
    if credentials is None:
        raise ConfigurationError("No AWS credentials were found for writing to the archive.")
    request = AWSRequest("PUT", url, headers=dict(headers))
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    S3SigV4Auth(credentials.get_frozen_credentials(), "s3", region).add_auth(request)
    return dict(request.headers.items())


def refused(status: int, body: bytes, operation: str) -> ClientError:
    """S3's refusal of a request that was sent without botocore, as the error that botocore would raise."""
    code = _ERROR_CODE.search(body)
    return ClientError(
        {
            "Error": {"Code": code[1].decode() if code else str(status)},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )
