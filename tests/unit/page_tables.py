"""Reads the tables of the pages in docs/, and looks up the tests that their cells name."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.synthesis import ROOT

DOCS = ROOT / "docs"


def section(page: Path, heading: str) -> str:
    """The text under a heading of level two, up to the next one."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of each row of the tables under a heading, without the rows of titles."""
    lines = [line for line in section(page, heading).splitlines() if line.startswith("|")]
    titles = {at - 1 for at, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for at, line in enumerate(lines)
        if at not in titles and at - 1 not in titles
    ]


def named_tests(cell: str) -> list[tuple[str, str]]:
    """The file and the function of each test that a cell names, as pytest writes them."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cell)


def why_not_a_test(file: str, name: str) -> str:
    """Why pytest runs no such test; empty when it does."""
    if not (ROOT / file).is_file():
        return f"there is no file {file}"
    module = _parsed(file)
    if any(_skips(statement) for statement in module.body if isinstance(statement, ast.Assign)):
        return f"all of {file} is skipped"
    found = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(found) != 1:
        return f"{file} has {len(found)} functions {name}"
    return f"{name} is skipped" if _skips(found[0]) else ""


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def _skips(node: ast.AST) -> bool:
    """Whether it marks or calls something that makes pytest leave a test out, or accept its failure."""
    names = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return bool(names & {"skip", "skipif", "xfail", "importorskip"})
