"""The roles of the deployed functions: their policies, which a test changes in place, and calls with their permissions.

The emulator enforces a policy from the next call on.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from local.deployment import Deployment

type Statement = dict[str, Any]

# Runs with the role of another function, with only its permissions.
_PROBE = """
import functools
import boto3

client = functools.cache(boto3.client)

def handler(event, context):
    return [result(call) for call in event]

def result(call):
    try:
        getattr(client(call["service"]), call["call"])(**call["arguments"])
    except Exception as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""


class Policy:
    """The one policy of a function's role, as deployed."""

    def __init__(self, deployment: Deployment, function: str) -> None:
        self._iam = deployment.emulator.client("iam")
        role = deployment.emulator.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        self._role = role.rpartition("/")[2]
        (self._name,) = self._iam.list_role_policies(RoleName=self._role)["PolicyNames"]
        found = self._iam.get_role_policy(RoleName=self._role, PolicyName=self._name)["PolicyDocument"]
        self._document = json.loads(found) if isinstance(found, str) else found

    @property
    def statements(self) -> dict[str, Statement]:
        """By their names; that of X-Ray has none."""
        return {statement.get("Sid", ""): statement for statement in self._document["Statement"]}

    @property
    def sids(self) -> list[str]:
        return list(self.statements)

    @contextmanager
    def without(self, sid: str) -> Iterator[None]:
        """Removes this statement from the role while the block runs."""
        with self._having([s for s in self._document["Statement"] if s.get("Sid", "") != sid]):
            yield

    @contextmanager
    def with_instead(self, sid: str, other: Statement) -> Iterator[None]:
        """Replaces this statement while the block runs."""
        with self._having([other if s.get("Sid", "") == sid else s for s in self._document["Statement"]]):
            yield

    @contextmanager
    def _having(self, statements: list[Statement]) -> Iterator[None]:
        assert statements != self._document["Statement"]
        self._put({**self._document, "Statement": statements})
        try:
            yield
        finally:
            self._put(self._document)

    def _put(self, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self._role, PolicyName=self._name, PolicyDocument=json.dumps(document))


def outcome(deployment: Deployment, function: str, event: dict[str, Any]) -> tuple[str, str]:
    """(error, message) of one invocation; both are empty when it succeeded. Each step of a rotation is for a version of
    its own."""
    if "Step" in event:
        event = {**event, "ClientRequestToken": str(uuid.uuid4())}
    answer = deployment.emulator.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    result = json.loads(answer["Payload"].read())
    return (result["errorType"], result["errorMessage"]) if "FunctionError" in answer else ("", "")


def call(service: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A call of AWS, for a probe."""
    return {"service": service, "call": name, "arguments": arguments}


type Probe = Callable[..., list[str]]


@contextmanager
def probing(deployment: Deployment) -> Iterator[Probe]:
    """`probe(function, call, ...)`: what each of these calls results in with that function's role: `allowed`, or the
    code of AWS's error."""
    functions = deployment.emulator.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("handler.py", _PROBE)
    created: set[str] = set()

    def probe(function: str, *calls: dict[str, Any]) -> list[str]:
        name = f"probe-{function}"
        if name not in created:
            config = functions.get_function_configuration(FunctionName=function)
            functions.create_function(
                FunctionName=name,
                Runtime=config["Runtime"],
                Handler="handler.handler",
                Role=config["Role"],
                Code={"ZipFile": archive.getvalue()},
                Layers=[layer["Arn"] for layer in config["Layers"]],
                Timeout=30,
            )
            created.add(name)
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(calls).encode())
        return list(json.loads(answer["Payload"].read()))

    yield probe
    for name in created:
        functions.delete_function(FunctionName=name)
