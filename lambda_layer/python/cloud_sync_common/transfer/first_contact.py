"""What the first answer of a source leads to."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync_common.provider_interface import Fingerprint
from cloud_sync_common.stores.ledger_rows import SourceRow


@dataclass(frozen=True)
class Archived:
    """The source is in the archive: it was before, or one answer was enough."""

    row: SourceRow


@dataclass(frozen=True)
class InParts:
    """The source, in this version, is to be moved in parts."""

    version: Fingerprint


@dataclass(frozen=True)
class OutOfTime:
    """There is no time left to start, or there was not enough to finish."""


class KeyTaken(Exception):
    """The key belongs to another version of the source; this version gets the next key."""


type FirstContact = Archived | InParts | OutOfTime
