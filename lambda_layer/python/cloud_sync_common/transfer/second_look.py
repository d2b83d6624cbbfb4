"""A movie that looks damaged is read once more, with a fresh link, before that is believed: it may be the trouble of
one server, and of a moment."""

from __future__ import annotations

from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Fingerprint
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.transfer.movie_boxes import Verdict, Wholeness


class LooksDamaged(Exception):
    """The movie looks damaged, and was read only once."""


class SecondLook:
    """The first verdict about one source, and what the second one makes of it."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._version: Fingerprint | None = None
        self._damage = ""

    def check(self, version: Fingerprint, damage: str, seconds: float) -> None:
        """Raises LooksDamaged for the first damage (empty: none) of this source, unless reading it again, which takes
        about so many seconds, may not end in time."""
        if damage and self._version is None and self._deadline.allows(seconds * 1.5):
            self._version, self._damage = version, damage
            logger.warning("the original looks damaged and is read again", extra={"damage": damage})
            raise LooksDamaged

    def first_damage(self, version: Fingerprint) -> str:
        """What was wrong with this version when it was read first; empty: nothing that is known."""
        return self._damage if version == self._version else ""

    def damage_of_parts(self, version: Fingerprint, verdict: Verdict) -> str:
        """What is wrong with parts of which some were moved before the second look, whose verdict this is. Raises
        IntegrityError when it contradicts the first one, so that one of the parts may be wrong."""
        first = self.first_damage(version)
        if first and verdict.wholeness is Wholeness.WHOLE:
            raise IntegrityError(
                f"The source sent another movie at a second look: first {first}, then it was whole. What was moved is "
                "not kept; the next run begins it anew."
            )
        return verdict.reason or first
