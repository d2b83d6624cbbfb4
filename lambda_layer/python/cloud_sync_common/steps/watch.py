"""The step Watch (run-report): measures how long ago a run succeeded last.

CloudWatch alarms look back for at most 7 days (PutMetricAlarm). For a schedule that pauses for longer, this number is
sent often, and the alarm `no-successful-run` compares it with the pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.stores.runs import Runs

WATCH = "watch"


class WatchRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag=WATCH):
    """The event that the second schedule sends to run-report."""

    provider: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Hours since the last run that succeeded, none if no run has yet."""

    hours_since_success: float | None


@dataclass(frozen=True)
class Watch:
    """Watches the runs of one provider."""

    provider: str
    runs: Runs
    metrics: EnvironmentMetrics

    def watch(self) -> Watched:
        """Emits the hours. Before the first success it emits nothing, which the alarm takes for a bad sign too.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        ended_at = self.runs.last_success().ended_at
        if not ended_at:
            logger.info("no run has succeeded yet")
            return Watched(hours_since_success=None)
        hours = round((datetime.now(UTC) - datetime.fromisoformat(ended_at)).total_seconds() / 3600, 2)
        self.metrics.emit(self.provider, {"HoursSinceSuccess": hours})
        return Watched(hours_since_success=hours)
