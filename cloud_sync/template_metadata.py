"""What a template says of the configuration that it was made from: its Metadata, which CloudFormation keeps.

The owner's command reads it there (`cloudsync config`), and knows by it of which version a stack is. No value of the
configuration is a secret: those are in Secrets Manager.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from cloud_sync.config import Config

SECTION = "CloudSync"
PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def template_metadata(config: Config) -> dict[str, Any]:
    """Every value of docs/configuration.md by its name, and the version of this clone. What is not set is the text
    none, as in a file of values: a template has no null."""
    names = (field.name for field in fields(Config) if field.name != "environment")
    return {SECTION: {"version": version(), "values": {name: _plain(getattr(config, name)) for name in names}}}


def version() -> str:
    """The version of this clone."""
    return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])


def _plain(value: Any) -> Any:
    return "none" if value is None else list(value) if isinstance(value, tuple) else value
