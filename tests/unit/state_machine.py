"""Reads the score, and checks of any state machine what Amazon States Language asks and the linters do not look at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type State = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """A set of states that can name each other: the run itself, or what a map does for each item."""

    start: str
    states: dict[str, State]


def scopes(machine: dict[str, Any]) -> Iterator[Scope]:
    yield Scope(machine["StartAt"], machine["States"])
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def states(machine: dict[str, Any]) -> dict[str, State]:
    """All states by name, those within maps too. Raises AssertionError for a name that is given twice."""
    found: dict[str, State] = {}
    for scope in scopes(machine):
        assert not found.keys() & scope.states.keys()
        found |= scope.states
    return found


def next_states(state: State) -> list[str]:
    """Wherever a state can lead: on success, by choice, or by a caught error."""
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [branch["Next"] for branch in branches if "Next" in branch] + (
        [state["Default"]] if "Default" in state else []
    )


def defects(machine: dict[str, Any]) -> list[str]:
    """Transitions that lead nowhere, states that nothing leads to, and states that neither go on nor end."""
    found = []
    for scope in scopes(machine):
        reached, waiting = set(), [scope.start]
        while waiting:
            name = waiting.pop()
            if name not in scope.states:
                found.append(f"{name} does not exist")
            elif name not in reached:
                reached.add(name)
                waiting += next_states(scope.states[name])
        found += [f"{name} is never reached" for name in scope.states if name not in reached]
        found += [f"{name} has no way on" for name, state in scope.states.items() if not goes_on(state)]
    return found


def goes_on(state: State) -> bool:
    match state["Type"]:
        case "Succeed" | "Fail":
            return True
        case "Choice":
            return "Default" in state
        case _:
            return ("Next" in state) is not state.get("End", False)


def retries(machine: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The Retry blocks of each Task."""
    return {name: state.get("Retry", []) for name, state in states(machine).items() if state["Type"] == "Task"}


def named_errors(machine: dict[str, Any]) -> set[str]:
    """Every error name that some Retry or Catch mentions."""
    clauses = [c for state in states(machine).values() for c in [*state.get("Retry", []), *state.get("Catch", [])]]
    return {name for clause in clauses for name in clause["ErrorEquals"]}


def unhandled(machine: dict[str, Any], error: str) -> list[str]:
    """The tasks and maps that would end the run without a word if they met this error."""
    return [
        name
        for name, state in states(machine).items()
        if state["Type"] in ("Task", "Map")
        and not any({error, "States.ALL"} & set(clause["ErrorEquals"]) for clause in state.get("Catch", []))
    ]


def substitutions(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", text))
