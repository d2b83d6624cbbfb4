"""Whether the ages at which originals change their storage class make sense."""

from __future__ import annotations

from cloud_sync.config_error import ConfigError

# USD per GB and month, us-east-1 (docs/cost.md, "Prices"), for the check below.
STANDARD, INSTANT_RETRIEVAL = 0.023, 0.004
INSTANT_RETRIEVAL_MINIMUM_DAYS = 90


def check_tiers(start: int | None, end: int) -> None:
    """Raises ConfigError. `start` is instant_retrieval_after_days, `end` deep_archive_after_days. Glacier Instant
    Retrieval bills at least 90 days, so a short stay there costs more than one in Standard."""
    if start is None:
        return
    if not 0 <= start < end:
        raise ConfigError(
            f"instant_retrieval_after_days must be before deep_archive_after_days ({end}), not {start}.",
            "instant_retrieval_after_days",
            "deep_archive_after_days",
        )
    days = end - start
    standard = STANDARD * days / 30
    instant = INSTANT_RETRIEVAL * max(days, INSTANT_RETRIEVAL_MINIMUM_DAYS) / 30
    if instant > standard:
        raise ConfigError(
            f"instant_retrieval_after_days={start} loses money: {days} days there are billed as "
            f"{max(days, INSTANT_RETRIEVAL_MINIMUM_DAYS)}, {instant:.4f} USD per GB, against {standard:.4f} for "
            f"the same {days} days in Standard.",
            "instant_retrieval_after_days",
            "deep_archive_after_days",
        )
