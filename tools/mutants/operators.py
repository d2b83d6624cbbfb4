"""The changes that can be made to one node of the syntax tree, by kind: each is a function from a node to edits."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from tools.mutants.source_text import SourceText


class Edit(NamedTuple):
    """The bytes from `start` to `end` become `new`."""

    start: int
    end: int
    new: str


type Operator = Callable[[ast.AST, SourceText], Iterator[Edit]]

COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
# Calls that can be left out, so that their argument, or the text that they are a method of, stays as it is.
OF_ARGUMENTS = {"min", "max", "sorted", "abs", "round", "set", "bool", "int", "float", "str"}
OF_TEXT = {"strip", "lstrip", "rstrip", "lower", "upper", "removeprefix", "removesuffix", "replace"}
CONDITION = re.compile(r"attribute_(not_)?exists\(|(#\w+|:\w+) (=|<>|<=?|>=?|IN|BETWEEN) ")
CONDITION_WORDS = {
    "attribute_not_exists": "attribute_exists",
    "attribute_exists": "attribute_not_exists",
    " AND ": " OR ",
    " OR ": " AND ",
    " = ": " <> ",
    " <> ": " = ",
    " < ": " > ",
    " > ": " < ",
    " <= ": " > ",
    " >= ": " < ",
}
SIMPLE = (ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.Subscript, ast.List, ast.Tuple, ast.Dict, ast.JoinedStr)


def comparisons(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """`<` becomes `<=` and `>=`, `==` becomes `!=`, `in` becomes `not in`, and so on."""
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for position, kind in enumerate(node.ops):
            old, others = COMPARISONS[type(kind)]
            for new in others:
                yield from _between(operands[position], operands[position + 1], old, new, source)


def logic(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """`and` becomes `or` and the other way round; `not` is removed."""
    match node:
        case ast.BoolOp(op=op, values=values):
            old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
            start, end = source.span(node)
            text = source.data[start:end]
            for left, right in reversed(list(pairwise(values))):
                for edit in _between(left, right, old, new, source):
                    text = text[: edit.start - start] + edit.new.encode() + text[edit.end - start :]
            yield Edit(start, end, text.decode())
        case ast.UnaryOp(op=ast.Not()):
            start, end = source.span(node)
            yield Edit(start, end, source.between(start + len("not"), end).strip())


def arithmetic(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """`+` becomes `-`, `*` becomes `//`, and so on; texts are left alone."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if not (_is_text(left) or _is_text(right)):
            yield from _between(left, right, *ARITHMETIC.get(type(op), ("", "")), source)
        case ast.AugAssign(target=target, op=op, value=value) if not _is_text(value):
            old, new = ARITHMETIC.get(type(op), ("", ""))
            yield from _between(target, value, f"{old}=", f"{new}=", source)


def constants(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """A number becomes one more and one less; True becomes False and the other way round."""
    match node:
        case ast.Constant(value=bool(value)):
            yield Edit(*source.span(node), str(not value))
        case ast.Constant(value=int(value) | float(value)):
            yield Edit(*source.span(node), repr(value + 1))
            yield Edit(*source.span(node), repr(value - 1))


def calls(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """A call of which the argument alone would do: `min(a, b)` becomes `a` and `b`, `x.strip()` becomes `x`."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[first, *others]) if name in OF_ARGUMENTS:
            for argument in (first, *others) if name in ("min", "max") else (first,):
                if not isinstance(argument, ast.Starred | ast.GeneratorExp):
                    yield Edit(*source.span(node), _in_parentheses(argument, source))
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in OF_TEXT:
            yield Edit(*source.span(node), _in_parentheses(value, source))


def statements(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """A call, a change to something that stays, a `del`, `break` or `continue` is left out."""
    match node:
        case (
            ast.Expr(value=ast.Call() | ast.Await())
            | ast.Assign(targets=[ast.Attribute() | ast.Subscript()])
            | ast.AugAssign()
            | ast.Delete()
            | ast.Break()
            | ast.Continue()
        ):
            yield Edit(*source.span(node), "pass")


def raises(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """A `raise` is left out."""
    if isinstance(node, ast.Raise):
        yield Edit(*source.span(node), "pass")


def entries(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """One entry of a dict is left out."""
    if isinstance(node, ast.Dict):
        spans = []
        for key, value in zip(node.keys, node.values, strict=True):
            start, end = source.span(value)
            spans.append((source.span(key)[0] if key else source.data.rindex(b"**", 0, start), end))
        for position in range(len(spans)):
            yield _without(spans, position, source)


def keywords(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """One keyword argument of a call is left out."""
    if isinstance(node, ast.Call):
        given = sorted([*node.args, *node.keywords], key=source.span)
        spans = [source.span(one) for one in given]
        for position, one in enumerate(given):
            if isinstance(one, ast.keyword) and one.arg:
                yield _without(spans, position, source)


def conditions(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """One word of a condition of DynamoDB's, which is text, says the contrary."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CONDITION.search(node.value):
        start, end = source.span(node)
        for word in re.finditer("|".join(sorted(CONDITION_WORDS, key=len, reverse=True)), source.between(start, end)):
            left = start + len(source.between(start, end)[: word.start()].encode())
            yield Edit(left, left + len(word[0].encode()), CONDITION_WORDS[word[0]])


def branches(node: ast.AST, source: SourceText) -> Iterator[Edit]:
    """The condition of an `if` (also in an expression or a comprehension) is always true, and never; a `while` is
    never entered."""
    tests: list[ast.expr]
    forced: tuple[str, ...]
    match node:
        case ast.If(test=test) | ast.IfExp(test=test):
            tests, forced = [test], ("True", "False")
        case ast.While(test=test):
            tests, forced = [test], ("False",)
        case ast.comprehension(ifs=ifs):
            tests, forced = ifs, ("True", "False")
        case _:
            return
    for test in tests:
        if not any(isinstance(part, ast.NamedExpr) for part in ast.walk(test)) and not isinstance(test, ast.Constant):
            yield from (Edit(*source.span(test), value) for value in forced)


OPERATORS: dict[str, Operator] = {
    "comparison": comparisons,
    "and/or": logic,
    "arithmetic": arithmetic,
    "constant": constants,
    "call removed": calls,
    "statement removed": statements,
    "raise removed": raises,
    "dict entry removed": entries,
    "keyword removed": keywords,
    "DynamoDB condition": conditions,
    "forced branch": branches,
}


def _between(left: ast.AST, right: ast.AST, old: str, new: str, source: SourceText) -> Iterator[Edit]:
    """The edit of the operator `old`, which stands between two operands."""
    start, end = source.span(left)[1], source.span(right)[0]
    word = r"\s+".join(map(re.escape, old.split()))
    found = re.search(rf"\b{word}\b" if old[:1].isalpha() else word, source.between(start, end)) if old else None
    if found:
        yield Edit(start + found.start(), start + found.end(), new)


def _without(spans: list[tuple[int, int]], position: int, source: SourceText) -> Edit:
    """The edit that leaves one element of a list between commas out."""
    start, end = spans[position]
    if position + 1 < len(spans):
        return Edit(start, spans[position + 1][0], "")
    if position:
        return Edit(spans[position - 1][1], end, "")
    comma = re.match(rb"\s*,", source.data[end:])
    return Edit(start, end + (comma.end() if comma else 0), "")


def _in_parentheses(node: ast.AST, source: SourceText) -> str:
    return source.of(node) if isinstance(node, SIMPLE) else f"({source.of(node)})"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
