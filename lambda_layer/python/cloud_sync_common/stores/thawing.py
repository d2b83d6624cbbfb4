"""Thawing objects of the archive: asking S3 for it, and seeing how far it is without any right to read an object.

A listing of versions says of each its storage class and how far it is thawed (API reference, ListObjectVersions,
OptionalObjectAttributes). One page covers up to 1,000 of the objects that are looked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.stores.restore_jobs import FileState, Tier

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

type Place = tuple[str, str]
"""The key and the version of an object. Without a version it is the current one."""

_FROZEN = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_THAWS = frozenset({"RestoreAlreadyInProgress", "409"})
_MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"})  # the last one for a delete marker
_HOT = frozenset({"InvalidObjectState", "ObjectAlreadyInActiveTierError"})
_DENIED = frozenset({"AccessDenied", "403"})
_KEY = re.compile(r"KMS\.?\w*(Disabled|NotFound|InvalidState|InvalidKeyUsage|AccessDenied)\w*", re.IGNORECASE)

GONE = "S3 no longer has this version of it: `cloudsync verify` compares everything."
NOT_ALLOWED = (
    "The function's role may not have it thawed (s3:RestoreObject): deploy the stack again, and check what denies it "
    "(a bucket policy, a permissions boundary)."
)
NO_KEY = (
    "Its KMS key refuses: in the KMS console, check that the key exists and is enabled, and that its key policy admits "
    "the role of archive-thawer."
)


@dataclass(frozen=True)
class Outcome:
    """What became of a file: its new state, until when a thawed copy is there (ISO 8601), and what is wrong."""

    state: FileState
    ready_until: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Seen:
    """An object as a listing shows it. `thawed_until` is None where there is no thawed copy."""

    size: int
    storage_class: str
    is_thawing: bool = False
    thawed_until: datetime | None = None

    @property
    def is_hot(self) -> bool:
        """Whether it can be read at any time."""
        return self.storage_class not in _FROZEN

    @property
    def is_thawed(self) -> bool:
        return self.thawed_until is not None and self.thawed_until > datetime.now(UTC)

    def lasts(self, days: float) -> bool:
        """Whether its thawed copy is there for so many days from now."""
        return self.thawed_until is not None and self.thawed_until >= datetime.now(UTC) + timedelta(days=days)

    @property
    def ready(self) -> Outcome:
        """As it is when it can be read."""
        if self.is_hot or self.thawed_until is None:
            return Outcome(FileState.READY)
        return Outcome(FileState.READY, self.thawed_until.astimezone(UTC).isoformat(timespec="seconds"))


class Thawing:
    """The archive's bucket. Every method raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3, self.bucket = client, bucket

    def ask(self, place: Place, tier: Tier, days: int) -> Outcome:
        """Asks S3 to thaw an object, to keep a thawed one for so many days from now, or to thaw one faster. REQUESTED
        where it does, or is at it already."""
        key, version_id = place
        version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        wanted: Any = {"Days": days, "GlacierJobParameters": {"Tier": tier.value}}
        doing = "having an object thawed"
        try:
            with aws_errors(doing):
                try:
                    self._s3.restore_object(Bucket=self.bucket, Key=key, RestoreRequest=wanted, **version)
                except AwsError as error:
                    if known := _outcome_of(error_code(error)):
                        return known
                    raise
        except AwsError as error:
            raise ConfigurationError(f"S3 refused {doing} ({error_code(error)}).") from None
        return Outcome(FileState.REQUESTED)

    def look(
        self, places: Iterable[Place], *, goes_on: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[Place, Seen | None]]:
        """How each object is now, None for one that is gone, in the order of their keys; ends early when `goes_on` is
        false before a page."""
        waiting = deque(sorted(set(places)))
        after: dict[str, str] = {}
        found: dict[Place, Seen] = {}
        while waiting and goes_on():
            key = waiting[0][0]
            page = self._page(key, after)
            # The versions of one key may be on two pages.
            found = {place: seen for place, seen in found.items() if place[0] == key} | _seen_on(page)
            after = _end_of(page)
            while waiting and (waiting[0] in found or _is_before_end(waiting[0][0], page, after)):
                place = waiting.popleft()
                yield place, found.get(place)
            if waiting and after and waiting[0][0][:-1] > after["KeyMarker"]:
                after = {}

    def _page(self, key: str, after: dict[str, str]) -> Any:
        """The versions after the end of a page, or else from just before a key; only of keys in the same folder."""
        folder, slash, _ = key.partition("/")
        place: dict[str, Any] = after or {"KeyMarker": key[:-1]}
        doing = "seeing how far objects are thawed"
        try:
            with aws_errors(doing):
                page = self._s3.list_object_versions(
                    Bucket=self.bucket,
                    Prefix=folder + slash if slash else "",
                    OptionalObjectAttributes=["RestoreStatus"],
                    **place,
                )
        except AwsError as error:
            raise ConfigurationError(f"S3 refused {doing} ({error_code(error)}).") from None
        if "IsTruncated" not in page:  # an answer without a body; to take it for a list would call everything gone
            raise ArchiveUnavailableError("S3 sent an empty answer where it lists versions. It is asked again.")
        return page


def _outcome_of(code: str) -> Outcome | None:
    """What a refusal says of one object; None where it says something of the request."""
    if code in _THAWS:
        return Outcome(FileState.REQUESTED)
    if code in _HOT:
        return Outcome(FileState.READY)
    if code in _MISSING:
        return Outcome(FileState.FAILED, problem=GONE)
    if code in _DENIED:
        return Outcome(FileState.FAILED, problem=NOT_ALLOWED)
    return Outcome(FileState.FAILED, problem=NO_KEY) if _KEY.fullmatch(code) else None


def _seen_on(page: Any) -> dict[Place, Seen]:
    found: dict[Place, Seen] = {}
    for version in page.get("Versions", []):
        status = version.get("RestoreStatus", {})
        seen = Seen(
            size=version["Size"],
            storage_class=version.get("StorageClass", "STANDARD"),
            is_thawing=status.get("IsRestoreInProgress", False),
            thawed_until=status.get("RestoreExpiryDate"),
        )
        found[version["Key"], version["VersionId"]] = seen
        if version.get("IsLatest"):
            found[version["Key"], ""] = seen
    return found


def _end_of(page: Any) -> dict[str, str]:
    """Where the next page begins; empty after the last one."""
    if not page.get("IsTruncated"):
        return {}
    return {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def _is_before_end(key: str, page: Any, end: dict[str, str]) -> bool:
    """Whether every version of a key would be on this page or an earlier one."""
    return key.startswith(page.get("Prefix", "")) and (not end or key < end["KeyMarker"])
