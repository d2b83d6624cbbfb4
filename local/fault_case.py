"""What a fault case is: the faults that happen together, and the outcome that the run must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from local.aws_fault_menu import AwsFault, AwsFaultKind
from local.fake_providers.fault_menu import Kind
from local.fake_providers.faults import Fault

NEW_CREDENTIALS = "new credentials"
WHOLE_LIBRARY: tuple[str, ...] = ()


class Outcome(StrEnum):
    """The outcome of the run with the fault. The next run, without the fault, always archives the rest."""

    ARCHIVED = "archived"  # this run archives everything
    FAILED = "failed"  # the affected items fail and are listed with the category; the run archives all others
    LEFT = "left"  # the affected items wait for a later run: not the item's fault, so no attempt is counted
    STOPPED = "stopped"  # the run fails with the error and one alert; no item is marked as failed
    UNHEARD = "unheard"  # this run archives everything, but the execution fails with the error: no mail could be sent


def _nothing(_fake: Any) -> None:
    """The owner does nothing."""


@dataclass(frozen=True)
class Case:
    """Faults that happen together. `reported` is the category (FAILED, LEFT) or the error (STOPPED, UNHEARD);
    `affected` are the items that the first run does not archive. `then` is what the owner has to do before the next
    run. `replaced` items end as the bytes that replaced the originals, `emptied` ones as no bytes, `cut` ones as 60
    percent of theirs; `damaged` ones are listed as damaged. `stray`: an upload is left for the lifecycle rule.

    Items are ids, at Dropbox paths. `superseded` ones are archived by the first run as they were when it began, and by
    the next as they are by then. `filters` are those of both runs, instead of `items`. `credentials` replace fields of
    those that the first run has. `before` and `afterwards` are what the owner does at the provider before each run,
    with the fake of it."""

    name: str
    faults: tuple[Fault | AwsFault, ...]
    outcome: Outcome = Outcome.ARCHIVED
    reported: str = ""
    affected: tuple[str, ...] = ()
    items: tuple[str, ...] = WHOLE_LIBRARY
    session: bool = False
    then: str = ""
    replaced: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    stray: bool = False
    provider: str = "gopro"
    filters: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[Any], object] = _nothing
    afterwards: Callable[[Any], object] = _nothing

    def of_ids(self, id_of: Callable[[str], str]) -> Case:
        """The same case with the ids of its items, for a provider whose ids are made when its account is."""
        named = ("affected", "items", "replaced", "emptied", "cut", "damaged", "superseded")
        ids: dict[str, Any] = {name: tuple(map(id_of, getattr(self, name))) for name in named}
        faults = [
            replace(fault, media_id=id_of(fault.media_id)) if isinstance(fault, Fault) and fault.media_id else fault
            for fault in self.faults
        ]
        return replace(self, faults=tuple(faults), **ids)


def fault_of(kind: Kind, endpoint: StrEnum | None = None, item: str | None = None, **rule: Any) -> Fault:
    """A rule for a provider; names that are no fields of Fault are arguments of the kind."""
    args = {name: rule.pop(name) for name in list(rule) if name in kind.defaults}
    return Fault(kind, endpoint, item, args=args, **rule)


def s3(kind: AwsFaultKind, operation: str, *holding: str, times: int | None = 1, **rule: Any) -> AwsFault:
    return AwsFault(kind, "s3", operation, holding, times, **rule)


def dynamodb(kind: AwsFaultKind, operation: str, *holding: str, times: int | None = 1, **rule: Any) -> AwsFault:
    return AwsFault(kind, "dynamodb", operation, holding, times, **rule)


def sns(kind: AwsFaultKind, *, times: int | None = None) -> AwsFault:
    return AwsFault(kind, "sns", "Publish", times=times)
