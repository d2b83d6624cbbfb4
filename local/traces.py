"""Everything that a deployed stack writes, as text: the places where a leaked secret would show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from local.deployment import Deployment

SIGNED_LINK = "Key-Pair-Id="  # part of every signed link of the provider's CDN


def all_output(deployment: Deployment, since: datetime | None = None) -> Iterator[tuple[str, str]]:
    """(place, text) of logs and executions since that moment, and of the ledger, the work bucket, the queues and the
    archive's names and metadata as they are now."""
    yield from _logs(deployment, since)
    yield from _histories(deployment, since)
    yield "ledger", json.dumps(deployment.rows(), default=str)
    for bucket in (deployment.archive_bucket, deployment.work_bucket):
        for key in _keys(deployment, bucket):
            head = deployment.s3.head_object(Bucket=bucket, Key=key)
            yield f"s3://{bucket}/{key}", json.dumps([key, head["Metadata"]])
            if bucket == deployment.work_bucket:
                body = deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                yield f"the content of s3://{bucket}/{key}", body.decode(errors="replace")


def _keys(deployment: Deployment, bucket: str) -> Iterator[str]:
    for page in deployment.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", []))


def _logs(deployment: Deployment, since: datetime | None) -> Iterator[tuple[str, str]]:
    logs = deployment.emulator.client("logs")
    start = {"startTime": int(since.timestamp() * 1000)} if since else {}
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"], **start)
        yield group["logGroupName"], "\n".join(event["message"] for page in pages for event in page["events"])


def _histories(deployment: Deployment, since: datetime | None) -> Iterator[tuple[str, str]]:
    """Every execution, its child executions, and all their events."""
    machine = deployment.step_functions
    listed = machine.get_paginator("list_executions").paginate(stateMachineArn=deployment.state_machine_arn)
    executions = [execution for page in listed for execution in page["executions"]]
    arns = [e["executionArn"] for e in executions if since is None or e["startDate"] >= since]
    for arn in list(arns):
        for run in machine.list_map_runs(executionArn=arn)["mapRuns"]:
            children = machine.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
            arns += [child["executionArn"] for page in children for child in page["executions"]]
    for arn in arns:
        yield arn, json.dumps(machine.describe_execution(executionArn=arn), default=str)
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
        yield f"history of {arn}", json.dumps([page["events"] for page in pages], default=str)
