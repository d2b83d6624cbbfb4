"""A run of all providers, played by moto's interpreter as it is deployed: one execution for each, and one report."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.provider_interface import Filters
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.steps.authenticate import AuthResult, CredentialsKind, RunToStart
from cloud_sync_common.stores.provider_settings import Mails

from tests.integration.interpreter import EXECUTION_ARN, RUN_ID, STARTED_AT, Call, Execution, Failure, play
from tests.integration.scripted_calls import (
    CATALOGUED,
    EXPIRED,
    FILTERS,
    RUN_FAILED,
    SUMMARY,
    as_json,
    authenticate,
    call,
    carried,
    listed,
    report_failure,
)
from tests.synthesis import Synthesis
from tools.definition_check import deployed

BOTH = ("gopro", "google_drive")
OUTPUT = as_json(SUMMARY) | {"mail": "2 of 2 new videos are in the archive."}


@pytest.fixture(scope="module")
def definition(synthesis: Synthesis) -> dict[str, Any]:
    return deployed(synthesis.of("dev").template)


@pytest.fixture
def one_by_one(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition whose runs of all providers start one after the other, so that a script has an order."""
    each = definition["States"]["EachProvider"] | {"MaxConcurrency": 1}
    return definition | {"States": definition["States"] | {"EachProvider": each}}


def play_all(definition: dict[str, Any], *script: Call) -> tuple[Execution, list[tuple[str, Any]]]:
    """A run of all providers, and what it and the runs that it started have sent. A run that another one starts has a
    start of its own, which the player does not know."""
    given = {"provider": "all", "filters": {"media_ids": ["7"]}}
    execution = play(definition, given, [authenticate_all(given), *script])
    start = {"started_at": STARTED_AT}
    sent = [(name, payload | (start if "started_at" in payload else {})) for name, payload in execution.invoked]
    assert sent[0] == authenticate_all(given).seen
    return execution, sent[1:]


def authenticate_all(given: Any) -> Call:
    runs = tuple(
        RunToStart(provider=name, name=f"{RUN_ID}-{name}", input=given | {"provider": name, "reported_by": RUN_ID})
        for name in BOTH
    )
    result = AuthResult(run_id=RUN_ID, provider="all", filters=Filters(), mode=Mode.SYNC, runs=runs)
    return Call("media-authenticator", {"run_id": RUN_ID, "input": given}, as_json(result))


def a_child(provider: str) -> tuple[Call, Call, Call, Call]:
    """The calls of the run of one provider, which finds nothing new."""
    run = {"run_id": f"{RUN_ID}-{provider}", "provider": provider}
    own = {"provider": provider, "filters": {"media_ids": ["7"]}, "reported_by": RUN_ID}
    accepted = AuthResult(**run, filters=Filters(), kind=CredentialsKind.OAUTH, mode=Mode.SYNC, reported_by=RUN_ID)
    found = listed(new=0, batches=0)
    listing = {"execution_arn": f"{EXECUTION_ARN}-{provider}", "filters": FILTERS, "cursor": None}
    reporting = {"started_at": STARTED_AT, "reported_by": RUN_ID, "mails": "every_night", "listing": carried(found)}
    return (
        Call("media-authenticator", {"run_id": run["run_id"], "input": own}, as_json(accepted)),
        Call("media-lister", run | listing, as_json(found)),
        Call("catalogue-writer", run | {"new": 0, "next": None}, as_json(CATALOGUED)),
        Call("run-report", run | reporting, OUTPUT),
    )


def report_all(*results: dict[str, Any]) -> Call:
    runs = [{"provider": name, "result": result} for name, result in zip(BOTH, results, strict=True)]
    return Call("run-report", {"request": "all", "run_id": RUN_ID, "runs": runs}, {"reported": "once"})


def test_a_run_of_all_providers_runs_each_with_the_same_filters_and_reports_once(one_by_one: dict[str, Any]) -> None:
    done = report_all({"output": OUTPUT}, {"output": OUTPUT})
    script = [*a_child("gopro"), *a_child("google_drive"), done]
    execution, sent = play_all(one_by_one, *script)
    assert sent == [call.seen for call in script]
    assert (execution.status, execution.output) == ("SUCCEEDED", {"reported": "once"})


def test_a_dead_token_of_one_provider_fails_its_run_with_an_alert_and_no_other(one_by_one: dict[str, Any]) -> None:
    refused, *_ = a_child("gopro")
    dead = call(refused.function, refused.payload, EXPIRED)
    alert = Call("run-report", {}, as_json(RUN_FAILED))
    execution, sent = play_all(one_by_one, dead, alert, *a_child("google_drive"), report_all({}, {"output": OUTPUT}))
    reported = dict(sent[1][1]["state"])
    assert (reported["provider"], reported["error"], reported["reported_by"]) == ("gopro", EXPIRED.output, RUN_ID)
    assert sent[2:6] == [call.seen for call in a_child("google_drive")]
    first, second = sent[6][1]["runs"]
    assert first["provider"] == "gopro" and first["result"]["Error"] == "States.TaskFailed"
    assert second == {"provider": "google_drive", "result": {"output": OUTPUT}}
    assert (execution.status, execution.output) == ("SUCCEEDED", {"reported": "once"})


def test_a_paused_provider_ends_at_once_beside_one_that_works(one_by_one: dict[str, Any]) -> None:
    begins, *_ = a_child("gopro")
    run = {"run_id": f"{RUN_ID}-gopro", "provider": "gopro"}
    paused = AuthResult(
        **run, filters=Filters(), mode=Mode.SYNC, reported_by=RUN_ID, paused=True, mails=Mails.ONLY_NEWS
    )
    output = {"paused": True, "mail": "It is paused.", "mail_wanted": False}
    payload = {"request": "paused", **run, "mode": "sync", "mails": "only_news", "reported_by": RUN_ID}
    script = [
        Call(begins.function, begins.payload, as_json(paused)), Call("run-report", payload, output),
        *a_child("google_drive"), report_all({"output": output}, {"output": OUTPUT}),
    ]  # fmt: skip
    execution, sent = play_all(one_by_one, *script)
    assert sent == [call.seen for call in script] and execution.status == "SUCCEEDED"


def test_an_input_for_all_that_does_not_fit_starts_no_run_and_is_reported(definition: dict[str, Any]) -> None:
    failure = Failure("ConfigurationError", "The input's field 'mode' must be sync or reconcile.")
    given = {"provider": "all", "mode": "copy"}
    script = [authenticate(failure, given=given), report_failure(**given, error=failure.output)]
    execution = play(definition, given, script)
    assert execution.invoked == [call.seen for call in script]
    assert (execution.status, execution.error, execution.cause) == ("FAILED", RUN_FAILED.error, RUN_FAILED.cause)


def test_a_report_of_all_that_cannot_be_sent_fails_the_run(one_by_one: dict[str, Any]) -> None:
    failure = Failure("ConfigurationError", "The topic is gone.")
    unsent = Call("run-report", {}, failure)
    execution, sent = play_all(
        one_by_one, *a_child("gopro"), *a_child("google_drive"), unsent, report_failure(RUN_FAILED)
    )
    assert sent[-1][1]["state"]["error"] == failure.output and sent[-1][1]["state"]["provider"] == "all"
    assert (execution.status, execution.error, execution.cause) == ("FAILED", RUN_FAILED.error, RUN_FAILED.cause)
