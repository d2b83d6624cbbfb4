"""The rules of docs/design.md that a program can check. Each returns the violations, as readable texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 35  # in nine of ten
UTILS = {"retry_utils", "metrics_utils", "xray_utils", "logging_utils"}
VAGUE_NAMES = {"helper", "helpers", "manager", "managers", "misc", "common", "util", "utils"}

type Function = ast.FunctionDef | ast.AsyncFunctionDef

# In pieces, so that this file does not contain what it looks for.
HOST_NAMES = ["files." + "pythonhosted", "pypi" + ".org/simple", "registry." + "npmjs", "deb." + "debian.org"]
MACHINE = re.compile("|".join([*map(re.escape, HOST_NAMES), r"(?<![\w.])/" + r"root/", r"/home/" + r"[a-z][\w.-]*/"]))


def words_used(text: str, words: Iterable[str]) -> list[str]:
    """The lines that contain one of these words, in any case, also as part of another word."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {line.strip()}" for number, line in lines if any(word in line.lower() for word in words)]


def environment_reads(code: str) -> list[str]:
    """The places where a module reads the process's environment, under any imported name."""
    found = []
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Attribute(attr=("environ" | "environb" | "getenv" | "putenv") as name):
                found.append(f"{node.lineno}: {name}")
            case ast.ImportFrom(module="os", names=names):
                reads = [n.name for n in names if n.name in ("environ", "environb", "getenv", "putenv", "*")]
                found += [f"{node.lineno}: {name}" for name in reads]
    return found


def odd_names(paths: Iterable[Path]) -> list[str]:
    """Modules with vague names, and `_utils` modules other than the four of the architecture."""
    stems = ((path, path.stem) for path in paths)
    return [
        str(path)
        for path, stem in stems
        if stem in VAGUE_NAMES
        or (stem.endswith(("_utils", "_util")) and stem not in UTILS)
        or re.search(r"(^|_)(helpers?|managers?)(_|$)", stem)
    ]


def function_lengths(code: str) -> Iterator[tuple[str, int]]:
    """Each function's name and its number of lines, from `def` to its end, without its docstring."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, _lines(node) - _docstring_lines(node)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(node: Function | ast.ClassDef) -> int:
    return _lines(node.body[0]) if ast.get_docstring(node) else 0


def without_docstring(code: str) -> list[str]:
    """The modules, public classes over 3 lines and public functions over 10 lines that have no docstring.

    `main` needs none (its module has one), and neither does anything within a function.
    """
    module = ast.parse(code)
    missing = [] if ast.get_docstring(module) else ["module"]
    return missing + [f"{node.lineno}: {node.name}" for node in _public(module) if not ast.get_docstring(node)]


def _public(scope: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    for node in scope.body:
        match node:
            case ast.ClassDef(name=name) if not name.startswith("_"):
                if _body_lines(node) > 3:
                    yield node
                yield from _public(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                if _body_lines(node) > 10 and name != "main":
                    yield node


def _body_lines(node: Function | ast.ClassDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def traces_of_a_machine(text: str) -> list[str]:
    """Registry hosts and home folders, which belong to one machine and not in a repository."""
    return [
        f"{number}: {line.strip()[:80]}" for number, line in enumerate(text.splitlines(), 1) if MACHINE.search(line)
    ]


def unpinned(requirements: str) -> list[str]:
    """Lines of a requirements file without an exact version."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,._-]+\])?==[0-9][A-Za-z0-9.+]*|-[rc] \S+")
    return [line for line in lines if line and not pinned.fullmatch(line)]


def targets(makefile: str) -> dict[str, str]:
    """The targets of a Makefile and their descriptions."""
    return dict(re.findall(r"^([a-z0-9_-]+):(?!=).*?(?:## (.*))?$", makefile, re.MULTILINE))


def commands(markdown: str) -> list[str]:
    """The lines of a page's ```bash blocks, without comments."""
    blocks = re.findall(r"^ *```(?:bash|sh|shell)\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    lines = (line.split(" #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def make_words(markdown: str) -> set[str]:
    """The make targets in a page's code: `A=1 make demo B=2 && make test` has the targets demo and test."""
    words = set()
    for command in [*commands(markdown), *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", markdown)]:
        for call in re.findall(r"(?:^|[;&|] *)(?:[A-Z]+=\S+ +)*make((?: +[^;&|]+)?)", command):
            words |= {word for word in call.split() if re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", word)}
    return words
