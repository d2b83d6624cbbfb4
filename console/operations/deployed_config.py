"""What a stack was deployed with: the values in the Metadata of its template (cloud_sync/template_metadata.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cloud_sync_common import __version__

from console.errors import ConsoleError
from console.stack import PREFIX, Stack

SECTION = "CloudSync"


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """One environment: the version of the clone that it was deployed from, and every value of docs/configuration.md."""

    environment: str
    version: str
    values: dict[str, Any]

    def filters(self, provider: str) -> dict[str, Any]:
        """The environment's lasting filters of one provider."""
        found = json.loads(str(self.values.get("filters") or "{}")).get(provider, {})
        return found if isinstance(found, dict) else {}


class Age(msgspec.Struct, frozen=True, kw_only=True):
    """How a stack's version compares with this clone's; `text` is empty where they are the same."""

    clone_version: str
    text: str = ""


def deployed(stack: Stack) -> Deployed:
    """Reads the template. Raises ConsoleError for a stack of a version that does not say it, and botocore's errors."""
    body = stack.client("cloudformation").get_template(StackName=PREFIX + stack.environment)["TemplateBody"]
    template = body if isinstance(body, Mapping) else _decoded(body)
    try:
        found = msgspec.convert(template.get("Metadata", {}).get(SECTION), _Section)
    except (msgspec.ValidationError, AttributeError):
        raise ConsoleError(
            f"The stack {PREFIX}{stack.environment} is of an earlier version: it does not say what it was deployed "
            "with, and knows no settings. Deploy it again from this clone."
        ) from None
    return Deployed(environment=stack.environment, version=found.version, values=found.values)


class _Section(msgspec.Struct, frozen=True):
    version: str
    values: dict[str, Any]


def _decoded(body: str) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def differing(environments: Iterable[Deployed]) -> list[str]:
    """The names of the values that are not the same in all of them, in the order of the first one."""
    first, *others = environments
    names = dict.fromkeys(name for one in (first, *others) for name in one.values)
    return [name for name in names if any(one.values.get(name) != first.values.get(name) for one in others)]


def age_of(found: Deployed) -> Age:
    """Whether the stack or this clone is to be brought up to date."""
    if found.version == __version__:
        return Age(clone_version=__version__)
    if _order(found.version) < _order(__version__):
        step = f"deploy it again: cdk deploy -c environment={found.environment}"
    else:
        step = "bring this clone up to date: git pull, then make setup"
    text = f"The stack is of version {found.version}, and this clone of {__version__}: {step}"
    return Age(clone_version=__version__, text=text)


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
