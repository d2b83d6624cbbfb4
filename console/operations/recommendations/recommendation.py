"""A recommendation, and its arithmetic: what is paid now, what would be paid then, and what it costs to get there.

Each line is a product that can be computed again from what it shows. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import msgspec
from cloud_sync_common.prices import GB, Price

from console.operations.fixed_costs import DAYS_PER_MONTH

LEAST_USD = 0.01  # a month, below which nothing is recommended
MONTHS = 12  # within which what it costs to do it has to come back
LITTLE = "It would save less than a cent a month."
_TIMES = " × "  # noqa: RUF001 (as people write it)
MOST_COMMANDS = 20  # that one recommendation has


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`formula` has the product, such as `100 GB × 7/30 of a month × 0.023 USD`; `usd` is what it comes to. `when` is
    `now` or `then`, a month each, or `once`."""

    when: str
    what: str
    formula: str
    usd: float


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """USD a month that it saves, USD that it costs once, what is lost by it, and the command; `further` are commands
    that it takes besides. The arithmetic of `now` less that of `then` is `usd_month`. `basis` says of what the numbers
    are. `instead_of` is the name of another one that cannot be had as well. It goes on saving for `lasts_months`, a
    year at most. `left_alone` says why it is not recommended; empty where it is. What is not known (`is_known`) has no
    sums, and the reason says what is missing."""

    name: str
    text: str
    usd_month: float
    lost: str
    command: str
    usd_once: float = 0
    further: list[str] = []
    arithmetic: list[Line] = []
    basis: str = ""
    instead_of: str = ""
    lasts_months: float = MONTHS
    left_alone: str = ""
    is_known: bool = True

    @property
    def is_worth_it(self) -> bool:
        return not self.left_alone

    @property
    def is_told(self) -> bool:
        """Whether people are told of it although it is left alone: it would save something, or nobody knows."""
        return self.usd_month >= LEAST_USD or not self.is_known


@dataclass(frozen=True)
class Factor:
    """A number, and how a formula shows it."""

    number: float
    text: str


@dataclass(frozen=True)
class Cost:
    """One line before it is known whether it is paid now, then or once."""

    what: str
    factors: tuple[Factor, ...]

    @property
    def usd(self) -> float:
        return prod(one.number for one in self.factors)

    def line(self, when: str) -> Line:
        return Line(when=when, what=self.what, formula=_TIMES.join(one.text for one in self.factors), usd=self.usd)


@dataclass(frozen=True)
class Change:
    """What is paid a month before and after, and once to get there."""

    now: Iterable[Cost]
    then: Iterable[Cost] = ()
    once: Iterable[Cost] = ()

    @property
    def lines(self) -> list[Line]:
        parts = (("now", self.now), ("then", self.then), ("once", self.once))
        return [cost.line(when) for when, costs in parts for cost in costs if cost.usd]


def recommendation(
    name: str,
    text: str,
    change: Change,
    *,
    lost: str,
    command: str,
    basis: str,
    further: list[str] | None = None,
    instead_of: str = "",
    lasts_months: float = MONTHS,
    left_alone: str = "",
) -> Recommendation:
    """One with its sums. It is left alone where `left_alone` says so, where it saves less than a cent a month, and
    where it costs more to do than it saves in a year, or until it saves nothing more."""
    lines = change.lines
    sums = {when: sum(line.usd for line in lines if line.when == when) for when in ("now", "then", "once")}
    saved = sums["now"] - sums["then"]
    return Recommendation(
        name=name,
        text=text,
        usd_month=saved,
        usd_once=sums["once"],
        lost=lost,
        command=command,
        further=(further or [])[: MOST_COMMANDS - 1],
        arithmetic=lines,
        basis=basis,
        instead_of=instead_of,
        lasts_months=lasts_months,
        left_alone=left_alone or why_not(saved, sums["once"], lasts_months),
    )


def why_not(usd_month: float, usd_once: float, lasts_months: float = MONTHS) -> str:
    """Empty where it is worth it."""
    if usd_month <= -LEAST_USD:
        return f"It would cost {-usd_month:.2f} USD a month more."
    if usd_month < LEAST_USD:
        return LITTLE
    months = min(MONTHS, lasts_months)
    if usd_once < months * usd_month:
        return ""
    time = "in a year" if months == MONTHS else "before it would end by itself"
    return f"It costs {usd_once:.2f} USD to do, and saves {months * usd_month:.2f} USD {time}."


def unknown(name: str, text: str, why: str, *, basis: str) -> Recommendation:
    """What cannot be said, and why; nothing is guessed."""
    return Recommendation(
        name=name, text=text, usd_month=0, lost="", command="", basis=basis, left_alone=why, is_known=False
    )


def paid(what: str, price: Price, *factors: Factor) -> Cost:
    return Cost(what, (*factors, Factor(price.each, f"{price_of(price)} USD")))


def price_of(price: Price) -> str:
    """Without an exponent, `0.005/1,000`."""
    text = f"{price.usd:.10f}".rstrip("0").rstrip(".")
    return text if price.per == 1 else f"{text}/{price.per:,}"


def gigabytes(count: float) -> Factor:
    return Factor(count / GB, f"{shown(count / GB)} GB")


def of(number: float, unit: str) -> Factor:
    return Factor(number, f"{shown(number)} {unit}")


def months_of(days: float) -> Factor:
    return Factor(days / DAYS_PER_MONTH, f"{shown(days)}/{DAYS_PER_MONTH} of a month")


def shown(number: float) -> str:
    """With six digits that say something, and no exponent."""
    if number == round(number):
        return f"{number:,.0f}"
    text = f"{number:,.{max(0, 5 - _exponent(number))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exponent(number: float) -> int:
    return int(f"{number:e}".partition("e")[2])
