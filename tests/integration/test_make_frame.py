"""frame-maker's step on real pictures of each codec, and on bytes that somebody has damaged or made to do harm."""

from __future__ import annotations

import importlib
import json
import random
import struct
import subprocess
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import pytest
from cloud_sync_common.exceptions import ConfigurationError, PictureUnreadableError
from cloud_sync_common.steps import make_frame
from cloud_sync_common.steps.make_frame import Frame, FrameMaker, FrameRequest

from tests.integration.test_handlers import Context

MOVIES = {"h264": ("libx264", "yuv420p"), "hevc": ("libx265", "yuv420p10le")}
IMAGES = ("jpg", "png", "webp")
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, WHITE)  # upper left, upper right, lower left, lower right
PATTERN = "color=red:64x48[a];color=lime:64x48[b];color=blue:64x48[c];color=white:64x48[d];"
PATTERN += "[a][b]hstack[e];[c][d]hstack[f];[e][f]vstack"


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FrameRequest]:
    """A picture of 128 x 96 pixels, each quarter of another colour, by its codec or by its kind of image."""
    folder, made = tmp_path_factory.mktemp("media"), {}
    for name, options in {n: ("-c:v", c, "-pix_fmt", p) for n, (c, p) in MOVIES.items()}.items():
        with av.open(str(encoded(folder / f"{name}.mp4", *options))) as movie:
            sample = next(movie.demux(video=0))
            given = {"configuration": movie.streams.video[0].codec_context.extradata, "sample": bytes(sample)}
        made[name] = FrameRequest(codec=name, **given)
    for name in IMAGES:
        made[name] = FrameRequest(codec="image", sample=encoded(folder / f"image.{name}").read_bytes())
    return made


