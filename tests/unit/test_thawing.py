"""Thawing: what a listing of versions says, in few pages, and what each of S3's answers means for a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.stores.restore_jobs import FileState, Tier
from cloud_sync_common.stores.thawing import GONE, NO_KEY, NOT_ALLOWED, Place, Seen, Thawing

from tests.unit.frozen_bucket import Frozen, FrozenBucket


def thawing(bucket: FrozenBucket) -> Thawing:
    return Thawing(cast(Any, bucket), "archive")


def look(bucket: FrozenBucket, *places: Place) -> dict[Place, Seen | None]:
    bucket.pages.clear()
    return dict(thawing(bucket).look(places))


def places(count: int, folder: str = "gopro") -> list[Place]:
    return [(f"{folder}/{number:04d}.mp4", "v") for number in range(count)]


def test_one_page_covers_all_that_is_on_it() -> None:
    bucket = FrozenBucket({place: Frozen() for place in places(500)})
    seen = look(bucket, *places(500))
    assert len(bucket.pages) == 1 and list(seen) == places(500)
    assert all(one and not one.is_hot and not one.is_thawed and not one.is_thawing for one in seen.values())


def test_what_is_not_looked_for_is_jumped_over() -> None:
    bucket = FrozenBucket({place: Frozen() for place in places(300)}, page_size=10)
    wanted = [places(300)[number] for number in (3, 5, 150, 299)]
    assert list(look(bucket, *wanted)) == wanted
    assert len(bucket.pages) == 3


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 1_000])
def test_every_version_is_found_wherever_a_page_ends_and_what_is_missing_is_gone(page_size: int) -> None:
    there = [(f"{folder}/{key}", f"v{number}") for folder in "ab" for key in "xyz" for number in range(5)]
    bucket = FrozenBucket({place: Frozen(is_latest=place[1] == "v0") for place in there}, page_size=page_size)
    missing = [("a/w", "v1"), ("a/x", "v9"), ("b/zz", "v1"), ("c", "v1"), ("d/x", "")]
    seen = look(bucket, *there, *missing)
    assert {place for place, one in seen.items() if one is None} == set(missing)
    assert {place for place, one in seen.items() if one is not None} == set(there)


def test_without_a_version_the_current_one_is_meant() -> None:
    bucket = FrozenBucket({("k", "v1"): Frozen(is_latest=False), ("k", "v2"): Frozen("STANDARD")})
    assert (seen := look(bucket, ("k", ""))["k", ""]) and seen.is_hot


def test_it_ends_where_there_is_no_time_for_another_page() -> None:
    bucket = FrozenBucket({place: Frozen() for place in places(30)}, page_size=10)
    left = iter([True, True, False])
    assert len(list(thawing(bucket).look(places(30), goes_on=lambda: next(left)))) == 20


def test_a_thawed_copy_is_ready_until_it_ends_in_utc() -> None:
    until = datetime.fromisoformat("2099-12-05T01:00:00+01:00")
    bucket = FrozenBucket(
        {("k", "v"): Frozen(until=until), ("past", "v"): Frozen(until=datetime(2020, 1, 1, tzinfo=UTC))}
    )
    seen = look(bucket, ("k", "v"), ("past", "v"))
    assert (thawed := seen["k", "v"]) and thawed.is_thawed and thawed.lasts(300)
    assert (thawed.ready.state, thawed.ready.ready_until) == (FileState.READY, "2099-12-05T00:00:00+00:00")
    assert (past := seen["past", "v"]) and not past.is_thawed and not past.lasts(0)


def test_s3_is_asked_for_a_version_with_tier_and_days() -> None:
    bucket = FrozenBucket({("k", "v"): Frozen()})
    assert thawing(bucket).ask(("k", "v"), Tier.BULK, 7).state is FileState.REQUESTED
    assert bucket.asked == [("k", "v", "Bulk", 7)]


@pytest.mark.parametrize(
    ("code", "state", "problem"),
    [
        ("RestoreAlreadyInProgress", FileState.REQUESTED, ""),
        ("InvalidObjectState", FileState.READY, ""),
        ("ObjectAlreadyInActiveTierError", FileState.READY, ""),
        ("NoSuchKey", FileState.FAILED, GONE),
        ("NoSuchVersion", FileState.FAILED, GONE),
        ("AccessDenied", FileState.FAILED, NOT_ALLOWED),
        ("KMS.DisabledException", FileState.FAILED, NO_KEY),
        ("KMS.NotFoundException", FileState.FAILED, NO_KEY),
        ("KMS.KMSInvalidStateException", FileState.FAILED, NO_KEY),
    ],
)
def test_a_refusal_of_one_object_is_the_state_of_its_files(code: str, state: FileState, problem: str) -> None:
    outcome = thawing(FrozenBucket(refused={"k": code})).ask(("k", "v"), Tier.BULK, 7)
    assert (outcome.state, outcome.problem) == (state, problem)


@pytest.mark.parametrize("code", ["SlowDown", "ServiceUnavailable", "InternalError", "KMS.ThrottlingException"])
def test_what_passes_is_left_to_a_later_attempt(code: str) -> None:
    bucket = FrozenBucket(refused={"k": code, "": code})
    with pytest.raises(ArchiveUnavailableError, match="having an object thawed"):
        thawing(bucket).ask(("k", "v"), Tier.BULK, 7)
    with pytest.raises(ArchiveUnavailableError, match="seeing how far"):
        look(bucket, ("k", "v"))


@pytest.mark.parametrize("code", ["NoSuchBucket", "MalformedXML"])
def test_what_a_person_has_to_see_to_stops_the_job(code: str) -> None:
    bucket = FrozenBucket(refused={"k": code, "": code})
    with pytest.raises(ConfigurationError, match=code):
        thawing(bucket).ask(("k", "v"), Tier.BULK, 7)
    with pytest.raises(ConfigurationError, match=code):
        look(bucket, ("k", "v"))


def test_an_empty_answer_is_no_list_in_which_everything_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = FrozenBucket({place: Frozen() for place in places(1)})
    monkeypatch.setattr(bucket, "list_object_versions", lambda **_given: {})
    with pytest.raises(ArchiveUnavailableError, match="empty answer"):
        look(bucket, *places(1))
