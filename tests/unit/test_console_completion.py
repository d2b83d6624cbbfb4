"""`cloudsync completion`: what it prints is a script, and a Tab is answered without importing the verbs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from console import main
from console.errors import Exit
from tests.synthesis import ROOT

PATHS = {"PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"}
# As the installed program, with the verbs and heavy packages that were imported on standard error.
PROGRAM = """
import atexit, sys
sys.argv[0] = "cloudsync"
heavy = {"boto3", "botocore", "rich", "requests", "msgspec"}
loaded = lambda: sorted(name for name in sys.modules if name in heavy or name.startswith("console.commands."))
atexit.register(lambda: sys.stderr.write(" ".join(loaded())))
from console.main import command_line
command_line()
"""


def completed(*words: str) -> tuple[list[str], list[str]]:
    """What bash is offered for the last word, and what was imported for it."""
    typed = {"COMP_WORDS": " ".join(["cloudsync", *words]), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**PATHS, **typed, "_CLOUDSYNC_COMPLETE": "bash_complete"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line.partition(",")[2] for line in done.stdout.split()], done.stderr.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_that_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", shell]) == Exit.FINE
    printed = capsys.readouterr()
    assert f"_CLOUDSYNC_COMPLETE={shell}_complete" in printed.out and "cloudsync" in printed.out
    assert printed.err == ""


def test_bash_accepts_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["completion", "bash"])
    script = capsys.readouterr().out
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\ncomplete -p cloudsync"], capture_output=True, text=True, check=True
    )
    assert "_cloudsync_completion cloudsync" in told.stdout


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", "csh"]) == Exit.USAGE
    assert "bash" in capsys.readouterr().err


def test_every_verb_is_offered_and_none_is_imported_for_it() -> None:
    offered, imported = completed("")
    assert set(offered) == set(main.VERBS) and imported == []
    assert completed("re")[0] == [verb for verb in main.VERBS if verb.startswith("re")]


def test_the_options_of_a_verb_are_offered_and_only_this_verb_is_imported() -> None:
    offered, imported = completed("runs", "--")
    assert {"--json", "--environment", "--most"} <= set(offered)
    assert set(imported) <= {"console.commands.options", "console.commands.words", "console.commands.runs", "msgspec"}
    assert "console.commands.runs" in imported
