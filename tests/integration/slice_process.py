"""Runs slices in a process of their own, with the real handler of video-downloader, to kill or to measure them.

`python -m tests.integration.slice_process EVENT...` handles each event (JSON) and writes a line of JSON for each: its
status, and the peak memory of the process so far, in bytes.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

from lambdas.video_downloader.handler import handler


class Context:
    """An invocation that always has four seconds left, so that a large file is uploaded in parts of 5 MiB."""

    function_name, memory_limit_in_mb, aws_request_id = "video-downloader", 1024, "request-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:video-downloader"

    def get_remaining_time_in_millis(self) -> int:
        return 4_000


def most_memory() -> int:
    """Peak memory in bytes. On Linux, getrusage includes the memory of the parent before exec; VmHWM does not."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kibibytes = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    assert kibibytes is not None
    return int(kibibytes[1]) * 1024


if __name__ == "__main__":
    for event in sys.argv[1:]:
        result = handler(json.loads(event), Context())
        while result["status"] == "IN_PROGRESS":
            result = handler(json.loads(event), Context())
        sys.stderr.write(json.dumps({"status": result["status"], "most_memory": most_memory()}) + "\n")
