"""The originals of a drill fetched, compared byte for byte, deleted again, and the certificate of that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from awscrt.checksums import crc64nvme
from cloud_sync_common.aws.aws_chunked import encode_checksum
from cloud_sync_common.provider_access.restore_proof import Proof, ReadBack, documents, proof_of, read_back
from cloud_sync_common.runtime.wording import file_name
from cloud_sync_common.stores.restore_jobs import FileState, JobFile, JobState
from msgspec import structs

from console.errors import ConsoleError
from console.operations.restore.drill import Begun, LapsedError, close, emptied, folder_of, has_lapsed
from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.outcome import Ending, FileResult, Unwatched
from console.operations.restore.fetch.source import Source
from console.stack import PREFIX, Stack
from console.wording import title_of

_BY = "`cloudsync restore drill`"
_LAPSED = (
    "What this drill had thawed was not fetched in time and is frozen again. Repeat the command, which begins another "
    "drill; --days has thawed copies stay longer."
)
_PIECE = 1024 * 1024  # bytes

type Fetch = Callable[[list[JobFile], Path], dict[int, tuple[str, str]]]
"""Fetches files into a folder: by their numbers, the path of each in it, or else what is wrong with it. Raises
ConsoleError where that is not known yet, so that the same call goes on later, LapsedError where it never will be."""


def prove(stack: Stack, begun: Begun, get: Fetch) -> Proof:
    """Of a drill whose job is over. Raises ConsoleError, LapsedError, botocore's errors."""
    folder = folder_of(begun.job)
    here = _here(stack, begun, get, folder)
    found = [_compared(stack, begun, file, folder, here.get(file.number)) for file in begun.originals]
    proof = proof_of(begun.job, found, stack=PREFIX + stack.environment, region=stack.account.region, by=_BY)
    store(stack, proof)
    close(stack, begun.job)
    emptied(folder)
    return proof


def _here(stack: Stack, begun: Begun, get: Fetch, folder: Path) -> dict[int, tuple[str, str]]:
    good = [file for file in begun.originals if file.state is not FileState.FAILED]
    if not good or begun.job.state is not JobState.READY:
        return {}
    try:
        if has_lapsed(begun):
            raise LapsedError(_LAPSED)
        return get(good, folder)
    except LapsedError:
        close(stack, begun.job)
        emptied(folder)
        raise


def _compared(stack: Stack, begun: Begun, file: JobFile, folder: Path, here: tuple[str, str] | None) -> ReadBack:
    path, problem = here or ("", file.problem or begun.job.problem or "it was not thawed")
    stated = _stated(stack, file)
    if not path:
        return read_back(file, s3=stated, problem=problem.rstrip("."))
    return read_back(file, s3=stated, read=checksum_of(folder / path))


class _Endings(Unwatched):
    """Takes note of what becomes of each file."""

    def __init__(self) -> None:
        self.results: dict[int, FileResult] = {}

    def ends(self, file: JobFile, result: FileResult) -> None:
        self.results[file.number] = result


def fetching(stack: Stack) -> Fetch:
    """Fetches as `cloudsync restore fetch` does, from the archive of the stack."""

    def fetched(files: list[JobFile], folder: Path) -> dict[int, tuple[str, str]]:
        source, endings = Source.of(stack.account, stack.output("ArchiveBucket")), _Endings()
        ready = [structs.replace(file, state=FileState.READY) for file in files]
        whole = fetch(ready, source, str(folder), watching=endings)
        if whole.stopped:
            raise ConsoleError(whole.stopped)
        return {number: _outcome(result) for number, result in endings.results.items()}

    return fetched


def _outcome(result: FileResult) -> tuple[str, str]:
    match result.ending:
        case Ending.FETCHED | Ending.THERE:
            return result.path, ""
        case Ending.WRONG | Ending.LOST:
            return "", result.problem
        case Ending.ENDED:
            raise LapsedError(_LAPSED)
    raise ConsoleError(f"{file_name(result.filename)}: {result.problem}")


def checksum_of(path: Path) -> str:
    """The CRC-64/NVME of a file, in base64, by bytes that are read here again. Raises ConsoleError."""
    crc, piece = 0, bytearray(_PIECE)
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(piece):
                crc = crc64nvme(memoryview(piece)[:count], crc)
    except OSError as error:
        raise ConsoleError(f"What was fetched cannot be read ({type(error).__name__}): repeat the command.") from None
    return encode_checksum(crc)


def _stated(stack: Stack, file: JobFile) -> str:
    """S3's own checksum of the object; empty where it states none, or has no such object."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    version = {"VersionId": file.version_id} if file.version_id else {}
    with suppress(ClientError):
        answer: dict[str, Any] = stack.client("s3").head_object(
            Bucket=stack.output("ArchiveBucket"), Key=file.key, ChecksumMode="ENABLED", **version
        )
        return str(answer.get("ChecksumCRC64NVME", ""))
    return ""


def store(stack: Stack, proof: Proof) -> None:
    """As JSON and as text. What is there of this drill already stays. Raises botocore's errors."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    for key, kind, content in documents(proof, {name: title_of(name) for name in stack.secrets}):
        try:
            stack.client("s3").put_object(
                Bucket=stack.output("WorkBucket"), Key=key, ContentType=kind, Body=content, IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
