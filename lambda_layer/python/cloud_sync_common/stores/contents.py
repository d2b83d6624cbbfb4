"""Which objects of the archive have which content, whichever provider they came from: rows of the ledger by size and
digest.

A row says that the object with its key has that size and that digest: S3's own CRC-64/NVME, or a hash that was computed
over the bytes as they passed. A row of a copy says that the archive holds its content under another key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.stores.conditional_table import ConditionalTable, ledger_errors
from cloud_sync_common.stores.row_values import Key, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MOST_OF_ONE_CONTENT = 50  # objects and copies that are looked at; a library with more of them stores some again

# Hashes that show the same content, also where somebody wants two files to look the same. MD5 does not: two different
# files with one MD5 can be made at will (RFC 6151).
STRONG_HASHES = frozenset({"sha256", "sha256-4mib"})


class KnownContent(msgspec.Struct, frozen=True, kw_only=True):
    """An object with some content. `checksum` is its CRC-64/NVME in base64; `updated_at` is when this was noted, ISO
    8601; `copy_of` is the key of the object that this one is only a copy of; `hashes` are all strong ones that are
    known of it."""

    key: str
    checksum: str
    updated_at: str = ""
    copy_of: str = ""
    hashes: frozenset[str] = frozenset()

    def contradicts(self, hashes: Iterable[str]) -> bool:
        """Whether one of these hashes shows that this is another content, although its size and checksum agree: a
        CRC-64 can be made to."""
        known = {text.partition(":")[0]: text for text in self.hashes}
        return any(known.get(text.partition(":")[0], text) != text for text in strong(hashes))


def by_checksum(checksum: str) -> str:
    """The digest that every object has."""
    return f"crc64nvme:{checksum}"


def strong(hashes: Iterable[str]) -> list[str]:
    """Those of these hashes (each as in MediaSource.content_hashes) that are believed without a byte read."""
    return [text for text in hashes if text.partition(":")[0] in STRONG_HASHES]


class Contents:
    """The contents of all providers. Every method raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table) -> None:
        self._table, self._rows = table, ConditionalTable(table)

    def note(self, key: str, size: int, checksum: str, hashes: Iterable[str] = (), *, copy_of: str = "") -> None:
        """Notes that the object `key` has this content, of `size` bytes, and each strong one of these hashes. What is
        known already is not written again."""
        if not size or not checksum:
            return
        known = set(strong(hashes))
        unknown = "".join(f" OR NOT contains(#hashes, :hash{number})" for number in range(len(known)))
        for digest in (by_checksum(checksum), *known):
            self._rows.update(
                _row_key(size, digest, key),
                {"checksum": checksum, "copy_of": copy_of},
                condition="attribute_not_exists(#checksum) OR #checksum <> :checksum OR #copy_of <> :copy_of" + unknown,
                add={"hashes": known} if known else {},
                extra={f":hash{number}": text for number, text in enumerate(known)},
            )

    def having(self, size: int, digest: str) -> list[KnownContent]:
        """The objects and copies with this content, at most MOST_OF_ONE_CONTENT, in one strongly consistent query."""
        with ledger_errors("reading the ledger"):
            answer = self._table.meta.client.query(
                TableName=self._table.name,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": _row_key(size, digest, "")["pk"]},
                ConsistentRead=True,
                Limit=MOST_OF_ONE_CONTENT,
            )
        return list(_readable(answer["Items"]))

    def needs(self, key: str, size: int, checksum: str) -> str:
        """The key of a copy that this object is the content of; empty: there is none."""
        found = self.having(size, by_checksum(checksum)) if size and checksum else []
        return next((known.key for known in found if known.copy_of == key), "")


def _readable(rows: Iterable[Mapping[str, Any]]) -> Iterator[KnownContent]:
    """Without rows that are not as this module writes them, of which nothing is believed."""
    for row in rows:
        with suppress(msgspec.ValidationError):
            yield typed({**row, "key": row["sk"]}, KnownContent)


def _row_key(size: int, digest: str, key: str) -> Key:
    return {"pk": f"CONTENT#{size}#{digest}", "sk": key}
