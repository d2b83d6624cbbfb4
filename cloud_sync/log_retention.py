"""The retention of logs, as the CDK names it."""

from __future__ import annotations

from aws_cdk import aws_logs as logs

from cloud_sync.config import Config


def retention(config: Config) -> logs.RetentionDays:
    """How long CloudWatch Logs keeps the logs of this environment."""
    return logs.RetentionDays[_RETENTION_NAMES[config.log_retention_days]]


_RETENTION_NAMES = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1827: "FIVE_YEARS",
    3653: "TEN_YEARS",
}
