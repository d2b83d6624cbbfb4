"""`cloudsync rebuild-ledger`: rows as the downloader leaves them, from what the objects of the archive say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores.contents import Contents
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.transfer import source_rows
from cloud_sync_common.transfer.copies import Pointer
from cloud_sync_common.transfer.earlier_copy import Readings
from cloud_sync_common.transfer.range_transfer import ArchivedContent

from console import main
from console.errors import ConsoleError, CredentialsRefusedError, Exit, NotFoundError, UsageError
from console.operations import rebuild_ledger
from console.operations.ledger import Reading
from console.operations.rebuild_ledger import Rebuild
from tests.unit.bucket_in_memory import S3
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world

CLIP = MediaItem(media_id="65a0", filename="GX010051.MP4", captured_at="2026-05-04T10:00:00Z", revision="r/1")
DRIVE = MediaItem(media_id="d:1", filename="Urlaub.mp4", captured_at="2026-06-05T10:00:00Z", revision="sha256:aa")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        yield world


@pytest.fixture
def s3(world: World) -> S3:
    """The stack's archive: a video of GoPro in two chapters, and a clip of Google Drive."""
    s3 = S3()
    for number in (1, 2):
        s3.store(CLIP, size=10 * number, number=number, count=2)
    s3.store(DRIVE, provider="google_drive", listed="sha256:aa")
    serve(world, s3)
    return s3


def serve(world: World, s3: S3) -> None:
    archive = world.stack.output("ArchiveBucket")
    for name in ("head_object", "get_object", "list_object_versions_pages"):
        world.answer("s3", **{name: renamed(getattr(s3, name), archive)})


def renamed(operation: Any, archive: str) -> Any:
    def call(Bucket: str, **given: Any) -> Any:
        assert Bucket == archive
        return operation(Bucket="cloudsync-archive", **given)

    return call


def planned(world: World, bucket: str = "") -> Rebuild:
    return rebuild_ledger.planned(world.stack, bucket, lambda _: None, Reading())


def rebuild(world: World) -> Rebuild:
    found = planned(world)
    rebuild_ledger.write(world.stack, found, lambda _: None, Reading())
    return found


def rows(world: World, provider: str = "gopro") -> dict[tuple[str, str], dict[str, Any]]:
    found = world.aws.table.scan()["Items"]
    return {(str(row["pk"]), str(row["sk"])): dict(row) for row in found if str(row["pk"]).startswith(f"{provider}#")}


def test_rows_are_those_that_the_downloader_leaves(world: World, s3: S3) -> None:
    found = rebuild(world)
    assert (found.missing_items, found.missing_files) == (2, 3)
    ledger = Ledger(world.aws.table, "gopro")
    item, sources = ledger.known(["65a0"])["65a0"], ledger.sources("65a0")
    assert (item.status, item.bytes_total, item.filename, item.captured_at, item.revision) == (
        Status.ARCHIVED, 30, "GX010051.MP4", "2026-05-04T10:00:00Z", "",
    )  # fmt: skip
    assert item.archived_at == "2026-11-01T02:00:00.000Z" and item.run_id.startswith("rebuild-")
    source, version = MediaSource(2, "GX010051.MP4", 2), Fingerprint(20, '"e"', "a date")
    content = ArchivedContent(20, "sum 2 1", (), single_stream=False)
    key = "gopro/2026/05/65a0/GX010051-02.MP4"
    expected = source_rows.archived(CLIP, source, version, content, key=key, copy=1, readings=Readings(""))
    unsaid = {"revision": "", "proofs": (source_rows.S3_CHECKSUM,), "noted": True}
    assert sources[2] == msgspec.structs.replace(expected, **unsaid)
    assert rebuild_ledger.S3_CHECKSUM == source_rows.S3_CHECKSUM
    raw = rows(world)["gopro#65a0", "SOURCE#0002"]
    assert (raw["provider"], raw["media_id"], raw["file_number"]) == ("gopro", "65a0", 2)
    assert "not_archived" not in rows(world)["gopro#65a0", "ITEM"] and ledger.backlog() == 0


def test_where_the_provider_lists_the_version_of_a_file_it_is_the_items_revision_and_no_work(
    world: World, s3: S3
) -> None:
    rebuild(world)
    ledger = Ledger(world.aws.table, "google_drive")
    assert ledger.states(["d:1"])["d:1"].holds(DRIVE.revision)
    assert ledger.sources("d:1")[1].revision == DRIVE.revision
    assert not Ledger(world.aws.table, "gopro").states(["65a0"])["65a0"].holds(CLIP.revision)


def test_months_are_counted_and_contents_are_known_to_whoever_looks_for_copies(world: World, s3: S3) -> None:
    found = planned(world)
    counted = rebuild_ledger.write(world.stack, found, lambda _: None, Reading())
    assert counted["gopro"].months == {"2026-05": (1, 30)} and counted["google_drive"].months == {"2026-06": (1, 7)}
    known = Contents(world.aws.table).having(7, "crc64nvme:sum 1 1")
    assert [one.key for one in known] == ["google_drive/2026/06/d.3a1/Urlaub.mp4"]


