"""Secrets appear in no log, state, history, manifest, ledger row, object or message: everything is searched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from local.village import Village
from tests.e2e.conftest import account_of

type Inbox = Callable[[], list[dict[str, str]]]
SIGNED = "Key-Pair-Id="  # on every signed link


def everything_said(town: Village, inbox: Inbox) -> Iterator[tuple[str, str]]:
    """(where, text) of all that the deployed stack leaves behind."""
    logs = town.emulator.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        yield group["logGroupName"], "\n".join(event["message"] for page in pages for event in page["events"])
    yield from histories(town)
    yield "ledger", json.dumps(town.rows(), default=str)
    for bucket in (town.archive_bucket, town.work_bucket):
        for entry in town.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            head = town.s3.head_object(Bucket=bucket, Key=entry["Key"])
            yield f"s3://{bucket}/{entry['Key']}", json.dumps([entry["Key"], head["Metadata"]])
            if bucket == town.work_bucket:
                yield entry["Key"], town.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read().decode()
    yield "mail", json.dumps(inbox())


def histories(town: Village) -> Iterator[tuple[str, str]]:
    """Every execution, its children, and all their events."""
    machine = town.step_functions
    arns = [e["executionArn"] for e in machine.list_executions(stateMachineArn=town.state_machine_arn)["executions"]]
    for arn in list(arns):
        for run in machine.list_map_runs(executionArn=arn)["mapRuns"]:
            children = machine.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
            arns += [child["executionArn"] for page in children for child in page["executions"]]
    for arn in arns:
        description = machine.describe_execution(executionArn=arn)
        yield arn, json.dumps(description, default=str)
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
        yield f"history of {arn}", json.dumps([page["events"] for page in pages], default=str)


@pytest.mark.parametrize("kind", ["oauth", "session"])
def test_no_secret_is_left_anywhere(town: Village, gopro: FakeGoPro, inbox: Inbox, kind: str) -> None:
    account = account_of(gopro)
    credentials: dict[str, Any] = account.oauth() if kind == "oauth" else account.session()
    town.store_credentials(credentials)
    # Troubles on the way, because errors are what talks too much.
    gopro.control.add_fault(FaultKind.CONNECTION_CUT, times=2, byte=1000)
    gopro.control.add_fault(FaultKind.LINK_REFUSED, times=2)
    gopro.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, times=6)
    town.run()
    gopro.control.expire_access_tokens()
    gopro.control.add_fault(FaultKind.TOKEN_BLACKLISTED)
    assert town.run()["status"] == "FAILED"
    secrets = {account.access_token, account.refresh_token, account.client_secret, gopro.access_token,
               gopro.refresh_token, SIGNED}  # fmt: skip
    said = list(everything_said(town, inbox))
    assert any(account.user_id in text or "archived" in text for _, text in said)  # the search looks at real text
    leaks = [(where, secret[:4]) for where, text in said for secret in secrets if secret in text]
    assert leaks == []
    assert sum(len(text) for _, text in said) > 50_000
