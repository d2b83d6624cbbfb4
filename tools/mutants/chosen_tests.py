"""A plugin of pytest's that runs the chosen tests in the chosen order and says through a pipe what happens."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pytest


class ChosenTests:
    """Tests are chosen by id after the collection, so that one that a change made disappear is no failure."""

    def __init__(self, tests: Sequence[str], pipe: int) -> None:
        self._place = {test: place for place, test in enumerate(tests)}
        self._pipe = pipe

    def _say(self, what: str, test: str, why: str = "") -> None:
        os.write(self._pipe, json.dumps({"is": what, "test": test, "why": why[:300]}).encode() + b"\n")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leaves the chosen tests; after every other plugin, and whatever order fixtures would prefer."""
        chosen = [item for item in session.items if item.nodeid in self._place]
        session.items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Says that a test begins: its time counts from now on."""
        self._say("start", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Says that a test failed."""
        if report.failed:
            self._say("failure", report.nodeid, _why(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Says that a file of tests could not be imported."""
        if report.failed:
            self._say("failure", "collection", _why(report))


def _why(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
