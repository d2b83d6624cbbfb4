"""The deployed stack backs up one library: what is in the archive afterwards, and what is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow, Picture, index_prefix

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from local.verify import Verdict, iam_is_enforced, verify
from tests.e2e.conftest import output_of

type Inbox = Callable[[], list[dict[str, str]]]


@pytest.fixture(scope="module")
def first_run(deployed: Deployment, gopro: FakeGoPro, inbox: Inbox) -> dict[str, Any]:
    """A run with an empty archive, and the state right after it."""
    gopro.control.reset()
    deployed.clear()
    deployed.store_credentials(account_of(gopro).oauth())
    inbox()
    description = deployed.run()
    return {
        "description": description,
        "verdicts": verify(deployed, gopro.control.originals()),
        "objects": deployed.objects(),
        "rows": {row["media_id"]: row for row in deployed.rows() if row["sk"] == "ITEM"},
        "mail": inbox(),
        "stats": gopro.control.stats(),
        "catalogue": described(deployed),
    }


def described(deployed: Deployment) -> list[tuple[IndexRow, Details | None, bytes]]:
    """Of each item in an index: its line, its details, and its picture."""
    catalogue, bucket = Catalogue(deployed.s3, deployed.work_bucket, "gopro"), deployed.work_bucket
    listed = deployed.s3.list_objects_v2(Bucket=bucket, Prefix=index_prefix("gopro")).get("Contents", [])
    months = [found["Key"].rpartition("/")[2].removesuffix(".jsonl") for found in listed]
    rows = [row for month in months for row in catalogue.index(month).rows.values()]
    return [
        (row, catalogue.details(row.listed_at, row.media_id), catalogue.thumbnail(row.listed_at, row.media_id))
        for row in rows
    ]


def test_every_original_is_archived_byte_for_byte(first_run: dict[str, Any]) -> None:
    verdicts: list[Verdict] = first_run["verdicts"]
    assert len(verdicts) == 20
    assert [verdict for verdict in verdicts if not verdict.agreed] == []


def test_nothing_but_originals_is_in_the_archive(first_run: dict[str, Any]) -> None:
    assert set(first_run["objects"]) == {verdict.key for verdict in first_run["verdicts"]}


def test_every_archived_item_is_described_with_what_its_movie_says_and_most_have_a_picture(
    first_run: dict[str, Any],
) -> None:
    archived = {media_id for media_id, row in first_run["rows"].items() if row["status"] == "ARCHIVED"}
    assert {row.media_id for row, _, _ in first_run["catalogue"]} == archived
    for row, details, picture in first_run["catalogue"]:
        assert details is not None and details.row == row and row.is_detailed
        assert {file.key for file in details.files} <= set(first_run["objects"])
        assert (row.picture is not Picture.NONE) == picture.startswith(b"\xff\xd8\xff")
    assert sum(row.duration is not None for row, _, _ in first_run["catalogue"]) > len(archived) / 2
    assert sum(bool(picture) for _, _, picture in first_run["catalogue"]) > len(archived) / 2


def test_no_proxy_was_ever_fetched(first_run: dict[str, Any]) -> None:
    fetched = {name.split("/")[1] for name in first_run["stats"]["bytes_served"]}
    assert fetched == {"source", "baked_source"}


def test_two_clips_with_one_filename_are_two_objects(first_run: dict[str, Any]) -> None:
    keys = [verdict.key for verdict in first_run["verdicts"] if verdict.filename == "GX010042.MP4"]
    assert len(set(keys)) == 2


def test_all_chapters_of_a_video_are_archived_in_order(first_run: dict[str, Any]) -> None:
    keys = [
        verdict.key.rpartition("/")[2]
        for verdict in first_run["verdicts"]
        if verdict.filename.startswith("GX010051.MP4")
    ]
    assert keys == ["GX010051.MP4", "GX020051.MP4", "GX030051.MP4"]


def test_keys_are_by_provider_capture_month_and_media_id(first_run: dict[str, Any]) -> None:
    key = next(verdict.key for verdict in first_run["verdicts"] if verdict.filename == "GX010060.MP4")
    assert key == "gopro/2026/02/65a0f0c2b7e4d1a2c3b40005/GX010060.MP4"


def test_the_metadata_of_an_object_names_its_source(deployed: Deployment, first_run: dict[str, Any]) -> None:
    key = next(key for key in first_run["objects"] if "den_Grat" in key)
    head = deployed.s3.head_object(Bucket=deployed.archive_bucket, Key=key)
    assert head["Metadata"]["provider"] == "gopro"
    assert head["Metadata"]["filename"].startswith("%C3%9Cber%20den%20%22Grat%22")
    assert head["Metadata"]["captured-at"] == "2026-04-12T06:45:00Z"
    assert head["ServerSideEncryption"] == "aws:kms"


def test_a_video_without_an_original_fails_is_listed_and_does_not_fail_the_run(first_run: dict[str, Any]) -> None:
    row = next(row for row in first_run["rows"].values() if row["status"] == "FAILED")
    assert (row["filename"], row["error_category"], row["attempts"]) == ("GX010077.MP4", "original_unavailable", 1)
    assert first_run["description"]["status"] == "SUCCEEDED"


def test_a_photo_is_ignored_and_a_clip_still_transcoding_waits(first_run: dict[str, Any]) -> None:
    names = {row["filename"] for row in first_run["rows"].values()}
    assert "GOPR0815.JPG" not in names
    assert "GX010081.MP4" not in names
    assert output_of(first_run["description"])["waiting"] == 1


def test_the_summary_of_the_run_has_the_right_counts(first_run: dict[str, Any]) -> None:
    summary = output_of(first_run["description"])
    assert (summary["listed"], summary["new"], summary["archived"], summary["failed"]) == (19, 18, 17, 1)
    assert summary["bytes_archived"] == sum(first_run["objects"].values())


def test_one_mail_reports_the_run(first_run: dict[str, Any]) -> None:
    (mail,) = first_run["mail"]
    assert mail["Subject"] == "Cloud Sync: 17 videos archived, 1 failed"
    assert "GX010077.MP4: GoPro offers no original" in mail["Message"]


def test_provider_credentials_never_go_to_the_cdn(first_run: dict[str, Any]) -> None:
    assert first_run["stats"]["cdn_saw_authorization"] is False
    assert first_run["stats"]["cdn_saw_api_token"] is False


def test_the_manifest_and_the_results_are_in_the_work_bucket(deployed: Deployment, first_run: dict[str, Any]) -> None:
    run_id = first_run["description"]["name"]
    manifest = deployed.s3.get_object(Bucket=deployed.work_bucket, Key=f"runs/{run_id}/work.jsonl")["Body"].read()
    listed = [media["media_id"] for line in manifest.splitlines() for media in json.loads(line)["media"]]
    assert len(listed) == len(set(listed)) and set(listed) == set(first_run["rows"])


def test_a_second_run_transfers_nothing(deployed: Deployment, gopro: FakeGoPro, first_run: dict[str, Any]) -> None:
    before = gopro.control.stats()["bytes_served"]
    second = deployed.run()
    assert output_of(second)["bytes_archived"] == 0
    assert gopro.control.stats()["bytes_served"] == before
    assert deployed.objects() == first_run["objects"]


def test_an_item_that_became_ready_is_archived_by_the_next_run(
    deployed: Deployment, gopro: FakeGoPro, first_run: dict[str, Any]
) -> None:
    waiting = next(item for item in gopro.library.items() if item.row["ready_to_view"] == "transcoding")
    source = waiting.sources[0].relative_to(gopro.library.folder)
    gopro.control.put_item({**waiting.row, "ready_to_view": "ready", "sources": [str(source)]})
    summary = output_of(deployed.run())
    assert (summary["archived"], summary["waiting"]) == (1, 0)
    new = set(deployed.objects()) - set(first_run["objects"])
    (key,) = new
    body = deployed.s3.get_object(Bucket=deployed.archive_bucket, Key=key)["Body"].read()
    assert hashlib.sha256(body).digest() == hashlib.sha256(waiting.sources[0].read_bytes()).digest()


def test_iam_is_enforced_in_the_local_deployment(deployed: Deployment) -> None:
    assert iam_is_enforced(deployed.emulator, deployed.archive_bucket, deployed.ledger_table)
