"""The room behind media-lister: what the provider has that the archive has not.

Pages through the listing, holds it against the provider's own count, compares it with the ledger a hundred items at a
time, and writes the new work as JSON Lines. Memory is flat in the size of the library. Absence from a listing never
means deletion.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import emit
from cloud_sync_common.provider_interface import LISTINGS, Credentials, Filters, MediaItem, MediaPage, Provider
from cloud_sync_common.retry_utils import Deadline, retrying
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import BATCH_GET_LIMIT, ItemRow, Ledger, Status
from cloud_sync_common.stores.manifest import Manifest, ManifestWriter
from cloud_sync_common.stores.runs import Runs

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

PAGE_SECONDS = 10  # what one page and its share of the ledger may take; less left than this, and the listing pauses
CURSOR_LIMIT = 32 * 1024  # bytes; it travels in the run's state (docs/design.md, "Limits of a run")


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of media-lister. `cursor` is None at the beginning of a run."""

    run_id: str
    provider: str
    execution_arn: str
    filters: Filters = Filters()
    cursor: str | None = None


class Progress(msgspec.Struct, kw_only=True):
    """Where a listing stands, which is what the cursor carries from one invocation to the next.

    `page_ids` are the ids of the page before: when something is uploaded in the middle of a listing, rows move over
    the border between two pages and come twice (rclone-PR). `changed`: the total was another on an earlier page. When
    something is deleted meanwhile, a row moves over the border unseen, although the numbers agree in the end.
    """

    page_cursor: str | None = None
    page_ids: tuple[str, ...] = ()
    listing: int = 1
    listed: int = 0
    new: int = 0
    waiting: int = 0
    exhausted: int = 0
    batches: int = 0
    total: int | None = None
    changed: bool = False
    manifest_bytes: int = 0


