"""The step behind failure-recorder: what failed stays listed with its reason, and is handed over when nothing helps."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.runtime.run_input import filters_of
from cloud_sync_common.steps.record_failure import FailureRecorder, FailureRequest, FailureResult, Scope
from cloud_sync_common.stores.ledger import Status

from tests.unit.in_process_aws import Town, running_town

CLIP = MediaItem(
    media_id="65a0f0c2b7e4d1a2c3b40001",
    filename="GX010042.MP4",
    captured_at="2026-01-11T09:12:44Z",
    revision="/1",
    size=402193,
)
NO_ORIGINAL = {
    "Error": "OriginalUnavailableError",
    "Cause": json.dumps(
        {"errorMessage": "GoPro offers no original of this video.", "errorType": "OriginalUnavailableError"}
    ),
}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with running_town(monkeypatch) as deployment:
        yield deployment


def record(
    deployment: Town, run_id: str = "run-1", error: dict[str, str] | None = None, scope: Scope = Scope.MEDIA
) -> FailureResult:
    step = FailureRecorder(
        ledger=deployment.ledger,
        runs=deployment.runs,
        queue=deployment.sqs,
        queue_url=deployment.dead_letters_url,
        max_attempts=3,
    )
    request = FailureRequest(
        run_id=run_id,
        provider="gopro",
        scope=scope,
        media=CLIP,
        error=error or NO_ORIGINAL,
    )
    return step.record(request)


def test_a_failure_is_in_the_ledger_with_its_reason(deployment: Town) -> None:
    assert record(deployment) == FailureResult("original_unavailable", attempts=1)
    row = deployment.row(CLIP.media_id)
    assert (row.status, row.error_category, row.error_message) == (
        Status.FAILED,
        "original_unavailable",
        "GoPro offers no original of this video.",
    )
    assert (row.filename, row.attempts, row.failed_run) == ("GX010042.MP4", 1, "run-1")


def test_a_failed_video_is_no_longer_leased_so_that_the_next_run_may_try(deployment: Town) -> None:
    deployment.ledger.claim(CLIP, "run-1", 900)
    record(deployment)
    assert deployment.ledger.claim(CLIP, "run-2", 900).granted


@pytest.mark.parametrize(
    ("error", "category", "message"),
    [
        ({"Error": "States.Timeout", "Cause": ""}, "States.Timeout", ""),
        ({"Error": "States.Timeout"}, "States.Timeout", ""),
        ({"Error": "Lambda.Unknown", "Cause": "out of memory"}, "Lambda.Unknown", "out of memory"),
        ({"Error": "ShortReadError", "Cause": '["not", "an", "object"]'}, "short_read", '["not", "an", "object"]'),
        ({"Error": "IntegrityError", "Cause": '{"errorMessage": "Other bytes."}'}, "integrity", "Other bytes."),
        ({}, "Unknown", ""),
    ],
)
def test_every_shape_of_error_gives_a_category_and_a_sentence(
    deployment: Town, error: dict[str, str], category: str, message: str
) -> None:
    record(deployment, error=error or {"other": "field"})
    row = deployment.row(CLIP.media_id)
    assert (row.error_category, row.error_message) == (category, message)


def test_a_sentence_is_kept_short_and_free_of_signatures(deployment: Town) -> None:
    cause = "GET https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk&n=1 failed " + "x" * 5000
    record(deployment, error={"Error": "Runtime.ExitError", "Cause": cause})
    message = deployment.row(CLIP.media_id).error_message
    assert "c2lnbmVk" not in message and message.startswith("GET https://cdn.example/") and len(message) <= 1000


def test_a_second_call_of_the_same_run_does_not_count_twice(deployment: Town) -> None:
    assert [record(deployment).attempts for _ in range(3)] == [1, 1, 1]
    assert record(deployment, "run-2").attempts == 2


def test_below_the_ceiling_nobody_is_bothered(deployment: Town) -> None:
    results = [record(deployment, f"run-{number}") for number in (1, 2)]
    assert [result.handed_over for result in results] == [False, False] and deployment.letters() == []


def test_at_the_ceiling_the_video_is_handed_over_with_all_that_is_needed_to_try_again(deployment: Town) -> None:
    results = [record(deployment, f"run-{number}") for number in (1, 2, 3)]
    assert [(result.attempts, result.handed_over) for result in results] == [(1, False), (2, False), (3, True)]
    (letter,) = deployment.letters()
    assert letter["media"]["media_id"] == CLIP.media_id and letter["media"]["filename"] == "GX010042.MP4"
    assert (letter["category"], letter["attempts"], letter["run_id"]) == ("original_unavailable", 3, "run-3")
    assert letter["reason"] == "GoPro offers no original of this video."
    filters = filters_of(letter["again"])
    assert letter["again"]["provider"] == "gopro"
    assert filters.media_ids == (CLIP.media_id,) and filters.retry_failed


def test_a_later_failure_beyond_the_ceiling_is_handed_over_again(deployment: Town) -> None:
    for number in (1, 2, 3):
        record(deployment, f"run-{number}")
    deployment.letters()
    assert record(deployment, "run-4").handed_over
    assert [letter["attempts"] for letter in deployment.letters()] == [4]


def test_a_video_that_another_run_moves_now_is_not_marked_as_failed(deployment: Town) -> None:
    deployment.ledger.claim(CLIP, "run-2", 900)
    assert record(deployment, "run-1").attempts == 0
    assert deployment.row(CLIP.media_id).status is Status.IN_PROGRESS


def test_an_archived_video_never_becomes_a_failed_one(deployment: Town) -> None:
    deployment.archive(CLIP, "run-1")
    record(deployment, "run-1")
    assert deployment.row(CLIP.media_id).status is Status.ARCHIVED


def test_a_reason_to_stop_the_run_is_noted_on_the_run_and_blames_no_video(deployment: Town) -> None:
    deployment.runs.begin("run-1", "arn:1")
    stop = {"Error": "CredentialsExpiredError", "Cause": '{"errorMessage": "Sign in again."}'}
    assert record(deployment, error=stop, scope=Scope.RUN) == FailureResult("credentials_expired")
    run = deployment.runs.get("run-1")
    assert run is not None and (run.stop_error, run.stop_message) == ("CredentialsExpiredError", "Sign in again.")
    assert deployment.ledger.known([CLIP.media_id]) == {} and deployment.letters() == []


def test_of_several_reasons_to_stop_the_first_stands(deployment: Town) -> None:
    for name in ("CredentialsExpiredError", "ConfigurationError"):
        record(deployment, error={"Error": name, "Cause": ""}, scope=Scope.RUN)
    run = deployment.runs.get("run-1")
    assert run is not None and run.stop_error == "CredentialsExpiredError"
