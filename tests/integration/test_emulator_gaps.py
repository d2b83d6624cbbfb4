"""The launcher patches exactly the gaps that the emulator still has, so that we notice a gap that upstream closes."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

from tests.installed import installed

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "local" / "emulator_gaps.py"
FILES = (LAUNCHER, ROOT / "local" / "emulator_access.py", ROOT / "local" / "emulator_restores.py")
EMULATOR_PYTHON = ".local/emulator/venv/bin/python"


def gaps() -> list[str]:
    """The functions in the tables. Parsed, not imported: the launcher runs in the emulator's own environment."""
    tables = {
        node.targets[0].id: node.value
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Dict)
    }
    return [
        key.id
        for name in ("GAPS", "ACCESS_GAPS", "RESTORE_GAPS")
        for key in tables[name].keys
        if isinstance(key, ast.Name)
    ]


def test_every_gap_that_is_patched_here_is_still_open_upstream() -> None:
    installed(EMULATOR_PYTHON)
    done = subprocess.run(
        [str(ROOT / EMULATOR_PYTHON), str(LAUNCHER), "--open-upstream"], capture_output=True, text=True, check=True
    )
    assert len(gaps()) >= 6
    assert json.loads(done.stdout) == sorted(gaps())


def test_a_line_of_a_manifest_ends_at_a_line_feed_only() -> None:
    installed(EMULATOR_PYTHON)
    code = (
        "import json, emulator_gaps as gaps; gaps.lines_of_a_manifest();"
        "read = gaps.stepfunctions._parse_reader_items;"
        "rows = [{'name': 'a\\u2028b\\u0085c'}, {'name': 'd'}];"
        "text = ''.join(json.dumps(row, ensure_ascii=False) + '\\n' for row in rows);"
        "print(read(text, {'InputType': 'JSONL'}) == rows)"
    )
    done = subprocess.run(
        [str(ROOT / EMULATOR_PYTHON), "-c", code], cwd=LAUNCHER.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_every_function_that_patches_the_emulator_is_one_of_the_gaps() -> None:
    nodes = [node for file in FILES for node in ast.parse(file.read_text()).body]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    public = {node.name for node in functions if not node.name.startswith("_")}
    assert public - {"main"} == set(gaps())


def test_the_design_page_explains_every_gap() -> None:
    design = (ROOT / "docs" / "design.md").read_text()
    assert [gap for gap in gaps() if f"`{gap}`" not in design] == []
