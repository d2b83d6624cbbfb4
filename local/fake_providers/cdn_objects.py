"""The objects behind signed links: files on disk, or bytes made up on the spot, and their S3 ETags."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from local.fake_providers.library import ORIGINAL_LABELS, Library

CHUNK = 256 * 1024
_SYNTHETIC_SIZE = 64 * 1024
_INVERTED = bytes(255 - value for value in range(256))


@dataclass(frozen=True)
class CdnObject:
    """Bytes that a link leads to: those of `path`, or `content`; every bit of them inverted if asked for."""

    path: Path | None
    content: bytes = b""
    inverted: bool = False

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content) if self.path is None else self.path.stat().st_size

    def chunks(self, start: int, length: int, chunk: int = CHUNK) -> Iterator[bytes]:
        """The bytes from `start` on, `length` of them, in pieces of at most `chunk` bytes."""
        for piece in self._plain_chunks(start, length, chunk):
            yield piece.translate(_INVERTED) if self.inverted else piece

    def _plain_chunks(self, start: int, length: int, chunk: int) -> Iterator[bytes]:
        if self.path is None:
            for offset in range(start, start + length, chunk):
                yield self.content[offset : min(offset + chunk, start + length)]
            return
        # Unbuffered: a buffer would only copy each piece once more.
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            while length > 0 and (piece := file.read(min(chunk, length))):
                length -= len(piece)
                yield piece


def find_object(library: Library, media_id: str, label: str, number: int) -> CdnObject | None:
    """What the CDN holds under such a path, or None.

    A proxy is the item's proxy file, else bytes made from its name; either way other bytes than the source
    (provider-apis.md, fault 11). An original that is not available yet is not there.
    """
    item = library.get(media_id)
    if item is None:
        return None
    if label not in ORIGINAL_LABELS:
        playable = item.proxy is not None and label not in ("concat", "gpmf", "sprite")
        return CdnObject(item.proxy) if playable else CdnObject(None, _synthetic(f"{media_id}/{label}/{number}"))
    if not item.available or not 1 <= number <= len(item.sources):
        return None
    return CdnObject(item.sources[number - 1])


@lru_cache(maxsize=64)
def _synthetic(name: str) -> bytes:
    blocks = (hashlib.sha256(f"{name}#{index}".encode()).digest() for index in range(_SYNTHETIC_SIZE // 32))
    return b"".join(blocks)


def multipart_etag(stored: CdnObject, part_size: int) -> str:
    """The ETag, with its quotes, that S3 gives an object uploaded in parts of `part_size` bytes.

    It is the MD5 of the parts' MD5s, then the number of parts, even when that is 1 (gopro-dl docs/file-integrity.md).
    """
    size = stored.size
    digests = []
    for start in range(0, max(size, 1), part_size):
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in stored.chunks(start, min(part_size, size - start)):
            md5.update(piece)
        digests.append(md5.digest())
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'


class EtagCache:
    """ETags, each computed once, in a thread, when it is first needed; a file that changed has another one."""

    def __init__(self) -> None:
        self._etags: dict[tuple[CdnObject, int, int, int], asyncio.Task[str]] = {}

    async def etag(self, stored: CdnObject, part_size: int) -> str:
        """The ETag of what is stored now."""
        changed = 0 if stored.path is None else stored.path.stat().st_mtime_ns
        key = (stored, stored.size, changed, part_size)
        if key not in self._etags:
            self._etags[key] = asyncio.create_task(asyncio.to_thread(multipart_etag, stored, part_size))
        # Shielded: a client that goes away must not take the answer from those who still wait for it.
        return await asyncio.shield(self._etags[key])
