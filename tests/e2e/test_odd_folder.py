"""The local deployment runs from a clone whose path has spaces, a quote and an accent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.installed import installed
from tests.synthesis import ROOT

INSTALLED = (".venv", "node_modules", ".build", ".local/emulator")


def test_a_function_is_deployed_and_invoked_in_a_folder_with_spaces_a_quote_and_an_accent(tmp_path: Path) -> None:
    """With the real CDK command line, and with what set-up has installed by way of links."""
    installed("node", *(f"{name}/bin/python" for name in (".venv", ".local/emulator/venv", ".local/emulator/runtime")))
    clone = tmp_path / "l'été" / "my videos & more" / "cloud sync"
    (clone / ".local").mkdir(parents=True)
    for name in ("local", "console", "cloud_sync", "lambda_layer", "lambdas", "environments", "events"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "cdk.json", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    for name in INSTALLED:
        (clone / name).symlink_to(ROOT / name)
    command = [str(clone / ".venv" / "bin" / "python"), "-m", "local", "invoke", "MediaAuthenticator"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
    kept["PYTHONPATH"] = f".:{Path('lambda_layer', 'python')}"  # as the Makefile sets it
    done = subprocess.run(
        [*command, "events/auth_event.json"], cwd=clone, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["provider"] == "gopro"
