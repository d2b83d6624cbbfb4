"""Pages of one listing that are asked for side by side, where a provider says beforehand what their cursors are.

A page that was asked for ahead is the first attempt at it: its answer, or its error, counts when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from cloud_sync_common.exceptions import ProviderThrottledError
from cloud_sync_common.provider_interface import Filters, MediaPage, Provider


class PagesAhead:
    """Asks for the pages of one listing, never for more at once than the provider accepts; one at a time once it has
    asked to slow down. Only one thread uses it."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._most = provider, provider.capabilities.most_list_requests
        self._asked: dict[str | None, Future[MediaPage]] = {}
        self._threads = ThreadPoolExecutor(self._most)
        self._throttled = False
        self._token, self._filters = "", Filters()  # of the page before

    def page(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """A page in its turn: as it was asked for ahead, or else asked for now, when nothing is under way. Raises what
        Provider.list_media raises."""
        self._token, self._filters = token, filters
        if cursor in self._asked:
            return self._asked.pop(cursor).result()
        wait(self._asked.values())
        self._asked.clear()  # older than this page: a row that moves between two pages may come twice, but must come
        return self._ask(token, cursor, filters)

    def ask_for(self, cursors: Iterable[str]) -> None:
        """Asks for the pages that come after the last one, as many as may be ahead."""
        for cursor in cursors:
            if self._throttled or len(self._asked) >= self._most:
                return
            if cursor not in self._asked:
                self._asked[cursor] = self._threads.submit(self._ask, self._token, cursor, self._filters)

    def close(self) -> None:
        """Forgets the pages that nobody has taken. Nothing is under way afterwards."""
        self._threads.shutdown(cancel_futures=True)
        self._asked.clear()

    def _ask(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        try:
            return self._provider.list_media(token, cursor, filters)
        except ProviderThrottledError:
            self._throttled = True
            raise
