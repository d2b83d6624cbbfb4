"""Proof on demand, with nothing thawed: provider, ledger and bucket reconciled, and each checksum compared."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud_sync_common import prices

from console.errors import ConsoleError
from console.operations import safe
from console.operations.certificate import CERTIFICATES, Certificate, Months, differences, store
from console.operations.ledger import Reading
from console.operations.reconciled import Follow, Reconciled, reconciled
from console.operations.stored_checksums import Choice, Compared, Show, compared
from console.stack import PREFIX, Stack

FRESH = timedelta(hours=24)  # the age up to which a reconciliation need not be repeated
# Rows of 0.6 KB, as the cost model counts them, in a walk that is eventually consistent: half a unit for each 4 KB.
_READ_UNITS_PER_ROW = 0.075
_CERTIFICATE_FILES = 2

DEEP = (
    "--deep cannot run: Cloud Sync does not start S3 Batch Operations yet, and an emulator has none. It would have S3 "
    "compute the CRC-64/NVME of every object anew, also of those in Deep Archive, without a restore (operation "
    "S3ComputeObjectChecksum, type FULL_OBJECT), and compare its report with the ledger. It needs a role that S3 Batch "
    "Operations may assume, with s3:GetObject on the archive and s3:PutObject for the report, and s3:CreateJob and "
    "iam:PassRole for you. Without --deep, the checksums that S3 keeps are compared."
)


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
    key = f"{CERTIFICATES}{ended:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(4)}"
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
        estimated_usd=_usd(runs, files, reading),
        key=f"{key}.json",
        text_key=f"{key}.txt",
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


def _usd(runs: list[Reconciled], files: list[Compared], reading: Reading) -> float:
    """Of a reconciliation that was started for it: a HEAD for each file, and a listing of 1,000 objects a request."""
    started = [run for run in runs if run.is_new]
    usage = {
        prices.S3_GET: sum(one.requests for one in files) + sum(run.sources for run in started),
        prices.S3_PUT: _CERTIFICATE_FILES + sum(run.objects / 1_000 for run in started),
        prices.DYNAMODB_READ: reading.rows * _READ_UNITS_PER_ROW,
    }
    return round(prices.total(usage), 6)
