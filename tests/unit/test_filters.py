"""Which items filters leave out, and why."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from cloud_sync_common.filters import EVERYTHING, WORDS, Filters, Folders, Reason, Selection
from cloud_sync_common.provider_interface import MediaItem
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ITEM = MediaItem(
    media_id="clip",
    filename="GX010042.MP4",
    captured_at="2026-06-01T10:00:00Z",
    uploaded_at="2026-06-02T10:00:00Z",
    size=5_000_000,
    kind="Video",
    folder="Trips/2026/Alps",
)


def reason(item: MediaItem = ITEM, *, ignore_case: bool = False, **filters: Any) -> Reason | None:
    selection = Selection(Filters(**filters), NOW, frozenset({"Photo", "Burst", "photo"}), ignore_case)
    return selection.reason(item)


def item(**changes: Any) -> MediaItem:
    fields = {name: getattr(ITEM, name) for name in ITEM.__struct_fields__}
    return MediaItem(**fields | changes)


def test_without_filters_every_video_is_wanted_and_no_photo() -> None:
    assert reason() is None and reason(MediaItem(media_id="", filename="")) is None
    assert reason(item(kind="Photo")) is reason(item(kind="photo")) is Reason.KINDS


def test_a_listing_of_everything_leaves_nothing_out() -> None:
    selection = Selection(EVERYTHING, NOW)
    assert all(selection.reason(item(kind=kind)) is None for kind in ("Video", "photo", ""))


@pytest.mark.parametrize(
    ("kinds", "video", "photo"),
    [
        (("video",), None, Reason.KINDS),
        (("photo",), Reason.KINDS, None),
        (("photo", "video"), None, None),
    ],
)
def test_kinds_choose_videos_and_photos(kinds: tuple[str, ...], video: Reason | None, photo: Reason | None) -> None:
    assert reason(kinds=kinds) is video
    assert reason(item(kind="Burst"), kinds=kinds) is photo


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-06-01T10:00:00Z", None, None),
        ("2026-06-01T10:00:01Z", None, "out"),
        (None, "2026-06-01T10:00:00Z", "out"),
        (None, "2026-06-01T10:00:01Z", None),
        ("2026-06-01T12:00:00+02:00", "2026-06-01T12:00:01+02:00", None),
    ],
)
@pytest.mark.parametrize("what", ["captured", "uploaded"])
def test_a_range_has_its_start_and_not_its_end(
    what: str, start: str | None, end: str | None, found: str | None
) -> None:
    other = "uploaded" if what == "captured" else "captured"
    clip = item(**{f"{what}_at": "2026-06-01T10:00:00Z", f"{other}_at": "1999-01-01T00:00:00Z"})
    expected = {"captured": Reason.CAPTURED, "uploaded": Reason.UPLOADED}[what] if found else None
    limits: dict[str, Any] = {f"{what}_from": start, f"{what}_before": end}
    assert reason(clip, **limits) is expected


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+14:00", "9f8e7d6c5b4a3f2e"])
def test_a_time_that_nobody_knows_leaves_nothing_out(text: str) -> None:
    clip = item(captured_at=text, uploaded_at=text)
    limits: dict[str, Any] = {
        "captured_from": "2026-01-01T00:00:00Z",
        "uploaded_before": "2020-01-01T00:00:00Z",
        "min_age_days": 9999.0,
    }
    assert reason(clip, **limits) is None


def test_a_time_without_an_offset_is_utc_as_it_is_for_keys() -> None:
    clip = item(captured_at="2026-06-01T10:00:00")
    assert reason(clip, captured_from="2026-06-01T10:00:00Z", captured_before="2026-06-01T10:00:01Z") is None


@pytest.mark.parametrize(
    ("filename", "kind", "types", "fits"),
    [
        ("a.mp4", "Video", ("mp4",), True),
        ("a.MP4", "Video", ("mp4",), True),
        ("a.mov", "Video", ("mp4",), False),
        ("a.mov", "Video", ("mp4", "mov"), True),
        ("mp4", "Video", ("mp4",), False),
        ("a.mp4.zip", "Video", ("mp4",), False),
        ("GS010003.360", "Video", ("360",), True),
        ("VID_0001.insv", "video", ("360",), True),
        ("a.mp4", "Video", ("360",), False),
        ("a.mp4", "TimeLapseVideo", ("timelapse",), True),
        ("a.mp4", "Video", ("timelapse",), False),
        ("Best of winter", "MultiClipEdit", ("edits",), True),
        ("Best of winter", "MultiClipEdit", ("mp4",), False),
        ("Best of winter", "Edit", ("mp4", "edits"), True),
        ("a.mp4", "LoopedVideo", ("looped",), True),
        ("a.mp4", "BurstVideo", ("bursts",), True),
        ("a.mp4", "Livestream", ("livestreams",), True),
        ("a.braw", "video", ("braw",), True),
    ],
)
def test_a_type_is_an_extension_or_a_word_for_a_kind(
    filename: str, kind: str, types: tuple[str, ...], fits: bool
) -> None:
    assert reason(item(filename=filename, kind=kind), types=types) is (None if fits else Reason.TYPES)


FOLDERS = [
    ("Trips/2026/Alps", "Trips", True),
    ("Trips/2026/Alps", "Trips/2026", True),
    ("Trips/2026/Alps", "Trips/2026/Alps", True),
    ("Trips/2026/Alps", "Trips/2026/Alps/Day 1", False),
    ("Trips/2026/Alps", "2026", False),
    ("Trips/2026/Alps", "Trip", False),
    ("Trips/2026/Alps", "Tri*", True),
    ("Trips/2026/Alps", "*/2026", True),
    ("Trips/2026/Alps", "Trips/202?", True),
    ("Trips/2026/Alps", "*/Alps", False),
    ("Trips/2026/Alps", "**/Alps", True),
    ("Alps", "**/Alps", True),
    ("Trips/2026/Alps/Raw", "Trips/**/Raw", True),
    ("Trips/Raw", "Trips/**/Raw", True),
    ("Trips/Raw2", "Trips/**/Raw", False),
    ("a/b/a/c", "**/a/c", True),
    ("a/b/a/c", "a/**/a/**/c", True),
    ("a/b/a/c", "a/**/b/**/b", False),
    ("", "Trips", False),
    ("", "*", False),
    ("", "**", True),
    ("Trips", "**", True),
    ("[2026] Alps", "[2026]*", True),
    ("2 Alps", "[2026]*", False),
]


@pytest.mark.parametrize(("folder", "glob", "fits"), FOLDERS)
def test_a_glob_stands_for_a_folder_and_all_below_it(folder: str, glob: str, fits: bool) -> None:
    clip = item(folder=folder)
    assert reason(clip, folders=Folders(include=(glob,))) is (None if fits else Reason.FOLDERS)
    assert reason(clip, folders=Folders(exclude=(glob,))) is (Reason.FOLDERS if fits else None)


def test_an_excluded_folder_counts_more_than_an_included_one() -> None:
    folders = Folders(include=("Trips", "Home"), exclude=("Trips/*/Alps",))
    assert reason(folders=folders) is Reason.FOLDERS
    assert (
        reason(item(folder="Trips/2026/Sea"), folders=folders) is reason(item(folder="Home"), folders=folders) is None
    )


@pytest.mark.parametrize("ignore_case", [True, False])
def test_the_case_of_a_folder_counts_as_at_the_provider(ignore_case: bool) -> None:
    excluded = Folders(exclude=("TRIPS/2026",))
    assert reason(ignore_case=ignore_case, folders=excluded) is (Reason.FOLDERS if ignore_case else None)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("ignore_case", [True, False])
def test_a_letter_with_its_mark_is_the_same_in_either_form(form: Any, ignore_case: bool) -> None:
    clip = item(folder=unicodedata.normalize(form, "Été/Zürich"), filename=unicodedata.normalize(form, "Über.MP4"))
    for other in ("NFC", "NFD"):
        glob, name = unicodedata.normalize(other, "Été/Zür*"), unicodedata.normalize(other, "ü*")
        assert reason(clip, ignore_case=ignore_case, folders=Folders(include=(glob,)), names=(name,)) is None


@pytest.mark.parametrize(
    ("names", "fits"),
    [(("GX*",), True), (("gx*.mp4",), True), (("GH*", "*42.MP4"), True), (("GH*",), False), (("GX01004",), False),
     (("GX01004?.MP4",), True), (("[GX]*",), False)],
)  # fmt: skip
def test_a_name_fits_one_of_the_globs_whatever_its_case(names: tuple[str, ...], fits: bool) -> None:
    assert reason(names=names) is (None if fits else Reason.NAMES)


@pytest.mark.parametrize(
    ("size", "least", "most", "fits"),
    [(5_000_000, 5.0, 5.0, True), (4_999_999, 5.0, None, False), (5_000_001, None, 5.0, False), (0, 0.1, None, False),
     (0, 0.0, 0.0, True), (None, 1.0, 2.0, True), (5_000_000, None, None, True)],
)  # fmt: skip
def test_sizes_have_both_ends_and_one_that_nobody_knows_fits(
    size: int | None, least: float | None, most: float | None, fits: bool
) -> None:
    assert reason(item(size=size), min_size_mb=least, max_size_mb=most) is (None if fits else Reason.SIZE)


@pytest.mark.parametrize(
    ("uploaded", "captured", "fits"),
    [
        ("2026-11-24T00:00:00Z", "", True),
        ("2026-11-24T00:00:01Z", "2020-01-01T00:00:00Z", False),
        ("", "2026-11-24T00:00:01Z", False),
        ("", "2026-11-24T00:00:00Z", True),
        ("2026-11-26T12:00:00Z", "", False),  # the provider's clock is half a day ahead
        ("", "2099-01-01T00:00:00Z", True),  # a camera's clock is wrong, and the clip would wait for ever
    ],
)
def test_an_age_is_counted_from_the_upload_or_else_from_the_capture(uploaded: str, captured: str, fits: bool) -> None:
    clip = item(uploaded_at=uploaded, captured_at=captured)
    assert reason(clip, min_age_days=2.0) is (None if fits else Reason.AGE)


def test_only_named_ids_are_wanted() -> None:
    assert reason(media_ids=("other", "clip")) is None
    assert reason(media_ids=("other",)) is Reason.MEDIA_IDS


def test_the_first_reason_in_order_is_given_and_each_has_words() -> None:
    everything_wrong: dict[str, Any] = {
        "media_ids": ("other",),
        "kinds": ("photo",),
        "types": ("mov",),
        "folders": Folders(include=("Other",)),
        "names": ("other*",),
        "captured_from": "2027-01-01T00:00:00Z",
        "uploaded_from": "2027-01-01T00:00:00Z",
        "max_size_mb": 1.0,
        "min_age_days": 10_000.0,
    }
    found = []
    while everything_wrong:
        found.append(reason(**everything_wrong))
        del everything_wrong[next(iter(everything_wrong))]
    assert found == list(Reason) == list(WORDS)


@given(st.text("ab/*?", max_size=12), st.text("ab/", max_size=12))
@settings(deadline=None)
def test_a_folder_that_fits_stands_for_all_below_it(glob: str, folder: str) -> None:
    globs, parts = glob.strip("/"), "/".join(filter(None, folder.split("/")))
    if all(globs.split("/")):
        here, below = (
            reason(item(folder=path), folders=Folders(include=(globs,))) for path in (parts, f"{parts}/x".strip("/"))
        )
        assert here is not None or below is None


def test_no_glob_takes_long() -> None:
    hard = "/".join(["**", "*a*a*a*b"] * 40)
    started = time.process_time()
    assert reason(item(folder="/".join(["a" * 200] * 200)), folders=Folders(include=(hard,))) is Reason.FOLDERS
    assert reason(item(filename="a" * 400), names=("*a" * 150 + "*b",)) is Reason.NAMES
    assert time.process_time() - started < 2
