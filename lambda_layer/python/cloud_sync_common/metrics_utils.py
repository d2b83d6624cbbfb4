"""Metrics in CloudWatch's embedded metric format, by Powertools: log lines, which need no call and no permission.

They are emitted once per run, with two dimensions (service, provider) and a third for failures (category), because each
combination of metric and dimensions is billed for every hour in which it is sent (docs/operations.md has the sum).
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

# Every metric that the functions emit. A test checks that alarms and dashboard use no others.
UNITS = {
    "RunsSucceeded": MetricUnit.Count,
    "RunsFailed": MetricUnit.Count,
    "HoursSinceSuccess": MetricUnit.NoUnit,  # only if the schedule pauses for longer than CloudWatch looks back
    "AuthenticationFailures": MetricUnit.Count,  # runs that ended because the provider refused the credentials
    "VideosArchived": MetricUnit.Count,
    "BytesArchived": MetricUnit.Bytes,
    "VideosFailed": MetricUnit.Count,
    "FailureRate": MetricUnit.Percent,  # failed of all that were archived or failed
    "Failures": MetricUnit.Count,  # also has the dimension category
    "Throughput": MetricUnit.BytesPerSecond,  # of the whole run
    "SlicesPerVideo": MetricUnit.NoUnit,
    "MediaListed": MetricUnit.Count,
    "ListingSeconds": MetricUnit.Seconds,
    "Backlog": MetricUnit.Count,  # known and not archived
    "BacklogGrowth": MetricUnit.Count,  # since the last successful run
    "RunSeconds": MetricUnit.Seconds,
    "RunCost": MetricUnit.NoUnit,  # USD
    "CredentialsAgeDays": MetricUnit.NoUnit,  # since they were stored or renewed
    "CredentialsDaysLeft": MetricUnit.NoUnit,  # only if their end is known and they cannot be renewed
}


def emit(provider: str, values: Mapping[str, float], **dimensions: str) -> None:
    """Writes one line to the log. Raises KeyError for a name that is not in UNITS."""
    measured = [(name, UNITS[name], number) for name, number in values.items()]
    metrics = Metrics()
    for name, value in {"provider": provider, **dimensions}.items():
        metrics.add_dimension(name=name, value=value)
    for name, unit, number in measured:
        metrics.add_metric(name=name, unit=unit, value=number)
    metrics.flush_metrics()