class ListResult(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: COMPLETE, IN_PROGRESS (call again with `next_cursor`) or ALREADY_RUNNING.

    `listed` counts every row seen, `new` the videos in the manifest, `batches` its lines, `waiting` what is not ready
    at the provider, `exhausted` what has failed too often and is left to a person.
    """

    status: str
    next_cursor: str | None = None
    manifest_key: str = ""
    listed: int = 0
    new: int = 0
    waiting: int = 0
    exhausted: int = 0
    batches: int = 0


@dataclass(frozen=True)
class MediaLister:
    """Lists one provider's library."""

    provider: Provider
    credentials: CredentialStore
    lease: CredentialsLease
    ledger: Ledger
    runs: Runs
    manifest: Manifest
    executions: SFNClient
    max_attempts: int
    deadline: Deadline

    def list_new(self, request: ListRequest) -> ListResult:
        """Lists until the end of the library or of the time.

        Raises CredentialsExpiredError, ProviderUnavailableError, ProviderThrottledError, ProviderContractError,
        ArchiveUnavailableError, ConfigurationError.
        """
        begun = time.monotonic()
        if request.cursor is None and not self._begin(request):
            return ListResult(status="ALREADY_RUNNING")
        progress = msgspec.json.decode(request.cursor, type=Progress) if request.cursor else Progress()
        with self.manifest.extended(progress.manifest_bytes) as writer:
            done = self._list_pages(request, progress, writer)
            progress.manifest_bytes = writer.size
        if done and not self._adds_up(progress):
            # By the next invocation: until this one is believed, the file that it went on from may be needed again.
            progress, done = Progress(listing=progress.listing + 1), False
        emit(self.provider.name, {"ListingSeconds": round(time.monotonic() - begun, 3)})
        return ListResult(
            status="COMPLETE" if done else "IN_PROGRESS",
            next_cursor=None if done else _cursor(progress),
            manifest_key=self.manifest.key,
            listed=progress.listed,
            new=progress.new,
            waiting=progress.waiting,
            exhausted=progress.exhausted,
            batches=progress.batches,
        )

    def _begin(self, request: ListRequest) -> bool:
        """Whether this is the run under way now. One whose execution is over without having ended itself (it was
        aborted) is replaced."""
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

    def _list_pages(self, request: ListRequest, progress: Progress, writer: ManifestWriter) -> bool:
        """True at the end of the listing, False when time is up. Items gather until they fill a read of the ledger,
        which takes a hundred keys, so that there is one read for each hundred of them and one for what is left."""
        credentials = self.credentials.load()
        gathered: list[MediaItem] = []
        while True:
            page = self._page(credentials, progress.page_cursor, request.filters)
            gathered += self._count(page, progress)
            progress.page_cursor = page.next_cursor
            at_end, out_of_time = page.next_cursor is None, not self.deadline.allows(PAGE_SECONDS)
            while len(gathered) >= BATCH_GET_LIMIT or (gathered and (at_end or out_of_time)):
                self._compare(gathered[:BATCH_GET_LIMIT], request, progress, writer)
                gathered = gathered[BATCH_GET_LIMIT:]
            if at_end or out_of_time:
                return at_end

    def _page(self, credentials: Credentials, cursor: str | None, filters: Filters) -> MediaPage:
        token = credentials.access_token or ""
        with self.lease.noting_refusal(credentials.version):
            return retrying(lambda: self.provider.list_media(token, cursor, filters), self.deadline, attempts=5)

    def _count(self, page: MediaPage, progress: Progress) -> list[MediaItem]:
        """The items of a page that the page before did not have."""
        repeated = set(progress.page_ids)
        progress.page_ids = page.ids
        progress.listed += len(set(page.ids) - repeated)
        progress.waiting += len(set(page.waiting) - repeated)
        progress.changed |= progress.total not in (None, page.total)
        progress.total = page.total
        return [item for item in page.items if item.media_id not in repeated]

    def _adds_up(self, progress: Progress) -> bool:
        """Holds what was listed against the provider's total. Raises ProviderUnavailableError when they still differ
        after several listings: a run that misses videos must not look like one that found everything."""
        agrees = progress.total in (None, progress.listed) and not progress.changed
        if agrees or not self.provider.capabilities.counts_exactly:
            return True
        logger.warning("the listing does not add up", extra={"listed": progress.listed, "total": progress.total})
        if progress.listing >= LISTINGS:
            raise ProviderUnavailableError(
                f"The provider says that it has {progress.total} items, but lists {progress.listed}, or they change "
                "while they are listed."
            )
        return False

    def _compare(
        self, items: list[MediaItem], request: ListRequest, progress: Progress, writer: ManifestWriter
    ) -> None:
        """Adds what the archive does not have to the manifest."""
        known = self.ledger.known(item.media_id for item in items)
        wanted = [item for item in items if _is_selected(item, request.filters)]
        new = [item for item in wanted if self._is_work(item, known.get(item.media_id), request, progress)]
        self.ledger.add_pending([item for item in new if item.media_id not in known], request.run_id)
        progress.batches += writer.add(new)
        progress.new += len(new)

    def _is_work(self, item: MediaItem, row: ItemRow | None, request: ListRequest, progress: Progress) -> bool:
        if row is None:
            return True
        if row.status is Status.ARCHIVED:
            return row.revision != item.revision
        if row.status is Status.FAILED and row.attempts >= self.max_attempts and not request.filters.retry_failed:
            progress.exhausted += 1
            return False
        return True


def _cursor(progress: Progress) -> str:
    """Raises ProviderContractError when a page is too large to be remembered until the next invocation."""
    cursor = msgspec.json.encode(progress)
    if len(cursor) > CURSOR_LIMIT:
        raise ProviderContractError(
            f"The provider's pages have {len(progress.page_ids)} rows, whose ids do not fit into {CURSOR_LIMIT} bytes."
        )
    return cursor.decode()


def _is_selected(item: MediaItem, filters: Filters) -> bool:
    return not filters.media_ids or item.media_id in filters.media_ids
