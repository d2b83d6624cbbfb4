"""The cursor of a listing that is closed by a feed of changes, for a provider that has one.

Everything is listed first, and then the feed is read from the position that it had before. The cursor says in which of
the two the next page is. Whatever a provider answers, a listing ends: pages that lead in a circle are noticed wherever
the circle begins, and so are empty pages without end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Self

import msgspec

from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.file_services.rows import Row

RESTARTS = 3  # of one part of a listing: a page token can end while a run pauses
MOST_EMPTY_PAGES = 1_000  # in a row; a provider may send a few while it looks
# Bytes; that is the provider's token and a few hundred of ours. Tokens have been seen with some hundred.
CURSOR_LIMIT = 8 * 1024
_MARK = 16  # characters of a digest


class FeedCursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a listing goes on. `token` is the provider's for the next page, empty for the first page of a part.

    `pages` are those of this part so far that had rows, `empty` those since without one. `mark` is the digest of one
    earlier token: a circle comes back to it (Brent's algorithm, with one mark for however many pages).
    """

    in_feed: bool = False
    token: str = ""
    pages: int = 0
    empty: int = 0
    mark: str = ""
    restarts: int = 0

    @classmethod
    def of(cls, text: str | None) -> Self:
        """A cursor from its text; the start for none, and for one of another version of this code."""
        try:
            return msgspec.json.decode(text, type=cls) if text else cls()
        except msgspec.DecodeError:
            return cls()

    def text(self) -> str:
        """The cursor as the rest of the code carries it. Raises ProviderContractError when the token is too long."""
        written = msgspec.json.encode(self)
        if len(written) > CURSOR_LIMIT:
            raise ProviderContractError(
                f"The provider's page token has more than {CURSOR_LIMIT} bytes, which is more than Cloud Sync keeps "
                "between two pages. Look for a newer version of Cloud Sync; nothing was lost."
            )
        return written.decode()

    def turned(self, token: str, rows: int) -> Self:
        """The cursor for the page `token`, after one with so many rows. An empty page may be the same one once more.

        Raises ProviderUnavailableError when the pages lead in a circle, or too many in a row are empty.
        """
        digest = sha256(token.encode()).hexdigest()[:_MARK]
        leads_back = rows > 0 and (token == self.token or digest == self.mark)
        pages, empty = (self.pages + 1, 0) if rows else (self.pages, self.empty + 1)
        if leads_back or empty > MOST_EMPTY_PAGES:
            raise ProviderUnavailableError(
                f"The provider's listing does not end: after {pages:,} pages it leads back to an earlier one, or has "
                f"had {empty:,} empty pages in a row. Start the run again later; nothing was lost."
            )
        is_noted = rows > 0 and pages & (pages - 1) == 0  # at each power of two
        mark = digest if is_noted else self.mark
        return msgspec.structs.replace(self, token=token, pages=pages, empty=empty, mark=mark)

    def begun(self, *, in_feed: bool, token: str = "", **fields: int) -> Self:
        """The cursor for the first page of another part of the listing; `fields` are a subclass's own."""
        start = {"pages": 0, "empty": 0, "mark": "", "restarts": 0}
        return msgspec.structs.replace(self, in_feed=in_feed, token=token, **start, **fields)

    def again(self) -> Self:
        """The cursor for the first page of this part, when the provider no longer knows the token.

        Raises ProviderUnavailableError when that has been so several times.
        """
        if self.restarts >= RESTARTS:
            raise ProviderUnavailableError(
                f"The provider has refused to go on with its listing {RESTARTS + 1} times, although it was started "
                "again each time. Start the run again later; nothing was lost."
            )
        return msgspec.structs.replace(self, token="", pages=0, empty=0, mark="", restarts=self.restarts + 1)


class PageTokenRefused(Exception):
    """The service does not know a page token any more; `FeedCursor.again` begins the part once more."""


def page_of(ask: Callable[[int], tuple[list[Row], str]], most: int) -> tuple[list[Row], str]:
    """One page of at most `most` rows, and the token of the next one, empty at the end; `ask` gives both for a number
    of rows. A full page that is said to be the last one is asked for again by halves: it may lack its token, and then
    everything behind it would be missing. Raises ProviderUnavailableError when that is so each time."""
    rows, following = ask(most)
    if following or len(rows) < most:
        return rows, following
    rows, following = ask(most // 2)
    if not following and len(rows) >= most // 2:
        raise ProviderUnavailableError(
            "The provider lists a full page of files and does not say what comes after it, so that files would be "
            "missing. Start the run again later; nothing was lost."
        )
    return rows, following


def rows_of_pages(page: Callable[[str], tuple[list[Row], str]], most_pages: int) -> Iterator[Row]:
    """The rows of the first so many pages; `page` gives one page, and the token of the next one. Raises as
    FeedCursor.turned."""
    at = FeedCursor()
    for _ in range(most_pages):
        rows, following = page(at.token)
        yield from rows
        if not following:
            return
        at = at.turned(following, len(rows))
