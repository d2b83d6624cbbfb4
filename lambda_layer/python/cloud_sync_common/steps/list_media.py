"""The step ListMedia (media-lister): finds what the provider has and the archive has not.

Walks over the provider's listing, compares it with the ledger a hundred items at a time, and writes the new work as
JSON Lines. Memory is flat in the size of the library.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.filters import Filters, Reason, Selection
from cloud_sync_common.http.client import Traffic
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_access.listing import Listing, ListingProgress, decode_cursor, encode_cursor
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger import BATCH_GET_LIMIT, Ledger
from cloud_sync_common.stores.ledger_rows import ItemState
from cloud_sync_common.stores.manifest import Manifest, ManifestWriter
from cloud_sync_common.stores.runs import Runs

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MOST_REASONS = 20  # for which a provider leaves something out; the others are counted together
REASON_LIMIT = 80  # characters of one
OTHER_REASONS = "other reasons"
PAGE_SECONDS = 10  # what one page and its share of the ledger may take; with less time left, the listing pauses


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of media-lister. `cursor` is None at the start of a run."""

    run_id: str
    provider: str
    execution_arn: str
    filters: Filters = Filters()
    cursor: str | None = None


class Progress(msgspec.Struct, kw_only=True):
    """How far the step is: what the cursor carries from one invocation to the next."""

    listing: ListingProgress = msgspec.field(default_factory=ListingProgress)
    new: int = 0
    waiting: int = 0
    exhausted: int = 0
    left_out: dict[str, int] = msgspec.field(default_factory=dict)
    batches: int = 0
    manifest_bytes: int = 0

    def leave_out(self, reasons: Mapping[str, int]) -> None:
        """Counts what is not work, by its reason. Those of a provider have a bound: they travel in the run's state."""
        for given, count in reasons.items():
            reason = one_line(given, REASON_LIMIT)
            if reason not in (*self.left_out, *Reason) and len(self.left_out) >= MOST_REASONS:
                reason = OTHER_REASONS
            self.left_out[reason] = self.left_out.get(reason, 0) + count


class ListResult(msgspec.Struct, frozen=True, kw_only=True):
    """`listed` counts every row seen, `new` the videos in the manifest, `batches` its lines, `waiting` what is not
    ready at the provider, `exhausted` what has failed too often and is left to a person, `left_out` by its reason what
    filters or the provider leave alone."""

    status: StepStatus
    next_cursor: str | None = None
    manifest_key: str = ""
    listed: int = 0
    new: int = 0
    waiting: int = 0
    exhausted: int = 0
    left_out: dict[str, int] = {}
    batches: int = 0


