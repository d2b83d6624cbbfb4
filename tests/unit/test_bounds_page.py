"""docs/bounds.md states every number by which the functions decide, and each is the one in the code."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.mutants.scope import FUNCTION_CODE, core_modules

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| .+ \| (.+) \| `(\S+\.py) (\w+)` \|")
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def stated() -> dict[tuple[str, str], tuple[float, ...]]:
    rows = ROW.findall((ROOT / "docs" / "bounds.md").read_text())
    return {(module, name): tuple(map(number, value.split(", "))) for value, module, name in rows}


def number(text: str) -> float:
    value, _, unit = text.partition(" ")
    return float(value.replace(",", "")) * UNITS[unit] if unit else float(value.replace(",", ""))


def in_the_code() -> dict[tuple[str, str], tuple[float, ...]]:
    """The constants of the core that are numbers, or tuples of them, by module and name."""
    found = {}
    for module in core_modules():
        imported = import_module(f"cloud_sync_common.{module.removesuffix('.py').replace('/', '.')}")
        for name in assigned((ROOT / FUNCTION_CODE / module).read_text()):
            value: Any = getattr(imported, name)
            values = value if isinstance(value, tuple) else (value,)
            if values and all(type(one) in (int, float) for one in values):
                found[module, name] = tuple(map(float, values))
    return found


def assigned(code: str) -> list[str]:
    """The names in capitals that a module gives a value at its top level."""
    targets = [
        target
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    return [name for name in names if name.isupper()]


def test_every_bound_is_stated_with_the_value_that_the_code_has() -> None:
    assert stated() == in_the_code()
