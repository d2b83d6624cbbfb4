"""The pictures that services make of videos and photos: real JPEGs, by ffmpeg, each made once in a process.

Of a file that ffmpeg cannot read, as tests have many, the picture is of one colour, another for each file.
"""

import hashlib
import subprocess
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
from aiohttp import web

from local.fake_providers.fault_menu import Kind
from local.fake_providers.faults import ActiveFaults

SHEET_FRAMES, FRAME_WIDTH, FRAME_HEIGHT = 10, 100, 56
"""The frames of a sprite, beside each other, and the pixels of each (dustin test/mediavid.json)."""

_TOO_LARGE = 5 * 1024 * 1024
_PAGE = "<!doctype html><title>Sign in</title>"
_TO_STANDARD_OUTPUT = ["-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-"]


def thumbnail(source: Path, width: int) -> bytes:
    """A JPEG of a video's first frame, or of a photo, so many pixels wide."""
    return _picture(source, (), f"scale={width}:-2", (width, round(width * 9 / 16)))


def sheet(source: Path) -> bytes:
    """A JPEG with frames of a video, five a second; a shorter one begins again."""
    look = f"fps=5,scale={FRAME_WIDTH}:{FRAME_HEIGHT},tile={SHEET_FRAMES}x1"
    return _picture(source, ("-stream_loop", str(SHEET_FRAMES)), look, (SHEET_FRAMES * FRAME_WIDTH, FRAME_HEIGHT))


def _picture(source: Path, before: tuple[str, ...], look: str, size: tuple[int, int]) -> bytes:
    status = source.stat()
    return _made(source, status.st_size, status.st_mtime_ns, before, look, size)


@lru_cache(maxsize=1024)
def _made(source: Path, _size: int, _changed: int, before: tuple[str, ...], look: str, size: tuple[int, int]) -> bytes:
    if made := _by_ffmpeg([*before, "-i", str(source), "-vf", look]):
        return made
    colour = hashlib.sha256(source.name.encode()).hexdigest()[:6]
    width, height = size
    return _by_ffmpeg(["-f", "lavfi", "-i", f"color=c=0x{colour}:s={width}x{height}"])


def _by_ffmpeg(arguments: list[str]) -> bytes:
    """What ffmpeg writes; nothing where it fails."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *arguments, *_TO_STANDARD_OUTPUT]
    return subprocess.run(command, capture_output=True, check=False).stdout


def picture_answer(content: bytes) -> web.Response:
    """The answer with a JPEG."""
    return web.Response(body=content, content_type="image/jpeg")


def instead_of_picture(active: ActiveFaults, moved: Kind, other: Kind) -> web.Response | None:
    """What is sent in place of a picture by these faults of a provider's menu."""
    if fault := active.find(moved):
        return web.Response(status=302, headers={"Location": fault["location"]})
    if fault := active.find(other):
        if fault["what"] == "page":
            return web.Response(text=_PAGE, content_type="text/html")
        return picture_answer(b"\xff\xd8\xff" + bytes(_TOO_LARGE) if fault["what"] == "too large" else b"")
    return None
