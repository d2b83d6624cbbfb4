"""Nothing is left behind, neither by this run nor by an earlier one that was killed."""

from __future__ import annotations

from typing import Any

from aws_check.inbox import queues, subscriptions
from aws_check.outcome import Check, require
from aws_check.own_objects import uploads, versions
from aws_check.stack import OWN_NAME, Stack


def check() -> Check:
    """The last line of the report."""
    return Check(
        "nothing is left behind",
        f"nothing named {OWN_NAME} remains: no object, version, upload, queue or subscription",
        "if no other run of the checks is under way, remove what is listed",
        nothing_is_left,
    )


def nothing_is_left(stack: Stack) -> str:
    """Raises CheckFailed with the names of what remains."""
    left = [
        *(f"the version {version} of {key}" for key, version in versions(stack, f"{OWN_NAME}/")),
        *(f"an upload of {key}" for key, _ in uploads(stack, f"{OWN_NAME}/")),
        *(f"the queue {name}" for url in queues(stack, OWN_NAME) if _remains(stack, name := url.rpartition("/")[2])),
        *(f"the subscription of {name}" for s in subscriptions(stack) if _remains(stack, name := _queue(s))),
    ]
    require(not left, f"there is {', '.join(left)}")
    return "nothing"


def _queue(subscription: dict[str, Any]) -> str:
    return str(subscription["Endpoint"]).rpartition(":")[2]


def _remains(stack: Stack, queue: str) -> bool:
    return queue.startswith(OWN_NAME) and queue not in stack.removed_queues
