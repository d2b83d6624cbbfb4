"""What `make mutants` changes, with which tests, and what it demands."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_CODE = Path("lambda_layer", "python", "cloud_sync_common")

# Where a mistake loses a video, doubles one, stops a run or costs money. Everything in a folder counts.
CORE = (
    "camera_names.py",
    "file_services",
    "filters.py",
    "http",
    "provider_access",
    "providers",
    "retry_utils.py",
    "runtime",
    "source_identity.py",
    "steps",
    "stores",
    "transfer",
)  # fmt: skip

TESTS = ("tests/unit", "tests/integration")
# These take minutes, and run the code in processes of their own or not at all.
LEFT_OUT = (
    "tests/integration/test_crash.py",
    "tests/integration/test_definition_interpreted.py",
    "tests/integration/test_deploying_needs_only.py",
    "tests/integration/test_faults_not_survived.py",
    "tests/integration/test_interpreter_gaps.py",
    "tests/integration/test_races.py",
    "tests/integration/test_sam_resolution.py",
    "tests/integration/test_scale.py",
    "tests/integration/test_scanners.py",
    "tests/integration/test_synth_offline.py",
)

# Compare constants with what is written elsewhere, so that no line of a function that uses them has to be executed.
OF_CONSTANTS = ("tests/unit/test_bounds.py", "tests/unit/test_worst_night.py")

LEAST_PERCENT = 92.0  # of the changes that are not equivalent, so many must be noticed
QUICKEST = 60  # tests that are run at first for each change,
QUICKEST_SECONDS = 20.0  # and more of them, as many as usually take that long together
MORE_SECONDS = 120.0  # then others of the line, as many as usually take that long together


def core_modules(root: Path = ROOT, only: str = "") -> list[str]:
    """The core modules as paths from the function code's folder, or those of them whose path contains `only`."""
    folder = root / FUNCTION_CODE
    files = [
        path for name in CORE for path in ([folder / name] if name.endswith(".py") else (folder / name).rglob("*.py"))
    ]
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    wanted = only.removeprefix(f"{FUNCTION_CODE.as_posix()}/")
    return [name for name in names if wanted in name]


def files_of_tests(root: Path) -> list[str]:
    """The files of the tests that take part, as paths from the repository's root: those that import function code,
    also by way of other modules of the tests."""
    found = [path.relative_to(root) for folder in TESTS for path in (root / folder).rglob("test_*.py")]
    wanted = sorted(path for path in found if path.as_posix() not in LEFT_OUT)
    return [
        path.as_posix()
        for path in wanted
        if path.as_posix() in OF_CONSTANTS or any(_is_function_code(one) for one in imports(root, [path]))
    ]


def _is_function_code(path: Path) -> bool:
    return path.is_relative_to(FUNCTION_CODE) or path.is_relative_to("lambdas")


def imports(root: Path, files: Iterable[Path]) -> set[Path]:
    """These files and all modules of the repository that they import, as paths from its root."""
    seen = set(files)
    waiting = [*seen]
    while waiting:
        new = _modules(root, (root / waiting.pop()).read_text(encoding="utf-8")) - seen
        seen |= new
        waiting += new
    return seen


@cache
def _modules(root: Path, code: str) -> set[Path]:
    """The modules of the repository that this code imports."""
    places = [
        folder.joinpath(*name.split(".")) for name in _imported(code) for folder in (Path(), FUNCTION_CODE.parent)
    ]
    candidates = {one for place in places for one in (place.with_suffix(".py"), place / "__init__.py")}
    return {one for one in candidates if (root / one).is_file()}


def _imported(code: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                found |= {one.name for one in names}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module, *(f"{module}.{one.name}" for one in names)}
    return found