def test_a_copy_is_a_copy_again(world: World, s3: S3) -> None:
    target = "google_drive/2026/06/d.3a1/Urlaub.mp4"
    key = s3.store(msgspec.structs.replace(CLIP, media_id="c"))
    (version,) = s3.objects.pop(key)
    s3.put(f"{key}.copy", metadata=version.metadata, body=msgspec.json.encode(Pointer(target, 7, "sum 1 1")))
    rebuild(world)
    source = Ledger(world.aws.table, "gopro").sources("c")[1]
    assert (source.key, source.copy_of, source.size, source.noted) == (f"{key}.copy", target, 7, True)
    assert Contents(world.aws.table).needs(target, 7, "sum 1 1") == f"{key}.copy"
    assert rows(world)["gopro#c", "ITEM"]["copied_bytes"] == 7


def test_rows_that_exist_stay_as_they_are_and_a_second_time_nothing_is_written(world: World, s3: S3) -> None:
    world.put("gopro#65a0", "SOURCE#0002", status="ARCHIVED", key="k", size=20, checksum="c")
    found = rebuild(world)
    assert found.counts["gopro"].missing_files == 1
    before = rows(world)
    assert before["gopro#65a0", "SOURCE#0002"]["key"] == "k"
    assert planned(world).missing == set()
    late = msgspec.structs.replace(found, run_id="rebuild-late")
    rebuild_ledger.write(world.stack, late, lambda _: None, Reading())
    assert rows(world) == before, "also where it was not there when it was looked for"


def test_a_file_is_of_its_last_version(world: World, s3: S3) -> None:
    s3.store(CLIP, size=12, number=1, copy=2, count=2)
    found = rebuild(world)
    source = Ledger(world.aws.table, "gopro").sources("65a0")[1]
    assert (source.copy, source.size, source.key) == (2, 12, "gopro/2026/05/65a0/GX010051-01-v2.MP4")
    assert found.found.earlier == 1 and rows(world)["gopro#65a0", "ITEM"]["bytes_total"] == 32


def test_what_cannot_be_believed_is_left_to_the_next_run_and_named(world: World, s3: S3) -> None:
    first, second, drive = s3.objects
    s3.objects[first][0].metadata["source-size"] = "11"
    s3.objects[second][0].metadata["source-etag"] = "sha256-" + "0" * 64
    s3.put(drive, is_marker=True)
    s3.store(DRIVE, provider="dropbox")
    s3.put("inventory.csv")
    found = rebuild(world)
    assert {one.key: one.why for one in found.left.first} == {
        first: "it has 10 bytes, and its source had 11", second: "its version is told only by a digest",
    }  # fmt: skip
    assert found.others == {"dropbox": 1} and found.missing == set() and rows(world) == {}
    assert found.found.deleted.first[0].key == drive and found.found.foreign.first[0].key == "inventory.csv"


def test_another_bucket_than_the_stacks_is_refused(world: World, s3: S3) -> None:
    with pytest.raises(UsageError, match=r"restore start --bucket another"):
        planned(world, "another")
    assert planned(world, "archive").missing


def test_while_a_run_is_under_way_nothing_is_written(world: World, s3: S3) -> None:
    arn = world.night("run-1", status="RUNNING")
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="run-1", execution_arn=arn)
    with pytest.raises(ConsoleError, match="under way"):
        planned(world)


def test_a_table_that_is_gone_has_to_be_there_first(world: World, s3: S3) -> None:
    world.aws.table.delete()
    with pytest.raises(NotFoundError, match=r"docs/disaster\.md"):
        planned(world)


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", CredentialsRefusedError), ("ConditionalCheckFailedException", None)]
)
def test_who_may_not_write_rows_is_told_so(
    world: World, s3: S3, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception] | None
) -> None:
    found = planned(world)
    table = world.account.table(world.stack.output("LedgerTable"))

    def refused(**_: Any) -> None:
        raise refusal(code, "PutItem")

    monkeypatch.setattr(table.meta.client, "put_item", refused)
    monkeypatch.setattr(world.account, "table", lambda _: table)
    if error is None:
        rebuild_ledger.write(world.stack, found, lambda _: None, Reading())
        return
    with pytest.raises(error, match="administrator"):
        rebuild_ledger.write(world.stack, found, lambda _: None, Reading())


# The verb


def test_it_shows_what_is_missing_asks_and_says_what_comes_next(
    world: World, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["rebuild-ledger"]) == Exit.USAGE
    asked = capsys.readouterr()
    assert "GoPro: 1 item with 2 files (30 B) in the archive; the ledger lacks 1 item and 2 files." in asked.err
    assert "--yes" in asked.err and asked.out == "" and rows(world) == {}
    assert main.main(["rebuild-ledger", "--bucket", "archive", "--yes"]) == Exit.FINE
    page = capsys.readouterr().out
    assert "3 objects in archive." in page and "Next step: `cloudsync run --follow`" in page
    assert main.main(["rebuild-ledger", "--json"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["rows_written"], found["run_id"]) == ("rebuilt-ledger", 0, "")
    assert found["providers"]["gopro"] == {
        "items": 1, "files": 2, "bytes": 30, "missing_items": 0, "missing_files": 0,
    }  # fmt: skip


def test_no_leaves_it_as_it_is(
    world: World, s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("console.commands.rebuild_ledger.is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert main.main(["rebuild-ledger"]) == Exit.FAILED
    assert "Nothing was written." in capsys.readouterr().err and rows(world) == {}
