"""A village that outlives the command that started it: how to reach it, and how to end it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from local.emulator import HOME, Certificates, Emulator, VillageError, stop_group
from local.village import FakeProcess, Village

RECORD = HOME / "village.json"
SHELL_FILE = HOME / "village.env"


def leave(console: Console, town: Village, fake: FakeProcess, folder: Path) -> None:
    """Records the running village, lets go of it, and says how to use it."""
    emulator = town.emulator
    RECORD.write_text(
        json.dumps(
            {
                "pids": [emulator.pid, fake.pid],
                "folder": str(folder),
                "port": emulator.port,
                "outputs": town.outputs,
                "control_url": fake.account.control_url,
            },
            indent=2,
        )
    )
    SHELL_FILE.write_text("".join(f"export {name}='{value}'\n" for name, value in emulator.environment().items()))
    emulator.leave_running()
    console.print("[bold]Kept running.[/] To use it with the AWS CLI:")
    console.print(f"  . {os.path.relpath(SHELL_FILE)}", highlight=False)
    for name, value in emulator.environment().items():
        console.print(f"  {name}={value}", highlight=False, soft_wrap=True)
    console.print(f"  aws s3 ls --recursive s3://{town.archive_bucket}", highlight=False, soft_wrap=True)
    console.print("To stop it: make down", highlight=False)


def find() -> Village | None:
    """The village that was left running, if it still is."""
    record = _read()
    if record is None or not all(Path(f"/proc/{pid}").exists() or _answers(pid) for pid in record["pids"]):
        return None
    folder = Path(record["folder"])
    emulator = Emulator(folder, Certificates.found_in(folder))
    emulator.port = record["port"]
    emulator.endpoint = f"https://127.0.0.1:{record['port']}"
    return Village(emulator, record["outputs"])


def control_url() -> str:
    """Where the kept village's provider is controlled. Raises VillageError when none was kept."""
    record = _read()
    if record is None:
        raise VillageError("no village is running: start one with `make demo KEEP=1`")
    return str(record["control_url"])


def stop() -> bool:
    """Ends the village that was left running; whether there was one."""
    record = _read()
    if record is None:
        return False
    for pid in record["pids"]:
        stop_group(pid)
    shutil.rmtree(Path(record["folder"]) / "tmp", ignore_errors=True)
    RECORD.unlink()
    SHELL_FILE.unlink(missing_ok=True)
    return True


def _read() -> Any:
    try:
        return json.loads(RECORD.read_text())
    except FileNotFoundError:
        return None


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
