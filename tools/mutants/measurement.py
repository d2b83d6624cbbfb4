"""Measures one file of tests in a process of its own: which lines each test executes, and how long it takes."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import coverage
import pytest


def measure(job: dict[str, Any], output: Path, arguments: list[str]) -> int:
    """Runs the file `job["measure"]` and writes the result to `output`. Returns pytest's exit status."""
    core = Path(job["core"]).resolve()
    recorded = coverage.Coverage(data_file=None, config_file=False, include=[f"{core}/*"])
    recorded.start()
    plugin = Measurement(recorded)
    status = int(pytest.main([one for one in [*arguments, job["measure"]] if one != "-x"], plugins=[plugin]))
    recorded.stop()
    output.write_text(json.dumps({"status": status, **plugin.result(core)}))
    return status


class Measurement:
    """A plugin of pytest's: gives each test a context of its own in the coverage, and times its parts."""

    def __init__(self, recorded: coverage.Coverage) -> None:
        self._recorded = recorded
        self._began, self._collect = time.monotonic(), 0.0
        self._running = ""
        self._own: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._shared: dict[str, float] = {}
        self._fixtures: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All files are imported now."""
        self._collect = time.monotonic() - self._began
        self._fixtures = {item.nodeid: list(getattr(item, "fixturenames", ())) for item in session.items}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """From now on, what is executed is executed by this test."""
        self._recorded.switch_context(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Times a fixture that several tests share; the first of them is not charged for it."""
        began = time.monotonic()
        made = yield
        if fixturedef.scope != "function":
            self._shared[fixturedef.argname] = time.monotonic() - began
            self._own[self._running] -= self._shared[fixturedef.argname]
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Remembers which test is running."""
        self._running = item.nodeid
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds the seconds of a part of a test, and whether it failed."""
        self._own[report.nodeid] += report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def result(self, core: Path) -> dict[str, Any]:
        """`collect`: the seconds until everything is imported; `shared`: those of each fixture that several tests use;
        `tests`: of each its `own` seconds, its `shared` fixtures and whether it `passed`; `lines`: of each module the
        lines, and of each line the places in `tests` of those that execute it."""
        tests = {
            test: {
                "own": round(max(0.0, self._own[test]), 4),
                "shared": [name for name in fixtures if name in self._shared],
                "passed": test not in self._failed,
            }
            for test, fixtures in self._fixtures.items()
        }
        return {"collect": self._collect, "shared": self._shared, "tests": tests, "lines": self._lines(core)}

    def _lines(self, core: Path) -> dict[str, dict[int, list[int]]]:
        place = {test: number for number, test in enumerate(self._fixtures)}
        data = self._recorded.get_data()
        found: dict[str, dict[int, list[int]]] = {}
        for file in data.measured_files():
            contexts = data.contexts_by_lineno(file)
            numbers = {line: sorted(place[one] for one in tests if one in place) for line, tests in contexts.items()}
            found[Path(file).relative_to(core).as_posix()] = {line: some for line, some in numbers.items() if some}
        return found
