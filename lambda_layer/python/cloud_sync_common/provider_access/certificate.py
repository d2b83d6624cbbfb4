"""The certificate of a verification: what was compared, what differs, and what was not looked at.

`cloudsync verify` writes one, and so does every reconciliation when it is complete, as the monthly ones are.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from cloud_sync_common import prices
from cloud_sync_common.provider_access.disagreements import MEANINGS, Disagreement, Finding
from cloud_sync_common.runtime.wording import count_of, size_of, usd_of
from cloud_sync_common.safe_text import one_line, redact

CERTIFICATES = "certificates/"  # a prefix of the work bucket that does not expire (cloud_sync/storage.py)
SHAPE = 1  # of the JSON: it changes when a field is renamed or removed
MOST_SHOWN = 100  # findings that a certificate names; the report of the reconciliation names all
FILES = 2  # of one certificate: JSON and text
_NAMED = 20  # differences of each list that the text names; the JSON has more
_WIDTH = 78  # characters of a line of the text, which most terminals and mails have room for
_LINE = 1_100  # characters of a key or a detail: a key of S3 has at most 1,024 bytes
# Rows of 0.6 KB, as the cost model counts them, in a walk that is eventually consistent: half a unit for each 4 KB.
_READ_UNITS_PER_ROW = 0.075

THE_BYTES = (
    "the bytes themselves. S3 stated the checksum that it computed when it stored each object; nothing was thawed, and "
    "nothing was changed"
)
EARLIER_VERSIONS = "versions of objects that are not the latest"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which files are looked at: those archived at `since` (ISO 8601 in UTC) or later, and of these `sample` (0: all),
    at random. The same `seed` chooses the same ones of the same library."""

    since: str = ""
    sample: int = 0
    seed: str = ""

    @property
    def is_everything(self) -> bool:
        return not self.since and not self.sample


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What a reconciliation of one provider has compared: `items` of the provider, archived `sources` of the ledger,
    `objects` of the archive. `findings` counts disagreements by kind, `examples` has the first MOST_SHOWN, and
    `report_key` names all, in the work bucket. `is_new`: it was started or joined for this certificate. `left_out` are
    rows that filters leave out, `listed_again` rows that the provider lists more than once."""

    provider: str
    run_id: str
    began_at: str
    ended_at: str
    is_new: bool
    items: int = 0
    sources: int = 0
    objects: int = 0
    left_out: int = 0
    listed_again: int = 0
    findings: dict[str, int] = {}
    report_key: str = ""
    examples: list[Finding] = []


class Compared(msgspec.Struct, kw_only=True):
    """Files of one provider that are beside their objects: how many, and the bytes of originals. `copies` of them are
    pointers to an object with the bytes, `damaged` are as the provider has them, `changed` got a later version while
    they were looked at. `earlier` were archived before `since`, `unarchived` are files whose upload is not complete.
    `disputed` are items whose published hash is in doubt. `requests` went to S3."""

    provider: str
    files: int = 0
    bytes: int = 0
    copies: int = 0
    damaged: int = 0
    earlier: int = 0
    unarchived: int = 0
    disputed: int = 0
    changed: int = 0
    requests: int = 0
    findings: dict[str, int] = {}
    examples: list[Finding] = []


class Months(msgspec.Struct, frozen=True, kw_only=True):
    """What is safe of a provider, as it was counted anew: media items, the bytes of their latest versions, months."""

    provider: str
    originals: int
    bytes: int
    months: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Times are ISO 8601. `agrees`: nothing differs in what was compared; `is_everything`: that was each archived file.
    `not_compared` says in words what was not looked at, `not_counted` why the months were not counted anew.
    `estimated_usd` is for requests and reads, without the time of the functions. `key` and `text_key` are its places in
    the work bucket. `deep_job`: the job of S3 Batch Operations that has read the bytes again, or empty."""

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
    not_compared: list[str]
    estimated_usd: float
    key: str
    text_key: str
    deep_job: str = ""


def place_of(moment: datetime, name: str) -> tuple[str, str]:
    """Where a certificate of this moment in UTC is kept: the keys of its JSON and of its text."""
    key = f"{CERTIFICATES}{moment:%Y-%m-%dT%H%M%SZ}-{name}"
    return f"{key}.json", f"{key}.txt"


def differences(reconciliations: Iterable[Reconciled], compared: Iterable[Compared]) -> int:
    """How many there are. Of one kind and provider, those that both have found are the same ones."""
    found: Counter[tuple[str, str]] = Counter()
    both: list[Reconciled | Compared] = [*reconciliations, *compared]
    for one in both:
        found |= Counter({(one.provider, kind): count for kind, count in one.findings.items()})
    return found.total()


def usage_usd(reconciliations: Iterable[Reconciled], compared: Iterable[Compared], rows: int) -> float:
    """Of a HEAD for each file, of a reconciliation that was started for it, whose listing of the archive has 1,000
    objects a request, and of `rows` of the ledger that were read besides."""
    started = [run for run in reconciliations if run.is_new]
    usage = {
        prices.S3_GET: sum(one.requests for one in compared) + sum(run.sources for run in started),
        prices.S3_PUT: FILES + sum(run.objects / 1_000 for run in started),
        prices.DYNAMODB_READ: rows * _READ_UNITS_PER_ROW,
    }
    return round(prices.total(usage), 6)


