"""Functions, state machine and their logs: AWS has made them ready, and there is room for them to run."""

from __future__ import annotations

import json
from typing import Any

from aws_check.outcome import Check, require
from aws_check.stack import Stack

OTHER_FUNCTIONS = 1  # of this stack that may run while the downloaders do: failure-recorder


def checks(_stack: Stack) -> list[Check]:
    """The functions, the state machine, the log groups and the account's concurrency."""
    return [
        Check(
            "the functions are ready",
            "Lambda has made each function active, on the runtime and processor of the layer, with tracing, and would "
            "let you invoke it (a dry run)",
            "deploy again; a function that is Inactive wakes up at its first invocation",
            functions_are_ready,
        ),
        Check(
            "the state machine is ready",
            "the state machine is active, writes its log and sends traces",
            "deploy again. Where its log is missing, an account with many log groups has no room left in the resource "
            "policy of CloudWatch Logs",
            state_machine_is_ready,
            only_aws="the emulator does not record the log and the traces of a state machine",
        ),
        Check(
            "the logs",
            "each log group exists and keeps its lines as long as the template says",
            "deploy again",
            logs_are_kept,
        ),
        Check(
            "room for the downloads",
            "the account may run as many functions at once as a run starts",
            "ask for more concurrent executions (Service Quotas, AWS Lambda), or deploy with a lower max_concurrency",
            concurrency_suffices,
        ),
    ]


def functions_are_ready(stack: Stack) -> str:
    """Raises CheckFailed for a function that could not run."""
    client, functions = stack.client("lambda"), stack.functions
    layers = _layers(stack)
    for function in functions:
        name = function.physical_id
        found = client.get_function_configuration(FunctionName=name)
        require(
            found["State"] == "Active", f"{name} is {found['State']}: {found.get('StateReason', 'no reason given')}"
        )
        update = found["LastUpdateStatus"]
        require(update == "Successful", f"the last update of {name} is {update}")
        require(found["TracingConfig"]["Mode"] == "Active", f"{name} sends no traces")
        for value, kind in (
            (found["Architectures"][0], "CompatibleArchitectures"),
            (found["Runtime"], "CompatibleRuntimes"),
        ):
            for fits in (layer[kind] for layer in layers):
                require(value in fits, f"{name} runs on {value}, and its layer is for {', '.join(fits)}")
        status = client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"]
        require(status == 204, f"a dry run of {name} answered {status}")
    return f"{len(functions)} functions"


def _layers(stack: Stack) -> list[dict[str, Any]]:
    """The one of all functions, and that of frame-maker, where there is one."""
    client = stack.client("lambda")
    found = stack.of_kind("AWS::Lambda::LayerVersion")
    require(bool(found), "the stack has no layer")
    return [client.get_layer_version_by_arn(Arn=layer.physical_id) for layer in found]


def state_machine_is_ready(stack: Stack) -> str:
    """Raises CheckFailed unless the state machine is active, logs and traces."""
    machine = _state_machine(stack)
    require(machine["status"] == "ACTIVE", f"it is {machine['status']}")
    logging = machine.get("loggingConfiguration", {})
    require(logging.get("level") == "ALL" and logging.get("destinations"), "it writes no log")
    require(machine.get("tracingConfiguration", {}).get("enabled"), "it sends no traces")
    return "active, with log and traces"


def logs_are_kept(stack: Stack) -> str:
    """Raises CheckFailed for a log group that is missing or keeps its lines for another time than the template's."""
    client, groups = stack.client("logs"), stack.of_kind("AWS::Logs::LogGroup")
    for group in groups:
        name, days = group.physical_id, group.properties.get("RetentionInDays")
        answer = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        found = [one.get("retentionInDays") for one in answer if one["logGroupName"] == name]
        require(found, f"the log group {name} is missing")
        require(found == [days], f"{name} keeps its lines for {found[0] or 'ever'} days, not {days}")
    return f"{len(groups)} log groups"


def concurrency_suffices(stack: Stack) -> str:
    """Raises CheckFailed when a run would be throttled by the account's own limit."""
    definition = json.loads(_state_machine(stack)["definition"])
    downloads = max(state.get("MaxConcurrency", 0) for state in definition["States"].values())
    free = stack.client("lambda").get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    needed = downloads * len(stack.providers) + OTHER_FUNCTIONS
    require(free >= needed, f"the account may run {free} functions at once, and a night starts {needed}")
    return f"{needed} of {free}"


def _state_machine(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("stepfunctions").describe_state_machine(
        stateMachineArn=stack.outputs["StateMachineArn"]
    )
    return found
