"""Runs each invocation of a function in a process of its own, so that a test can kill it.

`python -m tests.integration.function_host LOG` imports every handler once and then forks. It reads lines of JSON, each
a list of invocations, and forks a process for each invocation. It prints the list of their process ids, and when all
have ended, the list of their results. The functions' log goes to LOG. An invocation is an object with "function" (its
name) and "event", and optionally "seconds" (its time-out), "left" (the remaining seconds that it always sees), "later"
(the seconds by which its clock is ahead) and "environment" (variables).
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

FUNCTIONS = (
    "catalogue-writer", "failure-recorder", "media-authenticator", "media-lister", "run-report", "video-downloader",
)  # fmt: skip
USUAL_SECONDS = 30.0


class Context:
    """The part of Lambda's context object that the functions use."""

    memory_limit_in_mb, aws_request_id = 1024, "request-1"

    def __init__(self, invocation: dict[str, Any]) -> None:
        self.function_name, self._left = invocation["function"], invocation.get("left")
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"
        self._end = time.monotonic() + invocation.get("seconds", USUAL_SECONDS)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - time.monotonic() if self._left is None else self._left))


def spent() -> dict[str, float]:
    """The resources that this process has used: peak memory in bytes, and CPU-seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"most_memory": most_memory(), "processor_seconds": used.ru_utime + used.ru_stime}


def warm_up() -> dict[str, Any]:
    """Returns the handlers, and makes the AWS clients, which takes long; they have no connection yet."""
    config = settings.load()
    clients.s3(), clients.secrets(), clients.sns(), clients.sqs(), clients.step_functions()
    clients.table(config.ledger_table)
    return {name: importlib.import_module(f"lambdas.{name.replace('-', '_')}.handler").handler for name in FUNCTIONS}


def invoke(handler: Any, invocation: dict[str, Any], answer: int) -> NoReturn:
    """In the child: runs the handler and exits. An exception is reported as Lambda reports it to Step Functions."""
    os.environ.update(invocation.get("environment", {}))
    settings.load.cache_clear()
    now, later = time.time, invocation.get("later", 0.0)
    time.time = lambda: now() + later
    try:
        result = {"ok": handler(invocation["event"], Context(invocation)), "spent": spent()}
    except Exception as error:
        result = {"error": type(error).__name__, "message": str(error)}
    os.write(answer, json.dumps(result).encode())
    os._exit(0)


def fork(handlers: dict[str, Any], invocation: dict[str, Any], log: int) -> tuple[int, int]:
    """(process id, file descriptor of its result)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(log, 1)
        os.dup2(log, 2)
        invoke(handlers[invocation["function"]], invocation, writing)
    os.close(writing)
    return pid, reading


def outcome(pid: int, reading: int) -> dict[str, Any]:
    """The result of a child, or the signal that ended it."""
    with open(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    return json.loads(text) if text else {"error": "Runtime.ExitError", "message": f"exit status {status}"}


def main() -> None:
    handlers = warm_up()
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for line in sys.stdin:
        children = [fork(handlers, invocation, log) for invocation in json.loads(line)]
        sys.stdout.write(json.dumps([pid for pid, _ in children]) + "\n")
        sys.stdout.flush()
        sys.stdout.write(json.dumps([outcome(pid, reading) for pid, reading in children]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
