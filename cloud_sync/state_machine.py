"""A Standard state machine as all of this stack are: traced, and with every event of it logged without its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.log_retention import retention


def state_machine(
    scope: Construct, config: Config, name: str, definition: Mapping[str, Any], substitutions: Mapping[str, str]
) -> sfn.StateMachine:
    """The one of a construct, with a log group and a role of its own. The substitution `Partition` is there besides."""
    log_group = logs.LogGroup(
        scope,
        "Logs",
        log_group_name=f"/aws/states/{name}",
        retention=retention(config),
        removal_policy=RemovalPolicy.DESTROY,
    )
    return sfn.StateMachine(
        scope,
        "StateMachine",
        state_machine_name=name,
        definition_body=sfn.DefinitionBody.from_string(json.dumps(definition)),
        definition_substitutions={**substitutions, "Partition": Stack.of(scope).partition},
        tracing_enabled=True,
        logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
        removal_policy=RemovalPolicy.DESTROY,
    )
