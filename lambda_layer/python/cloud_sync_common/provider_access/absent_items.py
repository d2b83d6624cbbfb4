"""Items that a listing lacks: the provider is asked for each by itself, and only what it says then counts.

No listing proves that something is gone: rows are missing from listings that look complete (rclone #3632, #4289), and
what an account may no longer see lists as empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem

# Items that one reconciliation asks for. Where more are missing, it is another account, or nothing is listed at all:
# what the first thousand answers say holds for the others.
MOST_ASKED = 1_000
ASKED_AT_ONCE = 4
ANSWER_SECONDS = 1.0  # that one answer takes, as a rule


@dataclass
class AbsentItems:
    """Asks for items one by one, for at most MOST_ASKED of them. `asked` is how many it has asked for before."""

    session: AuthorisedSession
    asked: int = 0

    def seconds(self, count: int) -> float:
        """What it takes to ask for `count` more items, as far as they are asked for."""
        return min(count, MOST_ASKED - self.asked) / ASKED_AT_ONCE * ANSWER_SECONDS

    def look_for(self, media_ids: Sequence[str]) -> dict[str, MediaItem | None]:
        """What the provider has of these items, None for one that it says it does not have. Those that are too many
        are left out. Raises what AuthorisedSession.find raises."""
        asked = media_ids[: MOST_ASKED - self.asked]
        self.asked += len(asked)
        with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
            return dict(zip(asked, threads.map(self.session.find, asked), strict=True))
