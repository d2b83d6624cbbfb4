"""The rules for the code, checked on every file; and each rule checked on code that breaks it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.code_rules import (
    MOST_LINES_OF_A_FILE,
    MOST_LINES_OF_A_FUNCTION,
    commands,
    environment_reads,
    function_lengths,
    make_words,
    odd_names,
    targets,
    traces_of_a_machine,
    unpinned,
    without_docstring,
    words_used,
)

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_CODE = ROOT / "lambda_layer" / "python" / "cloud_sync_common"
SETTINGS = FUNCTION_CODE / "runtime" / "settings.py"
PROVIDER_WORDS = ("gopro", "google", "dropbox")


def python_files(*folders: Path) -> list[Path]:
    found = sorted(path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    assert found
    return found


def production() -> list[Path]:
    folders = (
        "aws_check", "cloud_sync", "console", "lambdas", "lambda_layer/python", "local", "benchmarks", "costs", "tools"
    )  # fmt: skip
    return [ROOT / "app.py", *python_files(*(ROOT / folder for folder in folders))]


def repository() -> list[Path]:
    """Every file that is in git or is not ignored."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(files) > 80
    return files


def broken(rule: Callable[[str], list[str]], files: list[Path]) -> list[str]:
    """The violations of a rule, each as `file:line: what`."""
    texts = ((path.relative_to(ROOT), path.read_text(encoding="utf-8", errors="replace")) for path in files)
    return [f"{path}:{place}" for path, text in texts for place in rule(text)]


def test_function_code_names_no_provider_outside_providers() -> None:
    outside = [path for path in python_files(FUNCTION_CODE) if "providers" not in path.relative_to(FUNCTION_CODE).parts]
    assert broken(lambda text: words_used(text, PROVIDER_WORDS), outside) == []


def test_the_name_of_a_provider_is_detected_in_any_spelling() -> None:
    assert words_used("one\nasks GoPro's API", PROVIDER_WORDS) == ["2: asks GoPro's API"]
    assert words_used("from x import google_drive\n", PROVIDER_WORDS) == ["1: from x import google_drive"]
    assert words_used("a provider", PROVIDER_WORDS) == []


def test_no_code_checks_whether_it_runs_locally() -> None:
    assert broken(lambda text: words_used(text, ["is_local", "islocal", "running_locally"]), production()) == []


def test_only_settings_reads_the_environment() -> None:
    inside = [path for path in python_files(FUNCTION_CODE, ROOT / "lambdas") if path != SETTINGS]
    assert broken(environment_reads, inside) == []
    assert environment_reads(SETTINGS.read_text()) != []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nx = os.environ['X']",
        "import os\nx = os.getenv('X')",
        "import os as o\nx = o.environ.get('X')",
        "from os import environ",
        "from os import getenv as read",
        "from os import *",
    ],
)
def test_every_way_to_read_the_environment_is_detected(code: str) -> None:
    assert len(environment_reads(code)) == 1


def test_each_folder_of_tests_is_a_package_so_that_files_may_share_a_name() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_each_function_is_a_folder_with_only_its_handler() -> None:
    folders = {path for path in (ROOT / "lambdas").iterdir() if path.name not in ("__pycache__", "__init__.py")}
    files = {folder.name: sorted(p.name for p in folder.iterdir() if p.name != "__pycache__") for folder in folders}
    names = (
        "archive_reconciler",
        "archive_thawer",
        "catalogue_writer",
        "credentials_rotator",
        "failure_recorder",
        "frame_maker",
        "media_authenticator",
        "media_lister",
        "restore_prover",
        "run_report",
        "video_downloader",
    )
    assert files == {name: ["handler.py"] for name in names}


def test_no_module_has_a_vague_name() -> None:
    assert odd_names(path.relative_to(ROOT) for path in repository() if path.suffix == ".py") == []


@pytest.mark.parametrize("name", ["s3_utils.py", "helpers.py", "test_helper.py", "sync_manager.py", "utils.py"])
def test_a_vague_module_name_is_detected(name: str) -> None:
    assert odd_names([Path(name), Path("retry_utils.py"), Path("ledger.py")]) == [name]


def test_no_production_file_reaches_400_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in production()}
    assert {path: length for path, length in lengths.items() if length >= MOST_LINES_OF_A_FILE} == {}


def test_nine_functions_in_ten_are_shorter_than_35_lines() -> None:
    functions = [(length, name, path) for path in production() for name, length in function_lengths(path.read_text())]
    assert len(functions) > 300
    long = sorted((f for f in functions if f[0] >= MOST_LINES_OF_A_FUNCTION), reverse=True)
    assert len(long) <= len(functions) / 10, long


