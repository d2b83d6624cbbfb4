"""Runs the state machine's own definition in process, with functions that the test provides.

It stands for Step Functions, so it follows the language's specification closely: every Retry, Catch, Choice and path
is the definition's own. It does not wait between attempts, and it runs the children of a map one after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from cloud_sync.definition import definition

DEFINITION = definition()

_OPERATORS = ("StringEquals", "NumericEquals", "BooleanEquals")

type State = dict[str, Any]


class StatesError(Exception):
    """An error as Step Functions knows it: a name, and a cause that is text."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause

    @property
    def output(self) -> dict[str, str]:
        return {"Error": self.name, "Cause": self.cause}


@dataclass
class Player:
    """One execution. `invoke(function, payload)` returns a result or raises StatesError; `read(key)` returns the lines
    of a manifest; `retried(error)` is called instead of each wait before a retry."""

    invoke: Callable[[str, Any], Any]
    read: Callable[[str], Iterable[bytes]]
    retried: Callable[[StatesError], None]
    run_id: str
    execution_arn: str

    def play(self, given: Any) -> Any:
        """The output of the execution. Raises StatesError when it fails."""
        context = {
            "Execution": {"Id": self.execution_arn, "Name": self.run_id, "StartTime": "2026-11-22T02:00:00Z"},
        }
        return self._machine(DEFINITION, given, context)

    def _machine(self, machine: State, data: Any, context: Any) -> Any:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            match state["Type"]:
                case "Succeed":
                    return data
                case "Fail":
                    raise _failure(state, data)
                case "Choice":
                    name = next((c["Next"] for c in state["Choices"] if _is_true(c, data)), state["Default"])
                    continue
            try:
                data = self._with_retries(state, data, context)
            except StatesError as error:
                name, data = _caught(state, data, error)
                continue
            if state.get("End"):
                return _at(state.get("OutputPath", "$"), data, context)
            name = state["Next"]

    def _with_retries(self, state: State, data: Any, context: Any) -> Any:
        used: dict[int, int] = {}
        while True:
            try:
                result = self._result(state, data, context)
            except StatesError as error:
                retrier = next((r for r in state.get("Retry", []) if _names(r, error)), None)
                if retrier is None or used.get(id(retrier), 0) >= retrier["MaxAttempts"]:
                    raise
                used[id(retrier)] = used.get(id(retrier), 0) + 1
                self.retried(error)
                continue
            return _placed(state.get("ResultPath", "$"), data, result)

    def _result(self, state: State, data: Any, context: Any) -> Any:
        match state["Type"]:
            case "Map":
                return self._map(state, data, context)
            case "Pass":
                return state["Result"]
            case _:
                return self._task(state, data, context)

    def _task(self, state: State, data: Any, context: Any) -> Any:
        parameters = state["Parameters"]
        function = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", parameters["FunctionName"].strip("${}")).lower()
        result = {"Payload": self.invoke(function, _filled(parameters["Payload"], data, context))}
        return _filled(state["ResultSelector"], result, context) if "ResultSelector" in state else result

    def _map(self, state: State, data: Any, context: Any) -> Any:
        for item in self._items(state, data, context):
            inside = {**context, "Map": {"Item": {"Value": item}}}
            self._machine(state["ItemProcessor"], _filled(state["ItemSelector"], data, inside), inside)
        return {}

    def _items(self, state: State, data: Any, context: Any) -> Iterable[Any]:
        if "ItemsPath" in state:
            return cast(list[Any], _at(state["ItemsPath"], data, context))
        key = _filled(state["ItemReader"]["Parameters"], data, context)["Key"]
        return map(json.loads, self.read(key))


def _failure(state: State, data: Any) -> StatesError:
    def text(field: str) -> str:
        return state[field] if field in state else str(_at(state[f"{field}Path"], data, {}))

    return StatesError(text("Error"), text("Cause"))


def _caught(state: State, data: Any, error: StatesError) -> tuple[str, Any]:
    for clause in state.get("Catch", []):
        if _names(clause, error) or "States.ALL" in clause["ErrorEquals"]:
            return clause["Next"], _placed(clause.get("ResultPath", "$"), data, error.output)
    raise error


def _names(clause: State, error: StatesError) -> bool:
    return error.name in clause["ErrorEquals"]


def _is_true(choice: State, data: Any) -> bool:
    value = _at(choice["Variable"], data, {})
    (expected,) = (choice[operator] for operator in _OPERATORS if operator in choice)
    return bool(value == expected)


def _filled(template: Any, data: Any, context: Any) -> Any:
    """A payload template with the values that its paths point to."""
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _at(value, data, context) if name.endswith(".$") else _filled(value, data, context)
        for name, value in template.items()
    }


def _at(path: str, data: Any, context: Any) -> Any:
    value = context if path.startswith("$$") else data
    for name in path.lstrip("$").split(".")[1:]:
        value = value[name]
    return value


def _placed(path: str | None, data: Any, result: Any) -> Any:
    if path is None:
        return data
    name = path.removeprefix("$").removeprefix(".")
    return {**data, name: result} if name else result
