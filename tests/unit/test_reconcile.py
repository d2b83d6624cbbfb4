"""The step behind archive-reconciler: it finds every disagreement and nothing else, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from cloud_sync_common.exceptions import CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.provider_access import absent_items
from cloud_sync_common.provider_access.verification import Verification
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps import reconcile
from cloud_sync_common.steps.reconcile import ArchiveReconciler, ReconcileRequest, ReconcileResult
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.contents import Contents, by_checksum
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.stores.provider_settings import Mails
from cloud_sync_common.stores.runs import RunStatus
from cloud_sync_common.stores.work_files import WorkFile

from tests.unit.doubles import PLENTY, Account, Lease, Store, session_of
from tests.unit.in_process_aws import WORK, InProcessAws, running_aws

ARCHIVE = "archive"
LONG_AGO, IN_A_CENTURY = "2000-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00"
ITEMS = [MediaItem(media_id=f"clip{number}", filename=f"GX01000{number}.MP4") for number in range(5)]
CHECKSUM = "7Ujnccgdw5E="


def key_of(item: MediaItem, suffix: str = "") -> str:
    return f"gopro/2026/01/{item.media_id}/GX010001{suffix}.MP4"


CREDENTIALS = Credentials(provider="gopro", access_token="t", version="v1")


@dataclass
class Bench:
    """An archive without disagreements, and the step."""

    aws: InProcessAws
    account: Account = field(default_factory=Account)
    lease: Lease = field(default_factory=Lease)
    store: Store = field(default_factory=lambda: Store(CREDENTIALS))

    def __post_init__(self) -> None:
        self.aws.s3.create_bucket(Bucket=ARCHIVE)
        self.account.pages = lambda number: page(number, [item.media_id for item in ITEMS])
        for item in ITEMS:
            self.archive(item)

    def archive(self, item: MediaItem, copy: int = 1) -> None:
        key = key_of(item, "" if copy == 1 else f"-v{copy}")
        self.put(key)
        row = SourceRow(status=Status.ARCHIVED, key=key, size=4, checksum=CHECKSUM, copy=copy)
        self.aws.ledger.claim(item, "run-0", 60)
        self.aws.ledger.archive_source(item.media_id, 1, "run-0", row)
        self.aws.ledger.archive_item(item.media_id, "run-0", bytes_total=4)

    def put(self, key: str, body: bytes = b"clip", checksum: str = CHECKSUM) -> None:
        """`checksum`: empty for the true one."""
        stated: Any = {"ChecksumCRC64NVME": checksum} if checksum else {}
        self.aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME", **stated)

    def slice(
        self,
        cursor: str | None,
        deadline: Deadline,
        started_at: str,
        filters: Filters | None = None,
        contents: Contents | None = None,
        mails: Mails = Mails.EVERY_NIGHT,
    ) -> ReconcileResult:
        """One invocation."""
        s3 = self.aws.s3
        step = ArchiveReconciler(
            session=session_of(self.account, self.store, self.lease, deadline),
            ledger=self.aws.ledger,
            runs=self.aws.runs,
            archive=Archive(s3, ARCHIVE, "STANDARD"),
            listed=WorkFile(s3, WORK, "run-1", "listed.bin", "the ids"),
            report=WorkFile(s3, WORK, "run-1", "reconciliation.jsonl", "the report"),
            verification=verification_of(self.aws),
            deadline=deadline,
            contents=contents,
        )
        request = ReconcileRequest(
            run_id="run-1",
            provider="gopro",
            started_at=started_at,
            filters=filters or Filters(),
            mails=mails,
            cursor=cursor,
        )
        return step.reconcile(request)

    def reconcile(
        self,
        deadline: Deadline = PLENTY,
        started_at: str = IN_A_CENTURY,
        filters: Filters | None = None,
        contents: Contents | None = None,
    ) -> list[ReconcileResult]:
        """Invokes the step until it is complete, as the state machine does."""
        results = [self.slice(None, deadline, started_at, filters, contents)]
        while results[-1].status == "IN_PROGRESS":
            results.append(self.slice(results[-1].next_cursor, deadline, started_at, filters, contents))
        return results

    def certificate(self) -> tuple[dict[str, Any], str]:
        """The only one: its JSON, and its text."""
        answer = self.aws.s3.list_objects_v2(Bucket=WORK, Prefix="certificates/")
        document, text = (
            self.aws.s3.get_object(Bucket=WORK, Key=found["Key"])["Body"].read().decode()
            for found in answer["Contents"]
        )
        return json.loads(document), text

    def report(self) -> list[dict[str, str]]:
        body = self.aws.s3.get_object(Bucket=WORK, Key="runs/run-1/reconciliation.jsonl")["Body"].read()
        return [json.loads(line) for line in body.splitlines()]


def verification_of(aws: InProcessAws) -> Verification:
    return Verification("CloudSync-dev", True, aws.s3, WORK, aws.sns, aws.topic_arn)


def page(number: int, ids: list[str], rows: int = 2, total: int | None = None) -> MediaPage:
    """Page `number` of a listing of two rows a page."""
    shown = ids[(number - 1) * rows : number * rows]
    more = str(number + 1) if number * rows < len(ids) else None
    items = tuple(MediaItem(media_id=media_id, filename="GX.MP4") for media_id in shown)
    return MediaPage(items=items, next_cursor=more, total=len(ids) if total is None else total)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_aws(monkeypatch) as aws:
        yield Bench(aws)


def test_without_disagreements_one_mail_of_one_line_says_so(bench: Bench) -> None:
    (result,) = bench.reconcile()
    assert (result.status, result.items, result.sources, result.objects) == ("COMPLETE", 5, 5, 5)
    assert result.findings == {} and bench.report() == []
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: no disagreements between provider, ledger and archive"
    assert mail["Message"] == (
        "All is well: 5 items of the provider, 5 archived sources of the ledger, 5 objects of the archive agree, with "
        "the size and the checksum of each file; the certificate is certificates/2100-01-01T000000Z-run-1.txt in the "
        "work bucket."
    )


def forget(bench: Bench, media_id: str) -> None:
    """Deletes the rows of an item."""
    for sk in ("ITEM", "SOURCE#0001"):
        bench.aws.table.delete_item(Key={"pk": f"gopro#{media_id}", "sk": sk})


def test_a_repeated_invocation_that_had_stored_its_report_reports_nothing_twice(bench: Bench) -> None:
    for item in ITEMS[:3]:
        forget(bench, item.media_id)
    hurried, cursor, result = Deadline(lambda: 0.0, 0.0), None, None
    while result is None or cursor:
        bench.slice(cursor, hurried, IN_A_CENTURY)  # its response is lost
        result = bench.slice(cursor, hurried, IN_A_CENTURY)
        cursor = result.next_cursor
    found = [(line["kind"], line.get("media_id"), line.get("key")) for line in bench.report()]
    assert len(found) == len(set(found)) == sum(result.findings.values()) == 6


def trash(bench: Bench, media_id: str) -> None:
    left = [item.media_id for item in ITEMS if item.media_id != media_id]
    bench.account.pages = lambda number: page(number, left)


def hide(bench: Bench, media_id: str) -> None:
    """The provider lists the item no more, and has it."""
    trash(bench, media_id)
    bench.account.unlisted[media_id] = next(item for item in ITEMS if item.media_id == media_id)


def set_row(bench: Bench, sk: str = "ITEM", **fields: object) -> None:
    """Writes attributes as somebody does who has got hold of a function's role; None removes one."""
    key = {"pk": "gopro#clip1", "sk": sk}
    row = bench.aws.table.get_item(Key=key).get("Item", key)
    changed = {name: value for name, value in {**row, **fields}.items() if value is not None}
    bench.aws.table.put_item(Item=cast(Any, changed))


