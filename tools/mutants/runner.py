"""Runs tests in forks of itself, so that each run begins with the big packages imported and nothing of the project.

`python -m tools.mutants.runner WORK` runs in a copy of the repository, which it may change. It reads jobs as lines of
JSON and answers each with a line of JSON. A job is either of these:

    {"file": "lambda_layer/.../x.py", "text": "...", "tests": {"tests/...::test_one": 31.5}, "collect": 40}

The file gets that text for the time of the job. The tests run in this order, until one fails; each has so many seconds,
and so has their collection; with "go_on", all run. The answer has "end" ("passed", "failed", "timed out" or "died"),
"test", "why", "ran" (how many tests) and "failures".

    {"measure": "tests/unit/test_x.py", "core": "lambda_layer/python/cloud_sync_common", "seconds": 900}

The answer is what `measurement.Measurement.result` says of that file of tests.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import select
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tools.mutants import measurement
from tools.mutants.chosen_tests import ChosenTests

# What the tests and the function code import, and takes long; a package that is not installed is left out.
HEAVY = (
    "aiohttp", "anycrc", "aws_lambda_powertools.metrics", "aws_xray_sdk.core", "boto3", "boto3.dynamodb.types",
    "cryptography.x509", "h11", "hypothesis", "imageio_ffmpeg", "moto", "moto.dynamodb.models",
    "moto.s3.models", "moto.secretsmanager.models", "moto.server", "moto.sns.models", "moto.sqs.models", "msgspec",
    "requests", "rich.console", "s3transfer.manager", "tenacity", "trustme", "yaml",
)  # fmt: skip
MEMORY = 6 * 1024**3  # bytes for one run, which a loop without an end would use up
QUIET = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=line",
         "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip


def main() -> None:
    """Answers jobs until its input ends."""
    work = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    for name in HEAVY:
        with suppress(ImportError), warnings.catch_warnings(action="ignore"):
            importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), work)), flush=True)


def _answer(job: dict[str, Any], work: Path) -> dict[str, Any]:
    if "measure" in job:
        output = work / "measured.json"
        output.unlink(missing_ok=True)
        said = forked(lambda _: measurement.measure(job, output, _arguments(work)), work, {}, job["seconds"])
        return json.loads(output.read_text()) if output.exists() else {"error": said}
    with changed(Path(job["file"]), job["text"]):
        return forked(lambda pipe: _run(job, pipe, work), work, job["tests"], job["collect"])


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """Gives a module another text for a while; no compiled form of it outlives that."""
    before, times = path.read_bytes(), path.stat()
    try:
        _forget_compiled(path)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (times.st_atime, times.st_mtime + 10 + hash(text) % 100_000))
        yield
    finally:
        _forget_compiled(path)
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _forget_compiled(path: Path) -> None:
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _arguments(work: Path) -> list[str]:
    return [*QUIET, f"--basetemp={work / 'pytest'}"]


def _run(job: dict[str, Any], pipe: int, work: Path) -> int:
    arguments = [one for one in _arguments(work) if one != "-x" or not job.get("go_on")]
    files = list(dict.fromkeys(test.partition("::")[0] for test in job["tests"]))
    return int(pytest.main([*arguments, *files], plugins=[ChosenTests(list(job["tests"]), pipe)]))


def forked(act: Callable[[int], int], work: Path, limits: dict[str, float], collect: float) -> dict[str, Any]:
    """Runs `act` in a fork, which has a group of processes of its own; all of them are gone afterwards."""
    _empty(work)
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        os.close(receive)
        _become_child(act, send, work)
    os.close(send)
    try:
        return _watched(child, receive, limits, collect)
    finally:
        os.close(receive)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def _empty(work: Path) -> None:
    for name in ("pytest", "tmp"):
        shutil.rmtree(work / name, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    shutil.rmtree(".hypothesis", ignore_errors=True)  # examples that failed with another change


def _become_child(act: Callable[[int], int], pipe: int, work: Path) -> NoReturn:
    status = 99
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ["TMPDIR"] = str(work / "tmp")
        with suppress(ImportError, ValueError, OSError):
            import resource  # noqa: PLC0415 - not on every system

            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        log = os.open(work / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        status = act(pipe)
    finally:
        os._exit(status)


def _watched(child: int, pipe: int, limits: dict[str, float], collect: float) -> dict[str, Any]:
    """Follows what the fork says until it ends or a test takes too long."""
    os.set_blocking(pipe, False)
    said: list[dict[str, Any]] = []
    rest, deadline, status = b"", time.monotonic() + collect, None
    while status is None:
        select.select([pipe], [], [], 0.05)
        ended, code = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if ended else None
        *lines, rest = (rest + _available(pipe)).split(b"\n")
        said += map(json.loads, lines)
        if lines:
            deadline = time.monotonic() + limits.get(said[-1]["test"], collect)
        if status is None and time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _outcome(said, "timed out")
    return _outcome(said, {0: "passed", 1: "failed", 2: "failed", 5: "passed"}.get(status, "died"))


def _available(pipe: int) -> bytes:
    """What has been written so far; nothing if all writers are gone."""
    pieces = []
    with suppress(BlockingIOError):
        while piece := os.read(pipe, 65536):
            pieces.append(piece)
    return b"".join(pieces)


def _outcome(said: list[dict[str, Any]], end: str) -> dict[str, Any]:
    started = [one["test"] for one in said if one["is"] == "start"]
    failures = [one for one in said if one["is"] == "failure"]
    test = failures[0]["test"] if failures else started[-1] if started else "collection"
    return {
        "end": end,
        "test": "" if end == "passed" else test,
        "why": failures[0]["why"] if failures else "",
        "ran": len(started),
        "failures": [one["test"] for one in failures],
    }


if __name__ == "__main__":
    main()
