"""`cloudsync` as a program, against AWS on loopback. Only how it finds the stack is given to it: moto has no stacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.aws_on_loopback import Aws
from tests.ledger_table import TABLE
from tests.synthesis import ROOT
from tests.terminal import Terminal

SECRETS = {
    "gopro": ("CredentialsSecret", "gopro/credentials"),
    "google_drive": ("GoogleDriveCredentialsSecret", "google-drive/credentials"),
    "dropbox": ("DropboxCredentialsSecret", "dropbox/credentials"),
}
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:gopro-sync-orchestrator"
_PROGRAM = """\
import json, os
from console import main
from console.stack import Stack
def find(account, environment):
    return Stack(account, environment, json.loads(os.environ["OUTPUTS"]))
Stack.find = find
main.command_line()
"""


@dataclass
class Owner:
    """The owner of a stack with all three providers, at their machine. `started` are the inputs of the runs that were
    started. `variables` are set beside those of AWS."""

    aws: Aws
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] = tuple(SECRETS)
    started: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for provider in ("google_drive", "dropbox"):
            self.aws.secrets.create_secret(Name=SECRETS[provider][1])
        self.aws.server.instead["states.StartExecution"] = self._start

    def _start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self.started.append(json.loads(asked["input"]))
        return {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:run-1", "startDate": 1.8e9}

    @property
    def environment(self) -> dict[str, str]:
        outputs = {
            "StateMachineArn": MACHINE,
            "LedgerTable": TABLE,
            **dict(SECRETS[provider] for provider in self.providers),
        }
        return {
            **self.aws.server.variables,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TERM": "xterm",
            "OUTPUTS": json.dumps(outputs),
            **self.variables,
        }

    @staticmethod
    def words(*arguments: str) -> list[str]:
        """The program with these arguments, for those who start it themselves."""
        return [sys.executable, "-c", _PROGRAM, *arguments]

    @contextmanager
    def at_terminal(self, *arguments: str) -> Iterator[Terminal]:
        """`cloudsync ARGUMENTS` in a terminal."""
        with Terminal.running([sys.executable, "-c", _PROGRAM, *arguments], self.environment, str(self.home)) as found:
            yield found

    def piped(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """`cloudsync ARGUMENTS` without a terminal."""
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            env=self.environment,
            cwd=self.home,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def stored(self, provider: str) -> dict[str, Any]:
        """The current value of a secret."""
        value: dict[str, Any] = json.loads(
            self.aws.secrets.get_secret_value(SecretId=SECRETS[provider][1])["SecretString"]
        )
        return value

    def store(self, provider: str, value: Mapping[str, Any]) -> str:
        """Stores a value by hand; returns its version."""
        stored = self.aws.secrets.put_secret_value(SecretId=SECRETS[provider][1], SecretString=json.dumps(value))
        return str(stored["VersionId"])

    def has_stored(self, provider: str) -> bool:
        """Whether anything was ever stored in a secret."""
        return bool(self.aws.secrets.describe_secret(SecretId=SECRETS[provider][1]).get("VersionIdsToStages"))

    def files(self) -> str:
        """Everything that the program has left in the owner's home."""
        return "\n".join(path.read_text(errors="replace") for path in self.home.rglob("*") if path.is_file())
