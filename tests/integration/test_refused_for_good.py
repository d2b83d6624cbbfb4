"""What a provider refuses for good, or for days: it stays listed with its reason, fails no run and burns no attempt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.dropbox_faults import DropboxEndpoint
from local.fake_providers.dropbox_faults import DropboxFault as X
from local.fake_providers.fault_menu import Kind
from local.fake_providers.google_drive_faults import DriveEndpoint
from local.fake_providers.google_drive_faults import DriveFault as D
from tests.integration.aws_on_loopback import Aws
from tests.integration.cloud_runs import FILES, CloudRuns, cloud_runs

NIGHTS = 4  # more than the attempts that a video has (MAX_ATTEMPTS is 3)
LATER, REFUSED, DISPUTED = "not_available_yet", "refused_by_provider", "hash_disputed"
WELL, REMEMBERED = "well.mp4", {"error_category", "error_message", "disputed", "disputed_until", "disputed_runs"}
MEDIA, DESCRIPTION, DOWNLOAD = DriveEndpoint.MEDIA, DriveEndpoint.GET, DropboxEndpoint.DOWNLOAD

type Case = tuple[Kind, dict[str, Any], str]
# By the file that has the trouble; one is well.
CASES: dict[str, dict[str, Case]] = {
    "google_drive": {
        "abusive.mp4": (D.ABUSIVE, {}, REFUSED),
        "abuse.mp4": (D.ABUSIVE, {"reason": "abuse", "even_acknowledged": True}, REFUSED),
        "quota.mp4": (D.DOWNLOAD_QUOTA, {}, LATER),
        "locked.mp4": (D.REFUSED, {"reason": "cannotDownloadFile", "endpoint": MEDIA}, REFUSED),
        "shared.mp4": (D.REFUSED, {"reason": "insufficientFilePermissions", "endpoint": MEDIA}, REFUSED),
        "described.mp4": (D.REFUSED, {"reason": "insufficientFilePermissions", "endpoint": DESCRIPTION}, REFUSED),
        "domain.mp4": (D.REFUSED, {"reason": "domainPolicy", "endpoint": MEDIA}, REFUSED),
        "app.mp4": (D.REFUSED, {"reason": "appNotAuthorizedToFile", "endpoint": MEDIA}, REFUSED),
        "hashes.mp4": (D.HASHES_WRONG, {}, DISPUTED),
    },
    "dropbox": {
        "restricted.mp4": (X.LOOKUP_REFUSED, {"endpoint": DOWNLOAD}, REFUSED),
        "everywhere.mp4": (X.LOOKUP_REFUSED, {}, REFUSED),
        "type.mp4": (X.LOOKUP_REFUSED, {"tag": "unsupported_content_type", "endpoint": DOWNLOAD}, REFUSED),
        "file.mp4": (X.LOOKUP_REFUSED, {"tag": "unsupported_file", "endpoint": DOWNLOAD}, REFUSED),
        "busy.mp4": (X.LOOKUP_REFUSED, {"tag": "locked", "endpoint": DOWNLOAD}, LATER),
        "hash.mp4": (X.HASH_WRONG, {}, DISPUTED),
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def dropbox(aws: Aws, folder: Path) -> Iterator[CloudRuns]:
    with cloud_runs("dropbox", aws, folder) as runs:
        yield runs


@pytest.fixture
def drive(aws: Aws, folder: Path) -> Iterator[CloudRuns]:
    with cloud_runs("google_drive", aws, folder) as runs:
        yield runs


@pytest.mark.parametrize("provider", CASES)
def test_it_stays_listed_with_its_reason_whatever_the_number_of_nights_and_is_archived_once_it_is_given(
    aws: Aws, folder: Path, provider: str
) -> None:
    cases = CASES[provider]
    with cloud_runs(provider, aws, folder, dict.fromkeys([*cases, WELL], 20_000)) as cloud:
        for file, (kind, rule, _) in cases.items():
            cloud.fault(kind, file, **rule)
        for night in range(NIGHTS):
            output = cloud.run()
            assert (output["status"], output["failed"], output["exhausted"]) == ("SUCCEEDED", 0, 0)
            assert (output["unavailable"], output["backlog"]) == (len(cases), len(cases))
            assert (output["archived"], len(aws.archived())) == (0 if night else 1, 1)
            (mail,) = {mail["Message"] for mail in aws.mails() if f"Run run-{night + 1}." in mail["Message"]}
            for file, (_, _, category) in cases.items():
                row = cloud.row(file)
                assert (row["status"], row["error_category"], row.get("attempts", 0)) == ("UNAVAILABLE", category, 0)
                assert f"- {file}: {row['error_message']} ({category})" in mail
        assert aws.dead_letters() == []
        cloud.fake.control.clear_faults()
        assert cloud.run()["archived"] == len(cases)
        left = [row for row in map(cloud.row, cases) if row["status"] != "ARCHIVED" or REMEMBERED & row.keys()]
        assert left == [] and cloud.contents() == {(folder / file).read_bytes() for file in (*cases, WELL)}


# The published hash


@pytest.mark.parametrize("provider", ["google_drive", "dropbox"])
@pytest.mark.parametrize("file", ["one.mp4", "large.mp4"])
def test_a_transfer_that_was_damaged_once_is_made_again_in_the_same_run(
    aws: Aws, folder: Path, provider: str, file: str
) -> None:
    with cloud_runs(provider, aws, folder) as cloud:
        kind = {"google_drive": D.BYTES_CORRUPTED, "dropbox": X.BYTES_CORRUPTED}[provider]
        # The large file's first answer has one byte. A hash of the whole is made in order, over one connection.
        answers = {"one.mp4": 1, "large.mp4": 2 if provider == "google_drive" else 3}[file]
        cloud.fault(kind, file, byte=FILES[file] - 1000, times=answers)
        output = cloud.run()
        assert (output["archived"], output["unavailable"], output["failed"]) == (3, 0, 0)
        assert cloud.contents() == {(folder / name).read_bytes() for name in FILES}
        assert aws.uploads() == [] and "disputed" not in cloud.row(file)


def test_a_wrong_hash_is_believed_to_be_wrong_after_the_same_bytes_came_twice_and_nothing_is_stored(
    aws: Aws, dropbox: CloudRuns
) -> None:
    dropbox.fault(X.HASH_WRONG, "one.mp4")
    dropbox.run()
    row = dropbox.row("one.mp4")
    assert dropbox.read_since("one.mp4") == 2 * FILES["one.mp4"]
    assert row["disputed"].startswith("sha256-4mib:") and row["disputed_runs"] == 1
    assert len(aws.archived()) == 2 and aws.uploads() == []


@pytest.mark.parametrize("file", ["one.mp4", "large.mp4"])
def test_a_disputed_file_is_read_in_two_runs_and_then_no_more_for_days(dropbox: CloudRuns, file: str) -> None:
    dropbox.fault(X.HASH_WRONG, file)
    read = [0]
    for _ in range(4):
        dropbox.run()
        read.append(dropbox.read_since(file))
    first, second, third, fourth = (after - before for before, after in pairwise(read))
    size = FILES[file]
    assert size <= second < 1.01 * size and 2 * size <= first < 2.02 * size and third == fourth == 0
    row = dropbox.row(file)
    assert row["disputed_runs"] == 2 and row["disputed_until"][:10] in row["error_message"]


def test_a_disputed_file_is_read_again_after_its_pause_which_doubles(aws: Aws, dropbox: CloudRuns) -> None:
    dropbox.fault(X.HASH_WRONG, "one.mp4")
    dropbox.run(), dropbox.run()
    before, row = dropbox.read_since("one.mp4"), dropbox.row("one.mp4")
    key = {name: row[name] for name in ("pk", "sk")}
    aws.table.put_item(Item=row | {"disputed_until": "2026-01-01T00:00:00.000Z"})
    dropbox.run()
    again = aws.row(**key)
    assert dropbox.read_since("one.mp4", before) == FILES["one.mp4"]
    assert (again["disputed_runs"], again["disputed_content"]) == (3, row["disputed_content"])
    assert again["disputed_until"] > row["disputed_until"]


@pytest.mark.parametrize("provider", ["google_drive", "dropbox"])
def test_a_copy_that_was_damaged_at_the_provider_for_one_night_is_archived_in_the_next(
    aws: Aws, folder: Path, provider: str
) -> None:
    with cloud_runs(provider, aws, folder) as cloud:
        kind = {"google_drive": D.BYTES_CORRUPTED, "dropbox": X.BYTES_CORRUPTED}[provider]
        cloud.fault(kind, "one.mp4", byte=50_000)
        assert (cloud.run()["unavailable"], cloud.row("one.mp4")["error_category"]) == (1, DISPUTED)
        cloud.fake.control.clear_faults()
        assert cloud.run()["archived"] == 1
        assert cloud.contents() == {(folder / name).read_bytes() for name in FILES}


def test_bytes_that_are_others_each_time_are_a_failure_of_the_transfer_and_count_an_attempt(drive: CloudRuns) -> None:
    for place in range(12):
        drive.fault(D.BYTES_CORRUPTED, "one.mp4", byte=1000 + place, times=1, after=place)
    output = drive.run()
    row = drive.row("one.mp4")
    assert (output["status"], output["failed"], output["unavailable"]) == ("SUCCEEDED", 1, 0)
    assert (row["error_category"], row["attempts"]) == ("integrity", 1) and "disputed" not in row


def test_a_file_with_one_wrong_hash_and_another_that_fits_is_archived_with_that_proof(drive: CloudRuns) -> None:
    drive.fault(D.MD5_WRONG, "one.mp4")
    assert drive.run()["archived"] == 3
    source = drive.aws.row(f"google_drive#{drive.ids['one.mp4']}", "SOURCE#0001")
    assert "content-hash" in source["proofs"]
