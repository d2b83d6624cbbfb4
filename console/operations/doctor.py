"""`cloudsync doctor`: everything that has to be right, in the order in which it is needed.

Everything is only looked at. What cannot be tried without doing it, such as starting a run, is named as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import msgspec

from console.aws_account import AwsAccount
from console.aws_refusals import explained
from console.errors import ConsoleError, UsageError
from console.operations import doctor_archive, doctor_permissions, doctor_service, doctor_tokens
from console.operations.deployed_config import age_of, deployed
from console.operations.findings import Finding, Outcome, failed, looked_at, passed
from console.operations.provider_services import Services
from console.stack import Stack
from console.wording import title_of

MOST_SKEW_SECONDS = 60  # AWS refuses a request whose time is off by five minutes, S3 one by fifteen


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `is_whole`: the stack was reached, so that everything could be looked at; otherwise `exit_code`
    is that of every verb for what is in the way."""

    environment: str
    is_whole: bool
    findings: list[Finding]
    exit_code: int = 0

    @property
    def failures(self) -> int:
        return sum(one.outcome is Outcome.FAIL for one in self.findings)


def examine(
    account: AwsAccount, environment: str, services: Services, *, renews: bool = False, say: Callable[[str], None]
) -> Diagnosis:
    """Looks at everything. Without credentials, or without a stack, nothing further can be looked at. Raises UsageError
    for a name that is none of an environment, and errors that are neither AWS's nor the provider's."""
    findings, about = list[Finding](), "AWS credentials"
    try:
        findings += _identity(account)
        about = "stack"
        stack = _found(account, environment, findings)
    except UsageError:
        raise
    except Exception as error:
        known = error if isinstance(error, ConsoleError) else explained(error)
        if known is None:
            raise
        findings.append(failed(about, str(known), ""))
        code = int(known.exit_code)
        return Diagnosis(environment=environment, is_whole=False, findings=findings, exit_code=code)
    findings += _of_stack(stack, services, renews=renews, say=say)
    return Diagnosis(environment=environment, is_whole=True, findings=findings)


def _identity(account: AwsAccount) -> Iterator[Finding]:
    """Needs no permission (STS API reference, GetCallerIdentity)."""
    arn = account.client("sts").get_caller_identity()["Arn"]
    yield passed("AWS credentials", f"You are {arn}, in the region {account.region or '(none)'}.")


def _found(account: AwsAccount, environment: str, findings: list[Finding]) -> Stack:
    stack = Stack.find(account, environment)
    findings.append(
        passed(
            "stack", f"CloudSync-{environment} is deployed, for {', '.join(map(title_of, stack.secrets)) or 'nothing'}."
        )
    )
    return stack


def _of_stack(stack: Stack, services: Services, *, renews: bool, say: Callable[[str], None]) -> Iterator[Finding]:
    policy = stack.outputs.get("OwnerPolicyArn", "CloudSyncOwner")
    values: dict[str, Any] = {}
    looks: list[tuple[str, str, Callable[[], Iterator[Finding]]]] = [
        ("version", "config, settings, doctor", partial(_version, stack, values)),
        ("clock", "every verb", partial(_clock, stack)),
        *doctor_permissions.looks(stack),
    ]
    for provider in stack.secrets:
        tried = partial(doctor_tokens.token, stack, services, provider, renews=renews, say=say)
        looks += [
            (f"secret {provider}", "connect, status, plan", partial(doctor_tokens.secret, stack, provider)),
            (f"token {provider}", "plan", tried),
            (f"settings {provider}", "settings, retry", partial(doctor_service.settings, stack, provider)),
            (f"schedule {provider}", "status", partial(doctor_service.schedule, stack, provider, values)),
        ]
    for about, verbs, look in (*looks, *_service_and_archive(stack, values)):
        yield from looked_at(about, verbs, look, policy)


def _service_and_archive(
    stack: Stack, values: Mapping[str, Any]
) -> list[tuple[str, str, Callable[[], Iterator[Finding]]]]:
    return [
        ("mails", "doctor", partial(doctor_service.mails, stack, values)),
        ("alarms", "status", partial(doctor_service.alarms, stack)),
        ("dead letters", "retry", partial(doctor_service.dead_letters, stack)),
        ("lifecycle", "plan, cost", partial(doctor_archive.rules, stack, values)),
        ("encryption", "doctor", partial(doctor_archive.encryption, stack)),
        ("versioning", "doctor", partial(doctor_archive.versioning, stack)),
        ("uploads", "cost", partial(doctor_archive.stray_uploads, stack)),
        ("catalogue", "list, catalogue", partial(doctor_archive.catalogue, stack, values)),
    ]


def _version(stack: Stack, values: dict[str, Any]) -> Iterator[Finding]:
    """Also fills in `values`, by which other things are judged."""
    found = deployed(stack)
    values |= found.values
    age = age_of(found)
    if age.text:
        text, _, fix = age.text.partition(": ")
        yield failed("version", f"{text}.", fix)
    else:
        yield passed("version", f"The stack and this clone are both of version {found.version}.")


def _clock(stack: Stack) -> Iterator[Finding]:
    """By the Date header of S3 (RFC 9110, 6.6.1), which is to the second."""
    answer = stack.client("s3").list_objects_v2(Bucket=stack.output("ArchiveBucket"), MaxKeys=1)
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        off = round(abs((datetime.now(UTC) - parsedate_to_datetime(header)).total_seconds()))
    except (ValueError, TypeError):  # no date, or one without a time zone
        raise ConsoleError("S3 has not said what time it is.") from None
    if off > MOST_SKEW_SECONDS:
        fix = "Set this machine's clock by NTP, such as `timedatectl set-ntp true`."
        yield failed(
            "clock", f"This machine's clock is off by {off} seconds; AWS refuses one that is off by more.", fix
        )
    else:
        yield passed("clock", "This machine's clock agrees with that of S3.")
