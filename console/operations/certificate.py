"""The certificate of a verification: what was compared, what differs, and how it is kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from cloud_sync_common.provider_access.disagreements import MEANINGS, Disagreement, Finding
from cloud_sync_common.runtime.wording import count_of, size_of
from cloud_sync_common.safe_text import redact

from console.operations.reconciled import Reconciled
from console.operations.stored_checksums import Choice, Compared
from console.stack import Stack

CERTIFICATES = "certificates/"  # a prefix of the work bucket that does not expire (cloud_sync/storage.py)
SHAPE = 1  # of the JSON: it changes when a field is renamed or removed
_NAMED = 20  # differences of each list that the text names; the JSON has more


class Months(msgspec.Struct, frozen=True, kw_only=True):
    """What is safe of a provider, as it was counted anew: media items, the bytes of their latest versions, months."""

    provider: str
    originals: int
    bytes: int
    months: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Times are ISO 8601. `agrees`: nothing differs in what was compared; `is_everything`: that was each archived file.
    `not_counted` says why the months were not counted anew. `estimated_usd` is for requests and reads, without the time
    of the functions. `key` and `text_key` are its places in the work bucket."""

    shape: int = SHAPE
    stack: str
    region: str
    began_at: str
    ended_at: str
    seconds: float
    choice: Choice
    is_everything: bool
    agrees: bool
    reconciliations: list[Reconciled]
    compared: list[Compared]
    safe: list[Months]
    not_counted: str
    estimated_usd: float
    key: str
    text_key: str


def differences(reconciliations: list[Reconciled], compared: list[Compared]) -> int:
    """How many there are; one that both have found counts twice."""
    findings = [*(one.findings for one in reconciliations), *(one.findings for one in compared)]
    return sum(sum(counts.values()) for counts in findings)


def store(stack: Stack, certificate: Certificate) -> None:
    """Writes it as JSON and as text, and overwrites nothing. Raises botocore's errors."""
    document = msgspec.json.format(msgspec.json.encode(certificate)).decode() + "\n"
    for key, kind, content in (
        (certificate.key, "application/json", document),
        (certificate.text_key, "text/plain; charset=utf-8", text_of(certificate)),
    ):
        stack.client("s3").put_object(
            Bucket=stack.output("WorkBucket"), Key=key, ContentType=kind, Body=redact(content).encode(), IfNoneMatch="*"
        )


def text_of(certificate: Certificate) -> str:
    """For people, on lines that a terminal of 80 columns mostly has room for."""
    return "\n".join(_lines(certificate)) + "\n"


def _lines(one: Certificate) -> Iterator[str]:
    total = differences(one.reconciliations, one.compared)
    yield f"Certificate of {one.stack} ({one.region}), {one.ended_at}"
    yield ""
    yield "Result: everything that was compared agrees." if one.agrees else f"Result: {count_of(total, 'difference')}."
    yield from _looked_at(one.choice)
    yield f"It took {one.seconds:,.0f} s and about {one.estimated_usd:.4f} USD, without the functions' time."
    for reconciliation in one.reconciliations:
        yield ""
        yield from _of_reconciliation(reconciliation)
    for compared in one.compared:
        yield ""
        yield from _of_compared(compared)
    yield ""
    yield from _of_months(one)
    yield ""
    yield "Not looked at: the bytes themselves. S3 stated the checksum that it computed"
    yield "when it stored each object. Nothing was thawed, and nothing was changed."


def _looked_at(choice: Choice) -> Iterator[str]:
    yield f"Looked at: files archived since {choice.since}" if choice.since else "Looked at: every archived file"
    if choice.sample:
        yield f"  {choice.sample:,} of them at random, with the seed {choice.seed}"


def _of_reconciliation(one: Reconciled) -> Iterator[str]:
    yield f"{one.provider}: provider, ledger and archive, by the reconciliation"
    yield f"  {one.run_id} of {one.began_at}"
    yield f"  {one.items:,} items of the provider, {one.sources:,} archived files of the ledger,"
    yield f"  {one.objects:,} objects of the archive"
    if one.left_out:
        yield f"  {one.left_out:,} rows of the provider are left out by filters; none is missing"
    yield from _of_findings(one.findings, one.examples)
    if one.findings:
        yield f"  Each is in {one.report_key}, for as long as runs are kept."


def _of_compared(one: Compared) -> Iterator[str]:
    yield f"{one.provider}: each file's size and CRC-64/NVME, the ledger's beside S3's"
    yield f"  {one.files:,} {'file' if one.files == 1 else 'files'}, {size_of(one.bytes)} ({one.bytes:,} bytes)"
    for count, words in (
        (one.copies, "of them are copies: their pointers and the objects with the bytes"),
        (one.damaged, "of them are damaged already at the provider, and are as they are there"),
        (one.changed, "got a later version meanwhile"),
        (one.earlier, "were archived before, and were not looked at"),
        (one.unarchived, "are not archived, or a later version is on its way: not looked at"),
        (one.disputed, "items have a published hash that is not that of their bytes"),
    ):
        if count:
            yield f"  {count:,} {words}"
    yield from _of_findings(one.findings, one.examples)


def _of_findings(findings: dict[str, int], examples: list[Finding]) -> Iterator[str]:
    """What differs, by kind, and the first of each list."""
    if not findings:
        yield "  Everything agrees."
        return
    meanings = {str(kind): text for kind, text in MEANINGS.items()}
    for kind, count in sorted(findings.items()):
        yield f"  {count:,} {kind}: {meanings.get(kind, 'of a later version of Cloud Sync')}"
    for finding in examples[:_NAMED]:
        place = ", ".join(filter(None, [finding.media_id, finding.key, finding.detail]))
        yield f"  - {Disagreement(finding.kind)}: {place}"
    if sum(findings.values()) > _NAMED:
        yield f"  - and {sum(findings.values()) - min(_NAMED, len(examples)):,} more"


def _of_months(one: Certificate) -> Iterator[str]:
    if one.not_counted:
        yield f"What is safe was not counted anew: {one.not_counted}"
        return
    yield "What is safe, counted anew by month:"
    for safe in one.safe:
        originals, months = count_of(safe.originals, "original"), count_of(safe.months, "month")
        yield f"  {safe.provider}: {originals}, {size_of(safe.bytes)}, {months}"
