"""A function that Lambda cannot invoke for some minutes, as after idle weeks in a VPC, does not fail a run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from cloud_sync.definition import SLOW_RETRY
from cloud_sync.lambda_errors import RETRIED_SLOWLY
from tests.integration.state_machine_player import Player, StatesError

VIDEO = {"media_id": "m1"}
ANSWERS: dict[str, Any] = {
    "media-authenticator": {
        "run_id": "run-1", "provider": "gopro", "filters": {}, "mode": "sync", "reported_by": "", "runs": [],
        "mails": "every_night", "paused": False,
    },
    "media-lister": {
        "status": "COMPLETE", "next_cursor": None, "manifest_key": "runs/run-1/work.jsonl", "listed": 1, "new": 1,
        "waiting": 0, "exhausted": 0, "left_out": {}, "batches": 1,
    },
    "video-downloader": {"unfinished": [VIDEO]},
    "catalogue-writer": {"status": "COMPLETE", "next": None},
    "failure-recorder": {},
    "run-report": {"failed": 1, "error": "TheError", "cause": "the cause"},
}  # fmt: skip


@dataclass
class Functions:
    """Functions that answer at once, but for one, which Lambda refuses to invoke for a number of attempts."""

    asleep: str
    error: str
    refusals: int
    calls: Counter[str] = field(default_factory=Counter)

    def invoke(self, function: str, payload: Any) -> Any:
        self.calls[function] += 1
        if function == self.asleep and self.calls[function] <= self.refusals:
            raise StatesError(self.error, "not now")
        if payload.get("request") == "slice":
            raise StatesError("IntegrityError", "other bytes")
        return ANSWERS[function]

    def play(self) -> Any:
        lines = [json.dumps({"media": [VIDEO]}).encode()]
        player = Player(self.invoke, lambda _key: lines, lambda _error: None, "run-1", "arn")
        return player.play({"provider": "gopro"})


@pytest.mark.parametrize("error", RETRIED_SLOWLY)
@pytest.mark.parametrize("function", sorted(ANSWERS))
def test_a_function_that_is_asleep_is_called_until_it_is_awake(function: str, error: str) -> None:
    functions = Functions(function, error, refusals=SLOW_RETRY["MaxAttempts"])
    assert functions.play() == ANSWERS["run-report"]
    assert functions.calls["failure-recorder"] == (11 if function == "failure-recorder" else 1)


def test_a_function_that_never_wakes_up_ends_the_run() -> None:
    functions = Functions("media-lister", "Lambda.ResourceNotReadyException", refusals=1000)
    with pytest.raises(StatesError, match="TheError"):
        functions.play()
    assert functions.calls["media-lister"] == 1 + SLOW_RETRY["MaxAttempts"]


def test_an_error_that_a_person_must_mend_is_not_retried() -> None:
    functions = Functions("media-lister", "Lambda.KMSAccessDeniedException", refusals=1000)
    with pytest.raises(StatesError, match="TheError"):
        functions.play()
    assert functions.calls["media-lister"] == 1
