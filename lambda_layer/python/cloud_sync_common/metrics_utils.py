"""Metrics in CloudWatch's embedded metric format, by Powertools: log lines, which need no call and no permission.

Each metric has the same three dimensions: service, provider and environment. CloudWatch identifies a metric by its
namespace, name and dimensions (user guide, "Metrics concepts"), so without the environment two stacks in one account
would write one metric. It bills each for every hour in which it is sent; docs/cost.md has the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

# The ten that every environment sends, which are as many as CloudWatch gives each account free of charge. The others
# are sent with detailed_monitoring only; they are fields of log lines in any case.
ESSENTIAL = frozenset(
    {
        "RunsSucceeded",
        "RunsFailed",
        "AuthenticationFailures",
        "VideosArchived",
        "BytesArchived",
        "VideosFailed",
        "Backlog",
        "BacklogGrowth",
        "RunCost",
        "CredentialsDaysLeft",
    }
)

# What the second schedule of an environment with long pauses has measured. No other environment sends it.
OF_THE_WATCH = frozenset({"HoursSinceSuccess"})


@dataclass(frozen=True)
class EnvironmentMetrics:
    """The metrics of one environment: all of UNITS if they are `detailed`, else ESSENTIAL and OF_THE_WATCH."""

    environment: str
    detailed: bool

    def emit(self, provider: str, values: Mapping[str, float]) -> None:
        """Writes one line to the log with the metrics of this environment among `values`. Raises KeyError for a name
        that is not in UNITS."""
        measured = [(name, UNITS[name], number) for name, number in values.items()]
        sent = [metric for metric in measured if self.detailed or metric[0] in ESSENTIAL | OF_THE_WATCH]
        if not sent:
            return
        metrics = Metrics()
        metrics.add_dimension(name="provider", value=provider)
        metrics.add_dimension(name="environment", value=self.environment)
        for name, unit, number in sent:
            metrics.add_metric(name=name, unit=unit, value=number)
        metrics.flush_metrics()