def lose_everything_but_the_item(bench: Bench) -> None:
    bench.aws.table.delete_item(Key={"pk": "gopro#clip1", "sk": "SOURCE#0001"})
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1]))


DAMAGES: dict[str, tuple[Callable[[Bench], object], dict[str, int]]] = {
    "an object is gone": (
        lambda b: b.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1])),
        {"missing_object": 1},
    ),
    "an object is shorter": (lambda b: b.put(key_of(ITEMS[1]), b"cli"), {"size_differs": 1}),
    "an object has other bytes": (
        lambda b: b.put(key_of(ITEMS[1]), b"clop", "oxR6iwgptVo="),
        {"checksum_differs": 1},
    ),
    "an object that no row names": (lambda b: b.put(key_of(ITEMS[1], "-02")), {"orphan_object": 1}),
    "an object that is not even of an item": (lambda b: b.put("gopro/readme.txt"), {"orphan_object": 1}),
    "rows are gone": (lambda b: forget(b, "clip1"), {"orphan_object": 1, "not_in_ledger": 1}),
    "an item is ARCHIVED without any source or object": (lose_everything_but_the_item, {"incomplete_item": 1}),
    "an item is ARCHIVED, and its source is not": (
        lambda b: set_row(b, "SOURCE#0001", status="IN_PROGRESS"),
        {"incomplete_item": 1},
    ),
    "an item says another size than its sources": (lambda b: set_row(b, bytes_total=5), {"incomplete_item": 1}),
    "an item says no size": (lambda b: set_row(b, bytes_total=None), {"incomplete_item": 1}),
    "a listed item stays PENDING": (lambda b: set_row(b, status="PENDING"), {"not_archived": 1}),
    "a row has an unknown status": (lambda b: set_row(b, status="DONE"), {"not_archived": 1, "odd_row": 1}),
    "a row has no status": (lambda b: set_row(b, status=None), {"not_archived": 1, "odd_row": 1}),
    "a row has a size that is text": (
        lambda b: set_row(b, "SOURCE#0001", size="4"),
        {"incomplete_item": 1, "odd_row": 1, "orphan_object": 1},
    ),
    "a row that is neither an item nor a source": (lambda b: set_row(b, "OTHER", status="PENDING"), {"odd_row": 1}),
    "a row is hidden from whoever looks for its attributes": (
        lambda b: set_row(b, provider=None, media_id=None, bytes_total=5),
        {"incomplete_item": 1},
    ),
    "an item is trashed": (lambda b: trash(b, "clip1"), {"gone_at_source": 1}),
    "an item is not listed, and there": (lambda b: hide(b, "clip1"), {"unlisted": 1}),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_each_disagreement_is_found_and_nothing_else(bench: Bench, what: str) -> None:
    damage, findings = DAMAGES[what]
    damage(bench)
    before = (bench.aws.s3.list_objects_v2(Bucket=ARCHIVE)["KeyCount"], bench.aws.table.scan()["Items"])
    assert bench.reconcile()[-1].findings == findings
    after = (bench.aws.s3.list_objects_v2(Bucket=ARCHIVE)["KeyCount"], bench.aws.table.scan()["Items"])
    assert after == before  # it reports, and repairs nothing
    (mail,) = bench.aws.mails()
    assert all(f"{count} {kind}" in mail["Message"] for kind, count in findings.items())
    assert sorted(found["kind"] for found in bench.report()) == sorted(findings)


