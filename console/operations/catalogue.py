"""The catalogue as the owner reads it: indexes of months, which are kept until S3 has another one, and details.
Every method raises ConsoleError where S3 refuses or cannot be reached, and botocore's errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow, index_key, index_prefix

from console.aws_refusals import explained
from console.errors import ConsoleError
from console.stack import Stack

if TYPE_CHECKING:
    from cloud_sync_common.stores.catalogue import Catalogue, Index

_AT_ONCE = 8
_MISSING = frozenset({"404", "NoSuchKey"})


@dataclass(frozen=True)
class Entry:
    """One archived item of the catalogue, and where it is: its provider, and the month of its index."""

    provider: str
    month: str
    row: IndexRow


@contextmanager
def catalogue_errors() -> Iterator[None]:
    """Around what the catalogue's store does. Raises ConsoleError for its errors: as AWS's own refusal where there is
    one."""
    try:
        yield
    except CloudSyncError as error:
        cause = error.__context__
        known = explained(cause) if isinstance(cause, Exception) else None
        raise known or ConsoleError(str(error)) from None


class LibraryCatalogue:
    """Of all providers of a stack. May be used by several threads at once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._kept: dict[str, Index] = {}
        self._lock = threading.Lock()

    @property
    def _bucket(self) -> str:
        """Raises ConsoleError where a stack of an earlier version does not say it."""
        return self._stack.output("WorkBucket")

    def of(self, provider: str) -> Catalogue:
        """The store, whose methods have errors of their own: see `catalogue_errors`."""
        from cloud_sync_common.stores.catalogue import Catalogue  # noqa: PLC0415 (imports boto3 and X-Ray)

        return Catalogue(self._stack.client("s3"), self._bucket, provider)

    def months(self, provider: str) -> dict[str, str]:
        """The ETag of each index there is, by its month (`2026-05` or `unknown`), the earliest first."""
        prefix = index_prefix(provider)
        pages = self._stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        found = [(entry["Key"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])]
        return {key.removeprefix(prefix).removesuffix(".jsonl"): etag for key, etag in sorted(found)}

    def rows(self, provider: str, month: str, etag: str = "") -> list[IndexRow]:
        """A month, in the order of capture; none where there is no index. With the ETag that a listing has just said,
        nothing is asked that is known."""
        key = index_key(provider, month)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or kept.etag != (etag or self._etag(key)):
            with catalogue_errors():
                kept = self.of(provider).index(month)
            with self._lock:
                self._kept[key] = kept
        return list(kept.rows.values())

    def _etag(self, key: str) -> str:
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            return str(self._stack.client("s3").head_object(Bucket=self._bucket, Key=key)["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return ""
            raise

    def by_month(self, provider: str, months: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[IndexRow]]]:
        """The rows of these months, which are given with their ETags, in this order. They are read side by side."""
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            read = readers.map(lambda one: self.rows(provider, *one), months)
            yield from zip((month for month, _ in months), read, strict=True)

    def details(self, provider: str, listed_at: str, media_id: str) -> Details | None:
        """`listed_at` is the time in the ledger's row, of which the key is made."""
        with catalogue_errors():
            return self.of(provider).details(listed_at, media_id)
