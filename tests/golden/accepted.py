"""The accepted templates: the one of dev in full, the others as differences from it.

The names that an environment gives its resources (`gopro-sync-dlq-staging`), its tag and its name in the description
follow from the environment, so they are no differences: dev's template gets them before it is compared. A name that
lacks its suffix therefore shows up as a difference.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cloud_sync.config import ENVIRONMENTS
from tests.golden.differences import applied, differences
from tests.golden.json_text import pretty
from tests.synthesis import NAMES

FOLDER = Path(__file__).with_name("templates")
DEV = "dev"

type Template = dict[str, Any]


def path(environment: str) -> Path:
    """The file in which an environment's template is accepted."""
    return FOLDER / (f"{DEV}.json" if environment == DEV else f"{environment}.differences.json")


def accepted(environment: str) -> Template:
    """The template of an environment as it was accepted."""
    dev: Template = _read(DEV)
    if environment == DEV:
        return dev
    template: Template = applied(named_for(environment, dev), _read(environment))
    return template


def text_to_accept(environment: str, template: Template, dev: Template) -> str:
    """What the file of this environment has to say for this template, when that of dev is `dev`."""
    value = template if environment == DEV else differences(named_for(environment, dev), template)
    return pretty(value) + "\n"


def named_for(environment: str, dev: Template) -> Template:
    """dev's template with the names and the description of another environment, and wherever its own name is a value:
    in the tag, the variable, the dimension `environment`, and the owner's commands, which dev needs no name for."""
    name = ENVIRONMENTS[environment].name
    text = json.dumps(dev)
    text = _names_in(dev).sub(lambda match: name(match[0]), text)
    text = re.sub(r'("environment", (?:"Value": )?|"ENVIRONMENT": )"dev"', rf'\1"{environment}"', text)
    text = re.sub(r"(`cloudsync [^`]*)`", rf"\1 -e {environment}`", text)
    for of_dev in ("Cloud Sync (dev)", ":stack/CloudSync-dev/"):
        text = text.replace(of_dev, of_dev.replace("dev", environment))
    template: Template = json.loads(text)
    return template


def _names_in(template: Template) -> re.Pattern[str]:
    """Matches each name in the account, wherever a text mentions it; a saved query's is the name of its folder."""
    properties = [resource.get("Properties", {}) for resource in template["Resources"].values()]
    names = {value for one in properties for key, value in one.items() if key in NAMES and isinstance(value, str)}
    longest_first = sorted((re.escape(name) for name in names), key=len, reverse=True)
    return re.compile(
        rf"(?:(?<![\w/-])|(?<=:schedule/default/))(?:cloud-sync(?=/)|(?:{'|'.join(longest_first)})(?![\w-]))"
    )


def _read(environment: str) -> Any:
    return json.loads(path(environment).read_text(encoding="utf-8"))
