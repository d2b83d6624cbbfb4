"""What it costs to get footage back. Pure arithmetic on the prices of cloud_sync_common.prices, in USD.

Only frozen objects pay for their retrieval, and have thawed copies that are stored besides. A retrieval that is under
way already is paid; asking for it faster is another one. To have a thawed copy stay longer costs a request and its
storage (S3 API reference, RestoreObject).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import GB, HOURS_PER_MONTH, Price
from cloud_sync_common.stores.restore_jobs import Tier

HOURS: Mapping[Tier, int] = {Tier.STANDARD: 12, Tier.BULK: 48}  # within which S3 thaws (S3 user guide)
LEAST_DAYS: Mapping[Tier, int] = {Tier.STANDARD: 1, Tier.BULK: 3}  # S3 does not say whether the thawing itself counts
MOST_DAYS = 365
EGRESS_FREE = 100 * GB  # bytes a month of an account, to the Internet
_DAYS_PER_MONTH = HOURS_PER_MONTH / 24
_RETRIEVAL: Mapping[Tier, tuple[Price, Price]] = {
    Tier.STANDARD: (prices.RESTORE_STANDARD_GB, prices.RESTORE_STANDARD_REQUEST),
    Tier.BULK: (prices.RESTORE_BULK_GB, prices.RESTORE_BULK_REQUEST),
}
_PART = 32 * 2**20  # bytes of one GET, when it is fetched
_LOOKS = 2  # HEADs of each file: for the plan, and before it is fetched
_ROW_WRITES = 4  # of each file: written, asked for, thawed, and its job


class Amount(msgspec.Struct, frozen=True):
    """Objects, and their bytes."""

    files: int = 0
    bytes: int = 0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be had: all files, and of the objects with their bytes, each counted once, those that are frozen,
    those that S3 thaws at the moment, and those whose thawed copy is to stay longer than it would. `leaves_aws`: it
    goes to the Internet."""

    all: Amount
    frozen: Amount
    thawing: Amount = Amount()
    prolonged: Amount = Amount()
    leaves_aws: bool = True


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One way to have it, in USD. `retrieval` has its requests in it; `requests` are all others: HEADs, GETs, and the
    rows of the job. `hours`: 0 where nothing is frozen."""

    tier: Tier
    hours: int
    days: int
    retrieval: float
    thawed_copies: float
    egress: float
    requests: float
    total: float


def quote(load: Load, tier: Tier, days: int) -> Quote:
    """`days` is how long the thawed copies stay; where that is less than the tier allows, as long as it allows."""
    days = max(days, LEAST_DAYS[tier])
    asked = _sum(load.frozen, load.thawing if tier is Tier.STANDARD else Amount())
    hours = HOURS[tier] if load.frozen.files or load.thawing.files else 0
    parts = {
        "retrieval": retrieval(asked, tier) + retrieval(Amount(load.prolonged.files), tier),
        "thawed_copies": thawed_copies(load.frozen.bytes + load.prolonged.bytes, days),
        "egress": egress(load.all.bytes) if load.leaves_aws else 0.0,
        "requests": _requests(load, hours),
    }
    return Quote(tier=tier, hours=hours, days=days, **parts, total=sum(parts.values()))


def retrieval(amount: Amount, tier: Tier) -> float:
    """Of so many frozen objects, with the requests for it."""
    per_gb, per_request = _RETRIEVAL[tier]
    return amount.bytes / GB * per_gb.each + amount.files * per_request.each


def thawed_copies(count: int, days: int) -> float:
    """Of so many bytes, which S3 bills as S3 Standard, besides the archive."""
    return count / GB * prices.STANDARD_GB_MONTH.each * days / _DAYS_PER_MONTH


def egress(count: int) -> float:
    """Of so many bytes to the Internet, as if nothing else of the account had left AWS in this month."""
    return max(count - EGRESS_FREE, 0) / GB * prices.EGRESS_GB.each


def _requests(load: Load, hours: int) -> float:
    """Each hour of the thaw, every object that is not thawed yet is looked at once more."""
    looks = load.all.files * _LOOKS + (load.frozen.files + load.thawing.files) * hours
    parts = load.all.files + ceil(load.all.bytes / _PART)
    writes = load.all.files * _ROW_WRITES
    return (looks + parts) * prices.S3_GET.each + writes * prices.DYNAMODB_WRITE.each


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one.files + other.files, one.bytes + other.bytes)
