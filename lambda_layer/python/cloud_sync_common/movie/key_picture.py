"""The first picture of a movie that can be decoded alone, with what a decoder needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync_common.movie.byte_source import RangeReader
from cloud_sync_common.movie.tracks import Track, pictures

MOST_BYTES = 4 * 1024 * 1024  # of a picture; in Base64 it still fits in the event of a function
_MOST_SETTINGS = 64 * 1024
# By sample entry: how the codec is called, and the box with its settings (ISO/IEC 14496-15).
_CODECS = {
    "avc1": ("h264", b"avcC"),
    "avc3": ("h264", b"avcC"),
    "hvc1": ("hevc", b"hvcC"),
    "hev1": ("hevc", b"hvcC"),
}


@dataclass(frozen=True)
class KeyPicture:
    """`codec` is h264 or hevc, `configuration` the content of avcC or hvcC, `sample` the picture as it is in the movie
    (each unit with its length first). `rotation`: by how many degrees clockwise it is to be turned."""

    codec: str
    configuration: bytes = field(repr=False)
    sample: bytes = field(repr=False)
    rotation: int


def key_picture(reader: RangeReader, found: list[Track]) -> KeyPicture | None:
    """Of a movie with these tracks; None where it has none that we can give on."""
    track = pictures([track for track in found if track.codec in _CODECS])
    if track is None:
        return None
    codec, box = _CODECS[track.codec]
    configuration, first = track.setting(box), track.samples.first_sync
    place = track.samples.place(first) if first is not None else None
    if place is None or not 0 < place.length <= MOST_BYTES or not 0 < len(configuration) <= _MOST_SETTINGS:
        return None
    sample = reader.read(*place)
    return KeyPicture(codec, bytes(configuration), sample, track.rotation) if len(sample) == place.length else None
