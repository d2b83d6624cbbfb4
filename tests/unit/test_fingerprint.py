"""What identifies a version of a source: everything there is; and where nothing is, nothing agrees."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint

MONDAY, TUESDAY = "Mon, 02 Nov 2026 10:00:00 GMT", "Tue, 03 Nov 2026 10:00:00 GMT"
FULL = Fingerprint(10, '"e"', MONDAY, "md5:0")


@pytest.mark.parametrize("etag", ['"e"', 'W/"e"', ""])
@pytest.mark.parametrize(
    "change", [{"size": 11}, {"etag": '"f"'}, {"last_modified": TUESDAY}, {"listed": "md5:1"}], ids=str
)
def test_whatever_differs_is_another_version(etag: str, change: dict[str, object]) -> None:
    version = replace(FULL, etag=etag)
    another = replace(version, **change)  # type: ignore[arg-type]
    assert version.contradicts(another) and another.contradicts(version) and not version.agrees_with(another)


@pytest.mark.parametrize("etag", ["", '""', 'W/"e"', 'w/"e"'])
def test_a_weak_or_missing_etag_is_never_taken_for_agreement(etag: str) -> None:
    version = Fingerprint(10, etag)
    assert not version.agrees_with(version) and not version.is_certain and not version.has_strong_etag


@pytest.mark.parametrize("shown", [{"etag": '"e"'}, {"last_modified": MONDAY}, {"listed": "md5:0"}], ids=str)
def test_one_thing_that_is_the_same_is_enough_where_nothing_differs(shown: dict[str, str]) -> None:
    version = replace(Fingerprint(10, ""), **shown)  # type: ignore[arg-type]
    assert version.agrees_with(version) and version.is_certain


def test_what_one_side_does_not_state_is_left_to_a_strong_etag() -> None:
    dated, bare = Fingerprint(10, '"e"', MONDAY), Fingerprint(10, '"e"')
    assert dated.agrees_with(bare) and bare.agrees_with(dated)
    dated, bare = replace(dated, etag=""), replace(bare, etag="")
    assert dated.contradicts(bare) and bare.contradicts(dated)


def test_a_source_that_states_no_size_contradicts_none() -> None:
    assert FULL.agrees_with(replace(FULL, size=UNKNOWN)) and replace(FULL, size=UNKNOWN).agrees_with(FULL)


def test_only_a_strong_etag_makes_the_date_dispensable() -> None:
    assert FULL.undated.agrees_with(replace(FULL, last_modified=TUESDAY).undated)
    for change in ({"size": 11}, {"etag": '"f"'}, {"listed": "md5:1"}):
        assert FULL.undated.contradicts(replace(FULL, **change).undated)  # type: ignore[arg-type]
    for etag in ("", '""', 'W/"e"', 'w/"e"'):
        version = replace(FULL, etag=etag)
        assert version.undated == version and version.undated.contradicts(replace(version, last_modified=TUESDAY))


def test_an_answer_goes_on_only_where_what_identified_the_first_is_not_missing() -> None:
    listed, bare, dated = Fingerprint(10, "", "", "rev"), Fingerprint(10, ""), Fingerprint(10, "", MONDAY)
    assert listed.continues(listed) and dated.continues(dated) and bare.continues(bare) and listed.continues(bare)
    assert not bare.continues(listed) and not replace(listed, listed="rev-2").continues(listed)
    assert replace(FULL, listed="").continues(FULL), "the strong ETag has shown it"


def test_what_is_only_listed_is_not_shown_by_the_answers() -> None:
    assert not Fingerprint(10, "", "", "rev").shows_itself and not Fingerprint(10, 'W/"e"', "", "rev").shows_itself
    assert FULL.shows_itself and Fingerprint(10, "", MONDAY).shows_itself and Fingerprint(10, '"e"').shows_itself
