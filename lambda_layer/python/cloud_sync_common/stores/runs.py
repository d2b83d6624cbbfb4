"""Runs in the ledger: which one is under way, how the last one ended, and why one had to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.stores import conditional_table

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
        claim, granted = conditional_table.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"},
            {"current": run_id, "execution_arn": execution_arn},
            condition="attribute_not_exists(#current) OR #current IN (:current, :instead_of)",
            extra={":instead_of": instead_of or run_id},
        )
        if not granted:
            return RunRow(run_id=str(claim.get("current", "")), execution_arn=str(claim.get("execution_arn", "")))
        conditional_table.write(
            self._table,
            _run_key(run_id),
            {
                "provider": self._provider,
                "run_id": run_id,
                "execution_arn": execution_arn,
                "started_at": conditional_table.now(),
            },
            condition="attribute_not_exists(#started_at)",
        )
        return RunRow(run_id=run_id, execution_arn=execution_arn)

    def end(self, run_id: str, summary: dict[str, Any]) -> None:
        """This run is over, with these totals, and another may begin."""
        self._note_end(run_id, summary)
        conditional_table.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"},
            {},
            remove=("current", "execution_arn"),
            condition="#current = :run_id",
            extra={":run_id": run_id},
        )

    def note_success(self, run_id: str, backlog: int) -> None:
        """This run succeeded, and left so many items that are known and not archived."""
        conditional_table.write(
            self._table,
            {"pk": f"PROVIDER#{self._provider}", "sk": "LAST_SUCCESS"},
            {"run_id": run_id, "ended_at": conditional_table.now(), "backlog": backlog},
            condition="attribute_not_exists(#run_id) OR #run_id <> :run_id",
        )

    def last_success(self) -> LastSuccess:
        """The run that succeeded last."""
        key = {"pk": f"PROVIDER#{self._provider}", "sk": "LAST_SUCCESS"}
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=key, ConsistentRead=True)
        return conditional_table.typed(answer.get("Item", {}), LastSuccess)

    def _note_end(self, run_id: str, summary: dict[str, Any]) -> None:
        conditional_table.write(
            self._table,
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "ended_at": conditional_table.now(), **summary},
            condition="attribute_not_exists(#ended_at)",
        )

    def stop(self, run_id: str, error: str, message: str) -> None:
        """Notes why the whole run has to stop; the first reason stands."""
        conditional_table.write(
            self._table,
            _run_key(run_id),
            {"provider": self._provider, "run_id": run_id, "stop_error": error, "stop_message": message},
            condition="attribute_not_exists(#stop_error)",
        )

    def get(self, run_id: str) -> RunRow | None:
        """What is known of a run."""
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=_run_key(run_id), ConsistentRead=True)
        return conditional_table.typed(answer["Item"], RunRow) if "Item" in answer else None

    def is_under_way(self) -> bool:
        """Whether any run of this provider has begun and not ended."""
        with aws_errors("reading the ledger"):
            key = {"pk": f"PROVIDER#{self._provider}", "sk": "RUN_UNDER_WAY"}
            answer = self._table.get_item(Key=key, ConsistentRead=True)
        return "current" in answer.get("Item", {})

    def has_ended(self, run_id: str) -> bool:
        run = self.get(run_id)
        return run is not None and bool(run.ended_at)


def _run_key(run_id: str) -> dict[str, str]:
    return {"pk": f"RUN#{run_id}", "sk": "RUN"}
