"""The fault menu of AWS: every fault of S3, DynamoDB and SNS that clients must expect, and the rules that cause them.

Responses are those of the S3 API reference ("Error responses"), the DynamoDB developer guide ("Error handling") and the
SNS API reference ("Publish").
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

type Refusal = tuple[int, str] | None


class AwsFaultError(ValueError):
    """An invalid rule; the message says what is wrong with it."""


class AwsFaultKind(StrEnum):
    """Every fault: its name, what it does (its `__doc__`), and the (status, code) with which S3, and the other
    services, refuse the request. None: the request is carried out, and the fault happens in another way."""

    s3: Refusal
    others: Refusal

    def __new__(cls, name: str, meaning: str, s3: Refusal = None, others: Refusal = None) -> Self:
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.__doc__, kind.s3, kind.others = meaning, s3, others
        return kind

    SLOW_DOWN = "slow_down", "S3 asks to slow down", (503, "SlowDown")
    INTERNAL_ERROR = "internal_error", "the request fails", (500, "InternalError"), (500, "InternalServerError")
    ERROR_IN_200 = (
        "error_in_200",
        "status 200 with an error as the body, as CompleteMultipartUpload may return",
        (200, "InternalError"),
    )
    BAD_DIGEST = "bad_digest", "the body does not match its checksum", (400, "BadDigest")
    CONFLICT = (
        "conflict",
        "another conditional write is in progress; an upload is lost by it",
        (409, "ConditionalRequestConflict"),
    )
    ACCESS_DENIED = "access_denied", "access is denied", (403, "AccessDenied"), (400, "AccessDeniedException")
    KEY_DISABLED = "key_disabled", "the KMS key is disabled", (400, "KMS.DisabledException"), (400, "KMSDisabled")
    THROTTLED = "throttled", "the table is throttled", None, (400, "ProvisionedThroughputExceededException")
    REQUESTS_THROTTLED = "requests_throttled", "the account is throttled", None, (400, "ThrottlingException")
    CONDITION_FAILED = "condition_failed", "the condition does not hold", None, (400, "ConditionalCheckFailedException")

    TOPIC_THROTTLED = "topic_throttled", "the topic is throttled", None, (429, "Throttled")
    KEY_THROTTLED = "key_throttled", "the KMS key is throttled", None, (400, "KMSThrottling")
    TOPIC_GONE = "topic_gone", "there is no such topic", None, (404, "NotFound")

    ANSWER_LOST = "answer_lost", "the request is carried out, then the connection closes without a response"
    SLOW_ANSWER = "slow_answer", "the request is carried out, and the response comes `seconds` late"
    ANSWER_CUT = "answer_cut", "the request is carried out, and the answer breaks off after `byte` bytes of its body"
    BYTES_FLIPPED = "bytes_flipped", "one byte of the body arrives inverted: S3 itself has to notice"

    def refusal(self, service: str) -> Refusal:
        """(status, code) of the response when the request is refused; None when it is carried out."""
        return self.s3 if service == "s3" else self.others

    def happens_at(self, service: str) -> bool:
        """Whether the fault can happen at this service."""
        return self.refusal(service) is not None or (self.s3 is None and self.others is None)


@dataclass(frozen=True)
class Call:
    """One request to AWS. `text` is the /bucket/key for S3, and the JSON body for other services."""

    service: str
    operation: str
    text: str = ""


@dataclass(frozen=True)
class AwsFault:
    """One rule: `kind` happens to requests of `operation` (its name in the API reference; empty: any), skipping the
    first `after`, then `times` times (None: always). `holding`: only requests whose `text` contains all of these."""

    kind: AwsFaultKind
    service: str
    operation: str = ""
    holding: tuple[str, ...] = ()
    times: int | None = None
    after: int = 0
    seconds: float = 1.0
    byte: int = 0

    def __post_init__(self) -> None:
        if not self.kind.happens_at(self.service):
            raise AwsFaultError(f"{self.kind} does not happen at {self.service}.")

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> Self:
        """Reads a rule in the form of the control API; raises AwsFaultError for an invalid one."""
        kinds = {str(kind): kind for kind in AwsFaultKind}
        fields = dict(rule)
        name = fields.pop("kind", "(none)")
        if name not in kinds:
            raise AwsFaultError(f"There is no fault {name!r}, only: {', '.join(kinds)}.")
        try:
            return cls(kinds[name], **fields)
        except TypeError as error:
            raise AwsFaultError(str(error)) from error

    def matches(self, call: Call) -> bool:
        return (
            self.service == call.service
            and self.operation in ("", call.operation)
            and all(text in call.text for text in self.holding)
        )


class AwsFaultRules:
    """The active rules, consulted once for each request. Safe to change from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[AwsFault, dict[str, int]]] = []

    def add(self, fault: AwsFault) -> None:
        """Activates a rule; when several match a request, the one added first counts."""
        with self._lock:
            self._rules.append((fault, {"seen": 0, "applied": 0}))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The active rules, each with the number of requests that it matched (`seen`) and affected (`applied`)."""
        with self._lock:
            return [{**vars(fault), **counts} for fault, counts in self._rules]

    def take(self, call: Call) -> AwsFault | None:
        """Counts one request and returns the fault that happens to it, if any."""
        with self._lock:
            for fault, counts in self._rules:
                if not fault.matches(call):
                    continue
                counts["seen"] += 1
                if counts["seen"] > fault.after and (fault.times is None or counts["applied"] < fault.times):
                    counts["applied"] += 1
                    return fault
        return None
