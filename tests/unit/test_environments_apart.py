"""Environments in one account: what watches one of them shares nothing with what watches another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from cloud_sync import alarm_names as alarm_names_module
from cloud_sync.alarm_names import DETAILED, ESSENTIAL, OF_DRILLS, alarm_names
from tests.synthesis import Synthesis, Synthesised

DEPLOYED = ("dev", "staging", "prod")  # local is deployed into an emulator of its own
CUSTOM = "CloudSync"
PAIRS = list(combinations([*DEPLOYED, "dev detailed", "staging detailed"], 2))
pairs = pytest.mark.parametrize("pair", [(a, b) for a, b in PAIRS if a.split()[0] != b.split()[0]], ids=" and ".join)
FREE = 10  # alarms, and metrics

type Metric = tuple[str, ...]


@pytest.fixture
def stacks(synthesis: Synthesis, pair: tuple[str, str]) -> list[Synthesised]:
    return [of(synthesis, name) for name in pair]


def of(synthesis: Synthesis, name: str) -> Synthesised:
    environment, _, level = name.partition(" ")
    return synthesis.of(environment, detailed_monitoring="true") if level else synthesis.of(environment)


def resolved(stack: Synthesised, value: Any) -> str:
    """A value as one text. A reference to a resource without a name in the account belongs to this stack only."""
    text = stack.text(value)
    named = {label for label in stack.labels.values() if label not in stack.template["Resources"]}
    unnamed = {"archive", "work", "key"}
    return text if text.strip("<>") in named - unnamed else text.replace("<", f"<{stack.config.stack_name} ")


def metrics_of_alarms(stack: Synthesised) -> Iterator[Metric]:
    for resource in stack.resources("AWS::CloudWatch::Alarm").values():
        alarm = resource["Properties"]
        stats = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m] or [alarm]
        for metric in stats:
            given = sorted((d["Name"], resolved(stack, d["Value"])) for d in metric.get("Dimensions", []))
            yield metric["Namespace"], metric["MetricName"], *(part for pair in given for part in pair)


def widgets(stack: Synthesised, kind: str) -> list[dict[str, Any]]:
    body = dashboard(stack)
    return [widget["properties"] for widget in body["widgets"] if widget["type"] == kind]


def dashboard(stack: Synthesised) -> dict[str, Any]:
    """The dashboard's JSON, in which references are resolved one by one."""
    parts = stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else resolved(stack, part) for part in parts)
    body: dict[str, Any] = json.loads(text)
    return body


def metrics_of_widgets(stack: Synthesised) -> Iterator[Metric]:
    for widget in widgets(stack, "metric"):
        for namespace, name, *rest in widget["metrics"]:
            words = [word for word in rest if isinstance(word, str)]
            given = sorted(zip(words[::2], words[1::2], strict=True))
            yield namespace, name, *(part for pair in given for part in pair)


def names(stack: Synthesised, kind: str, name: str) -> set[str]:
    found = [resource["Properties"][name] for resource in stack.resources(kind).values()]
    assert found and all(isinstance(name, str) for name in found)
    return set(found)


@pairs
def test_two_environments_share_no_metric(stacks: list[Synthesised]) -> None:
    one, other = ({*metrics_of_alarms(stack), *metrics_of_widgets(stack)} for stack in stacks)
    assert len(one) > 15 and len(other) > 15
    assert one & other == set()


@pairs
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::CloudWatch::Alarm", "AlarmName"),
        ("AWS::CloudWatch::Dashboard", "DashboardName"),
        ("AWS::Logs::QueryDefinition", "Name"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
    ],
)
def test_two_environments_share_no_alarm_dashboard_query_or_log(
    stacks: list[Synthesised], kind: str, name: str
) -> None:
    one, other = (names(stack, kind, name) for stack in stacks)
    assert one & other == set()


@pairs
def test_the_queries_of_an_environment_read_no_log_of_another(stacks: list[Synthesised]) -> None:
    one, other = (logs_read(stack) for stack in stacks)
    assert one and one & other == set()


def logs_read(stack: Synthesised) -> set[str]:
    saved = [query["Properties"] for query in stack.resources("AWS::Logs::QueryDefinition").values()]
    tables = {widget["query"].partition("|")[0].strip() for widget in widgets(stack, "log")}
    return {resolved(stack, group) for query in saved for group in query["LogGroupNames"]} | tables


@pytest.mark.parametrize("environment", ["dev", "staging", "local"])
def test_by_default_an_environment_has_at_most_ten_alarms_and_ten_metrics(
    synthesis: Synthesis, environment: str
) -> None:
    stack = synthesis.of(environment)
    read = {metric for metric in (*metrics_of_alarms(stack), *metrics_of_widgets(stack)) if metric[0] == CUSTOM}
    assert 0 < len(list(metrics_of_alarms(stack))) <= FREE
    assert 0 < len(read) <= FREE
    assert len(stack.resources("AWS::CloudWatch::Dashboard")) == 1


@pytest.mark.parametrize("name", [*DEPLOYED, "dev detailed"])
def test_the_alarms_of_an_environment_are_the_named_ones(synthesis: Synthesis, name: str) -> None:
    stack = of(synthesis, name)
    suffix = stack.config.name("")
    found = {name.removeprefix("gopro-sync-").removesuffix(suffix)
             for name in names(stack, "AWS::CloudWatch::Alarm", "AlarmName")}  # fmt: skip
    assert found == alarm_names(stack.config)
    detailed = {*DETAILED} - {OF_DRILLS}  # which no environment has by itself
    assert found == {*ESSENTIAL, *(detailed if stack.config.detailed_monitoring else ())}


def test_every_environment_writes_metrics_of_its_own(synthesis: Synthesis) -> None:
    dimension = {
        name: {metric[metric.index("environment") + 1] for metric in metrics_of_alarms(of(synthesis, name))
               if metric[0] == CUSTOM}
        for name in (*DEPLOYED, "local")
    }  # fmt: skip
    assert dimension == {name: {name} for name in dimension}
    assert all(one != other for one, other in pairwise(dimension.values()))


def test_an_alarm_that_no_list_names_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(alarm_names_module, "DETAILED", DETAILED[1:])
    with pytest.raises(ValueError, match=rf"alarm_names.py does not have the alarms: {DETAILED[0]}"):
        Synthesis(tmp_path).of("dev")
