"""The independent audit: compares archive, ledger and provider after any fault.

For each original exactly one must be true: it is archived byte for byte, or it is listed as not archived with the right
category. The audit uses none of the code that made the archive, and it repairs nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from local.deployment import Deployment
from local.traces import all_output
from local.verify import Verdict, verify

RESUME_WINDOW = timedelta(days=7)  # then the archive's lifecycle rule aborts an upload (cloud_sync/config.py)

type Rows = list[dict[str, Any]]
type Originals = list[dict[str, Any]]


class Kind(StrEnum):
    """The kinds of findings."""

    LOST = "lost"  # neither archived completely nor listed as not archived
    DUPLICATED = "duplicated"  # one version of one source in two objects, or an object that was overwritten
    WRONG_CATEGORY = "wrong_category"  # not archived, and listed with a wrong reason
    ORPHAN_OBJECT = "orphan_object"  # an object that no row names
    INCOMPLETE_ITEM = "incomplete_item"  # an item is ARCHIVED, and its sources do not make it up
    ODD_ROW = "odd_row"  # a row that is not as the functions write it
    ROW_WITHOUT_OBJECT = "row_without_object"  # a row says ARCHIVED and the archive has no such object
    STRAY_UPLOAD = "stray_upload"  # a multipart upload older than the resume window
    SECRET_FOUND = "secret_found"


# Partition keys that begin so belong to the provider, to its runs, and to what is in the archive.
NOT_OF_ITEMS = ("PROVIDER#", "RUN#", "READ#", "CONTENT#")
# The metadata that tells one version of one source from every other. Where the source has no ETag, its listing tells.
VERSION = ("provider", "media-id", "file-number", "source-size", "source-etag", "source-modified")
LISTED = "source-listed"
STATUSES = {"PENDING", "IN_PROGRESS", "ARCHIVED", "FAILED", "UNAVAILABLE"}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_status(value: object) -> bool:
    return isinstance(value, str) and value in STATUSES


def _is_size(value: object) -> bool:
    return isinstance(value, int | Decimal) and value >= 0 and value == int(value)


# What a row must have, for a source (False) and for an item (True).
MUST_BE: dict[bool, dict[str, Callable[[object], bool]]] = {
    False: {
        "sk": lambda value: str(value).startswith("SOURCE#"),
        "media_id": _is_text,
        "status": _is_status,
        "key": _is_text,
        "size": _is_size,
    },
    True: {"media_id": _is_text, "status": _is_status},
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `what` is the media id, the key or the place concerned."""

    kind: Kind
    what: str
    detail: str = ""


