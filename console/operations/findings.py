"""What `cloudsync doctor` finds: one line for each thing that has to be right. A look that is refused is one, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

from console.aws_refusals import explained
from console.errors import ConsoleError, CredentialsRefusedError


class Outcome(StrEnum):
    """NOTE: it is as somebody wanted it, or it cannot be told without doing it; nothing is to be done."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOTE = "note"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at, how it is, and what is to be done where it is not right."""

    about: str
    outcome: Outcome
    text: str
    fix: str = ""


def passed(about: str, text: str) -> Finding:
    return Finding(about=about, outcome=Outcome.PASS, text=text)


def failed(about: str, text: str, fix: str) -> Finding:
    return Finding(about=about, outcome=Outcome.FAIL, text=text, fix=fix)


def noted(about: str, text: str) -> Finding:
    return Finding(about=about, outcome=Outcome.NOTE, text=text)


def looked_at(about: str, verbs: str, look: Callable[[], Iterable[Finding]], policy: str = "") -> Iterator[Finding]:
    """What a look finds. One that AWS or a provider refuses is a finding as well: it names the verbs that cannot work
    either, and the policy that allows them. Errors that are none of these are raised."""
    try:
        yield from look()
    except Exception as error:
        known = error if isinstance(error, ConsoleError) else explained(error)
        if known is None:
            raise
        may_not = known is not error and isinstance(known, CredentialsRefusedError)
        needed = f" Needed by: {verbs}." if may_not and verbs else ""
        fix = f"Attach the policy {policy} to your user or role." if may_not and policy else ""
        yield failed(about, f"{known}{needed}", fix)
