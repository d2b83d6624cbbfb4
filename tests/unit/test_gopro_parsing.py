"""What the provider makes of the rows of GoPro Cloud's listing, and how it reads its pages."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import ProviderUnavailableError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Filters, MediaItem, MediaPage
from cloud_sync_common.providers.gopro import ACCEPT, PER_PAGE, VIDEO_TYPES, GoPro
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gopro_service import ROW, TOKEN, Service, answer, search


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def listed(service: Service, *rows: dict[str, Any]) -> MediaPage:
    service.answers = [answer(search(*rows))]
    return GoPro().list_media(TOKEN, None, Filters())


def item(service: Service, **changes: Any) -> MediaItem:
    (found,) = listed(service, ROW | changes).items
    return found


# Rows


def test_an_ordinary_row_becomes_an_item(service: Service) -> None:
    assert item(service) == MediaItem(
        media_id="65a0f0c2b7e4d1a2c3b4d5e6",
        filename="GX010001.MP4",
        captured_at="2026-01-02T10:00:00Z",
        revision="/1",
        size=8_123_456_789,
        kind="Video",
        source_count=1,
        uploaded_at="2026-01-03T08:00:00Z",
    )


@pytest.mark.parametrize(
    ("claimed", "size"), [(None, None), ("402193", 402193), (0, 0), ("", None), ("large", None), ("1e3", None)]
)
def test_a_size_of_any_shape_never_drops_the_video(service: Service, claimed: Any, size: int | None) -> None:
    assert item(service, file_size=claimed).size == size


@pytest.mark.parametrize(
    ("name", "extension", "filename"),
    [
        (None, "mp4", "65a0f0c2b7e4d1a2c3b4d5e6.mp4"),
        ("", "MOV", "65a0f0c2b7e4d1a2c3b4d5e6.mov"),
        (None, None, "65a0f0c2b7e4d1a2c3b4d5e6.mp4"),
        (None, "json", "65a0f0c2b7e4d1a2c3b4d5e6.mp4"),
        ("Best of winter", "json", "Best of winter"),
    ],
)
def test_a_video_without_a_name_is_named_after_its_id(
    service: Service, name: str | None, extension: str | None, filename: str
) -> None:
    assert item(service, filename=name, file_extension=extension).filename == filename


@pytest.mark.parametrize(
    ("captured", "created", "taken"), [(None, "2026-01-03T08:00:00Z", "2026-01-03T08:00:00Z"), (None, None, "")]
)
def test_without_a_capture_time_the_upload_time_is_used(
    service: Service, captured: str | None, created: str | None, taken: str
) -> None:
    assert item(service, captured_at=captured, created_at=created).captured_at == taken


@pytest.mark.parametrize(("count", "sources"), [(3, 3), ("3", 3), (None, 1), (0, 1), ("many", 1)])
def test_the_number_of_files_comes_in_any_shape(service: Service, count: Any, sources: int) -> None:
    assert item(service, item_count=count).source_count == sources


def test_a_revision_is_the_same_in_whatever_shape_the_number_of_files_comes(service: Service) -> None:
    assert {item(service, item_count=count).revision for count in (2, "2", 2.0, " 2 ", "2.0")} == {"/2"}
    assert {item(service, item_count=count).revision for count in (1, None, "", 0)} == {"/1"}
    assert item(service, item_count="many").revision not in ("/1", "/many")


def test_a_revision_changes_with_the_content_and_not_with_the_title(service: Service) -> None:
    first = item(service).revision
    assert item(service, updated_at="2027-01-01T00:00:00Z", content_title="Holiday", file_size=1).revision == first
    reprocessed = item(service, reprocessed_at="2026-03-12T04:00:00Z").revision
    assert len({first, reprocessed, item(service, item_count=2).revision}) == 3


@pytest.mark.parametrize(
    "kind", ["Video", "TimeLapseVideo", "LoopedVideo", "ExternalVideo", "MultiClipEdit", "Chaptered", "Livestream"]
)
def test_every_type_with_moving_pictures_is_a_video(service: Service, kind: str) -> None:
    assert item(service, type=kind).kind == kind


@pytest.mark.parametrize("kind", ["Photo", "Burst", "TimeLapse", "Session", "Audio"])
def test_stills_and_sound_are_not_videos(service: Service, kind: str) -> None:
    page = listed(service, ROW | {"type": kind})
    assert (page.items, page.waiting, page.ignored) == ((), (), (ROW["id"],))


@pytest.mark.parametrize("kind", ["Hologram", None])
@pytest.mark.parametrize(
    ("extension", "is_video"), [("mp4", True), ("MOV", True), ("360", True), ("jpg", False), (None, False)]
)
def test_the_extension_decides_for_an_unknown_type(
    service: Service, kind: str | None, extension: str | None, is_video: bool
) -> None:
    page = listed(service, ROW | {"type": kind, "file_extension": extension})
    assert (len(page.items), len(page.ignored)) == ((1, 0) if is_video else (0, 1))


@pytest.mark.parametrize("state", ["transcoding", "uploading", "registered", "failure", "live", "levitating", "", None])
def test_a_video_in_any_other_state_than_ready_waits(service: Service, state: str | None) -> None:
    page = listed(service, ROW | {"ready_to_view": state})
    assert (page.items, page.waiting, page.ignored) == ((), (ROW["id"],), ())


def test_every_row_of_a_page_is_in_one_of_its_groups(service: Service) -> None:
    rows = [
        ROW | {"id": f"id{number}", "type": kind, "ready_to_view": state}
        for number, (kind, state) in enumerate(
            (kind, state) for kind in ("Video", "Photo", "Hologram", None) for state in ("ready", "live", None)
        )
    ]
    page = listed(service, *rows)
    assert sorted(page.ids) == sorted(str(row["id"]) for row in rows) and page.total == len(rows)


# Pages


@given(total=st.integers(0, 400))
@settings(deadline=None)
def test_the_pages_cover_the_whole_listing_and_then_end(total: int) -> None:
    cursor, pages, rows = None, 0, 0
    with pytest.MonkeyPatch.context() as patch:
        while pages == 0 or cursor is not None:
            pages += 1
            on_page = min(PER_PAGE, total - rows)
            body = search(*[ROW | {"id": f"id{rows + n}"} for n in range(on_page)], total=total, page=pages)
            patch.setattr(http_client, "request", Service([answer(body)]).request)
            page = GoPro().list_media(TOKEN, cursor, Filters())
            rows, cursor = rows + len(page.ids), page.next_cursor
    assert rows == total and pages == max(1, -(-total // PER_PAGE))


@pytest.mark.parametrize(("total", "page", "rows"), [(212, 1, 12), (212, 5, 11), (60, 2, 0), (1, 1, 0)])
def test_a_short_page_is_transient_even_if_its_counts_are_correct(
    service: Service, total: int, page: int, rows: int
) -> None:
    body = search(*[ROW | {"id": f"id{number}"} for number in range(rows)], total=total, page=page)
    service.answers = [answer(body)]
    with pytest.raises(ProviderUnavailableError, match=f"{rows} rows"):
        GoPro().list_media(TOKEN, f"videos {page}", Filters())


def test_a_page_is_requested_with_the_token_the_versioned_type_and_the_fields_we_use(service: Service) -> None:
    service.answers = [answer(search(total=PER_PAGE * 2))]
    GoPro("https://api.example").list_media(TOKEN, "videos 3", Filters())
    (asked,) = service.asked
    assert (asked["method"], asked["url"]) == ("GET", "https://api.example/media/search")
    assert asked["headers"] == {"Accept": ACCEPT, "Authorization": f"Bearer {TOKEN}"}
    assert (asked["query"]["page"], asked["query"]["per_page"]) == (3, PER_PAGE)
    assert set(ROW) <= set(asked["query"]["fields"].split(","))


def test_a_listing_asks_for_videos_only_if_it_knows_every_type(service: Service) -> None:
    service.answers = [answer(search(total=40)), answer(search(total=40)), answer(search(ROW))]
    page = GoPro().list_media(TOKEN, None, Filters())
    everything, known, listed = (asked["query"].get("type") for asked in service.asked)
    assert everything is None and "Photo" in known.split(",")
    assert set(VIDEO_TYPES) <= set(listed.split(",")) and "Photo" not in listed
    assert page.next_cursor is None


def test_a_listing_asks_for_everything_if_there_is_an_unknown_type(service: Service) -> None:
    rows = [ROW | {"id": f"id{number}", "type": "Hologram"} for number in range(PER_PAGE)]
    service.answers = [answer(search(total=60)), answer(search(total=59)), answer(search(*rows, total=60))]
    page = GoPro().list_media(TOKEN, None, Filters())
    assert "type" not in service.asked[2]["query"]
    service.answers = [answer(search(*rows[:10], total=60, page=2))]
    GoPro().list_media(TOKEN, page.next_cursor, Filters())
    assert "type" not in service.asked[3]["query"]


@pytest.mark.parametrize(
    ("filters", "asked"),
    [
        (Filters(), None),
        (
            Filters(captured_from="2026-01-01T00:00:00Z", captured_before="2026-02-01T00:00:00Z"),
            "2026-01-01T00:00:00Z,2026-02-01T00:00:00Z",
        ),
        (Filters(captured_from="2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z,2199-01-01T00:00:00Z"),
        (Filters(captured_before="2026-01-01T00:00:00Z"), "1970-01-01T00:00:00Z,2026-01-01T00:00:00Z"),
    ],
)
def test_a_range_of_capture_times_always_has_both_ends(service: Service, filters: Filters, asked: str | None) -> None:
    service.answers = [answer(search())]
    GoPro().list_media(TOKEN, None, filters)
    ranges = [call["query"].get("captured_range") for call in service.asked]
    assert ranges == [asked] * 3 + ([None] if asked else []), "the last one counts what the others do not show"


# Photos, and what is left out

BOTH = Filters(kinds=("video", "photo"))


@pytest.mark.parametrize("kind", ["Photo", "Burst", "TimeLapse"])
def test_photos_are_items_if_they_are_wanted(service: Service, kind: str) -> None:
    rows = [ROW | {"type": kind, "filename": "GOPR0905.JPG", "file_extension": "jpg"}, ROW | {"id": "clip"}]
    service.answers = [answer(search(*rows))]
    page = GoPro().list_media(TOKEN, None, BOTH)
    assert [(item.media_id, item.kind, item.filename) for item in page.items] == [
        (ROW["id"], kind, "GOPR0905.JPG"), ("clip", "Video", "GX010001.MP4"),
    ]  # fmt: skip
    assert page.left_out == {} and GoPro.capabilities.photo_kinds == {"Photo", "Burst", "TimeLapse"}


@pytest.mark.parametrize("kind", ["Session", "Audio"])
def test_what_is_neither_video_nor_photo_is_never_an_item(service: Service, kind: str) -> None:
    service.answers = [answer(search(ROW | {"type": kind}))]
    page = GoPro().list_media(TOKEN, None, BOTH)
    assert (page.items, page.ignored, page.left_out) == ((), (ROW["id"],), {"kinds": 1})


@pytest.mark.parametrize("kind", ["Hologram", "Continuous", None])
def test_the_extension_shows_a_photo_of_an_unknown_type(service: Service, kind: str | None) -> None:
    service.answers = [answer(search(ROW | {"type": kind, "file_extension": "JPG"}))]
    (item,) = GoPro().list_media(TOKEN, None, BOTH).items
    assert item.kind == "Photo"


def test_a_photo_without_a_name_or_an_extension_is_named_after_its_id(service: Service) -> None:
    service.answers = [answer(search(ROW | {"type": "Photo", "filename": None, "file_extension": None}))]
    (item,) = GoPro().list_media(TOKEN, None, BOTH).items
    assert item.filename == f"{ROW['id']}.jpg"


def test_a_photo_that_is_not_ready_waits(service: Service) -> None:
    service.answers = [answer(search(ROW | {"type": "Photo", "ready_to_view": "uploading"}))]
    assert GoPro().list_media(TOKEN, None, BOTH).waiting == (ROW["id"],)


def test_a_listing_with_photos_asks_for_their_types_too(service: Service) -> None:
    service.answers = [answer(search(total=40)), answer(search(total=40)), answer(search(ROW))]
    GoPro().list_media(TOKEN, None, BOTH)
    types = service.asked[2]["query"]["type"].split(",")
    assert {*VIDEO_TYPES, "Photo", "Burst", "TimeLapse"} <= set(types) and "Audio" not in types


def test_the_first_page_counts_what_it_does_not_ask_for(service: Service) -> None:
    service.answers = [answer(search(total=40)), answer(search(total=40)), answer(search(ROW))]
    assert GoPro().list_media(TOKEN, None, Filters()).left_out == {"kinds": 39}


def test_the_first_page_counts_what_is_outside_of_the_range_of_capture_times(service: Service) -> None:
    service.answers = [
        answer(search(total=40)),
        answer(search(total=40)),
        answer(search(ROW)),
        answer(search(total=90)),
    ]
    page = GoPro().list_media(TOKEN, None, Filters(captured_from="2026-01-01T00:00:00Z"))
    assert page.left_out == {"kinds": 39, "captured": 50}


def test_a_later_page_counts_only_its_own_rows(service: Service) -> None:
    service.answers = [answer(search(ROW, ROW | {"id": "photo", "type": "Photo"}, total=52, page=2))]
    page = GoPro().list_media(TOKEN, "everything 2", Filters(captured_from="2026-01-01T00:00:00Z"))
    assert page.left_out == {"kinds": 1} and len(service.asked) == 1