def test_a_finding_names_the_video_and_the_key(bench: Bench) -> None:
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[3]))
    bench.reconcile()
    assert bench.report() == [{"kind": "missing_object", "media_id": "clip3", "key": key_of(ITEMS[3])}]


def test_an_earlier_version_of_a_source_is_no_orphan(bench: Bench) -> None:
    bench.archive(ITEMS[2], copy=2)
    assert bench.reconcile()[-1].findings == {}


def test_an_object_newer_than_the_run_is_no_orphan(bench: Bench) -> None:
    bench.put(key_of(ITEMS[1], "-02"))
    assert bench.reconcile(started_at=LONG_AGO)[-1].findings == {}


def contents(bench: Bench) -> Contents:
    return Contents(bench.aws.table)


def record_a_copy(bench: Bench, number: int, of: str) -> str:
    """An item whose only content is that of another object. Returns the key of its pointer."""
    item = ITEMS[number]
    pointer = f"{key_of(item)}.copy"
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(item))
    bench.put(pointer, b"pointer", "")
    row = SourceRow(
        status=Status.ARCHIVED, key=pointer, size=4, checksum=CHECKSUM, copy_of=of, agreed="x", noted=True, copy=2
    )
    bench.aws.ledger.archive_source(item.media_id, 1, "run-0", row)
    contents(bench).note(pointer, 4, CHECKSUM, copy_of=of)
    return pointer


ELSEWHERE = "dropbox/2026/01/id/GX010001.MP4"


