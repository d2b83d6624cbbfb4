"""Mails and queries: the mail of every alarm, the mails of failed runs, and the saved queries."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from cloud_sync_common.metrics_utils import ESSENTIAL

from cloud_sync.queries import CREDENTIALS, FAILURES_BY_CAUSE, SAVED, SPEED
from local.deployment import Deployment
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from local.log_queries import answer, fields_named
from tests.e2e.conftest import output_of
from tests.golden.accepted import accepted
from tests.synthesis import ROOT
from tools.dashboard_picture.nights import logged, readings

type Inbox = Callable[[], list[dict[str, str]]]
REPORTED_BY_THE_RUN = {
    f"gopro-sync-{name}" for name in ("run-failed", "restore-failed", "authentication-failed", "failure-rate")
}


def alarms(deployment: Deployment) -> dict[str, dict[str, Any]]:
    pages = deployment.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in pages}


def test_every_alarm_sends_one_mail_with_the_next_step(deployment: Deployment, inbox: Inbox) -> None:
    cloudwatch = deployment.emulator.client("cloudwatch")
    for name in alarms(deployment):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a fault run raised it")
    mails = {json.loads(mail["Message"])["AlarmName"]: mail for mail in inbox()}
    for name in alarms(deployment):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="over")
    assert set(mails) == set(alarms(deployment)) - REPORTED_BY_THE_RUN
    for name, mail in mails.items():
        assert name in mail["Subject"] and "ALARM" in mail["Subject"]
        assert "Next step: " in json.loads(mail["Message"])["AlarmDescription"]
    assert inbox() == []  # the end of an alarm sends nothing


def test_a_run_whose_credentials_are_refused_sends_one_mail_and_no_more(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    gopro.control.add_fault(FaultKind.TOKEN_BLACKLISTED)
    assert deployment.run()["status"] == "FAILED"
    (mail,) = inbox()
    assert mail["Subject"] == "Cloud Sync: the run failed (CredentialsExpiredError)"
    why, numbers, step = mail["Message"].split("\n\n")
    assert "refuses to renew the token" in why
    assert "it archived 0 videos" in numbers and "The last run to succeed: never." in numbers
    assert step.startswith("Next step: ")


def test_many_failures_of_one_cause_are_counted_in_one_mail(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    gopro.control.add_fault(FaultKind.NO_SOURCE, endpoint=Endpoint.DOWNLOAD)
    summary = output_of(deployment.run())
    (mail,) = inbox()
    assert mail["Subject"] == f"Cloud Sync: 0 videos archived, {summary['failed']} failed"
    assert mail["Message"].count("original_unavailable") == summary["failed"] == 18


@pytest.fixture(scope="module")
def asked(deployed: Deployment) -> Callable[[str, str], list[dict[str, Any]]]:
    """`asked(query, log group)`: the result of a query over the logs."""

    def ask(query: str, group: str) -> list[dict[str, Any]]:
        return answer(query, [line for line in logged(deployed) if group in line["log_group"]])

    return ask


def saved(title: str) -> str:
    """The text of a saved query, as it is deployed."""
    resources = accepted("local")["Resources"].values()
    queries = [r["Properties"] for r in resources if r["Type"] == "AWS::Logs::QueryDefinition"]
    (text,) = (str(q["QueryString"]) for q in queries if q["Name"].endswith(f"/{title}"))
    return text


def test_each_saved_query_finds_the_log_lines_of_a_run_with_faults(
    deployment: Deployment, gopro: FakeGoPro, asked: Callable[[str, str], list[dict[str, Any]]]
) -> None:
    gopro.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, times=6)
    execution = deployment.wait(deployment.start_run())["executionArn"].rpartition(":")[2]
    nights = asked(saved("Last night"), "run-report")
    assert nights[0]["run_id"] == execution and nights[0]["archived"] == 17
    slow = asked(saved("Slowest files"), "run-report")
    assert slow[0]["gb_seconds"] >= slow[-1]["gb_seconds"] > 0 and all(row["file"] for row in slow)
    assert any(row["reason"] for row in asked(saved("What failed, and why"), "run-report"))
    assert any(row["videos"] > 0 and row["category"] for row in asked(FAILURES_BY_CAUSE.text, "run-report"))
    speed = asked(SPEED.text, "run-report")
    assert speed[0]["throughput"] > 0 and speed[0]["slices_per_video"] >= 1 and speed[0]["failure_rate"] > 0
    assert asked(CREDENTIALS.text, "media-authenticator")[0]["age_days"] >= 0
    costs = asked(saved("Cost by run"), "run-report")
    assert costs[0]["run_id"] == execution and costs[0]["estimated_usd"] > 0
    causes = {row["error"]: row["times"] for row in asked(saved("Retries by cause"), "/aws/lambda/")}
    assert causes["ProviderUnavailableError"] >= 1
    clip = slow[0]["file"]
    media_id = next(row["media_id"] for row in deployment.rows() if row.get("filename") == clip and row["sk"] == "ITEM")
    story = asked(saved("What happened to this clip").replace("PUT THE MEDIA ID HERE", media_id), "/aws/lambda/")
    mine = [line for line in story if line["correlation_id"] == execution]
    logged_fields = {name for line in logged(deployment) for name in line}
    asked = {name for query in SAVED for name in fields_named(query.text)}
    assert len(asked) > 15 and asked - logged_fields == set()
    of_this_run = [line for line in logged(deployment) if line.get("correlation_id") == execution]
    failed = {line.get("media_id") for line in of_this_run if line.get("function_name") == "failure-recorder"}
    recorders = {"failure-recorder"} if media_id in failed else set()
    assert {line["function_name"] for line in mine} == {"video-downloader", "run-report"} | recorders


def test_every_line_trace_and_row_of_a_run_has_the_name_of_its_execution(deployment: Deployment) -> None:
    execution = deployment.wait(deployment.start_run())["executionArn"].rpartition(":")[2]
    lines = [line for line in logged(deployment) if line.get("correlation_id") == execution]
    assert {line["function_name"] for line in lines if "function_name" in line} >= {"video-downloader", "run-report"}
    rows = [row for row in deployment.rows() if row["sk"] == "ITEM" or row["sk"].startswith("SOURCE#")]
    assert rows and {row["run_id"] for row in rows} == {execution}


def test_the_dashboard_can_be_drawn_from_the_metrics_of_a_run(deployment: Deployment) -> None:
    deployment.run()
    deployment.run()
    seen = readings(deployment)
    ours = {metric[1] for metric in seen.values if metric[0] == "CloudSync"}
    # That metric is of a session token whose end is known.
    assert ours == ESSENTIAL - {"CredentialsDaysLeft"}
    assert seen.alarms["gopro-sync-no-successful-run"] == "OK"


def test_the_deployed_run_report_measures_the_time_since_the_last_success(deployment: Deployment) -> None:
    """As the schedule `gopro-sync-watch` asks it to, which only an environment with long pauses has."""
    deployment.run()
    answer = deployment.emulator.client("lambda").invoke(
        FunctionName=deployment.function_name("RunReport"), Payload=(ROOT / "events" / "watch_event.json").read_bytes()
    )
    assert 0 <= json.loads(answer["Payload"].read())["hours_since_success"] < 1


def test_the_key_picture_of_a_real_movie_becomes_a_jpeg_in_a_function_that_has_decoders(
    deployment: Deployment, library_folder: Path
) -> None:
    with av.open(str(min(library_folder.rglob("*.[mM][pP]4")))) as movie:
        sample, context = next(movie.demux(video=0)), movie.streams.video[0].codec_context
        event = {"codec": context.name, "configuration": context.extradata, "sample": bytes(sample), "width": 64}
    event |= {name: b64encode(event[name]).decode() for name in ("configuration", "sample")}
    answer = deployment.emulator.client("lambda").invoke(FunctionName="frame-maker", Payload=json.dumps(event))
    frame = json.loads(answer["Payload"].read())
    assert b64decode(frame.pop("jpeg")).startswith(b"\xff\xd8\xff")
    assert frame["width"] == 64 and frame["height"] > 16
