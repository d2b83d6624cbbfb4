"""Figures of cost for tests: a library of 100 GB that grows by as much each month, and what an environment keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from cloud_sync.alarm_names import alarm_names
from cloud_sync.config import ENVIRONMENTS, Config
from console.operations import fixed_costs, storage
from console.operations.cost import Figures, Growth
from console.operations.fixed_costs import Kept
from console.operations.safe import SpentMonth
from console.operations.storage import Lifecycle

GB = 10**9
KEPT = Kept(
    providers=1, alarms=10, dashboards=1, keys=0, watches=0, detailed=False, network=False, trail=False
)  # fmt: skip


def spent(month: str, count: int = 0, usd: float = 0, archived: int = 0) -> SpentMonth:
    return SpentMonth(month=month, runs=1, usd=usd, archived=archived, bytes=count)


def figures(**changes: Any) -> Figures:
    """A library of 100 GB in 1,000 files that grows by as much each month."""
    plain = Figures(
        environment="dev", spent=[], tiers=[storage.tier_of("DeepArchiveStorage", 100 * GB)], measured=True,
        lifecycle=Lifecycle(deep_archive_days=7, older_versions_days=7, abort_days=7),
        fixed=fixed_costs.fixed_costs(KEPT), kept=KEPT, growth=Growth(bytes=100 * GB, originals=1_000, usd=0.08),
        ledger_bytes=100 * GB, ledger_originals=1_000,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def kept_by(config: Config) -> Kept:
    """What a stack of this environment has."""
    return Kept(
        providers=len(config.providers), alarms=len(alarm_names(config)), dashboards=1,
        keys=int(config.customer_managed_key), watches=len(config.providers) if config.is_watched else 0,
        detailed=config.detailed_monitoring, network=config.private_network, trail=config.audit_trail,
    )  # fmt: skip


CONFIGS = [
    *(ENVIRONMENTS[name] for name in ("dev", "staging", "prod")),
    replace(ENVIRONMENTS["dev"], providers=("gopro", "google_drive", "dropbox")),
    replace(ENVIRONMENTS["dev"], schedule="cron(0 2 ? * SUN *)"),
]