def examples_in(lines: Iterable[bytes]) -> list[Finding]:
    """The first findings of a reconciliation's report, which may be long: no more of it is read than is shown."""
    found: list[Finding] = []
    for line in lines:
        if len(found) >= MOST_SHOWN:
            break
        one = msgspec.json.decode(line, type=Finding)
        found.append(Finding(one.kind, one_line(one.media_id, _LINE), one_line(one.key, _LINE), one_line(one.detail)))
    return found


def documents(certificate: Certificate, titles: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Its two files, without secrets: the key, the content type, and the content. `titles` are the providers' names."""
    document = msgspec.json.format(msgspec.json.encode(certificate)).decode() + "\n"
    yield certificate.key, "application/json", redact(document).encode()
    yield certificate.text_key, "text/plain; charset=utf-8", redact(text_of(certificate, titles)).encode()


def text_of(certificate: Certificate, titles: Mapping[str, str]) -> str:
    """For people, on lines that a terminal of 80 columns has room for, but for long keys."""
    return "\n".join(_lines(certificate, titles)) + "\n"


def _lines(one: Certificate, titles: Mapping[str, str]) -> Iterator[str]:
    total = differences(one.reconciliations, one.compared)
    yield f"Certificate of {one.stack} ({one.region}), {one.ended_at}"
    yield ""
    yield "Result: everything that was compared agrees." if one.agrees else f"Result: {count_of(total, 'difference')}."
    yield from _looked_at(one.choice)
    yield f"It took {one.seconds:,.0f} s and about {usd_of(one.estimated_usd)}, without the functions' time."
    for reconciliation in one.reconciliations:
        yield ""
        yield from _of_reconciliation(reconciliation, titles)
    for compared in one.compared:
        yield ""
        yield from _of_compared(compared, titles, one.deep_job)
    yield ""
    yield from _of_months(one, titles)
    yield ""
    yield "Not looked at:"
    for text in one.not_compared:
        yield from _wrapped(f"- {text}.")


def _wrapped(text: str) -> list[str]:
    """On lines of which no key is broken."""
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _looked_at(choice: Choice) -> Iterator[str]:
    yield f"Looked at: files archived since {choice.since}" if choice.since else "Looked at: every archived file"
    if choice.sample:
        yield f"  {choice.sample:,} of them at random, with the seed {choice.seed}"


def _of_reconciliation(one: Reconciled, titles: Mapping[str, str]) -> Iterator[str]:
    yield f"{titles.get(one.provider, one.provider)}: provider, ledger and archive, by the reconciliation"
    yield f"  {one.run_id} of {one.began_at}"
    yield f"  {count_of(one.items, 'item')} of the provider, {count_of(one.sources, 'archived file')} of the ledger,"
    yield f"  {count_of(one.objects, 'object')} of the archive"
    if one.left_out:
        yield f"  filters leave out {count_of(one.left_out, 'row')} of the provider; none is missing"
    if one.listed_again:
        yield f"  {count_of(one.listed_again, 'row')} listed more than once; each item was compared once"
    yield from _of_findings(one.findings, one.examples)
    if one.findings:
        yield from _wrapped(f"Each is in {one.report_key}, for as long as runs are kept.")


def _of_compared(one: Compared, titles: Mapping[str, str], deep_job: str) -> Iterator[str]:
    title, pointers = titles.get(one.provider, one.provider), "" if deep_job else "the pointers, and "
    if deep_job:
        yield f"{title}: the bytes, read again by S3: their CRC-64/NVME beside the"
        yield f"  ledger's, by the job {deep_job}"
    else:
        yield f"{title}: each file's size and CRC-64/NVME, the ledger's beside S3's"
    yield f"  {count_of(one.files, 'file')}, {size_of(one.bytes)} ({one.bytes:,} bytes)"
    for count, first, firsts, words in (
        (one.copies, "of them is a copy", "of them are copies", f": {pointers}the objects with the bytes"),
        (one.damaged, "of them is", "of them are", " damaged already at the provider, and archived as it is there"),
        (one.changed, "file got", "files got", " a later version meanwhile"),
        (one.earlier, "file was", "files were", " archived before: not looked at"),
        (one.unarchived, "file is", "files are", " not archived, or has a later version on its way: not looked at"),
        (one.disputed, "item has", "items have", " a published hash that is not that of the bytes"),
    ):
        if count:
            yield f"  {count_of(count, first, firsts)}{words}"
    yield from _of_findings(one.findings, one.examples)


def _of_findings(findings: dict[str, int], examples: list[Finding]) -> Iterator[str]:
    """What differs, by kind, and the first of each list."""
    if not findings:
        yield "  Everything agrees."
        return
    meanings = {str(kind): text for kind, text in MEANINGS.items()}
    for kind, count in sorted(findings.items()):
        yield from _wrapped(f"{count:,} {kind}: {meanings.get(kind, 'of a later version of Cloud Sync')}")
    for finding in examples[:_NAMED]:
        place = ", ".join(filter(None, [finding.media_id, finding.key, finding.detail]))
        yield from _wrapped(f"- {Disagreement(finding.kind)}: {place}")
    if sum(findings.values()) > _NAMED:
        yield f"  - and {sum(findings.values()) - min(_NAMED, len(examples)):,} more"


def _of_months(one: Certificate, titles: Mapping[str, str]) -> Iterator[str]:
    if one.not_counted:
        yield from textwrap.wrap(f"What is safe was not counted anew: {one.not_counted}", _WIDTH)
        return
    yield "What is safe, counted anew by month:"
    for safe in one.safe:
        originals, months = count_of(safe.originals, "original"), count_of(safe.months, "month")
        yield f"  {titles.get(safe.provider, safe.provider)}: {originals}, {size_of(safe.bytes)}, {months}"
