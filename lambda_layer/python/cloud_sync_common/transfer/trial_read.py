"""Whether a file can be read at all: two short ranges of it, whose bytes are thrown away."""

from __future__ import annotations

from cloud_sync_common.http.connection import Connections
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.ranged_get import IfMatch, open_range


async def try_to_read(connections: Connections, source: MediaSource, host: MediaHost) -> None:
    """Asks for the first byte of a source, and for one in its middle. Raises what open_range raises."""
    condition = IfMatch()
    first = await open_range(connections, source, 0, 0, None, condition, host)
    first.close()
    version = first.fingerprint
    if first.honoured and version.size > 1 and version.is_certain:
        middle = version.size // 2
        (await open_range(connections, source, middle, middle, version, condition, host)).close()
