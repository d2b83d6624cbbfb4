"""A second reader of the state machine definition: moto's interpreter plays what is deployed, step by step.

Each test is a script: which functions are invoked in which order, with exactly which payload, and what they answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cloud_sync_common.filters import Filters
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.steps.authenticate import AuthResult
from cloud_sync_common.steps.catalogue import CatalogueResult, Night
from cloud_sync_common.steps.download import SliceResult
from cloud_sync_common.steps.list_media import ListResult
from cloud_sync_common.steps.reconcile import ReconcileResult
from cloud_sync_common.steps.report import Failed
from cloud_sync_common.steps.report_paused import REPORT_PAUSED, PausedRequest, PausedSummary

from tests.integration.interpreter import EXCEEDED, RUN_ID, Call, Execution, Failure, play
from tests.integration.scripted_calls import (
    ARCHIVED,
    BUSY,
    CATALOGUED,
    EXPIRED,
    IN_PROGRESS,
    ONE,
    REQUESTS,
    RUN_FAILED,
    SUMMARY,
    THREE,
    THROTTLED,
    TWO,
    UNAVAILABLE,
    Video,
    a_slice,
    as_json,
    authenticate,
    batch,
    call,
    carried,
    catalogue,
    ended,
    error_of,
    list_media,
    listed,
    reconcile,
    record,
    renew,
    report,
    report_failure,
    state_after,
    video,
)
from tests.synthesis import Synthesis
from tests.unit.state_machine import states
from tools.definition_check import deployed

type Play = Callable[..., Execution]


@pytest.fixture(scope="module")
def definition(synthesis: Synthesis) -> dict[str, Any]:
    """What dev deploys, with one child of the map at a time: only the order of two batches depends on that number."""
    return deployed(synthesis.of("dev", max_concurrency="1").template)


@pytest.fixture
def played(definition: dict[str, Any]) -> Play:
    """Plays a script against the deployed definition, and checks all that was sent: function, order and payload."""

    def run(*script: Call, given: Any = None, batches: tuple[list[Video], ...] = ()) -> Execution:
        execution = play(definition, {"provider": "gopro"} if given is None else given, [*script], [*batches])
        assert execution.invoked == [call.seen for call in script]
        for function, payload in execution.invoked:
            msgspec.convert(payload, PausedRequest if payload.get("request") == REPORT_PAUSED else REQUESTS[function])
        return execution

    return run


def assert_succeeded(execution: Execution, output: Any) -> None:
    assert (execution.status, execution.error, execution.cause) == ("SUCCEEDED", None, None)
    assert execution.output == as_json(output)


def assert_failed(execution: Execution, failed: Failed) -> None:
    assert (execution.status, execution.output) == ("FAILED", None)
    assert (execution.error, execution.cause) == (failed.error, failed.cause)


# A run from its start to its report


def test_two_batches_that_leave_nothing_are_one_invocation_each_and_the_report_is_the_output(played: Play) -> None:
    found = listed(new=3, batches=2)
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO), batch(THREE), *ended(found), batches=([ONE, TWO], [THREE])
    )
    assert_succeeded(execution, SUMMARY)
    assert (execution.waits, execution.failed_children) == ([], [])


def test_the_results_of_the_map_are_written_below_the_prefix_of_the_run(played: Play) -> None:
    found = listed(new=1, batches=1)
    execution = played(authenticate(), list_media(found), batch(ONE), *ended(found), batches=([ONE],))
    (key,) = execution.written
    assert key.startswith(f"runs/{RUN_ID}/results/") and key.endswith("/manifest.json")


def test_a_listing_is_continued_at_its_cursor_until_it_is_complete(played: Play) -> None:
    first = ListResult(status=StepStatus.IN_PROGRESS, next_cursor="page-40", listed=40)
    found = listed(new=1, batches=1)
    execution = played(
        authenticate(), list_media(first), list_media(found, cursor="page-40"), batch(ONE), *ended(found),
        batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


def test_a_run_that_finds_nothing_new_reports_without_a_map(played: Play) -> None:
    found = listed(new=0, batches=0)
    execution = played(authenticate(), list_media(found), *ended(found))
    assert_succeeded(execution, SUMMARY)
    assert execution.written == []


def test_the_input_with_its_filters_reaches_the_authenticator_as_it_was_given(played: Play) -> None:
    given = {"provider": "gopro", "filters": {"captured_from": "2026-01-01T00:00:00Z"}}
    found = listed(new=0, batches=0)
    assert_succeeded(played(authenticate(given=given), list_media(found), *ended(found), given=given), SUMMARY)


def test_a_run_beside_another_one_ends_without_a_report(played: Play) -> None:
    beside = ListResult(status=StepStatus.ALREADY_RUNNING)
    assert_succeeded(played(authenticate(), list_media(beside)), state_after(beside))


# What a batch leaves


def test_videos_that_a_batch_leaves_are_archived_slice_by_slice_one_after_the_other(played: Play) -> None:
    found = listed(new=3, batches=1)
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO, THREE, leaves=(ONE, THREE)),
        a_slice(ONE, IN_PROGRESS), a_slice(ONE, IN_PROGRESS), a_slice(ONE, ARCHIVED), a_slice(THREE, ARCHIVED),
        *ended(found), batches=([ONE, TWO, THREE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


def test_every_video_of_a_batch_that_failed_as_a_whole_is_tried_on_its_own(played: Play) -> None:
    found = listed(new=2, batches=1)
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO, answer=Failure("SourceChangedError")),
        a_slice(ONE, ARCHIVED), a_slice(TWO, ARCHIVED), *ended(found), batches=([ONE, TWO],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


@pytest.mark.parametrize("result", [BUSY, UNAVAILABLE])
def test_a_video_that_is_busy_or_unavailable_is_done_for_this_run(played: Play, result: SliceResult) -> None:
    found = listed(new=1, batches=1)
    execution = played(
        authenticate(), list_media(found), batch(ONE, leaves=(ONE,)), a_slice(ONE, result), *ended(found),
        batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


# An expired token in the middle


def test_a_token_that_expires_during_the_listing_is_renewed_and_the_listing_goes_on_at_its_cursor(
    played: Play,
) -> None:
    first, found = ListResult(status=StepStatus.IN_PROGRESS, next_cursor="page-40"), listed(new=1, batches=1)
    execution = played(
        authenticate(), list_media(first), list_media(EXPIRED, cursor="page-40"), renew(0),
        list_media(EXPIRED, cursor="page-40"), renew(1), list_media(found, cursor="page-40"),
        batch(ONE), *ended(found), batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    assert execution.waits == []


def test_renewals_are_counted_anew_after_each_part_of_a_listing(played: Play) -> None:
    found = listed(new=0, batches=0)
    hours: list[Call] = []
    for hour in range(6):
        at = f"page-{hour}" if hour else None
        further = ListResult(status=StepStatus.IN_PROGRESS, next_cursor=f"page-{hour + 1}", listed=hour)
        hours += [list_media(EXPIRED, cursor=at), renew(0), list_media(further, cursor=at)]
    execution = played(authenticate(), *hours, list_media(found, cursor="page-6"), *ended(found))
    assert_succeeded(execution, SUMMARY)


def test_a_token_that_expires_during_a_download_is_renewed_and_each_video_counts_its_own_renewals(
    played: Play,
) -> None:
    found = listed(new=2, batches=1)
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO, leaves=(ONE, TWO)),
        a_slice(ONE, IN_PROGRESS), a_slice(ONE, EXPIRED), renew(0), a_slice(ONE, EXPIRED), renew(1),
        a_slice(ONE, ARCHIVED), a_slice(TWO, EXPIRED), renew(0), a_slice(TWO, ARCHIVED),
        *ended(found), batches=([ONE, TWO],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    assert execution.waits == []


def test_renewals_are_counted_anew_after_a_slice_that_moved_bytes(played: Play) -> None:
    """A token of one hour ends many times while a large video is moved, and is renewed each time."""
    found = listed(new=1, batches=1)
    hours = [step for _ in range(6) for step in (a_slice(ONE, EXPIRED), renew(0), a_slice(ONE, IN_PROGRESS))]
    execution = played(
        authenticate(), list_media(found), batch(ONE, leaves=(ONE,)), *hours,
        a_slice(ONE, EXPIRED), renew(0), a_slice(ONE, EXPIRED), renew(1), a_slice(ONE, ARCHIVED), *ended(found),
        batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


def test_a_token_that_cannot_be_renewed_during_the_listing_fails_the_run_with_a_report(played: Play) -> None:
    failed = Failed("CredentialsExpiredError", "Store new credentials.")
    state = state_after(None, error=EXPIRED.output)
    execution = played(authenticate(), list_media(EXPIRED), renew(0, EXPIRED), report_failure(failed, **state))
    assert_failed(execution, failed)


def test_a_token_that_cannot_be_renewed_during_a_download_stops_the_run(played: Play) -> None:
    found = listed(new=1, batches=1)
    state = state_after(found, error=error_of("States.ExceedToleratedFailureThreshold", EXCEEDED))
    execution = played(
        authenticate(), list_media(found), batch(ONE, leaves=(ONE,)), a_slice(ONE, EXPIRED), renew(0, EXPIRED),
        record("run", ONE, EXPIRED), report_failure(**state), batches=([ONE],),
    )  # fmt: skip
    assert_failed(execution, RUN_FAILED)


# A failed video


@pytest.mark.parametrize("error", ["OriginalUnavailableError", "IntegrityError", "ANameThatNobodyKnows"])
def test_a_failed_video_is_recorded_and_the_run_goes_on_and_succeeds(played: Play, error: str) -> None:
    found, failure = listed(new=3, batches=2), Failure(error)
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO, leaves=(ONE, TWO)), a_slice(ONE, failure),
        record("media", ONE, failure), a_slice(TWO, ARCHIVED), batch(THREE), *ended(found),
        batches=([ONE, TWO], [THREE]),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    assert (execution.waits, execution.failed_children) == ([], [])


def test_a_failure_that_cannot_be_recorded_does_not_stop_the_other_videos(played: Play) -> None:
    found, failure = listed(new=2, batches=1), Failure("IntegrityError")
    execution = played(
        authenticate(), list_media(found), batch(ONE, TWO, leaves=(ONE, TWO)), a_slice(ONE, failure),
        record("media", ONE, failure, Failure("LedgerConflictError")), a_slice(TWO, ARCHIVED), *ended(found),
        batches=([ONE, TWO],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


# A stopped run


@pytest.mark.parametrize("error", ["ConfigurationError", "ProviderContractError"])
@pytest.mark.parametrize("recorded", [None, Failure("LedgerConflictError")])
def test_an_error_that_every_video_would_meet_stops_the_map_and_fails_the_run_with_its_reason(
    played: Play, error: str, recorded: Failure | None
) -> None:
    found, failure = listed(new=4, batches=3), Failure(error, "Ask for a new version.")
    state = state_after(found, error=error_of("States.ExceedToleratedFailureThreshold", EXCEEDED))
    execution = played(
        authenticate(), list_media(found), batch(ONE), batch(TWO, THREE, leaves=(TWO, THREE)), a_slice(TWO, failure),
        record("run", TWO, failure, recorded), report_failure(**state), batches=([ONE], [TWO, THREE], [video(4)]),
    )  # fmt: skip
    assert_failed(execution, RUN_FAILED)
    assert execution.failed_children == [{"error": error, "cause": failure.cause}]
    assert execution.written == []


@pytest.mark.parametrize("error", ["CredentialsExpiredError", "ConfigurationError", "ANameThatNobodyKnows"])
def test_a_run_that_cannot_authenticate_reports_its_input_and_the_error(played: Play, error: str) -> None:
    failure, failed = Failure(error), Failed(error, "Store new credentials.")
    execution = played(authenticate(failure), report_failure(failed, provider="gopro", error=failure.output))
    assert_failed(execution, failed)


def test_a_run_whose_listing_fails_reports_it(played: Play) -> None:
    failure = Failure("ProviderContractError")
    execution = played(authenticate(), list_media(failure), report_failure(**state_after(None, error=failure.output)))
    assert_failed(execution, RUN_FAILED)


def test_a_run_whose_report_fails_reports_that_as_its_failure(played: Play) -> None:
    found, failure = listed(new=0, batches=0), Failure("ConfigurationError", "The topic is gone.")
    execution = played(
        authenticate(), list_media(found), *ended(found, failure),
        report_failure(**state_after(found, catalogue=CATALOGUED, error=failure.output)),
    )  # fmt: skip
    assert_failed(execution, RUN_FAILED)


def test_a_catalogue_that_takes_several_invocations_goes_on_where_it_was(played: Play) -> None:
    found, night = listed(new=0, batches=0), Night(slices=1, items=7)
    unfinished = CatalogueResult(status=StepStatus.IN_PROGRESS, next=night)
    execution = played(
        authenticate(), list_media(found), catalogue(found, unfinished), catalogue(found, after=night), report(found),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)


@pytest.mark.parametrize("error", ["ConfigurationError", "CredentialsExpiredError", "UnexpectedError"])
def test_a_catalogue_that_fails_changes_nothing_for_the_run(played: Play, error: str) -> None:
    found = listed(new=1, batches=1)
    execution = played(
        authenticate(), list_media(found), batch(ONE), catalogue(found, Failure(error)), report(found), batches=([ONE],)
    )
    assert_succeeded(execution, SUMMARY)


def test_a_failed_run_whose_report_fails_too_says_where_to_look(played: Play) -> None:
    failure = Failure("ConfigurationError")
    execution = played(authenticate(failure), report_failure(failure, provider="gopro", error=failure.output))
    assert (execution.status, execution.error) == ("FAILED", "ReportFailed")
    assert execution.cause is not None and "history of this execution" in execution.cause


# Reconciliation


RECONCILE = {"provider": "gopro", "mode": "reconcile"}


def test_a_reconciliation_goes_on_at_its_cursor_and_its_counts_are_the_output(played: Play) -> None:
    first = ReconcileResult(status=StepStatus.IN_PROGRESS, next_cursor="ledger-7", items=7)
    done = ReconcileResult(status=StepStatus.COMPLETE, report_key="k", items=9, objects=8, findings={"missing": 1})
    execution = played(
        authenticate(given=RECONCILE, mode=Mode.RECONCILE), reconcile(first), reconcile(done, cursor="ledger-7"),
        given=RECONCILE,
    )  # fmt: skip
    assert_succeeded(execution, done)


def test_a_reconciliation_beside_a_run_ends_without_doing_anything(played: Play) -> None:
    beside = ReconcileResult(status=StepStatus.ALREADY_RUNNING)
    execution = played(authenticate(given=RECONCILE, mode=Mode.RECONCILE), reconcile(beside), given=RECONCILE)
    state = state_after(None) | {"mode": "reconcile", "reconciliation": carried(beside)}
    assert_succeeded(execution, state)


def test_a_reconciliation_of_a_paused_provider_reports_that_nothing_was_verified(played: Play) -> None:
    begun = AuthResult(run_id=RUN_ID, provider="gopro", filters=Filters(), mode=Mode.RECONCILE, paused=True)
    said = PausedSummary(run_id=RUN_ID, provider="gopro", mail="It is paused.", mail_wanted=True)
    asked = {
        "request": "paused", "run_id": RUN_ID, "provider": "gopro", "mode": "reconcile", "mails": "every_night",
        "reported_by": "",
    }  # fmt: skip
    execution = played(
        authenticate(begun, given=RECONCILE), call("run-report", asked, said), given=RECONCILE,
    )  # fmt: skip
    assert_succeeded(execution, said)


def test_a_reconciliation_that_fails_is_reported(played: Play) -> None:
    failure = Failure("ProviderContractError")
    state = state_after(None, error=failure.output) | {"mode": "reconcile"}
    execution = played(
        authenticate(given=RECONCILE, mode=Mode.RECONCILE), reconcile(failure), report_failure(**state),
        given=RECONCILE,
    )  # fmt: skip
    assert_failed(execution, RUN_FAILED)


def test_a_reconciliation_outlives_as_many_tokens_as_it_takes_and_goes_on_at_its_cursor(played: Play) -> None:
    """A token of one hour ends many times while a large library is compared, and is renewed each time."""
    first = ReconcileResult(status=StepStatus.IN_PROGRESS, next_cursor="page-1", items=1)
    done = ReconcileResult(status=StepStatus.COMPLETE, report_key="k", items=9)
    hours: list[Call] = []
    for hour in range(1, 7):
        further = ReconcileResult(status=StepStatus.IN_PROGRESS, next_cursor=f"page-{hour + 1}", items=hour)
        hours += [reconcile(EXPIRED, cursor=f"page-{hour}"), renew(0), reconcile(further, cursor=f"page-{hour}")]
    execution = played(
        authenticate(given=RECONCILE, mode=Mode.RECONCILE), reconcile(first), *hours,
        reconcile(EXPIRED, cursor="page-7"), renew(0), reconcile(EXPIRED, cursor="page-7"), renew(1),
        reconcile(done, cursor="page-7"), given=RECONCILE,
    )  # fmt: skip
    assert_succeeded(execution, done)


def test_a_token_that_cannot_be_renewed_during_a_reconciliation_fails_the_run_with_a_report(played: Play) -> None:
    failed = Failed("CredentialsExpiredError", "Store new credentials.")
    state = state_after(None, error=EXPIRED.output) | {"mode": "reconcile"}
    execution = played(
        authenticate(given=RECONCILE, mode=Mode.RECONCILE), reconcile(EXPIRED), renew(0, EXPIRED),
        report_failure(failed, **state), given=RECONCILE,
    )  # fmt: skip
    assert_failed(execution, failed)


# Retries


def retrier(definition: dict[str, Any], state: str, error: str) -> dict[str, Any]:
    """The first retrier of a state that names this error; Step Functions uses no other."""
    return next(one for one in states(definition)[state]["Retry"] if error in one["ErrorEquals"])


def test_an_error_that_is_gone_at_the_next_attempt_costs_one_invocation_in_every_state(
    played: Play, definition: dict[str, Any]
) -> None:
    found = listed(new=1, batches=1)
    once = Failure("Lambda.TooManyRequestsException")
    execution = played(
        authenticate(once), authenticate(), list_media(THROTTLED), list_media(found),
        batch(ONE, answer=once), batch(ONE, leaves=(ONE,)), a_slice(ONE, THROTTLED), a_slice(ONE, EXPIRED),
        renew(0, once), renew(0), a_slice(ONE, Failure("IntegrityError")),
        record("media", ONE, Failure("IntegrityError"), once), record("media", ONE, Failure("IntegrityError")),
        *ended(found, once), report(found), batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    assert len(execution.waits) == 7
    longest = max(
        retrier(definition, state, error)["IntervalSeconds"]
        for state, error in (("Authenticate", once.error), ("ListMedia", THROTTLED.error))
    )
    assert all(0 <= wait <= longest for wait in execution.waits)


def test_an_error_that_stays_is_retried_as_often_as_the_definition_says_with_waits_that_grow(
    played: Play, definition: dict[str, Any]
) -> None:
    retry = retrier(definition, "DownloadSlice", THROTTLED.error)
    found, attempts = listed(new=1, batches=1), 1 + retry["MaxAttempts"]
    execution = played(
        authenticate(), list_media(found), batch(ONE, leaves=(ONE,)), *[a_slice(ONE, THROTTLED)] * attempts,
        record("media", ONE, THROTTLED), *ended(found), batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    limits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** number for number in range(attempts - 1)]
    assert len(execution.waits) == len(limits)
    assert all(0 <= wait <= limit for wait, limit in zip(execution.waits, limits, strict=True))


def test_a_function_that_lambda_cannot_reach_yet_is_waited_for_longer_and_each_retrier_counts_for_itself(
    played: Play, definition: dict[str, Any]
) -> None:
    not_ready = Failure("Lambda.ENINotReadyException")
    slow = retrier(definition, "DownloadBatch", not_ready.error)
    found, refused = listed(new=1, batches=1), batch(ONE, answer=not_ready)
    execution = played(
        authenticate(), list_media(found), refused, batch(ONE, answer=THROTTLED), refused, refused, batch(ONE),
        *ended(found), batches=([ONE],),
    )  # fmt: skip
    assert_succeeded(execution, SUMMARY)
    first, (second, third) = slow["IntervalSeconds"], execution.waits[2:]
    assert (execution.waits[0], second, third) == (first, first * slow["BackoffRate"], first * slow["BackoffRate"] ** 2)
    assert execution.waits[1] <= retrier(definition, "DownloadBatch", THROTTLED.error)["IntervalSeconds"]


# The children of the map side by side


def test_children_side_by_side_send_the_same_payloads(synthesis: Synthesis) -> None:
    definition = deployed(synthesis.of("dev").template)
    assert definition["States"]["EachBatch"]["MaxConcurrency"] > 1
    videos = [video(number) for number in range(1, 9)]
    found = listed(new=8, batches=8)
    script = [authenticate(), list_media(found), *(batch(item) for item in videos), *ended(found)]
    execution = play(definition, {"provider": "gopro"}, script, [[item] for item in videos])
    assert_succeeded(execution, SUMMARY)
    sent = {payload["batch"][0]["media_id"] for _, payload in execution.invoked[2:-2]}
    assert len(execution.invoked) == 12 and sent == {item["media_id"] for item in videos}
