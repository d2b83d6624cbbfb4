"""Tiers: how long an original waits before it is in Deep Archive, and where.

What S3 keeps besides each object of Deep Archive (40 KB) is counted, and so are the requests that move it. Nothing
here makes Deep Archive bill an object for the 180 days of its least any sooner than it would otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync_common import prices
from cloud_sync_common.prices import DEEP_ARCHIVE_LEAST_DAYS, GB, INDEX_BYTES, INSTANT_RETRIEVAL_LEAST_DAYS, NAME_BYTES
from cloud_sync_common.runtime.wording import count_of

from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import (
    Change,
    Cost,
    Factor,
    Recommendation,
    gigabytes,
    months_of,
    of,
    paid,
    recommendation,
    unknown,
)

SMALLEST_MOVED = 128 * 1024  # bytes; the lifecycle moves nothing smaller (S3 user guide, "Lifecycle transitions")
TOO_SMALL = "The originals are smaller than 128 KB on average, and S3 moves nothing as small into another tier."
NOT_MEASURED = "CloudWatch has not measured the bucket yet, which it does once a day."
THAW = "a thaw of 12 to 48 hours"


def direct(facts: Facts) -> Recommendation | None:
    """Uploaded into Deep Archive. The request that ends an upload is billed as the transition then, and not besides
    (S3 user guide, "Multipart upload and pricing"). Each original is in Deep Archive for so many days more."""
    days = facts.found.lifecycle.deep_archive_days
    if not days or not facts.files:
        return None
    more = months_of(days)
    return recommendation(
        "direct",
        f"Upload straight into Deep Archive, instead of {_way(facts, days)} first.",
        Change(
            [*waiting(facts, days), paid("the request that ends an upload", prices.S3_PUT, _originals(facts))],
            in_deep_archive(facts.bytes, facts.files, more),
        ),
        lost=f"The {count_of(days, 'day')} in which a new original can be read at once, without {THAW}. One that you "
        f"delete within {DEEP_ARCHIVE_LEAST_DAYS} days is billed for the rest of them, as it is now.",
        command=facts.deploy(_straight(facts)),
        basis=f"{facts.basis_of_growth}; the bucket's rules",
        left_alone=TOO_SMALL if facts.average < SMALLEST_MOVED else "",
    )


def _straight(facts: Facts) -> str:
    without = "" if facts.number("instant_retrieval_after_days") is None else " -c instant_retrieval_after_days=none"
    return f"deep_archive_after_days=0{without}"


def _way(facts: Facts, days: int) -> str:
    start = facts.number("instant_retrieval_after_days")
    return f"{count_of(days, 'day')} in S3 Standard" + (" and Instant Retrieval" if start is not None else "")


def waiting(facts: Facts, days: int) -> Iterator[Cost]:
    """What a month's originals cost until they are in Deep Archive."""
    start = facts.number("instant_retrieval_after_days")
    standard = days if start is None else start
    if standard:
        what = f"{count_of(standard, 'day')} in S3 Standard"
        yield paid(what, prices.STANDARD_GB_MONTH, gigabytes(facts.bytes), months_of(standard))
    if start is not None:
        yield from in_instant_retrieval(facts, days - start)


def in_instant_retrieval(facts: Facts, days: int) -> Iterator[Cost]:
    """So many days of a month's originals there, of which 90 are billed at least."""
    billed = max(days, INSTANT_RETRIEVAL_LEAST_DAYS)
    what = f"{count_of(billed, 'day')} in Instant Retrieval" + (", the least that is billed" if billed > days else "")
    yield paid(what, prices.INSTANT_RETRIEVAL_GB_MONTH, gigabytes(facts.bytes), months_of(billed))
    yield paid("into Instant Retrieval", prices.S3_INTO_INSTANT_RETRIEVAL, _originals(facts))


def _originals(facts: Facts) -> Factor:
    return of(facts.files, "originals")


