"""The runs in the ledger: which one is under way, how each one ended, and why one had to stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.logging_utils import logger
from cloud_sync_common.stores.conditional_table import ConditionalTable
from cloud_sync_common.stores.provider_rows import COUNTED, CREDENTIALS, CredentialsState
from cloud_sync_common.stores.row_values import Key, Row, now, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LEAST_COUNTED = 5_000_000  # bytes as which a video counts toward max_run_gb: its requests cost as much as these


class RunStatus(StrEnum):
    """How a run ended. ABORTED: its execution ended without the run-report that ends a run."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `stop_error` and `stop_message` say why it had to stop, if it had to; `reported` are the steps of its
    report that are done."""

    run_id: str = ""
    provider: str = ""
    execution_arn: str = ""
    started_at: str = ""
    ended_at: str = ""
    stop_error: str = ""
    stop_message: str = ""
    reported: frozenset[str] = frozenset()


class LastSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """The last run that succeeded: when it ended (empty if none has yet), and how many items were known and not
    archived then."""

    run_id: str = ""
    ended_at: str = ""
    backlog: int = 0


class Runs:
    """One provider's runs. At most one is under way at a time."""

    def __init__(self, table: Table, provider: str) -> None:
        self._rows, self._provider = ConditionalTable(table), provider
        self._under_way = {"pk": f"PROVIDER#{provider}", "sk": "RUN_UNDER_WAY"}
        self._last_success = {"pk": f"PROVIDER#{provider}", "sk": "LAST_SUCCESS"}

    def begin(self, run_id: str, execution_arn: str, *, instead_of: str = "") -> RunRow:
        """Makes this the run under way and returns it, or returns the other run that is.

        `instead_of` names a run whose execution is over although the run did not end (it was aborted). It ends now, so
        that its leases are free, and the months lack what it has archived.
        """
        if instead_of:
            self._note_end(instead_of, RunStatus.ABORTED, {})
            self._rows.update(
                {"pk": self._under_way["pk"], "sk": COUNTED},
                {"missed": instead_of},
                condition="attribute_not_exists(#missed) OR #missed <> :missed",
            )
        claim, granted = self._rows.update(
            self._under_way,
            {"current": run_id, "execution_arn": execution_arn},
            condition="attribute_not_exists(#current) OR #current IN (:current, :instead_of)",
            extra={":instead_of": instead_of or run_id},
        )
        if not granted:
            return RunRow(run_id=str(claim.get("current", "")), execution_arn=str(claim.get("execution_arn", "")))
        self._rows.update(
            _run_key(run_id),
            {
                "provider": self._provider,
                "run_id": run_id,
                "execution_arn": execution_arn,
                "started_at": now(),
            },
            condition="attribute_not_exists(#started_at)",
        )
        return RunRow(run_id=run_id, execution_arn=execution_arn)

    def end(self, run_id: str, status: RunStatus, totals: Mapping[str, int]) -> None:
        """Ends this run with these totals, so that another may begin. If it has ended already, its row stays as it
        is."""
        self._note_end(run_id, status, totals)
        self._rows.update(
            self._under_way,
            {},
            remove=("current", "execution_arn"),
            condition="#current = :run_id",
            extra={":run_id": run_id},
        )

    def note_success(self, run_id: str, backlog: int) -> None:
        """Notes that this run succeeded, and how many items are known and not archived."""
        self._rows.update(
            self._last_success,
            {"run_id": run_id, "ended_at": now(), "backlog": backlog},
            condition="attribute_not_exists(#run_id) OR #run_id <> :run_id",
        )

    def last_success(self) -> LastSuccess:
        """The run that succeeded last."""
        return _readable(self._rows.get(self._last_success), LastSuccess)

    def ended_session(self) -> CredentialsState | None:
        """What is known of a session that the provider refuses now, and since when it does: that is noted the first
        time. None for credentials that renew themselves, and where nothing is known."""
        key = {"pk": self._under_way["pk"], "sk": CREDENTIALS}
        state = _readable(self._rows.get(key), CredentialsState)
        if state.renewable or state.stored_at is None:
            return None
        if state.ended_version == state.seen_version and not self._has_succeeded_since(state.ended_at or 0):
            return state
        ended_at = int(time.time())
        self._rows.update(
            key,
            {"ended_version": state.seen_version, "ended_at": ended_at},
            condition="#seen_version = :ended_version",
        )
        return msgspec.structs.replace(state, ended_version=state.seen_version, ended_at=ended_at)

    def _has_succeeded_since(self, moment: int) -> bool:
        ended_at = self.last_success().ended_at
        return bool(ended_at) and datetime.fromisoformat(ended_at).timestamp() > moment

    def _note_end(self, run_id: str, status: RunStatus, totals: Mapping[str, int]) -> None:
        self._rows.update(
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "ended_at": now(), "status": status, **totals},
            condition="attribute_not_exists(#ended_at)",
        )

    def stop(self, run_id: str, error: str, message: str) -> None:
        """Notes why the whole run has to stop. The first reason stays."""
        self._rows.update(
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "stop_error": error, "stop_message": message},
            condition="attribute_not_exists(#stop_error)",
        )

    def note_reported(self, run_id: str, step: str) -> None:
        """Notes that a step of this run's report is done, for an invocation that repeats the report."""
        self._rows.update(
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id},
            add={"reported": {step}},
            condition="attribute_not_exists(#reported) OR NOT contains(#reported, :step)",
            extra={":step": step},
        )

    def get(self, run_id: str) -> RunRow | None:
        """The row of a run; None if there is none."""
        row = self._rows.get(_run_key(run_id))
        return _readable(row, RunRow) if row else None

    def note_read(self, run_id: str, count: int, videos: int = 0) -> int:
        """Adds to the bytes that this run has read from the provider and to the videos that it has tried, and returns
        the bytes. They have a row of their own, which no index has, because children that run at the same time write
        it. A repeated write counts twice: the safe side."""
        row, _ = self._rows.update(
            _read_key(run_id),
            {},
            add={"bytes_read": count, "videos": videos},
            condition="attribute_not_exists(#bytes_read) OR #bytes_read >= :nothing",
            extra={":nothing": 0},
        )
        return int(row.get("bytes_read", 0))

    def bytes_read(self, run_id: str) -> int:
        """What this run has read from the provider so far, in bytes, but for the invocations that are under way."""
        return int(self._rows.get(_read_key(run_id)).get("bytes_read", 0))

    def bytes_counted(self, run_id: str) -> int:
        """The same for the ceiling of a run: a video counts as LEAST_COUNTED bytes at least, on the average."""
        row = self._rows.get(_read_key(run_id))
        return max(int(row.get("bytes_read", 0)), int(row.get("videos", 0)) * LEAST_COUNTED)

    def is_under_way(self) -> bool:
        """Whether a run of this provider has begun and not ended."""
        return "current" in self._rows.get(self._under_way)

    def has_ended(self, run_id: str) -> bool:
        run = self.get(run_id)
        return run is not None and bool(run.ended_at)


def _readable[Struct: msgspec.Struct](row: Row, kind: type[Struct]) -> Struct:
    """A row as a struct; an empty one instead of a row that nobody here writes, which must not fail each report."""
    try:
        return typed(row, kind)
    except msgspec.ValidationError:
        logger.warning("a row about runs is not as Cloud Sync writes it", extra={"pk": row["pk"], "sk": row["sk"]})
        return kind()


def _run_key(run_id: str) -> Key:
    return {"pk": f"RUN#{run_id}", "sk": "RUN"}


def _read_key(run_id: str) -> Key:
    return {"pk": f"READ#{run_id}", "sk": "BYTES_READ"}
