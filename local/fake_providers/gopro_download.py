"""The download response: the files of an item, each with a signed link (provider-apis.md 1.4)."""

from collections.abc import Callable, Mapping
from typing import Any

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.library import Item
from local.fake_providers.pictures import FRAME_HEIGHT, FRAME_WIDTH, SHEET_FRAMES

type Entry = dict[str, Any]
type Link = Callable[[str, int, str, str], str]
"""Signs a link: (label, number, extension, "GET" or "HEAD") to URL."""

# Label, quality, width and height of the renderings made for viewing. A real response had edit_proxy before the source
# (go2cloud, live), and concat before it too (dustin test/concat.json): clients must never rely on variations[0].
_BEFORE_SOURCE = (("edit_proxy", "720p", 1280, 720),)
_AFTER_SOURCE = (("high_res_proxy_mp4", "1080p", 1920, 1080), ("mp4_low", "240p", 426, 240))
_TALLER = {"width": 15360, "height": 8640}


def download_answer(item: Item, row: Mapping[str, Any], link: Link, active: ActiveFaults, labels: set[str]) -> Entry:
    """Everything that GoPro offers for one item, without sizes and checksums.

    For video `files[]` holds a proxy; for stills it holds the originals, one per `item_number`, and the only `source`
    variation is the cover (go2cloud; gopro-dl). `labels`, unless empty, filters the labelled parts of the response.
    """
    variations, hidden = _variations(item, row, link, active), active.find(FaultKind.PICTURE_HIDDEN)
    sidecars = [{"label": "gpmf", **_entry(link, "gpmf", 1, "mp4", type="mp4", item_number=1, fps=0)}]
    return {
        "filename": row["filename"],
        "_embedded": {
            "files": _files(item, row, link, active),
            "variations": [entry for entry in variations if not labels or entry["label"] in labels],
            "sprites": [_sprite(link)] if item.is_video and item.pictured and not hidden else [],
            "sidecar_files": [entry for entry in sidecars if not labels or entry["label"] in labels],
        },
    }


def _files(item: Item, row: Mapping[str, Any], link: Link, active: ActiveFaults) -> list[Entry]:
    place = {"camera_position": "default", "orientation": 1, "urls": [], "heads": []}
    if item.is_video:
        pixels = _TALLER if active.find(FaultKind.PROXY_TALLEST) else {"width": 1920, "height": 1080}
        return [_entry(link, "proxy", 1, "mp4", item_number=1, **pixels, **place)]
    if active.find(FaultKind.NO_SOURCE):
        return []
    pixels = {"width": row["width"], "height": row["height"]}
    entries = [
        _entry(link, "source", number, _extension(item, number), item_number=number, **pixels, **place)
        for number in range(1, len(item.sources) + 1)
        if not (lost := active.find(FaultKind.VARIATIONS_LOST)) or number in lost["keep"]
    ]
    for entry in entries:
        entry["available"] = item.available and not active.find(FaultKind.UNAVAILABLE)
    return entries[::-1] if active.find(FaultKind.ORDER_REVERSED) else entries


def _variations(item: Item, row: Mapping[str, Any], link: Link, active: ActiveFaults) -> list[Entry]:
    originals = [] if active.find(FaultKind.NO_SOURCE) else _originals(item, row, link, active)
    if not item.is_video:
        return originals[:1]
    taller = _TALLER if active.find(FaultKind.PROXY_TALLEST) else {}
    # An edit has only its rendering (dustin test/multiclip.json).
    plain = item.label == "source" and not active.find(FaultKind.SHOWN_AS_EDIT)
    before = _BEFORE_SOURCE if plain else ()
    after = _AFTER_SOURCE if plain or not originals else ()
    concat = (("concat", "source", row["width"], row["height"]),) if item.concat else ()
    return [
        *(_proxy(link, *proxy, taller) for proxy in before),
        *(_proxy(link, *proxy, {}) for proxy in concat),
        *originals,
        *(_proxy(link, *proxy, taller) for proxy in after),
    ]


def _originals(item: Item, row: Mapping[str, Any], link: Link, active: ActiveFaults) -> list[Entry]:
    """One variation per source file. A single file has no item_number; several may have it or not (rclone-PR)."""
    numbered = (item.item_numbers or active.find(FaultKind.CHAPTERS_NUMBERED)) and not active.find(
        FaultKind.CHAPTERS_UNNUMBERED
    )
    entries = []
    for number in range(1, len(item.sources) + 1):
        extension = _extension(item, number)
        label = "baked_source" if active.find(FaultKind.SHOWN_AS_EDIT) else item.label
        entry = {"label": label, **_entry(link, label, number, extension, type=extension, quality="source")}
        entry |= {"width": row["width"], "height": row["height"]}
        entry["available"] = item.available and not active.find(FaultKind.UNAVAILABLE)
        if numbered and len(item.sources) > 1:
            entry["item_number"] = number
        if active.find(FaultKind.LENSES):
            entry |= {"item_number": 1, "camera_position": f"lens-{number}"}
        if (lost := active.find(FaultKind.VARIATIONS_LOST)) and number not in lost["keep"]:
            continue
        entries += [entry, dict(entry)] if active.find(FaultKind.LISTED_TWICE) else [entry]
    return entries[::-1] if active.find(FaultKind.ORDER_REVERSED) else entries


def _proxy(link: Link, label: str, quality: str, width: int | None, height: int | None, claimed: Entry) -> Entry:
    entry = _entry(link, label, 1, "mp4", type="mp4", quality=quality, width=width, height=height)
    return {"label": label, **entry, **claimed}


def _sprite(link: Link) -> Entry:
    """One sheet of frames, as in a real response (dustin test/mediavid.json)."""
    frame = {"count": SHEET_FRAMES, "width": FRAME_WIDTH, "height": FRAME_HEIGHT}
    size = {"width": SHEET_FRAMES * FRAME_WIDTH, "height": FRAME_HEIGHT}
    urls = {"urls": [link("sprite", 1, "jpg", "GET")], "heads": [link("sprite", 1, "jpg", "HEAD")]}
    return {"type": "jpg", "fps": 29.97003, "total_count": 1, "frame": frame, **size, **urls}


def _entry(link: Link, label: str, number: int, extension: str, **more: Any) -> Entry:
    links = {"url": link(label, number, extension, "GET"), "head": link(label, number, extension, "HEAD")}
    return {**more, "available": True, **links}


def _extension(item: Item, number: int) -> str:
    return item.sources[number - 1].suffix.lstrip(".").lower() or "mp4"
