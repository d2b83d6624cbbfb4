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
DYNAMODB_WRITE = Price("DynamoDB on-demand writes", 0.625, 1_000_000, "write unit (1 KB)", _DYNAMODB)
DYNAMODB_READ = Price("DynamoDB on-demand reads", 0.125, 1_000_000, "read unit (4 KB)", _DYNAMODB)
KMS_REQUEST = Price("KMS", 0.03, 10_000, "request", _PRICE_LIST.format("kms_key"))
SECRETS_REQUEST = Price("Secrets Manager", 0.05, 10_000, "request", _PRICE_LIST.format("secretsmanager_secret"))
LOGS_GB = Price("CloudWatch Logs, taken in", 0.50, 1, "GB", "cloudwatch/pricing")
XRAY_TRACE = Price("X-Ray", 5.00, 1_000_000, "trace", "xray/pricing")
STANDARD_GB_MONTH = Price("S3 Standard", 0.023, 1, "GB-month", _S3)
INSTANT_RETRIEVAL_GB_MONTH = Price("S3 Glacier Instant Retrieval", 0.004, 1, "GB-month", _S3)
DEEP_ARCHIVE_GB_MONTH = Price("S3 Glacier Deep Archive", 0.00099, 1, "GB-month", _S3)
KEY_MONTH = Price("KMS, a key of one's own", 1.00, 1, "month", _PRICE_LIST.format("kms_key"))
SECRET_MONTH = Price("Secrets Manager, a secret", 0.40, 1, "month", _PRICE_LIST.format("secretsmanager_secret"))
METRIC_MONTH = Price("CloudWatch, a metric", 0.30, 1, "month", "cloudwatch/pricing")
ALARM_MONTH = Price("CloudWatch, an alarm", 0.10, 1, "month", _PRICE_LIST.format("cloudwatch_metric_alarm"))
DASHBOARD_MONTH = Price("CloudWatch, a dashboard", 3.00, 1, "month", _PRICE_LIST.format("cloudwatch_dashboard"))
CLOUDWATCH_REQUEST = Price("CloudWatch requests", 0.01, 1_000, "request", "cloudwatch/pricing")
SNS_REQUEST = Price("SNS requests", 0.50, 1_000_000, "request", "sns/pricing")
SNS_MAIL = Price("SNS mails", 2.00, 100_000, "mail", "sns/pricing")
SQS_REQUEST = Price("SQS requests", 0.40, 1_000_000, "request", "sqs/pricing")

PRICES = tuple(value for value in list(globals().values()) if isinstance(value, Price))

# What one video of one file uses; tests count it in the state machine definition and in the ledger table.
TRANSITIONS_PER_BATCH, TRANSITIONS_PER_SLICE, TRANSITIONS_PER_RUN = 3, 2, 6
WRITES_PER_VIDEO, WRITES_PER_SLICE, WRITES_OF_AN_UPLOAD = 20, 10, 3
READS_PER_VIDEO = 4
INVOCATIONS_PER_RUN = 3  # authenticate, list, report

type Usage = Mapping[Price, float]


def run_usage(*, videos: int, batches: int, gb_seconds: float, requests: int, slices: int) -> Usage:
    """The usage of a run that moved `videos` in `batches` and `slices`, with `requests` that write to S3."""
    again = max(slices - videos, 0)  # slices after the first one of a video, which is part of its batch
    invocations = batches + again + INVOCATIONS_PER_RUN
    return {
        LAMBDA_GB_SECOND: gb_seconds,
        LAMBDA_REQUEST: invocations,
        STEP_FUNCTIONS_TRANSITION: batches * TRANSITIONS_PER_BATCH
        + again * TRANSITIONS_PER_SLICE
        + TRANSITIONS_PER_RUN,
        S3_PUT: requests,
        S3_INTO_DEEP_ARCHIVE: videos,
        DYNAMODB_WRITE: videos * WRITES_PER_VIDEO + again * WRITES_PER_SLICE,
        DYNAMODB_READ: videos * READS_PER_VIDEO,
        SECRETS_REQUEST: invocations,
    }


def total(usage: Usage) -> float:
    """USD."""
    return sum(count * price.each for price, count in usage.items())


def run_cost(*, videos: int, batches: int, gb_seconds: float, requests: int, slices: int) -> float:
    """USD for the compute and the requests of one run."""
    return total(run_usage(videos=videos, batches=batches, gb_seconds=gb_seconds, requests=requests, slices=slices))
