"""How it could cost less, by this account's own figures: USD a month, what is lost by it, and the command.

What costs more than it saves within a year is left out. Deep Archive bills each object for 180 days (S3 pricing), also
one that is deleted before: that is counted wherever something would be deleted.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import GB
from cloud_sync_common.runtime.wording import count_of, size_of

from console.operations import fixed_costs
from console.operations.cost import Figures
from console.operations.fixed_costs import DAYS_PER_MONTH
from console.operations.ledger import Reading, Row, walk
from console.stack import Stack

LEAST_USD = 0.01  # a month, below which nothing is recommended
MONTHS = 12  # within which what it costs to do it has to come back
MINIMUM_DAYS = 180  # that Deep Archive bills at least
SMALLEST_MOVED = 128 * 1024  # bytes; the lifecycle moves nothing smaller (S3 user guide, "Lifecycle transitions")
MOST_OBJECTS = 200_000  # that are looked at for thawed copies
_UPLOADS, _UPLOADS_MEASURED = 1_000, 20
_OF_A_SOURCE = ("pk", "sk", "status", "size", "checksum", "archived_at", "copy_of")


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """One recommendation: USD a month that it saves, USD that it costs once, what is lost by it, and the command."""

    name: str
    text: str
    usd_month: float
    lost: str
    command: str
    usd_once: float = 0

    @property
    def is_worth_it(self) -> bool:
        return self.usd_month >= LEAST_USD and self.usd_once < MONTHS * self.usd_month


def recommendations(stack: Stack, found: Figures, reading: Reading, *, deep: bool = False) -> list[Saving]:
    """Those that are worth it, what saves most first. `deep` also looks at each file and object, for duplicates and
    thawed copies. Raises botocore's errors."""
    made = [*by_figures(found), *_stray_uploads(stack, found)]
    if deep:
        made += [*_duplicates(stack, reading), *_thawed(stack)]
    return sorted((one for one in made if one.is_worth_it), key=lambda one: -one.usd_month)


def by_figures(found: Figures) -> list[Saving]:
    """Those that need nothing but the figures, whether they are worth it or not."""
    checks: list[Callable[[Figures], Saving | None]] = [
        _direct,
        _never_moved,
        _older_versions,
        _network,
        _detailed,
        _trail,
    ]
    return [saving for saving in (check(found) for check in checks) if saving]


def _deploy(found: Figures, value: str = "") -> str:
    return f"cdk deploy -c environment={found.environment}{f' -c {value}' if value else ''}"


def direct_usd(files: float, count: float, days: int) -> float:
    """USD that are saved when so many files and bytes are uploaded straight into Deep Archive, instead of into Standard
    for so many days: the request that ends an upload is billed as the transition then, and not besides."""
    months = days / DAYS_PER_MONTH
    dearer = prices.STANDARD_GB_MONTH.each - prices.DEEP_ARCHIVE_GB_MONTH.each
    return files * prices.S3_PUT.each + count / GB * months * dearer


def _direct(found: Figures) -> Saving | None:
    days, growth = found.lifecycle.deep_archive_days, found.growth
    if not days or not growth.originals or growth.bytes / growth.originals < SMALLEST_MOVED:
        return None
    return Saving(
        name="direct",
        text=f"Upload straight into Deep Archive, instead of {count_of(days, 'day')} in S3 Standard first.",
        usd_month=direct_usd(growth.originals, growth.bytes, days),
        lost=f"The {count_of(days, 'day')} in which a new original can be read at once, without the 12 to 48 hours of "
        f"a thaw. One that you delete within {MINIMUM_DAYS} days is billed for the rest of them, as it is now.",
        command=_deploy(found, "deep_archive_after_days=0"),
    )