def test_a_copy_agrees_as_long_as_the_object_that_it_needs_is_there(bench: Bench) -> None:
    bench.put(ELSEWHERE)
    record_a_copy(bench, 2, ELSEWHERE)
    (result,) = bench.reconcile()
    assert (result.findings, result.sources, result.repeated) == ({}, 5, {"copied": 1, "copied_bytes": 4})
    document, text = bench.certificate()
    assert (document["compared"][0]["copies"], document["compared"][0]["bytes"]) == (1, 16)
    assert "1 of them is a copy" in text and "what the pointers of copies say" in text


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda b: b.aws.s3.delete_object(Bucket=ARCHIVE, Key=ELSEWHERE), "missing_object"),
        (lambda b: b.aws.s3.delete_object(Bucket=ARCHIVE, Key=f"{key_of(ITEMS[2])}.copy"), "missing_object"),
        (lambda b: b.put(ELSEWHERE, b"clap", ""), "checksum_differs"),
        (lambda b: b.put(ELSEWHERE, b"other", ""), "size_differs"),
    ],
    ids=["the object is gone", "its pointer is gone", "other bytes", "another size"],
)
def test_a_copy_whose_object_or_pointer_is_not_as_it_was_is_found(
    bench: Bench, damage: Callable[[Bench], object], kind: str
) -> None:
    bench.put(ELSEWHERE)
    pointer = record_a_copy(bench, 2, ELSEWHERE)
    damage(bench)
    assert bench.reconcile()[-1].findings == {kind: 1}
    (finding,) = bench.report()
    assert finding["key"] == pointer and (kind != "missing_object" or ELSEWHERE in finding["detail"])


def test_an_object_without_rows_that_holds_the_bytes_of_a_copy_is_to_be_kept(bench: Bench) -> None:
    original = key_of(ITEMS[1])
    record_a_copy(bench, 2, original)
    forget(bench, "clip1")
    bench.put(key_of(ITEMS[3], "-02"))
    assert bench.reconcile(contents=contents(bench))[-1].findings == {
        "needed_object": 1, "orphan_object": 1, "not_in_ledger": 1,
    }  # fmt: skip
    (needed,) = [finding for finding in bench.report() if finding["kind"] == "needed_object"]
    assert needed["key"] == original


def test_what_was_archived_before_anybody_looked_for_copies_is_noted_once_it_is_known_to_be_sound(
    bench: Bench,
) -> None:
    bench.put(key_of(ITEMS[0]), b"clap", "")
    bench.reconcile(contents=contents(bench))
    known = {found.key for found in contents(bench).having(4, by_checksum(CHECKSUM))}
    assert known == {key_of(item) for item in ITEMS[1:]}


def test_a_reconciliation_counts_what_is_in_the_archive_twice(bench: Bench) -> None:
    for number in (1, 2):
        row = bench.aws.ledger.source(ITEMS[number].media_id, 1)
        assert row is not None
        twice = msgspec.structs.replace(row, same_as=ELSEWHERE, noted=True, revision="/2")
        bench.aws.ledger.archive_source(ITEMS[number].media_id, 1, "run-0", twice)
    results = bench.reconcile(Deadline(lambda: 1.0, 0.0))
    assert len(results) > 1 and results[-1].repeated == {"twice": 2, "twice_bytes": 8}


def test_several_invocations_find_the_same_as_one(bench: Bench) -> None:
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1]))
    bench.put(key_of(ITEMS[4], "-02"))
    trash(bench, "clip0")
    results = bench.reconcile(Deadline(lambda: 1.0, 0.0))
    assert len(results) > 3
    assert [result.status for result in results[:-1]] == ["IN_PROGRESS"] * (len(results) - 1)
    assert results[-1].findings == {"missing_object": 1, "orphan_object": 1, "gone_at_source": 1}
    assert (results[-1].items, results[-1].sources) == (4, 5)
    assert len(bench.report()) == 3 and len(bench.aws.mails()) == 1


def test_a_listing_that_does_not_add_up_is_restarted_before_anything_is_called_gone(bench: Bench) -> None:
    whole = [item.media_id for item in ITEMS]
    answers = iter([page(1, whole), page(2, whole[:3], total=5)])  # rows are missing, and the total says so
    bench.account.pages = lambda number: next(answers, None) or page(number, whole)
    assert bench.reconcile()[-1].findings == {}
    assert bench.account.listed.count(None) == 2


def test_a_total_that_changes_while_it_is_listed_starts_the_listing_again(bench: Bench) -> None:
    """One item goes and another comes meanwhile: the numbers agree at the end, and still a row may have been missed."""
    all_ids = [item.media_id for item in ITEMS]
    answers = iter([page(1, all_ids, total=6)])
    bench.account.pages = lambda number: next(answers, None) or page(number, all_ids)
    assert bench.reconcile()[-1].findings == {}
    assert bench.account.listed.count(None) == 2


def test_the_credentials_are_read_once_in_an_invocation_however_many_pages_there_are(bench: Bench) -> None:
    bench.reconcile()
    assert len(bench.account.listed) == 3 and bench.store.loads == 1


