"""A deployment that is left running keeps the files that it needs."""

from __future__ import annotations

from pathlib import Path

from local.emulator import Certificates, Emulator


def test_an_emulator_that_is_left_running_keeps_the_folder_in_which_functions_start(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    emulator = Emulator(tmp_path, Certificates(tmp_path))
    emulator.leave_running()
    emulator.stop()
    assert scratch.is_dir()
