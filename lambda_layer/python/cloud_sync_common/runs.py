"""Runs in the ledger: which one is under way, why one stopped, and who renews the credentials just now."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common import rows
from cloud_sync_common.aws_clients import aws_errors
from cloud_sync_common.exceptions import CredentialsExpiredError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `stop_error` and `stop_message` say why it had to stop, when it had to."""

    run_id: str = ""
    provider: str = ""
    execution_arn: str = ""
    started_at: str = ""
    ended_at: str = ""
    stop_error: str = ""
    stop_message: str = ""


class LastSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """The last run that succeeded: when it ended (empty when none has yet), and how many items were then known and not
    archived."""

    run_id: str = ""
    ended_at: str = ""
    backlog: int = 0


class Runs:
    """One provider's runs. At most one is under way at a time."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._provider = table, provider

    def begin(self, run_id: str, execution_arn: str, *, instead_of: str = "") -> RunRow:
        """Makes this the run under way and returns it; or returns the other one that is.

        `instead_of` names a run that is known to be over although nobody ended it (its execution was aborted); it is
        noted as ended, so that the leases it left are free.
        """
        if instead_of:
            self._note_end(instead_of, {"status": "ABORTED"})
        claim, granted = rows.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"},
            {"current": run_id, "execution_arn": execution_arn},
            condition="attribute_not_exists(#current) OR #current IN (:current, :instead_of)",
            extra={":instead_of": instead_of or run_id},
        )
        if not granted:
            return RunRow(run_id=str(claim.get("current", "")), execution_arn=str(claim.get("execution_arn", "")))
        rows.write(
            self._table,
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "execution_arn": execution_arn, "started_at": rows.now()},
            condition="attribute_not_exists(#started_at)",
        )
        return RunRow(run_id=run_id, execution_arn=execution_arn)

    def end(self, run_id: str, summary: dict[str, Any]) -> None:
        """This run is over, with these totals, and another may begin."""
        self._note_end(run_id, summary)
        rows.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"},
            {},
            remove=("current", "execution_arn"),
            condition="#current = :run_id",
            extra={":run_id": run_id},
        )

    def note_success(self, run_id: str, backlog: int) -> None:
        """This run succeeded, and left so many items that are known and not archived."""
        rows.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "LAST_SUCCESS"},
            {"run_id": run_id, "ended_at": rows.now(), "backlog": backlog},
            condition="attribute_not_exists(#run_id) OR #run_id <> :run_id",
        )

    def last_success(self) -> LastSuccess:
        """The run that succeeded last."""
        key = {"pk": f"PROVIDER#{self._provider}", "sk": "LAST_SUCCESS"}
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=key, ConsistentRead=True)
        return rows.typed(answer.get("Item", {}), LastSuccess)

    def _note_end(self, run_id: str, summary: dict[str, Any]) -> None:
        rows.write(
            self._table,
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "ended_at": rows.now(), **summary},
            condition="attribute_not_exists(#ended_at)",
        )

    def stop(self, run_id: str, error: str, message: str) -> None:
        """Notes why the whole run has to stop; the first reason stands."""
        rows.write(
            self._table,
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "stop_error": error, "stop_message": message},
            condition="attribute_not_exists(#stop_error)",
        )

    def get(self, run_id: str) -> RunRow | None:
        """What is known of a run."""
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=_run_key(run_id), ConsistentRead=True)
        return rows.typed(answer["Item"], RunRow) if "Item" in answer else None

    def is_under_way(self) -> bool:
        """Whether any run of this provider has begun and not ended."""
        with aws_errors("reading the ledger"):
            key = {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"}
            answer = self._table.get_item(Key=key, ConsistentRead=True)
        return "current" in answer.get("Item", {})

    def has_ended(self, run_id: str) -> bool:
        run = self.get(run_id)
        return run is not None and bool(run.ended_at)


class CredentialsLease:
    """Serialises renewals, and remembers which stored version the provider has refused."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._owner = table, str(uuid.uuid4())
        self._key = {"pk": f"PROVIDER#{provider}", "sk": "CREDENTIALS"}

    def refused_version(self) -> str:
        """The version that was last refused; empty when none was."""
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=self._key, ConsistentRead=True)
        return str(answer.get("Item", {}).get("refused_version", ""))

    def note_refused(self, version: str) -> bool:
        """The provider answered 401 to the token of this version: it is not to be used again without renewal. Whether
        that is news."""
        _, news = rows.write(
            self._table,
            self._key,
            {"refused_version": version},
            condition="attribute_not_exists(#refused_version) OR #refused_version <> :refused_version",
        )
        return news

    @contextmanager
    def noting_refusal(self, version: str) -> Iterator[None]:
        """Notes it when the provider refuses the token of this version in the block, so that it is renewed once for
        everybody; the refusal goes on."""
        try:
            yield
        except CredentialsExpiredError:
            self.note_refused(version)
            raise

    def acquire(self, seconds: float) -> bool:
        """Whether renewing is ours alone for that long."""
        _, granted = rows.write(
            self._table,
            self._key,
            {"lease_owner": self._owner, "lease_expires": int(time.time() + seconds) + 1},
            condition="attribute_not_exists(#lease_owner) OR #lease_expires < :now OR #lease_owner = :lease_owner",
            extra={":now": int(time.time())},
        )
        return granted

    def release(self) -> None:
        rows.write(
            self._table,
            self._key,
            {},
            remove=("lease_owner", "lease_expires"),
            condition="#lease_owner = :me",
            extra={":me": self._owner},
        )


def _run_key(run_id: str) -> dict[str, str]:
    return {"pk": f"RUN#{run_id}", "sk": "RUN"}
