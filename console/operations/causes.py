"""Why a video is not archived, and the step that fixes it, by the category in the ledger. Pure."""

from __future__ import annotations

import msgspec

CONNECT = "Connect the provider again: `cloudsync connect`."
BY_ITSELF = "Nothing: the next run tries again by itself."
REPORT = "Please report it with the run's id: Cloud Sync has to learn this."
_AGAIN = "`cloudsync retry`"


class Cause(msgspec.Struct, frozen=True):
    """What a category means and what to do; `waits`: time alone may fix it."""

    meaning: str
    fix: str
    waits: bool = False


# By the categories of cloud_sync_common.exceptions; a test holds that none is missing.
CAUSES = {
    "transient": Cause("A service did not answer for a while.", BY_ITSELF, waits=True),
    "provider_throttled": Cause("The provider asked to slow down.", BY_ITSELF, waits=True),
    "provider_unavailable": Cause("The provider did not answer.", BY_ITSELF, waits=True),
    "source_link_expired": Cause("The provider's links ended too soon.", BY_ITSELF, waits=True),
    "short_read": Cause("The provider cut the connection again and again.", BY_ITSELF, waits=True),
    "archive_unavailable": Cause("S3 or DynamoDB did not answer.", BY_ITSELF, waits=True),
    "not_available_yet": Cause("The provider does not offer the original yet.", BY_ITSELF, waits=True),
    "no_progress": Cause("Bytes moved, and none of them lasted.", f"{_AGAIN} when the network is calm.", waits=True),
    "authentication": Cause("The provider refuses the credentials.", CONNECT),
    "credentials_expired": Cause("The credentials have ended.", CONNECT),
    "source": Cause("The original could not be read.", f"Play it at the provider, then {_AGAIN}."),
    "media_not_found": Cause(
        "The provider lists it and does not have it.", "Look for it there; if it is gone, it is the provider's loss."
    ),
    "original_unavailable": Cause(
        "The provider does not offer the whole original.",
        f"Play it there; if it does not play, upload it again from the camera or the card. Then {_AGAIN}.",
    ),
    "refused_by_provider": Cause(
        "The provider will not hand it out.", f"Its own page says why (a flag, a restriction). Then {_AGAIN}."
    ),
    "hash_disputed": Cause(
        "Two readings gave the same bytes, and not the hash that the provider publishes.",
        f"Play it there; if it is damaged, upload a good copy again. Then {_AGAIN}.",
    ),
    "picture_unreadable": Cause("No picture can be made of it; the original is not concerned.", BY_ITSELF),
    "picture_unavailable": Cause("The provider has no picture of it; the original is not concerned.", BY_ITSELF),
    "range_ignored": Cause("The provider does not send parts of a file.", REPORT),
    "source_changed": Cause("It changed while it was read.", f"Leave it alone for a night, or {_AGAIN}."),
    "provider_contract": Cause("The provider answers otherwise than this version expects.", REPORT),
    "integrity": Cause("What arrived is not what the provider announced.", f"{_AGAIN}; if it fails again, report it."),
    "configuration": Cause("A setting, a secret or a permission is missing.", "`cloudsync doctor` says which one."),
    "unexpected": Cause("A fault of Cloud Sync.", REPORT),
}
# Errors of Step Functions and Lambda keep their own names.
TIMEOUTS = Cause("It took longer than a function may.", f"{_AGAIN}; if it fails again, report it.")
_FOREIGN = Cause("A function ended with an error of AWS.", f"{_AGAIN}; `cloudsync doctor` looks closer.")
UNNAMED = Cause("It failed without a reason that was noted.", f"{_AGAIN}.")


def cause_of(category: str) -> Cause:
    """What is known of any category."""
    if not category:
        return UNNAMED
    if "Timeout" in category or "TimedOut" in category:
        return TIMEOUTS
    return CAUSES.get(category, _FOREIGN)