def test_a_functions_length_leaves_its_docstring_out() -> None:
    code = 'class A:\n    def f(self):\n        """One.\n\n        Two.\n        """\n        return [\n        ]\n'
    assert list(function_lengths(code)) == [("f", 3)]


def test_public_classes_and_functions_have_docstrings() -> None:
    documented = [path for path in production() if "lambdas" not in path.parts]
    assert broken(without_docstring, documented) == []


def test_a_missing_docstring_is_detected() -> None:
    body = "\n".join(f"        x = {n}" for n in range(11))
    code = f"class Ledger:\n    a = 1\n    def read(self):\n{body}\n    def _own(self):\n{body}\n"
    assert without_docstring(code) == ["module", "1: Ledger", "3: read"]
    assert without_docstring(f'"""M."""\n\nasync def fetch():\n{body}\n'.replace("        ", "    ")) == ["3: fetch"]


def test_no_file_names_a_particular_machine() -> None:
    assert broken(traces_of_a_machine, repository()) == []


@pytest.mark.parametrize(
    "line",
    [
        "https://files." + "pythonhosted.org/packages/x.whl",
        "--index-url https://" + "pypi" + ".org/simple",
        '"resolved": "https://registry.' + 'npmjs.org/aws-cdk"',
        "deb http://deb." + "debian.org/debian",
        'HOME = "/' + 'root/.cache"',
        "cp /home/" + "anna/video.mp4 .",
    ],
)
def test_the_name_of_a_machine_is_detected(line: str) -> None:
    assert traces_of_a_machine(f"fine\n{line}\n") == [f"2: {line}"]


@pytest.mark.parametrize(
    "line", ["arn:aws:iam::1:root", "the folder src" + "/root" + "/x", "~/Movies", "https://" + "pypi" + ".org/project"]
)
def test_names_that_every_machine_has_are_allowed(line: str) -> None:
    assert traces_of_a_machine(line) == []


def test_every_requirement_is_pinned_to_one_version() -> None:
    files = [path for path in repository() if "requirements" in path.name and path.suffix == ".in"]
    names = {str(path.relative_to(ROOT)) for path in files}
    assert names >= {"requirements.in", "requirements-dev.in", "lambda_layer/requirements.in"}
    assert broken(unpinned, files) == []


@pytest.mark.parametrize("line", ["boto3", "boto3>=1.44", "boto3==1.44.*", "boto3~=1.44", "boto3 @ https://x", "-e ."])
def test_an_unpinned_version_is_detected(line: str) -> None:
    assert unpinned(f"# wheels\nsix==1.17.0  # theirs\n-r requirements.txt\nmoto[s3,sqs]==5.2.5\n{line}\n") == [line]


def test_every_package_of_npm_is_pinned_to_one_version_also_those_that_another_needs() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    direct = package["dependencies"] | package["devDependencies"]
    assert list(direct) == ["aws-cdk", "asl-validator", "axe-core"]
    assert [name for name, version in direct.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = json.loads((ROOT / "node_modules/.package-lock.json").read_text())["packages"]
    versions = [{place: one["version"] for place, one in packages.items() if place and not one.get("optional")}
                for packages in (installed, locked)]  # fmt: skip  # one of the CDK's, on macOS, is optional
    assert versions[0] == versions[1]


def makefile() -> dict[str, str]:
    return targets((ROOT / "Makefile").read_text())


def test_every_make_target_has_a_description_and_is_phony() -> None:
    (phony,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert [word for word, says in makefile().items() if len(says.split()) < 3] == []
    assert set(phony.removeprefix(".PHONY:").split()) == set(makefile())


def test_every_make_target_that_a_page_names_exists() -> None:
    pages = [path for path in repository() if path.suffix == ".md"]
    named = {str(path.relative_to(ROOT)): make_words(path.read_text()) for path in pages}
    assert {path: words - set(makefile()) for path, words in named.items() if words - set(makefile())} == {}


def test_the_readme_shows_the_demo_and_the_tests_as_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {"demo", "test"} <= make_words(readme)
    assert commands(readme)


def test_make_targets_are_read_from_commands_and_inline_code_only() -> None:
    block = "cd x && make demo VIDEOS=~/Movies  # make it\nmake unit integration\n"
    page = f"make sense\n```bash\n{block}```\n```\nmake no\n```\nor `A=1 make down B=2`\n"
    assert make_words(page) == {"demo", "unit", "integration", "down"}
    assert targets("SHELL := /bin/sh\nA = 1\ndemo: setup ## show it\nunit:\n\techo\n") == {
        "demo": "show it",
        "unit": "",
    }