def _never_moved(found: Figures) -> Saving | None:
    if found.lifecycle.deep_archive_days is not None:
        return None
    standard = sum(tier.bytes for tier in found.tiers if tier.storage_type == "StandardStorage")
    return Saving(
        name="tiers",
        text="No rule of the bucket moves originals into Deep Archive.",
        usd_month=_moved_usd(standard),
        lost="Originals can be read only after a thaw of 12 to 48 hours, and each is billed for 180 days at least.",
        command=_deploy(found),
        usd_once=found.ledger_originals * prices.S3_INTO_DEEP_ARCHIVE.each,
    )


def _older_versions(found: Figures) -> Saving | None:
    """What the bucket has beyond the latest versions is at most what older ones take."""
    if found.lifecycle.older_versions_days is not None or not found.measured:
        return None
    older = max(sum(tier.bytes for tier in found.tiers) - found.ledger_bytes, 0)
    standard = sum(tier.bytes for tier in found.tiers if tier.storage_type == "StandardStorage")
    return Saving(
        name="older-versions",
        text="No rule of the bucket moves older versions of an object: they stay in S3 Standard for ever.",
        usd_month=_moved_usd(min(older, standard)),
        lost="Older versions can be read only after a thaw.",
        command=_deploy(found),
    )


def _moved_usd(count: float) -> float:
    """A month, of bytes that move from Standard into Deep Archive."""
    return count / GB * (prices.STANDARD_GB_MONTH.each - prices.DEEP_ARCHIVE_GB_MONTH.each)


def _network(found: Figures) -> Saving | None:
    if not found.kept.network:
        return None
    return Saving(
        name="network",
        text="Do without the private network: its NAT gateway costs more than a small archive.",
        usd_month=prices.NETWORK_MONTH_USD + prices.total(prices.network_usage(int(found.growth.bytes))),
        lost="The functions have no network of their own, and the provider sees no fixed address.",
        command=_deploy(found, "private_network=false"),
    )


def _detailed(found: Figures) -> Saving | None:
    """The alarms that go with it are those that the essential ones are counted without."""
    if not found.kept.detailed:
        return None
    essential = msgspec.structs.replace(found.kept, detailed=False, alarms=essential_alarms(found.kept.providers))
    return Saving(
        name="detailed-monitoring",
        text="Send only the essential metrics and alarms.",
        usd_month=fixed_costs.billed(found.kept) - fixed_costs.billed(essential),
        lost="Metrics and alarms that help to find a cause; what an owner has to know stays, and so do all log lines.",
        command=_deploy(found, "detailed_monitoring=false"),
    )


def _trail(found: Figures) -> Saving | None:
    """At least: its files. The events of each run come on top."""
    if not found.kept.trail:
        return None
    return Saving(
        name="audit-trail",
        text="Do without the audit trail.",
        usd_month=fixed_costs.TRAIL_FILES * prices.S3_PUT.each,
        lost="Who has read, written or deleted an original cannot be found out any more.",
        command=_deploy(found, "audit_trail=false"),
    )


def essential_alarms(providers: int) -> int:
    """Ten with one provider, four more with each further one; a test compares it with the infrastructure's."""
    return 10 + 4 * (providers - 1)


def _stray_uploads(stack: Stack, found: Figures) -> Iterator[Saving]:
    """Uploads that nothing will end: those older than the rule that ends them, or any where there is none. A run goes
    on with an upload, so that the young ones are no waste."""
    days = found.lifecycle.abort_days
    before = datetime.now(UTC) - timedelta(days=7 if days is None else days + 2)
    bucket = stack.output("ArchiveBucket")
    answer = stack.client("s3").list_multipart_uploads(Bucket=bucket, MaxUploads=_UPLOADS)
    stray = [one for one in answer.get("Uploads", []) if one["Initiated"] < before]
    if not stray:
        return
    looked_at = stray[:_UPLOADS_MEASURED]
    count = sum(_bytes_of(stack, bucket, one) for one in looked_at) * len(stray) / len(looked_at)
    first = stray[0]
    yield Saving(
        name="unfinished-uploads",
        text=f"{count_of(len(stray), 'upload was', 'uploads were')} never finished, {size_of(count)} in all.",
        usd_month=count / GB * prices.STANDARD_GB_MONTH.each,
        lost="What they hold; if a video of theirs is not archived yet, it is read from its beginning.",
        command=_deploy(found)
        if days is None
        else f"aws s3api abort-multipart-upload --bucket {bucket} --key {shlex.quote(first['Key'])} --upload-id "
        f"{shlex.quote(first['UploadId'])}",
    )


