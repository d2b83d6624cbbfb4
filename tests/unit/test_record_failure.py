"""The step behind failure-recorder: a failure is recorded with its reason, and at the limit sends a dead letter."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.runtime.run_input import filters_of
from cloud_sync_common.steps.record_failure import FailureRecorder, FailureRequest, FailureResult, Scope
from cloud_sync_common.stores.ledger_rows import Status

from tests.unit.in_process_aws import InProcessAws, running_aws

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
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def record(
    aws: InProcessAws, run_id: str = "run-1", error: dict[str, str] | None = None, scope: Scope = Scope.MEDIA
) -> FailureResult:
    step = FailureRecorder(
        ledger=aws.ledger,
        runs=aws.runs,
        queue=aws.sqs,
        queue_url=aws.dead_letters_url,
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


def test_a_failure_is_in_the_ledger_with_its_reason(aws: InProcessAws) -> None:
    assert record(aws) == FailureResult("original_unavailable", attempts=1)
    row = aws.row(CLIP.media_id)
    assert (row.status, row.error_category, row.error_message) == (
        Status.FAILED,
        "original_unavailable",
        "GoPro offers no original of this video.",
    )
    assert (row.filename, row.attempts, row.failed_run) == ("GX010042.MP4", 1, "run-1")


def test_a_failed_video_is_no_longer_leased_so_that_the_next_run_may_try(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 900)
    record(aws)
    assert aws.ledger.claim(CLIP, "run-2", 900).granted


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
def test_every_shape_of_error_gives_a_category_and_a_message(
    aws: InProcessAws, error: dict[str, str], category: str, message: str
) -> None:
    record(aws, error=error or {"other": "field"})
    row = aws.row(CLIP.media_id)
    assert (row.error_category, row.error_message) == (category, message)


def test_a_message_is_short_and_without_signatures(aws: InProcessAws) -> None:
    cause = "GET https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk&n=1 failed " + "x" * 5000
    record(aws, error={"Error": "Runtime.ExitError", "Cause": cause})
    message = aws.row(CLIP.media_id).error_message
    assert "c2lnbmVk" not in message and message.startswith("GET https://cdn.example/") and len(message) <= 1000


def test_a_second_call_of_the_same_run_does_not_count_twice(aws: InProcessAws) -> None:
    assert [record(aws).attempts for _ in range(3)] == [1, 1, 1]
    assert record(aws, "run-2").attempts == 2


def test_below_the_limit_no_dead_letter_is_sent(aws: InProcessAws) -> None:
    results = [record(aws, f"run-{number}") for number in (1, 2)]
    assert [result.handed_over for result in results] == [False, False] and aws.dead_letters() == []


def test_at_the_limit_a_dead_letter_has_all_that_is_needed_to_try_again(aws: InProcessAws) -> None:
    results = [record(aws, f"run-{number}") for number in (1, 2, 3)]
    assert [(result.attempts, result.handed_over) for result in results] == [(1, False), (2, False), (3, True)]
    (dead_letter,) = aws.dead_letters()
    assert dead_letter["media"]["media_id"] == CLIP.media_id and dead_letter["media"]["filename"] == "GX010042.MP4"
    counts = (dead_letter["category"], dead_letter["attempts"], dead_letter["run_id"])
    assert counts == ("original_unavailable", 3, "run-3")
    assert dead_letter["reason"] == "GoPro offers no original of this video."
    filters = filters_of(dead_letter["again"])
    assert dead_letter["again"]["provider"] == "gopro"
    assert filters.media_ids == (CLIP.media_id,) and filters.retry_failed


def test_a_failure_beyond_the_limit_sends_another_dead_letter(aws: InProcessAws) -> None:
    for number in (1, 2, 3):
        record(aws, f"run-{number}")
    aws.dead_letters()
    assert record(aws, "run-4").handed_over
    assert [dead_letter["attempts"] for dead_letter in aws.dead_letters()] == [4]


def test_a_video_in_progress_in_another_run_is_not_marked_as_failed(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-2", 900)
    assert record(aws, "run-1").attempts == 0
    assert aws.row(CLIP.media_id).status is Status.IN_PROGRESS


def test_an_archived_video_never_becomes_a_failed_one(aws: InProcessAws) -> None:
    aws.archive(CLIP, "run-1")
    record(aws, "run-1")
    assert aws.row(CLIP.media_id).status is Status.ARCHIVED


def test_a_reason_to_stop_is_recorded_on_the_run_and_on_no_video(aws: InProcessAws) -> None:
    aws.runs.begin("run-1", "arn:1")
    stop = {"Error": "CredentialsExpiredError", "Cause": '{"errorMessage": "Sign in again."}'}
    assert record(aws, error=stop, scope=Scope.RUN) == FailureResult("credentials_expired")
    run = aws.runs.get("run-1")
    assert run is not None and (run.stop_error, run.stop_message) == ("CredentialsExpiredError", "Sign in again.")
    assert aws.ledger.known([CLIP.media_id]) == {} and aws.dead_letters() == []


def test_the_first_of_several_reasons_to_stop_is_kept(aws: InProcessAws) -> None:
    for name in ("CredentialsExpiredError", "ConfigurationError"):
        record(aws, error={"Error": name, "Cause": ""}, scope=Scope.RUN)
    run = aws.runs.get("run-1")
    assert run is not None and run.stop_error == "CredentialsExpiredError"
