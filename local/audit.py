"""The audit: archive, ledger and provider held against each other from outside, after whatever went wrong.

For each original exactly one must be true: it is archived byte for byte, or it is listed as not archived with the right
category. Nothing here uses the code that made the archive, and nothing is repaired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from local.deployment import Deployment
from local.traces import everything_said
from local.verify import Verdict, verify

RESUME_WINDOW = timedelta(days=7)  # after which the archive's lifecycle rule aborts an upload (cloud_sync/config.py)

type Rows = list[dict[str, Any]]
type Originals = list[dict[str, Any]]


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "lost"  # neither archived whole nor listed as not archived
    DUPLICATED = "duplicated"  # one version of one source in two objects, or an object written over
    WRONG_CATEGORY = "wrong_category"  # not archived, and listed with another reason than the true one
    ORPHAN_OBJECT = "orphan_object"  # an object that no row knows
    ROW_WITHOUT_OBJECT = "row_without_object"  # a row says ARCHIVED and the archive has no such object
    STRAY_UPLOAD = "stray_upload"  # a multipart upload older than the resume window
    SECRET_FOUND = "secret_found"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and with what: a media id, a key, or a place."""

    kind: Kind
    what: str
    detail: str = ""


def audit(
    deployment: Deployment,
    originals: Originals,
    *,
    not_archived: Mapping[str, str] | None = None,
    unlisted: bool = False,
    complete: bool = False,
    resume_window: timedelta = RESUME_WINDOW,
    secrets: Iterable[str] = (),
    since: datetime | None = None,
) -> list[Finding]:
    """Everything that is wrong in the deployment; empty when all is well.

    `originals` are the provider's truth (the fake's control: GET originals); `not_archived` names the items that must
    not be archived and the category that the ledger must give as the reason (`a or b` where either is true).
    `unlisted`: the run ended before it could list, and said so, so items without a row are no loss. `complete`: no item
    may be waiting for a later run any more. Uploads begun longer ago than `resume_window` are strays (zero: all are).
    `secrets` are searched for in everything that the stack has said since `since`.
    """
    reasons, rows, objects = not_archived or {}, deployment.rows(), deployment.objects()
    return [
        *_items(deployment, originals, rows, reasons, unlisted=unlisted, complete=complete),
        *_reasons(rows, reasons),
        *_objects(rows, objects),
        *_copies(deployment, objects),
        *_uploads(deployment, resume_window),
        *secrets_found(deployment, secrets, since),
    ]


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each kind, all kinds named."""
    found = Counter(finding.kind for finding in findings)
    return {str(kind): found[kind] for kind in Kind}


def _items(
    deployment: Deployment,
    originals: Originals,
    rows: Rows,
    reasons: Mapping[str, str],
    *,
    unlisted: bool,
    complete: bool,
) -> Iterator[Finding]:
    """Each original that ought to be archived is, byte for byte, or is listed as not archived."""
    items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
    for verdict in verify(deployment, [original for original in originals if original["media_id"] not in reasons]):
        row = items.get(verdict.media_id)
        if row is None and unlisted and not complete and not verdict.key:
            continue
        problem = _problem(verdict, row, complete=complete)
        if problem:
            yield Finding(problem[0], verdict.media_id, f"{verdict.filename} {problem[1]}")


def _problem(verdict: Verdict, row: dict[str, Any] | None, *, complete: bool) -> tuple[Kind, str] | None:
    """What is wrong with one original, if anything is."""
    if verdict.key and not verdict.agreed:
        return Kind.LOST, f"is not in the archive as it was: {verdict.reason}"
    if row is None:
        return Kind.LOST, "is neither archived nor listed"
    if row["status"] == "ARCHIVED":
        return None if verdict.agreed else (Kind.LOST, f"is called archived, but {verdict.reason}")
    if "not_archived" not in row:
        return Kind.LOST, f"is {row['status']} and not in the index of what is not archived"
    if "error_category" in row:
        told = f"is {row['status']} with {row['error_category']}, but ought to be archived"
        return Kind.WRONG_CATEGORY, told
    return (Kind.LOST, f"is still {row['status']}") if complete else None


def _reasons(rows: Rows, reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Each item that must not be archived is listed, with that reason and no other."""
    items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
    for media_id, reason in reasons.items():
        row = items.get(media_id)
        if row is None:
            yield Finding(Kind.LOST, media_id, f"is not listed; {reason} was expected")
        elif row["status"] == "ARCHIVED" or row.get("error_category") not in reason.split(" or "):
            told = f"{row['status']} with {row.get('error_category', 'no category')}"
            yield Finding(Kind.WRONG_CATEGORY, media_id, f"{told}; {reason} was expected")


def _objects(rows: Rows, objects: Mapping[str, int]) -> Iterator[Finding]:
    """Each object has its row and each ARCHIVED row its object, of that size."""
    archived = {row["key"]: row for row in rows if row["sk"].startswith("SOURCE#") and row["status"] == "ARCHIVED"}
    named = {row["key"] for row in rows if row["sk"].startswith("SOURCE#")}
    for key in sorted(set(objects) - named):
        yield Finding(Kind.ORPHAN_OBJECT, key, "no row of the ledger names it")
    for key, row in archived.items():
        if objects.get(key) != row["size"]:
            there = f"has {objects[key]} bytes" if key in objects else "is not there"
            yield Finding(Kind.ROW_WITHOUT_OBJECT, key, f"the ledger says {row['size']} bytes; the object {there}")


def _copies(deployment: Deployment, objects: Mapping[str, int]) -> Iterator[Finding]:
    """Each version of a source is one object, written once."""
    versions: Counter[str] = Counter()
    for page in deployment.s3.get_paginator("list_object_versions").paginate(Bucket=deployment.archive_bucket):
        versions.update(entry["Key"] for entry in page.get("Versions", []))
    for key, count in versions.items():
        if count > 1:
            yield Finding(Kind.DUPLICATED, key, f"was written {count} times")
    seen: dict[tuple[str | None, ...], str] = {}
    for key in objects:
        stored = deployment.s3.head_object(Bucket=deployment.archive_bucket, Key=key)["Metadata"]
        version = tuple(stored.get(name) for name in ("media-id", "file-number", "source-size", "source-etag"))
        if version in seen:
            yield Finding(Kind.DUPLICATED, key, f"holds the same version of the same source as {seen[version]}")
        seen[version] = key


def _uploads(deployment: Deployment, resume_window: timedelta) -> Iterator[Finding]:
    latest = datetime.now(UTC) - resume_window
    for page in deployment.s3.get_paginator("list_multipart_uploads").paginate(Bucket=deployment.archive_bucket):
        for upload in page.get("Uploads", []):
            if not resume_window or upload["Initiated"] < latest:
                yield Finding(Kind.STRAY_UPLOAD, upload["Key"], f"begun {upload['Initiated']:%Y-%m-%dT%H:%M:%SZ}")


def secrets_found(
    deployment: Deployment, secrets: Iterable[str], since: datetime | None = None, more: Mapping[str, str] | None = None
) -> list[Finding]:
    """Where one of these secrets is to be read in what the stack has said, or in `more` texts (by where they are); the
    finding does not repeat it."""
    wanted = list(secrets)
    if not wanted:
        return []
    return [
        Finding(Kind.SECRET_FOUND, where, f"a secret that begins with {secret[:4]!r}")
        for where, text in (*everything_said(deployment, since), *(more or {}).items())
        for secret in wanted
        if secret in text
    ]
