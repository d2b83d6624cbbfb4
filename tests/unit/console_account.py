"""An AWS account for the unit tests of the console: each operation is answered by a script, without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from console.aws_account import AwsAccount
from console.stack import Stack

OUTPUTS = {
    "StateMachineArn": "arn:aws:states:eu-west-1:000000000000:stateMachine:gopro-sync-orchestrator",
    "CredentialsSecret": "gopro/credentials",
    "GoogleDriveCredentialsSecret": "google-drive/credentials",
}


SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "words that may change"}}, operation)


def answered(code: str, message: str = "", **more: Any) -> ClientError:
    """A refusal of S3's, with whatever else is in its answer."""
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, "GetObject")  # type: ignore[typeddict-item]


class ScriptedClient:
    """Answers operations by name (`describe_stacks`), and records what it was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = dict(answers), list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.asked.append((operation, arguments))
            answer = self.answers[operation]
            answer = answer(**arguments) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        client = self

        class Pages:
            def paginate(self, **arguments: Any) -> list[Any]:
                pages: list[Any] = getattr(client, f"{operation}_pages")(**arguments)
                return pages

        return Pages()


class ScriptedAccount(AwsAccount):
    """An account whose clients are scripted, by service."""

    def __init__(self, **services: Mapping[str, Any]) -> None:
        super().__init__(region="eu-west-1")
        self.services = {name: ScriptedClient(answers) for name, answers in services.items()}

    @property
    def region(self) -> str:
        return "eu-west-1"

    def client(self, service: str) -> Any:
        return self.services[service]


def stack_of(**services: Mapping[str, Any]) -> Stack:
    """A stack of two providers whose services answer as scripted."""
    return Stack(ScriptedAccount(**services), "dev", OUTPUTS)
