"""Which test executes which line, and how long it takes; kept in a file while the sources stay the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.mutants.copies import digest, kept_files
from tools.mutants.scope import FUNCTION_CODE, files_of_tests, imports

MEASURING_SECONDS = 1200.0  # for one file of tests
SLACK_SECONDS = 30.0
TIMES_USUAL = 10
ALWAYS = ("lambda_layer/", "lambdas/", "events/", "pyproject.toml", "requirements-dev.txt")

type Measured = dict[str, dict[str, Any]]  # of each file of tests, what `measurement.Measurement.result` says


@dataclass(frozen=True)
class ExecutedLines:
    """What was measured of every file of tests."""

    measured: Measured

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long each test usually takes alone, with the fixtures and imports that it needs."""
        return {
            test: one["own"] + sum(file["shared"][name] for name in one["shared"]) + file["collect"]
            for file in self.measured.values()
            for test, one in file["tests"].items()
        }

    @cached_property
    def failing(self) -> list[str]:
        """The tests that fail without any change, so that they prove nothing."""
        return [test for file in self.measured.values() for test, one in file["tests"].items() if not one["passed"]]

    def tests_of(self, module: str, lines: Iterable[int]) -> list[str]:
        """The tests that execute one of these lines, quickest first."""
        found: set[str] = set()
        for file in self.measured.values():
            names, executed = list(file["tests"]), file["lines"].get(module, {})
            found.update(names[place] for line in lines for place in executed.get(str(line), ()))
        return sorted(found - set(self.failing), key=lambda test: (self.seconds[test], test))

    def tests_of_names(self, names: Iterable[str], texts: Mapping[str, str]) -> list[str]:
        """The tests that execute a line, in any of the modules `texts`, that has one of these names in it."""
        word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
        found: set[str] = set()
        for module, text in texts.items():
            lines = [number for number, line in enumerate(text.splitlines(), 1) if word.search(line)]
            found.update(self.tests_of(module, lines))
        return sorted(found, key=lambda test: (self.seconds[test], test))

    def usual(self, tests: Iterable[str]) -> Iterator[tuple[str, float]]:
        """These tests, each with the seconds that it adds when they run one after another in one process."""
        paid: set[str] = set()
        for test in tests:
            path = test.partition("::")[0]
            file = self.measured[path]
            once = {path: file["collect"]} | {name: file["shared"][name] for name in file["tests"][test]["shared"]}
            yield test, file["tests"][test]["own"] + sum(cost for name, cost in once.items() if name not in paid)
            paid.update(once)

    def limits(self, tests: Iterable[str]) -> dict[str, float]:
        """The seconds after which each test counts as hanging."""
        return {test: TIMES_USUAL * self.seconds[test] + SLACK_SECONDS for test in tests}

    def collect_limit(self, tests: Iterable[str]) -> float:
        """The seconds after which importing the files of these tests counts as hanging."""
        files = {test.partition("::")[0] for test in tests}
        return TIMES_USUAL * sum(float(self.measured[file]["collect"]) for file in files) + SLACK_SECONDS


type Measure = Callable[[list[dict[str, Any]]], Iterator[tuple[str, dict[str, Any]]]]


def executed_lines(root: Path, kept: Path, measure: Measure) -> ExecutedLines:
    """What was measured before, for files of tests with which nothing has changed, and anew for the others. `measure`
    does jobs of the runner: it returns each file and the answer, in any order. Each is kept at once."""
    digests = digests_of_tests(root)
    known: Measured = json.loads(kept.read_text()) if kept.is_file() else {}
    measured = {name: one for name, one in known.items() if one["digest"] == digests.get(name)}
    missing = [name for name in digests if name not in measured]
    jobs = [{"measure": name, "core": FUNCTION_CODE.as_posix(), "seconds": MEASURING_SECONDS} for name in missing]
    for name, answer in measure(jobs):
        if "tests" not in answer:
            raise RuntimeError(f"{name} could not be measured: {answer}")
        measured[name] = json.loads(json.dumps({"digest": digests[name], **answer}))
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(measured))
    return ExecutedLines(measured)


def digests_of_tests(root: Path) -> dict[str, str]:
    """Of each file of tests that takes part, a digest of everything that may change what it executes: itself, the
    modules that it and the fixtures import, and all function code, of which it may run more than it imports."""
    kept = kept_files(root)
    common = digest(root, [name for name in kept if name.startswith(ALWAYS)])
    fixtures = [Path(name) for name in kept if name.startswith("tests/") and name.endswith("/conftest.py")]
    needed = {name: imports(root, [Path(name), *fixtures]) for name in files_of_tests(root)}
    return {name: common + digest(root, [path.as_posix() for path in paths]) for name, paths in needed.items()}
