"""S3 is asked for the files of a choice in an archive bucket, with the owner's own credentials, and how far it is.

Each object is asked for once, in the version that was looked at. Repeating it is no harm: what is thawed, or being
thawed, is not asked for, so that the same command goes on after an interruption.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Any

import msgspec
from cloud_sync_common.stores.restore_jobs import FileState, JobFile, Tier

from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.restore.bucket import AT_ONCE, Bucket, Show
from console.operations.restore.from_bucket import Looked
from console.operations.restore.jobs import MOST_PROBLEMS, Problem
from console.operations.restore.objects import Seen, Temperature, temperature_of
from console.operations.restore.plan import Terms

TRIES = 8  # of one object that S3 throttles, each after botocore's own
_MOST_SECONDS = 60.0  # between two of them
_KEY = re.compile(r"KMS[\w.]*|(De|En)cryptionFailure(Exception)?", re.IGNORECASE)
# S3 API reference, RestoreObject and "Error responses".
_UNDER_WAY = "RestoreAlreadyInProgress"
_HOT = {"ObjectAlreadyInActiveTierError", "InvalidObjectState"}
_GONE = {"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed"}
_BUSY = {
    "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalError",
    "RequestTimeout", "500", "503",
}  # fmt: skip
_DELETED = "It was deleted a moment ago: repeat the command, which looks for what is there."


class Answer(StrEnum):
    """What S3 makes of a request for one object. HOT: nothing has to be thawed."""

    ASKED = "asked"
    UNDER_WAY = "under way"
    HOT = "hot"
    FAILED = "failed"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How many files S3 was asked for now, is thawing already, and has ready; and those that cannot be had."""

    asked: int
    thawing: int
    ready: int
    failed: int
    problems: list[Problem] = []


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a choice is. `frozen` files were not asked for, or their thawed copies have ended. `ready_until` is when
    the first thawed copy ends; empty: none does."""

    bucket: str
    selection: str
    files: int
    bytes: int
    ready: int
    ready_bytes: int
    thawing: int
    frozen: int
    failed: int
    ready_until: str = ""
    problems: list[Problem] = []


def request(bucket: Bucket, found: Looked, terms: Terms, show: Show) -> Asked:
    """Asks for what is frozen; with the faster tier also for what is thawed with the slower one. Raises
    CredentialsRefusedError, ConsoleError when S3 throttles for too long, botocore's errors; what was asked for stays
    so."""
    wanted: dict[tuple[str, str], list[Seen]] = {}
    faster = (Temperature.THAWING,) if terms.tier is Tier.STANDARD else ()
    for one in found.seen:
        if one.temperature in (Temperature.FROZEN, *faster):
            wanted.setdefault((one.file.key, one.file.version_id), []).append(one)
    answers: dict[Answer, int] = dict.fromkeys(Answer, 0)
    problems = [_problem(one.file) for one in found.seen if one.temperature is Temperature.LOST]
    asking = _asking(bucket, terms)
    with ThreadPoolExecutor(AT_ONCE) as lookups:
        done = lookups.map(lambda group: asking(group[0].file), wanted.values())
        for count, (group, (answer, why)) in enumerate(zip(wanted.values(), done, strict=True), start=1):
            answers[answer] += len(group)
            problems += [_problem(one.file, why) for one in group if answer is Answer.FAILED]
            show(count)
    skipped = [one for one in found.seen if (one.file.key, one.file.version_id) not in wanted]
    return Asked(
        asked=answers[Answer.ASKED],
        thawing=answers[Answer.UNDER_WAY] + _count(skipped, Temperature.THAWING),
        ready=answers[Answer.HOT] + _count(skipped, Temperature.HOT, Temperature.THAWED),
        failed=len(problems),
        problems=problems[:MOST_PROBLEMS],
    )


def _count(seen: Iterable[Seen], *kinds: Temperature) -> int:
    return sum(one.temperature in kinds for one in seen)


def _problem(file: JobFile, why: str = "") -> Problem:
    return Problem(number=file.number, filename=file.filename, text=why or file.problem)


def _asking(bucket: Bucket, terms: Terms) -> Callable[[JobFile], tuple[Answer, str]]:
    """Asks for one object: S3's answer, and why it failed."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    given: dict[str, Any] = {"Days": terms.days, "GlacierJobParameters": {"Tier": terms.tier.value}}

    def ask(file: JobFile) -> tuple[Answer, str]:
        version = {"VersionId": file.version_id} if file.version_id not in ("", "null") else {}
        for attempt in range(TRIES):
            try:
                bucket.s3.restore_object(Bucket=bucket.name, Key=file.key, RestoreRequest=given, **version)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in _BUSY:
                    return _meaning(bucket, error, code)
                time.sleep(min(2.0**attempt, _MOST_SECONDS))  # S3 asks to slow down
            else:
                return Answer.ASKED, ""
        raise ConsoleError(
            "S3 asks to slow down, again and again. Repeat the command later; what was asked for is not asked again."
        )

    return ask