def test_a_listing_that_never_adds_up_fails_and_calls_nothing_gone(bench: Bench) -> None:
    bench.account.pages = lambda number: page(number, ["clip0"], total=5)
    with pytest.raises(ProviderUnavailableError, match="says that it has 5 items, but lists 1"):
        bench.reconcile()
    assert bench.aws.mails() == [] and bench.account.listed.count(None) == 3


def test_it_compares_nothing_while_another_run_is_active_and_says_so(bench: Bench) -> None:
    bench.aws.runs.begin("run-9", "arn:9")
    (result,) = bench.reconcile()
    assert result.status == "ALREADY_RUNNING" and bench.account.listed == []
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == "Cloud Sync: not verified, because a run is under way"
    assert "`cloudsync verify --provider gopro`" in mail["Message"]
    assert bench.aws.s3.list_objects_v2(Bucket=WORK)["KeyCount"] == 0
    bench.aws.runs.end("run-9", RunStatus.SUCCEEDED, {})
    assert bench.reconcile()[-1].status == "COMPLETE"


def test_a_refused_token_is_recorded_so_that_the_next_run_renews_it(bench: Bench) -> None:
    bench.account.trouble = [CredentialsExpiredError("no longer"), CredentialsExpiredError("at the check too")]
    with pytest.raises(CredentialsExpiredError):
        bench.reconcile()
    assert bench.lease.refused == "v1"


def test_ids_are_told_apart_by_64_bits() -> None:
    """Of a library of ten million, the chance that one is taken for another is three in a million."""
    found = [reconcile._fingerprint(f"clip-{number}") for number in range(1000)]
    assert len(set(found)) == 1000 and 2**63 <= max(found) < 2**64


def test_what_is_gone_is_reported_with_its_name_and_state(bench: Bench) -> None:
    trash(bench, "clip0")
    bench.reconcile()
    (line,) = bench.report()
    filename = next(item.filename for item in ITEMS if item.media_id == "clip0")
    assert line["detail"] == f"{filename} (ARCHIVED)"


def test_the_provider_is_asked_for_what_it_does_not_list_and_a_second_time_before_it_is_called_gone(
    bench: Bench,
) -> None:
    trash(bench, "clip0")
    bench.reconcile()
    assert bench.account.asked_for == ["clip0", "clip0"]
    bench.account.asked_for.clear()
    hide(bench, "clip0")
    bench.reconcile()
    assert bench.account.asked_for == ["clip0"]


def test_no_more_items_are_asked_for_than_the_bound_and_the_others_are_not_called_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absent_items, "MOST_ASKED", 3)
    bench.account.pages = lambda number: page(number, [])
    assert bench.reconcile()[-1].findings == {"gone_at_source": 3, "not_asked_for": 2}
    assert len(set(bench.account.asked_for)) == 3


def test_a_page_of_the_ledger_with_many_absent_items_begins_only_with_the_time_to_ask_for_them(bench: Bench) -> None:
    """Twenty seconds for the page, and one for each four items: there are five, so an invocation that has done
    something else first pauses before them."""
    bench.account.pages = lambda number: page(number, [])
    assert len(bench.reconcile(Deadline(lambda: 21.25, 0.0))) == 1
    assert len(bench.reconcile(Deadline(lambda: 21.2, 0.0))) == 2 and len(bench.report()) == 5


def test_an_error_of_the_provider_while_it_is_asked_ends_the_invocation_and_calls_nothing_gone(bench: Bench) -> None:
    trash(bench, "clip0")
    cursor = bench.slice(None, Deadline(lambda: 1.0, 0.0), IN_A_CENTURY).next_cursor
    cursor = bench.slice(cursor, Deadline(lambda: 1.0, 0.0), IN_A_CENTURY).next_cursor
    bench.account.trouble = [ProviderUnavailableError("busy")]
    with pytest.raises(ProviderUnavailableError):
        bench.slice(cursor, Deadline(lambda: 0.0, 0.0), IN_A_CENTURY)
    assert bench.slice(cursor, PLENTY, IN_A_CENTURY).findings == {"gone_at_source": 1}


def test_when_the_provider_lists_nothing_every_item_is_gone_at_source(bench: Bench) -> None:
    bench.account.pages = lambda number: page(number, [])
    assert bench.reconcile()[-1].findings == {"gone_at_source": 5}
    assert sorted(line["media_id"] for line in bench.report()) == [item.media_id for item in ITEMS]


