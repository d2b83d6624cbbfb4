"""When the verification of each month starts: by day, as far from the runs of a night as can be.

Each provider has a day of the month of its own, so that two verifications never meet. A run that is under way all the
same, as during a first backup, is not waited for: a mail says that nothing was verified
(cloud_sync_common/provider_access/verification.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cloud_sync.schedule import is_rate, parse_cron

_DAY = 24 * 60  # minutes
BY_DAY = range(6 * 60, 22 * 60, 5)  # minutes of the day in which no time zone changes its clock
_BESIDE_A_RATE = 14 * 60  # a rate() counts from the deployment, so that nothing can be known of its times


def monthly(nightly: Iterable[str], index: int) -> str:
    """The cron() of the provider with this index, beside the schedules of all providers' runs. Raises ConfigError for
    one that EventBridge Scheduler does not accept."""
    crons = [parse_cron(expression) for expression in nightly if not is_rate(expression)]
    taken = {at.hour * 60 + at.minute for cron in crons for at in cron.times}
    minute = max(BY_DAY, key=lambda minute: _distance(minute, taken)) if taken else _BESIDE_A_RATE
    return f"cron({minute % 60} {minute // 60} {index + 1} * ? *)"


def _distance(minute: int, taken: Collection[int]) -> int:
    """The time to the nearest of these, in minutes, before or after it."""
    return min(min((minute - one) % _DAY, (one - minute) % _DAY) for one in taken)
