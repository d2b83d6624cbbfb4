"""Metrics in CloudWatch's embedded metric format, by Powertools: a log line, so no call and no permission.

Emitted once per run, with two dimensions (service, provider), because each metric and each combination of dimensions
is billed by the month.
"""

from __future__ import annotations

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

# Every metric that the functions emit: alarms and dashboard may use these and no other (a test holds them together).
UNITS = {
    "VideosArchived": MetricUnit.Count,
    "BytesArchived": MetricUnit.Bytes,
    "VideosFailed": MetricUnit.Count,
    "Backlog": MetricUnit.Count,
    "RunSeconds": MetricUnit.Seconds,
}


def emit(provider: str, values: dict[str, float]) -> None:
    """Writes the line. Raises KeyError for a name that is not in UNITS."""
    metrics = Metrics()
    metrics.add_dimension(name="provider", value=provider)
    for name, value in values.items():
        metrics.add_metric(name=name, unit=UNITS[name], value=value)
    metrics.flush_metrics()
