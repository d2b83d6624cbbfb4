"""The bytes read again: S3 Batch Operations computes each object's checksum anew, in any storage class, without a
restore.

A job takes hours, so it is started by one command and looked at by another. What was asked for is kept beside its
manifest, below certificates/deep/ in the work bucket.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common.provider_access.certificate import (
    CERTIFICATES,
    EARLIER_VERSIONS,
    Certificate,
    Choice,
    Compared,
    differences,
    place_of,
    usage_usd,
)
from cloud_sync_common.provider_access.disagreements import Disagreement
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import Status

from console.errors import ConsoleError, NotFoundError
from console.operations.certificate import store
from console.operations.deep_report import ALGORITHM, FORMAT, KIND, Outcome, as_written, outcomes, read
from console.operations.ledger import Reading, Row, by_keys, typed, walk
from console.operations.stored_checksums import (
    ATTRIBUTES,
    ODD,
    File,
    Seen,
    candidates,
    chosen_rows,
    count,
    of_object,
    provider_of,
)
from console.stack import PREFIX, Stack

FOLDER = CERTIFICATES + "deep"
MOST_FILES = 1_000_000  # of one job: what is asked for is held in memory
NOT_HERE = (
    "S3 Batch Operations does not exist here, so that S3 cannot compute checksums anew: an emulator has none, and not "
    "every region. Without --deep, the checksums that S3 keeps are compared."
)
_NOT_COMPARED = [
    "the provider, and what else is in the bucket: `cloudsync verify` without --deep compares those",
    "the pointers of copies; the objects with their bytes were read",
    EARLIER_VERSIONS,
    "what S3 bills for the job, which is not in the estimate",
]
_NOT_COUNTED = "S3 has read the bytes, and nothing else was looked at."
_PRIORITY = 10  # only beside other jobs of the account
# What answers in place of S3 Batch Operations where there is none: for S3 alone, a job's address is one of a bucket.
_NO_SERVICE = {"NotImplemented", "MethodNotAllowed", "UnknownOperation", "UnknownOperationException", "InvalidAction",
               "NoSuchBucket", "404", "405", "501"}  # fmt: skip
_NO_JOB = {"NotFoundException", "NoSuchJob"}
_ENDED_WITHOUT = {"Failed", "Cancelled"}


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A file by its row, and the object with its bytes."""

    pk: str
    sk: str
    key: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is asked for. `compared` has the counts of what was left out."""

    began_at: str
    choice: Choice
    is_everything: bool
    bytes: int
    files: list[Asked]
    compared: list[Compared]

    @property
    def keys(self) -> set[str]:
        return {one.key for one in self.files if one.key}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is S3's (S3 user guide, "Job statuses"); the counts are of objects. `manifest_key` is in the work
    bucket."""

    job_id: str
    status: str
    objects: int
    succeeded: int = 0
    failed: int = 0
    manifest_key: str = ""


def ordered(stack: Stack, providers: Collection[str], choice: Choice, reading: Reading) -> Order:
    """Which objects to read. Walks over the ledger once. Raises ConsoleError, and botocore's errors."""
    _check(stack)
    found = {provider: Compared(provider=provider) for provider in providers}
    files, sizes = list[Asked](), dict[str, int]()
    with closing(walk(stack, reading, ATTRIBUTES)) as rows:
        for row in chosen_rows(candidates(rows, found, choice), choice):
            file = typed(row, File)
            files.append(Asked(row["pk"], row["sk"], file.object_key))
            sizes[file.object_key] = max(file.size, 0)
            if len(files) > MOST_FILES:
                raise ConsoleError(f"These are more than {MOST_FILES:,} files. Choose fewer: --provider or --since.")
    order = Order(
        began_at=datetime.now(UTC).isoformat(timespec="seconds"),
        choice=choice,
        is_everything=choice.is_everything and len(providers) == len(stack.secrets),
        bytes=sum(sizes.values()),
        files=files,
        compared=list(found.values()),
    )
    if not order.keys:
        raise ConsoleError("No archived file is chosen: there is nothing that S3 could read.")
    return order


