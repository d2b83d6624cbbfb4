"""A hash that a provider publishes and that its bytes do not have: first the transfer is doubted, then the provider.

What was read twice with the same checksum was not damaged on the way. So the hash is wrong (as of files that came
through a photo service: rclone #981, #863, #2207), or the provider's own copy is damaged, and reading it more often
does not show which. It is not archived, and read again as seldom as that can help
(docs/decisions/035-damaged-originals.md).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud_sync_common.exceptions import HashDisputedError, IntegrityError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow
from cloud_sync_common.stores.row_values import now
from cloud_sync_common.transfer.range_transfer import TransferOptions
from cloud_sync_common.transfer.source_link import SourceLink

# Runs that read a disputed file one after the other; then there are pauses between them, each twice as long as the one
# before. A provider's trouble of one night has passed in the next; what lasts is not moved every night.
RUNS_IN_A_ROW = 2
LONGEST_PAUSE_DAYS = 30


@dataclass(frozen=True)
class HashDispute:
    """What is known of one source's hash. `row` is the row of its item, as it was when this invocation began."""

    row: ItemRow
    source: MediaSource
    link: SourceLink
    options: TransferOptions

    async def settle(self, archive: Callable[[], Awaitable[SourceRow | None]]) -> SourceRow | None:
        """The result of `archive`, which is tried again, with a fresh link, when what it has read does not have the
        published hash. Raises HashDisputedError for a file that is disputed and not to be read yet, without any request
        for its bytes, and for one that has sent the same bytes again; IntegrityError when they were others; and what
        `archive` raises."""
        source, known = self.source, self._known_content(self.source)
        if known and now() < self.row.disputed_until:
            raise HashDisputedError(_sentence(self.row.disputed_until), {})
        started = time.monotonic()
        try:
            return await archive()
        except IntegrityError as error:
            if not (first := error.content):
                raise
        if first == known or not self._may_read_again(time.monotonic() - started):
            raise self._disputed(source, first)
        logger.warning("what was read does not have the published hash, and is read again", extra={"checksum": first})
        source = await self.link.refresh()
        try:
            return await archive()
        except IntegrityError as error:
            if error.content and error.content in (first, known):
                raise self._disputed(source, error.content) from None
            raise

    def _known_content(self, source: MediaSource) -> str:
        """The checksum of what an earlier run has read of this version; empty when it is not disputed."""
        return self.row.disputed_content if self.row.disputed == source.listed else ""

    def _may_read_again(self, seconds: float) -> bool:
        """Whether there is time in this invocation, where the first reading has taken so long. One that earlier
        invocations had begun is left to the next run: this run reads no large file twice, slice by slice."""
        return not self.options.stats.held and self.options.deadline.allows(seconds * 1.5)

    def _disputed(self, source: MediaSource, content: str) -> HashDisputedError:
        runs = 1 + (self.row.disputed_runs if self._known_content(source) else 0)
        until = _after(timedelta(days=min(2**runs, LONGEST_PAUSE_DAYS))) if runs >= RUNS_IN_A_ROW else ""
        note: dict[str, float | str] = {
            "disputed": source.listed,
            "disputed_content": content,
            "disputed_runs": runs,
            "disputed_until": until,
        }
        logger.warning("the published hash is not that of the content", extra={"checksum": content, "runs": runs})
        return HashDisputedError(_sentence(until), note)


def _after(pause: timedelta) -> str:
    return (datetime.now(UTC) + pause).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sentence(until: str) -> str:
    when = f"at the first run from {until[:10]} on" if until else "in the next run"
    return (
        "What the provider sends of this file does not have the hash that it publishes for it: the hash is wrong, or "
        f"its copy is damaged. It is not archived, and read again {when}, or as soon as the provider lists another "
        "version. If this stays, play it at the provider, and upload a good copy of it again."
    )
