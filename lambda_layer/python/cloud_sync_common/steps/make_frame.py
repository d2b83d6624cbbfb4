"""The step FrameMaker (frame-maker): one picture of a movie, or an image, becomes a small JPEG.

What it is given was made by whoever made the file, so a decoder reads hostile bytes here. Its function may do nothing
but write its own log. Nothing is opened by a name, a format or a protocol: bytes go to one of five decoders
(CodecContext, https://pyav.basswood-io.com/docs/stable/api/codec.html), which reads them in one thread. PyAV is in the
layer of this function alone, so it is imported when a picture is made.
"""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec

from cloud_sync_common.exceptions import PictureUnreadableError
from cloud_sync_common.transfer.part_plan import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import VideoCodecContext, VideoFrame

MOST_READ = 4 * MIB  # bytes; with Base64 it is within the 6 MB that Lambda takes
MOST_CONFIGURATION = 64 * 1024  # bytes; those of cameras have less than 200
MOST_PIXELS = 64_000_000  # of the picture that is read
MOST_MADE = 1_000_000  # bytes
WIDEST = 480  # pixels; a picture is at most twice as high as it is wide

_TURNS = {0: {}, 90: {"transpose": "clock"}, 180: {"hflip": "", "vflip": ""}, 270: {"transpose": "cclock"}}
_JPEG = "yuvj420p"  # the pixels of a JPEG: all values from 0 to 255, half as many of colour in each direction

type Coordinate = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
type Length = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class FrameRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`sample` is one whole access unit of a movie, as it lies in the file (each NAL unit after its length), or a whole
    JPEG, PNG or WebP. `configuration` is the content of a movie's avcC or hvcC. `rotation` is by how many degrees,
    clockwise, the picture has to be turned to stand upright. `crop` is (x, y, width, height) in pixels of what is read,
    before it is turned. Both are Base64 in JSON."""

    codec: Literal["h264", "hevc", "image"]
    sample: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MOST_READ)]
    configuration: Annotated[bytes, msgspec.Meta(max_length=MOST_CONFIGURATION)] = b""
    rotation: Literal[0, 90, 180, 270] = 0
    crop: tuple[Coordinate, Coordinate, Length, Length] | None = None
    width: Annotated[int, msgspec.Meta(ge=16, le=WIDEST)] = WIDEST


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A JPEG without metadata, Base64 in JSON, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


class FrameMaker:
    """Makes one small JPEG. It keeps nothing between two of them."""

    def make(self, request: FrameRequest) -> Frame:
        """Raises PictureUnreadableError for bytes of which no whole picture can be made."""
        with _refused():
            picture = _read(request)
            turned = request.rotation or _by_the_image_itself(picture, request.codec)
            small = _small(picture, request.crop or (0, 0, picture.width, picture.height), turned, request.width)
            jpeg = _jpeg(small)
        if len(jpeg) > MOST_MADE:
            raise PictureUnreadableError(f"A picture has {len(jpeg)} bytes as a JPEG; {MOST_MADE} are allowed.")
        return Frame(jpeg=jpeg, width=small.width, height=small.height)


@contextmanager
def _refused() -> Iterator[None]:
    """FFmpeg's errors as ours, without their text, which may have words of the file in it."""
    from av.error import FFmpegError  # noqa: PLC0415 (it is in one function's layer only)

    try:
        yield
    except (FFmpegError, MemoryError) as error:
        raise PictureUnreadableError(f"FFmpeg cannot make a picture of it ({type(error).__name__}).") from None


def _decoder_of(sample: bytes) -> Literal["mjpeg", "png", "webp"]:
    """What an image is by its first bytes; what it is called does not count."""
    if sample.startswith(b"\xff\xd8\xff"):
        return "mjpeg"
    if sample.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if sample.startswith(b"RIFF") and sample[8:12] == b"WEBP":
        return "webp"
    raise PictureUnreadableError("An image is no JPEG, PNG or WebP by its first bytes.")


def _read(request: FrameRequest) -> VideoFrame:
    """The picture as it is stored. FFmpeg refuses more than `max_pixels` before it takes memory for them, and with
    `explode` it refuses an image that ends too early; a movie's sample it refuses then in any case (FFmpeg, "Codec
    Options")."""
    import av  # noqa: PLC0415 (it is in one function's layer only)

    av.logging.set_level(None)  # nothing on standard error, where words of the file would be in the log
    image = request.codec == "image"
    name = _decoder_of(request.sample) if image else request.codec
    decoder = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
    decoder.options = {"max_pixels": str(MOST_PIXELS)} | ({"err_detect": "explode"} if image else {})
    decoder.thread_count = 1
    if request.configuration and not image:
        decoder.extradata = request.configuration
    pictures = [*decoder.decode(av.Packet(request.sample)), *decoder.decode(None)]
    if not pictures or pictures[0].is_corrupt:
        raise PictureUnreadableError("There is no whole picture in it.")
    return pictures[0]


def _by_the_image_itself(picture: VideoFrame, codec: str) -> int:
    """The turn that an image asks for in its EXIF, clockwise; FFmpeg counts the other way round. What is upright by
    mirroring alone is not mirrored. A movie's turn is in its boxes, which the caller has read."""
    return -picture.rotation % 360 if codec == "image" and picture.rotation % 90 == 0 else 0


def _small(picture: VideoFrame, crop: tuple[int, int, int, int], turned: int, width: int) -> VideoFrame:
    """A part of the picture, upright, never enlarged, and without all that came with it (EXIF, colour profiles)."""
    from av.filter import Graph  # noqa: PLC0415 (it is in one function's layer only)

    x, y, wide, high = crop
    if x + wide > picture.width or y + high > picture.height:
        raise PictureUnreadableError(
            f"The part is not within the picture of {picture.width} x {picture.height} pixels."
        )
    box = (2 * width, width) if turned in (90, 270) else (width, 2 * width)
    scale = min(1.0, box[0] / wide, box[1] / high)
    size = f"{max(1, round(wide * scale))}:{max(1, round(high * scale))}"
    filters = {
        "crop": f"{wide}:{high}:{x}:{y}:exact=1",
        "scale": f"{size}:out_range=full:out_color_matrix=bt601",
        **_TURNS[turned],
        "format": _JPEG,
        "sidedata": "delete",
        "metadata": "delete",
    }
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(picture, time_base=Fraction(1, 1)),
        *(graph.add(name, given) for name, given in filters.items()),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(picture)
    return graph.vpull()


def _jpeg(picture: VideoFrame) -> bytes:
    import av  # noqa: PLC0415 (it is in one function's layer only)

    encoder: VideoCodecContext = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, _JPEG
    encoder.time_base = Fraction(1, 1)
    encoder.thread_count = 1
    encoder.options = {"qmin": "4", "qmax": "4", "flags": "+bitexact"}  # bitexact: without a comment that names FFmpeg
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
