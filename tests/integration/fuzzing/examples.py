"""What hypothesis draws, and how often. `make fuzz EXAMPLES=10000 SEED=7` draws more, or the same again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.integration.fuzzing.answers import (
    HEADERS,
    LITERALS,
    NOTHING,
    STATUSES,
    Body,
    Cut,
    End,
    Fault,
    Header,
    How,
    Json,
    Place,
    Spoiling,
    Status,
)

SEED = int(os.environ.get("FUZZ_SEED", "11"))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "500"))

_TEXTS = st.text(max_size=40).map(json.dumps)
_JSON = st.builds(
    Json, at=st.integers(0, 300), how=st.sampled_from(How), to=st.one_of(st.sampled_from(LITERALS), _TEXTS)
)
_BODY = st.builds(Body, st.sampled_from(Spoiling))
_STATUS = st.builds(Status, st.sampled_from(STATUSES), st.one_of(st.none(), st.sampled_from(Spoiling)))
_CUT = st.builds(
    Cut,
    head=st.one_of(st.just(1000), st.integers(0, 1000)),
    body=st.integers(0, 999),
    end=st.sampled_from([End.CLOSED, End.CUT, End.RESET, End.SILENT]),
)


@st.composite
def _headers(draw: st.DrawFn) -> Header:
    name = draw(st.sampled_from(sorted(HEADERS)))
    value = draw(st.sampled_from((NOTHING, *HEADERS[name])))
    return Header(name, value, beside=value != NOTHING and draw(st.booleans()))


@st.composite
def fault(draw: st.DrawFn, places: Sequence[Place]) -> Fault:
    """A fault at one of these places."""
    place = draw(st.sampled_from(places))
    one_row = place.endpoint == "page" and place.about is not None
    changes = [_JSON] if one_row else [_BODY, _STATUS, _headers(), _CUT]
    if place.endpoint != "file" and not one_row:
        changes.insert(0, _JSON)
    times = draw(st.sampled_from([1, None, 2]))
    after = draw(st.sampled_from([0, 0, 0, 1, 2])) if times else 0
    return Fault(place, draw(st.one_of(changes)), times, after)


def faults(places: Sequence[Place], most: int = 2) -> st.SearchStrategy[tuple[Fault, ...]]:
    """One fault, or a few at once."""
    return st.lists(fault(places), min_size=1, max_size=most).map(tuple)


def examples(share: float, judge: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Judges this share of EXAMPLES. A failure is shown as its smallest example, and says how to see it again."""
    count = max(1, round(EXAMPLES * share))
    limits = settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    try:
        seed(SEED)(limits(given(**drawn)(judge)))()
    except BaseException as error:
        error.add_note(f"Again: make fuzz EXAMPLES={EXAMPLES} SEED={SEED}")
        raise
