"""Test doubles in memory for the steps' tests, as thread-safe and as strict as the real classes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Capabilities, Credentials, Filters, MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.stores.runs import RunRow

PLENTY = Deadline(lambda: 600.0, 0.0)
METRICS = EnvironmentMetrics("dev", detailed=True)


def session_of(account: Account, store: Store, lease: Lease, deadline: Deadline = PLENTY) -> AuthorisedSession:
    """A session made of doubles."""
    return AuthorisedSession(cast(Any, account), cast(Any, store), cast(Any, lease), deadline, lambda _: None)


@dataclass
class Store:
    """Credentials with versions, as in Secrets Manager: replacing a version that is not current has no effect."""

    current: Credentials
    events: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    broken: Exception | None = None
    loads: int = 0

    def load(self) -> Credentials:
        with self.lock:
            self.loads += 1
            return self.current

    def recover(self) -> None:
        self.events.append("recover")

    def replace(self, old: Credentials, new: Credentials) -> Credentials:
        if self.broken:
            raise self.broken
        with self.lock:
            self.events.append("stored")
            if self.current.version == old.version:
                self.current = replace(new, version=f"{old.version}+")
            return self.current


@dataclass
class Lease:
    """The lease of renewals, for one holder at a time. `ask` lets a test act at each request for it."""

    refused: str = ""
    ask: Callable[[int], bool | None] = lambda _: None
    asked: int = 0
    released: int = 0
    renewals: int = 0
    seen: tuple[str, float | None, bool] | None = None
    seen_stored_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refused_version(self) -> str:
        return self.refused

    def note_seen(
        self, version: str, ends_at: float | None, *, renewable: bool, stored_at: float | None = None
    ) -> None:
        self.seen, self.seen_stored_at = (version, ends_at, renewable), stored_at

    def count_renewal(self) -> int:
        self.renewals += 1
        return self.renewals

    noting_refusal = CredentialsLease.noting_refusal

    def note_refused(self, version: str) -> None:
        self.refused = version

    def note_accepted(self, version: str) -> None:
        self.refused = "" if self.refused == version else self.refused

    def acquire(self, seconds: float) -> bool:
        self.asked += 1
        answer = self.ask(self.asked)
        return self.lock.acquire(blocking=False) if answer is None else answer

    def release(self) -> None:
        self.released += 1
        if self.lock.locked():
            self.lock.release()


@dataclass
class Account:
    """A provider whose refresh token works once. `pages` returns the listing page of a number."""

    name: str = "gopro"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(counts_exactly=True))
    refresh_token: str = "refresh-0"
    refreshes: int = 0
    validations: int = 0
    pages: Callable[[int], MediaPage] = lambda _: MediaPage(items=())
    listed: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    trouble: list[Exception] = field(default_factory=list)
    seen: list[Filters] = field(default_factory=list)
    media_origins: tuple[str, ...] = ()
    picture_origins: tuple[str, ...] = ()
    unlisted: dict[str, MediaItem] = field(default_factory=dict)  # what it has, whether it lists it or not
    asked_for: list[str] = field(default_factory=list)

    def find(self, token: str, media_id: str) -> MediaItem | None:
        with self.lock:
            self.asked_for.append(media_id)
            if self.trouble:
                raise self.trouble.pop(0)
            return self.unlisted.get(media_id)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        return None

    def refresh(self, credentials: Credentials) -> Credentials:
        with self.lock:
            self.refreshes += 1
            if self.trouble:
                raise self.trouble.pop(0)
            assert credentials.refresh_token == self.refresh_token, "a refresh token was used twice"
            self.refresh_token = f"refresh-{self.refreshes}"
            return replace(
                credentials,
                access_token=f"access-{self.refreshes}",
                refresh_token=self.refresh_token,
                expires_at=4e9,
            )

    def validate(self, credentials: Credentials) -> Credentials:
        with self.lock:
            self.validations += 1
            if self.trouble:
                raise self.trouble.pop(0)
            return credentials

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        self.listed.append(cursor)
        self.seen.append(filters)
        if self.trouble:
            raise self.trouble.pop(0)
        return self.pages(int(cursor or 1))


@dataclass
class Rows:
    """The ledger's rows of items."""

    rows: dict[str, ItemRow] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)

    def states(self, media_ids: Iterable[str]) -> dict[str, ItemRow]:
        wanted = list(media_ids)
        self.reads.append(len(wanted))
        return {media_id: self.rows[media_id] for media_id in wanted if media_id in self.rows}

    def add_pending(self, items: Iterable[MediaItem], run_id: str) -> None:
        for item in items:
            self.rows.setdefault(item.media_id, ItemRow(status=Status.PENDING, run_id=run_id))


@dataclass
class RunsUnderWay:
    """The active run."""

    current: RunRow = field(default_factory=RunRow)
    read: int = 0

    def note_read(self, run_id: str, count: int) -> int:
        self.read += count
        return self.read

    def begin(self, run_id: str, execution_arn: str, *, instead_of: str = "") -> RunRow:
        if self.current.run_id in ("", run_id, instead_of):
            self.current = RunRow(run_id=run_id, execution_arn=execution_arn)
        return self.current


@dataclass
class Lines:
    """A manifest in memory, one byte per line; lines written in a block that ends with an exception are dropped."""

    key: str = "runs/run-1/work.jsonl"
    stored: list[MediaItem] = field(default_factory=list)
    _open: list[MediaItem] = field(default_factory=list)

    @contextmanager
    def extended(self, kept: int) -> Iterator[Lines]:
        self._open = self.stored[:kept]
        yield self
        self.stored = self._open

    def unwritten(self, items: Iterable[MediaItem]) -> list[MediaItem]:
        written = {(item.media_id, item.revision) for item in self._open}
        each = {(item.media_id, item.revision): item for item in items}
        return [item for version, item in each.items() if version not in written]

    def add(self, items: list[MediaItem]) -> int:
        self._open += items
        return bool(items)

    @property
    def size(self) -> int:
        return len(self._open)

    @property
    def ids(self) -> list[str]:
        return [item.media_id for item in self.stored]
