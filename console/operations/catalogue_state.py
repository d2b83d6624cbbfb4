"""How far the catalogue is, and the two things that its owner may do with it: write its indexes anew, and have it
forget where clips were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import batched
from math import ceil
from typing import TYPE_CHECKING, Any

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.catalogue_rows import (
    DETAILS_FILE,
    PREFIX,
    IndexRow,
    Picture,
    index_month,
)
from cloud_sync_common.stores.provider_rows import CATALOGUE

from console.errors import ConsoleError
from console.operations import safe
from console.operations.catalogue import LibraryCatalogue, catalogue_errors
from console.operations.ledger import Reading, Row, rows_of_provider, walk
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from cloud_sync_common.stores.catalogue import Index

_AT_ONCE = 16
_AT_A_TIME = 1_000
_READ_UNITS = 0.25  # of a row of an item in a walk, on average: 4 KB are half a unit, a row is some 500 bytes
_OBJECTS, _LISTED = 2, 1_000  # of an item, and in one answer of a listing (S3 API reference, ListObjectsV2)
_OF_AN_ITEM = ("pk", "status", "filename", "captured_at", "bytes_total", "archived_at", "damage")

type Show = Callable[[int], object]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's. `archived` are the items that the months count, `listed` those in the indexes; `detailed` were
    looked into, `with_picture` and `with_place` are among them. `waiting` are archived and not looked into;
    `oldest_waiting` is when the first of them was captured, or its month. `complete`: the walk through the archive came
    to its end, at `completed_at`. `failures` counts how often an item met trouble."""

    archived: int
    listed: int
    detailed: int
    with_picture: int
    with_place: int
    waiting: int
    oldest_waiting: str = ""
    complete: bool = False
    completed_at: str = ""
    failures: int = 0


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many details, and lines of indexes, had a place."""

    details: int
    lines: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many items and months something is read and written, and what that costs at most, in USD."""

    items: int
    months: int
    usd: float


class _Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a provider's walk, as far as it is shown."""

    complete: bool = False
    completed_at: str = ""
    failures: int = 0


def state(stack: Stack, provider: str, reading: Reading) -> State:
    """Reads the provider's indexes, and its rows. Raises ConsoleError, botocore's errors."""
    rows = rows_of_provider(stack, provider, reading)
    catalogue, totals = LibraryCatalogue(stack), safe.safe_of(rows).months
    indexes = dict(catalogue.by_month(provider, list(catalogue.months(provider).items())))
    entries = [row for index in indexes.values() for row in index]
    detailed = [row for row in entries if row.is_detailed]
    archived = sum(max(totals.get(m, (0, 0))[0], len(indexes.get(m, []))) for m in {*totals, *indexes})
    walked = _progress(rows.get(CATALOGUE, {}))
    return State(
        archived=archived,
        listed=len(entries),
        detailed=len(detailed),
        with_picture=sum(row.picture is not Picture.NONE for row in detailed),
        with_place=sum(row.place is not None for row in detailed),
        waiting=archived - len(detailed),
        oldest_waiting=min(_waiting_since(indexes, totals), default=""),
        complete=walked.complete,
        completed_at=walked.completed_at,
        failures=walked.failures,
    )


def _progress(row: Mapping[str, Any]) -> _Progress:
    """A row that nobody here writes says nothing."""
    try:
        return msgspec.convert(row, _Progress)
    except msgspec.ValidationError:
        return _Progress()


