"""How a certificate is kept: as those of the functions, and by the same code."""

from __future__ import annotations

from cloud_sync_common.provider_access.certificate import Certificate, documents

from console.stack import Stack
from console.wording import title_of


def store(stack: Stack, certificate: Certificate) -> None:
    """Writes it as JSON and as text, and overwrites nothing. Raises botocore's errors."""
    for key, kind, content in documents(certificate, {name: title_of(name) for name in stack.secrets}):
        stack.client("s3").put_object(
            Bucket=stack.output("WorkBucket"), Key=key, ContentType=kind, Body=content, IfNoneMatch="*"
        )
