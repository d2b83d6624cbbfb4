"""Nothing is left behind, neither by this run nor by an earlier one that was killed."""

from __future__ import annotations

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
        *(f"the queue {url.rpartition('/')[2]}" for url in queues(stack, OWN_NAME)),
        *(f"the subscription {s['SubscriptionArn']}" for s in subscriptions(stack) if OWN_NAME in s["Endpoint"]),
    ]
    require(not left, f"there is {', '.join(left)}")
    return "nothing"
