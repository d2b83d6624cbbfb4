"""A large library: the listing needs constant memory, few invocations and few requests.

`SCALE_ITEMS` sets the size; `pytest -s` shows the measurements.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.gopro import running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import Aws
from tests.integration.crash_world import Host, hosted

ITEMS = int(os.environ.get("SCALE_ITEMS", "100000"))
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


def archived(request: dict[str, Any]) -> dict[str, Any]:
    """BatchGetItem of a ledger of any size in which every item is archived."""
    ((table, asked),) = request["RequestItems"].items()
    assert len(asked["Keys"]) <= KEYS_A_READ
    rows = []
    for key in asked["Keys"]:
        _, _, media_id = key["pk"]["S"].partition("#")
        texts = {"media_id": media_id, "status": "ARCHIVED", "revision": "/1", "filename": "GX010001.MP4"}
        rows.append(key | {name: {"S": text} for name, text in texts.items()} | {"bytes_total": {"N": "2000"}})
    return {"Responses": {table: rows}, "UnprocessedKeys": {}}


def listed(aws: Aws, host: Host, run_id: str, *, seconds: float = LISTER_SECONDS) -> ListingRun:
    """Lists as the state machine does, in one or more invocations."""
    run, cursor = ListingRun([], Counter()), None

    def watch(moment: str, name: str) -> None:
        run.asked[name] += moment == "done"

    aws.server.watch = watch
    while not run.answers or cursor:
        event = {"run_id": run_id, "provider": "gopro", "execution_arn": "arn:run", "cursor": cursor}
        (answer,) = host.invoke([{"function": "media-lister", "event": event, "seconds": seconds}])
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
