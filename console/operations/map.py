"""Where clips were taken, as files that other programs read: GPX 1.1, and GeoJSON (RFC 7946). Pure.

Names and cameras are foreign text: no character that XML forbids leaves this module, and nothing that a program would
take for a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from cloud_sync_common.runtime.wording import count_of, file_name
from cloud_sync_common.safe_text import redact

from console.operations.detail_filters import is_place
from console.operations.library import Item
from console.wording import clock, title_of

# What is no character of XML 1.0 (https://www.w3.org/TR/xml/#charsets).
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Cloud Sync" xmlns="http://www.topografix.com/GPX/1/1"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd">
"""


class Format(StrEnum):
    GPX = "gpx"
    GEOJSON = "geojson"


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content; how many items are in it, and how many fit the choice."""

    content: bytes
    placed: int
    items: int


def map_of(items: Iterable[Item], kind: Format) -> Map:
    """In the order of capture, so that the same library makes the same file."""
    count, placed = 0, []
    for item in items:
        count += 1
        if item.place is not None and is_place(item.place):
            placed.append(item)
    placed.sort(key=lambda item: (item.captured_at, item.provider, item.media_id))
    content = _gpx(placed) if kind is Format.GPX else _geojson(placed)
    return Map(content=content, placed=len(placed), items=count)


def _gpx(items: list[Item]) -> bytes:
    """The children of a waypoint stand in the order of the schema: ele, time, name, desc, type."""
    waypoints = (f"{waypoint}\n" for item in items for waypoint in _waypoint(item))
    return "".join([_HEAD, *waypoints, "</gpx>\n"]).encode()


def _waypoint(item: Item) -> Iterator[str]:
    if item.place is None:
        return
    place, moment = item.place, _time(item)
    longitude = -180.0 if place.longitude >= 180 else place.longitude  # GPX 1.1, longitudeType: less than 180
    yield f'<wpt lat="{place.latitude:.7f}" lon="{longitude:.7f}">'
    if place.altitude is not None:
        yield f" <ele>{place.altitude:.1f}</ele>"
    if moment:
        yield f" <time>{moment}</time>"
    yield f" <name>{_xml(file_name(item.filename or item.media_id))}</name>"
    yield f" <desc>{_xml(_about(item))}</desc>"
    yield "</wpt>"


def _xml(text: str) -> str:
    return escape(_NO_CHARACTER.sub("\ufffd", redact(text)))


def _about(item: Item) -> str:
    parts = (
        "" if item.duration is None else clock(item.duration),
        file_name(item.camera),
        count_of(item.hilights, "HiLight") if item.hilights else "",
        f"{title_of(item.provider)} {file_name(item.media_id)}",
    )
    return ", ".join(filter(None, parts))


def _time(item: Item) -> str:
    """In UTC, as GPX wants it; what is by a camera's clock of an unknown zone gives way to the provider's time. Empty
    where neither is known."""
    for text in (item.taken_at, item.captured_at):
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        except (ValueError, OverflowError):
            continue
    return ""


def _geojson(items: list[Item]) -> bytes:
    features = b",\n".join(redact(msgspec.json.encode(_feature(item)).decode()).encode() for item in items)
    return b'{"type": "FeatureCollection", "features": [\n' + features + b"\n]}\n"


def _feature(item: Item) -> dict[str, Any]:
    """Longitude first (RFC 7946, 3.1.1). The altitude is a property: a third number would have to be the height above
    the ellipsoid, and a camera says that above the sea."""
    assert item.place is not None  # noqa: S101 (whoever calls has looked)
    about = {
        "name": file_name(item.filename),
        "provider": item.provider,
        "media_id": item.media_id,
        "time": _time(item),
        "camera": file_name(item.camera),
        "duration": item.duration,
        "hilights": item.hilights,
        "altitude": item.place.altitude,
    }
    point = {"type": "Point", "coordinates": [item.place.longitude, item.place.latitude]}
    return {
        "type": "Feature",
        "geometry": point,
        "properties": {name: value for name, value in about.items() if value not in (None, "", 0)},
    }