def begin(stack: Stack, order: Order) -> Job:
    """Writes the manifest and starts the job. Raises ConsoleError where there is no S3 Batch Operations, and botocore's
    errors."""
    work, archive = stack.output("WorkBucket"), stack.output("ArchiveBucket")
    name = f"{FOLDER}/{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(4)}"
    lines = "".join(f"{archive},{as_written(key)}\n" for key in sorted(order.keys))
    _put(stack, f"{name}.json", msgspec.json.encode(order))
    etag = _put(stack, f"{name}.csv", lines.encode())
    with _service():
        answer = stack.client("s3control").create_job(
            AccountId=_account(stack),
            ConfirmationRequired=False,
            Operation={"S3ComputeObjectChecksum": {"ChecksumAlgorithm": ALGORITHM, "ChecksumType": KIND}},
            Manifest={
                "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
                "Location": {"ObjectArn": f"{_arn(stack, work)}/{name}.csv", "ETag": etag},
            },
            Report={
                "Bucket": _arn(stack, work), "Prefix": FOLDER, "Format": FORMAT, "Enabled": True,
                "ReportScope": "AllTasks",
            },
            Priority=_PRIORITY,
            RoleArn=stack.output("ChecksumRoleArn"),
            ClientRequestToken=secrets.token_hex(16),
            Description=f"cloudsync verify --deep ({PREFIX}{stack.environment})",
        )  # fmt: skip
    return Job(job_id=answer["JobId"], status="New", objects=len(order.keys), manifest_key=f"{name}.csv")


def described(stack: Stack, job_id: str) -> Job:
    """Raises NotFoundError for a job that there is not, or that is none of this stack's, ConsoleError for one that has
    ended without being complete, and botocore's errors."""
    _check(stack)
    with _service(job_id):
        answer = stack.client("s3control").describe_job(AccountId=_account(stack), JobId=job_id)["Job"]
    key, arn = "", answer.get("Manifest", {}).get("Location", {}).get("ObjectArn", "")
    if arn.startswith(start := f"{_arn(stack, stack.output('WorkBucket'))}/{FOLDER}/"):
        key = f"{FOLDER}/{arn.removeprefix(start)}"
    if not key or "S3ComputeObjectChecksum" not in answer.get("Operation", {}):
        raise NotFoundError(f"The job {job_id} was not started by `cloudsync verify --deep` for this stack.")
    if answer["Status"] in _ENDED_WITHOUT:
        raise ConsoleError(_ended_without(job_id, answer))
    progress = answer.get("ProgressSummary", {})
    return Job(
        job_id=job_id,
        status=answer["Status"],
        objects=progress.get("TotalNumberOfTasks", 0),
        succeeded=progress.get("NumberOfTasksSucceeded", 0),
        failed=progress.get("NumberOfTasksFailed", 0),
        manifest_key=key,
    )


def certified(stack: Stack, job: Job) -> Certificate | None:
    """Compares what a complete job has computed with the rows as they are now, and stores the certificate; None where
    its report is not written yet. Raises ConsoleError where the report is not understood, and botocore's errors."""
    place = f"{FOLDER}/job-{job.job_id}/manifest.json"
    if not _is_there(stack, place):
        return None
    order = _order(stack, job)
    reading = Reading()
    _compare(stack, order, outcomes(stack, place, order.keys), reading)
    ended = datetime.now(UTC)
    key, text_key = place_of(ended, secrets.token_hex(4))
    certificate = Certificate(
        stack=PREFIX + stack.environment,
        region=stack.account.region,
        began_at=order.began_at,
        ended_at=ended.isoformat(timespec="seconds"),
        seconds=round((ended - datetime.fromisoformat(order.began_at)).total_seconds(), 1),
        choice=order.choice,
        is_everything=order.is_everything,
        agrees=not differences([], order.compared),
        reconciliations=[],
        compared=order.compared,
        safe=[],
        not_counted=_NOT_COUNTED,
        not_compared=_NOT_COMPARED,
        estimated_usd=usage_usd([], order.compared, reading.rows),
        key=key,
        text_key=text_key,
        deep_job=job.job_id,
    )
    store(stack, certificate)
    return certificate


