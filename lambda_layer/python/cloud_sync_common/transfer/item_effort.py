"""What a run has done for an item, as its row in the ledger says it and the report adds it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync_common.stores.ledger import Effort
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.transfer.range_transfer import TransferStats


@dataclass
class ItemEffort:
    """Of earlier slices, which the item's row says (`before`), and of the present one. `seconds` returns those of the
    function that the present one has taken so far."""

    before: ItemRow
    run_id: str
    memory_mb: int
    stats: TransferStats
    seconds: Callable[[], float]
    is_noted: bool = False  # with the item's outcome, so that it needs no write of its own

    def so_far(self) -> Effort:
        """What to write into the row."""
        before = self.before if self.before.effort_run == self.run_id else ItemRow(status=Status.IN_PROGRESS)
        gb_seconds = self.seconds() * self.memory_mb / 1024
        return {
            "effort_run": self.run_id,
            "run_bytes": self.stats.bytes_moved + before.run_bytes,
            "run_requests": self.stats.requests + before.run_requests,
            "run_gb_seconds": round(gb_seconds + before.run_gb_seconds, 3),
            "run_kept": max(self.stats.kept, before.run_kept),
            "run_idle": self.idle_slices,
            "run_slices": 1 + before.run_slices,
            "run_replaced": self._replaced,
        }

    @property
    def _replaced(self) -> int | None:
        """What was archived of it before this run, in bytes; None: nothing, ever."""
        if self.before.effort_run == self.run_id:
            return self.before.run_replaced
        return (self.before.bytes_total or 0) if self.before.archived_at else None

    @property
    def idle_slices(self) -> int:
        """How many slices of this run in a row, with the present one, have found no more in S3 than there had been. The
        first slice is none of them: nothing is known before it."""
        if self.before.effort_run != self.run_id or self.stats.kept > self.before.run_kept:
            return 0
        return self.before.run_idle + 1
