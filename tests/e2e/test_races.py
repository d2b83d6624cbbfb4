"""Several concurrent runs over one library: one does the work, the others stop, and every byte is fetched once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from local.audit import audit
from local.deployment import Deployment
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro

BIG, NO_ORIGINAL = "65a0f0c2b7e4d1a2c3b40005", "65a0f0c2b7e4d1a2c3b4000c"
NOT_ARCHIVED = {NO_ORIGINAL: "original_unavailable"}


def hold(gopro: FakeGoPro) -> None:
    """One file takes four minutes, unless it is released before: runs that start meanwhile overlap."""
    gopro.control.add_fault(FaultKind.SLOW, media_id=BIG, bytes_per_second=100_000)


def release(gopro: FakeGoPro) -> None:
    gopro.control.clear_faults(FaultKind.SLOW)


def found_another_run(deployment: Deployment, execution_arn: str) -> bool:
    events = deployment.step_functions.get_execution_history(executionArn=execution_arn)["events"]
    return "AlreadyRunning" in json.dumps(events, default=str)


def ended(deployment: Deployment, arns: list[str]) -> list[str]:
    """Those of these executions that are over."""
    states = deployment.step_functions
    return [arn for arn in arns if states.describe_execution(executionArn=arn)["status"] != "RUNNING"]


def assert_fetched_once(deployment: Deployment, gopro: FakeGoPro) -> None:
    served = gopro.control.stats()["bytes_served"]
    fetched = sum(count for name, count in served.items() if "source" in name)
    objects = deployment.objects()
    # Small files are requested once; for a large one, the first request may read one byte more.
    assert fetched - sum(objects.values()) in range(2), "every byte is fetched once"


def assert_whole(deployment: Deployment, gopro: FakeGoPro) -> None:
    found = audit(deployment, gopro.control.originals(), not_archived=NOT_ARCHIVED, complete=True)
    assert found == []
    assert_fetched_once(deployment, gopro)


def test_one_of_five_concurrent_runs_does_the_work(deployment: Deployment, gopro: FakeGoPro) -> None:
    hold(gopro)
    arns = [deployment.start_run() for _ in range(5)]
    deployment.wait_for(lambda: len(ended(deployment, arns)) == 4)
    release(gopro)
    assert {deployment.wait(arn)["status"] for arn in arns} == {"SUCCEEDED"}
    assert sorted(found_another_run(deployment, arn) for arn in arns) == [False, True, True, True, True]
    assert gopro.control.stats()["token_refreshes"] == 1, "of five concurrent authentications, one renewed"
    assert_whole(deployment, gopro)


def test_a_scheduled_run_stops_while_a_manual_run_is_active(deployment: Deployment, gopro: FakeGoPro) -> None:
    hold(gopro)
    by_hand = deployment.start_run()
    deployment.wait_for(lambda: any(row.get("current") for row in deployment.rows()))
    by_schedule = fired(deployment, besides=by_hand)
    assert deployment.wait(by_schedule)["status"] == "SUCCEEDED" and found_another_run(deployment, by_schedule)
    assert ended(deployment, [by_hand]) == []
    release(gopro)
    assert deployment.wait(by_hand)["status"] == "SUCCEEDED" and not found_another_run(deployment, by_hand)
    assert_whole(deployment, gopro)


def fired(deployment: Deployment, besides: str) -> str:
    """The execution that a copy of the nightly schedule, due now, has started."""
    scheduler = deployment.emulator.client("scheduler")
    nightly = scheduler.get_schedule(Name="gopro-sync-nightly")
    before, now = executions(deployment) | {besides}, datetime.now(UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")
    copy: dict[str, Any] = {name: nightly[name] for name in ("Target", "FlexibleTimeWindow")}
    scheduler.create_schedule(Name="meanwhile", ScheduleExpression=now, **copy)
    try:
        deployment.wait_for(lambda: executions(deployment) - before)
    finally:
        scheduler.delete_schedule(Name="meanwhile")
    (arn,) = executions(deployment) - before
    return arn


def executions(deployment: Deployment) -> set[str]:
    found = deployment.step_functions.list_executions(stateMachineArn=deployment.state_machine_arn)["executions"]
    return {execution["executionArn"] for execution in found}
