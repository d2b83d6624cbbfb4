"""The fault cases of a restore: what happens while three originals are thawed, and how the job must end then.

restore_fault_matrix.py plays them; docs/reliability.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from local.aws_fault_menu import AwsFault, AwsFaultKind
from local.fault_case import dynamodb, s3, sns


class RestoreOutcome(StrEnum):
    """How the execution with the fault ends. The next one, without it, always has everything thawed that there is."""

    READY = "ready"  # every file is ready, with one mail
    PARTLY = "partly"  # one file cannot be had and says why; the others are ready, with one mail
    NOTHING = "nothing"  # no file can be had, and one mail says why
    STOPPED = "stopped"  # the execution fails with the error, and one mail says so
    UNHEARD = "unheard"  # the execution fails, and no mail could be sent


class Deed(StrEnum):
    """What else happens."""

    NOTHING = ""
    DELETED = "one version is deleted"
    STOPPED = "the execution is stopped while it waits"
    STRAY_EVENTS = "events come of objects that nobody waits for"


@dataclass(frozen=True)
class RestoreCase:
    """`reported` is the error (STOPPED), or what the problem of a file says (PARTLY, NOTHING)."""

    name: str
    faults: tuple[AwsFault, ...] = ()
    outcome: RestoreOutcome = RestoreOutcome.READY
    reported: str = ""
    deed: Deed = Deed.NOTHING


A, R = AwsFaultKind, RestoreOutcome
FIRST = "/GX010001.MP4"  # which only the first of the originals ends with
ASK, LOOK, NOTE = "RestoreObject", "ListObjectVersions", "UpdateItem"
DENIED, NO_KEY, GONE = "s3:RestoreObject", "Its KMS key refuses", "S3 no longer has this version"


def end_of_a_wait(kind: AwsFaultKind, times: int | None = 1) -> AwsFault:
    return AwsFault(kind, "states", "SendTaskSuccess", times=times)


_CASES = (
    RestoreCase("thaw_slow_down", (s3(A.SLOW_DOWN, ASK, times=2),)),
    RestoreCase("thaw_fails_a_moment", (s3(A.INTERNAL_ERROR, ASK, times=2),)),
    RestoreCase("thaw_answers_lost", (s3(A.ANSWER_LOST, ASK, times=2),)),
    RestoreCase("thaw_answers_late", (s3(A.SLOW_ANSWER, ASK, times=2),)),
    RestoreCase("thaw_fails_for_good", (s3(A.INTERNAL_ERROR, ASK, times=None),), R.STOPPED, "ArchiveUnavailableError"),
    RestoreCase("thaw_denied_for_one", (s3(A.ACCESS_DENIED, ASK, FIRST, times=None),), R.PARTLY, DENIED),
    RestoreCase("thaw_denied", (s3(A.ACCESS_DENIED, ASK, times=None),), R.NOTHING, DENIED),
    RestoreCase("thaw_key_disabled_for_one", (s3(A.KEY_DISABLED, ASK, FIRST, times=None),), R.PARTLY, NO_KEY),
    RestoreCase("thaw_version_gone", (), R.PARTLY, GONE, Deed.DELETED),
    RestoreCase("look_slow_down", (s3(A.SLOW_DOWN, LOOK, times=2),)),
    RestoreCase("look_answer_lost", (s3(A.ANSWER_LOST, LOOK, times=2),)),
    RestoreCase("look_breaks_off", (s3(A.ANSWER_CUT, LOOK, times=2, byte=100),)),
    RestoreCase("look_denied", (s3(A.ACCESS_DENIED, LOOK, times=None),), R.STOPPED, "ConfigurationError"),
    RestoreCase("jobs_throttled", (dynamodb(A.THROTTLED, NOTE, times=2), dynamodb(A.REQUESTS_THROTTLED, "Query"))),
    RestoreCase("jobs_fail_a_moment", (dynamodb(A.INTERNAL_ERROR, NOTE), dynamodb(A.INTERNAL_ERROR, "GetItem"))),
    RestoreCase("jobs_answers_lost", (dynamodb(A.ANSWER_LOST, NOTE, times=2), dynamodb(A.ANSWER_CUT, "Query"))),
    RestoreCase("jobs_denied", (dynamodb(A.ACCESS_DENIED, NOTE, times=None),), R.UNHEARD),
    RestoreCase("restore_mail_throttled", (sns(A.TOPIC_THROTTLED, times=2), sns(A.KEY_THROTTLED, times=1))),
    RestoreCase("restore_mail_topic_gone", (sns(A.TOPIC_GONE),), R.UNHEARD),
    RestoreCase("restore_mail_key_disabled", (sns(A.KEY_DISABLED),), R.UNHEARD),
    RestoreCase("wait_fails_to_end", (end_of_a_wait(A.INTERNAL_ERROR),)),
    RestoreCase("wait_end_answer_lost", (end_of_a_wait(A.ANSWER_LOST),)),
    RestoreCase("restore_stray_events", deed=Deed.STRAY_EVENTS),
    RestoreCase("restore_stopped", deed=Deed.STOPPED),
)
RESTORE_CASES = {case.name: case for case in _CASES}
RESTORE_QUICK = frozenset(
    [
        "thaw_slow_down",
        "thaw_answers_lost",
        "thaw_denied_for_one",
        "thaw_denied",
        "thaw_version_gone",
        "look_breaks_off",
        "look_denied",
        "jobs_throttled",
        "jobs_denied",
        "restore_mail_topic_gone",
        "restore_stopped",
    ]
)
"""Those that every test run includes."""