def _waiting_since(indexes: Mapping[str, list[IndexRow]], totals: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """When what is not looked into was captured; of what no index has, its month. A month sorts before its days."""
    for month, rows in indexes.items():
        yield from (row.listed_at or month for row in rows if not row.is_detailed)
    yield from (month for month, (originals, _) in totals.items() if originals > len(indexes.get(month, [])))


# Written anew


def rebuild_estimate(stack: Stack, reading: Reading) -> Estimate:
    """By the totals of the months, without a walk. Raises ConsoleError, botocore's errors."""
    from cloud_sync_common import prices  # noqa: PLC0415 (only here)

    items, months = _counted(stack, reading)
    read = items * (prices.S3_GET.each + _READ_UNITS * prices.DYNAMODB_READ.each)
    return Estimate(items=items, months=months, usd=read + months * prices.S3_PUT.each)


def forget_estimate(stack: Stack, reading: Reading) -> Estimate:
    """Where each of the items has a place, which is written without it."""
    from cloud_sync_common import prices  # noqa: PLC0415 (only here)

    items, months = _counted(stack, reading)
    listed = ceil(items * _OBJECTS / _LISTED) + months
    return Estimate(items=items, months=months, usd=items * prices.S3_GET.each + (items + listed) * prices.S3_PUT.each)


def _counted(stack: Stack, reading: Reading) -> tuple[int, int]:
    """Items and months."""
    counted = [safe.safe_of(rows_of_provider(stack, provider, reading)) for provider in stack.secrets]
    return sum(one.originals for one in counted), sum(len(one.months) for one in counted)


def rebuild(stack: Stack, show: Show, reading: Reading) -> dict[str, int]:
    """Writes each month's index from the ledger and the details that there are, and has the nightly walk begin again;
    returns how many items each provider's indexes have. `show` is called with how many items were read. Raises
    ConsoleError while a run is under way or when one has written meanwhile, and botocore's errors."""
    safe.check_no_run(stack, reading)
    catalogue = LibraryCatalogue(stack)
    months = _read(stack, catalogue, show, reading)
    for provider in stack.secrets:
        known = {month for of, month in months if of == provider} | set(catalogue.months(provider))
        for month in sorted(known):
            _replace(catalogue, provider, month, months.get((provider, month), []))
        _begin_again(stack, provider)
    return {
        provider: sum(len(rows) for (of, _), rows in months.items() if of == provider) for provider in stack.secrets
    }


def _read(
    stack: Stack, catalogue: LibraryCatalogue, show: Show, reading: Reading
) -> dict[tuple[str, str], list[IndexRow]]:
    """The lines by provider and month."""
    months: dict[tuple[str, str], list[IndexRow]] = {}
    walked = (row for row in walk(stack, reading, _OF_AN_ITEM, "ITEM") if safe.is_safe(row))
    ours = (row for row in walked if row["pk"].partition("#")[0] in stack.secrets)
    count = 0
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        for some in batched(ours, _AT_A_TIME):
            for provider, line in readers.map(lambda row: _line(catalogue, row), some):
                months.setdefault((provider, index_month(line.listed_at)), []).append(line)
                count += 1
            show(count)
    return months


def _line(catalogue: LibraryCatalogue, row: Row) -> tuple[str, IndexRow]:
    """What the ledger says is so; the rest is by the details, where there are any."""
    provider, _, media_id = row["pk"].partition("#")
    listed_at, size = _text(row, "captured_at"), row.get("bytes_total")
    details = catalogue.details(provider, listed_at, media_id)
    known = details.row if details else IndexRow(media_id=media_id, captured_at=listed_at, files=1)  # of at least one
    line = msgspec.structs.replace(
        known,
        filename=_text(row, "filename"),
        listed_at=listed_at,
        bytes=size if isinstance(size, int) else known.bytes,
        damage=_text(row, "damage"),
        archived_at=_text(row, "archived_at"),
    )
    return provider, line


def _text(row: Row, name: str) -> str:
    return one_line(str(row.get(name) or ""), 1_000)


def _replace(catalogue: LibraryCatalogue, provider: str, month: str, lines: list[IndexRow]) -> None:
    with catalogue_errors():
        store = catalogue.of(provider)
        _write(catalogue, provider, month, store.index(month), lines)


def _write(catalogue: LibraryCatalogue, provider: str, month: str, before: Index, lines: Iterable[IndexRow]) -> None:
    """These lines and no other. Raises ConsoleError where a run has written the month since it was read."""
    if not catalogue.of(provider).replace_index(month, replace(before, rows={}), lines):
        raise ConsoleError(
            f"A run of {title_of(provider)} has written the catalogue meanwhile. Repeat the command when it has ended; "
            "what is written stays."
        )


def _begin_again(stack: Stack, provider: str) -> None:
    """The nightly walk begins where there is no cursor (cloud_sync_common/stores/catalogue_progress.py)."""
    stack.client("dynamodb").update_item(
        TableName=stack.output("LedgerTable"),
        Key={"pk": {"S": f"PROVIDER#{provider}"}, "sk": {"S": CATALOGUE}},
        UpdateExpression="REMOVE #cursor",
        ExpressionAttributeNames={"#cursor": "cursor"},
    )


# Places


def forget_places(stack: Stack, show: Show, reading: Reading) -> dict[str, Forgotten]:
    """Removes the place from all details, and then from the indexes, of every provider. `show` is called with how many
    details were read. Raises ConsoleError while a run is under way, and botocore's errors."""
    safe.check_no_run(stack, reading)
    catalogue = LibraryCatalogue(stack)
    return {provider: _forget(stack, catalogue, provider, show) for provider in stack.secrets}


def _forget(stack: Stack, catalogue: LibraryCatalogue, provider: str, show: Show) -> Forgotten:
    count = forgotten = 0
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        for keys in batched(_keys(stack, provider), _AT_A_TIME):
            forgotten += sum(workers.map(lambda key: _forget_details(stack, key), keys))
            count += len(keys)
            show(count)
    lines = sum(_forget_month(catalogue, provider, month) for month in catalogue.months(provider))
    return Forgotten(details=forgotten, lines=lines)


def _keys(stack: Stack, provider: str) -> Iterator[str]:
    pages = stack.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=stack.output("WorkBucket"), Prefix=f"{PREFIX}{provider}/"):
        keys = (str(entry["Key"]) for entry in page.get("Contents", []))
        yield from (key for key in keys if key.endswith(f"/{DETAILS_FILE}"))


def _forget_details(stack: Stack, key: str) -> bool:
    """Whether they had a place. Nothing else of the object changes, also of what a later version has put in."""
    s3, bucket = stack.client("s3"), stack.output("WorkBucket")
    found = s3.get_object(Bucket=bucket, Key=key)
    content = without_place(found["Body"].read())
    if content is None:
        return False
    s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json", IfMatch=found["ETag"])
    return True


def without_place(content: bytes) -> bytes | None:
    """None where there is none."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(found, dict) or "place" not in found:
        return None
    del found["place"]
    if isinstance(sources := found.get("taken_from"), dict):
        sources.pop("place", None)
    return msgspec.json.encode(found)


def _forget_month(catalogue: LibraryCatalogue, provider: str, month: str) -> int:
    with catalogue_errors():
        index = catalogue.of(provider).index(month)
        placed = sum(row.place is not None for row in index.rows.values())
        if placed:
            lines = [msgspec.structs.replace(row, place=None) for row in index.rows.values()]
            _write(catalogue, provider, month, index, lines)
    return placed
