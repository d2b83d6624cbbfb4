"""The secrets: their versions and their rotation. Only labels and dates are read, never a value."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aws_check.outcome import Check, CheckFailed, NotPartOfThisEnvironment, require
from aws_check.stack import Stack

POLL_SECONDS = 2


def checks(_stack: Stack) -> list[Check]:
    """The secret's versions and its rotation."""
    return [
        Check(
            "the secret's versions",
            "the secret exists, and no rotation is stuck: AWSPENDING is on no version but the current one",
            "read the log of credentials-rotator. Then remove the label: `aws secretsmanager "
            "update-secret-version-stage --secret-id NAME --version-stage AWSPENDING --remove-from-version-id ID`",
            versions_are_in_order,
        ),
        Check(
            "the secret's rotation",
            "Secrets Manager rotates the secret with credentials-rotator",
            "deploy again; the secret must have a rotation schedule",
            rotation_is_on,
        ),
    ]


def rotation_check() -> Check:
    """The check of the option --rotate."""
    return Check(
        "a rotation now",
        "Secrets Manager can invoke credentials-rotator, and a rotation comes to its end",
        "read the log of credentials-rotator, and store new credentials if the provider refused these",
        rotate,
    )


def versions_are_in_order(stack: Stack) -> str:
    """Raises CheckFailed for a stuck rotation."""
    return _of_each(stack, lambda name: _in_order(stack, name))


def _in_order(stack: Stack, name: str) -> str:
    labels = _labels(_described(stack, name))
    current = [version for version, stages in labels.items() if "AWSCURRENT" in stages]
    stuck = [version for version, stages in labels.items() if "AWSPENDING" in stages and version not in current]
    require(not stuck, f"the version {', '.join(stuck)} has AWSPENDING and is not the current one")
    if not current:
        return "nothing is stored yet: `cloudsync connect` stores credentials"
    return f"{len(labels)} with labels, one of them current"


def rotation_is_on(stack: Stack) -> str:
    """Raises CheckFailed unless each secret rotates with the stack's function; NotPartOfThisEnvironment."""
    _require_a_schedule(stack)
    return _of_each(stack, lambda name: _rotates(stack, name))


def _rotates(stack: Stack, name: str) -> str:
    secret = _described(stack, name)
    require(secret.get("RotationEnabled"), "the rotation is switched off")
    function = secret.get("RotationLambdaARN", "").rpartition(":")[2]
    expected = "credentials-rotator"
    require(stack.base_name(function) == expected, f"the secret rotates with {function or 'nothing'}, not {expected}")
    last, following = secret.get("LastRotatedDate"), secret.get("NextRotationDate")
    return f"last rotated: {_day(last) or 'never'}; next: {_day(following) or 'not planned'}"


def rotate(stack: Stack) -> str:
    """Starts a rotation of each secret and awaits its end. Raises CheckFailed, NotPartOfThisEnvironment."""
    _require_a_schedule(stack)
    return _of_each(stack, lambda name: _rotate(stack, name))


def _rotate(stack: Stack, name: str) -> str:
    client = stack.client("secretsmanager")
    before = _described(stack, name)
    require("AWSCURRENT" in str(_labels(before)), "nothing is stored yet, so there is nothing to rotate")
    client.rotate_secret(SecretId=name)
    deadline = time.monotonic() + stack.rotation_seconds
    while time.monotonic() < deadline:
        now = _described(stack, name)
        if now.get("LastRotatedDate") != before.get("LastRotatedDate"):
            return f"rotated at {now['LastRotatedDate']:%H:%M:%S}; {_in_order(stack, name)}"
        time.sleep(POLL_SECONDS)  # polling interval of the condition above
    raise CheckFailed(f"the rotation has not ended after {stack.rotation_seconds:.0f} s")


def _require_a_schedule(stack: Stack) -> None:
    if not stack.of_kind("AWS::SecretsManager::RotationSchedule"):
        raise NotPartOfThisEnvironment("rotate_credentials_every_days is none")


def _of_each(stack: Stack, check: Callable[[str], str]) -> str:
    """What the check says of each secret, under its name where there are several."""
    found = {name: check(name) for name in stack.secrets}
    return "; ".join(detail if len(found) == 1 else f"{name}: {detail}" for name, detail in found.items())


def _described(stack: Stack, name: str) -> dict[str, Any]:
    described: dict[str, Any] = stack.client("secretsmanager").describe_secret(SecretId=name)
    return described


def _labels(secret: dict[str, Any]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = secret.get("VersionIdsToStages", {})
    return {version: stages for version, stages in versions.items() if stages}


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else ""
