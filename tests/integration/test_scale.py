"""A large library: the listing needs constant memory, few invocations and few requests.

`SCALE_ITEMS` sets the size; `pytest -s` shows the measurements. Google Drive and Dropbox are listed with fewer items
when nothing is set: what could grow with the library, or with a page, shows with these.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.provider_access.listing import CURSOR_LIMIT
from cloud_sync_common.steps.list_media import PAGE_SECONDS

from local.fake_providers import dropbox, google_drive
from local.fake_providers.dropbox_tree import content_hash
from local.fake_providers.gopro import running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import SECRET, Aws
from tests.integration.crash_world import Host, hosted

ITEMS = int(os.environ.get("SCALE_ITEMS", "100000"))
ROWS_A_PAGE = 1_000  # of a listing of either cloud
CLOUD_ITEMS = int(os.environ.get("SCALE_ITEMS", "10000"))
KEYS_A_READ = 100
LISTER_SECONDS = 900.0
FIVE_MINUTES = 300.0


@dataclass
class ListingRun:
    """The listing of one run: the lister's results, its requests, and the resources it used."""

    answers: list[dict[str, Any]]
    asked: Counter[str]
    spent: list[dict[str, float]] = field(default_factory=list)

    @property
    def most_memory(self) -> float:
        return max(spent["most_memory"] for spent in self.spent)

    @property
    def processor_seconds(self) -> float:
        return sum(spent["processor_seconds"] for spent in self.spent)


def archived(request: dict[str, Any], revision: str = "/1") -> dict[str, Any]:
    """BatchGetItem of a ledger of any size in which this revision of every item is archived."""
    ((table, asked),) = request["RequestItems"].items()
    assert len(asked["Keys"]) <= KEYS_A_READ
    rows = []
    for key in asked["Keys"]:
        _, _, media_id = key["pk"]["S"].partition("#")
        texts = {"media_id": media_id, "status": "ARCHIVED", "revision": revision, "filename": "GX010001.MP4"}
        rows.append(key | {name: {"S": text} for name, text in texts.items()} | {"bytes_total": {"N": "2000"}})
    return {"Responses": {table: rows}, "UnprocessedKeys": {}}


def listed(aws: Aws, host: Host, run_id: str, *, provider: str = "gopro", **time_left: float) -> ListingRun:
    """Lists as the state machine does, in one or more invocations. `time_left` is "seconds", those of an invocation, or
    "left", which it has at any moment (function_host.py)."""
    run, cursor = ListingRun([], Counter()), None

    def watch(moment: str, name: str) -> None:
        run.asked[name] += moment == "done"

    aws.server.watch = watch
    while not run.answers or cursor:
        event = {"run_id": run_id, "provider": provider, "execution_arn": "arn:run", "cursor": cursor}
        (answer,) = host.invoke([{"function": "media-lister", "event": event, "seconds": LISTER_SECONDS} | time_left])
        assert "ok" in answer, answer
        run.answers.append(answer["ok"])
        run.spent.append(answer["spent"])
        cursor = answer["ok"]["next_cursor"]
    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(movie_of(os.urandom(2_000)))
    return path


