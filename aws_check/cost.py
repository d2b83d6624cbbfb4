"""What a run of the checks costs, counted from its own requests."""

from __future__ import annotations

from cloud_sync_common import prices
from cloud_sync_common.prices import Price

from aws_check.outcome import Check, require
from aws_check.stack import Stack

AT_MOST_USD = 0.01
# Requests of these services' configuration are free of charge (their pricing pages list what is charged).
FREE = {"cloudformation", "iam", "lambda", "logs", "scheduler", "sts", "stepfunctions"}
_SERVICES = {
    "dynamodb": prices.DYNAMODB_READ,
    "kms": prices.KMS_REQUEST,
    "secretsmanager": prices.SECRETS_REQUEST,
    "sns": prices.SNS_REQUEST,
    "sqs": prices.SQS_REQUEST,
    "cloudwatch": prices.CLOUDWATCH_REQUEST,
}
_MAILS_OF_A_RUN = 2 * 3  # the test message and the alarm's, each sent three times at most
_MINIMUM_BYTES, _MINIMUM_MONTHS = 40 * 1024, 6  # what Deep Archive bills for one byte (docs/cost.md)


def check() -> Check:
    """The last line of the report but one."""
    return Check(
        "the cost of this run",
        f"these checks cost at most {AT_MOST_USD:.2f} USD (their requests × AWS's prices, without the free tier)",
        "report it as an issue of this project, with the number",
        costs_at_most_a_cent,
    )


def costs_at_most_a_cent(stack: Stack) -> str:
    """Raises CheckFailed when this run was dearer, or made requests whose price is not known here."""
    usd, requests = total(stack), sum(stack.calls.values())
    require(usd <= AT_MOST_USD, f"{requests} requests cost {usd:.4f} USD")
    return f"{requests} requests, {usd:.4f} USD"


def total(stack: Stack) -> float:
    """USD of the requests so far, of the mails, and of one byte in Deep Archive. Raises CheckFailed."""
    archived = _MINIMUM_BYTES / 1024**3 * _MINIMUM_MONTHS * prices.DEEP_ARCHIVE_GB_MONTH.each
    once = prices.S3_INTO_DEEP_ARCHIVE.each + _MAILS_OF_A_RUN * prices.SNS_MAIL.each + archived
    return once + sum(
        count * price.each for (service, name), count in stack.calls.items() if (price := _price(service, name))
    )


def _price(service: str, operation: str) -> Price | None:
    """The price of a request; None for a free one."""
    if service in FREE or (service == "s3" and operation.startswith(("Delete", "Abort"))):
        return None
    if service == "s3":
        return prices.S3_GET if operation.startswith(("Get", "Head")) else prices.S3_PUT
    require(service in _SERVICES, f"the price of a request to {service} is not known")
    return _SERVICES[service]
