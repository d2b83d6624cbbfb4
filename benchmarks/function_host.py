"""The deployed functions in a process: it invokes the handlers that lines on standard input name, as Lambda would.

Its argument is JSON with the memory in MB and the seconds of each function. A line is JSON with the function and its
event; the answer is a line with the result, the times and the resources. The
function `batches` is none of the stack's: it returns what the lister would write into the manifest for all videos.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.stores.manifest import batches

from benchmarks.invocation import TOKEN, Invocation
from lambdas.media_lister import handler as lister
from lambdas.video_downloader import handler as downloader


def all_batches(_: Any, __: object) -> Any:
    """The videos that the provider lists, in the lister's batches."""
    provider, items, cursor = GoPro(os.environ["GOPRO_API_BASE_URL"]), list[MediaItem](), None
    while True:
        page = provider.list_media(TOKEN, cursor, Filters())
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return msgspec.to_builtins([batch.media for batch in batches(items)])


def main() -> None:
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the functions log to standard output
    limits = json.loads(sys.argv[1])
    functions: dict[str, Callable[[Any, Any], Any]] = {
        "media-lister": lister.handler,
        "video-downloader": downloader.handler,
        "batches": all_batches,
    }
    for line in sys.stdin:
        asked = json.loads(line)
        function, context = functions[asked["function"]], Invocation(*limits.get(asked["function"], (0, 0)))
        began, used = time.monotonic(), _cpu_seconds()
        result = function(asked.get("event"), context)
        answer = {
            "result": result,
            "began": began,
            "ended": time.monotonic(),
            "cpu_seconds": _cpu_seconds() - used,
            "max_rss_mib": _peak_mib(),
        }
        lines.write(json.dumps(answer) + "\n")
        lines.flush()


def _peak_mib() -> float:
    """The peak resident memory of this process alone; getrusage counts that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
