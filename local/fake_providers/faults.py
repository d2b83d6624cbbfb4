"""Rules that cause faults: for all requests, for one item, for the next N requests, or by the fake's own clock."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from local.fake_providers.fault_menu import FaultKind, Kind


class Clock:
    """The fake's clock, in seconds since 1970: real time plus an offset."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """The present time, in seconds since 1970."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self.offset += seconds


class FaultError(ValueError):
    """An invalid rule; the message says what is wrong with it."""


@dataclass(frozen=True)
class Fault:
    """One rule: `kind` happens on matching requests, skipping the first `after`, then `times` times (None: always).

    Matching can be narrowed to an endpoint, an item, or one source of an item (1-based, CDN only). `delay` and `lasts`
    are seconds of the fake's clock, from the moment the rule is added. `args` are those of the kind.
    """

    kind: Kind
    endpoint: StrEnum | None = None
    media_id: str | None = None
    source: int | None = None
    times: int | None = None
    after: int = 0
    delay: float = 0.0
    lasts: float | None = None
    args: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.endpoint is not None and self.endpoint not in self.kind.endpoints:
            possible = ", ".join(sorted(self.kind.endpoints))
            raise FaultError(f"{self.kind} cannot happen at {self.endpoint}, only at {possible}.")
        if unknown := set(self.args) - set(self.kind.defaults):
            raise FaultError(f"{self.kind} takes no {', '.join(sorted(unknown))}, only {dict(self.kind.defaults)}.")

    @classmethod
    def from_json(cls, rule: Mapping[str, Any], kinds: Iterable[Kind] = FaultKind) -> Self:
        """Read a rule in the form of the control API, for one of `kinds`; raises FaultError for an invalid one."""
        named = {str(kind): kind for kind in kinds}
        fields = dict(rule)
        try:
            kind = named[fields.pop("kind", "(none)")]
            endpoint = fields.pop("endpoint", None)
            return cls(kind, None if endpoint is None else kind.endpoint(endpoint), **fields)
        except KeyError as error:
            raise FaultError(f"There is no fault {error}, only: {', '.join(named)}.") from error
        except (ValueError, TypeError) as error:
            raise FaultError(str(error)) from error

    def __getitem__(self, name: str) -> Any:
        """The value of one of the kind's arguments: the given one or the default."""
        return self.args.get(name, self.kind.defaults[name])

    def matches(self, endpoint: StrEnum, media_id: str | None, source: int | None) -> bool:
        """Whether the rule applies to such a request. A listing matches rules for any item whose row they change."""
        about_rows = self.kind.changes_rows_of(endpoint)
        return (
            endpoint in self.kind.endpoints
            and self.endpoint in (None, endpoint)
            and (self.media_id in (None, media_id) or about_rows)
            and self.source in (None, source)
        )


@dataclass
class _Rule:
    fault: Fault
    added: float
    seen: int = 0
    applied: int = 0

    def take(self, now: float) -> bool:
        """Count one matching request and return whether the fault happens to it."""
        fault, age = self.fault, now - self.added
        if age < fault.delay or (fault.lasts is not None and age >= fault.delay + fault.lasts):
            return False
        self.seen += 1
        if self.seen <= fault.after or (fault.times is not None and self.applied >= fault.times):
            return False
        self.applied += 1
        return True


class ActiveFaults:
    """The faults that happen to one request."""

    def __init__(self, endpoint: StrEnum, faults: tuple[Fault, ...] = ()) -> None:
        self._endpoint = endpoint
        self._faults = faults

    def find(self, kind: Kind, media_id: str | None = None) -> Fault | None:
        """The fault of that kind, if it happens here; with `media_id`, if it happens to that row of a listing."""
        for fault in self._faults:
            if fault.kind is kind and (media_id is None or fault.media_id in (None, media_id)):
                return fault
        return None

    @property
    def change_rows(self) -> bool:
        """Whether any of them changes rows of a listing."""
        return any(fault.kind.changes_rows_of(self._endpoint) for fault in self._faults)


class FaultRules:
    """The active rules, consulted once for each request. Safe to change from a test's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Activate a rule; when several of one kind match a request, the one added first counts."""
        with self._lock:
            self._rules.append(_Rule(fault, self._clock.now()))

    def clear(self, kind: Kind | None = None) -> None:
        """Remove all rules, or those of one kind."""
        with self._lock:
            self._rules = [rule for rule in self._rules if kind is not None and rule.fault.kind is not kind]

    def in_force(self, fault: Fault) -> bool:
        """Whether this rule has not been taken back."""
        with self._lock:
            return any(rule.fault is fault for rule in self._rules)

    def listed(self) -> list[dict[str, Any]]:
        """The active rules, each with the number of requests that it matched (`seen`) and affected (`applied`)."""
        with self._lock:
            return [
                {**vars(rule.fault), "args": dict(rule.fault.args), "seen": rule.seen, "applied": rule.applied}
                for rule in self._rules
            ]

    def begin(self, endpoint: StrEnum, media_id: str | None = None, source: int | None = None) -> ActiveFaults:
        """The faults of one new request, which is counted here."""
        now = self._clock.now()
        with self._lock:
            matching = [rule for rule in self._rules if rule.fault.matches(endpoint, media_id, source)]
            return ActiveFaults(endpoint, tuple(rule.fault for rule in matching if rule.take(now)))
