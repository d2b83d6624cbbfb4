"""The saved queries of CloudWatch Logs Insights, which are deployed with the stack.

They use the fields that the functions log; a test runs them over the log of a real run. All providers write into the
same logs, so each row of an answer names its provider.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_logs as logs
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.functions import Functions

EVERY_FUNCTION = "every function"
RUN_REPORT, MEDIA_AUTHENTICATOR = "run-report", "media-authenticator"


@dataclass(frozen=True)
class Query:
    """One query, and the functions whose logs it reads."""

    title: str
    text: str
    logs_of: str = RUN_REPORT


WHAT_FAILED = Query(
    "What failed, and why",
    'filter message = "video" and status in ["FAILED", "UNAVAILABLE"]\n'
    "| fields @timestamp, provider, file, status, category, reason, attempts\n"
    "| sort @timestamp desc\n"
    "| limit 20",
)
FAILURES_BY_CAUSE = Query(
    "Failures by cause",
    'filter message = "video" and status in ["FAILED", "UNAVAILABLE"]\n'
    "| stats count(*) as videos by provider, category\n"
    "| sort videos desc\n"
    "| limit 20",
)
SPEED = Query(
    "Speed of each run",
    'filter message = "run report"\n'
    "| fields @timestamp, provider, seconds, listed, bytes_archived, throughput, slices_per_video, failure_rate\n"
    "| sort @timestamp desc\n"
    "| limit 42",
)
CREDENTIALS = Query(
    "Age of the credentials",
    'filter message = "credentials"\n'
    "| fields @timestamp, provider, age_days, correlation_id\n"
    "| sort @timestamp desc\n"
    "| limit 42",
    MEDIA_AUTHENTICATOR,
)
SAVED = (
    WHAT_FAILED,
    FAILURES_BY_CAUSE,
    SPEED,
    CREDENTIALS,
    Query(
        "What happened to this clip",
        'filter media_id = "PUT THE MEDIA ID HERE"\n'
        "| fields @timestamp, provider, correlation_id, function_name, message, status, category, reason, error\n"
        "| sort @timestamp asc\n"
        "| limit 1000",
        EVERY_FUNCTION,
    ),
    Query(
        "Last night",
        'filter message = "run report"\n'
        "| fields @timestamp, provider, run_id, status, listed, new, archived, failed, waiting, backlog, seconds\n"
        "| sort @timestamp desc\n"
        "| limit 21",
    ),
    Query(
        "Slowest files",
        'filter message = "video" and slices > 0\n'
        "| fields provider, file, bytes, gb_seconds, slices, correlation_id\n"
        "| sort gb_seconds desc\n"
        "| limit 20",
    ),
    Query(
        "Retries by cause",
        "filter ispresent(error)\n"
        "| stats count(*) as times by provider, error, function_name\n"
        "| sort times desc\n"
        "| limit 50",
        EVERY_FUNCTION,
    ),
    Query(
        "Cost by run",
        'filter message = "run report"\n'
        "| fields @timestamp, provider, run_id, estimated_usd, archived, bytes_archived\n"
        "| sort @timestamp desc\n"
        "| limit 100",
    ),
)


def log_groups(query: Query, functions: Functions) -> list[str]:
    """The names of the log groups that the query reads."""
    logging = {
        EVERY_FUNCTION: functions.all,
        RUN_REPORT: [functions.run_report],
        MEDIA_AUTHENTICATOR: [functions.media_authenticator],
    }
    return [function.log_group.log_group_name for function in logging[query.logs_of]]


def saved_queries(scope: Construct, config: Config, functions: Functions) -> None:
    """Creates the queries, in a folder of Logs Insights that has the name of the environment."""
    for query in SAVED:
        logs.CfnQueryDefinition(
            scope,
            "".join(word.capitalize() for word in query.title.replace(",", "").split()),
            name=f"{config.name('cloud-sync')}/{query.title}",
            query_string=query.text,
            log_group_names=log_groups(query, functions),
        )
