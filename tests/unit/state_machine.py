"""Reads a state machine's definition, and checks rules of Amazon States Language that the linters leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type State = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """A set of states that can name each other: those of the run itself, or those of a map."""

    start: str
    states: dict[str, State]


def scopes(machine: dict[str, Any]) -> Iterator[Scope]:
    yield Scope(machine["StartAt"], machine["States"])
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def states(machine: dict[str, Any]) -> dict[str, State]:
    """All states by name, including those within maps. Raises AssertionError for a name that is used twice."""
    found: dict[str, State] = {}
    for scope in scopes(machine):
        assert not found.keys() & scope.states.keys()
        found |= scope.states
    return found


def next_states(state: State) -> list[str]:
    """Every state that can follow: after success, after a choice, or after a caught error."""
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [branch["Next"] for branch in branches if "Next" in branch] + (
        [state["Default"]] if "Default" in state else []
    )


def defects(machine: dict[str, Any]) -> list[str]:
    """Transitions to states that do not exist, unreachable states, and states that neither end nor have a next one."""
    found = []
    for scope in scopes(machine):
        reached, to_visit = set(), [scope.start]
        while to_visit:
            name = to_visit.pop()
            if name not in scope.states:
                found.append(f"{name} does not exist")
            elif name not in reached:
                reached.add(name)
                to_visit += next_states(scope.states[name])
        found += [f"{name} is unreachable" for name in scope.states if name not in reached]
        stuck = [name for name, state in scope.states.items() if not continues_or_ends(state)]
        found += [f"{name} neither ends nor has a next state" for name in stuck]
    return found


def continues_or_ends(state: State) -> bool:
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
    """Every error that some Retry or Catch names."""
    clauses = [c for state in states(machine).values() for c in [*state.get("Retry", []), *state.get("Catch", [])]]
    return {name for clause in clauses for name in clause["ErrorEquals"]}


def unhandled(machine: dict[str, Any], error: str) -> list[str]:
    """The tasks and maps in which this error would end the execution, because nothing catches it."""
    return [
        name
        for name, state in states(machine).items()
        if state["Type"] in ("Task", "Map")
        and not any({error, "States.ALL"} & set(clause["ErrorEquals"]) for clause in state.get("Catch", []))
    ]


def substitutions(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", text))
