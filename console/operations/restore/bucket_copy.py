"""One object of the archive copied to another bucket within the cloud: no byte passes through this machine.

S3 computes the copy's CRC-64/NVME over the whole object; here it is only compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from console.errors import ConsoleError, CredentialsRefusedError, NotFoundError, UsageError

AT_ONCE = 5 * 2**30  # bytes: the most that one CopyObject copies (S3 API reference, CopyObject)
PART = 512 * 2**20  # bytes
_MIB = 2**20
MOST_PARTS = 10_000  # of one object (S3 user guide, "Multipart upload limits")
ALGORITHM = "CRC64NVME"
MISSING = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
_TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled"}


class TakenError(Exception):
    """Something has that key by now."""


class DiffersError(Exception):
    """S3 has computed another checksum than the one that was stated, and has made no object of the parts."""


class StillFrozenError(Exception):
    """S3 cannot read the object: it is not thawed."""


class StoppedError(Exception):
    """The command ends, so that this copy was given up."""


@dataclass(frozen=True)
class Place:
    """Where copies go. `prefix` is empty or ends in `/`."""

    bucket: str
    prefix: str
    storage_class: str = "STANDARD"


@dataclass(frozen=True)
class Original:
    """An object with an original's bytes, as its HEAD says. `checksum` is S3's over the whole object, in base64."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    checksum: str
    head: Mapping[str, Any] = field(repr=False)

    @property
    def as_source(self) -> dict[str, Any]:
        """Pinned to its version and ETag."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"CopySource": {"Bucket": self.bucket, "Key": self.key, **version}, "CopySourceIfMatch": self.etag}


@dataclass(frozen=True)
class Sizes:
    """In bytes: what is copied by one request, and the parts of what is larger."""

    at_once: int = AT_ONCE
    part: int = PART


def ranges(size: int, part: int) -> Iterator[tuple[int, int, int]]:
    """The parts of an object: number, first byte, last byte. They are larger than `part`, in whole MiB, where there
    would be more than MOST_PARTS."""
    least = -(-size // MOST_PARTS)
    part = part if part >= least else -(-least // _MIB) * _MIB
    for number, first in enumerate(range(0, size, part), 1):
        yield number, first, min(first + part, size) - 1


@dataclass
class BucketCopy:
    """Copies to one place. `parts` carries out the requests for parts, `stop` ends what is under way.
    Every method raises botocore's errors where no sentence is here, and ConsoleError for what no file can be copied
    with."""

    s3: Any
    place: Place
    parts: Executor
    stop: Event = field(default_factory=Event)
    sizes: Sizes = field(default_factory=Sizes)

    def look(self, key: str) -> Any:
        """The HEAD of what has that key at the place; None where nothing has it."""
        with self._sentences():
            try:
                return self.s3.head_object(Bucket=self.place.bucket, Key=key, ChecksumMode="ENABLED")
            except _client_error() as error:
                if _code(error) in MISSING:
                    return None
                raise

    def copy(self, original: Original, key: str, over: str = "") -> None:
        """Makes an object of that key, or replaces the one whose ETag is `over`. Raises TakenError, DiffersError,
        StillFrozenError, StoppedError."""
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        with self._sentences():
            if original.size <= self.sizes.at_once:
                self._whole(original, key, condition)
            else:
                self._in_parts(original, key, condition)

    def remove(self, key: str, there: Mapping[str, Any]) -> bool:
        """Deletes a wrong copy that was made here, and says whether it could."""
        version = {"VersionId": there["VersionId"]} if there.get("VersionId") else {"IfMatch": there["ETag"]}
        try:
            self.s3.delete_object(Bucket=self.place.bucket, Key=key, **version)
        except _client_error():
            return False
        return True

    def _whole(self, original: Original, key: str, condition: Mapping[str, str]) -> None:
        """The metadata comes along by itself; tags do not, which would need further permissions."""
        self._check_stop()
        self.s3.copy_object(
            Bucket=self.place.bucket,
            Key=key,
            **original.as_source,
            **condition,
            ChecksumAlgorithm=ALGORITHM,
            StorageClass=self.place.storage_class,
            TaggingDirective="REPLACE",
        )

    def _in_parts(self, original: Original, key: str, condition: Mapping[str, str]) -> None:
        head = original.head
        target = {"Bucket": self.place.bucket, "Key": key}
        upload = {**target, "UploadId": self.s3.create_multipart_upload(
            **target,
            Metadata=head.get("Metadata", {}),
            ContentType=head.get("ContentType", "application/octet-stream"),
            StorageClass=self.place.storage_class,
            ChecksumAlgorithm=ALGORITHM,
            ChecksumType="FULL_OBJECT",
        )["UploadId"]}  # fmt: skip
        try:
            done = list(self._copied_parts(original, upload))
            self.s3.complete_multipart_upload(
                **upload,
                MultipartUpload={"Parts": done},
                MpuObjectSize=original.size,
                ChecksumType="FULL_OBJECT",
                **({"ChecksumCRC64NVME": original.checksum} if original.checksum else {}),
                **condition,
            )
        except BaseException:
            self._abort(upload)
            raise

    def _copied_parts(self, original: Original, upload: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        given_up = Event()

        def one(part: tuple[int, int, int]) -> dict[str, Any]:
            number, first, last = part
            if given_up.is_set():
                raise StoppedError
            self._check_stop()
            answer = self.s3.upload_part_copy(
                **upload, PartNumber=number, CopySourceRange=f"bytes={first}-{last}", **original.as_source
            )["CopyPartResult"]
            checksum = {"ChecksumCRC64NVME": answer["ChecksumCRC64NVME"]} if "ChecksumCRC64NVME" in answer else {}
            return {"PartNumber": number, "ETag": answer["ETag"], **checksum}

        asked = [self.parts.submit(one, part) for part in ranges(original.size, self.sizes.part)]
        try:
            for part in asked:
                yield part.result()
        finally:
            given_up.set()  # whatever is not begun, where one has failed
            for part in asked:
                part.exception() if not part.cancel() else None  # an upload can be aborted when no part is under way

    def _abort(self, upload: Mapping[str, str]) -> None:
        """What cannot be aborted either is left to the bucket's lifecycle; the first error is the one that counts."""
        try:
            self.s3.abort_multipart_upload(**upload)
        except _client_error():
            return

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise StoppedError

    def _sentences(self) -> _Sentences:
        return _Sentences(self.place)


