"""A bucket of Deep Archive in memory: its client answers RestoreObject and ListObjectVersions as S3 does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

type Place = tuple[str, str]


@dataclass
class Frozen:
    """One version. `thaws_by` is the tier by which S3 thaws it, empty: it does not."""

    storage_class: str = "DEEP_ARCHIVE"
    thaws_by: str = ""
    until: datetime | None = None
    is_latest: bool = True

    def thaw(self, days: float = 7.0) -> None:
        self.thaws_by, self.until = "", datetime.now(UTC) + timedelta(days=days)


def refusal(code: str, operation: str = "RestoreObject", status: int = 403) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass
class FrozenBucket:
    """`asked` has a line for each RestoreObject, `pages` the parameters of each listing; `refused` is a code of S3's by
    a key, or by "" for every listing."""

    objects: dict[Place, Frozen] = field(default_factory=dict)
    page_size: int = 1_000
    refused: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str, int]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restore_object(self, *, Bucket: str, Key: str, RestoreRequest: Any, VersionId: str = "") -> Any:
        assert Bucket == "archive"
        tier, days = RestoreRequest["GlacierJobParameters"]["Tier"], RestoreRequest["Days"]
        with self.lock:
            self.asked.append((Key, VersionId, tier, days))
        if Key in self.refused:
            raise refusal(self.refused[Key])
        found = self.objects.get((Key, VersionId))
        if found is None:
            raise refusal("NoSuchVersion", status=404)
        if found.storage_class not in ("DEEP_ARCHIVE", "GLACIER"):
            raise refusal("InvalidObjectState")
        if found.thaws_by and (found.thaws_by, tier) != ("Bulk", "Standard"):
            raise refusal("RestoreAlreadyInProgress", status=409)
        if found.until:
            found.thaw(days)
        else:
            found.thaws_by = tier
        return {}

    def list_object_versions(self, **given: Any) -> Any:
        assert (given["Bucket"], given["OptionalObjectAttributes"]) == ("archive", ["RestoreStatus"])
        self.pages.append(given)
        if "" in self.refused:
            raise refusal(self.refused[""], "ListObjectVersions")
        rows = list(self._after(given["Prefix"], given["KeyMarker"], given.get("VersionIdMarker", "")))
        page = rows[: self.page_size]
        answer = {"Prefix": given["Prefix"], "IsTruncated": len(rows) > len(page), "Versions": page}
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": page[-1]["Key"], "NextVersionIdMarker": page[-1]["VersionId"]}
        return answer

    def _after(self, prefix: str, key: str, version: str) -> Iterator[dict[str, Any]]:
        """A key marker alone leaves out every version of its key, as on AWS."""
        for name, number in sorted(self.objects):
            if name.startswith(prefix) and (name > key or (version and name == key and number > version)):
                yield _row(name, number, self.objects[name, number])


def _row(key: str, version: str, found: Frozen) -> dict[str, Any]:
    row = {"Key": key, "VersionId": version, "Size": 10, "IsLatest": found.is_latest}
    row["StorageClass"] = found.storage_class
    if found.thaws_by:
        row["RestoreStatus"] = {"IsRestoreInProgress": True}
    elif found.until:
        row["RestoreStatus"] = {"IsRestoreInProgress": False, "RestoreExpiryDate": found.until}
    return row
