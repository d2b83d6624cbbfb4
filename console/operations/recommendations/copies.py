"""The same content, stored more than once: what a walk over the ledger finds of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cloud_sync_common import prices
from cloud_sync_common.prices import DEEP_ARCHIVE_LEAST_DAYS
from cloud_sync_common.runtime.wording import count_of, size_of

from console.operations.fixed_costs import DAYS_PER_MONTH
from console.operations.ledger import Reading, Row, walk
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import (
    Change,
    Factor,
    Recommendation,
    gigabytes,
    months_of,
    of,
    paid,
    recommendation,
)
from console.operations.recommendations.tiers import in_deep_archive
from console.stack import Stack

BASIS = "every file in the ledger"
LOOKED_BACK_MONTHS = 3  # for what arrives twice in a month
_FIRST_YEAR = Factor(6.5, "6.5")  # months of copies that are stored in the average month of the first year
_OF_A_ROW = ("pk", "sk", "status", "size", "checksum", "archived_at", "copy_of", "twice_bytes")


@dataclass
class Same:
    """Files with one content: of each provider that has it, an id and the days of the 180 that are left."""

    of_provider: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def spare(self) -> int:
        return len(self.of_provider) - 1

    @property
    def days_left(self) -> float:
        """Of those that would be deleted, if the one that is billed longest stays."""
        return sum(sorted(left for _, left in self.of_provider.values())[:-1])


def copies(stack: Stack, facts: Facts, reading: Reading) -> Iterator[Recommendation]:
    """Reads every row. Raises botocore's errors."""
    now, same, twice = datetime.now(UTC), dict[tuple[int, str], Same](), [0, 0]
    since = now - timedelta(days=LOOKED_BACK_MONTHS * DAYS_PER_MONTH)
    for row in walk(stack, reading, _OF_A_ROW):
        if _is_stored(row):
            provider, _, media_id = row["pk"].partition("#")
            key = int(row.get("size") or 0), str(row["checksum"])
            same.setdefault(key, Same()).of_provider[provider] = media_id, _days_left(row, now)
        elif row["sk"] == "ITEM" and row.get("twice_bytes") and _at(row, datetime.min.replace(tzinfo=UTC)) >= since:
            twice = [twice[0] + 1, twice[1] + int(row["twice_bytes"])]
    repeated = {key: one for key, one in same.items() if one.spare}
    if repeated:
        yield _duplicates(repeated)
    if twice[1] and not facts.values.get("record_copies"):
        yield _recorded(facts, twice[0] / LOOKED_BACK_MONTHS, twice[1] / LOOKED_BACK_MONTHS)


def _duplicates(repeated: dict[tuple[int, str], Same]) -> Recommendation:
    """Of each content, all but one could go; those that are younger than 180 days cost the rest of them first."""
    objects = sum(same.spare for same in repeated.values())
    spare = sum(size * same.spare for (size, _), same in repeated.items())
    early = sum(size * same.days_left for (size, _), same in repeated.items())
    provider, (media_id, _) = sorted(repeated[max(repeated)].of_provider.items())[0]
    rest = [paid("the rest of 180 days", prices.DEEP_ARCHIVE_GB_MONTH, gigabytes(spare), months_of(early / spare))]
    return recommendation(
        "duplicates",
        f"{count_of(len(repeated), 'file is', 'files are')} archived from several providers, byte for byte the same: "
        f"{size_of(spare)} too many.",
        Change(in_deep_archive(spare, objects), once=rest if early else []),
        lost="The second copy, and that each provider can be compared with the archive. Cloud Sync deletes none.",
        command=f"cloudsync show {provider}/{media_id}",
        basis=f"{BASIS}, by size and checksum",
    )


def _recorded(facts: Facts, files: float, count: float) -> Recommendation:
    """What is stored a second time in a month, in the average month of the first year in which it would not be."""
    days = facts.found.lifecycle.deep_archive_days
    uploaded = of(files, "files")
    first = [paid("days in S3 Standard", prices.STANDARD_GB_MONTH, gigabytes(count), months_of(days))] if days else []
    return recommendation(
        "record-copies",
        f"Record what is in the archive already as a copy, and do not store it again: {size_of(count)} a month.",
        Change([
            *first,
            paid("into Deep Archive", prices.S3_INTO_DEEP_ARCHIVE, uploaded),
            *in_deep_archive(count, files, _FIRST_YEAR),
        ]),
        lost="The second copy of what arrives from now on, which would be there if the first one were lost.",
        command=facts.deploy("record_copies=true"),
        basis=f"what the ledger notes as stored twice in the last {LOOKED_BACK_MONTHS * DAYS_PER_MONTH} days",
    )  # fmt: skip


def _is_stored(row: Row) -> bool:
    """Whether an object has the bytes of this row's file, and for it alone."""
    is_file = row["sk"].startswith("SOURCE#") and row.get("status") == "ARCHIVED"
    return bool(is_file and row.get("size") and row.get("checksum") and not row.get("copy_of"))


def _at(row: Row, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(row.get("archived_at"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return otherwise


def _days_left(row: Row, now: datetime) -> float:
    """Of the 180 for which a file is billed at least."""
    age = (now - _at(row, now - timedelta(days=DEEP_ARCHIVE_LEAST_DAYS))) / timedelta(days=1)
    return max(DEEP_ARCHIVE_LEAST_DAYS - age, 0.0)
