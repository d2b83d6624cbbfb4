"""The listing's counts, as the state machine carries them from media-lister to run-report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

MOST_REASONS = 64  # that are taken from the state of a run that failed; the lister counts fewer


class Listing(msgspec.Struct, frozen=True):
    """What the listing has counted; `left_out` is by its reason."""

    listed: int = 0
    new: int = 0
    waiting: int = 0
    exhausted: int = 0
    batches: int = 0
    left_out: dict[str, int] = {}


def listing_in(state: Mapping[str, Any]) -> Listing:
    """The counts in the state of a run that failed, as far as it came. The input of a run that was refused is its
    state, and may hold anything: what is no count is passed over."""
    listing = state.get("listing")
    given = listing if isinstance(listing, dict) else {}
    left_out = given.get("left_out")
    reasons = dict(list(_counts(left_out).items())[:MOST_REASONS]) if isinstance(left_out, dict) else {}
    return msgspec.convert(_counts(given) | {"left_out": reasons}, Listing)


def _counts(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if type(value) is int}
