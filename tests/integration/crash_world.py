"""A small library, an account, and runs whose functions may be killed anywhere; and the audit of the result."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import WORK, Aws, AwsServer
from tests.integration.crash_points import Watch
from tests.integration.secret_check import assert_no_secret
from tests.integration.state_machine_player import Player, StatesError
from tests.integration.wait_until import wait_until

ROOT = Path(__file__).resolve().parents[2]
PLAIN, TWIN, CHAPTERS, BIG, NO_ORIGINAL, NOT_READY = (f"65a0f0c2b7e4d1a2c3b5{number:04x}" for number in range(1, 7))
LEFT: dict[str, tuple[str, str | None]] = {NO_ORIGINAL: ("FAILED", "original_unavailable")}
# The remaining time of every invocation: a large file is uploaded in parts of 5 MiB, a listing pauses after each page.
HURRIED = 4.0
RESTARTS = 12
# All clocks move ahead by this after a death, so that the lease for renewing the credentials has expired.
LATER = 90.0


def make_library(folder: Path) -> Path:
    """Six items, 17 MB in total: one video of several parts, one of several chapters, two with the same name, one
    without an original, and one that is not ready."""
    random = Random(4)  # noqa: S311 (test data)
    names = {"one.mp4": 3_000, "two.mp4": 2_500, "a.mp4": 2_000, "b.mp4": 2_100, "c.mp4": 2_200, "big.mp4": 17_000_000}
    for name, size in names.items():
        (folder / name).write_bytes(movie_of(random.randbytes(size)))
    items: list[dict[str, Any]] = [
        {"id": PLAIN, "filename": "GX010001.MP4", "sources": ["one.mp4"]},
        {"id": TWIN, "filename": "GX010001.MP4", "sources": ["two.mp4"]},
        {"id": CHAPTERS, "filename": "GX010002.MP4", "sources": ["a.mp4", "b.mp4", "c.mp4"]},
        {"id": BIG, "filename": "GX010003.MP4", "sources": ["big.mp4"]},
        {"id": NO_ORIGINAL, "filename": "GX010004.MP4", "sources": []},
        {"id": NOT_READY, "filename": "GX010005.MP4", "sources": ["one.mp4"], "ready_to_view": "transcoding"},
    ]
    for number, item in enumerate(items, start=1):
        item["captured_at"] = f"2026-05-{number:02}T10:00:00Z"
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return folder


class Host:
    """The functions, in processes of their own."""

    def __init__(self, variables: dict[str, str], log_file: Path) -> None:
        self.log_file = log_file
        log_file.touch()
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"}
        command = [sys.executable, "-m", "tests.integration.function_host", str(log_file)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables | paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def invoke(self, invocations: list[dict[str, Any]], watch: Watch | None = None) -> list[dict[str, Any]]:
        """The results of concurrent invocations."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(invocations).encode() + b"\n")
        self._process.stdin.flush()
        pids = self._read()
        if watch:
            watch.pid.set_result(pids[0])
        answers: list[dict[str, Any]] = self._read()
        return answers

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the host of the functions has ended: {self.log_file.read_text()[-2000:]}"
        return json.loads(line)

    def stop(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@contextmanager
def hosted(variables: dict[str, str], log_file: Path) -> Iterator[Host]:
    host = Host(variables, log_file)
    try:
        yield host
    finally:
        host.stop()


class Aborted(Exception):
    """The execution was stopped after a function died."""


@dataclass
class World:
    """An account at AWS and at the provider, and its runs."""

    aws: Aws
    fake: FakeGoPro
    host: Host
    watch: Watch
    connections: int = 1
    later: float = 0.0
    runs: int = 0
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch.forget()
        self.aws.server.watch = self.watch
        self.store_credentials()

    def store_credentials(self) -> None:
        """Stores OAuth credentials, as the owner does."""
        fake = self.fake
        names = ("client_id", "client_secret", "refresh_token", "user_id")
        self.aws.store({"provider": "gopro"} | {name: getattr(fake, name) for name in names})

    def run(self, *media_ids: str, aborts: Random | None = None) -> str:
        """Runs one execution, for these videos only if any are named. Returns how it ended: SUCCEEDED, ABORTED, or the
        name of an error. `aborts` decides after each death whether Step Functions retries or the execution is
        stopped."""
        self.runs += 1
        deaths = len(self.watch.reached)

        def retried(_: StatesError) -> None:
            if aborts and len(self.watch.reached) > deaths and aborts.random() < 0.25:
                raise Aborted

        name = f"run-{self.runs}"
        arn = f"arn:aws:states:us-east-1:123456789012:execution:gopro-sync-orchestrator:{name}"
        try:
            filters = {"filters": {"media_ids": media_ids}} if media_ids else {}
            Player(self.invoke, self.manifest, retried, name, arn).play({"provider": "gopro"} | filters)
            self.ends.append("SUCCEEDED")
        except StatesError as error:
            self.ends.append(error.name)
        except Aborted:
            self.ends.append("ABORTED")
        return self.ends[-1]

    def invoke(self, function: str, payload: Any) -> Any:
        """Invokes a function as Step Functions does; a killed process is a Runtime.ExitError, as on AWS. No run depends
        on the catalogue, whose deaths have a test of their own (tests/unit/test_catalogue_killed.py): it is over at
        once."""
        if function == "catalogue-writer":
            return {"status": "COMPLETE", "next": None}
        self.watch.begins(function)
        hurried = function in ("media-lister", "video-downloader")
        invocation = {"function": function, "event": payload, "later": self.later}
        invocation |= {"left": HURRIED} if hurried else {}
        invocation["environment"] = {"CONNECTIONS_PER_VIDEO": str(self.connections)}
        (answer,) = self.host.invoke([invocation], self.watch)
        wait_until(lambda: self.aws.server.busy == 0, "the requests of the process have ended")
        self.watch.ends()
        if "ok" in answer:
            return answer["ok"]
        if "killed" in answer:
            self.later += LATER
            self.fake.control.advance_clock(LATER)
            raise StatesError("Runtime.ExitError", "the process was killed")
        cause = json.dumps({"errorType": answer["error"], "errorMessage": answer["message"]})
        raise StatesError(answer["error"], cause)

    def manifest(self, key: str) -> list[bytes]:
        return self.aws.read(key, WORK).splitlines()

    def run_until_success(self, aborts: Random | None = None) -> None:
        """Repeats runs, as on successive nights, until one succeeds without a death."""
        while self.runs < RESTARTS:
            deaths = len(self.watch.reached)
            end = self.run(aborts=aborts)
            if end == "CredentialsExpiredError":
                self.store_credentials()
            if end == "SUCCEEDED" and len(self.watch.reached) == deaths:
                return
        raise AssertionError(f"no run succeeded without a death: {self.ends}")

    def rows(self, sk: str) -> list[dict[str, Any]]:
        found = self.aws.table.scan(ConsistentRead=True)["Items"]
        return [row for row in found if row["sk"].startswith(sk)]


@dataclass
class Servers:
    """The two servers and the processes of the functions, which successive worlds share."""

    server: AwsServer
    fake: FakeGoPro
    host: Host
    watch: Watch

    def world(self) -> World:
        """A new account, with the library in its initial state."""
        self.fake.control.reset()
        return World(Aws(self.server), self.fake, self.host, self.watch)


@contextmanager
def running_servers(server: AwsServer, folder: Path) -> Iterator[Servers]:
    """Runs the servers, with their library in `folder`. At the end, checks the functions' log for secrets."""
    log = make_library(folder) / "functions.log"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.variables.items():
            patch.setenv(name, value)
        variables = Aws(server).variables
        # Pages of three rows, so that the listing takes several invocations.
        with (
            running(Library.load(folder), per_page_cap=3) as fake,
            hosted(variables | {"GOPRO_API_BASE_URL": fake.base_url}, log) as host,
        ):
            watch = Watch()
            watch.attach(fake)
            yield Servers(server, fake, host, watch)
            assert_no_secret(log.read_text(), fake)


def audit(world: World, left: Mapping[str, tuple[str, str | None]] = LEFT) -> list[str]:
    """Everything that is wrong: each original must be in the archive once, byte for byte, with nothing else there, and
    the ledger must agree. `left` maps the items that are not archived to their status and category."""
    objects = world.aws.archived()
    sources = {(row["media_id"], int(row["file_number"])): row for row in world.rows("SOURCE#")}
    items = {row["media_id"]: row for row in world.rows("ITEM")}
    wrong = []
    originals = world.fake.library.originals()
    for original in originals:
        row = sources.pop((original.media_id, original.source_number), None)
        name = f"{original.media_id}/{original.source_number}"
        if row is None or row["status"] != "ARCHIVED":
            wrong.append(f"lost: {name} is not archived")
        elif objects.pop(row["key"], None) != hashlib.sha256(original.path.read_bytes()).hexdigest():
            wrong.append(f"lost: the object of {name} is missing, claimed twice, or has other content")
        if items.get(original.media_id, {}).get("status") != "ARCHIVED":
            wrong.append(f"wrong: the item of {name} is not ARCHIVED")
    wrong += [f"duplicate: {key} belongs to no original" for key in objects]
    wrong += [
        f"wrong: {key} is ARCHIVED but no original" for key, row in sources.items() if row["status"] == "ARCHIVED"
    ]
    ours = {original.media_id for original in originals}
    for media_id, row in items.items():
        if media_id not in ours and (row["status"], row.get("error_category")) != left.get(media_id):
            wrong.append(f"wrong: {media_id} is {row['status']} because of {row.get('error_category')}")
        if row.get("lease_owner"):
            wrong.append(f"wrong: {media_id} is still leased")
    return wrong


def uploads_named_in_the_ledger(world: World) -> set[str]:
    return {row["upload_id"] for row in world.rows("SOURCE#") if row.get("upload_id")}
