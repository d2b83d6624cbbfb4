"""What the stack costs a month whatever it moves, by the resources that it has. A test holds the sums against the cost
model's."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import Price

from console.operations.alarms import PREFIX
from console.stack import Stack

# As in the cost model: what CloudWatch charges no account for, a month, and two estimates.
ALWAYS_FREE = {prices.ALARM_MONTH: 10, prices.METRIC_MONTH: 10, prices.DASHBOARD_MONTH: 3}
DAYS_PER_MONTH = 30
FLOW_LOG_GB = 0.01
TRAIL_FILES = 12 * 24 * 30 + 24 * 30
_METRIC_SHARE = DAYS_PER_MONTH / prices.HOURS_PER_MONTH  # of a metric that is sent in one hour of the day
_DETAILED = f"{PREFIX}throttles"  # an alarm that only an environment with detailed_monitoring has
_WATCH = f"{PREFIX}watch"


class FixedCost(msgspec.Struct, frozen=True, kw_only=True):
    """One line: how many units a month, USD before any free tier, and what is billed beyond what CloudWatch gives every
    account free of charge for ever, if nothing else in the account uses that."""

    name: str
    count: float
    usd: float
    billed: float


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the stack keeps running: numbers of resources. `detailed`: all metrics are sent; `network`: there is a NAT
    gateway; `trail`: there is an audit trail."""

    providers: int
    alarms: int
    dashboards: int
    keys: int
    watches: int
    detailed: bool
    network: bool
    trail: bool


def kept(stack: Stack) -> Kept:
    """By the resources of the stack. Raises botocore's errors."""
    alarms = stack.resources("AWS::CloudWatch::Alarm")
    schedules = stack.resources("AWS::Scheduler::Schedule")
    return Kept(
        providers=len(stack.secrets),
        alarms=len(alarms),
        dashboards=len(stack.resources("AWS::CloudWatch::Dashboard")),
        keys=len(stack.resources("AWS::KMS::Key")),
        watches=sum(name.startswith(_WATCH) for name in schedules),
        detailed=any(name.startswith(_DETAILED) for name in alarms),
        network=bool(stack.resources("AWS::EC2::NatGateway")),
        trail=bool(stack.resources("AWS::CloudTrail::Trail")),
    )


def fixed_costs(of: Kept) -> list[FixedCost]:
    """The lines, none of which is zero."""
    counts: dict[Price, float] = {}
    for price, count in _usage(of):
        counts[price] = counts.get(price, 0) + count
    return [
        FixedCost(
            name=price.name,
            count=count,
            usd=count * price.each,
            billed=max(count - ALWAYS_FREE.get(price, 0), 0) * price.each,
        )
        for price, count in counts.items()
        if count
    ]


def billed(of: Kept) -> float:
    """USD a month."""
    return sum(line.billed for line in fixed_costs(of))


def _usage(of: Kept) -> Iterator[tuple[Price, float]]:
    yield prices.SECRET_MONTH, of.providers
    yield prices.ALARM_MONTH, of.alarms
    yield prices.METRIC_MONTH, metrics_of(detailed=of.detailed) * of.providers * _METRIC_SHARE
    yield prices.METRIC_MONTH, 2 * of.watches * _METRIC_SHARE
    yield prices.DASHBOARD_MONTH, of.dashboards
    yield prices.KEY_MONTH, of.keys
    if of.network:
        yield prices.NAT_HOUR, prices.HOURS_PER_MONTH
        yield prices.PUBLIC_IPV4_HOUR, prices.HOURS_PER_MONTH
        yield prices.LOGS_GB, FLOW_LOG_GB
    if of.trail:
        yield prices.S3_PUT, TRAIL_FILES


def metrics_of(*, detailed: bool) -> int:
    """How many metrics a provider's runs send."""
    from cloud_sync_common import metrics_utils  # noqa: PLC0415 (imports Powertools)

    return len(set(metrics_utils.UNITS) - metrics_utils.OF_THE_WATCH if detailed else metrics_utils.ESSENTIAL)
