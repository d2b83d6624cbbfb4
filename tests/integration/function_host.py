"""Functions in processes of their own, one process an invocation, so that each can be killed.

`python -m tests.integration.function_host LOG` imports every door once and then forks: it reads a line of JSON, a list
of invocations, forks a process for each, answers with the list of their ids, and when all have ended with the list of
what came of them. What the functions log goes to LOG. An invocation is {"function": name, "event": ..., and what may be
left out: "seconds": its time-out, "left": seconds it has left whenever it asks, "later": seconds by which its clock is
ahead, "environment": variables}.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from typing import Any, NoReturn

from cloud_sync_common.aws import clients
from cloud_sync_common.runtime import settings

from tests.integration.slice_process import most_memory

FUNCTIONS = ("failure-recorder", "media-authenticator", "media-lister", "run-report", "video-downloader")
USUAL_SECONDS = 30.0


class Context:
    """Lambda's context object, as far as it is used."""

    memory_limit_in_mb, aws_request_id = 1024, "request-1"

    def __init__(self, order: dict[str, Any]) -> None:
        self.function_name, self._left = order["function"], order.get("left")
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"
        self._end = time.monotonic() + order.get("seconds", USUAL_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - time.monotonic() if self._left is None else self._left))


def spent() -> dict[str, float]:
    """What this process has used: the most memory in bytes, and seconds of a processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"most_memory": most_memory(), "processor_seconds": used.ru_utime + used.ru_stime}


def warm_up() -> dict[str, Any]:
    """The doors, and AWS's clients, which take long to make and have no connection yet."""
    config = settings.load()
    clients.s3(), clients.secrets(), clients.sns(), clients.sqs(), clients.step_functions()
    clients.table(config.ledger_table)
    return {name: importlib.import_module(f"lambdas.{name.replace('-', '_')}.handler").handler for name in FUNCTIONS}


def invoke(door: Any, order: dict[str, Any], answer: int) -> NoReturn:
    """In the child: runs the door and leaves. An exception is told as Lambda tells it to Step Functions."""
    os.environ.update(order.get("environment", {}))
    settings.load.cache_clear()
    now, later = time.time, order.get("later", 0.0)
    time.time = lambda: now() + later
    try:
        told = {"ok": door(order["event"], Context(order)), "spent": spent()}
    except Exception as error:
        told = {"error": type(error).__name__, "message": str(error)}
    os.write(answer, json.dumps(told).encode())
    os._exit(0)


def fork(doors: dict[str, Any], order: dict[str, Any], log: int) -> tuple[int, int]:
    """(process id, where its answer can be read)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(log, 1)
        os.dup2(log, 2)
        invoke(doors[order["function"]], order, writing)
    os.close(writing)
    return pid, reading


def outcome(pid: int, reading: int) -> dict[str, Any]:
    """What came of a child: its answer, or the signal that ended it."""
    with open(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    return json.loads(text) if text else {"error": "Runtime.ExitError", "message": f"it left with {status}"}


def main() -> None:
    doors = warm_up()
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for line in sys.stdin:
        children = [fork(doors, order, log) for order in json.loads(line)]
        sys.stdout.write(json.dumps([pid for pid, _ in children]) + "\n")
        sys.stdout.flush()
        sys.stdout.write(json.dumps([outcome(pid, reading) for pid, reading in children]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
