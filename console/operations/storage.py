"""What is stored in which tier, as CloudWatch measures it free of charge once a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import GB, Price

from console.stack import Stack

DAYS = 4  # that are looked back; the metric of a day comes a day later
HISTORY_DAYS = 366  # CloudWatch keeps one value a day for 15 months (CloudWatch user guide, "Metrics retention")
_DAY = 86_400
# The storage types of BucketSizeBytes that an archive can have, what each is, and what it is billed as (S3 user guide,
# "Amazon S3 daily storage metrics for buckets").
TIERS: dict[str, tuple[str, Price]] = {
    "StandardStorage": ("S3 Standard", prices.STANDARD_GB_MONTH),
    "GlacierInstantRetrievalStorage": ("Glacier Instant Retrieval", prices.INSTANT_RETRIEVAL_GB_MONTH),
    "GlacierIRSizeOverhead": ("Instant Retrieval, up to its smallest size", prices.INSTANT_RETRIEVAL_GB_MONTH),
    "DeepArchiveStorage": ("Glacier Deep Archive", prices.DEEP_ARCHIVE_GB_MONTH),
    "DeepArchiveObjectOverhead": ("Deep Archive, its index", prices.DEEP_ARCHIVE_GB_MONTH),
    "DeepArchiveS3ObjectOverhead": ("Deep Archive, names of objects", prices.STANDARD_GB_MONTH),
    "DeepArchiveStagingStorage": ("Deep Archive, unfinished uploads", prices.STANDARD_GB_MONTH),
}


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in one tier, and what they cost a month."""

    storage_type: str
    name: str
    bytes: int
    usd_month: float


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """The bucket's rules: the age in days at which an object and an older version of one move into Deep Archive (None:
    never), and at which an unfinished upload is ended (None: never)."""

    deep_archive_days: int | None = None
    older_versions_days: int | None = None
    abort_days: int | None = None


def usd_month(storage_type: str, count: float) -> float:
    return count / GB * TIERS[storage_type][1].each


def measured(stack: Stack) -> list[Tier]:
    """The tiers that have anything, as of the last day that was measured; none where no day was yet. Raises botocore's
    errors."""
    now = datetime.now(UTC)
    answer = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=[_query(stack, number, name) for number, name in enumerate(TIERS)],
        StartTime=now - timedelta(days=DAYS),
        EndTime=now,
        ScanBy="TimestampDescending",
    )
    values = {found["Id"]: found["Values"] for found in answer["MetricDataResults"]}
    found = {name: values.get(f"tier{number}", []) for number, name in enumerate(TIERS)}
    return [tier_of(name, int(numbers[0])) for name, numbers in found.items() if numbers and numbers[0]]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What CloudWatch has measured on one day (UTC): bytes by storage type, none of which is zero."""

    day: date
    bytes: dict[str, int]


def history(stack: Stack) -> list[Measured]:
    """A year at most, the first day first, without days that were not measured. Raises botocore's errors."""
    now = datetime.now(UTC)
    answer = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=[_query(stack, number, name) for number, name in enumerate(TIERS)],
        StartTime=now - timedelta(days=HISTORY_DAYS),
        EndTime=now,
        ScanBy="TimestampAscending",
    )
    types, days = {f"tier{number}": name for number, name in enumerate(TIERS)}, dict[date, dict[str, int]]()
    for found in answer["MetricDataResults"]:
        for at, count in zip(found.get("Timestamps", []), found.get("Values", []), strict=False):
            if count and found["Id"] in types:
                days.setdefault(at.date(), {})[types[found["Id"]]] = int(count)
    return [Measured(day=day, bytes=days[day]) for day in sorted(days)]


def tier_of(storage_type: str, count: int) -> Tier:
    return Tier(
        storage_type=storage_type,
        name=TIERS[storage_type][0],
        bytes=count,
        usd_month=usd_month(storage_type, count),
    )


def _query(stack: Stack, number: int, storage_type: str) -> dict[str, Any]:
    dimensions = {"BucketName": stack.output("ArchiveBucket"), "StorageType": storage_type}
    return {
        "Id": f"tier{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/S3",
                "MetricName": "BucketSizeBytes",
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": _DAY,
            "Stat": "Average",
        },
    }


def lifecycle(stack: Stack) -> Lifecycle:
    """Raises botocore's errors."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        answer = stack.client("s3").get_bucket_lifecycle_configuration(Bucket=stack.output("ArchiveBucket"))
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return Lifecycle()
        raise
    rules = [rule for rule in answer["Rules"] if rule.get("Status") == "Enabled"]
    moves = [move for rule in rules for move in rule.get("Transitions", []) if _is_deep(move)]
    older = [move for rule in rules for move in rule.get("NoncurrentVersionTransitions", []) if _is_deep(move)]
    aborts = [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    return Lifecycle(
        deep_archive_days=min((move.get("Days", 0) for move in moves), default=None),
        older_versions_days=min((move.get("NoncurrentDays", 0) for move in older), default=None),
        abort_days=min((one["DaysAfterInitiation"] for one in aborts), default=None),
    )


def _is_deep(move: Any) -> bool:
    return bool(move.get("StorageClass") == "DEEP_ARCHIVE")