def audit(
    deployment: Deployment,
    originals: Originals,
    *,
    provider: str = "gopro",
    not_archived: Mapping[str, str] | None = None,
    unlisted: bool = False,
    complete: bool = False,
    resume_window: timedelta = RESUME_WINDOW,
    earlier: Collection[str] = (),
    secrets: Iterable[str] = (),
    since: datetime | None = None,
) -> list[Finding]:
    """Returns everything that is wrong in the deployment; an empty list when all is well.

    `originals` is the list of files at `provider` (the fake's control API: GET originals); what the archive has of
    others is compared with their rows alone. `not_archived` maps the items that must not be archived to the category
    that the ledger must give as the reason (`a or b` where either is right). `unlisted`: the run ended with an error
    before it could list, so items without a row are no loss. `complete`: no item may still wait for a later run.
    Uploads started longer ago than `resume_window` are strays (zero: all are). `earlier` are the keys of versions that
    were replaced at the provider since they were archived: they stay, and no row names them any more. `secrets` are
    searched for in everything that the stack has written since `since`.
    """
    reasons, everything, objects = not_archived or {}, deployment.rows(), deployment.objects()
    rows, odd = _readable(everything)
    own = [row for row in rows if row["pk"].startswith(f"{provider}#")]
    judged = [original for original in originals if original["media_id"] not in reasons]
    verdicts = verify(deployment, judged, provider=provider)
    return [
        *odd,
        *_whole(rows),
        *_items(verdicts, own, unlisted=unlisted, complete=complete),
        *_reasons(own, reasons),
        *_objects(rows, objects, earlier),
        *_copies(deployment, objects, {row["key"] for row in rows if row.get("copy_of")}),
        *_pointers(deployment, rows, objects),
        *_uploads(deployment, resume_window),
        *secrets_found(deployment, secrets, since),
    ]


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of findings of each kind, zeros included."""
    found = Counter(finding.kind for finding in findings)
    return {str(kind): found[kind] for kind in Kind}


def _readable(rows: Rows) -> tuple[Rows, list[Finding]]:
    """The rows of items and sources that have what each of them must have, and a finding for each other one."""
    fine, odd = [], []
    for row in rows:
        if row["pk"].startswith(NOT_OF_ITEMS):
            continue
        if wrong := [name for name, is_right in MUST_BE[row["sk"] == "ITEM"].items() if not is_right(row.get(name))]:
            odd.append(Finding(Kind.ODD_ROW, f"{row['pk']} {row['sk']}", f"wrong or missing: {', '.join(wrong)}"))
        else:
            fine.append(row)
    return fine, odd


def _whole(rows: Rows) -> Iterator[Finding]:
    """Checks that each ARCHIVED item has sources, that they are all archived, and that they make up its size."""
    sources: dict[str, Rows] = {}
    for row in rows:
        if row["sk"] != "ITEM":
            sources.setdefault(row["pk"], []).append(row)
    for item in rows:
        of_item = sources.get(item["pk"], [])
        if item["sk"] != "ITEM" or item["status"] != "ARCHIVED":
            continue
        left = [row["sk"] for row in of_item if row["status"] != "ARCHIVED"]
        total = sum(row["size"] for row in of_item)
        if not of_item or left or total != item.get("bytes_total"):
            detail = f"{len(of_item)} sources, not archived: {left}; {total} of {item.get('bytes_total')} bytes"
            yield Finding(Kind.INCOMPLETE_ITEM, item["media_id"], detail)


def _items(verdicts: Iterable[Verdict], rows: Rows, *, unlisted: bool, complete: bool) -> Iterator[Finding]:
    """Checks that each original is archived byte for byte, or listed as not archived."""
    items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
    for verdict in verdicts:
        row = items.get(verdict.media_id)
        if row is None and unlisted and not complete and not verdict.key:
            continue
        problem = _problem(verdict, row, complete=complete)
        if problem:
            yield Finding(problem[0], verdict.media_id, f"{verdict.filename} {problem[1]}")


def _problem(verdict: Verdict, row: dict[str, Any] | None, *, complete: bool) -> tuple[Kind, str] | None:
    """What is wrong with one original, if anything is."""
    if verdict.key and not verdict.agreed:
        return Kind.LOST, f"differs from its copy in the archive: {verdict.reason}"
    if row is None:
        return Kind.LOST, "is neither archived nor listed"
    if row["status"] == "ARCHIVED":
        return None if verdict.agreed else (Kind.LOST, f"is ARCHIVED in the ledger, but {verdict.reason}")
    if "not_archived" not in row:
        return Kind.LOST, f"is {row['status']}, but not in the ledger's index of items that are not archived"
    if "error_category" in row:
        return Kind.WRONG_CATEGORY, f"is {row['status']} with {row['error_category']}, but should be archived"
    return (Kind.LOST, f"is still {row['status']}") if complete else None


def _reasons(rows: Rows, reasons: Mapping[str, str]) -> Iterator[Finding]:
    """Checks that each item that must not be archived is listed with the expected reason."""
    items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
    for media_id, reason in reasons.items():
        row = items.get(media_id)
        if row is None:
            yield Finding(Kind.LOST, media_id, f"is not listed; {reason} was expected")
        elif row["status"] == "ARCHIVED" or row.get("error_category") not in reason.split(" or "):
            actual = f"{row['status']} with {row.get('error_category', 'no category')}"
            yield Finding(Kind.WRONG_CATEGORY, media_id, f"{actual}; {reason} was expected")


def _objects(rows: Rows, objects: Mapping[str, int], earlier: Collection[str]) -> Iterator[Finding]:
    """Checks that each object has a row or is an earlier version, and each ARCHIVED row an object of its size."""
    sources = [row for row in rows if row["sk"].startswith("SOURCE#")]
    archived = [(_bytes_of(row), row) for row in sources if row["status"] == "ARCHIVED"]
    named = {key for row in sources for key in (row["key"], _bytes_of(row))}
    for key in sorted(set(objects) - named - set(earlier)):
        yield Finding(Kind.ORPHAN_OBJECT, key, "has no row in the ledger")
    for key in sorted(set(earlier) - set(objects)):
        yield Finding(Kind.LOST, key, "was the object of an earlier version, and is gone")
    for key, row in archived:
        if objects.get(key) != row["size"]:
            there = f"has {objects[key]} bytes" if key in objects else "does not exist"
            yield Finding(Kind.ROW_WITHOUT_OBJECT, key, f"the ledger says {row['size']} bytes; the object {there}")


def _bytes_of(row: Mapping[str, Any]) -> str:
    """The key of the object with the bytes of a source: another one's, of a copy."""
    return str(row.get("copy_of") or row["key"])


