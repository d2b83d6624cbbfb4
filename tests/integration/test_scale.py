"""A large library: listed in flat memory and few invocations, and a night without news costs next to nothing.

`SCALE_ITEMS` sets the size; what was measured is printed (`pytest -s`).
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
from tests.integration.aws_on_loopback import Aws
from tests.integration.crash_world import Host, hosted

ITEMS = int(os.environ.get("SCALE_ITEMS", "100000"))
KEYS_A_READ = 100
LISTER_SECONDS = 900.0
FIVE_MINUTES = 300.0


@dataclass
class Night:
    """One run's listing: what the lister answered, what it asked for, and what it took."""

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
    """BatchGetItem of a ledger in which every item is archived, as large as anybody likes."""
    ((table, asked),) = request["RequestItems"].items()
    assert len(asked["Keys"]) <= KEYS_A_READ
    rows = []
    for key in asked["Keys"]:
        _, _, media_id = key["pk"]["S"].partition("#")
        texts = {"media_id": media_id, "status": "ARCHIVED", "revision": "/1", "filename": "GX010001.MP4"}
        rows.append(key | {name: {"S": text} for name, text in texts.items()} | {"bytes_total": {"N": "2000"}})
    return {"Responses": {table: rows}, "UnprocessedKeys": {}}


def listed(aws: Aws, host: Host, run_id: str, *, seconds: float = LISTER_SECONDS) -> Night:
    """Lists as the state machine does, from invocation to invocation."""
    night, cursor = Night([], Counter()), None

    def watch(moment: str, name: str) -> None:
        night.asked[name] += moment == "done"

    aws.server.watch = watch
    while not night.answers or cursor:
        event = {"run_id": run_id, "provider": "gopro", "execution_arn": "arn:night", "cursor": cursor}
        (answer,) = host.invoke([{"function": "media-lister", "event": event, "seconds": seconds}])
        assert "ok" in answer, answer
        night.answers.append(answer["ok"])
        night.spent.append(answer["spent"])
        cursor = answer["ok"]["next_cursor"]
    return night


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(os.urandom(2_000))
    return path


def test_a_night_without_news_is_flat_in_memory_and_costs_one_read_of_the_ledger_per_hundred_items(
    aws: Aws, clip: Path, tmp_path: Path
) -> None:
    nights = {count: archived_night(aws, clip, tmp_path, count) for count in (ITEMS // 10, ITEMS)}
    for count, night in nights.items():
        (answer,) = night.answers
        assert (answer["status"], answer["listed"], answer["new"]) == ("COMPLETE", count, 0)
        assert night.asked["dynamodb.BatchGetItem"] <= -(-count // KEYS_A_READ)
        rest = night.asked.total() - night.asked["dynamodb.BatchGetItem"]
        assert rest < 10, f"beside reading the ledger: {night.asked}"
    small, large = nights.values()
    grown = large.most_memory - small.most_memory
    print(f"{count} items: {large.processor_seconds:.0f} s of a processor, {grown / 1e6:.1f} MB more memory")  # noqa: T201
    assert grown < 8e6
    assert large.processor_seconds < FIVE_MINUTES


def archived_night(aws: Aws, clip: Path, tmp_path: Path, count: int) -> Night:
    with running(Library.generated(clip, count)) as fake:
        variables = aws.variables | {"GOPRO_API_BASE_URL": fake.base_url}
        with hosted(variables, tmp_path / f"functions-{count}.log") as host:
            aws.store({"provider": "gopro", "access_token": fake.access_token, "user_id": fake.user_id})
            aws.server.instead["dynamodb.BatchGetItem"] = archived
            return listed(aws, host, f"night-of-{count}")
