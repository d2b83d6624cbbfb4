"""The input of a run: what is allowed, and the sentences for what is not."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Filters
from cloud_sync_common.runtime.run_input import field_of, filters_of, mode_of, reported_by
from hypothesis import given, settings
from hypothesis import strategies as st

OFFSETS = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60))


@pytest.mark.parametrize("filters", [{}, {"filters": None}, {"filters": {}}])
def test_an_input_without_filters_asks_for_everything(filters: dict[str, Any]) -> None:
    assert filters_of({"provider": "gopro"} | filters) == Filters()


@pytest.mark.parametrize(
    ("given", "expected"), [({}, ""), ({"reported_by": None}, ""), ({"reported_by": "run-1"}, "run-1")]
)
def test_a_run_reports_itself_unless_its_input_names_another_one(given: dict[str, Any], expected: str) -> None:
    assert reported_by({"provider": "gopro"} | given) == expected
    assert filters_of({"provider": "gopro"} | given) == Filters()


@pytest.mark.parametrize("value", [True, 3, ["run-1"], {}])
def test_what_reports_a_run_is_named_by_text(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="field 'reported_by' must be the name of an execution"):
        reported_by({"provider": "gopro", "reported_by": value})


def test_every_filter_is_used() -> None:
    given_filters = {
        "captured_from": "2026-01-01T00:00:00Z",
        "captured_before": "2026-02-01T00:00:00Z",
        "media_ids": ["a", "b"],
        "retry_failed": True,
    }
    assert filters_of({"provider": "gopro", "filters": given_filters}) == Filters(
        captured_from="2026-01-01T00:00:00Z",
        captured_before="2026-02-01T00:00:00Z",
        media_ids=("a", "b"),
        retry_failed=True,
    )


@given(moment=st.datetimes(min_value=datetime(1970, 1, 2), timezones=OFFSETS))
@settings(deadline=None)
def test_times_become_utc_and_stay_the_same_moment(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:  # past the last moment that a datetime can name
        with pytest.raises(ConfigurationError, match=r"filters\.captured_from"):
            filters_of({"filters": {"captured_from": moment.isoformat()}})
        return
    found = filters_of({"filters": {"captured_from": moment.isoformat()}}).captured_from
    assert found is not None and found.endswith("Z")
    assert datetime.fromisoformat(found) == expected


@pytest.mark.parametrize("field", ["captured_from", "captured_before"])
@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-01-31", "2026-01-31T00:00:00", "31/01/2026", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_not_a_moment_is_refused_by_name_with_an_example(field: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'filters\.{field}' must be .*2026-01-31T00:00:00Z"):
        filters_of({"provider": "gopro", "filters": {field: text}})


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"captured_form": "2026-01-01T00:00:00Z"}, "captured_form"),
        ({"media_ids": "one"}, "media_ids"),
        ({"media_ids": [1]}, "media_ids"),
        ({"retry_failed": "yes"}, "retry_failed"),
        ({"captured_from": 20260101}, "captured_from"),
        ("all", "filters"),
        (["captured_from"], "filters"),
    ],
)
def test_a_filter_that_does_not_fit_is_named(filters: object, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        filters_of({"provider": "gopro", "filters": filters})


def test_a_field_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match=r"'filter';.*'provider', 'filters', 'mode' and 'even_if_paused'"):
        filters_of({"provider": "gopro", "filter": {}})


@pytest.mark.parametrize(("name", "meant"), [("Filter", "filters"), ("providers", "provider"), ("modes", "mode")])
def test_a_field_that_is_like_another_one_is_told_so(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"has a field '{name}'; did you mean '{meant}'. It may have 'provid"):
        filters_of({"provider": "gopro", name: {}})


def test_a_field_with_a_long_name_is_quoted_with_its_beginning_only() -> None:
    with pytest.raises(ConfigurationError) as failure:
        filters_of({"provider": "gopro", "x" * 10_000: 1})
    assert len(str(failure.value)) < 200


def test_a_run_syncs_unless_its_mode_is_reconcile() -> None:
    assert mode_of({"provider": "gopro"}) == mode_of({"provider": "gopro", "mode": "sync"}) == "sync"
    assert mode_of({"provider": "gopro", "mode": "reconcile"}) == "reconcile"


def test_a_mode_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match="'mode' must be sync or reconcile, not 'repair'"):
        mode_of({"provider": "gopro", "mode": "repair"})


def test_a_reconciliation_takes_no_filters() -> None:
    with pytest.raises(ConfigurationError, match="'filters' has no meaning"):
        mode_of({"provider": "gopro", "mode": "reconcile", "filters": {"media_ids": ["1"]}})


@pytest.mark.parametrize("value", [None, [], "gopro", 7])
def test_an_input_that_is_not_an_object_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r'must be an object such as \{"provider"'):
        filters_of(value)


@pytest.mark.parametrize(
    ("event", "found"), [({"run_id": "r"}, "r"), ({}, None), (None, None), ([1], None), ("run_id", None)]
)
def test_a_field_of_anything_but_an_object_is_none(event: object, found: object) -> None:
    assert field_of(event, "run_id") == found


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_filters_have_at_most_32_kib(more: int, fits: bool) -> None:
    spare = 32 * 1024 - len(msgspec.json.encode(Filters(media_ids=("",))))
    given_filters = {"filters": {"media_ids": ["a" * (spare + more)]}}
    with nullcontext() if fits else pytest.raises(ConfigurationError, match="names 1 videos in more than 32 KiB"):
        assert len(filters_of(given_filters).media_ids[0]) == spare


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", False),
        ("2026-01-01T01:00:00+02:00", "2026-01-01T00:00:00Z", True),
        ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00+02:00", False),
    ],
)
def test_a_range_of_times_ends_after_its_start_whatever_their_offsets(start: str, end: str, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(ConfigurationError, match="must be later than"):
        filters_of({"filters": {"captured_from": start, "captured_before": end}})


@pytest.mark.parametrize("filters", [None, {}])
def test_a_reconciliation_may_have_filters_that_filter_nothing(filters: object) -> None:
    assert mode_of({"mode": "reconcile", "filters": filters}) == "reconcile"


@pytest.mark.parametrize("given_input", [{}, None, [], {"mode": None}, {"filters": {"media_ids": ["a"]}}])
def test_whatever_names_no_mode_is_a_sync(given_input: object) -> None:
    assert mode_of(given_input) == "sync"
