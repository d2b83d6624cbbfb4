"""The folder of the clone, the interpreter and the videos may have spaces, quotes and accents in their paths."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.emulator import app_command
from local.kept_deployment import shell_lines
from tests.cdk_command_line import CdkCommandLine
from tests.installed import installed
from tests.synthesis import NOBODY_IS_TOLD, PINNED, ROOT

ODD = ["my videos", "it's mine", 'the "best"', "vidéos d'été", "雪 & $HOME; `id`", " -x (1) [2] {3}"]

RECORDER = """#!/bin/sh
# Stands for python: writes down its arguments, one a line.
printf '%s\\n' "$@" >> "$CALLS"
"""


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / str(request.param)
    folder.mkdir()
    return folder


def programs(folder: Path, *names: str) -> Path:
    """A folder of programs that write down how they were called."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(RECORDER)
        (folder / name).chmod(0o755)
    return folder


def test_the_cdk_runs_the_app_with_an_interpreter_in_any_folder(
    cdk: CdkCommandLine, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real command line; the interpreter writes down how it was called, and answers with an empty assembly."""
    python = odd / "python"
    python.write_text(
        '#!/bin/sh\necho "$0 $*" > "$CDK_OUTDIR/call"\n'
        """echo '{"version": "36.0.0", "artifacts": {}}' > "$CDK_OUTDIR/manifest.json"\n"""
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    done = cdk.run("synth", "--quiet", f"--app={app_command()}", f"--output={odd / 'cdk.out'}")
    assert (odd / "cdk.out" / "call").read_text() == f"{python} app.py\n", done.stderr


def test_the_project_is_synthesised_in_a_folder_with_a_space_a_quote_and_an_accent(
    cdk: CdkCommandLine, tmp_path: Path
) -> None:
    """With the `python3 app.py` of cdk.json, as `cdk deploy` and `make adopt` run it."""
    clone = tmp_path / "l'été de mes vidéos"
    clone.mkdir()
    for name in ("cloud_sync", "lambda_layer", "lambdas", "environments", "app.py", "cdk.json"):
        (clone / name).symlink_to(ROOT / name)
    given = PINNED | NOBODY_IS_TOLD | {"environment": "dev"}
    context = [f"--context={key}={value}" for key, value in given.items()]
    line = [*cdk.without_network, "cdk", "synth", "--quiet", f"--output={clone / 'cdk.out'}", *context]
    done = subprocess.run(line, cwd=clone, env=cdk.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = ["cdk", "list", f"--app={clone / 'cdk.out'}"]  # as `make adopt` gives an assembly to `cdk import`
    done = subprocess.run(listed, cwd=clone, env=cdk.environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["CloudSync-dev"], done.stderr


def test_make_hands_a_folder_of_videos_and_an_event_on_as_they_are(odd: Path) -> None:
    installed("make")
    clone = odd / "clone"
    python = programs(clone / ".venv" / "bin", "python") / "python"
    shutil.copy(ROOT / "Makefile", clone)
    (clone / "setup.sh").symlink_to(python)
    videos = str(odd).replace("$", "$$")  # make's own way to write a dollar
    environment = {"PATH": "/usr/bin:/bin", "CALLS": str(odd / "calls")}

    def make(*words: str) -> list[str]:
        (odd / "calls").write_text("")
        subprocess.run(["make", *words], cwd=clone, env=environment, check=True, capture_output=True)
        return (odd / "calls").read_text().split("\n")

    assert str(odd) in make("demo", f"VIDEOS={videos}")
    called = make("invoke", "FUNCTION=MediaLister", f"EVENT={videos}/event.json")
    assert called[-5:-1] == ["local", "invoke", "MediaLister", f"{odd}/event.json"]


def set_up(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    for name in ("setup.sh", "requirements.txt", "package.json"):
        shutil.copy(ROOT / name, clone)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(clone), "CALLS": str(clone / "calls"), **variables}
    line = ["./setup.sh", "deploy"]
    return subprocess.run(line, cwd=clone, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["my python", "it's python", "Péter's [3.13] python"])
def test_set_up_uses_the_python_that_is_named_whatever_its_path(tmp_path: Path, name: str) -> None:
    python = programs(tmp_path / name, "python") / "python"
    set_up(tmp_path, CLOUD_SYNC_PYTHON=str(python))
    assert "venv\n--clear\n.venv\n" in (tmp_path / "calls").read_text()


def test_set_up_takes_no_other_python_than_the_one_that_is_named(tmp_path: Path) -> None:
    done = set_up(tmp_path, CLOUD_SYNC_PYTHON="/no/such python")
    assert done.returncode == 1
    assert "CLOUD_SYNC_PYTHON=/no/such python is no Python 3.12 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("name", ['the "best" one', "a `b", "cash in $"])
def test_set_up_refuses_a_path_in_which_the_programs_of_pip_do_not_start(tmp_path: Path, name: str) -> None:
    clone = tmp_path / name
    python = programs(clone / "programs", "python") / "python"
    done = set_up(clone, CLOUD_SYNC_PYTHON=str(python))
    assert done.returncode == 1
    assert "this folder's path has a space and one of" in done.stderr
    assert "Move the folder" in done.stderr


def test_the_file_for_the_shell_has_values_with_spaces_and_quotes(odd: Path) -> None:
    (odd / "deployment.env").write_text(shell_lines({"AWS_CA_BUNDLE": f"{odd}/ca.pem"}))
    line = ["sh", "-c", '. ./deployment.env; printf %s "$AWS_CA_BUNDLE"']
    assert subprocess.run(line, cwd=odd, capture_output=True, check=True).stdout.decode() == f"{odd}/ca.pem"
