"""The functions of a deployed stack fit into the account's quota at the worst moment, as its template says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud_sync.config import Config, ConfigError
from tests.synthesis import Synthesis, Synthesised
from tools.definition_check import deployed

NEW_ACCOUNT = 10  # concurrent executions (Lambda quotas, "Concurrent executions")
PROVIDERS = ("gopro", "google_drive", "dropbox")


def most_at_once(machine: dict[str, Any]) -> int:
    """Functions that one execution runs at once: it is in one state at a time, and a map in as many as it may."""
    return max(map(of_state, machine["States"].values()))


def of_state(state: dict[str, Any]) -> int:
    if state["Type"] == "Map":
        inner = most_at_once(state["ItemProcessor"])
        assert inner == 0 or "MaxConcurrency" in state, "a map of functions without a limit"
        return int(inner and state["MaxConcurrency"] * inner)
    assert state["Type"] != "Parallel"
    return int(state.get("Resource", "").endswith("lambda:invoke"))


def schedules(stack: Synthesised) -> list[dict[str, Any]]:
    return [schedule["Properties"] for schedule in stack.resources("AWS::Scheduler::Schedule").values()]


def runs_side_by_side(stack: Synthesised) -> int:
    """Runs of one provider never overlap (decision 007), so that there is one for each provider with a schedule."""
    inputs = [json.loads(schedule["Target"]["Input"]) for schedule in schedules(stack)]
    return len({given["provider"] for given in inputs if "request" not in given})


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_runs_and_one_function_beside_them_fit_into_a_new_account(
    synthesis: Synthesis, environment: str, count: int
) -> None:
    stack = synthesis.of(environment, providers=",".join(PROVIDERS[:count]))
    assert runs_side_by_side(stack) == count
    assert most_at_once(deployed(stack.template)) * count + 1 <= NEW_ACCOUNT == stack.config.account_concurrency


@pytest.mark.parametrize(("count", "most"), [(1, 9), (2, 4), (3, 3)])
def test_the_most_that_a_new_account_allows_is_what_its_template_has_and_one_more_is_refused(
    synthesis: Synthesis, count: int, most: int
) -> None:
    values = {"providers": ",".join(PROVIDERS[:count])}
    stack = synthesis.of("dev", **values, max_concurrency=str(most))
    assert most_at_once(deployed(stack.template)) == most
    of = "its provider" if count == 1 else f"each of {count} providers"
    with pytest.raises(ConfigError) as failure:
        Config.from_context({"alert_email": "none", **values, "max_concurrency": most + 1})
    assert str(failure.value) == (
        f"max_concurrency is {most + 1} for {of}, with 1 more for rotations and the like {(most + 1) * count + 1} "
        f"functions at once, and account_concurrency is 10: lower max_concurrency to {most}, or state the quota "
        '"Concurrent executions" of your account there if it is higher.'
    )


def test_a_larger_quota_allows_more() -> None:
    values = {"alert_email": "none", "providers": ",".join(PROVIDERS), "max_concurrency": 100}
    assert Config.from_context({**values, "account_concurrency": 301}).max_concurrency == 100
    with pytest.raises(ConfigError, match=r"301 functions at once, and account_concurrency is 300: lower .* to 99, "):
        Config.from_context({**values, "account_concurrency": 300})


@pytest.mark.parametrize("quota", [2, 3])
def test_where_no_number_of_downloads_fits_fewer_providers_are_advised(quota: int) -> None:
    values = {"alert_email": "none", "providers": ",".join(PROVIDERS), "max_concurrency": 1}
    with pytest.raises(ConfigError, match=f"account_concurrency is {quota}: back up fewer providers, or state the"):
        Config.from_context({**values, "account_concurrency": quota})


def test_what_is_invoked_beside_the_runs_is_tried_again_when_there_is_no_room(synthesis: Synthesis) -> None:
    """Rotations are not in the template: Secrets Manager repeats them by itself."""
    stack = synthesis.of("dev", providers=",".join(PROVIDERS), schedule="cron(0 2 ? * SUN *)")
    targets = [schedule["Target"] for schedule in schedules(stack)]
    assert len(targets) == 9 and all(target["RetryPolicy"]["MaximumRetryAttempts"] >= 1 for target in targets)
    tasks = [state for state in every_state(deployed(stack.template)) if of_state(state) and state["Type"] == "Task"]
    assert len(tasks) >= 9
    for task in tasks:
        assert any("Lambda.TooManyRequestsException" in retry["ErrorEquals"] for retry in task["Retry"])


def every_state(machine: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for state in machine["States"].values():
        found += [state, *(every_state(state["ItemProcessor"]) if "ItemProcessor" in state else [])]
    return found
