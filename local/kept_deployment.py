"""A local deployment that keeps running after the command that started it: how to reach it and how to stop it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from cloud_sync.providers import PROVIDERS
from local.deployment import Deployment, FakeProcess
from local.emulator import HOME, ROOT, Certificates, DeploymentError, Emulator, RootKeys, start_of, stop_group
from local.fake_accounts import Account

RECORD = HOME / "deployment.json"
SHELL_FILE = HOME / "deployment.env"


def leave(console: Console, deployment: Deployment, fakes: Sequence[FakeProcess], folder: Path) -> None:
    """Records the running deployment and its fake providers, leaves them running and prints how to use them."""
    emulator = deployment.emulator
    pids = (emulator.pid, *(fake.pid for fake in fakes))
    _write_for_owner(
        RECORD,
        json.dumps(
            {
                "processes": {str(pid): start_of(pid) for pid in pids},
                "folder": str(folder),
                "port": emulator.port,
                "keys": asdict(emulator.keys),
                "outputs": deployment.outputs,
                "control_urls": {fake.account.provider: fake.account.control_url for fake in fakes},
            },
            indent=2,
        ),
    )
    _write_for_owner(SHELL_FILE, _shell_file(_of_the_owner(emulator, [fake.account for fake in fakes])))
    emulator.leave_running()
    _print_use(console, deployment, [fake.account for fake in fakes])


def _of_the_owner(emulator: Emulator, accounts: Sequence[Account]) -> dict[str, str]:
    """The variables with which the AWS CLI and `cloudsync` use the deployment and its fake providers."""
    trusted = emulator.folder / "trusted.pem"  # beside the system's own authorities: other programs read it as well
    system = ssl.get_default_verify_paths().cafile
    authorities = [Path(system).read_bytes()] if system else []
    trusted.write_bytes(b"\n".join([*authorities, emulator.certificates.ca_bundle.read_bytes()]))
    providers = {name: url for account in accounts for name, url in account.for_the_owner().items()}
    own = {"CLOUD_SYNC_ENVIRONMENT": "local", "SSL_CERT_FILE": str(trusted)}
    return {**emulator.environment(), **own, **providers}


def _print_use(console: Console, deployment: Deployment, accounts: Sequence[Account]) -> None:
    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    say("[bold]The local deployment keeps running.[/] In another terminal, load its settings and keys:")
    say(f"  . {shlex.quote(str(SHELL_FILE))}")
    say("Then use it as an owner does. What is there, what is not and why, and another run of all clouds:")
    say("  cloudsync status")
    say("  cloudsync failures")
    say("  cloudsync run --follow")
    say("Or look at all of it in a browser, until Ctrl-C:")
    say("  cloudsync web")
    say("To connect an account (or google-drive, or dropbox):")
    say("  cloudsync connect gopro")
    say("A run by the AWS CLI, of one cloud (gopro, google_drive or dropbox) or of all:")
    say(
        f"  aws stepfunctions start-execution --state-machine-arn {deployment.state_machine_arn} "
        """--input '{"provider": "all"}'"""
    )
    authority = shlex.quote(str(deployment.emulator.certificates.ca_bundle))
    for account in accounts:
        provider = PROVIDERS[account.provider]
        say(f"{provider.title}: its archive, its credentials, and the faults that its fake can play:")
        say(f"  aws s3 ls --recursive s3://{deployment.archive_bucket}/{provider.prefix}")
        say(f"  aws secretsmanager get-secret-value --secret-id {deployment.secrets_of[provider.id]}")
        say(f"  curl --cacert {authority} {account.control_url}/menu")
    say("To compare clouds, ledger and archive: make audit. To stop everything: make down")


def _shell_file(variables: Mapping[str, str]) -> str:
    """The lines that set these variables, and let the shell find `cloudsync` of this clone where there is no other."""
    programs = shlex.quote(str(ROOT / ".venv" / "bin"))
    return f'{shell_lines(variables)}export PATH="$PATH":{programs}\n'


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


def control_urls() -> dict[str, str]:
    """The control URL of each of the running deployment's providers. Raises DeploymentError when none is running."""
    record = _read()
    if record is None:
        raise DeploymentError("no local deployment is running: start one with `make demo KEEP=1`")
    # An earlier version had one provider.
    return dict(record.get("control_urls") or {"gopro": record["control_url"]})


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