@dataclass(frozen=True)
class MediaLister:
    """Lists one provider's library."""

    session: AuthorisedSession
    ledger: Ledger
    runs: Runs
    manifest: Manifest
    executions: SFNClient
    max_attempts: int
    most_bytes: int  # that one run may read from the provider
    deadline: Deadline
    metrics: EnvironmentMetrics

    def list_new(self, request: ListRequest) -> ListResult:
        """Lists until the end of the library or of the time.

        Raises CredentialsExpiredError, ProviderUnavailableError, ProviderThrottledError, ProviderContractError,
        ArchiveUnavailableError, ConfigurationError.
        """
        started, before = time.monotonic(), Traffic.received
        if request.cursor is None and not self._begin(request):
            return ListResult(status=StepStatus.ALREADY_RUNNING)
        progress = decode_cursor(request.cursor, Progress)
        listing = Listing(self.session, request.filters, progress.listing)
        with self.manifest.extended(progress.manifest_bytes) as writer, closing(listing):
            done = self._list_pages(listing, request, progress, writer)
            progress.manifest_bytes = writer.size
        self._count(request.run_id, Traffic.received - before, done=done)
        if done and not listing.adds_up():
            # The next invocation starts again: until its answer arrives, the file that this one continued may be
            # needed again.
            progress, done = Progress(listing=progress.listing.from_the_start()), False
        seconds = round(time.monotonic() - started, 3)
        logger.info("listing", extra={"seconds": seconds, "listed": progress.listing.listed})
        self.metrics.emit(self.session.provider.name, {"ListingSeconds": seconds})
        return self._result(progress, done=done)

    def _count(self, run_id: str, received: int, *, done: bool) -> None:
        """Adds what was received to what the run has read. Raises ProviderContractError when that is as much as the
        run may read, and the listing has not ended."""
        if self.runs.note_read(run_id, received) >= self.most_bytes and not done:
            raise ProviderContractError(
                f"The provider's listing alone has {self.most_bytes:,} bytes or more, which is as much as one run may "
                "read (max_run_gb). Nothing was lost."
            )

    def _result(self, progress: Progress, *, done: bool) -> ListResult:
        return ListResult(
            status=StepStatus.COMPLETE if done else StepStatus.IN_PROGRESS,
            next_cursor=None if done else encode_cursor(progress, progress.listing),
            manifest_key=self.manifest.key,
            listed=progress.listing.listed,
            new=progress.new,
            waiting=progress.waiting,
            exhausted=progress.exhausted,
            left_out=progress.left_out,
            batches=progress.batches,
        )

    def _begin(self, request: ListRequest) -> bool:
        """Whether this is the run under way now. A run whose execution ended without reporting (it was aborted) is
        replaced."""
        under_way = self.runs.begin(request.run_id, request.execution_arn)
        if under_way.run_id != request.run_id and not self._is_running(under_way.execution_arn):
            under_way = self.runs.begin(request.run_id, request.execution_arn, instead_of=under_way.run_id)
        if under_way.run_id != request.run_id:
            logger.info("another run is under way", extra={"run_under_way": under_way.run_id})
        return under_way.run_id == request.run_id

    def _is_running(self, execution_arn: str) -> bool:
        try:
            with aws_errors("looking for a run under way"):
                return self.executions.describe_execution(executionArn=execution_arn)["status"] == "RUNNING"
        except AwsError as error:
            if error_code(error) in ("ExecutionDoesNotExist", "InvalidArn"):
                return False
            raise

    def _list_pages(self, listing: Listing, request: ListRequest, progress: Progress, writer: ManifestWriter) -> bool:
        """True at the end of the listing, False when time is up. Items are gathered until they fill a read of the
        ledger, which takes a hundred keys: one read for each hundred of them and one for the rest."""
        gathered: list[MediaItem] = []
        selection = self.session.selection(request.filters, datetime.now(UTC))
        while True:
            page = listing.next_page()
            gathered += _selected(page, selection, progress)
            progress.waiting += len(set(page.waiting))
            at_end, out_of_time = page.next_cursor is None, not self.deadline.allows(PAGE_SECONDS)
            while len(gathered) >= BATCH_GET_LIMIT or (gathered and (at_end or out_of_time)):
                self._compare(gathered[:BATCH_GET_LIMIT], request, progress, writer)
                gathered = gathered[BATCH_GET_LIMIT:]
            if at_end or out_of_time:
                return at_end

    def _compare(
        self, items: list[MediaItem], request: ListRequest, progress: Progress, writer: ManifestWriter
    ) -> None:
        """Adds what the archive does not have to the manifest. What a filter leaves out is not looked up in the ledger,
        and no row is written of it: once the filter is wider, it is new, or as pending as it was."""
        known = self.ledger.states(item.media_id for item in items)
        new = writer.unwritten(
            item for item in items if self._is_work(item, known.get(item.media_id), request, progress)
        )
        self.ledger.add_pending([item for item in new if item.media_id not in known], request.run_id)
        progress.batches += writer.add(new)
        progress.new += len(new)

    def _is_work(self, item: MediaItem, row: ItemState | None, request: ListRequest, progress: Progress) -> bool:
        if row is None:
            return True
        if row.is_exhausted(self.max_attempts) and not request.filters.retry_failed:
            progress.exhausted += 1
            return False
        return not row.holds(item.revision)


def _selected(page: MediaPage, selection: Selection, progress: Progress) -> list[MediaItem]:
    """The items that no filter leaves out; the others are counted."""
    reasons = [(item, selection.reason(item)) for item in page.items]
    progress.leave_out(page.left_out)
    progress.leave_out(Counter(reason.value for _, reason in reasons if reason))
    return [item for item, reason in reasons if reason is None]
