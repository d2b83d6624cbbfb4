"""DynamoDB as the ledger uses it, in a hundredth of moto's time.

It evaluates the expressions that the function code writes, and refuses every other one. test_nights.py compares what a
night leaves in it with what the same night leaves in moto.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

type Value = dict[str, Any]
type Item = dict[str, Value]

_WORD = re.compile(r"\s*(<>|>=|<=|[()=<>,]|[#:]?\w+|\S)")
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_INDEXES = {"not-archived": "not_archived"}


@dataclass
class Expression:
    """One condition on one item."""

    words: list[str]
    item: Item
    names: dict[str, str]
    values: dict[str, Value]

    def holds(self) -> bool:
        """Whether it does. Raises AssertionError for what is not understood."""
        found = self._either()
        assert not self.words, f"not understood: {self.words}"
        return found

    def _take(self, *expected: str) -> str:
        word = self.words.pop(0)
        assert not expected or word in expected, f"{word} instead of {expected}"
        return word

    def _next(self) -> str:
        return self.words[0] if self.words else ""

    def _either(self) -> bool:
        found = self._both()
        while self._next() == "OR":
            self._take()
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._single()
        while self._next() == "AND":
            self._take()
            found = self._single() and found
        return found

    def _single(self) -> bool:
        match self._next():
            case "NOT":
                self._take()
                return not self._single()
            case "(":
                self._take()
                found = self._either()
                self._take(")")
                return found
            case "attribute_not_exists" | "attribute_exists" | "attribute_type" | "begins_with" | "contains":
                return self._function(self._take())
        return self._comparison(self._operand())

    def _function(self, name: str) -> bool:
        self._take("(")
        one = self._operand()
        other = self._operand() if self._take(",", ")") == "," else None
        if other is None:
            return (one is None) is (name == "attribute_not_exists")
        self._take(")")
        ((kind, inner),) = (one or {"": ""}).items()
        wanted = next(iter(other.values()))
        match name:
            case "begins_with":
                return bool(inner.startswith(wanted))
            case "contains":
                return wanted in inner
            case "attribute_type":
                return bool(kind == wanted)
        raise AssertionError(f"not understood: {name} of two")

    def _comparison(self, one: Value | None) -> bool:
        match self._take("=", "<>", *_ORDERS, "IN"):
            case "=":
                other = self._operand()
                return one is not None and one == other
            case "<>":
                return one != self._operand()
            case sign if sign in _ORDERS:
                other = self._operand()
                return one is not None and other is not None and _ORDERS[sign](_ordered(one), _ordered(other))
        self._take("(")
        among = [self._operand()]
        while self._take(",", ")") == ",":
            among.append(self._operand())
        return one is not None and one in among

    def _operand(self) -> Value | None:
        word = self._take()
        if word.startswith(":"):
            return self.values[word]
        return self.item.get(self.names[word] if word.startswith("#") else word)


def _ordered(value: Value) -> tuple[str, Any]:
    """Numbers and texts are compared with their like alone."""
    ((kind, one),) = value.items()
    return kind, Decimal(one) if kind == "N" else one


def _holds(expression: str | None, item: Item, asked: dict[str, Any]) -> bool:
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    return not expression or Expression(_WORD.findall(expression), item, names, values).holds()


@dataclass
class QuickTable:
    """One table."""

    items: dict[tuple[str, str], Item] = field(default_factory=dict)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer to one request."""
        operations: dict[str, Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]] = {
            "GetItem": self._get,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "BatchGetItem": self._batch_get,
            "Query": self._query,
            "Scan": self._query,
        }
        return operations[operation](asked)

    def _get(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        found = self.items.get(_key(asked["Key"]))
        return 200, {} if found is None else {"Item": found}

    def _batch_get(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        ((table, wanted),) = asked["RequestItems"].items()
        found = [self.items[_key(key)] for key in wanted["Keys"] if _key(key) in self.items]
        return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _query(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        partition = _INDEXES.get(asked.get("IndexName", ""), "pk")
        order = "updated_at" if "IndexName" in asked else "sk"
        there = sorted(
            (item for item in self.items.values() if partition in item and order in item), key=lambda i: i[order]["S"]
        )
        condition, filtered = asked.get("KeyConditionExpression"), asked.get("FilterExpression")
        found = [item for item in there if _holds(condition, item, asked) and _holds(filtered, item, asked)]
        if not asked.get("ScanIndexForward", True):
            found.reverse()
        found = found[: asked.get("Limit")]
        rows = {} if asked.get("Select") == "COUNT" else {"Items": found}
        return 200, {"Count": len(found), "ScannedCount": len(found), **rows}

    def _put(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        key = _key(asked["Item"])
        if not _holds(asked.get("ConditionExpression"), self.items.get(key, {}), asked):
            return 400, {}
        self.items[key] = asked["Item"]
        return 200, {}

    def _update(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        key = _key(asked["Key"])
        before = self.items.get(key)
        if not _holds(asked.get("ConditionExpression"), before or {}, asked):
            return 400, {} if before is None else {"Item": before}
        self.items[key] = after = {**(before or {}), **asked["Key"]}
        _change(after, asked)
        return 200, {"Attributes": after}


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _change(item: Item, asked: dict[str, Any]) -> None:
    """Carries out an update expression of SET, ADD and REMOVE clauses."""
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    pieces = re.split(r"\b(SET|ADD|REMOVE)\b", asked["UpdateExpression"])[1:]
    for verb, clause in zip(pieces[::2], pieces[1::2], strict=True):
        for part in re.split(r",(?![^(]*\))", clause):
            words = re.findall(r"[#:]\w+", part)
            name = names[words[0]]
            if verb == "REMOVE":
                item.pop(name, None)
            elif verb == "SET" and "if_not_exists" in part:
                item.setdefault(name, values[words[-1]])
            elif verb == "SET":
                item[name] = values[words[1]]
            else:
                item[name] = _sum(item.get(name), values[words[1]])


def _sum(one: Value | None, other: Value) -> Value:
    if one is None:
        return other
    if "N" in other:
        return {"N": str(Decimal(one["N"]) + Decimal(other["N"]))}
    return {"SS": sorted({*one["SS"], *other["SS"]})}


_SERIALISER, _DESERIALISER = TypeSerializer(), TypeDeserializer()


def _wire_item(item: dict[str, Any]) -> Item:
    return {name: _SERIALISER.serialize(value) for name, value in item.items()}


def _plain_item(item: Item) -> dict[str, Any]:
    return {name: _DESERIALISER.deserialize(value) for name, value in item.items()}


class QuickResource:
    """As much of boto3's Table as the function code uses, in front of a QuickTable."""

    def __init__(self, name: str, table: QuickTable) -> None:
        self.name, self._table = name, table
        operations = {"get_item": "GetItem", "put_item": "PutItem", "update_item": "UpdateItem", "query": "Query"}
        client = {name: partial(self._of_table, operation) for name, operation in operations.items()}
        self.meta = SimpleNamespace(client=SimpleNamespace(batch_get_item=self._batch_get_item, **client))

    def get_item(self, **asked: Any) -> dict[str, Any]:
        return self._answer("GetItem", asked)

    def scan(self, **asked: Any) -> dict[str, Any]:
        return self._answer("Scan", asked)

    def _of_table(self, operation: str, TableName: str, **asked: Any) -> dict[str, Any]:
        assert TableName == self.name
        return self._answer(operation, asked)

    def _batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        keys = [_wire_item(key) for key in RequestItems[self.name]["Keys"]]
        _, answer = self._table.answer("BatchGetItem", {"RequestItems": {self.name: {"Keys": keys}}})
        found = [_plain_item(item) for item in answer["Responses"][self.name]]
        return {"Responses": {self.name: found}, "UnprocessedKeys": {}}

    def _answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        wire = {
            name: _wire_item(value) if name in ("Key", "Item", "ExpressionAttributeValues") else value
            for name, value in asked.items()
        }
        status, answer = self._table.answer(operation, wire)
        if status != 200:
            refusal: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, **answer}
            raise ClientError(refusal, operation)
        for name in {"Item", "Attributes"} & answer.keys():
            answer[name] = _plain_item(answer[name])
        if "Items" in answer:
            answer["Items"] = [_plain_item(item) for item in answer["Items"]]
        return answer


class Tables:
    """In place of `clients.table`: a quick table, or what boto3 makes, which is moto's."""

    def __init__(self, usual: Any) -> None:
        self.usual, self.quick = usual, QuickTable()
        self.is_quick = True

    def __call__(self, name: str) -> Any:
        return QuickResource(name, self.quick) if self.is_quick else self.usual(name)

    def cache_clear(self) -> None:
        self.usual.cache_clear()
