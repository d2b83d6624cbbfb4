"""What the ledger says of the items of one run: their sums, and a line of the log for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cloud_sync_common.logging_utils import logger
from cloud_sync_common.runtime.execution_errors import SENTENCE_LIMIT
from cloud_sync_common.runtime.wording import file_name
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.stores.month_totals import MonthCounts

ORIGINAL_DAMAGED = "original_damaged"  # the category of a video that is archived, and was damaged before
LISTED_FAILURES = 20  # in the mail; the ledger lists all


@dataclass
class Totals:
    """What the ledger says of the items of one run. `bytes_read` came from the provider, `bytes_archived` are in S3,
    and `bytes_counted` are what counts for the ceiling of a run."""

    bytes_read: int = 0
    bytes_counted: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    damaged: int = 0  # videos that are archived as they are at the provider: damaged
    damages: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)  # videos and bytes that the archive had before
    bytes_archived: int = 0
    gb_seconds: float = 0
    requests: int = 0
    slices: int = 0
    moved: int = 0  # items that had a slice in this run
    months: MonthCounts = field(default_factory=MonthCounts)  # what this run adds to what is safe

    @property
    def left(self) -> int:
        """Items that the run has not come to, or not come to the end of."""
        return self.statuses[Status.PENDING] + self.statuses[Status.IN_PROGRESS]

    def count(self, row: ItemRow, run_id: str) -> None:
        """Adds what the ledger says of one item, and what this run has done for it."""
        self.statuses[row.status] += 1
        if row.status in (Status.FAILED, Status.UNAVAILABLE) and len(self.failures) < LISTED_FAILURES:
            reason = one_line(row.error_message, SENTENCE_LIMIT)
            self.failures.append(f"{file_name(row.filename)}: {reason} ({one_line(row.error_category)})")
        if is_damaged(row):
            self.damaged += 1
            if len(self.damages) < LISTED_FAILURES:
                self.damages.append(f"{file_name(row.filename)}: {one_line(row.damage, SENTENCE_LIMIT)}")
        if row.status is Status.ARCHIVED:
            self.repeated.update(copied_bytes=row.copied_bytes, copied=row.copied_bytes > 0)
            self.repeated.update(twice_bytes=row.twice_bytes, twice=row.twice_bytes > 0)
        self.months.add_of_run(row, run_id)
        if row.effort_run == run_id:
            self.bytes_archived += row.run_bytes
            self.gb_seconds += row.run_gb_seconds
            self.requests += row.run_requests
            self.slices += row.run_slices
            self.moved += row.run_slices > 0


def is_damaged(row: ItemRow) -> bool:
    """Whether an item is archived although its original is damaged."""
    return row.status is Status.ARCHIVED and row.damage != ""


def log_video(media_id: str, row: ItemRow, run_id: str) -> None:
    """One line per video and run, for the saved queries."""
    of_this_run = row.effort_run == run_id
    line = {
        "media_id": media_id,
        "file": row.filename,
        "status": row.status.value,
        "category": ORIGINAL_DAMAGED if is_damaged(row) else row.error_category,
        "reason": row.damage if is_damaged(row) else row.error_message,
        "bytes": row.run_bytes if of_this_run else 0,
        "gb_seconds": row.run_gb_seconds if of_this_run else 0,
        "slices": row.run_slices if of_this_run else 0,
        "attempts": row.attempts,
    }
    logger.info("video", extra=line)
