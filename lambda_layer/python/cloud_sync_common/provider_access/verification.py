"""What becomes of a reconciliation that is complete: a certificate in the work bucket, and one mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.provider_access.certificate import (
    EARLIER_VERSIONS,
    THE_BYTES,
    Certificate,
    Choice,
    Compared,
    Reconciled,
    differences,
    documents,
    place_of,
    usage_usd,
)
from cloud_sync_common.provider_access.certificate_store import store
from cloud_sync_common.provider_access.disagreements import MEANINGS, Disagreement
from cloud_sync_common.runtime.wording import count_of, repeated_of
from cloud_sync_common.stores.ledger_rows import LedgerRow, Status
from cloud_sync_common.stores.provider_settings import Mails

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

_NOT_COUNTED = "a reconciliation changes nothing in the ledger; `cloudsync verify` counts."
_POINTERS = "what the pointers of copies say; each was found there, and `cloudsync verify` reads them"
_OTHERS = "other providers of this stack, of which each has certificates of its own"


@dataclass(frozen=True)
class Verification:
    """Tells the owner of one provider's reconciliations. `stack` is its name, `is_only_provider` whether it backs up no
    other, `titles` are the names of providers for people."""

    stack: str
    is_only_provider: bool
    s3: S3Client
    work_bucket: str
    topic: SNSClient
    topic_arn: str
    sender: str = "Cloud Sync"
    titles: Mapping[str, str] = field(default_factory=dict)

    def conclude(
        self, one: Reconciled, counts: Mapping[str, int], repeated: Mapping[str, int], mails: Mails
    ) -> Certificate:
        """Stores the certificate, and then sends the mail, if the owner wants it. `counts` are of what the ledger says
        of files (counts_of), `repeated` is that of a run's report.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        certificate = self._certificate(one, _beside_their_objects(one, counts))
        store(self.s3, self.work_bucket, documents(certificate, self.titles))
        if mails.wants(news=True, trouble=not certificate.agrees):
            self._mail(_subject(one), _well(certificate) if certificate.agrees else _trouble(certificate, repeated))
        return certificate

    def could_not_begin(self, provider: str) -> None:
        """Says that nothing was compared, because a run is under way. It is trouble, which is always mailed. Raises
        ArchiveUnavailableError, ConfigurationError."""
        command = f"cloudsync verify --provider {provider.replace('_', '-')}"
        text = (
            f"Nothing was verified: a run of {self.titles.get(provider, provider)} is under way, and changes what "
            f"would be compared. Next step: when it has ended, `{command}`; otherwise "
            "the next month's verification compares everything."
        )
        self._mail("not verified, because a run is under way", text)

    def _mail(self, subject: str, text: str) -> None:
        send_mail(self.topic, self.topic_arn, f"{self.sender}: {subject}", text)

    def _certificate(self, one: Reconciled, compared: Compared) -> Certificate:
        began, total = datetime.fromisoformat(one.began_at).astimezone(UTC), differences([one], [compared])
        ended = datetime.fromisoformat(one.ended_at)
        key, text_key = place_of(began, one.run_id)
        return Certificate(
            stack=self.stack,
            region=self.s3.meta.region_name,
            began_at=one.began_at,
            ended_at=one.ended_at,
            seconds=max(round((ended - began).total_seconds(), 1), 0.0),
            choice=Choice(),
            is_everything=self.is_only_provider,
            agrees=not total,
            reconciliations=[one],
            compared=[compared],
            safe=[],
            not_counted=_NOT_COUNTED,
            not_compared=list(self._not_compared(compared)),
            estimated_usd=usage_usd([one], [], one.sources + one.items),
            key=key,
            text_key=text_key,
        )

    def _not_compared(self, compared: Compared) -> Iterator[str]:
        yield THE_BYTES
        yield EARLIER_VERSIONS
        if compared.copies:
            yield _POINTERS
        if not self.is_only_provider:
            yield _OTHERS


def _subject(one: Reconciled) -> str:
    total = sum(one.findings.values())
    found = count_of(total, "disagreement") if total else "no disagreements"
    return f"{found} between provider, ledger and archive"


def _counts(one: Reconciled) -> str:
    return (
        f"{count_of(one.items, 'item')} of the provider, {count_of(one.sources, 'archived source')} of the ledger, "
        f"{count_of(one.objects, 'object')} of the archive"
    )


def _well(certificate: Certificate) -> str:
    """One line."""
    (one,) = certificate.reconciliations
    return (
        f"All is well: {_counts(one)} agree, with the size and the checksum of each file; the certificate is "
        f"{certificate.text_key} in the work bucket."
    )


def _trouble(certificate: Certificate, repeated: Mapping[str, int]) -> str:
    """How much was compared, how many rows the provider lists again, what disagrees, and where the whole report is."""
    (one,) = certificate.reconciliations
    lines = [f"Compared: {_counts(one)}. Nothing was changed."]
    if one.listed_again:
        lines.append(
            f"The provider lists {count_of(one.listed_again, 'row')} more than once; each item was compared once."
        )
    if one.left_out:
        lines.append(f"The filters leave out {count_of(one.left_out, 'row')} of the provider; none is missing.")
    lines += repeated_of("archived source", repeated)
    lines += [f"{count:,} {kind}: {MEANINGS[Disagreement(kind)]}." for kind, count in sorted(one.findings.items())]
    lines.append(f"Each is a line of {one.report_key} in the work bucket; the README says what to do.")
    lines.append(f"The certificate is {certificate.text_key} there, and does not expire.")
    return "\n\n".join(lines)


def counts_of(rows: Iterable[LedgerRow]) -> Iterator[tuple[str, int]]:
    """What rows of the ledger add to the counts of certificate.Compared."""
    for row in rows:
        if row.is_item:
            yield "disputed", int(bool(row.disputed))
        elif row.is_source and row.status is not Status.ARCHIVED:
            yield "unarchived", 1
        elif row.is_source:
            yield "bytes", 0 if row.copy_of else row.size
            yield "damaged", int(bool(row.damage))
            yield "copies", int(bool(row.copy_of))


def _beside_their_objects(one: Reconciled, counts: Mapping[str, int]) -> Compared:
    """The part of a reconciliation that `cloudsync verify` does by itself, too: each file and its object."""
    kinds = (Disagreement.MISSING_OBJECT, Disagreement.SIZE_DIFFERS, Disagreement.CHECKSUM_DIFFERS)
    return Compared(
        provider=one.provider,
        files=one.sources,
        requests=one.sources + counts.get("copies", 0),
        findings={kind: count for kind, count in one.findings.items() if kind in kinds},
        examples=[finding for finding in one.examples if finding.kind in kinds],
        **counts,
    )
