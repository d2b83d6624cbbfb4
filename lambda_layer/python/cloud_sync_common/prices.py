"""AWS's prices, and the cost of a run, estimated from its usage. Pure arithmetic, without the free tier.

USD in us-east-1. Prices are written here only; docs/cost.md is generated from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AS_OF = "2026-11"
# The price lists behind AWS's own pages, as infracost's tests record them, unless another source is named.
_PRICE_LIST = "price list, by infracost's tests of {}"


@dataclass(frozen=True)
class Price:
    """`usd` for every `per` units. `source` says where the figure comes from; all are as of AS_OF."""

    name: str
    usd: float
    per: int
    unit: str
    source: str

    @property
    def each(self) -> float:
        """USD for one unit."""
        return self.usd / self.per


_LAMBDA, _S3, _LIFECYCLE = (
    _PRICE_LIST.format(resource) for resource in ("lambda_function", "s3_bucket", "s3_bucket_lifecycle_configuration")
)
_DYNAMODB = "dynamodb/pricing/on-demand (halved in 2024-11)"

LAMBDA_GB_SECOND = Price("Lambda duration, arm64", 0.0000133334, 1, "GB-second", _LAMBDA)
LAMBDA_REQUEST = Price("Lambda requests", 0.20, 1_000_000, "request", _LAMBDA)
STEP_FUNCTIONS_TRANSITION = Price(
    "Step Functions, Standard", 0.025, 1_000, "state transition", "step-functions/pricing"
)
S3_PUT = Price("S3 PUT, POST, LIST, each part", 0.005, 1_000, "request", _S3)
S3_GET = Price("S3 GET, HEAD", 0.0004, 1_000, "request", _S3)
S3_INTO_DEEP_ARCHIVE = Price("S3 into Deep Archive, by lifecycle or at upload", 0.05, 1_000, "object", _LIFECYCLE)
S3_INTO_INSTANT_RETRIEVAL = Price("S3 into Glacier Instant Retrieval, by lifecycle", 0.02, 1_000, "object", _LIFECYCLE)
DYNAMODB_WRITE = Price("DynamoDB on-demand writes", 0.625, 1_000_000, "write unit (1 KB)", _DYNAMODB)
DYNAMODB_READ = Price("DynamoDB on-demand reads", 0.125, 1_000_000, "read unit (4 KB)", _DYNAMODB)
KMS_REQUEST = Price("KMS", 0.03, 10_000, "request", _PRICE_LIST.format("kms_key"))
SECRETS_REQUEST = Price("Secrets Manager", 0.05, 10_000, "request", _PRICE_LIST.format("secretsmanager_secret"))
LOGS_GB = Price("CloudWatch Logs, taken in", 0.50, 1, "GB", "cloudwatch/pricing")
LOGS_STORED_GB_MONTH = Price("CloudWatch Logs, kept", 0.03, 1, "GB-month", "cloudwatch/pricing")
XRAY_TRACE = Price("X-Ray", 5.00, 1_000_000, "trace", "xray/pricing")
STANDARD_GB_MONTH = Price("S3 Standard", 0.023, 1, "GB-month", _S3)
INSTANT_RETRIEVAL_GB_MONTH = Price("S3 Glacier Instant Retrieval", 0.004, 1, "GB-month", _S3)
DEEP_ARCHIVE_GB_MONTH = Price("S3 Glacier Deep Archive", 0.00099, 1, "GB-month", _S3)
INSTANT_RETRIEVAL_READ_GB = Price("S3 Glacier Instant Retrieval, read", 0.03, 1, "GB", "s3/pricing")
RESTORE_STANDARD_GB = Price("S3 Deep Archive, Standard retrieval", 0.02, 1, "GB", "s3/pricing")
RESTORE_STANDARD_REQUEST = Price("S3 Deep Archive, Standard retrieval requests", 0.10, 1_000, "request", "s3/pricing")
RESTORE_BULK_GB = Price("S3 Deep Archive, Bulk retrieval", 0.0025, 1, "GB", "s3/pricing")
RESTORE_BULK_REQUEST = Price("S3 Deep Archive, Bulk retrieval requests", 0.025, 1_000, "request", "s3/pricing")
EGRESS_GB = Price(
    "From AWS to the Internet, after 100 GB a month free of charge", 0.09, 1, "GB", "ec2/pricing/on-demand"
)
KEY_MONTH = Price("KMS, a key of one's own", 1.00, 1, "month", _PRICE_LIST.format("kms_key"))
SECRET_MONTH = Price("Secrets Manager, a secret", 0.40, 1, "month", _PRICE_LIST.format("secretsmanager_secret"))
METRIC_MONTH = Price("CloudWatch, a metric", 0.30, 1, "month", "cloudwatch/pricing")
ALARM_MONTH = Price("CloudWatch, an alarm", 0.10, 1, "month", _PRICE_LIST.format("cloudwatch_metric_alarm"))
DASHBOARD_MONTH = Price("CloudWatch, a dashboard", 3.00, 1, "month", _PRICE_LIST.format("cloudwatch_dashboard"))
CLOUDWATCH_REQUEST = Price("CloudWatch requests", 0.01, 1_000, "request", "cloudwatch/pricing")
SNS_REQUEST = Price("SNS requests", 0.50, 1_000_000, "request", "sns/pricing")
SNS_MAIL = Price("SNS mails", 2.00, 100_000, "mail", "sns/pricing")
SQS_REQUEST = Price("SQS requests", 0.40, 1_000_000, "request", "sqs/pricing")

NAT_HOUR = Price("NAT gateway", 0.045, 1, "hour", "vpc/pricing")
NAT_GB = Price("NAT gateway, processed in either direction", 0.045, 1, "GB", "vpc/pricing")
ZONE_GB = Price("Between availability zones, at each end", 0.01, 1, "GB", "ec2/pricing/on-demand")
PUBLIC_IPV4_HOUR = Price("Public IPv4 address", 0.005, 1, "hour", "vpc/pricing")
AUDIT_EVENT = Price("CloudTrail data events", 0.10, 100_000, "event", "cloudtrail/pricing")

PRICES = tuple(value for value in list(globals().values()) if isinstance(value, Price))

# What one video of one file uses; tests count it in the state machine definition and in the ledger table.
TRANSITIONS_PER_BATCH, TRANSITIONS_PER_SLICE, TRANSITIONS_PER_RUN = 3, 2, 8
WRITES_PER_VIDEO, WRITES_PER_SLICE, WRITES_OF_AN_UPLOAD, WRITES_PER_BATCH = 8, 5, 1, 1
READS_PER_VIDEO, READS_PER_BATCH = 3, 2
READS_PER_RUN = 1  # the settings; a run's other reads of its own rows are left out (docs/cost-notes.md)
INVOCATIONS_PER_RUN = 4  # authenticate, list, catalogue, report
LOG_BYTES_PER_VIDEO = 500  # one line of ours; measured in the night of the benchmark (log_bytes)
LOG_BYTES_PER_CHILD = 6_000  # an estimate: Lambda's three lines, our metrics, and ten events of the state machine
BUCKET_KEY_SHARE = 0.01  # of S3's requests reach KMS with a bucket key: "up to 99 %" fewer (S3 user guide)
# What S3 keeps besides each object of Deep Archive, in bytes: its index, billed as Deep Archive, and its name, billed
# as Standard (S3 user guide, "Understanding S3 Glacier storage classes").
INDEX_BYTES, NAME_BYTES = 32 * 1024, 8 * 1024
# What is billed at least: the days of an object in each class, and its bytes in Instant Retrieval (s3/pricing).
DEEP_ARCHIVE_LEAST_DAYS, INSTANT_RETRIEVAL_LEAST_DAYS = 180, 90
GB = 10**9
HOURS_PER_MONTH = 730  # as AWS's own examples count

# What a private network costs a month, even if nothing moves: one NAT gateway and its public address.
NETWORK_MONTH_USD = (NAT_HOUR.each + PUBLIC_IPV4_HOUR.each) * HOURS_PER_MONTH

type Usage = Mapping[Price, float]


@dataclass(frozen=True)
class Extras:
    """What is charged for a run in some environments only."""

    private_network: bool = False
    audit_trail: bool = False


@dataclass(frozen=True, kw_only=True)
class RunWork:
    """What a run did: it moved `videos` in `batches` and `slices`, with `requests` that write to S3."""

    videos: int
    batches: int
    gb_seconds: float
    requests: int
    slices: int
    bytes_moved: int

    @property
    def slices_again(self) -> int:
        """Slices after the first one of a video, which is part of its batch."""
        return max(self.slices - self.videos, 0)

    @property
    def invocations(self) -> int:
        return self.batches + self.slices_again + INVOCATIONS_PER_RUN


def run_usage(work: RunWork, extras: Extras) -> Usage:
    """The usage of a run. A test holds that it has the priced units that the cost model has."""
    children = work.batches + work.slices_again
    return {
        LAMBDA_GB_SECOND: work.gb_seconds,
        LAMBDA_REQUEST: work.invocations,
        STEP_FUNCTIONS_TRANSITION: work.batches * TRANSITIONS_PER_BATCH
        + work.slices_again * TRANSITIONS_PER_SLICE
        + TRANSITIONS_PER_RUN,
        S3_PUT: work.requests,
        S3_INTO_DEEP_ARCHIVE: work.videos,
        S3_GET: work.videos,
        DYNAMODB_WRITE: work.videos * WRITES_PER_VIDEO
        + work.slices_again * WRITES_PER_SLICE
        + work.batches * WRITES_PER_BATCH,
        DYNAMODB_READ: work.videos * READS_PER_VIDEO
        + (work.slices_again + work.batches) * READS_PER_BATCH
        + READS_PER_RUN,
        SECRETS_REQUEST: work.invocations,
        KMS_REQUEST: work.invocations + work.requests * BUCKET_KEY_SHARE,
        LOGS_GB: (work.videos * LOG_BYTES_PER_VIDEO + children * LOG_BYTES_PER_CHILD) / GB,
        XRAY_TRACE: work.invocations,
        **(network_usage(work.bytes_moved) if extras.private_network else {}),
        **({AUDIT_EVENT: work.requests + work.videos} if extras.audit_trail else {}),
    }


def network_usage(bytes_moved: int) -> dict[Price, float]:
    """Through a NAT gateway go the originals, on their way in; S3 and DynamoDB have gateway endpoints, free of charge.

    The gateway is in one of two zones, so half of what it passes on goes into the other zone, which is charged at both
    ends: as much as all of it at one end.
    """
    return {NAT_GB: bytes_moved / GB, ZONE_GB: bytes_moved / GB}


def total(usage: Usage) -> float:
    """USD."""
    return sum(count * price.each for price, count in usage.items())


def run_cost(work: RunWork, extras: Extras) -> float:
    """USD for the compute, the requests and the traffic of one run."""
    return total(run_usage(work, extras))
