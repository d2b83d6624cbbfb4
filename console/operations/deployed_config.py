"""What a stack was deployed with: the values in the Metadata of its template (cloud_sync/template_metadata.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from cloud_sync_common import __version__
from cloud_sync_common.runtime.wording import count_of

from console.errors import ConsoleError
from console.stack import PREFIX, Stack

SECTION = "CloudSync"
_CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
_RELEASE = re.compile(r"^## (\d+\.\d+\.\d+)\b", re.MULTILINE)


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
    """How a stack's version compares with this clone's; `text` is empty where they are the same. `releases_behind` is
    how many releases the stack is behind the clone, None where the clone's changelog does not tell."""

    clone_version: str
    text: str = ""
    releases_behind: int | None = None


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
    """Whether the stack or this clone is to be brought up to date, and how far they are apart. Nothing is asked of the
    network: what lies between is in the clone's changelog."""
    if found.version == __version__:
        return Age(clone_version=__version__, releases_behind=0)
    text = f"The stack is of version {found.version}, and this clone of {__version__}"
    if _order(found.version) >= _order(__version__):
        step = "which is older: bring this clone up to date: git pull, then make setup"
        return Age(clone_version=__version__, text=f"{text}, {step}")
    behind = _releases_after(found.version)
    later = f", {count_of(behind, 'release')} later" if behind else ""
    step = f"deploy it again: cdk deploy -c environment={found.environment}"
    return Age(clone_version=__version__, text=f"{text}{later}: {step}", releases_behind=behind)


def _releases_after(version: str) -> int | None:
    """How many releases the clone's changelog has after this version, up to the clone's own. None where it does not
    have both: this command may be installed without the clone."""
    try:
        text = _CHANGELOG.read_text(encoding="utf-8")
    except OSError:
        return None
    releases = _RELEASE.findall(text)  # the latest one first
    if version not in releases or __version__ not in releases:
        return None
    return releases.index(version) - releases.index(__version__)


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
