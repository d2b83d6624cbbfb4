"""The names of the alarms of an environment. This module does not import the CDK: the cost model counts them, too."""

from __future__ import annotations

from collections.abc import Iterable

from cloud_sync.config import Config

# What an owner has to know in every environment. CloudWatch gives each account ten alarms free of charge,
# which these are with one provider; each further one has four of its own.
ESSENTIAL = (
    "run-failed",
    "no-successful-run",
    "credentials-end-soon",
    "dead-letters",
    "schedule-dead-letters",
    "backlog-grows",
    "run-cost",
    "run-duration",
    "restore-timed-out",
    "errors-RunReport",
)
OF_DRILLS = "errors-RestoreProver"  # where there are any (restore_drill_quarterly)
# What helps an engineer to find a cause, with detailed_monitoring only.
DETAILED = (
    "authentication-failed",
    "restore-failed",
    "failure-rate",
    "throttles",
    "errors-MediaAuthenticator",
    "errors-MediaLister",
    "errors-VideoDownloader",
    "errors-FailureRecorder",
    "errors-ArchiveReconciler",
    "errors-ArchiveThawer",
    "errors-CredentialsRotator",
    OF_DRILLS,
    "duration-MediaLister",
    "duration-VideoDownloader",
    "duration-RunReport",
)


# Each provider has these, under a name that ends with its own.
OF_EACH_PROVIDER = frozenset(
    {"no-successful-run", "run-cost", "authentication-failed", "credentials-end-soon", "failure-rate", "backlog-grows"}
)


def alarm_names(config: Config) -> frozenset[str]:
    """The alarms of this environment, without the common prefix and its suffix."""
    names = {*ESSENTIAL, *DETAILED} if config.detailed_monitoring else {*ESSENTIAL}
    if not config.restore_drill_quarterly:
        names -= {OF_DRILLS}
    return _of_all(config, names if config.schedule_enabled else names - {"no-successful-run"})


def known_names(config: Config) -> frozenset[str]:
    """Those that the alarms of an environment with these providers can have."""
    return _of_all(config, {*ESSENTIAL, *DETAILED})


def _of_all(config: Config, names: Iterable[str]) -> frozenset[str]:
    return frozenset(
        provider.named(name) if name in OF_EACH_PROVIDER else name for name in names for provider in config.backed_up
    )
