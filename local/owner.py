"""The local deployment as its owner's command reaches it: the demo shows what `cloudsync` would show."""

from __future__ import annotations

from typing import Any

from console.aws_account import AwsAccount
from console.stack import Stack
from local.deployment import Deployment
from local.emulator import REGION, Emulator


class EmulatedAccount(AwsAccount):
    """The account of an emulator, as its administrator."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(region=REGION)
        self._emulator, self._made = emulator, dict[str, Any]()

    def client(self, service: str) -> Any:
        """A client of that service, made once."""
        if service not in self._made:
            self._made[service] = self._emulator.client(service)
        return self._made[service]


def stack_of(deployment: Deployment) -> Stack:
    """The stack of a deployment, for the operations of the owner's command."""
    return Stack(EmulatedAccount(deployment.emulator), "local", deployment.outputs)
