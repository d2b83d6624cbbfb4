"""A reconciliation where filters leave something out: it is not missing, and what was archived before is not gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_sync_common.filters import EVERYTHING, Filters
from cloud_sync_common.provider_interface import MediaItem, MediaPage

from tests.unit.in_process_aws import running_aws
from tests.unit.test_reconcile import ARCHIVE, ITEMS, Bench, key_of


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with running_aws(monkeypatch) as aws:
        yield Bench(aws)


LEFT_OUT = MediaItem(media_id="clip9", filename="Private.MP4", captured_at="2020-01-01T00:00:00Z")


def with_more(bench: Bench, *more: MediaItem) -> None:
    """The provider lists these too."""
    listed = (*(MediaItem(media_id=item.media_id, filename=item.filename) for item in ITEMS), *more)
    bench.account.pages = lambda _: MediaPage(items=listed, total=len(listed))


@pytest.mark.parametrize(
    ("item", "filters"),
    [
        (LEFT_OUT, Filters(names=("GX*",))),
        (LEFT_OUT, Filters(captured_from="2025-01-01T00:00:00Z")),
        (MediaItem(media_id="clip9", filename="GOPR0001.JPG", kind="photo"), Filters()),
    ],
    ids=["name", "time", "photo"],
)
@pytest.mark.parametrize("row", [None, "PENDING", "FAILED"])
def test_what_the_filters_leave_out_is_not_missing_whatever_the_ledger_says_of_it(
    bench: Bench, item: MediaItem, filters: Filters, row: str | None
) -> None:
    with_more(bench, item)
    if row:
        bench.aws.ledger.add_pending([item], "run-0")
        bench.aws.table.update_item(
            Key={"pk": "gopro#clip9", "sk": "ITEM"}, UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"}, ExpressionAttributeValues={":s": row},
        )  # fmt: skip
    result = bench.reconcile(filters=filters)[-1]
    assert (result.findings, result.left_out) == ({}, 1)
    document, text = bench.certificate()
    assert document["reconciliations"][0]["left_out"] == 1
    assert "filters leave out 1 row of the provider; none is missing" in text


def test_without_that_filter_it_is_missing(bench: Bench) -> None:
    with_more(bench, LEFT_OUT)
    assert bench.reconcile()[-1].findings == {"not_in_ledger": 1}
    (mail,) = bench.aws.mails()
    assert "leave out" not in mail["Message"]


def test_what_was_archived_under_a_wider_filter_is_not_gone_and_is_still_compared(bench: Bench) -> None:
    with_more(bench)
    narrow = Filters(names=("other*",), captured_from="2026-01-01T00:00:00Z", kinds=("photo",))
    assert bench.reconcile(filters=narrow)[-1].findings == {}
    bench.aws.s3.delete_object(Bucket=ARCHIVE, Key=key_of(ITEMS[1]))
    assert bench.reconcile(filters=narrow)[-1].findings == {"missing_object": 1}
    assert set(bench.account.seen) == {EVERYTHING}, "a provider that filters would hide what is there"
