"""Tries mutations: which of them does a test notice?"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from typing import Any

from tools.mutants.executed_lines import ExecutedLines
from tools.mutants.scope import FUNCTION_CODE, MORE_SECONDS, OF_CONSTANTS, QUICKEST, QUICKEST_SECONDS
from tools.mutants.source_text import Mutation, SourceText

type Do = Callable[[dict[str, Any]], dict[str, Any]]  # has a runner do a job


@dataclass(frozen=True)
class Trial:
    """What came of one mutation: `end` is `failed`, `timed out` or `died` when it was noticed, by `test`; `passed` when
    `ran` of the `candidates`, the tests that execute its line, passed."""

    mutation: Mutation
    end: str
    test: str = ""
    why: str = ""
    ran: int = 0
    candidates: int = 0

    @property
    def killed(self) -> bool:
        """Whether a test noticed the change."""
        return self.end != "passed"


@dataclass(frozen=True)
class Trials:
    """Tries mutations of `sources` with the tests that execute their lines, but those in `unreliable`."""

    sources: Mapping[str, SourceText]
    lines: ExecutedLines
    every_test: bool = False
    unreliable: frozenset[str] = frozenset()

    def attempt(self, mutation: Mutation, do: Do, *, only_quickest: bool = False) -> Trial:
        """Runs the quickest tests, then others, until one notices the change."""
        tests = [test for test in self.candidates(mutation) if test not in self.unreliable]
        trial = Trial(mutation, "passed", candidates=len(tests))
        for part in self._rounds(tests)[: 1 if only_quickest else None]:
            said = do(self._job(mutation, part))
            trial = replace(trial, end=said["end"], test=said["test"], why=said["why"], ran=trial.ran + said["ran"])
            if trial.killed:
                break
        return trial

    def candidates(self, mutation: Mutation) -> list[str]:
        """The tests that execute the statement, quickest first, or those of its function where none is known to: a
        `break` may be a part of the line before for the compiler. What runs at import is there for those that execute
        a line with the same name, or if there is none, any line of its module; and for those that compare constants."""
        numbers = range(mutation.lines[0], mutation.lines[1] + 1)
        if mutation.function:
            function = self.sources[mutation.module].function_around(mutation)
            return self.lines.tests_of(mutation.module, numbers) or self.lines.tests_of(mutation.module, function)
        source = self.sources[mutation.module]
        texts = {name: one.text for name, one in self.sources.items()}
        found = self.lines.tests_of_names(bound_names(source.text, mutation.lines), texts)
        found = found or self.lines.tests_of(mutation.module, range(1, source.text.count("\n") + 2))
        return [*(test for test in self.lines.seconds if test.startswith(OF_CONSTANTS)), *found]

    def _rounds(self, tests: list[str]) -> list[list[str]]:
        quick = self._quickest(tests)
        others = list(self._more(one_per_file_first(tests[quick:])))
        return [part for part in (tests[:quick], others) if part]

    def _quickest(self, tests: list[str]) -> int:
        """How many of the tests, which are in order of their time, are run at first."""
        total = accumulate(seconds for _, seconds in self.lines.usual(tests))
        return max(QUICKEST, sum(seconds <= QUICKEST_SECONDS for seconds in total))

    def _more(self, tests: list[str]) -> Iterator[str]:
        total = 0.0
        for test, seconds in self.lines.usual(tests):
            total += seconds
            if total > MORE_SECONDS and not self.every_test:
                return
            yield test

    def _job(self, mutation: Mutation, tests: list[str]) -> dict[str, Any]:
        file = (FUNCTION_CODE / mutation.module).as_posix()
        return self._with_limits(tests) | {"file": file, "text": self.sources[mutation.module].mutated(mutation)}

    def _with_limits(self, tests: Collection[str]) -> dict[str, Any]:
        return {"tests": self.lines.limits(tests), "collect": self.lines.collect_limit(tests)}

    def failing_without_a_change(self, tests: Iterable[str], do: Do) -> list[str]:
        """Those of the tests that fail when nothing was changed, run in the same way: their word proves nothing."""
        module = min(self.sources)
        ordered = sorted(set(tests) & set(self.lines.seconds), key=lambda test: (self.lines.seconds[test], test))
        if not ordered:
            return []
        file = (FUNCTION_CODE / module).as_posix()
        said = do(self._with_limits(ordered) | {"file": file, "text": self.sources[module].text, "go_on": True})
        return [*said["failures"], *([said["test"]] if said["end"] not in ("passed", "failed") else [])]


def one_per_file_first(tests: Iterable[str]) -> list[str]:
    """The first test of each file, then the second of each, and so on: other files see other things."""
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    return [test for turn in zip_longest(*files.values()) for test in turn if test]


def bound_names(text: str, lines: tuple[int, int]) -> set[str]:
    """The names to which the smallest statement around these lines, outside of functions, gives a value."""
    around = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and node.lineno <= lines[0] and lines[1] <= (node.end_lineno or 0)
    ]
    smallest = min(around, key=lambda node: ((node.end_lineno or 0) - node.lineno, -node.lineno))
    match smallest:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
    return {node.id for node in ast.walk(smallest) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