def in_deep_archive(count: float, files: float, *months: Factor) -> list[Cost]:
    """So many bytes in so many objects, with what S3 keeps besides each; a month, or for `months`."""
    objects = of(files, "objects")
    return [
        paid("Deep Archive", prices.DEEP_ARCHIVE_GB_MONTH, gigabytes(count), *months),
        paid("its index", prices.DEEP_ARCHIVE_GB_MONTH, objects, gigabytes(INDEX_BYTES), *months),
        paid("names of objects", prices.STANDARD_GB_MONTH, objects, gigabytes(NAME_BYTES), *months),
    ]


def instant_retrieval(facts: Facts) -> Recommendation | None:
    """Where originals wait for long, the first day in Instant Retrieval and not in Standard."""
    days = facts.found.lifecycle.deep_archive_days
    if not days or not facts.files or facts.number("instant_retrieval_after_days") is not None:
        return None
    read = prices.INSTANT_RETRIEVAL_READ_GB.each
    return recommendation(
        "instant-retrieval",
        f"Keep originals in Glacier Instant Retrieval until they are {count_of(days, 'day')} old.",
        Change(waiting(facts, days), in_instant_retrieval(facts, days)),
        lost=f"To read one costs {read:.2f} USD per GB then; it takes no longer. "
        f"{INSTANT_RETRIEVAL_LEAST_DAYS} days are billed at least.",
        command=facts.deploy("instant_retrieval_after_days=0"),
        basis=f"{facts.basis_of_growth}; the bucket's rules",
        instead_of="direct",
        left_alone=_why_not_instant(facts),
    )


def _why_not_instant(facts: Facts) -> str:
    if not facts.values:
        return "The stack is of a version that does not say whether it has this tier already."
    return TOO_SMALL if facts.average < SMALLEST_MOVED else ""


def never_moved(facts: Facts) -> Recommendation | None:
    """Without a rule, all that is in Standard stays there."""
    found = facts.found
    if found.lifecycle.deep_archive_days is not None:
        return None
    originals = found.ledger_originals
    return recommendation(
        "tiers",
        "No rule of the bucket moves originals into Deep Archive.",
        Change(
            [paid("S3 Standard", prices.STANDARD_GB_MONTH, gigabytes(facts.standard))],
            in_deep_archive(facts.standard, originals),
            [paid("into Deep Archive", prices.S3_INTO_DEEP_ARCHIVE, of(originals, "originals"))],
        ),
        lost=f"Originals can be read only after {THAW}, and each is billed for {DEEP_ARCHIVE_LEAST_DAYS} days at "
        "least.",
        command=facts.deploy(),
        basis=f"{facts.basis_of_storage}; the bucket's rules",
        left_alone=TOO_SMALL if originals and facts.standard / originals < SMALLEST_MOVED else "",
    )


def older_versions(facts: Facts) -> Recommendation | None:
    """What the bucket has beyond the latest versions is at most what older ones take. How many they are is not known;
    they count as large as an original is on average."""
    found, name = facts.found, "older-versions"
    if found.lifecycle.older_versions_days is not None:
        return None
    text = "No rule of the bucket moves older versions of an object: they stay in S3 Standard for ever."
    if not found.measured:
        return unknown(name, text, NOT_MEASURED, basis="the bucket's rules")
    older = min(max(sum(tier.bytes for tier in found.tiers) - found.ledger_bytes, 0), facts.standard)
    objects = older / found.ledger_bytes * found.ledger_originals if found.ledger_bytes else 0
    return recommendation(
        name,
        text,
        Change(
            [paid("S3 Standard, at most", prices.STANDARD_GB_MONTH, gigabytes(older))],
            in_deep_archive(older, objects),
            [paid("into Deep Archive", prices.S3_INTO_DEEP_ARCHIVE, of(objects, "versions"))],
        ),
        lost="Older versions can be read only after a thaw.",
        command=facts.deploy(),
        basis=f"{facts.basis_of_storage}, less the ledger's {found.ledger_bytes / GB:,.1f} GB; the bucket's rules",
    )
