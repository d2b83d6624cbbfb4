"""A change of GoPro's API stops the run and logs the shape of the response; it never looks like "nothing new"."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.providers.gopro import GoPro

from tests.unit.gopro_service import ROW, TOKEN, Service, answer, download, search, variation

CLIP = MediaItem(media_id="65a0f0c2b7e4d1a2c3b4d5e6", filename="GX010001.MP4")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """The lines that were logged."""
    lines = io.StringIO()
    for handler in logger.handlers:
        monkeypatch.setattr(handler, "stream", lines)
    return lambda: [json.loads(line) for line in lines.getvalue().splitlines()]


def listed(service: Service, body: Any) -> None:
    service.answers = [answer(body, Content_Type="application/json")]
    GoPro().list_media(TOKEN, "videos 1", Filters())


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize("field", ["id", "type", "ready_to_view"])
def test_rows_without_a_required_field_stop_the_run(service: Service, field: str) -> None:
    with pytest.raises(ProviderContractError, match=field):
        listed(service, search(*[without(ROW, field)] * 3))


def test_a_row_in_which_a_required_field_is_null_is_no_change_of_the_api(service: Service) -> None:
    listed(service, search(ROW | {"type": None}, ROW | {"id": "2", "ready_to_view": None}))


def test_one_odd_row_among_others_is_no_change_of_the_api(service: Service) -> None:
    listed(service, search(ROW, without(ROW, "ready_to_view") | {"id": "2"}))


def test_an_empty_library_is_no_change_of_the_api(service: Service) -> None:
    listed(service, search())


@pytest.mark.parametrize("field", ["label", "url"])
def test_links_without_a_required_field_stop_the_run(service: Service, field: str) -> None:
    service.answers = [answer(download(without(variation(), field), without(variation("mp4_low"), field)))]
    with pytest.raises(ProviderContractError, match=field):
        GoPro().sources(TOKEN, CLIP)


@pytest.mark.parametrize("status", [406, 410, 415, 400, 418])
def test_an_unknown_status_stops_the_run_and_is_logged(
    service: Service, log: Callable[[], list[dict[str, Any]]], status: int
) -> None:
    service.answers = [answer({"error": "gone", "token": TOKEN}, status, Content_Type="application/json")]
    with pytest.raises(ProviderContractError, match=str(status)):
        GoPro().list_media(TOKEN, "videos 1", Filters())
    (line,) = log()
    assert (line["status"], line["shape"]) == (status, {"error": "text", "token": "text"})


def test_the_log_shows_the_shape_of_the_response_and_none_of_its_values(
    service: Service, log: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(ProviderContractError):
        listed(service, {"items": [ROW | {"filename": "Holiday with Anna.MP4"}], "_pages": {"total_items": 1}})
    (line,) = log()
    assert line["shape"]["items"][1]["filename"] == "text" and line["content_type"] == "application/json"
    assert "Anna" not in json.dumps(line) and ROW["id"] not in json.dumps(line)
