"""Makes several runs in the local deployment, with and without faults, and draws the dashboard afterwards.

`python -m tools.dashboard_picture.nights FILE.png` writes FILE.png, a screenshot by Chromium, and leaves the page
under .local. Each run stands for one night: its numbers are real, only the dates below the graphs are invented.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.demo_library import make_tiny_library
from local.deployment import Deployment, deploy
from local.emulator import HOME, Certificates, DeploymentError, new_folder
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.log_queries import Line
from tools import chromium
from tools.dashboard_picture.page import UNIT, Metric, Readings, page

FIRST_NIGHT = datetime(2026, 11, 16, tzinfo=UTC)
_DURATION = re.compile(r"REPORT RequestId: \S+\s+Duration: ([\d.]+) ms")
_WIDTH = 24 * UNIT + 24
_LARGEST = ("Duration", "Backlog", "FailureRate", "RunSeconds", "MediaListed")  # of a night's values; others add up


def main() -> None:
    picture = Path(sys.argv[1])
    folder = new_folder("nights")
    certificates = Certificates(folder)
    library = Library.load(make_tiny_library(HOME / "tiny-library"))
    with (
        running(library, certificates.server_context()) as gopro,
        deploy(folder, certificates, gopro.base_url, retry_delay_scale=0.02) as deployment,
    ):
        run_nights(deployment, gopro)
        name = deployment.emulator.client("cloudwatch").list_dashboards()["DashboardEntries"][0]["DashboardName"]
        body = deployment.emulator.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
        html = folder / "dashboard.html"
        html.write_text(page(body, readings(deployment)), encoding="utf-8")
    take_screenshot(html, picture, json.loads(body))


def run_nights(deployment: Deployment, gopro: FakeGoPro) -> None:
    """Seven nights: the library grows, the provider has faults, and one night the token has expired."""
    oauth = {"provider": "gopro", "client_id": gopro.client_id, "client_secret": gopro.client_secret,
             "user_id": gopro.user_id}  # fmt: skip
    deployment.store_credentials({**oauth, "refresh_token": gopro.refresh_token})
    preparations: dict[int, Callable[[], None]] = {
        1: lambda: gopro.control.add_fault(FaultKind.CONNECTION_CUT, times=2, byte=1000),
        2: lambda: gopro.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, times=60),
        4: lambda: _expire_session(deployment, gopro),
        5: lambda: deployment.store_credentials({**oauth, "refresh_token": gopro.refresh_token}),
    }
    for night, before in enumerate(("2026-02-01", "2026-03-01", "2026-04-01", "2026-04-13", "2026-05-01", None, None)):
        preparations.get(night, lambda: None)()
        filters = {"captured_before": f"{before}T00:00:00Z"} if before else {}
        deployment.run({"provider": "gopro", "filters": filters})
        gopro.control.clear_faults()


def _expire_session(deployment: Deployment, gopro: FakeGoPro) -> None:
    deployment.store_credentials({"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id})
    gopro.control.expire_access_tokens()


def readings(deployment: Deployment) -> Readings:
    """The data of the dashboard, from the logs, queues and alarms of the deployment; each execution is one night."""
    machine = deployment.step_functions
    executions = machine.list_executions(stateMachineArn=deployment.state_machine_arn)["executions"]
    starts: list[float] = sorted(execution["startDate"].timestamp() for execution in executions)

    def night_of(moment: float) -> int:
        return max(0, sum(start <= moment for start in starts) - 1)

    values: dict[Metric, list[float | None]] = {}
    for metric, moment, value in measured(deployment):
        nights = values.setdefault(metric, [None] * len(starts))
        before = nights[night_of(moment)]
        largest = metric[1] in _LARGEST
        nights[night_of(moment)] = value if before is None else max(before, value) if largest else before + value
    alarms = deployment.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    dates = [(FIRST_NIGHT + timedelta(days=night)) for night in range(len(starts))]
    lines = [
        {**line, "@timestamp": dates[night_of(line["moment"])].strftime("%Y-%m-%d 02:00")}
        for line in logged(deployment)
    ]
    return Readings(
        nights=[f"{date:%d %b}" for date in dates],
        values=values,
        alarms={alarm["AlarmName"]: state_of(alarm, values) for alarm in alarms},
        lines=lines,
    )


def state_of(alarm: dict[str, Any], values: Mapping[Metric, Sequence[float | None]]) -> str:
    """The alarm's state after the last night. CloudWatch would evaluate it; the emulator does not."""
    dimensions = [
        part for d in sorted(alarm["Dimensions"], key=lambda d: d["Name"]) for part in (d["Name"], d["Value"])
    ]
    measured_values = values.get((alarm["Namespace"], alarm["MetricName"], *dimensions), [None])
    nights = max(1, alarm["EvaluationPeriods"] * alarm["Period"] // 86_400)
    below = alarm["ComparisonOperator"] == "LessThanThreshold"
    breaching = [
        alarm["TreatMissingData"] == "breaching"
        if value is None
        else (value < alarm["Threshold"])
        if below
        else (value >= alarm["Threshold"])
        for value in measured_values[-nights:]
    ]
    return "ALARM" if all(breaching) else "OK"


def logged(deployment: Deployment) -> Iterator[Line]:
    """Every JSON line that the functions logged, with its time (`moment`, Unix) and its `log_group`."""
    for group, moment, message in _messages(deployment):
        if message.startswith("{"):
            line: Line = json.loads(message)
            yield {**line, "moment": moment, "log_group": group, "@timestamp": moment}


def measured(deployment: Deployment) -> Iterator[tuple[Metric, float, float]]:
    """(metric, time, value): our metrics from lines in the embedded metric format, Lambda's from the REPORT lines of
    its invocations, those of queues from their present counts."""
    for group, moment, message in _messages(deployment):
        function = group.rpartition("/")[2]
        if match := _DURATION.search(message):
            yield ("AWS/Lambda", "Duration", "FunctionName", function), moment, float(match[1])
        if message.startswith("{") and '"_aws"' in message:
            yield from _embedded(json.loads(message), moment)
        if '"level":"ERROR"' in message:
            yield ("AWS/Lambda", "Errors", "FunctionName", function), moment, 1.0
    now = datetime.now(UTC).timestamp()
    objects = ("AWS/S3", "NumberOfObjects", "BucketName", deployment.archive_bucket, "StorageType", "AllStorageTypes")
    yield objects, now, float(len(deployment.objects()))
    sqs = deployment.emulator.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix="gopro-sync").get("QueueUrls", []):
        name = "ApproximateNumberOfMessages"
        count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
        metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", url.rpartition("/")[2])
        yield metric, now, float(count)


