"""Runs `sam local invoke ...` up to the container, and prints what SAM would run in it, as JSON.

test_sam_resolution.py starts it with the Python of .local/sam; it imports nothing of the project. Only the container
engine is replaced, because there is none here.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import mock

from samcli.cli.main import cli
from samcli.local.docker.container_client_factory import ContainerClientFactory
from samcli.local.lambdafn.runtime import LambdaRuntime


def show(_runtime: LambdaRuntime, config: Any, event: str, *_: Any, **__: Any) -> None:
    """Replaces the start of the container."""
    shown = {
        "function": config.full_path,
        "handler": config.handler,
        "runtime": config.runtime,
        "architecture": config.architecture,
        "memory": config.memory,
        "timeout": config.timeout,
        "code": config.code_abs_path,
        "layers": [layer.codeuri for layer in config.layers],
        "variables": sorted(config.env_vars.resolve()),
        "event": json.loads(event),
    }
    sys.stdout.write(json.dumps(shown))


with (
    mock.patch.object(ContainerClientFactory, "create_client", return_value=mock.MagicMock()),
    mock.patch.object(LambdaRuntime, "invoke", autospec=True, side_effect=show),
):
    cli(["local", "invoke", *sys.argv[1:]])
