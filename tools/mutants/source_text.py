"""A module's text with the places of its syntax tree, and what a change to it looks like."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class Mutation:
    """A small change to one module: the bytes from `start` to `end` (offsets in UTF-8) become `new`.

    `lines` are the first and last line of the statement, `function` the qualified name of the function around it (empty
    when the statement runs at import).
    """

    module: str
    start: int
    end: int
    new: str
    kind: str
    function: str
    lines: tuple[int, int]


@dataclass(frozen=True)
class SourceText:
    """The text of one module, addressed as the syntax tree does: by line and by column in UTF-8."""

    text: str

    @cached_property
    def data(self) -> bytes:
        """The text in UTF-8."""
        return self.text.encode()

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The offsets of a node's first byte and of the one after its last."""
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        return self._line_starts[first - 1] + node.col_offset, self._line_starts[last - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.between(*self.span(node))

    def between(self, start: int, end: int) -> str:
        """The text between two offsets."""
        return self.data[start:end].decode()

    def mutated(self, mutation: Mutation) -> str:
        """The whole text after the change."""
        return (self.data[: mutation.start] + mutation.new.encode() + self.data[mutation.end :]).decode()

    def line_of(self, mutation: Mutation) -> int:
        """The number of the line in which the change begins."""
        return self.data.count(b"\n", 0, mutation.start) + 1

    def function_around(self, mutation: Mutation) -> range:
        """The numbers of the lines of the smallest function around the change."""
        line = self.line_of(mutation)
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        spans = [
            range(node.lineno, (node.end_lineno or node.lineno) + 1)
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, functions)
        ]
        return min((span for span in spans if line in span), key=len, default=range(0))

    def before_and_after(self, mutation: Mutation) -> tuple[str, str]:
        """The changed lines before and after, each as one line with single spaces."""
        first = self.data.rfind(b"\n", 0, mutation.start) + 1
        last = self.data.find(b"\n", mutation.end)
        last = len(self.data) if last < 0 else last
        after = self.data[first : mutation.start] + mutation.new.encode() + self.data[mutation.end : last]
        return _one_line(self.data[first:last]), _one_line(after)

    def changes_the_program(self, mutation: Mutation) -> bool:
        """Whether what comes out is Python, and another program than before."""
        try:
            after = ast.parse(self.mutated(mutation))
        except SyntaxError:
            return False
        return ast.dump(after) != ast.dump(ast.parse(self.text))


def _one_line(text: bytes) -> str:
    return " ".join(text.decode().split())
