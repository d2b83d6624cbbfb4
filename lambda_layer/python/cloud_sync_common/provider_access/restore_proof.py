"""The certificate of a restore drill: which originals were had back from the archive, and whether every byte was right.

`cloudsync restore drill` writes one, and so does restore-prover each quarter where the environment wants that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from cloud_sync_common.provider_access.certificate import place_of
from cloud_sync_common.runtime.wording import count_of, size_of, usd_of
from cloud_sync_common.safe_text import one_line, redact
from cloud_sync_common.stores.restore_jobs import Job, JobFile

SHAPE = 1  # of the JSON: it changes when a field is renamed or removed
KIND = "restore drill"
_WIDTH = 78  # characters of a line of the text, which most terminals and mails have room for
_LINE = 1_100  # characters of a key: at most 1,024 bytes


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """One original. The checksums are CRC-64/NVME in base64: the ledger's, the one that S3 states for the object, and
    the one of the bytes that were read, all `size` of them. `problem` says why they were not had, or what differs."""

    provider: str
    media_id: str
    filename: str
    key: str
    version_id: str
    size: int
    ledger_checksum: str
    s3_checksum: str = ""
    read_checksum: str = ""
    problem: str = ""

    @property
    def agrees(self) -> bool:
        """Whether every byte was read and all that is known of them is the same."""
        known = {checksum for checksum in (self.ledger_checksum, self.s3_checksum) if checksum}
        return not self.problem and known == {self.read_checksum}


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Times are ISO 8601: of the job's beginning, and of the end of reading. `agrees`: every original was had back, and
    every byte of it is right. `quoted_usd` is what the job was to cost, `by` says who has read them. `key` and
    `text_key` are its places in the work bucket."""

    shape: int = SHAPE
    kind: str = KIND
    stack: str
    region: str
    job_id: str
    tier: str
    began_at: str
    ended_at: str
    quoted_usd: float
    by: str
    agrees: bool
    originals: list[ReadBack]
    key: str
    text_key: str


def read_back(file: JobFile, *, s3: str = "", read: str = "", problem: str = "") -> ReadBack:
    """A file of a job, with S3's checksum of it and that of the bytes that were read."""
    found = ReadBack(
        provider=file.provider,
        media_id=one_line(file.media_id, _LINE),
        filename=one_line(file.filename, _LINE),
        key=one_line(file.key, _LINE),
        version_id=file.version_id,
        size=file.size,
        ledger_checksum=file.checksum,
        s3_checksum=s3,
        read_checksum=read,
        problem=problem,
    )
    if found.agrees or problem:
        return found
    stated = " and ".join(filter(None, [f"{file.checksum} by the ledger", f"{s3} by S3" if s3 else ""]))
    return msgspec.structs.replace(found, problem=f"the bytes have the checksum {read or 'none'}, not {stated}")


def proof_of(job: Job, originals: list[ReadBack], *, stack: str, region: str, by: str) -> Proof:
    """The certificate of a drill that has ended. Its place is by the job, so that one drill has one certificate."""
    key, text_key = place_of(_moment(job.created_at), f"restore-drill-{job.job_id.rpartition('-')[2]}")
    return Proof(
        stack=stack,
        region=region,
        job_id=job.job_id,
        tier=job.tier.value,
        began_at=job.created_at,
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        quoted_usd=job.quoted_usd,
        by=by,
        agrees=bool(originals) and all(one.agrees for one in originals),
        originals=originals,
        key=key,
        text_key=text_key,
    )


def documents(proof: Proof, titles: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Its two files, without secrets: the key, the content type, and the content. `titles` are the providers' names."""
    document = msgspec.json.format(msgspec.json.encode(proof)).decode() + "\n"
    yield proof.key, "application/json", redact(document).encode()
    yield proof.text_key, "text/plain; charset=utf-8", redact(text_of(proof, titles)).encode()


def text_of(proof: Proof, titles: Mapping[str, str]) -> str:
    """For people, on lines that a terminal of 80 columns has room for, but for long keys."""
    return "\n".join(_lines(proof, titles)) + "\n"


def _lines(proof: Proof, titles: Mapping[str, str]) -> Iterator[str]:
    bad, count = [one for one in proof.originals if not one.agrees], len(proof.originals)
    yield f"Certificate of a restore drill of {proof.stack} ({proof.region}), {proof.ended_at}"
    yield ""
    if proof.agrees:
        yield f"Result: {count_of(count, 'original')} had back, and every byte is right."
    else:
        yield f"Result: {len(bad)} of {count_of(count, 'original')} not had back as archived."
    yield f"By {proof.by}, with the job {proof.job_id}"
    yield f"of {proof.began_at}; S3's tier {proof.tier}, quoted {usd_of(proof.quoted_usd)}."
    for one in proof.originals:
        yield ""
        yield f"{titles.get(one.provider, one.provider)}: {one.filename}, {size_of(one.size)} ({one.size:,} bytes)"
        yield f"  {one.key}{f', version {one.version_id}' if one.version_id else ''}"
        if one.agrees:
            yield f"  CRC-64/NVME of the bytes read: {one.read_checksum}, as archived."
        else:
            yield from _wrapped(f"{one.problem}.")
    yield ""
    yield "Not looked at: every other original. `cloudsync verify` compares their checksums."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