def test_a_run_without_new_videos_needs_constant_memory_and_one_ledger_read_per_hundred_items(
    aws: Aws, clip: Path, tmp_path: Path
) -> None:
    runs = {count: list_archived(aws, clip, tmp_path, count) for count in (ITEMS // 10, ITEMS)}
    for count, run in runs.items():
        (answer,) = run.answers
        assert (answer["status"], answer["listed"], answer["new"]) == ("COMPLETE", count, 0)
        assert run.asked["dynamodb.BatchGetItem"] <= -(-count // KEYS_A_READ)
        rest = run.asked.total() - run.asked["dynamodb.BatchGetItem"]
        assert rest < 10, f"requests besides the reads of the ledger: {run.asked}"
    small, large = runs.values()
    grown = large.most_memory - small.most_memory
    print(f"{count} items: {large.processor_seconds:.0f} CPU-seconds, {grown / 1e6:.1f} MB more memory")  # noqa: T201
    assert grown < 8e6
    assert large.processor_seconds < FIVE_MINUTES


def list_archived(aws: Aws, clip: Path, tmp_path: Path, count: int) -> ListingRun:
    with running(Library.generated(clip, count)) as fake:
        variables = aws.variables | {"GOPRO_API_BASE_URL": fake.base_url}
        with hosted(variables, tmp_path / f"functions-{count}.log") as host:
            aws.store({"provider": "gopro", "access_token": fake.access_token, "user_id": fake.user_id})
            aws.server.instead["dynamodb.BatchGetItem"] = archived
            return listed(aws, host, f"run-of-{count}")


# Clouds that keep files of every kind


@dataclass(frozen=True)
class Cloud:
    """A cloud with many videos, a thousand in a folder. `revision` is that of each of them."""

    fake: Any
    revision: str
    variables: dict[str, str]
    credentials: dict[str, str]


@contextmanager
def large_drive(clip: Path, count: int) -> Iterator[Cloud]:
    plain = Library.generated(clip, count).items()
    items = [replace(one, row={**one.row, "folder": f"{n // 1000:03}"}) for n, one in enumerate(plain)]
    with google_drive.running(Library(clip.parent, items)) as fake:
        revision = f"sha256:{hashlib.sha256(clip.read_bytes()).hexdigest()}"
        variables = {"GOOGLE_DRIVE_API_BASE_URL": fake.base_url, "GOOGLE_OAUTH_BASE_URL": fake.base_url}
        yield Cloud(fake, revision, variables, {"provider": "google_drive", "access_token": fake.access_token})


@contextmanager
def large_dropbox(clip: Path, count: int) -> Iterator[Cloud]:
    with dropbox.running(Library.generated(clip, 0)) as fake:
        fake.control.put_many(count, clip.name)
        variables = {"DROPBOX_API_BASE_URL": fake.base_url, "DROPBOX_CONTENT_BASE_URL": fake.content_url}
        credentials = {"provider": "dropbox", "access_token": fake.access_token}
        yield Cloud(fake, f"sha256-4mib:{content_hash(clip)}", variables, credentials)


CLOUDS: dict[str, Callable[[Path, int], Any]] = {"google_drive": large_drive, "dropbox": large_dropbox}


def list_cloud(aws: Aws, clip: Path, tmp_path: Path, provider: str, count: int, **time_left: float) -> ListingRun:
    with CLOUDS[provider](clip, count) as cloud:
        variables = aws.variables | {f"{provider.upper()}_CREDENTIALS_SECRET": SECRET} | cloud.variables
        with hosted(variables, tmp_path / f"functions-{count}.log") as host:
            aws.store(cloud.credentials)
            aws.server.instead["dynamodb.BatchGetItem"] = partial(archived, revision=cloud.revision)
            return listed(aws, host, f"run-of-{count}", provider=provider, **time_left)


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_cloud_of_any_size_is_listed_in_constant_memory_and_one_ledger_read_per_hundred_items(
    aws: Aws, clip: Path, tmp_path: Path, provider: str
) -> None:
    runs, seconds = {}, 0.0
    for count in (CLOUD_ITEMS // 5, CLOUD_ITEMS):
        started = time.monotonic()
        runs[count] = list_cloud(aws, clip, tmp_path, provider, count)
        seconds = time.monotonic() - started
    for count, run in runs.items():
        (answer,) = run.answers
        assert (answer["status"], answer["new"], answer["waiting"]) == ("COMPLETE", 0, 0)
        assert answer["listed"] == count + (answer["left_out"].get("other files", 0))
        assert run.asked["dynamodb.BatchGetItem"] <= -(-count // KEYS_A_READ)
        assert run.asked.total() - run.asked["dynamodb.BatchGetItem"] < 10, run.asked
    small, large = runs.values()
    grown = large.most_memory - small.most_memory
    print(  # noqa: T201
        f"{provider}, {count} items: {large.processor_seconds:.1f} CPU-seconds of the function, {seconds:.0f} s with "
        f"the fake, {large.most_memory / 1e6:.0f} MB, {grown / 1e6:.1f} MB more than for {CLOUD_ITEMS // 5}"
    )
    assert grown < 8e6


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_listing_that_pauses_after_each_page_finds_all_and_carries_little(
    aws: Aws, clip: Path, tmp_path: Path, provider: str
) -> None:
    count = 3 * ROWS_A_PAGE
    run = list_cloud(aws, clip, tmp_path, provider, count, left=PAGE_SECONDS - 1.0)
    *paused, last = run.answers
    assert len(paused) >= 3 and {answer["status"] for answer in paused} == {"IN_PROGRESS"}
    assert (last["status"], last["listed"], last["new"]) == ("COMPLETE", count, 0)
    most = max(len(answer["next_cursor"]) for answer in paused)
    print(f"{provider}: the cursor has at most {most} of {CURSOR_LIMIT} bytes")  # noqa: T201
    assert most < CURSOR_LIMIT * 3 / 4
