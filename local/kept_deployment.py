"""A local deployment that keeps running after the command that started it: how to reach it and how to stop it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from local.deployment import Deployment, FakeProcess
from local.emulator import HOME, Certificates, DeploymentError, Emulator, RootKeys, start_of, stop_group

RECORD = HOME / "deployment.json"
SHELL_FILE = HOME / "deployment.env"


def leave(console: Console, deployment: Deployment, fake: FakeProcess, folder: Path) -> None:
    """Records the running deployment, leaves it running and prints how to use it."""
    emulator = deployment.emulator
    _write_for_owner(
        RECORD,
        json.dumps(
            {
                "processes": {str(pid): start_of(pid) for pid in (emulator.pid, fake.pid)},
                "folder": str(folder),
                "port": emulator.port,
                "keys": asdict(emulator.keys),
                "outputs": deployment.outputs,
                "control_url": fake.account.control_url,
            },
            indent=2,
        ),
    )
    _write_for_owner(SHELL_FILE, shell_lines(emulator.environment()))
    emulator.leave_running()
    console.print(
        "[bold]The local deployment keeps running.[/] To use it with the AWS CLI, load its settings and keys:"
    )
    console.print(f"  . {shlex.quote(os.path.relpath(SHELL_FILE))}", highlight=False)
    console.print("For example:")
    console.print(f"  aws s3 ls --recursive s3://{deployment.archive_bucket}", highlight=False, soft_wrap=True)
    console.print("To stop it: make down", highlight=False)


def shell_lines(variables: Mapping[str, str]) -> str:
    """The lines with which a shell takes over these variables, whatever is in them."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def find() -> Deployment | None:
    """The deployment that was left running, or None if it has ended. Raises DeploymentError."""
    record = _read()
    if record is None or len(_running(record)) < len(record["processes"]):
        return None
    folder = Path(record["folder"])
    emulator = Emulator(folder, Certificates.load(folder), keys=RootKeys(**record["keys"]))
    emulator.port = record["port"]
    emulator.endpoint = f"https://127.0.0.1:{record['port']}"
    return Deployment(emulator, record["outputs"])


def control_url() -> str:
    """The control URL of the running deployment's provider. Raises DeploymentError when no deployment is running."""
    record = _read()
    if record is None:
        raise DeploymentError("no local deployment is running: start one with `make demo KEEP=1`")
    return str(record["control_url"])


def stop() -> bool:
    """Stops the deployment that was left running; returns whether there was one. Raises DeploymentError.

    A process that has ended is not looked for by its number alone: another program may have that number now.
    """
    record = _read()
    if record is None:
        return False
    for pid in _running(record):
        stop_group(pid)
    shutil.rmtree(Path(record["folder"]) / "tmp", ignore_errors=True)
    RECORD.unlink()
    SHELL_FILE.unlink(missing_ok=True)
    return True


def _write_for_owner(file: Path, text: str) -> None:
    """Writes a file that holds keys: nobody else can read it, not even while it is being written."""
    with suppress(FileNotFoundError):
        file.unlink()  # what somebody else has open, or has linked there, gets nothing
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


def _running(record: Any) -> list[int]:
    """The recorded processes that still run: the number is the same, and so is the time at which they started."""
    return [int(pid) for pid, started in record["processes"].items() if started and start_of(int(pid)) == started]


def _read() -> Any:
    """The record, or None where there is none, or only one of an earlier version, which had no times. Raises
    DeploymentError for one that was not written to its end."""
    try:
        record = json.loads(RECORD.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise DeploymentError(
            f"{RECORD} cannot be read, so what it started is not known: look for its processes with `ps`, stop them, "
            "and delete that file"
        ) from None
    return record if isinstance(record, dict) and "processes" in record else None
