"""Small pictures of one size and format, made by frame-maker: what it makes has no EXIF, and so no place."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cloud_sync_common.movie.key_picture import KeyPicture

WIDTH = 480  # pixels
_LARGEST = 512 * 1024  # bytes of what it may make
_JPEG = b"\xff\xd8\xff"


class Invoked(Protocol):
    """aws.functions.Function."""

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Frames:
    """Both methods return a JPEG; empty where none can be made of it. They raise ArchiveUnavailableError and
    ConfigurationError."""

    frame_maker: Invoked

    def of_image(self, content: bytes, crop: tuple[int, int, int, int] | None = None) -> bytes:
        """Of a JPEG, PNG or WebP, or of a part of it: left, top, width and height in pixels."""
        return self._made("image", b"", content, 0, crop)

    def of_movie(self, picture: KeyPicture) -> bytes:
        return self._made(picture.codec, picture.configuration, picture.sample, picture.rotation, None)

    def _made(
        self, codec: str, configuration: bytes, sample: bytes, rotation: int, crop: tuple[int, int, int, int] | None
    ) -> bytes:
        answer = self.frame_maker.invoke(
            {
                "codec": codec,
                "configuration": base64.b64encode(configuration).decode(),
                "sample": base64.b64encode(sample).decode(),
                "rotation": rotation,
                "crop": list(crop) if crop else None,
                "width": WIDTH,
            }
        )
        return _jpeg(answer.get("jpeg")) if answer else b""


def _jpeg(text: object) -> bytes:
    try:
        content = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        return b""
    return content if content.startswith(_JPEG) and len(content) <= _LARGEST else b""
