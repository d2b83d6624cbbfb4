"""The step RestoreProver (restore-prover): the restore drill of each quarter, where the environment wants one.

It draws one original at random and writes a restore job for it. When the restorer has had it thawed, it reads every
byte, compares, and keeps a certificate. A mail is sent only where something is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common import prices
from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.aws.aws_chunked import encode_checksum
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.prices import GB, HOURS_PER_MONTH
from cloud_sync_common.provider_access.certificate_store import store
from cloud_sync_common.provider_access.restore_proof import ReadBack, documents, proof_of, read_back, text_of
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.wording import size_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_reader import ArchiveReader, Pinned, Unreadable
from cloud_sync_common.stores.archived_sources import ArchivedSource, ArchivedSources
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier
from cloud_sync_common.stores.row_values import now

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

MAX_USD = 0.25  # of one drill; docs/configuration.md states it
DAYS = 3  # that the thawed copy stays: the least that S3 allows in the tier Bulk
RANGE = 64 * 2**20  # bytes of one GET
_SECONDS = 20.0  # that one GET may take, at 3 MB/s
_BY = "the drill of this quarter"
_NEXT = (
    "Next step: `cloudsync restore drill` tries another original now, and `cloudsync verify` compares the checksums of "
    "all of them."
)


class ChooseRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="choose"):
    """The name and the beginning (ISO 8601) of the execution that asks, so that asking twice writes one job."""

    execution: str
    began_at: str


class ProveRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="prove"):
    """`read` bytes of the original are read, whose CRC-64/NVME is `crc` in hexadecimal."""

    job_id: str
    read: int = 0
    crc: str = "0"


class GiveUpRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="give_up"):
    """`error` is what Step Functions knows of it. `job_id` is empty where there is none yet."""

    job_id: str = ""
    error: dict[str, Any] = {}


type ProverRequest = ChooseRequest | ProveRequest | GiveUpRequest


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """`job_id` is empty where there is nothing to have back."""

    job_id: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Not done: the next invocation goes on from `read` and `crc`. `agrees`: every byte was right."""

    job_id: str
    done: bool
    agrees: bool = False
    read: int = 0
    crc: str = "0"


def usd_of_drill(size: int) -> float:
    """What it costs to have an original of that size back once: the retrieval, the thawed copy, and the GETs."""
    copy = prices.STANDARD_GB_MONTH.each * DAYS / (HOURS_PER_MONTH / 24)
    per_gb = prices.RESTORE_BULK_GB.each + copy
    gets = size / RANGE + 2
    return size / GB * per_gb + prices.RESTORE_BULK_REQUEST.each + gets * prices.S3_GET.each


