"""The engine as a process: transfers files from a source to S3 as the function does, and reports time and memory.

It has the imports and clients of video-downloader, so that it needs as much memory as the function. Only the ledger is
a stub, to which every file is new.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any, cast

from benchmarks.transfer_phase import TransferPhase

parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
parser.add_argument(
    "--source", action="append", required=True, metavar="URL", help="a file to transfer; may be repeated"
)
parser.add_argument("--endpoint", required=True, help="S3's URL, https://127.0.0.1:PORT")
parser.add_argument("--bucket", required=True)
parser.add_argument("--connections", type=int, default=4, help="per file")
parser.add_argument("--files-at-once", type=int, default=1)


class NoLedger:
    """A ledger without rows that stores nothing."""

    def source(self, *_: object) -> None:
        return None

    def begin_source(self, *_: object, **__: object) -> bool:
        return True

    def archive_source(self, *_: object) -> None:
        return None


def main() -> None:
    arguments = parser.parse_args()
    os.environ["AWS_ENDPOINT_URL"] = arguments.endpoint
    # Imported here, because boto3 reads the environment when the first client is made.
    from cloud_sync_common.aws import clients  # noqa: PLC0415
    from cloud_sync_common.provider_interface import MediaItem, MediaSource  # noqa: PLC0415
    from cloud_sync_common.retry_utils import Deadline  # noqa: PLC0415
    from cloud_sync_common.stores.archive import Archive  # noqa: PLC0415
    from cloud_sync_common.transfer import upload_stream  # noqa: PLC0415
    from cloud_sync_common.transfer.range_transfer import TransferOptions, TransferStats  # noqa: PLC0415
    from cloud_sync_common.transfer.request_limiter import RequestLimiter  # noqa: PLC0415
    from cloud_sync_common.transfer.source_link import SourceLink  # noqa: PLC0415
    from cloud_sync_common.transfer.source_transfer import SourceTransfer  # noqa: PLC0415

    import lambdas.video_downloader.handler  # noqa: F401, PLC0415 (for the memory that its imports take)

    archive = Archive(clients.s3(), arguments.bucket, "STANDARD")
    clients.table("ledger"), clients.secrets()
    deadline, connections = Deadline.after(24 * 3600.0), arguments.connections
    options = TransferOptions(
        upload_stream.of_this_process(allow_loopback=True), archive, connections, deadline, 900.0, TransferStats()
    )
    ledger, urls = cast(Any, NoLedger()), iter(arguments.source)

    async def move() -> list[int]:
        sizes: list[int] = []
        for url in urls:
            name = url.rsplit("/", 1)[-1]
            source = MediaSource(file_number=1, filename=name, url=url)
            link = SourceLink(source, lambda ended: ended, deadline, RequestLimiter(connections))
            item = MediaItem(media_id=name, filename=name)
            row = await SourceTransfer(options, ledger, "bench", item, source, link, "bench").archive()
            sizes.append(row.size if row else 0)
        return sizes

    async def move_all() -> list[list[int]]:
        return await asyncio.gather(*(move() for _ in range(arguments.files_at_once)))

    phase = TransferPhase()
    sizes = [size for moved in options.uploader.run(move_all()) for size in moved]
    phase.report(files=len(sizes), moved=sum(sizes))


if __name__ == "__main__":
    main()