def _bytes_of(stack: Stack, bucket: str, upload: Any) -> int:
    """At least: of the first 1,000 parts."""
    answer = stack.client("s3").list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return sum(part["Size"] for part in answer.get("Parts", []))


def _duplicates(stack: Stack, reading: Reading) -> Iterator[Saving]:
    """Files with one size and one checksum at several providers; one that is recorded as a copy takes no room. Of each,
    all but one could go; those that are younger than 180 days cost the rest of them first."""
    now, found = datetime.now(UTC), dict[tuple[int, str], dict[str, tuple[str, float]]]()
    for row in walk(stack, reading, _OF_A_SOURCE):
        if _is_stored(row):
            provider, _, media_id = row["pk"].partition("#")
            same = found.setdefault((int(row.get("size") or 0), str(row["checksum"])), {})
            same[provider] = media_id, _days_left(row, now)
    twice = {key: same for key, same in found.items() if len(same) > 1}
    if not twice:
        return
    spare = sum(size * (len(same) - 1) for (size, _), same in twice.items())
    early = sum(size * min(left for _, left in same.values()) for (size, _), same in twice.items())
    example = twice[max(twice)]
    provider, (media_id, _) = sorted(example.items())[0]
    yield Saving(
        name="duplicates",
        text=f"{count_of(len(twice), 'file is', 'files are')} archived from several providers, byte for byte the same: "
        f"{size_of(spare)} too many. "
        "With record_copies=true, further ones are not stored again.",
        usd_month=spare / GB * prices.DEEP_ARCHIVE_GB_MONTH.each,
        usd_once=early / DAYS_PER_MONTH / GB * prices.DEEP_ARCHIVE_GB_MONTH.each,
        lost="The second copy, and that each provider can be compared with the archive. Cloud Sync deletes none.",
        command=f"cloudsync show {provider}/{media_id}",
    )


def _is_stored(row: Row) -> bool:
    """Whether an object has the bytes of this row's file, and for it alone."""
    is_file = row["sk"].startswith("SOURCE#") and row.get("status") == "ARCHIVED"
    return bool(is_file and row.get("checksum") and not row.get("copy_of"))


def _days_left(row: Row, now: datetime) -> float:
    """Of the 180 for which a file is billed at least."""
    try:
        age = (now - datetime.fromisoformat(str(row.get("archived_at")))) / timedelta(days=1)
    except (ValueError, TypeError):
        return 0.0
    return max(MINIMUM_DAYS - age, 0.0)


def _thawed(stack: Stack) -> Iterator[Saving]:
    """Copies that were thawed and are kept in Standard until a day (S3 API reference, ListObjectsV2, RestoreStatus)."""
    bucket = stack.output("ArchiveBucket")
    pages = stack.client("s3").get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])
    objects = islice((one for page in listed for one in page.get("Contents", [])), MOST_OBJECTS)
    alive = [one for one in objects if one.get("RestoreStatus", {}).get("RestoreExpiryDate")]
    if not alive:
        return
    count, first = sum(one["Size"] for one in alive), alive[0]
    yield Saving(
        name="thawed-copies",
        text=f"{count_of(len(alive), 'object is', 'objects are')} thawed ({size_of(count)}); each copy is in Standard "
        "until it ends.",
        usd_month=count / GB * prices.STANDARD_GB_MONTH.each,
        lost="Nothing that was fetched already; the originals stay in Deep Archive.",
        command=f"aws s3api restore-object --bucket {bucket} --key {shlex.quote(first['Key'])} "
        "--restore-request Days=1",
    )