@dataclass(frozen=True)
class _Sentences:
    """Around requests to the place: what S3's refusals mean there."""

    place: Place

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _tb: object) -> None:
        if not isinstance(error, _client_error()):
            return
        code = _code(error)
        if code in _TAKEN:
            raise TakenError from None
        if code == "BadDigest":
            raise DiffersError from None
        if code == "InvalidObjectState":
            raise StillFrozenError from None
        if meaning := _refusal(code, self.place):
            raise meaning from None


def _refusal(code: str, place: Place) -> ConsoleError | None:
    """None: what AWS's refusals mean elsewhere is right here, too."""
    if code == "NoSuchBucket":
        return NotFoundError(f"There is no bucket {place.bucket}. Make it, or correct --to.")
    if code in _DENIED:
        return CredentialsRefusedError(
            f"The AWS credentials may not copy to s3://{place.bucket}/{place.prefix} ({code}). They need s3:ListBucket "
            "on the bucket, and s3:GetObject, s3:PutObject and s3:AbortMultipartUpload below it; in another account, "
            "the bucket's policy has to allow them as well, and a bucket or an original with a KMS key needs "
            "kms:GenerateDataKey and kms:Decrypt of that key."
        )
    if code.lower().startswith("kms"):
        kind = CredentialsRefusedError if "denied" in code.lower() else ConsoleError
        return kind(
            f"The KMS key of the bucket {place.bucket}, or the archive's, cannot be used ({code}). Check that it is "
            "enabled and that its key policy lets you use kms:GenerateDataKey and kms:Decrypt."
        )
    if code == "InvalidStorageClass":
        return UsageError(f"The bucket {place.bucket} does not take the storage class {place.storage_class}.")
    if code == "KeyTooLongError":
        return UsageError("--to has too long a prefix: a key of S3 has at most 1,024 bytes. Choose a shorter one.")
    return None


def _client_error() -> Any:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    return ClientError


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
