"""Makes one small JPEG of one picture: of a movie's key frame, or of an image that a provider has.

The bytes are anybody's, and a decoder is where hostile bytes do harm. So this runs in a function of its own that may
do nothing in AWS, and it decodes one packet by a codec that is named: no file, no address and no container is opened.
What comes out is pixels only, so that no EXIF, and no place in it, is kept.
"""

from __future__ import annotations

import base64
import binascii
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cloud_sync_common.exceptions import PictureUnreadableError

if TYPE_CHECKING:
    from av import VideoFrame

SAMPLE_LIMIT = 4 * 1024 * 1024  # bytes: as base64 they fit into an invocation's 6 MB
CONFIGURATION_LIMIT = 64 * 1024
JPEG_LIMIT = 512 * 1024
PIXELS_LIMIT = 64_000_000  # of a picture: 8K is 33 million
WIDTHS = (16, 1024)
_SIDES = (8, 16_384)  # pixels of a part that is cut out
_FINEST, _COARSEST = 2, 5  # the quantisers between which the encoder of FFmpeg chooses (FFmpeg documentation, "qmin")
_RATE = Fraction(1, 25)  # a decoder wants one; no picture has it
_IMAGES = (
    (b"\xff\xd8\xff", "mjpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"RIFF", "webp"),
)
_TURNS = {0: (), 90: (("transpose", "clock"),), 180: (("hflip", ""), ("vflip", "")), 270: (("transpose", "cclock"),)}


class FrameRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`sample` is base64 of one key frame or of a JPEG, PNG or WebP, `configuration` that of a movie's avcC or hvcC.
    `crop` is left, top, width and height in pixels, before the picture is turned clockwise by `rotation` degrees."""

    codec: Literal["h264", "hevc", "image"]
    sample: str
    configuration: str = ""
    rotation: Literal[0, 90, 180, 270] = 0
    crop: tuple[int, int, int, int] | None = None
    width: int = 480


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """`jpeg` is base64. Sizes are in pixels; a picture is not made larger than it was."""

    jpeg: str
    width: int
    height: int


class FrameMaker:
    """Raises PictureUnreadableError."""

    def make(self, request: FrameRequest) -> Frame:
        """One picture, at most as wide as is asked for."""
        from av.error import FFmpegError  # noqa: PLC0415 (only this function has it, in a layer of its own)

        if not WIDTHS[0] <= request.width <= WIDTHS[1]:
            raise PictureUnreadableError(f"A picture has a width from {WIDTHS[0]} to {WIDTHS[1]} pixels.")
        sample = _decoded(request.sample, SAMPLE_LIMIT)
        configuration = _decoded(request.configuration, CONFIGURATION_LIMIT)
        try:
            picture = _first_picture(_codec_of(request.codec, sample), configuration, sample)
            small = _filtered(picture, _steps(request, picture))
            jpeg = _encoded(small)
        except (FFmpegError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
            raise PictureUnreadableError(f"No picture can be made of these bytes ({type(error).__name__}).") from None
        return Frame(jpeg=base64.b64encode(jpeg).decode(), width=small.width, height=small.height)


def _decoded(text: str, most: int) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise PictureUnreadableError("The picture is not in base64.") from None
    if len(content) > most:
        raise PictureUnreadableError(f"The picture has {len(content)} bytes, and at most {most} are read.")
    return content


def _codec_of(named: str, sample: bytes) -> str:
    if named != "image":
        return named
    for beginning, codec in _IMAGES:
        if sample.startswith(beginning):
            return codec
    raise PictureUnreadableError("The picture is no JPEG, PNG or WebP.")


def _first_picture(codec: str, configuration: bytes, sample: bytes) -> VideoFrame:
    """The decoder refuses a picture of more pixels by what its header says, before it takes memory for it."""
    from av import CodecContext, Packet  # noqa: PLC0415 (as above)

    decoder: Any = CodecContext.create(codec, "r")
    decoder.options = {"max_pixels": str(PIXELS_LIMIT)}
    if configuration:
        decoder.extradata = configuration
    decoder.thread_count = 1
    pictures: list[Any] = [*decoder.decode(Packet(sample)), *decoder.decode(None)]
    if not pictures:
        raise PictureUnreadableError("There is no whole picture in these bytes.")
    return pictures[0]  # type: ignore[no-any-return]


def _steps(request: FrameRequest, picture: VideoFrame) -> list[tuple[str, str]]:
    """The filters of FFmpeg that cut, turn and shrink, with their arguments."""
    steps: list[tuple[str, str]] = []
    width, height = picture.width, picture.height
    if request.crop:
        left, top, width, height = request.crop
        fits = 0 <= left <= picture.width - width and 0 <= top <= picture.height - height
        if not fits or min(width, height) < _SIDES[0] or max(width, height) > _SIDES[1]:
            raise PictureUnreadableError("The part to be cut out is not within the picture.")
        steps.append(("crop", f"{width}:{height}:{left}:{top}"))
    steps += _TURNS[request.rotation]
    shown = height if request.rotation in (90, 270) else width
    steps.append(("scale", f"{min(request.width, shown)}:-2:flags=area"))
    return [*steps, ("setsar", "1"), ("format", "yuvj420p")]


def _filtered(picture: VideoFrame, steps: list[tuple[str, str]]) -> VideoFrame:
    from av.filter import Graph  # noqa: PLC0415 (as above)

    graph = Graph()
    last: Any = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=_RATE)
    for name, arguments in [*steps, ("buffersink", "")]:
        step: Any = graph.add(name, arguments)
        last.link_to(step)
        last = step
    graph.configure()
    graph.push(picture)
    graph.push(None)
    return graph.pull()  # type: ignore[return-value]


def _encoded(picture: VideoFrame) -> bytes:
    from av import CodecContext  # noqa: PLC0415 (as above)

    encoder: Any = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = picture.width, picture.height, "yuvj420p", _RATE
    encoder.qmin, encoder.qmax = _FINEST, _COARSEST
    picture.pts = 0
    jpeg = b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
    if len(jpeg) > JPEG_LIMIT:
        raise PictureUnreadableError(f"The small picture has {len(jpeg)} bytes, and at most {JPEG_LIMIT} are kept.")
    return jpeg
