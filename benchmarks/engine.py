"""The engine as a process: transfers files from a source to S3 as the function does, and reports time and memory.

It has the imports, the clients and the options of video-downloader, which its own composition makes from the settings
that it is given, and imports nothing that the function does not, so that it needs as much memory. Only the ledger is a
stub, to which every file is new. Several files are moved side by side as those of a batch are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, cast

from benchmarks.invocation import Invocation
from benchmarks.transfer_phase import TransferPhase

if TYPE_CHECKING:
    from cloud_sync_common.transfer.range_transfer import TransferOptions

parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
parser.add_argument(
    "--source", action="append", required=True, metavar="URL", help="a file to transfer; may be repeated"
)
parser.add_argument("--size", type=int, required=True, help="bytes of each file, as the provider lists them")
parser.add_argument("--endpoint", required=True, help="S3's URL, https://127.0.0.1:PORT")
parser.add_argument("--settings", type=json.loads, required=True, help="the function's environment, as JSON")
parser.add_argument("--limits", type=json.loads, required=True, help="its memory in MB and its seconds, as JSON")
parser.add_argument("--published", metavar="KIND:HEX", help="the hash that the provider is to publish of the file")


class NoLedger:
    """A ledger without rows that stores nothing."""

    def source(self, *_: object) -> None:
        return None

    def begin_source(self, *_: object, **__: object) -> bool:
        return True

    def archive_source(self, *_: object) -> None:
        return None


def options_of(settings: dict[str, str], limits: tuple[int, int]) -> TransferOptions:
    """The options of a transfer in a function with these settings and limits (see as_deployed)."""
    os.environ.update(settings)
    # Imported here, because the settings are read once, and boto3 reads the environment with its first client.
    from cloud_sync_common import composition  # noqa: PLC0415
    from cloud_sync_common.steps.download import SliceRequest  # noqa: PLC0415

    request = SliceRequest("bench", "gopro", cast(Any, None))
    downloader = composition.video_downloader(request, Invocation(*limits))
    return downloader._options(downloader.deadline.remaining())


def main() -> None:
    arguments = parser.parse_args()
    os.environ["AWS_ENDPOINT_URL"] = arguments.endpoint
    options = options_of(arguments.settings, arguments.limits)
    from cloud_sync_common.provider_interface import MediaItem, MediaSource  # noqa: PLC0415
    from cloud_sync_common.transfer.request_limiter import RequestLimiter  # noqa: PLC0415
    from cloud_sync_common.transfer.source_link import SourceLink  # noqa: PLC0415
    from cloud_sync_common.transfer.source_transfer import SourceTransfer  # noqa: PLC0415

    import lambdas.video_downloader.handler  # noqa: F401, PLC0415 (for the memory that its imports take)

    ledger, urls = cast(Any, NoLedger()), iter(arguments.source)
    limiter = RequestLimiter(options.connections, options.deadline)

    async def move() -> list[int]:
        sizes: list[int] = []
        for url in urls:
            name = url.rsplit("/", 1)[-1]
            source = MediaSource(
                file_number=1,
                filename=name,
                url=url,
                content_hashes=(arguments.published,) if arguments.published else (),
            )
            link = SourceLink(source, lambda ended: ended, options.deadline, limiter)
            item = MediaItem(media_id=name, filename=name, size=arguments.size)
            row = await SourceTransfer(options, ledger, "bench", item, source, link, "bench").archive()
            sizes.append(row.size if row else 0)
        return sizes

    async def move_all() -> list[list[int]]:  # as a batch does
        return await asyncio.gather(*(move() for _ in range(min(len(arguments.source), options.connections + 1))))

    phase = TransferPhase()
    sizes = [size for moved in options.uploader.run(move_all()) for size in moved]
    phase.report(files=len(sizes), moved=sum(sizes))


if __name__ == "__main__":
    main()
