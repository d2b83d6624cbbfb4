"""Ranges of a file at the provider, for callers without an event loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync_common.exceptions import RangeIgnoredError, SourceChangedError
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.ranged_get import IfMatch, Range, open_range
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.upload_stream import StreamUploader


@dataclass
class LinkedBytes:
    """A file of `size` bytes behind a link. `read` raises SourceChangedError when the file is another one by now, and
    what open_range and SourceLink.use raise."""

    connections: StreamUploader
    link: SourceLink
    host: MediaHost
    size: int
    _version: Fingerprint | None = None
    _condition: IfMatch = field(default_factory=IfMatch)

    def read(self, first: int, length: int) -> bytes:
        """These bytes, as far as the file has them."""
        last = min(first + length, self.size) - 1

        async def ask(source: MediaSource) -> bytes:
            opened = await open_range(
                self.connections.sources, source, first, last, self._version, self._condition, self.host
            )
            try:
                return await self._content(opened, first, last - first + 1)
            finally:
                opened.close()

        return self.connections.run(self.link.use(ask))

    async def _content(self, opened: Range, first: int, length: int) -> bytes:
        """A source that sends the whole file instead of a range is read from its beginning, and no further."""
        if opened.fingerprint.size not in (UNKNOWN, self.size):
            raise SourceChangedError("The provider's file has another size than the one that was archived.")
        if not opened.honoured and first:
            raise RangeIgnoredError("The source answered a request for a range with the whole file.")
        content = bytearray(length)
        await opened.fill(memoryview(content))
        if opened.honoured:
            self._version = opened.fingerprint
        return bytes(content)
