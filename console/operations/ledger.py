"""The ledger's rows as the owner's command reads them: by key and by index, and by a walk only where it says so.

A row is a mapping of plain values. Every function raises botocore's errors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

import msgspec

from console.errors import ConsoleError
from console.stack import Stack

type Row = dict[str, Any]

BATCH = 100  # keys of one BatchGetItem (API reference)
TRIES = 8  # of one BatchGetItem, whose answer may lack some of the rows
SEGMENTS = 4  # of a walk that are read side by side


@dataclass
class Reading:
    """What was read of the ledger, for the sentence about it."""

    requests: int = 0
    rows: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, rows: int) -> None:
        with self.lock:
            self.requests, self.rows = self.requests + 1, self.rows + rows


def plain(value: Mapping[str, Any]) -> Any:
    """An attribute in DynamoDB's own JSON as a plain value."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.removeprefix("-").isdecimal() else float(content)
        case "NULL":
            return None
        case "L":
            return [plain(one) for one in content]
        case "M":
            return plain_row(content)
        case _:
            return content


def plain_row(row: Mapping[str, Any]) -> Row:
    return {name: plain(value) for name, value in row.items()}


def typed[Struct: msgspec.Struct](row: Mapping[str, Any], kind: type[Struct]) -> Struct:
    """A row as a struct; an empty one for a row that nobody of Cloud Sync writes."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError:
        return kind()


def by_keys(
    stack: Stack, keys: Iterable[tuple[str, str]], attributes: Iterable[str], reading: Reading
) -> dict[tuple[str, str], Row]:
    """These attributes of the rows with these keys (`pk` and `sk`), of those that there are. Each is read as it was up
    to a second ago, which costs half. Raises ConsoleError when DynamoDB is throttling."""
    names = {f"#{name}": name for name in ("pk", "sk", *attributes)}
    found = {}
    for batch in batched(dict.fromkeys(keys), BATCH):
        request = {
            "Keys": [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in batch],
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
        }
        for row in _batch(stack, request, reading):
            found[row["pk"], row["sk"]] = row
    return found


def _batch(stack: Stack, request: Mapping[str, Any], reading: Reading) -> Iterator[Row]:
    table = stack.output("LedgerTable")
    wanted: Any = {table: request}
    for attempt in range(TRIES):
        answer = stack.client("dynamodb").batch_get_item(RequestItems=wanted)
        rows = answer["Responses"].get(table, [])
        reading.count(len(rows))
        yield from map(plain_row, rows)
        wanted = answer.get("UnprocessedKeys")
        if not wanted:
            return
        time.sleep(0.05 * 2**attempt)  # exponential back-off, as the API reference advises
    raise ConsoleError("DynamoDB did not return all rows asked for; it is throttling. Repeat the command in a minute.")


def rows_of_provider(stack: Stack, provider: str, reading: Reading) -> dict[str, Row]:
    """All that is kept of a provider itself, by sort key: the run under way, the last success, the state of the
    credentials, the months. One query."""
    return {row["sk"]: row for row in partition(stack, f"PROVIDER#{provider}", reading)}


def partition(stack: Stack, pk: str, reading: Reading) -> Iterator[Row]:
    """All rows with this partition key."""
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    for page in pages(stack, reading, **query):
        yield from page


def not_archived(stack: Stack, provider: str, reading: Reading, most: int | None) -> tuple[list[Row], bool]:
    """What waits or has failed, what changed last first, from the sparse index, at most so many (None: all), and
    whether that is all."""
    query: dict[str, Any] = {
        "IndexName": "not-archived",
        "KeyConditionExpression": "not_archived = :p",
        "ExpressionAttributeValues": {":p": {"S": provider}},
        "ScanIndexForward": False,
        **({"Limit": most} if most else {}),
    }
    found: list[Row] = []
    for page, is_last in _pages(stack, reading, query):
        found += page
        if is_last or (most and len(found) >= most):
            return found, is_last
    return found, True


def pages(stack: Stack, reading: Reading, **query: Any) -> Iterator[list[Row]]:
    """The pages of a query; none that is asked for before it is needed."""
    return (page for page, _ in _pages(stack, reading, query))


def _pages(stack: Stack, reading: Reading, query: Mapping[str, Any]) -> Iterator[tuple[list[Row], bool]]:
    """Each with whether it is the last one."""
    client, start = stack.client("dynamodb"), dict[str, Any]()
    while True:
        answer = client.query(TableName=stack.output("LedgerTable"), **query, **start)
        reading.count(len(answer["Items"]))
        last = answer.get("LastEvaluatedKey")
        yield [plain_row(row) for row in answer["Items"]], last is None
        if last is None:
            return
        start = {"ExclusiveStartKey": last}


def walk(stack: Stack, reading: Reading, attributes: tuple[str, ...], sort_key: str = "") -> Generator[Row]:
    """These attributes of every row of the ledger, or of those with this sort key, in no order, from several parts of
    the table side by side. One page of each is read ahead and no more, so that whoever takes the rows slowly is not
    overrun. Whoever stops early has to close it, which waits for the pages that are being read."""
    with ThreadPoolExecutor(SEGMENTS) as readers:
        parts = [_segment(stack, reading, number, attributes, sort_key) for number in range(SEGMENTS)]
        asked = {readers.submit(next, part, None): part for part in parts}
        while asked:
            for one in wait(asked, return_when=FIRST_COMPLETED).done:
                part, page = asked.pop(one), one.result()
                if page is not None:
                    asked[readers.submit(next, part, None)] = part
                    yield from page


def _segment(
    stack: Stack, reading: Reading, number: int, attributes: tuple[str, ...], sort_key: str
) -> Iterator[list[Row]]:
    names = {f"#{name}": name for name in attributes}
    scan: dict[str, Any] = {
        "TableName": stack.output("LedgerTable"),
        "ProjectionExpression": ", ".join(names),
        "ExpressionAttributeNames": names,
        "Segment": number,
        "TotalSegments": SEGMENTS,
    }
    if sort_key:
        scan["FilterExpression"], scan["ExpressionAttributeValues"] = "sk = :sk", {":sk": {"S": sort_key}}
    client = stack.client("dynamodb")
    while True:
        answer = client.scan(**scan)
        reading.count(answer["ScannedCount"])
        yield [plain_row(row) for row in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return
        scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