def _compare(stack: Stack, order: Order, found: dict[str, Outcome], reading: Reading) -> None:
    counts = {one.provider: one for one in order.compared}
    rows = by_keys(stack, ((one.pk, one.sk) for one in order.files), ATTRIBUTES[2:], reading)
    for one in order.files:
        row = rows.get((one.pk, one.sk), {})
        count(counts[provider_of({"pk": one.pk})], {"pk": one.pk}, _seen(stack, one, row, found))


def _seen(stack: Stack, one: Asked, row: Row, found: dict[str, Outcome]) -> Seen:
    """A file of which there is another version by now was not read, and is counted apart."""
    file = typed(row, File)
    is_archived = row.get("status") == Status.ARCHIVED
    if is_archived and file.is_odd:
        return Seen(file=file, requests=0, kind=Disagreement.ODD_ROW, detail=ODD)
    if not is_archived or file.object_key != one.key:
        return Seen(file=file, requests=0, is_gone=True, has_changed=True)
    outcome = found[one.key]
    if outcome.problem:
        none = Disagreement.CHECKSUM_DIFFERS, f"S3 could compute none: {outcome.problem}"
        kind, detail = of_object(stack, file) or none
        return Seen(file=file, requests=1, kind=kind, detail=detail)
    if outcome.checksum != file.checksum:
        detail = f"{one_line(outcome.checksum)} instead of {one_line(file.checksum)}, computed anew"
        return Seen(file=file, requests=0, kind=Disagreement.CHECKSUM_DIFFERS, detail=detail)
    return Seen(file=file, requests=0)


def _order(stack: Stack, job: Job) -> Order:
    key = job.manifest_key.removesuffix(".csv") + ".json"
    try:
        return msgspec.json.decode(read(stack, key), type=Order)
    except (msgspec.DecodeError, RecursionError):
        raise ConsoleError(
            f"What the job {job.job_id} was asked for cannot be read ({key} in the work bucket), so that nothing is "
            "certified. Start another with `cloudsync verify --deep`."
        ) from None


def _is_there(stack: Stack, key: str) -> bool:
    """S3 writes the report some time after the last object (S3 user guide, "Completion reports")."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        stack.client("s3").head_object(Bucket=stack.output("WorkBucket"), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def _put(stack: Stack, key: str, content: bytes) -> str:
    """Its ETag."""
    bucket = stack.output("WorkBucket")
    answer = stack.client("s3").put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
    return str(answer["ETag"]).strip('"')


def _check(stack: Stack) -> None:
    """Raises ConsoleError for the environment that is for the emulator alone."""
    if stack.environment == "local":
        raise ConsoleError(NOT_HERE)


@contextmanager
def _service(job_id: str = "") -> Iterator[None]:
    """Around a request to S3 Batch Operations."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if job_id and code in _NO_JOB:
            raise NotFoundError(f"S3 Batch Operations has no job {job_id} in this region and account.") from None
        if code in _NO_SERVICE:
            raise ConsoleError(NOT_HERE) from None
        raise


def _ended_without(job_id: str, answer: Any) -> str:
    reasons: Iterable[Any] = answer.get("FailureReasons") or []
    said = [one_line(f"{one.get('FailureCode', '')} {one.get('FailureReason', '')}".strip(), 200) for one in reasons]
    why = "; ".join(said[:3]) or one_line(answer.get("StatusUpdateReason") or "no reason was stated", 200)
    return (
        f"The job {job_id} has ended without being complete ({answer['Status']}: {why.removesuffix('.')}). Nothing is "
        f"certified. Its report, where there is one, is below {FOLDER}/job-{job_id}/ in the work bucket. Start another "
        "with `cloudsync verify --deep`."
    )


def _arn(stack: Stack, bucket: str) -> str:
    partition = stack.output("ChecksumRoleArn").split(":")[1]
    return f"arn:{partition}:s3:::{bucket}"


def _account(stack: Stack) -> str:
    """S3 Batch Operations asks for its number; the role is in it."""
    return stack.output("ChecksumRoleArn").split(":")[4]
