"""How it could cost less, by this account's own figures: USD a month, the arithmetic, what is lost, and the command.

What saves less than a cent a month, or costs more to do than it saves in a year, is left alone, with the reason. Deep
Archive bills each object for 180 days (S3 pricing), also one that is deleted before: that is counted wherever something
would be deleted. What is not known (CloudWatch measures a bucket once a day) is said, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from console.errors import ConsoleError
from console.operations import deployed_config
from console.operations.cost import Figures
from console.operations.ledger import Reading
from console.operations.recommendations import copies, fixed, leftovers, moving, tiers
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import Line, Recommendation
from console.stack import Stack

__all__ = ["Line", "Recommendation", "by_facts", "considered", "recommendations"]

_CHECKS: tuple[Callable[[Facts], Recommendation | None], ...] = (
    tiers.direct,
    tiers.instant_retrieval,
    tiers.never_moved,
    tiers.older_versions,
    fixed.network,
    fixed.detailed,
    fixed.trail,
    fixed.own_key,
    fixed.alarms,
    fixed.dashboard,
    fixed.secrets,
    fixed.budget,
    fixed.logs,
    moving.memory,
    moving.single_put,
)


def recommendations(stack: Stack, found: Figures, reading: Reading, *, deep: bool = False) -> list[Recommendation]:
    """Those that are worth it, what saves most first. Raises as `considered` does."""
    return [one for one in considered(stack, found, reading, deep=deep) if one.is_worth_it]


def considered(stack: Stack, found: Figures, reading: Reading, *, deep: bool = False) -> list[Recommendation]:
    """All that was looked at, what saves most first, those that are left alone last. `deep` also looks at each file and
    object, for copies and what is thawed. Raises ConsoleError, botocore's errors."""
    with ThreadPoolExecutor() as readers:
        values = readers.submit(_values, stack)
        plain = Facts(found)
        stray = readers.submit(lambda: list(leftovers.uploads(stack, plain)))
        alive = leftovers.of_the_bucket if deep else leftovers.of_restores
        thawed = readers.submit(lambda: list(alive(stack)))
        facts = Facts(found, values.result())
        made = [*by_facts(facts), *stray.result(), *thawed.result()]
    if deep:
        made += copies.copies(stack, facts, reading)
    return sorted(made, key=lambda one: (not one.is_worth_it, -one.usd_month))


def by_facts(facts: Facts) -> list[Recommendation]:
    """Those that ask nothing of AWS, whether they are worth it or not."""
    return [one for one in (check(facts) for check in _CHECKS) if one]


def _values(stack: Stack) -> Mapping[str, Any]:
    """Empty for a stack of a version that does not say what it was deployed with."""
    try:
        return deployed_config.deployed(stack).values
    except ConsoleError:
        return {}
