"""Filters that do not fit, each with the field that the sentence about it names, and what it says of the fix."""

from __future__ import annotations

from typing import Any

TIME = "2026-01-31T00:00:00Z"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"type": ["mp4"]}, "type", "did you mean '?types'?"),
    ({"captured_form": TIME}, "captured_form", "did you mean '?captured_from'?"),
    *(
        ({f"captured_{end}": TIME}, f"captured_{end}", "did you mean '?captured_before'?")
        for end in ("to", "until", "end")
    ),
    ({"uploaded_after": TIME}, "uploaded_after", "did you mean '?uploaded_from'?"),
    ({"Uploaded-Since": TIME}, "Uploaded-Since", "did you mean '?uploaded_from'?"),
    ({"sizes": 7}, "sizes", "may have captured_from"),
    *(
        ({field: value}, field, TIME)
        for field in ("captured_from", "captured_before", "uploaded_from", "uploaded_before")
        for value in (
            "yesterday",
            "",
            "2026-01-31",
            "2026-01-31T00:00:00",
            "0001-01-01T00:00:00+14:00",
            20260131,
            [TIME],
        )
    ),
    ({"captured_from": TIME, "captured_before": TIME}, "captured_before", "must be later than"),
    ({"uploaded_from": TIME, "uploaded_before": "2026-01-30T00:00:00Z"}, "uploaded_before", "must be later than"),
    *(
        ({"kinds": value}, "kinds", '"video", "photo" or both')
        for value in ("video", [], ["videos"], ["audio"], [1], {})
    ),
    ({"types": "mp4"}, "types", '"mp4"'),
    ({"types": [360]}, "types", '"360"'),
    ({"types": [""]}, "types", '"mp4"'),
    ({"types": ["mp4", " "]}, "types", '"mp4"'),
    ({"types": ["photos"]}, "types", "kinds|file types"),
    ({"types": ["video"]}, "types", "kinds|file types"),
    ({"types": ["time-lapse"]}, "types", "timelapse"),
    ({"types": ["edit"]}, "types", "edits"),
    ({"types": ["video/mp4"]}, "types", '"mp4"'),
    ({"types": ["hologram"]}, "types", "timelapse"),
    ({"names": "GX*"}, "names", "GX"),
    ({"names": ["Trips/GX*"]}, "names", "folder"),
    ({"names": [None]}, "names", "GX"),
    ({"folders": ["Trips"]}, "folders", "include"),
    ({"folders": "Trips"}, "folders", "include"),
    ({"folders": {"only": ["Trips"]}}, "folders", "include"),
    ({"folders": {"include": "Trips"}}, "folders", "include"),
    ({"folders": {"include": ["Trips", ""]}}, "folders", "include"),
    ({"folders": {"exclude": ["/"]}}, "folders", "exclude"),
    *(
        ({"folders": {"exclude": [value]}}, "folders", "exclude")
        for value in ("a//b", "Trips\\2026", "..", "a/../b", "./a", "a/ /b")
    ),
    *(
        ({field: value}, field, "number")
        for field in ("min_size_mb", "max_size_mb", "min_age_days")
        for value in ("100", "100 MB", -1, True, [1], float("nan"), float("inf"), 10**400)
    ),
    ({"min_size_mb": 2, "max_size_mb": 1}, "max_size_mb", "must not be smaller than"),
]
OF_ONE_RUN: list[tuple[dict[str, Any], str, str]] = [
    ({"media_ids": "one"}, "media_ids", "list"),
    ({"media_ids": [1]}, "media_ids", "list"),
    ({"media_ids": [""]}, "media_ids", "none of them empty"),
    ({"retry_failed": "yes"}, "retry_failed", "true or false"),
    ({"retry_failed": 1}, "retry_failed", "true or false"),
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"types": ["mp4"]},
    {"types": [".MP4", "*.mov", "360", "timelapse", "edits", "braw", "insv", "3gp"]},
    {"kinds": ["photo"]},
    {"kinds": ["video", "photo"], "names": ["GX*.MP4", "?.mov"]},
    {"folders": {"include": ["Trips/*", "/2026/**/Raw/"], "exclude": ["Private"]}},
    {"folders": {}},
    {"folders": {"include": None}},
    {"min_size_mb": 0, "max_size_mb": 0.5, "min_age_days": 1.5},
    {"captured_from": TIME, "captured_before": "2026-01-31T00:00:01Z", "uploaded_from": "2026-01-31T02:00:00+02:00"},
    {"captured_from": None, "types": None, "folders": None, "min_size_mb": None},
]