@dataclass(frozen=True)
class RestoreProver:
    """`stack` is its name, `titles` are the providers' names for people."""

    jobs: RestoreJobs
    sources: ArchivedSources
    archive: ArchiveReader
    s3: S3Client
    work_bucket: str
    topic: SNSClient
    topic_arn: str
    deadline: Deadline
    stack: str
    titles: Mapping[str, str] = field(default_factory=dict)
    range_bytes: int = RANGE

    def carry_out(self, request: ProverRequest) -> Chosen | Progress:
        """Raises ArchiveUnavailableError, ConfigurationError."""
        match request:
            case ChooseRequest():
                return self._choose(request)
            case ProveRequest():
                return self._prove(request)
            case GiveUpRequest():
                return self._give_up(request)

    def _choose(self, request: ChooseRequest) -> Chosen:
        job_id = job_id_of(request)
        if self.jobs.get(job_id):
            return Chosen(job_id=job_id)
        drawn = self.sources.drawn(lambda size: usd_of_drill(size) <= MAX_USD)
        if drawn.source is None:
            if drawn.smallest is not None:
                self._mail_none_fits(drawn.smallest)
            return Chosen()
        file = self._file(drawn.source)
        self.jobs.create(_job(job_id, file), [file])
        logger.info("a restore drill", extra={"job_id": job_id, "key": file.key, "bytes": file.size})
        return Chosen(job_id=job_id)

    def _file(self, source: ArchivedSource) -> JobFile:
        """As S3 has it. One that is gone is asked for all the same, so that the restorer says so."""
        try:
            pinned = self.archive.look(source.key)
        except Unreadable:
            pinned = Pinned(source.key, "", "", source.size, "", "")
        return JobFile(
            number=1,
            provider=source.provider,
            media_id=source.media_id,
            filename=pinned.filename or source.key.rpartition("/")[2],
            key=source.key,
            version_id=pinned.version_id,
            size=source.size,
            checksum=source.checksum,
        )

    def _prove(self, request: ProveRequest) -> Progress:
        job, file = self._job(request.job_id)
        if job.proven_at:  # concluded before, by an invocation whose answer was lost, or by the owner's own command
            return Progress(job_id=job.job_id, done=True, agrees=not job.problem)
        if job.state is not JobState.READY or file.state is FileState.FAILED:
            problem = file.problem or job.problem or f"the restorer has left its job as {job.state.value}"
            return self._conclude(job, read_back(file, problem=problem.rstrip(".")))
        try:
            pinned = self.archive.look(file.key, file.version_id)
            if pinned.size != file.size:
                raise Unreadable(f"S3 has {pinned.size:,} bytes in place of {file.size:,}")
            return self._read(request, job, file, pinned)
        except Unreadable as error:
            return self._conclude(job, read_back(file, problem=str(error)))

    def _read(self, request: ProveRequest, job: Job, file: JobFile, pinned: Pinned) -> Progress:
        """Until the time of this invocation is up. Each range counts only when it has arrived whole."""
        read, crc, is_first = request.read, int(request.crc, 16), True
        while read < file.size:
            if not is_first and not self.deadline.allows(_SECONDS):
                return Progress(job_id=job.job_id, done=False, read=read, crc=f"{crc:x}")
            last = min(read + self.range_bytes, file.size) - 1
            read, crc, is_first = last + 1, self.archive.crc(pinned, read, last, crc), False
        return self._conclude(job, read_back(file, s3=pinned.checksum, read=encode_checksum(crc)))

    def _job(self, job_id: str) -> tuple[Job, JobFile]:
        job, file = self.jobs.get(job_id), next(self.jobs.files(job_id), None)
        if job is None or file is None:
            raise ConfigurationError(
                f"There is no restore job {one_line(job_id, 80)} any more, which this drill was for. {_NEXT}"
            )
        return job, file

    def _conclude(self, job: Job, found: ReadBack) -> Progress:
        """The certificate first, then the mail, if something is wrong."""
        proof = proof_of(job, [found], stack=self.stack, region=self.s3.meta.region_name, by=_BY)
        store(self.s3, self.work_bucket, documents(proof, self.titles))
        if not proof.agrees:
            where = f"This certificate is s3://{self.work_bucket}/{proof.text_key}."
            self._mail("the restore drill has failed", f"{text_of(proof, self.titles)}\n{where}\n{_NEXT}")
        self.jobs.update(job.job_id, {"proven_at": now(), "problem": found.problem})
        logger.info("a restore drill has ended", extra={"job_id": job.job_id, "agrees": proof.agrees})
        return Progress(job_id=job.job_id, done=True, agrees=proof.agrees, read=found.size)

    def _give_up(self, request: GiveUpRequest) -> Progress:
        """One mail that nothing was proven."""
        job = f" (job {one_line(request.job_id, 80)})" if request.job_id else ""
        text = f"Nothing was proven by the drill of this quarter{job}: {_cause(request.error)}\n{_NEXT}"
        self._mail("the restore drill could not be carried out", text)
        return Progress(job_id=request.job_id, done=True)

    def _mail_none_fits(self, smallest: int) -> None:
        text = (
            f"A drill of a quarter costs at most {MAX_USD} USD, and no original costs as little to have back: the "
            f"smallest has {size_of(smallest)}. Next step: `cloudsync restore drill`, which says what that costs and "
            "reads it on your machine."
        )
        self._mail("no restore drill, because every original is too large", text)

    def _mail(self, subject: str, text: str) -> None:
        send_mail(self.topic, self.topic_arn, f"Cloud Sync: {subject}", text)


def job_id_of(request: ChooseRequest) -> str:
    """As the owner's command names jobs, and the same for the same execution."""
    began = datetime.fromisoformat(request.began_at)
    return f"restore-{began:%Y%m%dT%H%M%SZ}-{sha256(request.execution.encode()).hexdigest()[:4]}"


def _job(job_id: str, file: JobFile) -> Job:
    return Job(
        job_id=job_id,
        created_at=now(),
        selection="the drill of this quarter: one original at random",
        fingerprint=job_id,
        tier=Tier.BULK,
        days=DAYS,
        files=1,
        bytes=file.size,
        quoted_usd=round(usd_of_drill(file.size), 6),
        max_usd=MAX_USD,
        drill=True,
    )


def _cause(error: Mapping[str, Any]) -> str:
    """Of the state that failed: the function's own sentence, where it has one."""
    cause = str(error.get("Cause", ""))
    try:
        message = msgspec.json.decode(cause, type=dict[str, Any]).get("errorMessage", "")
    except (msgspec.DecodeError, RecursionError):
        message = ""
    return one_line(str(message or error.get("Error") or "the reason is in its execution's history"), 1_000)
