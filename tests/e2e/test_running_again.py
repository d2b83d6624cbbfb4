"""Repeated, concurrent, aborted and scheduled runs are always safe, and transfer nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from local.deployment import Deployment
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from local.verify import verify
from tests.e2e.conftest import output_of

type Inbox = Callable[[], list[dict[str, str]]]
BIG = "65a0f0c2b7e4d1a2c3b40005"


def bytes_of_sources(gopro: FakeGoPro) -> int:
    return sum(count for name, count in gopro.control.stats()["bytes_served"].items() if "source" in name)


def test_two_concurrent_runs_transfer_nothing_twice(deployment: Deployment, gopro: FakeGoPro) -> None:
    gopro.control.add_fault(FaultKind.SLOW, media_id=BIG, bytes_per_second=100_000)
    arns = [deployment.start_run(), deployment.start_run()]
    deployment.wait_for(lambda: any(status(deployment, arn) != "RUNNING" for arn in arns))
    gopro.control.clear_faults()  # one ended while the other was held up: they overlapped
    ends = [deployment.wait(arn) for arn in arns]
    assert [end["status"] for end in ends] == ["SUCCEEDED", "SUCCEEDED"]
    assert all(verdict.agreed for verdict in verify(deployment, gopro.control.originals()))
    # The bytes are fetched once; only for the large file, a first request reads one byte more.
    assert bytes_of_sources(gopro) - sum(deployment.objects().values()) in range(2)
    histories = [deployment.step_functions.get_execution_history(executionArn=arn)["events"] for arn in arns]
    found_another_run = ["AlreadyRunning" in json.dumps(events, default=str) for events in histories]
    assert sorted(found_another_run) == [False, True]


def status(deployment: Deployment, execution_arn: str) -> str:
    found: str = deployment.step_functions.describe_execution(executionArn=execution_arn)["status"]
    return found


def test_a_run_continues_after_an_aborted_one(deployment: Deployment, gopro: FakeGoPro) -> None:
    gopro.control.add_fault(FaultKind.SLOW, media_id=BIG, bytes_per_second=100_000)
    aborted = deployment.start_run()
    deployment.wait_for(lambda: any(row.get("upload_id") for row in deployment.rows()))
    deployment.step_functions.stop_execution(executionArn=aborted)
    gopro.control.clear_faults()
    assert deployment.run()["status"] == "SUCCEEDED"
    # The aborted run's functions still work on the same upload, and in the emulator its child executions too.
    deployment.wait_for(lambda: not children_at_work(deployment, aborted))
    assert all(verdict.agreed for verdict in verify(deployment, gopro.control.originals()))
    assert not any("current" in row for row in deployment.rows())


def children_at_work(deployment: Deployment, execution: str) -> int:
    states = deployment.step_functions
    runs = states.list_map_runs(executionArn=execution)["mapRuns"]
    counts = [states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"] for run in runs]
    return sum(count["pending"] + count["running"] for count in counts)


def test_failures_are_retried_and_sent_to_the_dead_letter_queue_at_the_limit(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    only = {"provider": "gopro", "filters": {"media_ids": ["65a0f0c2b7e4d1a2c3b4000c"]}}
    summaries = [output_of(deployment.run(only)) for _ in range(6)]
    assert [summary["failed"] for summary in summaries] == [1, 1, 1, 1, 1, 0]
    assert summaries[-1]["exhausted"] == 1
    sqs = deployment.emulator.client("sqs")
    url = sqs.get_queue_url(QueueName="gopro-sync-dlq")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    dead_letter = json.loads(message["Body"])
    assert (dead_letter["category"], dead_letter["attempts"]) == ("original_unavailable", 5)
    assert "will not be tried again by itself" in inbox()[-1]["Message"]
    assert output_of(deployment.run(dead_letter["again"]))["failed"] == 1  # the input in the message works


def test_the_schedule_starts_a_run(deployment: Deployment) -> None:
    scheduler = deployment.emulator.client("scheduler")
    schedule = scheduler.get_schedule(Name="gopro-sync-nightly")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("ENABLED", "cron(0 2 * * ? *)")
    before = {execution["executionArn"] for execution in executions(deployment)}
    # A copy of it, due now: same target, same role, same input.
    now = datetime.now(UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")
    copy = {name: schedule[name] for name in ("Target", "FlexibleTimeWindow")}
    scheduler.create_schedule(Name="now", ScheduleExpression=now, **copy)
    try:
        deployment.wait_for(lambda: {execution["executionArn"] for execution in executions(deployment)} - before)
    finally:
        scheduler.delete_schedule(Name="now")
    (arn,) = {execution["executionArn"] for execution in executions(deployment)} - before
    end = deployment.wait(arn)
    assert json.loads(end["input"]) == {"provider": "gopro"}
    assert output_of(end)["archived"] == 17


def executions(deployment: Deployment) -> list[dict[str, str]]:
    found: list[dict[str, str]] = deployment.step_functions.list_executions(
        stateMachineArn=deployment.state_machine_arn
    )["executions"]
    return found


def test_a_large_file_completes_by_resuming_when_the_function_has_four_seconds(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    functions = deployment.emulator.client("lambda")
    timeout = functions.get_function_configuration(FunctionName="video-downloader")["Timeout"]
    functions.update_function_configuration(FunctionName="video-downloader", Timeout=4)
    # Five parts over four connections, each part two seconds: the fifth does not fit into four seconds.
    gopro.control.add_fault(FaultKind.SLOW, media_id=BIG, bytes_per_second=2_600_000)
    try:
        summary = output_of(deployment.run({"provider": "gopro", "filters": {"media_ids": [BIG]}}))
    finally:
        functions.update_function_configuration(FunctionName="video-downloader", Timeout=timeout)
    assert summary["archived"] == 1
    row = next(row for row in deployment.rows() if row["sk"] == "ITEM")
    assert row["run_slices"] >= 2
    (verdict,) = [v for v in verify(deployment, gopro.control.originals()) if v.media_id == BIG]
    assert verdict.agreed
    fetched = gopro.control.stats()["bytes_served"][f"{BIG}/source/1"]
    assert fetched < 2 * verdict.size  # finished parts were kept
