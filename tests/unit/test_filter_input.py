"""How filters are read: what is allowed, and the sentence for each kind of value that is not."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from cloud_sync_common import filters
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.filters import Filters, Folders
from cloud_sync_common.runtime import filter_input
from cloud_sync_common.runtime.filter_input import MOST_PATTERNS, OF_ONE_RUN, PATTERN_LIMIT, Place, checked
from cloud_sync_common.runtime.run_input import check_fit, filters_of
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync import filter_values
from cloud_sync.config import Config
from cloud_sync.config_error import ConfigError
from cloud_sync.filter_values import LIMIT, check_filters
from tests.unit import wrong_filters
from tests.unit.wrong_filters import RIGHT, TIME, WRONG

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["mp4", TIME]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["include", "exclude", "x"]), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(("given", "field", "fix"), [*WRONG, *wrong_filters.OF_ONE_RUN], ids=repr)
def test_a_wrong_value_in_the_input_of_a_run_gets_a_sentence_with_its_field_and_the_fix(
    given: dict[str, Any], field: str, fix: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        filters_of({"provider": "gopro", "filters": given})
    sentence = str(refused.value)
    assert re.search(rf"'filters\.{field}'|'filters' has a field '{field}'", sentence) and re.search(fix, sentence)
    assert len(sentence) < 500 and sentence.endswith(".")


@pytest.mark.parametrize(("given", "field", "fix"), WRONG, ids=repr)
def test_a_wrong_lasting_value_says_that_it_is_the_environments(given: dict[str, Any], field: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match=r"The environment's field 'filters\.gopro") as refused:
        filters_of({"provider": "gopro"}, given, "gopro")
    assert field in str(refused.value) and re.search(fix, str(refused.value))


@pytest.mark.parametrize(("given", "field", "fix"), WRONG, ids=repr)
def test_a_wrong_lasting_value_is_refused_at_synthesis_already(given: dict[str, Any], field: str, fix: str) -> None:
    with pytest.raises(ConfigError, match=rf"filters\.gopro.*{field}") as refused:
        check_filters(json.dumps({"gopro": given}))
    assert refused.value.fields == {"filters"}


@pytest.mark.parametrize("given", RIGHT, ids=repr)
def test_what_synthesis_accepts_the_functions_accept(given: dict[str, Any]) -> None:
    check_filters(json.dumps({"gopro": given, "dropbox": {}}))
    assert isinstance(filters_of({}, given, "gopro"), Filters)


@given(st.dictionaries(st.sampled_from([*Filters.__struct_fields__, "other"]), JSON, max_size=3))
def test_synthesis_and_functions_agree_about_any_filters(given: dict[str, Any]) -> None:
    accepted = []
    for check in (
        lambda: check_filters(json.dumps({"gopro": given})),
        lambda: filters_of({}, json.loads(json.dumps(given)), "gopro"),
    ):
        try:
            check()
            accepted.append(True)
        except (ConfigError, ConfigurationError):
            accepted.append(False)
    assert accepted[0] == accepted[1]


@pytest.mark.parametrize("text", ["", "none", "[]", "7", "{", '{"gopro": []}', '{"gopro": "mp4"}', '{"go_pro": {}}'])
def test_what_is_no_object_of_providers_is_refused_at_synthesis(text: str) -> None:
    with pytest.raises(ConfigError, match=r"gopro"):
        Config("dev", alert_email="none", filters=text).check()


def test_lasting_filters_fit_into_the_variables_of_a_function() -> None:
    names = ["n" * 100] * (LIMIT // 100 + 1)
    with pytest.raises(ConfigError, match=f"more than {LIMIT} bytes"):
        check_filters(json.dumps({"gopro": {"names": names}}))


def test_both_have_the_same_words_for_types_and_the_same_bounds() -> None:
    assert filter_values.TYPE_WORDS == filters.TYPE_WORDS
    for name in ("MOST_PATTERNS", "PATTERN_LIMIT", "MOST_MB", "MOST_DAYS"):
        assert getattr(filter_values, name) == getattr(filter_input, name)
    assert filter_values.OTHER_WORDS == filter_input.OTHER_WORDS


def test_every_filter_is_read_as_it_is_used() -> None:
    given = {
        "captured_from": "2026-01-01T02:00:00+02:00",
        "captured_before": "2026-02-01T00:00:00Z",
        "uploaded_from": "2026-01-02T00:00:00Z",
        "uploaded_before": "2026-02-02T00:00:00Z",
        "kinds": ["photo", "video", "photo"],
        "types": [".MP4", "*.Mov", "mp4", " 360", "Timelapse"],
        "folders": {"include": ["/Trips/*/"], "exclude": ["Cafe\u0301"]},
        "names": ["Cafe\u0301*"],
        "min_size_mb": 1,
        "max_size_mb": 2.5,
        "min_age_days": 3,
        "media_ids": ["a", "b"],
        "retry_failed": True,
    }
    assert checked(given) == Filters(
        captured_from="2026-01-01T00:00:00Z",
        captured_before="2026-02-01T00:00:00Z",
        uploaded_from="2026-01-02T00:00:00Z",
        uploaded_before="2026-02-02T00:00:00Z",
        kinds=("photo", "video"),
        types=("mp4", "mov", "360", "timelapse"),
        folders=Folders(include=("Trips/*",), exclude=("Caf\u00e9",)),
        names=("Caf\u00e9*",),
        min_size_mb=1.0,
        max_size_mb=2.5,
        min_age_days=3.0,
        media_ids=("a", "b"),
        retry_failed=True,
    )
    assert set(given) == set(Filters.__struct_fields__)


@pytest.mark.parametrize("given", [*RIGHT, {"media_ids": ["a"], "retry_failed": True}], ids=repr)
def test_filters_come_back_from_the_state_of_a_run_as_they_were(given: dict[str, Any]) -> None:
    found = checked(given)
    assert msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(found))), Filters) == found


@pytest.mark.parametrize("given", ["mp4", ["mp4"], 7, True])
def test_filters_that_are_no_object_get_an_example(given: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'filters' must be an object such as \{\"types\": \[\"mp4\"\]\}"):
        filters_of({"filters": given})


@pytest.mark.parametrize("value", ["x" * 10_000, ["x" * 10_000], {"x" * 10_000: 1}])
def test_the_sentence_about_a_value_of_absurd_length_stays_short(value: object) -> None:
    for field in ("captured_from", "types", "folders", "names", "min_size_mb"):
        if field == "names" and isinstance(value, list):
            value = [["x"] * 10_000]
        with pytest.raises(ConfigurationError) as refused:
            checked({field: value})
        assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("patterns", "fits"),
    [
        (["*"] * MOST_PATTERNS, True),
        (["*"] * (MOST_PATTERNS + 1), False),
        (["n" * PATTERN_LIMIT], True),
        (["n" * (PATTERN_LIMIT + 1)], False),
    ],
)
def test_globs_have_a_bound(patterns: list[str], fits: bool) -> None:
    for name, value in (("names", patterns), ("folders", {"include": patterns})):
        if fits:
            checked({name: value})
        else:
            with pytest.raises(ConfigurationError, match=f"at most {MOST_PATTERNS}"):
                checked({name: value})


def test_many_filters_together_are_refused_before_they_outgrow_the_state_of_a_run() -> None:
    with pytest.raises(ConfigurationError, match=r"'filters' has more than 32 KiB"):
        filters_of({"filters": {"names": ["n" * PATTERN_LIMIT] * MOST_PATTERNS}})


# The environment's and the run's own


def test_the_fields_of_a_run_take_the_place_of_the_lasting_ones() -> None:
    lasting = {"types": ["mp4"], "captured_from": TIME, "kinds": ["video", "photo"]}
    found = filters_of({"filters": {"types": ["mov"], "captured_from": None}}, lasting, "gopro")
    assert found == Filters(types=("mov",), kinds=("video", "photo"))


@pytest.mark.parametrize("given", [{}, {"filters": None}, {"filters": {}}])
def test_a_run_that_says_nothing_has_the_lasting_filters(given: dict[str, Any]) -> None:
    assert filters_of(given, {"types": ["mp4"]}, "gopro") == Filters(types=("mp4",))


def test_a_range_may_not_end_before_it_begins_although_each_end_is_in_another_place() -> None:
    with pytest.raises(ConfigurationError, match=r"'filters\.captured_before' must be later than 'captured_from'"):
        filters_of({"filters": {"captured_before": "2026-01-01T00:00:00Z"}}, {"captured_from": TIME}, "gopro")


@pytest.mark.parametrize("name", OF_ONE_RUN)
def test_what_concerns_one_run_is_no_lasting_filter(name: str) -> None:
    given = {name: True if name == "retry_failed" else ["a"]}
    with pytest.raises(ConfigurationError, match=f"has a field '{name}'; it may have captured_from"):
        checked(given, Place("The environment", "filters.gopro", is_lasting=True))
    with pytest.raises(ConfigError, match=f"has a field '{name}'"):
        check_filters(json.dumps({"gopro": given}))


def test_a_filter_by_which_a_provider_cannot_be_judged_is_refused_by_name() -> None:
    unfit = frozenset({"folders"})
    check_fit(Filters(types=("mp4",)), "gopro", unfit)
    with pytest.raises(ConfigurationError, match=r"'folders' has no meaning for gopro, which has no folders"):
        check_fit(Filters(folders=Folders(exclude=("a",))), "gopro", unfit)
