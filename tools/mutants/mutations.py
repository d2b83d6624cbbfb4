"""All changes that can be made to a module, and a sample of them that a seed draws."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from tools.mutants.operators import OPERATORS, Edit
from tools.mutants.source_text import Mutation, SourceText

# Nothing within these is ever changed: they say what something is, not what is done.
LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.TypeAlias, ast.Assert, ast.arg, ast.Global, ast.Nonlocal)
DECLARATIONS = {"dataclass", "field"}  # whose arguments are declarations as well
LOGS = {"logger"}
BODIES = {"body", "orelse", "handlers", "finalbody", "cases"}


@dataclass(frozen=True)
class _Place:
    function: str = ""
    names: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)


def mutations(module: str, source: SourceText) -> list[Mutation]:
    """Every change, in the order of the text; some may turn out to be no Python (`SourceText.changes_the_program`)."""
    found = set()
    for node, place in _nodes(ast.parse(source.text), _Place()):
        for kind, operator in OPERATORS.items():
            for edit in operator(node, source):
                start, end, new = _smallest(edit, source)
                found.add(Mutation(module, start, end, new, kind, place.function, place.lines))
    return sorted(found)


def sample(sources: Mapping[str, SourceText], size: int, seed: int) -> list[Mutation]:
    """So many changes of these modules, each as likely as any other. The seed and a change's own text decide whether it
    is drawn, so that a new line elsewhere does not draw another sample."""
    candidates = [one for module in sorted(sources) for one in mutations(module, sources[module])]
    ordered = sorted(candidates, key=lambda one: _lot(one, sources[one.module], seed))
    return sorted(_first(size, (one for one in ordered if sources[one.module].changes_the_program(one))))


def _lot(one: Mutation, source: SourceText, seed: int) -> bytes:
    text = (str(seed), one.module, one.function, *source.before_and_after(one))
    return sha256("\0".join(text).encode()).digest()


def _first(size: int, candidates: Iterable[Mutation]) -> list[Mutation]:
    chosen: dict[tuple[str, int, int, str], Mutation] = {}
    for one in candidates:
        if len(chosen) == size:
            break
        chosen.setdefault((one.module, one.start, one.end, one.new), one)
    return list(chosen.values())


def _nodes(node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, _Place]]:
    """The nodes that may be changed, each with the function and the statement that it is in."""
    if _is_left_alone(node):
        return
    if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        place = replace(place, lines=_header(node))
    yield node, place
    inside = _inside(node, place)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "bases", "format_spec", "pattern"):
            continue
        if isinstance(node, ast.ClassDef) and name == "keywords":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _nodes(child, inside if name == "body" else place)


def _inside(node: ast.AST, place: _Place) -> _Place:
    """The place of what stands in a node's body: a class or function adds its name."""
    match node:
        case ast.ClassDef(name=name):
            return replace(place, names=(*place.names, name))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            names = (*place.names, name)
            return replace(place, names=names, function=".".join(names))
    return place


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Expr(value=call) if _name_of_call(call) in LOGS:
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call():
            return _name_of_call(node) in DECLARATIONS | LOGS
    return isinstance(node, LEFT_ALONE)


def _name_of_call(node: ast.AST) -> str:
    """The first word of what is called: `logger` for `logger.info(...)`."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name
    return ""


def _header(node: ast.AST) -> tuple[int, int]:
    """The first and last line of a statement, without the statements that it contains."""
    first = getattr(node, "lineno", 0) or node.pattern.lineno  # type: ignore[attr-defined]
    if not any(isinstance(getattr(node, name, None), list) for name in BODIES):
        return first, getattr(node, "end_lineno", first)
    parts = [value for name, value in ast.iter_fields(node) if name not in BODIES]
    nodes = [one for part in parts for one in (part if isinstance(part, list) else [part]) if isinstance(one, ast.AST)]
    return first, max([first, *(getattr(one, "end_lineno", first) for one in nodes)])


def _smallest(edit: Edit, source: SourceText) -> Edit:
    """The same edit without the bytes that are alike at its two ends."""
    start, end, new = edit.start, edit.end, edit.new.encode()
    while start < end and new and source.data[start] == new[0]:
        start, new = start + 1, new[1:]
    while start < end and new and source.data[end - 1] == new[-1]:
        end, new = end - 1, new[:-1]
    return Edit(start, end, new.decode(errors="surrogateescape"))
