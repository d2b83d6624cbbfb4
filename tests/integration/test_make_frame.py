"""frame-maker makes small pictures of real movies and images, and ends with one error for whatever is neither."""

from __future__ import annotations

import base64
import random
import struct
import subprocess
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
import pytest
from cloud_sync_common.exceptions import PictureUnreadableError
from cloud_sync_common.steps.make_frame import SAMPLE_LIMIT, Frame, FrameMaker, FrameRequest

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
HEVC = ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-preset", "ultrafast", "-x265-params", "log-level=none")
PLACE = b"GPS-47.5,8.7"
MUTATIONS = 150


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def made(folder: Path) -> dict[str, Path]:
    """A movie of each codec and an image of each kind: red on the left, blue on the right, 640 by 360."""
    picture = "color=red:size=320x360:duration=1:rate=2[a];color=blue:size=320x360:duration=1:rate=2[b];[a][b]hstack"
    paths = {}
    for name, options in {
        "h264.mp4": H264, "hevc.mp4": HEVC, "one.jpg": ("-frames:v", "1"), "one.png": ("-frames:v", "1"),
        "one.webp": ("-frames:v", "1"),
    }.items():  # fmt: skip
        paths[name] = folder / name
        program = imageio_ffmpeg.get_ffmpeg_exe()
        command = [program, "-v", "error", "-y", "-filter_complex", picture, *options, str(paths[name])]
        subprocess.run(command, check=True)
    return paths


@cache
def key_frame(path: Path) -> tuple[bytes, bytes]:
    """The configuration of its decoder, and its first key frame."""
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        sample = next(bytes(packet) for packet in movie.demux(stream) if packet.is_keyframe)
        return bytes(stream.codec_context.extradata or b""), sample


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def of_movie(path: Path, **more: Any) -> FrameRequest:
    configuration, sample = key_frame(path)
    codec: Any = path.stem
    return FrameRequest(codec=codec, sample=text(sample), configuration=text(configuration), **more)


def of_image(content: bytes, **more: Any) -> FrameRequest:
    return FrameRequest(codec="image", sample=text(content), **more)


def pixels(frame: Frame) -> av.VideoFrame:
    """The picture as a decoder shows it, in red, green and blue."""
    decoder = av.CodecContext.create("mjpeg", "r")
    jpeg = base64.b64decode(frame.jpeg)
    (picture,) = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    assert (picture.width, picture.height) == (frame.width, frame.height)
    return picture.reformat(format="rgb24")


def colour(frame: Frame, x: float, y: float) -> str:
    """The colour at a place, of which x and y are parts of width and height."""
    picture = pixels(frame)
    plane, column, row = picture.planes[0], int(x * picture.width), int(y * picture.height)
    at = row * plane.line_size + 3 * column
    red, green, blue = bytes(plane)[at : at + 3]
    assert green < 60
    return "red" if red > 180 and blue < 80 else "blue" if blue > 180 and red < 80 else "neither"


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4"])
def test_a_key_frame_becomes_a_small_jpeg(made: dict[str, Path], name: str) -> None:
    frame = FrameMaker().make(of_movie(made[name]))
    assert (frame.width, frame.height) == (480, 270)
    assert (colour(frame, 0.2, 0.5), colour(frame, 0.8, 0.5)) == ("red", "blue")


@pytest.mark.parametrize(
    ("rotation", "size", "red", "blue"),
    [
        (90, (360, 640), (0.5, 0.2), (0.5, 0.8)),
        (180, (480, 270), (0.8, 0.5), (0.2, 0.5)),
        (270, (360, 640), (0.5, 0.8), (0.5, 0.2)),
    ],
)
def test_a_camera_that_was_held_otherwise_has_its_picture_turned(
    made: dict[str, Path], rotation: int, size: tuple[int, int], red: tuple[float, float], blue: tuple[float, float]
) -> None:
    frame = FrameMaker().make(of_movie(made["h264.mp4"], rotation=rotation))
    assert (frame.width, frame.height) == size
    assert (colour(frame, *red), colour(frame, *blue)) == ("red", "blue")


@pytest.mark.parametrize("name", ["one.jpg", "one.png", "one.webp"])
def test_an_image_is_made_small_and_one_part_of_it_can_be_cut_out(made: dict[str, Path], name: str) -> None:
    whole = FrameMaker().make(of_image(made[name].read_bytes(), width=200))
    assert (whole.width, colour(whole, 0.2, 0.5), colour(whole, 0.8, 0.5)) == (200, "red", "blue")
    part = FrameMaker().make(of_image(made[name].read_bytes(), crop=(400, 20, 160, 90)))
    assert (part.width, part.height, colour(part, 0.1, 0.5)) == (160, 90, "blue")


def test_what_an_image_says_of_its_place_is_not_kept(made: dict[str, Path]) -> None:
    plain = made["one.jpg"].read_bytes()
    exif = b"Exif\0\0" + PLACE
    placed = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert PLACE in placed
    frame = FrameMaker().make(of_image(placed))
    assert PLACE not in base64.b64decode(frame.jpeg)
    assert colour(frame, 0.2, 0.5) == "red"


def unreadable(request: FrameRequest) -> str:
    with pytest.raises(PictureUnreadableError) as refused:
        FrameMaker().make(request)
    return str(refused.value)


@pytest.mark.parametrize("crop", [(0, 0, 4, 4), (-1, 0, 100, 100), (600, 0, 100, 100), (0, 300, 100, 100)])
def test_a_part_that_is_not_within_the_picture_is_refused(
    made: dict[str, Path], crop: tuple[int, int, int, int]
) -> None:
    assert "not within" in unreadable(of_image(made["one.jpg"].read_bytes(), crop=crop))


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a" + bytes(100), b"\0\0\0\x18ftypmp42" + bytes(100)])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    assert "no JPEG, PNG or WebP" in unreadable(of_image(content))


def test_what_is_too_large_or_no_base64_or_too_wide_is_refused(made: dict[str, Path]) -> None:
    assert "at most" in unreadable(of_image(bytes(SAMPLE_LIMIT + 1)))
    assert "base64" in unreadable(FrameRequest(codec="image", sample="&&&&"))
    assert "pixels" in unreadable(of_image(made["one.jpg"].read_bytes(), width=5000))


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    assert "No picture" in unreadable(of_image(png + chunk(b"IEND", b"")))


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "one.jpg", "one.png", "one.webp"])
def test_bytes_that_were_changed_anywhere_make_a_picture_or_that_one_error(made: dict[str, Path], name: str) -> None:
    draw, ends = random.Random(name), {"made": 0, "refused": 0}  # noqa: S311 (no secret)
    for _ in range(MUTATIONS):
        request = of_movie(made[name]) if name.endswith("mp4") else of_image(made[name].read_bytes())
        content = bytearray(base64.b64decode(request.sample))
        for _ in range(draw.randint(1, 8)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        del content[draw.randint(len(content) // 2, len(content)) :]
        changed = FrameRequest(codec=request.codec, sample=text(bytes(content)), configuration=request.configuration)
        try:
            frame = FrameMaker().make(changed)
            ends["made"] += base64.b64decode(frame.jpeg).startswith(b"\xff\xd8\xff")
        except PictureUnreadableError:
            ends["refused"] += 1
    assert sum(ends.values()) == MUTATIONS and ends["refused"] > 0
