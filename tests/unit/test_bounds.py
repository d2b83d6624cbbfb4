"""docs/bounds.md states every number by which the functions decide, and each is the one in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from cloud_sync_common.steps.prove_restore import RANGE
from cloud_sync_common.transfer.part_plan import SINGLE_PUT

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
        imported = imported_module(module)
        for name in assigned((ROOT / FUNCTION_CODE / module).read_text()):
            value: Any = getattr(imported, name)
            values = value if isinstance(value, tuple) else (value,)
            if values and all(type(one) in (int, float) for one in values):
                found[module, name] = tuple(map(float, values))
    return found


def imported_module(module: str) -> ModuleType:
    return import_module(f"cloud_sync_common.{module.removesuffix('.py').replace('/', '.')}")


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


# Numbers that a field has when nothing else is said, where that is not zero.
OTHER_DEFAULTS = {
    ("provider_access/certificate.py", "Certificate", "shape"): 1,
    ("provider_access/listing.py", "ListingProgress", "attempt"): 1,
    ("provider_access/restore_proof.py", "Proof", "shape"): 1,
    ("steps/download.py", "VideoDownloader", "single_put"): SINGLE_PUT,
    ("steps/prove_restore.py", "RestoreProver", "range_bytes"): RANGE,
    ("stores/archived_sources.py", "_Row", "size"): -1,
    ("steps/make_frame.py", "FrameRequest", "width"): 480,
    ("stores/ledger_rows.py", "SourceRow", "copy"): 1,
    ("stores/work_files.py", "_Reading", "size"): -1,
    ("transfer/content_hash.py", "CombinedCrc", "block_size"): 1,
    ("transfer/range_transfer.py", "TransferOptions", "single_put"): SINGLE_PUT,
}


def numbers_by_default(module: str) -> Iterator[tuple[tuple[str, str, str], float]]:
    imported = imported_module(module)
    for kind in vars(imported).values():
        if isinstance(kind, type) and kind.__module__ == imported.__name__:
            for name, default in defaults(kind):
                if type(default) in (int, float):
                    yield (module, kind.__name__, name), default


def defaults(kind: type) -> list[tuple[str, Any]]:
    if issubclass(kind, msgspec.Struct):
        return [(field.name, field.default) for field in msgspec.structs.fields(kind)]
    return [(field.name, field.default) for field in fields(kind)] if is_dataclass(kind) else []


def test_every_count_begins_at_zero() -> None:
    found = {place: number for module in core_modules() for place, number in numbers_by_default(module)}
    assert found
    assert {place: number for place, number in found.items() if number != 0} == OTHER_DEFAULTS
