"""What is paid each month whatever moves: what of it can go, and what is better left alone."""

from __future__ import annotations

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import Price
from cloud_sync_common.runtime.wording import count_of

from console.operations import fixed_costs
from console.operations.fixed_costs import FLOW_LOG_GB, TRAIL_FILES, Kept
from console.operations.recommendations import moving
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import (
    Change,
    Cost,
    Recommendation,
    gigabytes,
    months_of,
    of,
    paid,
    recommendation,
)

BASIS = "the resources of the stack"
SHORT_DAYS = 7  # of logs
_FREE = "are free of charge in every account"


def network(facts: Facts) -> Recommendation | None:
    """Its gateway by the hour, and each GB of the originals twice: at the gateway, and from one zone into another."""
    if not facts.found.kept.network:
        return None
    hours, moved = of(prices.HOURS_PER_MONTH, "hours"), gigabytes(facts.bytes)
    return recommendation(
        "network",
        "Do without the private network: its NAT gateway costs more than a small archive.",
        Change(
            [
                paid("NAT gateway", prices.NAT_HOUR, hours),
                paid("its address", prices.PUBLIC_IPV4_HOUR, hours),
                paid("originals through it", prices.NAT_GB, moved),
                paid("from zone to zone", prices.ZONE_GB, moved),
                paid("its log", prices.LOGS_GB, of(FLOW_LOG_GB, "GB")),
            ]
        ),
        lost="The functions have no network of their own, and the provider sees no fixed address.",
        command=facts.deploy("private_network=false"),
        basis=f"{BASIS}; {facts.basis_of_growth}",
    )


def detailed(facts: Facts) -> Recommendation | None:
    """The alarms that go with it are those that the essential ones are counted without."""
    kept = facts.found.kept
    if not kept.detailed:
        return None
    essential = msgspec.structs.replace(kept, detailed=False, alarms=essential_alarms(kept.providers))
    return recommendation(
        "detailed-monitoring",
        "Send only the essential metrics and alarms.",
        Change(_beyond(kept), _beyond(essential)),
        lost="Metrics and alarms that help to find a cause; what an owner has to know stays, and so do all log lines.",
        command=facts.deploy("detailed_monitoring=false"),
        basis=f"{BASIS}; CloudWatch's ten metrics and ten alarms that are always free, if nothing else uses them",
    )


def _beyond(kept: Kept) -> list[Cost]:
    """What is billed of metrics and alarms."""
    units = {prices.ALARM_MONTH: "alarms", prices.METRIC_MONTH: "metrics, by the hours in which they are sent"}
    return [
        paid(f"{unit.partition(',')[0]} beyond those that are free", price, of(line.billed / price.each, unit))
        for line in fixed_costs.fixed_costs(kept)
        for price, unit in units.items()
        if price.name == line.name
    ]


def essential_alarms(providers: int) -> int:
    """Ten with one provider, four more with each further one; a test compares it with the infrastructure's."""
    return 10 + 4 * (providers - 1)


def trail(facts: Facts) -> Recommendation | None:
    """Its files, and an event for each request to the archive."""
    if not facts.found.kept.trail:
        return None
    events = facts.files * moving.trail_events(facts)
    return recommendation(
        "audit-trail",
        "Do without the audit trail.",
        Change(
            [
                paid("its files, at most", prices.S3_PUT, of(TRAIL_FILES, "files")),
                paid("events", prices.AUDIT_EVENT, of(events, "requests")),
            ]
        ),
        lost="Who has read, written or deleted an original cannot be found out any more.",
        command=facts.deploy("audit_trail=false"),
        basis=f"{BASIS}; {facts.basis_of_growth}",
    )


def own_key(facts: Facts) -> Recommendation | None:
    """An archive that has anything in it cannot do without the key that has encrypted it."""
    keys = facts.found.kept.keys
    if not keys:
        return None
    needed = (
        "The originals that it has encrypted can be read with this key alone. It stays, and is billed, until each of "
        "them is read and written again, which Cloud Sync does not do."
    )
    return recommendation(
        "own-key",
        "Use the key that AWS manages for S3, instead of one of your own.",
        Change([paid("the key", prices.KEY_MONTH, of(keys, "keys"))]),
        lost="You can no longer lock everything at one place by disabling a key.",
        command=facts.deploy("customer_managed_key=false"),
        basis=BASIS,
        left_alone=needed if facts.found.ledger_originals else "",
    )


def alarms(facts: Facts) -> Recommendation | None:
    """Beyond the ten that are free, where they are the essential ones of several providers."""
    kept = facts.found.kept
    free = int(fixed_costs.ALWAYS_FREE[prices.ALARM_MONTH])
    if kept.detailed or kept.alarms <= free:
        return None
    return recommendation(
        "alarms",
        f"{count_of(kept.alarms - free, 'alarm is', 'alarms are')} beyond the {free} that {_FREE}.",
        Change([paid("alarms beyond those that are free", prices.ALARM_MONTH, of(kept.alarms - free, "alarms"))]),
        lost="Each tells of something that an owner has to know.",
        command="",
        basis=BASIS,
        left_alone=f"{count_of(kept.providers, 'provider')} need them: a backup that nobody is told about when it "
        "stops is none.",
    )


def dashboard(facts: Facts) -> Recommendation | None:
    free = int(fixed_costs.ALWAYS_FREE[prices.DASHBOARD_MONTH])
    return _left(
        "dashboard",
        "The dashboard.",
        prices.DASHBOARD_MONTH,
        max(facts.found.kept.dashboards - free, 0),
        f"{free} dashboards {_FREE}; it costs {prices.DASHBOARD_MONTH.usd:.2f} USD only if the account has "
        f"{free} others.",
    )


def secrets(facts: Facts) -> Recommendation | None:
    providers = facts.found.kept.providers
    why = "Each provider's credentials have to be kept somewhere. To renew them costs nothing that counts."
    return _left("secrets", "The secrets of the providers.", prices.SECRET_MONTH, providers, why)


def budget(facts: Facts) -> Recommendation | None:
    if facts.number("monthly_budget_usd") is None:
        return None
    return _left(
        "budget", "The budget.", prices.DASHBOARD_MONTH, 0, "A budget that only sends mails is free of charge."
    )


def _left(name: str, text: str, price: Price, count: int, why: str) -> Recommendation:
    now = [paid(text.rstrip(".").lower(), price, of(count, "of them"))]
    return recommendation(name, text, Change(now), lost="", command="", basis=BASIS, left_alone=why)


def logs(facts: Facts) -> Recommendation | None:
    """What a month's runs write stays for as long as it is kept: at any time, so much of a month."""
    days = facts.number("log_retention_days")
    if days is None or days <= SHORT_DAYS:
        return None
    written = facts.files * prices.LOG_BYTES_PER_VIDEO + moving.children(facts) * prices.LOG_BYTES_PER_CHILD
    each = {
        kept: [paid(f"logs of {kept} days", prices.LOGS_STORED_GB_MONTH, gigabytes(written), months_of(kept))]
        for kept in (days, SHORT_DAYS)
    }
    return recommendation(
        "logs",
        f"Keep logs for {SHORT_DAYS} days, instead of {days}.",
        Change(each[days], each[SHORT_DAYS]),
        lost="The history of an item is shorter in `cloudsync show`, and so is what a fault can be found by.",
        command=facts.deploy(f"log_retention_days={SHORT_DAYS}"),
        basis=f"the values that the stack was deployed with; {facts.basis_of_growth}",
    )
