"""Every fault of the menu happens to the requests that its rule selects."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.fake_providers.control import menu
from local.fake_providers.fault_menu import MENU, Endpoint, FaultKind
from local.fake_providers.faults import Fault, FaultError
from local.fake_providers.library import Library
from tests.integration.gopro_client import SIZES, Client, client_of, write_library

SIZE = SIZES["clip.mp4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def gopro(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


def test_all_24_faults_of_the_menu_exist() -> None:
    assert list(MENU) == list(range(1, 25)) and all(MENU.values())
    assert all(kind.__doc__ for kind in FaultKind) and len(menu()) == len(FaultKind)


# Selection of requests


def test_a_fault_can_skip_requests_and_happen_a_number_of_times(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.USER, after=1, times=2)
    gopro.api("/media/search")
    assert [gopro.api("/media/user").status for _ in range(4)] == [200, 500, 500, 200]
    (rule,) = gopro.fake.control.faults()
    assert (rule["seen"], rule["applied"]) == (4, 2)


def test_a_fault_can_affect_one_item_only(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.TRASHED, media_id="clip")
    assert [gopro.api(f"/media/{media_id}/download").status for media_id in ("clip", "chapters")] == [404, 200]
    assert "clip" in gopro.ids()


def test_a_fault_can_affect_one_source_only(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.LINK_REFUSED, media_id="chapters", source=2)
    assert [gopro.fetch(gopro.link("chapters", number)).status for number in (1, 2, 3)] == [200, 403, 200]


def test_a_fault_can_start_and_end_by_the_fakes_clock(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.THROTTLED, delay=60, lasts=30)
    seen = []
    for seconds in (0, 61, 31):
        gopro.fake.control.advance_clock(seconds)
        seen.append(gopro.api("/media/user").status)
    assert seen == [200, 429, 200]


def test_an_invalid_rule_is_refused(gopro: Client) -> None:
    with pytest.raises(FaultError, match="short_page cannot happen at cdn"):
        gopro.fake.control.add_fault(FaultKind.SHORT_PAGE, endpoint=Endpoint.CDN)
    with pytest.raises(FaultError, match="colour"):
        gopro.fake.control.add_fault(FaultKind.SHORT_PAGE, colour="red")
    with pytest.raises(FaultError, match="no fault 'short'"):
        Fault.from_json({"kind": "short"})


# 1 to 4, 21, 23, 24: access


def test_01_an_access_token_expires_after_some_requests_and_a_new_one_works(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, after=2, times=1)
    assert [gopro.api("/media/search").status for _ in range(4)] == [200, 200, 401, 401]
    gopro.renew()
    assert gopro.api("/media/search").status == 200


def test_02_a_refresh_may_return_neither_refresh_token_nor_owner(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.NO_ROTATION)
    gopro.fake.control.add_fault(FaultKind.NO_OWNER_ID)
    answers = [gopro.renew().json() for _ in range(2)]
    assert not {"refresh_token", "resource_owner_id"} & {key for answer in answers for key in answer}


@pytest.mark.parametrize("kind", [FaultKind.TOKEN_BLACKLISTED, FaultKind.INVALID_GRANT])
def test_03_a_valid_refresh_token_is_refused(gopro: Client, kind: FaultKind) -> None:
    gopro.fake.control.add_fault(kind, times=1, status=401)
    refused = gopro.renew()
    assert (refused.status, refused.json()["error"], gopro.renew().status) == (401, kind, 200)


@pytest.mark.parametrize("status", [406, 410, 415])
def test_04_the_contract_changes(gopro: Client, status: int) -> None:
    gopro.fake.control.add_fault(FaultKind.CONTRACT_CHANGED, status=status)
    answer = gopro.api("/media/search")
    assert (answer.status, answer.data) == (status, b"")


@pytest.mark.parametrize("header", [None, 7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_21_a_429_may_have_retry_after_or_not(gopro: Client, header: object) -> None:
    url = gopro.link()
    gopro.fake.control.add_fault(FaultKind.THROTTLED, retry_after=header)
    for answer in (gopro.api("/media/search"), gopro.fetch(url), gopro.renew()):
        assert (answer.status, answer.headers.get("Retry-After")) == (429, None if header is None else str(header))


def test_23_the_edge_blocks_with_html_before_any_other_check(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.EDGE_BLOCKED)
    answer = gopro.api("/media/user", accept=None)
    assert answer.status == 403 and answer.data.startswith(b"<!DOCTYPE HTML")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_24_the_service_fails(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SERVER_ERROR, status=503, retry_after=1)
    answer = gopro.api("/media/search")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


# 5 to 9: listings


def test_05_a_short_page_keeps_its_page_count(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SHORT_PAGE, times=1, rows=2)
    short, full = gopro.search("per_page=5"), gopro.search("per_page=5")
    assert [len(page["_embedded"]["media"]) for page in (short, full)] == [2, 5]
    assert short["_pages"] == full["_pages"]


def test_06_an_upload_between_pages_shifts_the_next_page(gopro: Client) -> None:
    gopro.fake.control.insert_between_pages(after_page=1)
    first, second = gopro.ids("per_page=2&page=1"), gopro.ids("per_page=2&page=2")
    assert first[1] == second[0]
    assert gopro.search()["_pages"]["total_items"] == 7


def test_06_the_upload_may_be_a_given_item(gopro: Client) -> None:
    gopro.fake.control.insert_between_pages(item={"id": "late", "sources": ["one.mp4"]})
    gopro.ids()
    assert len(gopro.fetch(gopro.link("late")).data) == SIZES["one.mp4"]


@pytest.mark.parametrize(
    ("kind", "args", "changed"),
    [
        (FaultKind.FILENAME_NULL, {}, {"filename": None}),
        (FaultKind.FILENAME_EMPTY, {}, {"filename": ""}),
        (FaultKind.FILE_SIZE_NULL, {}, {"file_size": None}),
        (FaultKind.FILE_SIZE_STRING, {}, {"file_size": str(SIZE)}),
        (FaultKind.FILE_SIZE_STALE, {}, {"file_size": SIZE - 3245, "reprocessed_at": "2026-05-06T10:00:00Z"}),
        (FaultKind.STATE_UNKNOWN, {}, {"ready_to_view": "levitating"}),
        (FaultKind.TYPE_UNKNOWN, {"value": "Smellovision"}, {"type": "Smellovision"}),
        (FaultKind.SAME_FILENAME, {}, {"filename": "GX010001.MP4"}),
        (FaultKind.SHOWN_AS_EDIT, {}, {"type": "MultiClipEdit", "file_extension": "json", "file_size": None}),
    ],
)
def test_07_08_09_13_one_row_is_changed_and_the_others_are_not(
    gopro: Client, kind: FaultKind, args: dict[str, Any], changed: dict[str, Any]
) -> None:
    clip, *others = gopro.search()["_embedded"]["media"]
    gopro.fake.control.add_fault(kind, media_id="clip", **args)
    assert gopro.search()["_embedded"]["media"] == [clip | changed, *others]
    assert gopro.api("/media/clip").json() == clip | changed


def test_09_all_items_may_share_one_filename(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SAME_FILENAME)
    assert {row["filename"] for row in gopro.search()["_embedded"]["media"]} == {"GX010001.MP4"}


# 10 to 14, 22: the download response


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [(FaultKind.CHAPTERS_NUMBERED, [1, 2, 3]), (FaultKind.CHAPTERS_UNNUMBERED, [None, None, None])],
)
def test_10_chapters_may_have_numbers_or_none(gopro: Client, kind: FaultKind, numbers: list[int | None]) -> None:
    gopro.fake.control.add_fault(kind)
    assert [chapter.get("item_number") for chapter in gopro.originals("chapters")] == numbers


def test_11_a_proxy_may_have_more_pixels_than_the_source(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.PROXY_TALLEST)
    answer = gopro.download("chapters")
    tallest = max(answer["variations"], key=lambda entry: entry["height"])
    assert tallest["label"] != "source" and answer["files"][0]["height"] > 2160


def test_12_there_may_be_proxies_only(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.NO_SOURCE)
    assert gopro.originals("clip") == [] and gopro.download("clip")["variations"]


def test_13_an_edit_is_served_as_baked_source(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SHOWN_AS_EDIT, media_id="clip")
    (entry,) = gopro.download("clip")["variations"]
    assert (entry["label"], len(gopro.fetch(entry["url"]).data)) == ("baked_source", SIZE)


def test_14_originals_may_be_unavailable(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.UNAVAILABLE)
    assert [entry["available"] for entry in gopro.originals("chapters")] == [False] * 3


def test_22_a_listed_item_may_be_trashed(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.TRASHED)
    assert [gopro.api(f"/media/clip{path}").status for path in ("", "/download")] == [404, 404]


# 15 to 20 and beyond: the CDN


def test_15_the_lifetime_of_links_can_be_set(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.LINK_SECONDS, seconds=60)
    url = gopro.link()
    assert gopro.fetch(url).status == 200
    gopro.fake.control.advance_clock(60)
    assert gopro.fetch(url).status == 403


@pytest.mark.parametrize("status", [401, 403, 410])
def test_15_a_valid_link_may_be_refused(gopro: Client, status: int) -> None:
    gopro.fake.control.add_fault(FaultKind.LINK_REFUSED, times=1, status=status)
    assert [gopro.fetch(gopro.link()).status for _ in range(2)] == [status, 200]


@pytest.mark.parametrize("byte", [0, 1000, SIZE - 1])
def test_16_a_connection_is_cut_at_a_byte(gopro: Client, byte: int) -> None:
    gopro.fake.control.add_fault(FaultKind.CONNECTION_CUT, times=1, byte=byte)
    with pytest.raises(urllib3.exceptions.ProtocolError, match=f"{byte} bytes read"):
        gopro.fetch(gopro.link())
    assert len(gopro.fetch(gopro.link()).data) == SIZE


def test_16_a_response_may_be_lost_after_the_refresh_was_done(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.ANSWER_LOST, endpoint=Endpoint.TOKEN, times=1)
    used = gopro.fake.refresh_token
    with pytest.raises(urllib3.exceptions.ProtocolError):
        gopro.renew()
    assert gopro.renew(refresh_token=used).json()["error"] == "token_blacklisted"


@pytest.mark.parametrize(
    ("kind", "status", "content_range"),
    [
        (FaultKind.RANGE_IGNORED, 200, None),
        (FaultKind.RANGE_REFUSED, 416, f"bytes */{SIZE}"),
        (FaultKind.RANGE_SHIFTED, 206, f"bytes 11-20/{SIZE}"),
    ],
)
def test_17_a_range_is_not_honoured(gopro: Client, kind: FaultKind, status: int, content_range: str | None) -> None:
    gopro.fake.control.add_fault(kind)
    answer = gopro.fetch(gopro.link(), Range="bytes=10-19")
    assert (answer.status, answer.headers.get("Content-Range")) == (status, content_range)


def test_an_html_page_is_sent_with_status_200(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.PAGE_INSTEAD, times=1)
    page, media = gopro.fetch(gopro.link()), gopro.fetch(gopro.link())
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert len(media.data) == SIZE


def test_18_an_object_is_replaced_under_its_link(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=1)
    url = gopro.link()
    before, after = gopro.fetch(url), gopro.fetch(url)
    assert before.headers["ETag"] != after.headers["ETag"] and before.data != after.data
    assert len(before.data) == len(after.data)
    assert gopro.fetch(url, If_Match=before.headers["ETag"]).status == 412


def test_19_20_the_cdn_refuses_valid_requests(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.AUTHORIZATION_REFUSED, times=1)
    gopro.fake.control.add_fault(FaultKind.HEAD_REFUSED)
    (original,) = gopro.originals("clip")
    assert [gopro.fetch(original["url"]).status for _ in range(2)] == [400, 200]
    assert gopro.fetch(original["head"], "HEAD").status == 403


def test_a_slow_connection_keeps_its_rate(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SLOW, bytes_per_second=SIZE * 2)
    started = time.monotonic()
    assert len(gopro.fetch(gopro.link()).data) == SIZE
    assert 0.4 < time.monotonic() - started < 5


def test_a_slow_connection_is_slow_no_longer_once_its_rule_is_taken_back(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.SLOW, bytes_per_second=SIZE // 600)  # ten minutes
    answer = gopro.http.request("GET", gopro.link(), preload_content=False)
    first = answer.read(SIZE // 6000)
    gopro.fake.control.clear_faults()
    started = time.monotonic()
    assert len(first + answer.read()) == SIZE
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("byte", [0, 1000])
def test_a_transfer_stalls_without_closing(gopro: Client, byte: int) -> None:
    gopro.fake.control.add_fault(FaultKind.STALL, endpoint=Endpoint.CDN, byte=byte)
    answer = gopro.http.request("GET", gopro.link(), preload_content=False, timeout=0.2)
    assert answer.read(byte) == b"" if byte == 0 else len(answer.read(byte)) == byte
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        answer.read(1)


def test_the_api_stalls_without_a_response(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.STALL, endpoint=Endpoint.USER)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        gopro.http.request("GET", f"{gopro.fake.base_url}/media/user", timeout=0.2)


def test_one_byte_is_corrupted_and_the_etag_is_unchanged(gopro: Client) -> None:
    good = gopro.fetch(gopro.link())
    gopro.fake.control.add_fault(FaultKind.BYTES_CORRUPTED, byte=270_000)
    bad, part = gopro.fetch(gopro.link()), gopro.fetch(gopro.link(), Range="bytes=269999-270001")
    assert [at for at in range(SIZE) if good.data[at] != bad.data[at]] == [270_000]
    assert part.data == bad.data[269_999:270_002] and good.headers["ETag"] == bad.headers["ETag"]


# Beyond the menu: odd rows, and what stands between the service and its client


def test_a_refresh_may_be_odd_beside_its_tokens(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.RENEWAL_ODD)
    renewed = gopro.renew()
    assert renewed.status == 201 and renewed.json()["resource_owner_id"] == 4711
    assert isinstance(renewed.json()["expires_in"], str)
    assert gopro.fake.control.stats()["token_refreshes"] == 1


def test_a_gateway_answers_instead_of_the_service(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.GATEWAY_ANSWER, endpoint=Endpoint.SEARCH, times=1, status=202, body="")
    gopro.fake.control.add_fault(FaultKind.GATEWAY_ANSWER, endpoint=Endpoint.SEARCH, after=1, times=1)
    answers = [gopro.api("/media/search") for _ in range(3)]
    assert [(found.status, bool(found.data)) for found in answers] == [(202, False), (200, True), (200, True)]
    assert b"<html>" in answers[1].data and answers[2].json()


def test_a_video_is_refused_although_the_token_is_accepted(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.REFUSED, media_id="clip", times=1)
    assert [gopro.api(f"/media/{name}/download").status for name in ("chapters", "clip", "clip")] == [200, 401, 200]
    assert gopro.api("/media/user").status == 200


def test_an_answer_may_begin_with_a_byte_order_mark(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.BYTE_ORDER_MARK)
    assert gopro.api("/media/search").data.startswith(b"\xef\xbb\xbf{")


def test_a_row_has_odd_values_or_comes_twice(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.ROW_ODD, media_id="clip")
    gopro.fake.control.add_fault(FaultKind.ROW_REPEATED, media_id="chapters")
    page = gopro.api("/media/search").json()
    rows = page["_embedded"]["media"]
    assert [row["id"] for row in rows].count("chapters") == 2 and page["_pages"]["total_items"] == len(rows)
    assert [row["file_size"] for row in rows if row["id"] == "clip"] == [1e5]


def test_a_body_without_a_length_ends_where_its_connection_ends(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.LENGTH_MISSING, times=1)
    gopro.fake.control.add_fault(FaultKind.LENGTH_MISSING, after=1, percent=60)
    url = gopro.link()
    whole, short = gopro.fetch(url, Range="bytes=10-19"), gopro.fetch(url)
    assert [(found.status, found.version, len(found.data)) for found in (whole, short)] == [
        (200, 10, SIZE),
        (200, 10, SIZE * 60 // 100),
    ]
    assert "Content-Length" not in whole.headers and whole.data.startswith(short.data)


def test_an_original_is_empty(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.EMPTY)
    url = gopro.link()
    part, whole = gopro.fetch(url, Range="bytes=0-0"), gopro.fetch(url)
    assert (part.status, part.headers.get("Content-Range"), whole.status, whole.data) == (416, None, 200, b"")


def test_an_etag_is_long_and_another_one_for_another_version(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.ETAG_LONG)
    gopro.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=1)
    url = gopro.link()
    first, second = (gopro.fetch(url).headers["ETag"] for _ in range(2))
    assert len(first) > 3000 and first != second


def test_a_link_has_raw_characters_and_works_when_they_are_encoded(gopro: Client) -> None:
    gopro.fake.control.add_fault(FaultKind.LINK_RAW)
    url = gopro.link()
    assert url.endswith('attachment; filename="Über uns.MP4"')
    assert len(gopro.fetch(url).data) == SIZE
