"""`make mutants` on a tiny project: what is noticed and what survives, found by really running its tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.mutants.copies import Worker
from tools.mutants.equivalents import Change
from tools.mutants.executed_lines import ExecutedLines, executed_lines
from tools.mutants.mutations import mutations
from tools.mutants.report import Report
from tools.mutants.runner import changed
from tools.mutants.scope import FUNCTION_CODE, ROOT
from tools.mutants.source_text import Mutation, SourceText
from tools.mutants.trials import Trial, Trials, one_per_file_first

CODE = """LIMIT = 3


def is_small(number):
    return number < LIMIT


def total(numbers):
    found = 0
    while numbers:
        found += numbers.pop()
    return found


def never_tested(a):
    return a + 1
"""
TESTS = """import pytest

from cloud_sync_common.stores.tiny import is_small, total


@pytest.fixture(scope="module")
def numbers():
    return [1, 2]


def test_small(numbers):
    assert is_small(1)
    assert not is_small(3)


def test_total():
    assert total([1, 2]) == 3


def test_wrong():
    assert not is_small(2)
"""
MODULE = "stores/tiny.py"
SMALL, TOTAL, WRONG = (f"tests/unit/test_tiny.py::test_{name}" for name in ("small", "total", "wrong"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one module, three tests of it, of which one fails, and this tool."""
    root = tmp_path_factory.mktemp("project")
    for name, text in (
        ((FUNCTION_CODE / MODULE).as_posix(), CODE),
        ("tests/unit/test_tiny.py", TESTS),
        ("README.md", "Tiny"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = [".", "lambda_layer/python"]\n'),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copytree(
        ROOT / "tools" / "mutants", root / "tools" / "mutants", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def worker(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with Worker(project, tmp_path_factory.mktemp("worker") / "0") as worker:
        yield worker


@pytest.fixture(scope="module")
def lines(project: Path, worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> ExecutedLines:
    kept = tmp_path_factory.mktemp("kept") / "executed.json"
    return executed_lines(project, kept, lambda jobs: ((job["measure"], worker.do(job)) for job in jobs))


@pytest.fixture(scope="module")
def trials(lines: ExecutedLines) -> Trials:
    return Trials({MODULE: SourceText(CODE)}, lines)


def change_to(after: str) -> Mutation:
    """The change that makes a line so."""
    source = SourceText(CODE)
    (found, *_) = (one for one in mutations(MODULE, source) if source.before_and_after(one)[1] == after)
    return found


def test_each_test_is_known_by_the_lines_that_it_executes(lines: ExecutedLines) -> None:
    assert lines.tests_of(MODULE, [5]) == [SMALL]
    assert lines.tests_of(MODULE, [10, 11]) == [TOTAL]
    assert lines.tests_of(MODULE, [16]) == []


def test_a_test_that_fails_without_a_change_proves_nothing_and_is_left_out(lines: ExecutedLines) -> None:
    assert lines.failing == [WRONG]
    assert WRONG not in lines.tests_of(MODULE, range(20))


def test_a_change_that_a_test_notices_is_killed_by_that_test(trials: Trials, worker: Worker) -> None:
    trial = trials.attempt(change_to("return number <= LIMIT"), worker.do)
    assert (trial.end, trial.test, trial.candidates) == ("failed", SMALL, 1)
    assert "assert not True" in trial.why


def test_a_change_that_no_test_notices_survives_them(trials: Trials, worker: Worker) -> None:
    trial = trials.attempt(change_to("LIMIT = 2"), worker.do)
    assert (trial.end, trial.killed, trial.ran, trial.candidates) == ("passed", False, 1, 1)


def test_a_change_in_a_line_that_no_test_executes_survives_without_a_run(trials: Trials) -> None:
    trial = trials.attempt(change_to("return a - 1"), lambda _: pytest.fail("nothing is to be run"))
    assert (trial.killed, trial.candidates) == (False, 0)


def test_a_loop_without_an_end_is_stopped_and_counts_as_noticed(worker: Worker) -> None:
    file = (FUNCTION_CODE / MODULE).as_posix()
    endless = CODE.replace("while numbers:", "while True:").replace("numbers.pop()", "1")
    said = worker.do({"file": file, "text": endless, "tests": {TOTAL: 1.0}, "collect": 60})
    assert (said["end"], said["test"]) == ("timed out", TOTAL)


def test_a_module_that_cannot_be_imported_any_more_is_noticed(worker: Worker) -> None:
    file = (FUNCTION_CODE / MODULE).as_posix()
    said = worker.do({"file": file, "text": f"raise OSError\n{CODE}", "tests": {SMALL: 60.0}, "collect": 60})
    assert (said["end"], said["test"], said["ran"]) == ("failed", "collection", 0)


def test_after_a_change_the_module_is_as_it_was(trials: Trials, worker: Worker) -> None:
    trials.attempt(change_to("return number <= LIMIT"), worker.do)
    assert trials.failing_without_a_change([SMALL, TOTAL], worker.do) == []


def test_a_test_that_fails_without_a_change_is_not_believed(trials: Trials, worker: Worker) -> None:
    assert trials.failing_without_a_change([SMALL, WRONG, TOTAL], worker.do) == [WRONG]


def test_the_repository_itself_is_never_changed(project: Path, trials: Trials, worker: Worker) -> None:
    trials.attempt(change_to("return number <= LIMIT"), worker.do)
    assert (project / FUNCTION_CODE / MODULE).read_text() == CODE


def test_what_was_measured_is_used_until_something_else_than_a_page_changes(project: Path, tmp_path: Path) -> None:
    measured: list[str] = []

    def measure(jobs: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        measured.extend(job["measure"] for job in jobs)
        nothing: dict[str, Any] = {"collect": 0, "shared": {}, "tests": {}, "lines": {}}
        return ((job["measure"], nothing) for job in reversed(jobs))

    root, kept = tmp_path / "root", tmp_path / "kept.json"
    shutil.copytree(project, root)
    (root / "tests/unit/test_other.py").write_text("from tests import double")
    (root / "tests/double.py").write_text("import cloud_sync_common.stores.tiny")

    def measured_after(change: str, text: str) -> list[str]:
        (root / change).write_text(text)
        measured.clear()
        executed_lines(root, kept, measure)
        return sorted(measured)

    both = ["tests/unit/test_other.py", "tests/unit/test_tiny.py"]
    assert measured_after("README.md", "Tiny") == both
    assert measured_after("README.md", "Tiny and small") == []
    assert measured_after("tests/double.py", "from cloud_sync_common.stores import tiny") == [
        "tests/unit/test_other.py"
    ]
    assert measured_after("tests/unit/conftest.py", "x = 1") == both
    assert measured_after((FUNCTION_CODE / MODULE).as_posix(), f"{CODE}\n") == both


def test_the_text_and_the_time_of_a_file_come_back_also_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("x = 1\n")
    before = path.stat().st_mtime_ns
    stopped = changed(path, "x = 2\n")
    stopped.__enter__()
    assert path.stat().st_mtime_ns // 10**9 != before // 10**9  # or else its old compiled form would be used
    assert not stopped.__exit__(OSError, OSError("stop"), None)
    assert (path.read_text(), path.stat().st_mtime_ns) == ("x = 1\n", before)


def measured(own: float, *, count: int, collect: float = 1.0) -> dict[str, Any]:
    tests = {f"t.py::test_{number}": {"own": own, "shared": ["server"], "passed": True} for number in range(count)}
    return {"collect": collect, "shared": {"server": 5.0}, "tests": tests, "lines": {MODULE: {"5": list(range(count))}}}


def tried(own: float) -> tuple[Trial, list[int]]:
    """A change that a hundred tests of so many seconds do not notice, and how many of them were run in each round."""
    rounds: list[int] = []

    def passing(job: dict[str, Any]) -> dict[str, Any]:
        rounds.append(len(job["tests"]))
        return {"end": "passed", "test": "", "why": "", "ran": len(job["tests"])}

    trials = Trials({MODULE: SourceText(CODE)}, ExecutedLines({"t.py": measured(own, count=100)}))
    return trials.attempt(change_to("return number <= LIMIT"), passing), rounds


def test_the_quickest_tests_are_run_first_and_others_only_for_a_while() -> None:
    trial, rounds = tried(10.0)
    assert rounds == [60, 11]  # (120 s - 6 s for the import and the server) / 10 s
    assert (trial.ran, trial.candidates) == (71, 100)


def test_all_quick_tests_are_run_first() -> None:
    assert tried(0.1)[1] == [100]  # 6 s for the import and the server, and 10 s


def test_a_change_in_a_line_that_the_compiler_joined_to_another_is_tried_with_the_tests_of_its_function() -> None:
    code = "def f(x):\n    while True:\n        try:\n            x()\n        except OSError:\n            break\n"
    source = SourceText(code)
    (left_out,) = (one for one in mutations("a.py", source) if source.before_and_after(one) == ("break", "pass"))
    assert source.function_around(left_out) == range(1, 7)
    measured = {"collect": 0.0, "shared": {}, "tests": {"t": {"own": 0.0, "shared": [], "passed": True}}}
    lines = ExecutedLines({"t.py": measured | {"lines": {"a.py": {"4": [0]}}}})
    assert Trials({"a.py": source}, lines).candidates(left_out) == ["t"]


def test_a_test_may_take_ten_times_its_usual_time_and_half_a_minute() -> None:
    lines = ExecutedLines({"t.py": measured(2.0, count=1)})
    assert lines.limits(["t.py::test_0"]) == {"t.py::test_0": 10 * (2.0 + 5.0 + 1.0) + 30}
    assert lines.collect_limit(["t.py::test_0"]) == 40.0


def test_other_files_come_before_more_of_the_same() -> None:
    assert one_per_file_first(["a::1", "a::2", "a::3", "b::1", "b::2"]) == ["a::1", "b::1", "a::2", "b::2", "a::3"]


def report(*trials: Trial, equivalents: dict[Change, str] | None = None) -> Report:
    return Report(trials, equivalents or {}, {MODULE: SourceText(CODE)})


def test_the_score_leaves_equivalent_changes_out() -> None:
    killed, survivor = change_to("return number <= LIMIT"), change_to("LIMIT = 2")
    listed = {Change(MODULE, "", "LIMIT = 3", "LIMIT = 2"): "never asked for"}
    trials = (Trial(killed, "failed", SMALL), Trial(survivor, "passed", ran=1, candidates=1))
    assert (report(*trials).percent, report(*trials).enough) == (50.0, False)
    assert (report(*trials, equivalents=listed).percent, report(*trials, equivalents=listed).enough) == (100.0, True)
    assert "1 of them equivalent" in report(*trials, equivalents=listed).text()


def test_92_of_100_noticed_are_enough_and_less_are_not() -> None:
    killed = Trial(change_to("return number <= LIMIT"), "timed out", TOTAL)
    survivor = Trial(change_to("LIMIT = 2"), "passed")
    assert report(*[killed] * 92, *[survivor] * 8).enough
    assert not report(*[killed] * 91, *[survivor] * 8, survivor).enough


def test_a_change_that_is_listed_as_equivalent_and_noticed_fails_the_run() -> None:
    listed = {Change(MODULE, "is_small", "return number < LIMIT", "return number <= LIMIT"): "said so"}
    wrong = report(Trial(change_to("return number <= LIMIT"), "failed", SMALL), equivalents=listed)
    assert not wrong.enough
    assert f"Listed as equivalent, but noticed by {SMALL}" in wrong.text()


def test_a_survivor_is_shown_with_its_place_the_change_and_the_tests_that_were_run() -> None:
    text = report(Trial(change_to("LIMIT = 2"), "passed", ran=60, candidates=312)).text()
    assert f"{FUNCTION_CODE}/{MODULE}:1  (constant)\n  - LIMIT = 3\n  + LIMIT = 2\n" in text
    assert "60 of the 312 tests that execute it were run" in text
    assert "Score 0.0 %, where 92 % are needed." in text


def test_the_survivors_of_a_run_can_be_tried_again() -> None:
    survivor = Change.of(change_to("LIMIT = 2"), {MODULE: SourceText(CODE)})
    assert Change(**json.loads(json.dumps(vars(survivor)))) == survivor
