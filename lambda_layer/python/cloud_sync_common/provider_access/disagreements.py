"""What a reconciliation can find: the kinds of disagreements between provider, ledger and archive."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cloud_sync_common.provider_access.absent_items import MOST_ASKED


class Disagreement(StrEnum):
    """What can disagree."""

    MISSING_OBJECT = "missing_object"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"
    ORPHAN_OBJECT = "orphan_object"
    GONE_AT_SOURCE = "gone_at_source"
    UNLISTED = "unlisted"
    NOT_ASKED_FOR = "not_asked_for"
    NOT_IN_LEDGER = "not_in_ledger"
    NOT_ARCHIVED = "not_archived"
    INCOMPLETE_ITEM = "incomplete_item"
    ODD_ROW = "odd_row"
    NEEDED_OBJECT = "needed_object"


MEANINGS = {
    Disagreement.MISSING_OBJECT: "the ledger says archived, and the archive has no such object",
    Disagreement.SIZE_DIFFERS: "the object has another size than the ledger says",
    Disagreement.CHECKSUM_DIFFERS: "S3 states another checksum than the ledger",
    Disagreement.ORPHAN_OBJECT: "an object that no row of the ledger names",
    Disagreement.GONE_AT_SOURCE: "the provider says that it does not have it any more; what is archived stays",
    Disagreement.UNLISTED: "the provider does not list it, and has it when it is asked for it by itself",
    Disagreement.NOT_ASKED_FOR: f"the provider does not list it; more than {MOST_ASKED:,} are missing, so it was not "
    "asked for this one",
    Disagreement.NOT_IN_LEDGER: "the provider lists it, and no run has seen it yet",
    Disagreement.NOT_ARCHIVED: "the provider lists it, and the ledger does not say that it is archived",
    Disagreement.INCOMPLETE_ITEM: "the item is ARCHIVED, but its sources are not, or have another size together",
    Disagreement.ODD_ROW: "a row of the ledger that is not as Cloud Sync writes it",
    Disagreement.NEEDED_OBJECT: "an object that no row of its own names, and that holds the bytes of a copy: keep it",
}


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One disagreement: a line of the report's file."""

    kind: Disagreement
    media_id: str = ""
    key: str = ""
    detail: str = ""
