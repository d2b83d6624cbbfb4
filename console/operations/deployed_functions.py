"""The functions of a stack: what they were deployed with, and asking one of them for what only it should do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from console.errors import ConsoleError
from console.operations.run import json_object
from console.stack import Stack

_OPTIONS = "_PROVIDER_OPTIONS"


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan has to know of the functions' settings, as cloud_sync_common.runtime.settings describes them: the
    lasting filters and the options of each provider, and what decides on work and cost."""

    filters: dict[str, dict[str, Any]] = {}
    provider_options: dict[str, dict[str, Any]] = {}
    max_attempts: int
    max_run_gb: int
    single_put_mib: int
    connections_per_video: int
    private_network: bool
    audit_trail: bool
    downloader_memory_mb: int = 512
    downloader_timeout_seconds: int = 900


class FunctionRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error that a function has ended with: its name, and the sentence."""

    error: str
    sentence: str


def deployed(stack: Stack) -> Deployed:
    """By the configuration of the function that moves videos; all have the same settings. Raises ConsoleError for those
    of another version, botocore's errors."""
    found = stack.client("lambda").get_function_configuration(FunctionName=function(stack, "video-downloader"))
    return of_configuration(found)


def of_configuration(found: Mapping[str, Any]) -> Deployed:
    """The answer of GetFunctionConfiguration. Raises ConsoleError as `deployed` does."""
    variables: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
    given: dict[str, Any] = {name.lower(): value for name, value in variables.items()}
    given["filters"] = json_object(variables.get("FILTERS"))
    given["provider_options"] = {
        name.removesuffix(_OPTIONS).lower(): json_object(text)
        for name, text in variables.items()
        if name.endswith(_OPTIONS)
    }
    given |= {"downloader_memory_mb": found["MemorySize"], "downloader_timeout_seconds": found["Timeout"]}
    try:
        return msgspec.convert(given, Deployed, strict=False)
    except msgspec.ValidationError:
        raise ConsoleError(
            "The settings of the stack's functions cannot be read, or are of another version. Deploy the stack again "
            "from this clone."
        ) from None


def function(stack: Stack, base: str) -> str:
    """The name of one function, such as media-lister-prod for media-lister. Raises ConsoleError when the stack has
    none, botocore's errors."""
    name = next((name for name in stack.resources("AWS::Lambda::Function") if name.startswith(base)), "")
    if not name:
        raise ConsoleError(f"The stack has no function {base}. Deploy it again from this clone.")
    return name


def answer(stack: Stack, base: str, event: Mapping[str, Any]) -> dict[str, Any] | FunctionRefusal:
    """What a function answers to an event. Raises ConsoleError, botocore's errors."""
    found = stack.client("lambda").invoke(FunctionName=function(stack, base), Payload=json.dumps(event).encode())
    payload = json_object(found["Payload"].read().decode(errors="replace"))
    if "FunctionError" not in found:
        return payload
    return FunctionRefusal(error=str(payload.get("errorType", "")), sentence=str(payload.get("errorMessage", "")))
