"""Looks into one archived item: what its details are, and its picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cloud_sync_common.catalogue.details import Archived, details_of
from cloud_sync_common.stores.catalogue_rows import Details


@dataclass(frozen=True)
class Looked:
    """`problem` is the category of a trouble that may pass, so that a later look may find more; empty: there was
    none."""

    details: Details
    thumbnail: bytes = b""
    problem: str = ""


@dataclass
class Look:
    """At one provider's items, within one invocation. `requests` counts what the provider was asked."""

    provider: str
    photo_kinds: Collection[str]
    requests: int = 0

    def into(self, archived: Archived) -> Looked:
        return Looked(details_of(self.provider, archived, self.photo_kinds))