def encoded(path: Path, *options: str) -> Path:
    ffmpeg = (imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", PATTERN)
    subprocess.run([*ffmpeg, "-frames:v", "1", *options, path], check=True, capture_output=True)
    return path


def with_(request: FrameRequest, **changes: Any) -> FrameRequest:
    return FrameRequest(**{name: getattr(request, name) for name in request.__struct_fields__} | changes)


def made(request: FrameRequest, **changes: Any) -> Frame:
    return FrameMaker().make(with_(request, **changes))


def corners(frame: Frame) -> tuple[tuple[int, ...], ...]:
    """The colour in the middle of each quarter, each value as 0 or 255."""
    decoder = av.CodecContext.create("mjpeg", "r")
    (picture,) = [*decoder.decode(av.Packet(frame.jpeg)), *decoder.decode(None)]
    assert (picture.width, picture.height) == (frame.width, frame.height)
    plane = picture.reformat(format="rgb24").planes[0]
    width, height, line, data = frame.width, frame.height, plane.line_size, bytes(plane)
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return tuple(tuple(255 * (v > 127) for v in data[y * line + 3 * x : y * line + 3 * x + 3]) for x, y in places)


@pytest.mark.parametrize("name", [*MOVIES, *IMAGES])
def test_a_picture_becomes_a_jpeg_of_its_size(media: dict[str, FrameRequest], name: str) -> None:
    frame = made(media[name])
    assert (frame.width, frame.height) == (128, 96)
    assert frame.jpeg.startswith(b"\xff\xd8\xff") and corners(frame) == CORNERS


@pytest.mark.parametrize(
    ("rotation", "size", "order"),
    [
        (0, (64, 48), (RED, GREEN, BLUE, WHITE)),
        (90, (64, 85), (BLUE, RED, WHITE, GREEN)),
        (180, (64, 48), (WHITE, BLUE, GREEN, RED)),
        (270, (64, 85), (GREEN, WHITE, RED, BLUE)),
    ],
)
def test_a_picture_is_turned_clockwise_and_made_as_wide_as_is_asked_for(
    media: dict[str, FrameRequest], rotation: int, size: tuple[int, int], order: object
) -> None:
    frame = made(media["hevc"], rotation=rotation, width=64)
    assert (frame.width, frame.height) == size
    assert corners(frame) == order


def test_a_part_of_a_sheet_of_pictures_is_cut_out_before_it_is_turned(media: dict[str, FrameRequest]) -> None:
    frame = made(media["webp"], crop=(65, 0, 60, 48), rotation=90)
    assert (frame.width, frame.height) == (48, 60) and corners(frame) == (GREEN,) * 4


def test_a_picture_is_not_enlarged_and_at_most_twice_as_high_as_wide(media: dict[str, FrameRequest]) -> None:
    assert made(media["png"], crop=(0, 0, 3, 1)).width == 3
    tall = made(FrameRequest(codec="image", sample=png(1, 30_000, bytes(4 * 30_000))))
    assert (tall.width, tall.height) == (1, 960)


def exif(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG that says how it is to be turned, and where it was taken (TIFF 6.0; 0x112 is Orientation)."""
    entries = struct.pack(">HHHIHH", 2, 0x112, 3, 1, orientation, 0) + struct.pack(">HHI4s", 0x10F, 2, 4, b"GPS\0")
    body = b"Exif\0\0MM\0\x2a\0\0\0\x08" + entries + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(
    ("orientation", "order"), [(1, CORNERS), (3, (WHITE, BLUE, GREEN, RED)), (6, (BLUE, RED, WHITE, GREEN))]
)
def test_an_image_is_turned_as_its_exif_says_which_is_gone_then(
    media: dict[str, FrameRequest], orientation: int, order: object
) -> None:
    frame = made(FrameRequest(codec="image", sample=exif(media["jpg"].sample, orientation)))
    assert corners(frame) == order
    assert not [word for word in (b"Exif", b"GPS", b"Lavc") if word in frame.jpeg]


@pytest.mark.parametrize("name", [*MOVIES, *IMAGES])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
def test_a_picture_that_ends_too_early_is_refused(media: dict[str, FrameRequest], name: str, part: float) -> None:
    sample = media[name].sample
    with pytest.raises(PictureUnreadableError):
        made(media[name], sample=sample[: int(len(sample) * part)])


@pytest.mark.parametrize("crop", [(0, 0, 129, 96), (128, 0, 1, 1), (0, 90, 1, 7)])
def test_a_part_beyond_the_picture_is_refused(media: dict[str, FrameRequest], crop: object) -> None:
    with pytest.raises(PictureUnreadableError, match="not within the picture of 128 x 96 pixels"):
        made(media["png"], crop=crop)


@pytest.mark.parametrize(
    "text", [b"<svg/>", b"GIF89a", b"#EXTM3U\nfile:///etc/passwd", b"concat:/etc/passwd", b"%PDF-1.7"]
)
def test_what_is_no_jpeg_png_or_webp_reaches_no_decoder(text: bytes) -> None:
    with pytest.raises(PictureUnreadableError, match="no JPEG, PNG or WebP"):
        made(FrameRequest(codec="image", sample=text))


def png(width: int, height: int, rows: bytes) -> bytes:
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)))
    chunks += ((b"IEND", b""),)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def test_a_small_file_with_a_huge_picture_is_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureUnreadableError):
        made(FrameRequest(codec="image", sample=png(8_001, 8_000, bytes(9))))
    picture = FrameRequest(codec="image", sample=png(40, 25, bytes(25 * 121)))
    monkeypatch.setattr(make_frame, "MOST_PIXELS", 128 * 128)  # FFmpeg adds what its decoders need at the edges
    assert made(picture).width == 40
    monkeypatch.setattr(make_frame, "MOST_PIXELS", 999)
    with pytest.raises(PictureUnreadableError):
        made(picture)


def test_a_jpeg_that_would_be_too_large_is_refused(
    media: dict[str, FrameRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_frame, "MOST_MADE", 100)
    with pytest.raises(PictureUnreadableError, match="100 are allowed"):
        made(media["png"])


def damaged(requests: list[FrameRequest], count: int) -> Iterator[FrameRequest]:
    chance = random.Random(16)  # noqa: S311 (not for cryptography)
    for number in range(count):
        request = requests[number % len(requests)]
        sample, configuration = bytearray(request.sample), bytearray(request.configuration)
        for place in (sample, configuration) if configuration else (sample,):
            for _ in range(chance.choice((0, 1, 3, 20))):
                place[chance.randrange(min(len(place), chance.choice((60, len(place)))))] = chance.randrange(256)
        yield with_(request, sample=bytes(sample), configuration=bytes(configuration))


def test_bytes_changed_at_random_make_a_picture_or_the_one_error(media: dict[str, FrameRequest]) -> None:
    ends = {"made": 0, "refused": 0}
    for request in damaged(list(media.values()), 500):
        try:
            ends["made" if made(request).jpeg else ""] += 1
        except PictureUnreadableError:
            ends["refused"] += 1
    assert min(ends.values()) >= 50 and sum(ends.values()) == 500


# The handler: JSON in and out


def call(event: object) -> dict[str, Any]:
    handler = importlib.import_module("lambdas.frame_maker.handler").handler
    return json.loads(json.dumps(handler(event, Context("frame-maker"))))


def test_the_function_takes_and_gives_base64_and_needs_no_setting(media: dict[str, FrameRequest]) -> None:
    movie = media["hevc"]
    sample, configuration = (b64encode(part).decode() for part in (movie.sample, movie.configuration))
    answer = call({"codec": "hevc", "configuration": configuration, "sample": sample, "rotation": 0, "crop": None})
    assert b64decode(answer.pop("jpeg"), validate=True) == made(movie).jpeg
    assert answer == {"width": 128, "height": 96}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("codec", "mpeg4"), ("codec", "file:/etc/passwd"), ("sample", "no Base64!"), ("sample", ""), ("rotation", 45),
        ("sample", b64encode(bytes(make_frame.MOST_READ + 1)).decode()), ("width", 481), ("crop", [0, 0, 0, 1]),
        ("configuration", b64encode(bytes(make_frame.MOST_CONFIGURATION + 1)).decode()), ("crop", [-1, 0, 5, 5]),
    ],
)  # fmt: skip
def test_an_event_beyond_its_limits_is_refused_by_the_name_of_the_field(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"\$\.{field}"):
        call({"codec": "image", "sample": "iVBORw0KGgo=", field: value})


def test_what_cannot_be_read_ends_with_the_name_that_the_catalogue_knows_and_without_a_word_of_the_file(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(PictureUnreadableError) as refused:
        call({"codec": "image", "sample": b64encode(png(9, 9, b"")[:-20] + b"words of the file").decode()})
    out, err = capfd.readouterr()
    assert "words of the file" not in f"{refused.value}{out}{err}"