def _embedded(line: Line, moment: float) -> Iterator[tuple[Metric, float, float]]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        dimensions = [part for name in sorted(directive["Dimensions"][0]) for part in (name, line[name])]
        for metric in directive["Metrics"]:
            yield (directive["Namespace"], metric["Name"], *dimensions), moment, float(line[metric["Name"]][0])


def _messages(deployment: Deployment) -> Iterator[tuple[str, float, str]]:
    """(log group, time, text) of every line of the functions."""
    logs = deployment.emulator.client("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for event in (event for found in pages for event in found["events"]):
            for message in event["message"].splitlines():
                yield group["logGroupName"], event["timestamp"] / 1000, message


def take_screenshot(html: Path, picture: Path, body: dict[str, Any]) -> None:
    """Takes a screenshot of the page with Chromium. Raises DeploymentError when there is no Chromium or it fails."""
    browser = chromium.program()
    if browser is None:
        raise DeploymentError(f"no screenshot, because Chromium is not installed; the page is {html}")
    height = max(w["y"] + w["height"] for w in body["widgets"]) * UNIT + 24
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   f"--user-data-dir={profile}", f"--window-size={_WIDTH},{height}", f"--screenshot={picture}",
                   html.as_uri()]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not picture.is_file():
        raise DeploymentError(f"Chromium made no screenshot of {html}: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":
    main()
