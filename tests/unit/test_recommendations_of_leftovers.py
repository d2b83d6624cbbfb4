"""What is billed and nobody needs: uploads that never ended, thawed copies, and the same content stored twice."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cloud_sync_common import prices
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from console.operations.cost import Growth
from console.operations.ledger import Reading
from console.operations.recommendations import Recommendation, considered, leftovers, recommendations
from console.operations.recommendations.leftovers import Thawed
from console.operations.storage import Lifecycle
from costs import model, page
from costs.model import Design, Library
from tests.unit.console_ledger import World, a_world
from tests.unit.cost_figures import GB, KEPT, figures

OLD = datetime(2020, 1, 1, tzinfo=UTC)
QUIET = figures(growth=Growth())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("s3", list_multipart_uploads={}, list_objects_v2_pages=[{}])
        yield world


def found_in(world: World, name: str, *, deep: bool = True, figures: Any = QUIET) -> Recommendation:
    return next(one for one in considered(world.stack, figures, Reading(), deep=deep) if one.name == name)


# Uploads


def upload(key: str, initiated: datetime) -> dict[str, Any]:
    return {"Key": key, "UploadId": f"id-{key}", "Initiated": initiated}


def test_uploads_that_nothing_ends_are_named_with_the_command_that_does(world: World) -> None:
    young = datetime.now(UTC) - timedelta(days=8)
    uploads = {"Uploads": [upload("old.mp4", OLD), upload("young.mp4", young), upload("old2.mp4", OLD)]}
    world.answer("s3", list_multipart_uploads=uploads, list_parts={"Parts": [{"Size": 3 * GB}, {"Size": GB}]})
    (found,) = recommendations(world.stack, QUIET, Reading())
    assert found.name == "unfinished-uploads"
    assert found.usd_month == pytest.approx(model.standard_storage(Library(2, 4 * GB), 30).usd) == pytest.approx(0.184)
    assert found.command.endswith("--bucket archive --key old.mp4 --upload-id id-old.mp4")
    assert [shlex.split(one)[-1] for one in found.further] == ["id-old2.mp4"]


def test_where_no_rule_ends_uploads_a_deployment_does_for_all(world: World) -> None:
    uploads = [upload(f"{number}.mp4", OLD) for number in range(40)]
    world.answer("s3", list_multipart_uploads={"Uploads": uploads}, list_parts={"Parts": [{"Size": GB}]})
    rules = Lifecycle(deep_archive_days=7, older_versions_days=7)
    found = found_in(world, "unfinished-uploads", figures=figures(lifecycle=rules))
    assert (found.command, found.further) == ("cdk deploy -c environment=dev", [])
    assert found.usd_month == pytest.approx(40 * 0.023) and "the parts of 20 of them" in found.basis


def test_a_key_of_somebody_else_is_no_command_for_the_shell(world: World) -> None:
    world.answer(
        "s3", list_multipart_uploads={"Uploads": [upload("a'; rm -rf ~; '", OLD)]}, list_parts={"Parts": [{"Size": GB}]}
    )
    (found,) = recommendations(world.stack, QUIET, Reading())
    assert shlex.split(found.command)[-3:] == ["a'; rm -rf ~; '", "--upload-id", "id-a'; rm -rf ~; '"]


def test_young_uploads_are_no_waste(world: World) -> None:
    world.answer("s3", list_multipart_uploads={"Uploads": [upload("young.mp4", datetime.now(UTC))]})
    assert recommendations(world.stack, QUIET, Reading()) == []


# Thawed copies


def restored(world: World, days_left: float, sizes: list[int], **more: Any) -> None:
    """A restore job whose copies are alive for so many days."""
    until = (datetime.now(UTC) + timedelta(days=days_left)).isoformat()
    job = Job(job_id="restore-1", created_at="2026-11-20T00:00:00Z", selection="x", fingerprint="f", tier=Tier.BULK,
              days=30, files=len(sizes), bytes=sum(sizes), quoted_usd=1, state=JobState.READY, **more)  # fmt: skip
    files = [JobFile(number=number, provider="gopro", media_id="m", filename="a.mp4", key=f"k{number}", version_id="v",
                     size=size, checksum="c", state=FileState.READY, ready_until=until)
             for number, size in enumerate(sizes, start=1)]  # fmt: skip
    RestoreJobs(world.aws.table).create(job, files)


FETCHED = {"fetched_at": "2026-11-25T00:00:00Z"}


def test_copies_of_a_restore_that_was_fetched_cost_the_days_that_they_stay_for_nothing(world: World) -> None:
    """Twelve days are left, of which two would be left if they were asked for again."""
    restored(world, 12, [60 * GB, 40 * GB], **FETCHED)
    (found,) = recommendations(world.stack, QUIET, Reading())
    assert found.usd_month == pytest.approx(model.standard_storage(Library(1_000, GB // 10), 10).usd, rel=1e-4)
    assert found.name == "thawed-copies" and found.usd_once == pytest.approx(0.0002)
    assert found.command.endswith("restore-object --bucket archive --key k1 --version-id v --restore-request Days=1")
    assert len(found.further) == 1 and "restore job restore-1" in found.text


def test_copies_that_were_not_fetched_yet_are_left_alone(world: World) -> None:
    restored(world, 12, [100 * GB])
    assert recommendations(world.stack, QUIET, Reading()) == []
    found = found_in(world, "thawed-copies", deep=False)
    assert found.left_alone == "They were not fetched yet: `cloudsync restore fetch restore-1`."


def test_copies_that_end_soon_anyway_are_left_alone(world: World) -> None:
    restored(world, 1.9, [1_000 * GB], **FETCHED)
    assert found_in(world, "thawed-copies", deep=False).left_alone == "It would save less than a cent a month."


def test_copies_that_have_ended_are_no_copies(world: World) -> None:
    restored(world, -1, [1_000 * GB], **FETCHED)
    assert considered(world.stack, QUIET, Reading()) == considered(world.stack, QUIET, Reading(), deep=True)


@pytest.mark.parametrize(("size", "is_worth_it"), [(13_000_000, False), (13_100_000, True)])
def test_asking_again_for_many_small_copies_costs_more_than_it_saves(size: int, *, is_worth_it: bool) -> None:
    """A request costs 0.0001 USD, and ten days of 13.04 MB in Standard as much."""
    ends = datetime.now(UTC) + timedelta(days=12)
    found = leftovers.thawed("archive", [Thawed(f"k{number}", size, ends) for number in range(200)], "x")
    assert found.is_worth_it is is_worth_it and found.usd_once == pytest.approx(0.02)
    assert is_worth_it or found.left_alone == (
        "It costs 0.02 USD to do, and saves 0.02 USD before it would end by itself."
    )


def test_a_look_at_each_object_finds_copies_that_no_job_has_asked_for(world: World) -> None:
    ends = datetime.now(UTC) + timedelta(days=62)
    alive = {"Key": "a.mp4", "Size": 100 * GB, "RestoreStatus": {"RestoreExpiryDate": ends}}
    ended = {"Key": "b.mp4", "Size": GB, "RestoreStatus": {"RestoreExpiryDate": OLD}}
    world.answer("s3", list_objects_v2_pages=[{"Contents": [{"Key": "c", "Size": 1}, ended]}, {"Contents": [alive]}])
    found = found_in(world, "thawed-copies")
    assert [found.usd_month, found.lasts_months] == pytest.approx([2.3, 2], rel=1e-4)
    assert "1 thawed copy is in S3 Standard until they end: 100.0 GB" in found.text


# The same content twice


def source(
    world: World, provider: str, media_id: str, archived_at: datetime, size: int = 100 * GB, **more: Any
) -> None:
    world.put(
        f"{provider}#{media_id}", "SOURCE#0001", status="ARCHIVED", size=size, checksum="crc=",
        archived_at=archived_at.isoformat(), **more,
    )  # fmt: skip


def test_duplicates_of_several_providers_are_told_and_never_deleted(world: World) -> None:
    source(world, "gopro", "a", OLD)
    source(world, "google_drive", "b", OLD)
    source(world, "gopro", "c", OLD, size=7)
    source(world, "gopro", "d", OLD, size=8)
    source(world, "gopro", "e", OLD, size=8)  # twice at one provider
    source(world, "gopro", "f", OLD, size=9)
    source(world, "google_drive", "g", OLD, size=9, copy_of="the object of f")  # recorded as a copy, and not stored
    (found,) = recommendations(world.stack, QUIET, Reading(), deep=True)
    kept = model.deep_archive_storage(Library(1, 100 * GB)).usd + model.total(model.archive_overhead(1))
    assert found.name == "duplicates" and [found.usd_month, found.usd_once] == pytest.approx([kept, 0])
    assert found.command == "cloudsync show google_drive/b" and "Cloud Sync deletes none." in found.lost


@pytest.mark.parametrize(("days", "rest"), [(0, 180), (150, 30), (179, 1), (180, 0)])
def test_a_copy_that_is_younger_than_180_days_costs_the_rest_of_them(world: World, days: int, rest: int) -> None:
    archived_at = datetime.now(UTC) - timedelta(days=days)
    source(world, "gopro", "a", archived_at)
    source(world, "google_drive", "b", datetime.now(UTC))
    (found,) = recommendations(world.stack, QUIET, Reading(), deep=True)
    assert found.usd_once == pytest.approx(rest / 30 * 0.099, abs=1e-4)


def test_of_three_copies_two_could_go_and_the_one_that_is_billed_longest_stays(world: World) -> None:
    for provider, days in (("gopro", 30), ("google_drive", 60), ("dropbox", 200)):
        source(world, provider, "a", datetime.now(UTC) - timedelta(days=days))
    found = found_in(world, "duplicates")
    assert found.usd_month == pytest.approx(0.198, rel=1e-4)
    assert found.usd_once == pytest.approx(120 / 30 * 0.099, abs=1e-4)


def twice(world: World, media_id: str, days: int, count: int) -> None:
    archived_at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    world.put(f"dropbox#{media_id}", "ITEM", status="ARCHIVED", archived_at=archived_at, twice_bytes=count)


def test_what_arrives_a_second_time_would_be_a_copy(world: World) -> None:
    """300 GB in 90 days are 100 a month; in the average month of the first year, 6.5 of these are stored."""
    for number in range(30):
        twice(world, f"a{number}", number * 3, 10 * GB)
    twice(world, "long ago", 91, 500 * GB)
    found = found_in(world, "record-copies")
    library = Library(10, 10 * GB)
    stored = model.deep_archive_storage(library).usd + model.total(model.archive_overhead(10))
    lines = model.transfer(library, Design(), page.measured_engine())
    moved = model.total([line for line in lines if line.price is prices.S3_INTO_DEEP_ARCHIVE])
    assert found.usd_month == pytest.approx(model.standard_storage(library, 7).usd + moved + 6.5 * stored)
    assert found.usd_month == pytest.approx(0.5367 + 0.0005 + 0.6435, abs=1e-3)
    assert found.command.endswith("-c record_copies=true") and found.is_worth_it


def test_where_copies_are_recorded_already_nothing_is_said_of_it(world: World) -> None:
    twice(world, "a", 1, 100 * GB)
    metadata = {"CloudSync": {"version": "0.7.0", "values": {"record_copies": True}}}
    world.answer("cloudformation", get_template={"TemplateBody": {"Metadata": metadata}})
    names = [one.name for one in considered(world.stack, QUIET, Reading(), deep=True)]
    assert "record-copies" not in names and "logs" not in names


def test_what_saves_most_comes_first_and_what_is_left_alone_last(world: World) -> None:
    found = considered(world.stack, figures(kept=msgspec.structs.replace(KEPT, network=True)), Reading())
    assert [one.name for one in found if one.is_worth_it] == ["network", "direct"]
    assert [one.is_worth_it for one in found] == sorted((one.is_worth_it for one in found), reverse=True)