def _meaning(bucket: Bucket, error: Exception, code: str) -> tuple[Answer, str]:
    """Raises CredentialsRefusedError, and the error itself if it is none of an object."""
    if code == _UNDER_WAY:
        return Answer.UNDER_WAY, ""
    if code in _HOT:
        return Answer.HOT, ""
    if code in _GONE:
        return Answer.FAILED, _DELETED
    if _KEY.fullmatch(code):
        return Answer.FAILED, f"Its KMS key cannot be used ({code}): check it in the KMS console."
    if code in ("AccessDenied", "403"):
        raise CredentialsRefusedError(
            f"The AWS credentials may not have objects of {bucket.name} thawed (s3:RestoreObject). Have that "
            "permission added, then repeat the command; what was asked for is not asked again."
        ) from None
    raise error


def waited(bucket: Bucket, found: Looked, sleep: Callable[[int], None]) -> Looked:
    """The choice when nothing of it is being thawed any more. One object is looked at until it is done, then the next:
    two days of waiting are one request a minute and one for each object. `sleep` is told how many are left."""
    seen = list(found.seen)
    thawing = [at for at, one in enumerate(seen) if one.temperature is Temperature.THAWING]
    for left, at in zip(range(len(thawing), 0, -1), thawing, strict=True):
        while (one := _again(bucket, seen[at])).temperature is Temperature.THAWING:
            sleep(left)
        seen[at] = one
    return msgspec.structs.replace(found, seen=seen)


def _again(bucket: Bucket, one: Seen) -> Seen:
    """A file as its object is now."""
    stored = bucket.head(one.file.key, one.file.version_id if one.file.version_id != "null" else "")
    if stored is None:
        problem = msgspec.structs.replace(one.file, state=FileState.FAILED, problem=_DELETED)
        return msgspec.structs.replace(one, file=problem, temperature=Temperature.LOST)
    temperature, until = temperature_of({"StorageClass": stored.storage_class, "Restore": stored.restore})
    return msgspec.structs.replace(one, temperature=temperature, thawed_until=until)


def state(bucket: Bucket, found: Looked) -> State:
    """How far the choice is, by what S3 said of its objects."""
    ready = [one for one in found.seen if one.temperature in (Temperature.HOT, Temperature.THAWED)]
    lost = [one.file for one in found.seen if one.temperature is Temperature.LOST]
    return State(
        bucket=bucket.name,
        selection=found.choice.text,
        files=len(found.seen),
        bytes=sum(one.file.size for one in found.seen),
        ready=len(ready),
        ready_bytes=sum(one.file.size for one in ready),
        thawing=_count(found.seen, Temperature.THAWING),
        frozen=_count(found.seen, Temperature.FROZEN),
        failed=len(lost),
        ready_until=min((one.thawed_until for one in ready if one.thawed_until), default=""),
        problems=[_problem(file) for file in lost[:MOST_PROBLEMS]],
    )