@pytest.mark.parametrize("deadline", [PLENTY, Deadline(lambda: 0.0, 0.0)], ids=["at once", "page by page"])
@pytest.mark.parametrize("again", [[0], [0, 1], [4, 0, 0]], ids=str)
def test_an_item_that_is_listed_on_several_pages_for_good_is_one_item_and_that_is_said(
    bench: Bench, deadline: Deadline, again: list[int]
) -> None:
    forget(bench, "clip0")
    set_row(bench, status="FAILED")
    ids = [item.media_id for item in ITEMS]
    bench.account.pages = lambda number: page(number, [*ids, *(ids[at] for at in again)])
    result = bench.reconcile(deadline)[-1]
    assert (result.status, result.items) == ("COMPLETE", 5)
    assert result.findings == {"not_in_ledger": 1, "orphan_object": 1, "not_archived": 1}
    assert len(bench.report()) == 3
    (mail,) = bench.aws.mails()
    assert f"lists {len(again)} row" in mail["Message"] and "more than once" in mail["Message"]


def test_a_source_that_is_under_way_is_no_finding_and_is_not_counted(bench: Bench) -> None:
    set_row(bench, status="IN_PROGRESS")
    set_row(bench, "SOURCE#0001", status="IN_PROGRESS", upload_id="u")
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1]))
    result = bench.reconcile()[-1]
    assert (result.sources, result.findings) == (4, {"not_archived": 1})


@pytest.mark.parametrize(("left", "invocations"), [(20.0, 1), (19.9, 6)])
def test_another_page_is_walked_only_with_twenty_seconds_left(bench: Bench, left: float, invocations: int) -> None:
    assert len(bench.reconcile(Deadline(lambda: left, 0.0))) == invocations


def test_an_object_as_old_as_the_run_is_no_orphan_and_one_that_is_older_is(bench: Bench) -> None:
    bench.put(key_of(ITEMS[1], "-02"))
    made = bench.aws.s3.head_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1], "-02"))["LastModified"]
    assert bench.reconcile(started_at=made.isoformat())[-1].findings == {}
    later = made + timedelta(seconds=1)
    assert bench.reconcile(started_at=later.isoformat())[-1].findings == {"orphan_object": 1}


def test_an_item_whose_sources_are_on_another_page_is_read_as_a_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, client = bench.aws.ledger.page, bench.aws.table.meta.client
    send = client._make_api_call  # type: ignore[attr-defined]

    def one_row_a_page(operation: str, parameters: dict[str, Any]) -> Any:
        return send(operation, parameters | ({"Limit": 1} if operation == "Scan" else {}))

    monkeypatch.setattr(client, "_make_api_call", one_row_a_page)
    assert len(read(None)[0]) == 1
    result = bench.reconcile()[-1]
    assert (result.sources, result.findings) == (5, {})


def test_what_an_incomplete_item_lacks_is_said_in_words(bench: Bench) -> None:
    set_row(bench, bytes_total=5)
    bench.reconcile()
    set_row(bench, "SOURCE#0001", status="IN_PROGRESS")
    (by_size,) = bench.report()
    bench.reconcile()
    (by_status,) = bench.report()
    bench.aws.table.delete_item(Key={"pk": "gopro#clip1", "sk": "SOURCE#0001"})
    bench.reconcile()
    details = [found["detail"] for found in bench.report() if found["kind"] == "incomplete_item"]
    assert by_size["detail"].endswith("its sources have 4 bytes, and the item says 5")
    assert by_status["detail"].endswith("1 source of 1 not archived, such as SOURCE#0001")
    assert [detail.partition(": ")[2] for detail in details] == ["it has no source"]


@pytest.mark.parametrize(("lost", "subject"), [(1, "1 disagreement"), (2, "2 disagreements")])
def test_the_mail_counts_what_was_compared_and_what_disagrees(bench: Bench, lost: int, subject: str) -> None:
    for item in ITEMS[:lost]:
        bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(item))
    bench.reconcile()
    (mail,) = bench.aws.mails()
    assert mail["Subject"] == f"Cloud Sync: {subject} between provider, ledger and archive"
    objects = 5 - lost
    assert f"5 items of the provider, 5 archived sources of the ledger, {objects} objects of" in mail["Message"]
    assert f"{lost} missing_object: the ledger says archived, and the archive has no such object." in mail["Message"]
    assert "runs/run-1/reconciliation.jsonl in the work bucket" in mail["Message"]
