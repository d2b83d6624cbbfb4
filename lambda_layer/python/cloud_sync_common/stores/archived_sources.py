"""One archived original at random, out of the ledger's rows of sources, whatever provider it is of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.stores.conditional_table import ledger_errors
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.row_values import typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# Parts of the table, in an order drawn anew each time, so that of a large one only a few pages are read.
_PARTS = 16
_ATTRIBUTES = ("pk", "sk", "status", "key", "size", "checksum", "copy_of")


class ArchivedSource(msgspec.Struct, frozen=True, kw_only=True):
    """An archived original. `key` is that of the object with its bytes, `checksum` its CRC-64/NVME in base64."""

    provider: str
    media_id: str
    key: str
    size: int
    checksum: str


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn: `source` is None where none fits, `smallest` the size of the smallest original that was seen,
    None where none is archived."""

    source: ArchivedSource | None = None
    smallest: int | None = None


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    status: str = ""
    key: str = ""
    size: int = -1
    checksum: str = ""
    copy_of: str = ""


class ArchivedSources:
    """The rows of the sources. Raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table, chance: random.Random | None = None) -> None:
        self._table, self._chance = table, chance or random.SystemRandom()

    def drawn(self, fits: Callable[[int], bool]) -> Drawn:
        """One whose size fits: of the first part of the table in which there is one, any with the same chance."""
        smallest: int | None = None
        for part in self._chance.sample(range(_PARTS), _PARTS):
            found, fitting = None, 0
            for source in self._sources(part):
                smallest = source.size if smallest is None else min(smallest, source.size)
                if fits(source.size):
                    fitting += 1
                    found = source if self._chance.randrange(fitting) == 0 else found
            if found:
                return Drawn(source=found, smallest=smallest)
        return Drawn(smallest=smallest)

    def _sources(self, part: int) -> Iterator[ArchivedSource]:
        for row in self._rows(part):
            provider, _, media_id = str(row["pk"]).partition("#")
            if source := _source(row, provider, media_id):
                yield source

    def _rows(self, part: int) -> Iterator[Mapping[str, Any]]:
        scan: dict[str, Any] = {
            "Segment": part,
            "TotalSegments": _PARTS,
            "FilterExpression": "begins_with(#sk, :source)",
            "ProjectionExpression": ", ".join(f"#{name}" for name in _ATTRIBUTES),
            "ExpressionAttributeNames": {f"#{name}": name for name in _ATTRIBUTES},
            "ExpressionAttributeValues": {":source": "SOURCE#"},
        }
        while True:
            with ledger_errors("reading the ledger"):
                answer = self._table.scan(**scan)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _source(row: Mapping[str, Any], provider: str, media_id: str) -> ArchivedSource | None:
    """None for a row that is not archived, or cannot be read: `verify` finds those."""
    try:
        found = typed(row, _Row)
    except msgspec.ValidationError:
        return None
    if found.status != Status.ARCHIVED or not found.key or not found.checksum or found.size < 0:
        return None
    return ArchivedSource(
        provider=provider,
        media_id=media_id,
        key=found.copy_of or found.key,
        size=found.size,
        checksum=found.checksum,
    )
