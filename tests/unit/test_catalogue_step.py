"""The step Catalogue: what it describes, in which order, and that nothing is asked for twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    CredentialsExpiredError,
    OriginalUnavailableError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.steps.catalogue import ITEM_SECONDS, MOST_SLICES
from cloud_sync_common.stores.catalogue import Catalogue, Index
from cloud_sync_common.stores.catalogue_rows import IndexRow, Picture

from tests.unit.catalogue_world import JPEG, JUNE, MAY, World, requests_of_aws, running_world
from tests.unit.in_process_aws import WORK


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_world(monkeypatch) as made:
        yield made


class TimeFor(Deadline):
    """A deadline that allows so many items after the first one."""

    def __init__(self, items: int) -> None:
        super().__init__(lambda: 900.0, 0)
        self.items = items

    def allows(self, seconds: float) -> bool:
        self.items -= seconds == ITEM_SECONDS
        return self.items >= 0


# The items of a run


def test_the_items_of_a_run_get_details_a_picture_and_a_line_in_the_index_of_their_month(world: World) -> None:
    first, second = world.archived("0001"), world.archived("0002", "2026-05-04T10:00:00Z")
    result = world.run(first, second)
    assert (result.status, result.detailed, result.failures) == (StepStatus.COMPLETE, 2, 0)
    assert list(world.rows()) == ["0001", "0002"]
    assert world.rows()["0001"] == world.details("0001").row
    assert world.catalogue.thumbnail(MAY, "0001") == JPEG
    assert world.progress.run_id == ""


def test_what_is_wrong_with_an_original_is_in_its_line_of_the_index(world: World) -> None:
    world.run(world.archived("0001", damage="it is cut off"))
    assert (world.details("0001").damage, world.rows()["0001"].damage) == ("it is cut off", "it is cut off")


def test_what_of_a_run_is_not_archived_is_not_in_the_catalogue(world: World) -> None:
    failed = MediaItem(media_id="0003", filename="GX010003.MP4", captured_at=MAY)
    world.aws.ledger.claim(failed, "run-1", 60)
    world.aws.ledger.fail_item(failed, "run-1", "integrity", "no")
    assert world.run(failed, world.archived("0001")).detailed == 1
    assert list(world.rows()) == ["0001"]


def test_an_item_that_is_in_the_catalogue_is_not_asked_for_again(world: World) -> None:
    item = world.archived("0001")
    world.run(item)
    asked, stored = len(world.service.asked), world.stored()
    assert world.run(item).detailed == 0
    assert (len(world.service.asked), world.stored()) == (asked, stored)


def test_a_later_revision_of_an_item_is_described_anew(world: World) -> None:
    world.run(world.archived("0001"))
    changed = world.archived("0001", revision="2")
    assert world.run(changed, run_id="run-2").detailed == 1
    assert world.details("0001").revision == "2"


def test_an_index_that_lacks_an_item_gets_it_from_its_details(world: World) -> None:
    item = world.archived("0001")
    world.run(item)
    world.aws.s3.delete_object(Bucket=WORK, Key="catalogue/index/gopro/2026-05.jsonl")
    assert world.run(item).detailed == 0
    assert world.rows()["0001"] == world.details("0001").row


def test_the_time_of_an_invocation_is_kept_and_the_next_one_goes_on(world: World) -> None:
    items = [world.archived(f"000{n}") for n in range(1, 4)]
    first = world.run(*items, deadline=TimeFor(1))
    assert (first.status, first.detailed) == (StepStatus.IN_PROGRESS, 2)
    assert world.progress.run_id == "run-1"
    second = world.run(*items, after=first.next)
    assert (second.status, second.detailed) == (StepStatus.COMPLETE, 1)
    assert len(world.rows()) == 3 and world.progress.complete


def test_a_night_has_so_many_invocations_and_a_later_one_walks_to_what_is_left(world: World) -> None:
    items = [world.archived(f"000{n}") for n in range(1, 7)]
    night = None
    for _ in range(MOST_SLICES):
        result = world.run(*items, after=night, deadline=TimeFor(0))
        night = result.next
    assert (result.status, len(world.rows())) == (StepStatus.COMPLETE, MOST_SLICES)
    world.run(run_id="run-2")
    assert len(world.rows()) == 6


def test_a_run_that_was_stopped_amid_its_items_has_them_described_by_a_later_one(world: World) -> None:
    world.run()
    items = [world.archived(f"000{n}") for n in range(1, 3)]
    world.run(*items, run_id="run-2", deadline=TimeFor(0))
    world.run(run_id="run-3")
    assert len(world.rows()) == 2 and world.progress.run_id == ""


# Trouble


def test_one_item_that_meets_trouble_stops_no_other_and_is_looked_into_in_a_later_night(world: World) -> None:
    first, second = world.archived("0001", frozen=True), world.archived("0002")
    world.service.movies["0001"] = ProviderUnavailableError("No answer.")
    result = world.run(first, second)
    assert (result.status, result.detailed, result.failures) == (StepStatus.COMPLETE, 1, 1)
    assert [row.is_detailed for row in world.rows().values()] == [False, True]
    del world.service.movies["0001"]
    world.run(run_id="run-2")
    assert [row.is_detailed for row in world.rows().values()] == [True, True]


def test_after_three_walks_an_item_has_what_the_ledger_says(world: World) -> None:
    world.run(world.archived("0001", frozen=True))
    world.service.movies["0001"] = ProviderUnavailableError("No answer.")
    world.archived("0002", frozen=True)
    world.service.movies["0002"] = ProviderUnavailableError("No answer.")
    remove_cursor(world)
    for night in range(3):
        world.run(run_id=f"night-{night}")
    assert world.rows()["0002"].is_detailed and world.details("0002").files
    asked = len(world.service.asked)
    world.run(run_id="night-4")
    assert (len(world.service.asked), world.progress.again) == (asked, 0)


@pytest.mark.parametrize("error", [CredentialsExpiredError("No."), ProviderThrottledError("Slowly.")])
def test_a_provider_that_refuses_is_not_asked_again_in_that_night(world: World, error: Exception) -> None:
    for number in range(1, 6):
        world.archived(f"000{number}", frozen=True)
        world.service.movies[f"000{number}"] = error
    assert world.run().status is StepStatus.COMPLETE
    assert sum(asked.startswith("file") for asked in world.service.asked) == 1
    assert not world.progress.complete


def test_a_night_reads_so_many_bytes_at_the_provider(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud_sync_common.catalogue.at_provider.MOST_BYTES", 1)
    items = [world.archived(f"000{number}", frozen=True) for number in range(1, 4)]
    world.service.bytes_of_a_file = 1
    assert world.run(*items).failures == 3
    assert sum(asked.startswith("file") for asked in world.service.asked) == 1


def test_what_the_provider_has_no_more_is_described_once_and_for_all(world: World) -> None:
    world.archived("0001", frozen=True)
    world.service.items.clear()
    assert world.run().failures == 0
    assert world.rows()["0001"].is_detailed and world.details("0001").picture is Picture.NONE
    assert world.progress.without_picture == 1


def test_an_original_that_cannot_be_read_has_the_details_of_its_name(world: World) -> None:
    world.archived("0001", frozen=True)
    world.service.movies["0001"] = OriginalUnavailableError("Only proxies.")
    assert world.run().failures == 0
    assert world.details("0001").camera == "GoPro"


# The walk


def test_older_items_are_described_the_oldest_first_and_the_walk_ends(world: World) -> None:
    world.archived("0002", JUNE)
    world.archived("0001", MAY)
    world.run()
    assert [asked for asked in world.service.asked if asked.startswith("find")] == ["find 0001", "find 0002"]
    assert set(world.rows("2026-05")) == {"0001"} and set(world.rows("2026-06")) == {"0002"}
    assert world.progress.complete and world.progress.detailed == 2
    assert world.progress.cursor == "gopro/2026/06/0002/GX010002.MP4"


def test_a_night_makes_so_many_requests_and_the_next_one_goes_on_from_the_cursor(world: World) -> None:
    for number in range(1, 5):
        world.archived(f"000{number}")
    assert world.run(most_requests=3).status is StepStatus.COMPLETE
    assert world.progress.cursor == "gopro/2026/05/0002/GX010002.MP4" and not world.progress.complete
    world.run(run_id="run-2", most_requests=3)
    assert len(world.rows()) == 4


def test_no_requests_means_that_nothing_older_is_described(world: World) -> None:
    world.archived("0001")
    assert world.run(most_requests=0).status is StepStatus.COMPLETE
    assert world.rows() == {}


def test_a_walk_that_is_over_asks_nothing_for_a_week_and_then_finds_what_a_failed_run_has_archived(
    world: World,
) -> None:
    world.run()
    world.archived("0001")
    world.run(run_id="run-2")
    assert world.rows() == {}
    known = world.progress
    before = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    assert world.progresses.replace(known, msgspec.structs.replace(known, completed_at=before))
    world.run(run_id="run-3")
    assert set(world.rows()) == {"0001"}


def test_whoever_removes_the_cursor_has_the_walk_begin_again(world: World) -> None:
    world.run()
    world.archived("0001")
    remove_cursor(world)
    world.run(run_id="run-2")
    assert set(world.rows()) == {"0001"}


def test_a_cursor_that_is_removed_during_a_walk_ends_it_and_the_next_one_begins_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 3):
        world.archived(f"000{number}")
    monkeypatch.setattr("cloud_sync_common.catalogue.backfill._WRITTEN_EVERY", 1)
    find = world.service.described

    def found(media_id: str) -> MediaItem | None:
        remove_cursor(world)
        return find(media_id)

    monkeypatch.setattr(world.service, "described", found)
    assert world.run().status is StepStatus.COMPLETE
    assert (world.progress.cursor, list(world.rows())) == ("", ["0001"])


def test_a_later_version_that_a_run_could_not_describe_is_found_by_the_walk(world: World) -> None:
    world.run(world.archived("0001"))
    known = world.catalogue.index("2026-05")
    old = msgspec.structs.replace(known.rows["0001"], archived_at="2020-01-01T00:00:00Z")
    assert world.catalogue.replace_index("2026-05", known, [old])
    world.archived("0001", revision="2")
    remove_cursor(world)
    world.run(run_id="run-2")
    assert world.details("0001").revision == "2"


def test_what_no_row_of_the_ledger_knows_is_passed_over(world: World) -> None:
    world.aws.s3.put_object(Bucket="archive", Key="gopro/2026/05/0009/GX010009.MP4", Body=b"")
    world.aws.s3.put_object(Bucket="archive", Key="gopro/odd", Body=b"")
    assert world.run().detailed == 0
    assert world.progress.complete


def test_a_night_with_nothing_to_do_reads_one_row_and_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    with requests_of_aws(monkeypatch) as requests:
        world.run_writer(world.writer("run-2"), "run-2")
    assert requests == ["GetItem"]


# The index


def test_an_index_that_another_has_changed_meanwhile_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, others = Catalogue.index, iter([IndexRow(media_id="9999", listed_at=MAY)])

    def changed(self: Catalogue, month: str) -> Index:
        found = read(self, month)
        for other in others:
            assert Catalogue(world.aws.s3, WORK, "gopro").replace_index(month, read(self, month), [other])
        return found

    monkeypatch.setattr(Catalogue, "index", changed)
    world.run(world.archived("0001"))
    assert set(world.rows()) == {"0001", "9999"}


def test_an_index_that_always_changes_is_left_to_a_later_night(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalogue, "replace_index", lambda *_: False)
    with pytest.raises(ArchiveUnavailableError, match="2026-05"):
        world.run(world.archived("0001"))


def remove_cursor(world: World) -> None:
    """As `cloudsync catalogue rebuild` asks for it."""
    world.aws.table.update_item(
        Key={"pk": "PROVIDER#gopro", "sk": "CATALOGUE"}, UpdateExpression="REMOVE #cursor, complete",
        ExpressionAttributeNames={"#cursor": "cursor"},
    )  # fmt: skip