def _pointers(deployment: Deployment, rows: Rows, objects: Mapping[str, int]) -> Iterator[Finding]:
    """Checks that each copy has an object of its own, which says the same as its row: without the ledger, nothing else
    does."""
    for row in rows:
        if not row.get("copy_of"):
            continue
        said: dict[str, Any] = {}
        if row["key"] in objects:
            said = json.load(deployment.s3.get_object(Bucket=deployment.archive_bucket, Key=row["key"])["Body"])
        if said != {"copy_of": row["copy_of"], "size": int(row["size"]), "crc64nvme": row.get("checksum")}:
            yield Finding(Kind.ROW_WITHOUT_OBJECT, row["key"], f"is to point to {row['copy_of']}, and says {said}")


def _copies(deployment: Deployment, objects: Mapping[str, int], pointers: Collection[str]) -> Iterator[Finding]:
    """Checks that each version of a source is one object, written once; `pointers` have no bytes of a source."""
    versions: Counter[str] = Counter()
    for page in deployment.s3.get_paginator("list_object_versions").paginate(Bucket=deployment.archive_bucket):
        versions.update(entry["Key"] for entry in page.get("Versions", []))
    for key, count in versions.items():
        if count > 1:
            yield Finding(Kind.DUPLICATED, key, f"was written {count} times")
    seen: dict[tuple[str | None, ...], str] = {}
    for key in sorted(set(objects) - set(pointers)):
        stored = deployment.s3.head_object(Bucket=deployment.archive_bucket, Key=key)["Metadata"]
        version = tuple(stored.get(name) for name in (*VERSION, *([] if stored.get("source-etag") else [LISTED])))
        if version in seen:
            yield Finding(Kind.DUPLICATED, key, f"is the same version of the same source as {seen[version]}")
        seen[version] = key


def _uploads(deployment: Deployment, resume_window: timedelta) -> Iterator[Finding]:
    latest = datetime.now(UTC) - resume_window
    for page in deployment.s3.get_paginator("list_multipart_uploads").paginate(Bucket=deployment.archive_bucket):
        for upload in page.get("Uploads", []):
            if not resume_window or upload["Initiated"] < latest:
                yield Finding(Kind.STRAY_UPLOAD, upload["Key"], f"started at {upload['Initiated']:%Y-%m-%dT%H:%M:%SZ}")


def secrets_found(
    deployment: Deployment, secrets: Iterable[str], since: datetime | None = None, more: Mapping[str, str] | None = None
) -> list[Finding]:
    """Finds the places where one of these secrets is readable: in everything that the stack has written, and in the
    texts of `more` (place to text). A finding does not repeat the secret."""
    wanted = list(secrets)
    if not wanted:
        return []
    return [
        Finding(Kind.SECRET_FOUND, where, f"a secret that begins with {secret[:4]!r}")
        for where, text in (*all_output(deployment, since), *(more or {}).items())
        for secret in wanted
        if secret in text
    ]
