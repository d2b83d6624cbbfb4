"""Runs the checks one after the other and prints a line for each as it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from aws_check import alerts, cost, credentials, encryption, functions, leftovers, roles, schedule, storage, uploads
from aws_check.outcome import Check, Outcome, Result, result_of
from aws_check.stack import Stack

SUBJECTS = (roles, functions, storage, encryption, uploads, schedule, credentials, alerts)


def all_checks(stack: Stack, *, rotate: bool = False) -> list[Check]:
    """Every check of this stack, in the order in which they run."""
    rotation = [credentials.rotation_check()] if rotate else []
    return [
        *(check for subject in SUBJECTS for check in subject.checks(stack)),
        *rotation,
        cost.check(),
        leftovers.check(),
    ]


def run(checks: Iterable[Check], stack: Stack, say: Callable[[str], None]) -> list[Result]:
    """Runs the checks and says how each ended, then how many ended how."""
    results = []
    for check in checks:
        results.append(result := result_of(check, stack))
        say(line(result))
    say(summary(results))
    return results


def line(result: Result) -> str:
    """What was checked and seen, what that proves and, unless it passed, what to do."""
    check = result.check
    text = f"{result.outcome}: {check.name}: {result.detail}\n    proves: {check.proves}"
    return text if result.outcome is Outcome.PASSED else f"{text}\n    if it fails: {check.when_it_fails}"


def summary(results: Iterable[Result]) -> str:
    """How many checks ended how."""
    counts = Counter(result.outcome for result in results)
    return "; ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
