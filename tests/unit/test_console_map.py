"""`cloudsync export-map`: files that other programs read, and an honest count."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloud_sync_common.stores.catalogue_rows import Place
from hypothesis import given
from hypothesis import strategies as st

from console import main
from console.errors import Exit
from console.operations.library import Item
from console.operations.map import Format, map_of
from tests.unit.console_catalogue import MATTERHORN, Shelf, a_shelf, line

GPX = "{http://www.topografix.com/GPX/1/1}"
# The order of a waypoint's children, and what its numbers may be (https://www.topografix.com/GPX/1/1/gpx.xsd, wptType,
# latitudeType, longitudeType).
ORDER = ["ele", "time", "name", "desc"]
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def item(**fields: Any) -> Item:
    about = {"provider": "gopro", "media_id": "clip-1", "filename": "a.mp4", "captured_at": "2026-05-03T10:00:00Z"}
    return Item(**{**about, "month": "2026-05", "status": "ARCHIVED", "place": MATTERHORN, **fields})


def waypoints(content: bytes) -> list[dict[str, str]]:
    """Read by Python's own XML parser; each is as the schema of GPX 1.1 has it."""
    root = ET.fromstring(content)  # noqa: S314 (of our own making)
    assert (root.tag, root.get("version"), bool(root.get("creator"))) == (f"{GPX}gpx", "1.1", True)
    found = []
    for one in root:
        names = [child.tag.removeprefix(GPX) for child in one]
        assert one.tag == f"{GPX}wpt" and names == sorted(names, key=ORDER.index) and len(set(names)) == len(names)
        assert -90 <= float(one.attrib["lat"]) <= 90 and -180 <= float(one.attrib["lon"]) < 180
        texts = {name: child.text or "" for name, child in zip(names, one, strict=True)}
        assert "time" not in texts or TIME.fullmatch(texts["time"])
        found.append(texts | one.attrib)
    return found


def points(content: bytes) -> list[dict[str, Any]]:
    """As RFC 7946, 3.1 to 3.3, wants them."""
    found: dict[str, Any] = json.loads(content)
    assert found["type"] == "FeatureCollection"
    for one in found["features"]:
        assert set(one) == {"type", "geometry", "properties"} and one["type"] == "Feature"
        assert one["geometry"]["type"] == "Point" and len(one["geometry"]["coordinates"]) == 2
    features: list[dict[str, Any]] = found["features"]
    return features


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Two clips, one of which has a place."""
    with a_shelf(monkeypatch) as shelf:
        shelf.index(line("clip-1", place=MATTERHORN, duration=125.4, camera="HERO11 Black"), line("clip-2"))
        shelf.counted("2026-05", 2)
        shelf.walked()
        yield shelf


def test_a_waypoint_has_the_place_the_time_the_name_and_a_description() -> None:
    (found,) = waypoints(map_of([item(duration=125.4, camera="MAX", hilights=2)], Format.GPX).content)
    assert found == {
        "lat": "45.9766000", "lon": "7.6585000", "ele": "4478.0", "time": "2026-05-03T10:00:00Z", "name": "a.mp4",
        "desc": "2:05, MAX, 2 HiLights, GoPro clip-1",
    }  # fmt: skip


def test_a_point_has_the_longitude_first_and_the_altitude_beside() -> None:
    (found,) = points(map_of([item(duration=125.4)], Format.GEOJSON).content)
    assert found["geometry"]["coordinates"] == [7.6585, 45.9766]
    assert found["properties"] == {
        "name": "a.mp4", "provider": "gopro", "media_id": "clip-1", "time": "2026-05-03T10:00:00Z", "duration": 125.4,
        "altitude": 4478.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("taken_at", "time"),
    [
        ("2026-05-03T12:00:07+02:00", "2026-05-03T10:00:07Z"),
        ("2026-05-03T12:00:07", "2026-05-03T10:00:00Z"),
        ("", "2026-05-03T10:00:00Z"),
        ("0001-01-01T00:00:00+23:00", "2026-05-03T10:00:00Z"),
    ],
)
def test_a_time_is_in_utc_and_by_no_clock_of_an_unknown_zone(taken_at: str, time: str) -> None:
    assert waypoints(map_of([item(taken_at=taken_at)], Format.GPX).content)[0]["time"] == time
    assert "time" not in waypoints(map_of([item(captured_at="soon")], Format.GPX).content)[0]


def test_no_name_makes_a_link() -> None:
    odd = item(filename="https://evil.example/x www.evil.example", camera="me@evil.example")
    for kind in Format:
        text = (
            map_of([odd], kind).content.decode().replace("http://www.topografix.com", "").replace("http://www.w3", "")
        )
        assert "://" not in text and "www." not in text and "@evil" not in text


@given(st.text(), st.text(), st.floats(), st.floats())
def test_whatever_a_name_and_a_place_are_the_files_can_be_read(
    name: str, camera: str, latitude: float, longitude: float
) -> None:
    place = Place(latitude=latitude, longitude=longitude, altitude=latitude)
    odd = item(filename=name, camera=camera, media_id=name, place=place)
    is_there = -90 <= latitude <= 90 and -180 <= longitude <= 180
    assert len(waypoints(map_of([odd], Format.GPX).content)) == is_there
    assert len(points(map_of([odd], Format.GEOJSON).content)) == is_there


def test_the_antimeridian_is_written_as_gpx_wants_it() -> None:
    edge = item(place=Place(latitude=0, longitude=180))
    assert waypoints(map_of([edge], Format.GPX).content)[0]["lon"] == "-180.0000000"


def test_the_same_items_in_another_order_make_the_same_file() -> None:
    two = [item(), msgspec.structs.replace(item(), media_id="clip-2")]
    assert map_of(two, Format.GPX) == map_of(reversed(two), Format.GPX)


def test_the_map_is_printed_and_how_many_have_a_place_is_said_beside(
    shelf: Shelf, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main.main(["export-map", "--provider", "gopro"]) == Exit.FINE
    printed = capsysbinary.readouterr()
    assert [one["name"] for one in waypoints(printed.out)] == ["clip-1.MP4"]
    assert b"1 of 2 items has a place. Of the others the camera had no fix" in printed.err
    main.main(["export-map", "--provider", "gopro", "--camera", "hero*", "--format", "geojson"])
    printed = capsysbinary.readouterr()
    assert len(points(printed.out)) == 1 and printed.err == b"1 of 1 item has a place.\n"


def test_a_file_is_written_for_its_owner_alone_and_never_over_another_one_unless_that_is_asked_for(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "map.gpx"
    words = ["export-map", "--output", str(path), "--json"]
    assert main.main(words) == Exit.FINE
    printed = json.loads(capsys.readouterr().out)
    assert (printed["kind"], printed["file"], printed["placed"], printed["items"]) == ("map", str(path), 1, 2)
    assert len(waypoints(path.read_bytes())) == 1 and path.stat().st_mode & 0o777 == 0o600
    path.write_text("mine")
    assert main.main(words) == Exit.USAGE
    assert "is there already" in capsys.readouterr().err and path.read_text() == "mine"
    assert main.main([*words, "--force"]) == Exit.FINE and len(waypoints(path.read_bytes())) == 1


def test_a_file_that_cannot_be_written_is_one_sentence(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main.main(["export-map", "--output", str(tmp_path / "none" / "map.gpx")]) == Exit.FAILED
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def test_with_json_the_map_is_in_one_object(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["export-map", "--json"]) == Exit.FINE
    assert len(waypoints(json.loads(capsys.readouterr().out)["content"].encode())) == 1
