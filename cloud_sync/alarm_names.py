"""The names of the alarms of an environment. This module does not import the CDK: the cost model counts them, too."""

from __future__ import annotations

from cloud_sync.config import Config

# What an owner has to know in every environment. CloudWatch gives each account ten alarms free of charge,
# which these are.
ESSENTIAL = (
    "run-failed",
    "no-successful-run",
    "authentication-failed",
    "credentials-end-soon",
    "dead-letters",
    "schedule-dead-letters",
    "backlog-grows",
    "run-cost",
    "run-duration",
    "errors-RunReport",
)
# What helps an engineer to find a cause, with detailed_monitoring only.
DETAILED = (
    "failure-rate",
    "throttles",
    "errors-MediaAuthenticator",
    "errors-MediaLister",
    "errors-VideoDownloader",
    "errors-FailureRecorder",
    "errors-ArchiveReconciler",
    "errors-CredentialsRotator",
    "duration-MediaLister",
    "duration-VideoDownloader",
    "duration-RunReport",
)


def alarm_names(config: Config) -> frozenset[str]:
    """The alarms of this environment, without the common prefix and its suffix."""
    names = {*ESSENTIAL, *DETAILED} if config.detailed_monitoring else {*ESSENTIAL}
    return frozenset(names if config.schedule_enabled else names - {"no-successful-run"})
