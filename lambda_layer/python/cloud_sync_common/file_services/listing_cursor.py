"""The cursor of a listing that is closed by a feed of changes, for a provider that has one.

Everything is listed first, and then the feed is read from the position that it had before. The cursor says in which of
the two the next page is. Whatever a provider answers, a listing ends: pages that lead in a circle are noticed wherever
the circle begins, and so are empty pages without end.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Self

import msgspec

from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError

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
