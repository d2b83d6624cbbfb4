"""What cameras and phones note in a movie about themselves: in its user data and its metadata. Pure.

- Action cameras (the maker's own boxes in `udta`; ExifTool's tables of QuickTime describe them in public):
  FIRM, LENS, HMMT with the HiLights in milliseconds (their number, then each; zeros fill it up), and since HERO6 a box
  GPMF with FMWR, MINF (the model) and, in a device of their own, the HiLights (HLMT: the milliseconds come first).
- Phones (QuickTime File Format, "Metadata"): `meta` with `keys` and `ilst`; who writes their movies anew puts it into
  `udta`.
- Others, and Android for the place: text entries of `udta` such as ©xyz, each with 16 bits of length and of language;
  and the box `loci` (3GPP TS 26.244, "Location information").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from cloud_sync_common.movie.boxes import boxes, inner, number
from cloud_sync_common.movie.camera_models import model_of
from cloud_sync_common.movie.telemetry import nested, samples
from cloud_sync_common.safe_text import one_line

_MOST_OF_A_NAME = 100  # characters
_MOST_HILIGHTS = 1_000
_MOST_KEYS = 500
_MOST_SETTINGS = 256 * 1024  # bytes of the box GPMF
_APPLE, _ANDROID = "com.apple.quicktime.", "com.android."


@dataclass(frozen=True)
class Notes:
    """Empty: not said. `created` and `location` are as written: ISO 8601 and ISO 6709. `hilights` are in seconds."""

    camera: str = ""
    firmware: str = ""
    lens: str = ""
    created: str = ""
    location: str = ""
    hilights: tuple[float, ...] = ()
    is_action_camera: bool = False


def notes(index: memoryview) -> Notes:
    """What the movie whose `moov` this is says of its camera."""
    user_data: dict[bytes, memoryview] = {}
    for box in boxes(inner(index, b"udta")):
        user_data.setdefault(box.kind, box.content[:_MOST_SETTINGS])
    if b"FIRM" in user_data or b"GPMF" in user_data:
        return _of_action_camera(user_data)
    written_anew = _keyed(user_data.get(b"meta", memoryview(b"")))
    return _of_others({**_text_entries(user_data), **written_anew, **_keyed(inner(index, b"meta"))})


def _of_action_camera(user_data: Mapping[bytes, memoryview]) -> Notes:
    settings = _settings(user_data.get(b"GPMF", memoryview(b"")))
    firmware = _name(user_data.get(b"FIRM", b"")) or settings.get(b"FMWR", "")
    return Notes(
        camera=model_of(firmware) or settings.get(b"MINF", ""),
        firmware=firmware,
        lens=_name(user_data.get(b"LENS", b"")) or settings.get(b"LINF", ""),
        location=_text_entries(user_data).get("xyz", ""),
        hilights=_seconds([*_counted(user_data.get(b"HMMT", b"")), *_listed(user_data.get(b"GPMF"))]),
        is_action_camera=True,
    )


def _of_others(said: Mapping[str, str]) -> Notes:
    make, model = (
        next(filter(None, (said.get(name, "") for name in names)), "")
        for names in (
            (_APPLE + "make", _ANDROID + "manufacturer", "mak"),
            (_APPLE + "model", _ANDROID + "model", "mod"),
        )
    )
    is_said_twice = model.lower().startswith(make.lower()) or _APPLE + "model" in said
    return Notes(
        camera=model if is_said_twice else f"{make} {model}".strip(),
        firmware=said.get(_APPLE + "software", "") or said.get("swr", ""),
        lens=said.get(_APPLE + "camera.lens_model", ""),
        created=said.get(_APPLE + "creationdate", "") or said.get("day", ""),
        location=said.get(_APPLE + "location.ISO6709", "") or said.get("xyz", ""),
    )


def _settings(content: memoryview) -> dict[bytes, str]:
    """The first text of each key of the camera's settings."""
    found: dict[bytes, str] = {}
    for device in nested(content, b"DEVC"):
        for entry in device:
            if entry.type == b"c":
                found.setdefault(entry.key, _name(entry.content))
    return found


def _counted(box: memoryview | bytes) -> Iterator[int]:
    """The milliseconds in HMMT."""
    for place in range(min(number(box, 0), _MOST_HILIGHTS)):
        yield number(box, 4 + 4 * place)


def _listed(settings: memoryview | None) -> Iterator[int]:
    """The milliseconds in HLMT."""
    for stream in nested(settings or memoryview(b""), b"DEVC", b"STRM"):
        structure = next((entry.text for entry in stream if entry.key == b"TYPE"), "")
        for entry in (entry for entry in stream if entry.key == b"HLMT"):
            yield from (int(sample[0]) for sample in samples(entry, structure) if sample and sample[0] > 0)


def _seconds(milliseconds: list[int]) -> tuple[float, ...]:
    """In order, and each once: newer cameras write them twice."""
    return tuple(moment / 1000 for moment in sorted(set(milliseconds) - {0})[:_MOST_HILIGHTS])


def _text_entries(user_data: Mapping[bytes, memoryview]) -> dict[str, str]:
    """Those of `udta` whose type begins with the copyright sign, by the rest of it."""
    found = {"xyz": _point(user_data[b"loci"])} if b"loci" in user_data else {}
    for kind, content in user_data.items():
        if kind[0] == 0xA9:
            found[kind[1:].decode("latin-1")] = _name(content[4 : 4 + number(content, 0, 2)])
    return found


def _point(content: memoryview) -> str:
    """The place in `loci`, as ISO 6709: behind version, language, a name and a role, degrees of 16 and 16 bits."""
    end = bytes(content[6 : 6 + 4 * _MOST_OF_A_NAME]).find(b"\0")
    if end < 0:
        return ""
    longitude, latitude = (number(content, 6 + end + at, signed=True) / (1 << 16) for at in (2, 6))
    return f"{latitude:+.5f}{longitude:+.5f}/"


def _keyed(meta: memoryview) -> dict[str, str]:
    """The texts of `meta`, by their keys. In a QuickTime movie it is a plain box, in others it has a version first."""
    if bytes(meta[4:8]) != b"hdlr":
        meta = meta[4:]
    keys = islice(boxes(inner(meta, b"keys")[8:]), _MOST_KEYS)
    names = [bytes(box.content[:_MOST_OF_A_NAME]).decode("latin-1") for box in keys]
    found = {}
    for box in boxes(inner(meta, b"ilst")):
        value = inner(box.content, b"data")
        place = number(box.kind, 0) - 1
        if 0 <= place < len(names) and number(value, 0) == _TEXT:
            found[names[place]] = _name(value[8:])
    return found


_TEXT = 1  # a well-known type of a value: UTF-8


def _name(content: memoryview | bytes) -> str:
    """A text of the movie, up to its first zero, as it may be shown."""
    return one_line(bytes(content[: 4 * _MOST_OF_A_NAME]).split(b"\0")[0].decode("utf-8", "ignore"), _MOST_OF_A_NAME)
