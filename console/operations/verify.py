"""Proof on demand, with nothing thawed: provider, ledger and bucket reconciled, and each checksum compared."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud_sync_common.provider_access.certificate import (
    EARLIER_VERSIONS,
    THE_BYTES,
    Certificate,
    Choice,
    Months,
    differences,
    place_of,
    usage_usd,
)

from console.errors import ConsoleError
from console.operations import safe
from console.operations.certificate import store
from console.operations.ledger import Reading
from console.operations.reconciled import Follow, reconciled
from console.operations.stored_checksums import Show, compared
from console.stack import PREFIX, Stack

FRESH = timedelta(hours=24)  # the age up to which a reconciliation need not be repeated


@dataclass(frozen=True)
class Watching:
    """What shows how it goes: a run that is followed, and how many files are compared by now."""

    follow: Follow
    compared: Show


def choice_of(since: str, sample: int, seed: str) -> Choice:
    """A sample has a seed, which is stated, so that it can be repeated."""
    return Choice(since=since, sample=sample, seed=(seed or secrets.token_hex(8)) if sample else "")


def verify(
    stack: Stack, providers: Collection[str], choice: Choice, watching: Watching, *, fresh: timedelta = FRESH
) -> Certificate:
    """Compares, and stores the certificate. Raises ConsoleError where that cannot be finished, so that no certificate
    says more than was looked at; botocore's errors and those of cloud_sync_common.stores."""
    began, reading = datetime.now(UTC), Reading()
    runs = [reconciled(stack, one, began - fresh, watching.follow, reading) for one in providers]
    files = compared(stack, providers, choice, reading, watching.compared)
    months, not_counted = _counted(stack, providers, reading)
    ended = datetime.now(UTC)
    key, text_key = place_of(ended, secrets.token_hex(4))
    certificate = Certificate(
        stack=PREFIX + stack.environment,
        region=stack.account.region,
        began_at=began.isoformat(timespec="seconds"),
        ended_at=ended.isoformat(timespec="seconds"),
        seconds=round((ended - began).total_seconds(), 1),
        choice=choice,
        is_everything=choice.is_everything and len(providers) == len(stack.secrets),
        agrees=not differences(runs, files),
        reconciliations=runs,
        compared=files,
        safe=months,
        not_counted=not_counted,
        not_compared=[THE_BYTES, EARLIER_VERSIONS],
        estimated_usd=usage_usd(runs, files, reading.rows),
        key=key,
        text_key=text_key,
    )
    store(stack, certificate)
    return certificate


def _counted(stack: Stack, providers: Collection[str], reading: Reading) -> tuple[list[Months], str]:
    """What is safe, counted anew in the providers' rows, or why it was not: a run may be under way."""
    try:
        found = safe.recount(stack, reading)
    except ConsoleError as error:
        return [], str(error)
    return [
        Months(provider=name, originals=one.originals, bytes=one.bytes, months=len(one.months))
        for name, one in found.items()
        if name in providers
    ], ""
