"""The step Watch (run-report): measures how long ago a run succeeded last.

CloudWatch alarms look back for at most 7 days (PutMetricAlarm). For a schedule that pauses for longer, this number is
sent often, and the alarm `no-successful-run` compares it with the pause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.stores.provider_settings import StoredSettings
from cloud_sync_common.stores.runs import Runs

WATCH = "watch"


class WatchRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag=WATCH):
    """The event that the second schedule sends to run-report."""

    provider: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Hours since the last run that succeeded, or since the provider was resumed if that was later; none if neither has
    happened yet. While it is paused these are 0: no success is owed."""

    hours_since_success: float | None


@dataclass(frozen=True)
class Watch:
    """Watches the runs of one provider."""

    provider: str
    runs: Runs
    metrics: EnvironmentMetrics
    read_settings: Callable[[], StoredSettings] = StoredSettings

    def watch(self) -> Watched:
        """Emits the hours. Before the first success it emits nothing, which the alarm takes for a bad sign too.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        hours = self._hours()
        if hours is None:
            logger.info("no run has succeeded yet")
        else:
            self.metrics.emit(self.provider, {"HoursSinceSuccess": hours})
        return Watched(hours_since_success=hours)

    def _hours(self) -> float | None:
        stored = self.read_settings()
        if stored.settings.paused:
            return 0.0
        since = [text for text in (self.runs.last_success().ended_at, stored.pause_changed_at) if text]
        if not since:
            return None
        last = max(map(datetime.fromisoformat, since))
        return round((datetime.now(UTC) - last).total_seconds() / 3600, 2)
