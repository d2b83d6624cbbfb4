"""What has to be right with the archive: its rules, encryption, versions, and that nothing unfinished lies in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud_sync_common.runtime.wording import count_of

from console.operations.catalogue_state import state
from console.operations.findings import Finding, failed, noted, passed
from console.operations.ledger import Reading
from console.operations.storage import lifecycle
from console.stack import Stack

_UPLOADS = 1_000  # of one answer
_DAYS_WITHOUT_A_RULE, _DAYS_AFTER = 7, 2  # S3 ends an upload within a day or two of the rule's day


def rules(stack: Stack, deployed: Mapping[str, Any]) -> Iterator[Finding]:
    """`deployed` are the values that the stack was deployed with, where they are known. Raises botocore's errors."""
    about, found = "lifecycle", lifecycle(stack)
    missing = [
        what
        for what, days in (
            ("nothing moves into Deep Archive", found.deep_archive_days),
            ("older versions stay in Standard", found.older_versions_days),
            ("unfinished uploads are never ended", found.abort_days),
        )
        if days is None
    ]
    days = count_of(found.deep_archive_days or 0, "day")
    wanted = deployed.get("deep_archive_after_days", found.deep_archive_days)
    if missing:
        yield failed(about, f"A rule of the archive is missing: {', '.join(missing)}.", _again(stack))
    elif wanted != found.deep_archive_days:
        text = f"Originals move into Deep Archive after {days}, and were to after {wanted}."
        yield failed(about, text, _again(stack))
    else:
        yield passed(about, f"Into Deep Archive after {days}; unfinished uploads end after {found.abort_days}.")


def encryption(stack: Stack) -> Iterator[Finding]:
    """Raises botocore's errors."""
    about = "encryption"
    answer = stack.client("s3").get_bucket_encryption(Bucket=stack.output("ArchiveBucket"))
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    kinds = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "") for rule in rules}
    if kinds == {"aws:kms"}:
        yield passed(about, "The archive is encrypted with KMS.")
    else:
        named = ", ".join(sorted(kinds - {""})) or "nothing"
        yield failed(about, f"The archive is encrypted with {named} instead of KMS.", _again(stack))


def versioning(stack: Stack) -> Iterator[Finding]:
    """Raises botocore's errors."""
    answer = stack.client("s3").get_bucket_versioning(Bucket=stack.output("ArchiveBucket"))
    if answer.get("Status") == "Enabled":
        yield passed("versioning", "The archive keeps every version.")
    else:
        text = "The archive keeps no versions, so that a deletion is final."
        yield failed("versioning", text, _again(stack))


def stray_uploads(stack: Stack) -> Iterator[Finding]:
    """Those that are older than the rule that ends them; a run goes on with a younger one. Raises botocore's errors."""
    about, bucket = "uploads", stack.output("ArchiveBucket")
    days = lifecycle(stack).abort_days
    age = _DAYS_WITHOUT_A_RULE if days is None else days + _DAYS_AFTER
    answer = stack.client("s3").list_multipart_uploads(Bucket=bucket, MaxUploads=_UPLOADS)
    uploads = answer.get("Uploads", [])
    before = datetime.now(UTC) - timedelta(days=age)
    stray = [one for one in uploads if one["Initiated"] < before]
    if stray:
        unfinished = count_of(len(stray), "upload is", "uploads are")
        text = f"{unfinished} unfinished and older than {age} days; the parts are billed."
        yield failed(about, text, "`cloudsync cost` says what they cost, and how to end them.")
    elif uploads:
        young = count_of(len(uploads), "upload is", "uploads are")
        yield noted(about, f"{young} unfinished, none older than {age} days: a run goes on with them.")
    else:
        yield passed(about, "No upload is unfinished.")


def _again(stack: Stack) -> str:
    return f"Deploy it again: cdk deploy -c environment={stack.environment}. If that changes nothing, undo it by hand."


def catalogue(stack: Stack, deployed: Mapping[str, Any]) -> Iterator[Finding]:
    """How much of what is archived has no details yet, which is no fault. Raises ConsoleError, botocore's errors."""
    if deployed.get("catalogue") is False:
        yield noted("catalogue", "It is off, as it was deployed (catalogue=false).")
        return
    states = [state(stack, provider, Reading()) for provider in stack.secrets]
    waiting, archived = sum(one.waiting for one in states), sum(one.archived for one in states)
    if waiting:
        text = (
            f"{waiting:,} of {count_of(archived, 'archived item')} have no details yet; the next nights look into them."
        )
        yield noted("catalogue", f"{text} `cloudsync catalogue status` says which.")
    else:
        yield passed("catalogue", f"Details of {count_of(archived, 'archived item')}; none waits.")
