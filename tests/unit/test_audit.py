"""The audit finds each kind of damage, in a library of one clip and one video in two chapters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.contents import Contents
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from moto import mock_aws

from local.audit import audit, counts
from local.deployment import Deployment
from local.verify import file_digests
from tests.ledger_table import LEDGER_TABLE, TABLE

ARCHIVE = "archive"
CLIP, CHAPTERS = "clip", "chapters"


class InProcess:
    """Replaces the emulator."""

    def client(self, service: str, **_: str) -> Any:
        return boto3.client(service, "us-east-1")


@dataclass
class ArchivedLibrary:
    """A deployment in which everything is archived, with methods to damage it."""

    deployment: Deployment
    ledger: Ledger
    originals: list[dict[str, Any]]
    provider: str = "gopro"

    def key(self, original: dict[str, Any]) -> str:
        return f"{self.provider}/2026/01/{original['media_id']}/{original['source_number']}.MP4"

    def put(self, original: dict[str, Any], key: str = "", body: bytes | None = None) -> None:
        content = Path(original["path"]).read_bytes() if body is None else body
        stored = {
            "provider": self.provider,
            "media-id": original["media_id"],
            "file-number": str(original["source_number"]),
            "source-size": str(original["size"]),
            "source-etag": hashlib.sha256(Path(original["path"]).read_bytes()).hexdigest(),
        }
        written = Path(original["path"]).with_suffix(".written")
        written.write_bytes(content)
        checksum = file_digests(written)[1]
        self.deployment.s3.put_object(
            Bucket=ARCHIVE, Key=key or self.key(original), Body=content, Metadata=stored,
            ChecksumAlgorithm="CRC64NVME", ChecksumCRC64NVME=checksum,
        )  # fmt: skip

    def archive(self, media_id: str) -> None:
        """Stores and records the item as a run does."""
        item = MediaItem(media_id=media_id, filename="GX010001.MP4")
        files = [original for original in self.originals if original["media_id"] == media_id]
        self.ledger.claim(item, "run", 60)
        for file in files:
            self.put(file)
            row = SourceRow(
                status=Status.ARCHIVED,
                key=self.key(file),
                size=file["size"],
                checksum=file_digests(Path(file["path"]))[1],
            )
            self.ledger.archive_source(media_id, file["source_number"], "run", row)
        self.ledger.archive_item(media_id, "run", bytes_total=sum(file["size"] for file in files))

    def set_item(self, media_id: str, **fields: str) -> None:
        """Changes the item's row directly in the table."""
        row = next(row for row in self.deployment.rows() if (row["sk"], row.get("media_id")) == ("ITEM", media_id))
        changed = {name: {"S": str(value)} for name, value in {**row, **fields}.items()}
        self.deployment.dynamodb.put_item(TableName=TABLE, Item=changed)

    def drop(self, media_id: str, sk: str) -> None:
        self.deployment.dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": f"gopro#{media_id}"}, "sk": {"S": sk}})

    def kinds(self, **how: Any) -> dict[str, int]:
        found = counts(audit(self.deployment, self.originals, **how))
        return {kind: count for kind, count in found.items() if count}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ArchivedLibrary]:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    originals = []
    for media_id, number, count in ((CLIP, 1, 1), (CHAPTERS, 1, 2), (CHAPTERS, 2, 2)):
        path = tmp_path / f"{media_id}-{number}"
        path.write_bytes(f"{media_id} {number}".encode() * 100)
        originals.append(
            {"media_id": media_id, "filename": "GX010001.MP4", "source_number": number, "source_count": count,
             "path": str(path), "size": path.stat().st_size}
        )  # fmt: skip
    outputs = dict.fromkeys(("WorkBucket", "CredentialsSecret", "StateMachineArn", "AlertsTopicArn"), "")
    with mock_aws():
        boto3.client("s3", "us-east-1").create_bucket(Bucket=ARCHIVE)
        boto3.client("s3", "us-east-1").put_bucket_versioning(
            Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"}
        )
        table = boto3.resource("dynamodb", "us-east-1").create_table(**LEDGER_TABLE)
        deployment = Deployment(cast(Any, InProcess()), {**outputs, "ArchiveBucket": ARCHIVE, "LedgerTable": TABLE})
        library = ArchivedLibrary(deployment, Ledger(table, "gopro"), originals)
        library.archive(CLIP)
        library.archive(CHAPTERS)
        yield library


def test_a_complete_archive_has_no_findings(library: ArchivedLibrary) -> None:
    assert audit(library.deployment, library.originals, complete=True, resume_window=timedelta(0)) == []


@pytest.fixture
def drive(library: ArchivedLibrary) -> ArchivedLibrary:
    """The same videos in a second cloud, where they happen to have the same ids."""
    table = boto3.resource("dynamodb", "us-east-1").Table(TABLE)
    second = ArchivedLibrary(
        library.deployment, Ledger(table, "google_drive"), library.originals, provider="google_drive"
    )
    second.archive(CLIP)
    second.archive(CHAPTERS)
    return second


def test_two_clouds_whose_ids_are_the_same_are_audited_apart(library: ArchivedLibrary, drive: ArchivedLibrary) -> None:
    assert library.kinds(provider="gopro") == library.kinds(provider="google_drive") == {}
    library.drop(CLIP, "ITEM")
    assert library.kinds(provider="gopro") == {"lost": 1}
    assert drive.kinds(provider="google_drive") == {}


def test_versions_that_only_their_listing_tells_apart_are_no_duplicates(library: ArchivedLibrary) -> None:
    for number, listed, duplicated in ((1, "sha256:a", 0), (2, "sha256:b", 0), (3, "sha256:b", 1)):
        stored = {"provider": "google_drive", "media-id": "x", "source-size": "1", "source-listed": listed}
        key = f"google_drive/{number}"
        library.deployment.s3.put_object(Bucket=ARCHIVE, Key=key, Body=b"x", Metadata=stored)
        assert library.kinds() == {"orphan_object": number} | ({"duplicated": 1} if duplicated else {})


def delete_an_object(library: ArchivedLibrary) -> None:
    versions = library.deployment.s3.list_object_versions(Bucket=ARCHIVE, Prefix=f"gopro/2026/01/{CLIP}")["Versions"]
    for version in versions:
        library.deployment.s3.delete_object(Bucket=ARCHIVE, Key=version["Key"], VersionId=version["VersionId"])


def store_other_bytes(library: ArchivedLibrary) -> None:
    delete_an_object(library)
    library.put(library.originals[0], body=b"x" * library.originals[0]["size"])


def record_a_copy(library: ArchivedLibrary) -> dict[str, Any]:
    """The clip of another provider with the same bytes, as a copy of the one that is archived. Returns that original of
    the other provider."""
    (original,) = (one for one in library.originals if one["media_id"] == CLIP)
    ledger, item = Ledger(library.ledger._table, "dropbox"), MediaItem(media_id="again", filename="a.mp4")
    key, pointer = library.key(original), "dropbox/2026/01/again/a.mp4.copy"
    checksum = file_digests(Path(original["path"]))[1]
    said = {"copy_of": key, "size": original["size"], "crc64nvme": checksum}
    library.deployment.s3.put_object(Bucket=ARCHIVE, Key=pointer, Body=json.dumps(said).encode())
    row = SourceRow(
        status=Status.ARCHIVED, key=pointer, size=original["size"], checksum=checksum, copy_of=key, agreed="sha256:x"
    )
    ledger.claim(item, "run", 60)
    ledger.archive_source("again", 1, "run", row)
    ledger.archive_item("again", "run", bytes_total=original["size"])
    Contents(library.ledger._table).note(key, original["size"], checksum)
    return {**original, "media_id": "again"}


def test_a_copy_is_archived_as_long_as_the_object_that_it_needs_is_there(library: ArchivedLibrary) -> None:
    other = record_a_copy(library)
    assert audit(library.deployment, library.originals, complete=True, resume_window=timedelta(0)) == []
    assert audit(library.deployment, [other], provider="dropbox", complete=True) == []


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        (delete_an_object, {"lost": 1, "row_without_object": 2}),
        (store_other_bytes, {"lost": 1}),
        (lambda library: library.deployment.s3.delete_object(Bucket=ARCHIVE, Key="dropbox/2026/01/again/a.mp4.copy"),
         {"row_without_object": 1}),
    ],
    ids=["the object is gone", "the object has other bytes", "the pointer is gone"],
)  # fmt: skip
def test_a_copy_whose_object_or_pointer_is_gone_is_found(
    library: ArchivedLibrary, damage: Callable[[ArchivedLibrary], object], kinds: dict[str, int]
) -> None:
    other = record_a_copy(library)
    damage(library)
    found = counts(audit(library.deployment, [other], provider="dropbox"))
    assert {kind: count for kind, count in found.items() if count} == kinds


def test_an_object_that_only_a_copy_names_is_no_orphan(library: ArchivedLibrary) -> None:
    record_a_copy(library)
    for sk in ("ITEM", "SOURCE#0001"):
        library.drop(CLIP, sk)
    assert library.kinds() == {"lost": 1}  # the clip has no row, and its object is needed


DAMAGES: dict[str, tuple[Callable[[ArchivedLibrary], object], dict[str, int]]] = {
    "an object is gone": (delete_an_object, {"lost": 1, "row_without_object": 1}),
    "other bytes of the same length": (store_other_bytes, {"lost": 1}),
    "an item that is ARCHIVED without any source or object": (
        lambda t: (delete_an_object(t), t.drop(CLIP, "SOURCE#0001")),
        {"lost": 1, "incomplete_item": 1},
    ),
    "an item that says another size than its sources": (
        lambda t: t.set_item(CLIP, bytes_total="5"),
        {"incomplete_item": 1},
    ),
    "an item with an unknown status": (lambda t: t.set_item(CLIP, status="DONE"), {"lost": 1, "odd_row": 1}),
    "a row that is neither an item nor a source": (
        lambda t: t.deployment.dynamodb.put_item(
            TableName=TABLE, Item={"pk": {"S": f"gopro#{CLIP}"}, "sk": {"S": "OTHER"}}
        ),
        {"odd_row": 1},
    ),
    "a source's row without anything in it": (
        lambda t: t.deployment.dynamodb.put_item(
            TableName=TABLE, Item={"pk": {"S": f"gopro#{CLIP}"}, "sk": {"S": "SOURCE#0001"}}
        ),
        {"lost": 1, "orphan_object": 1, "incomplete_item": 1, "odd_row": 1},
    ),
    "a chapter without its row": (
        lambda t: t.drop(CHAPTERS, "SOURCE#0002"),
        {"lost": 1, "orphan_object": 1, "incomplete_item": 1},
    ),
    "an item without its row": (lambda t: t.drop(CLIP, "ITEM"), {"lost": 1}),
    "an item that is missing from the index": (lambda t: t.set_item(CLIP, status="FAILED"), {"lost": 1}),
    "an unknown object": (
        lambda t: t.deployment.s3.put_object(Bucket=ARCHIVE, Key="gopro/other", Body=b"x"),
        {"orphan_object": 1},
    ),
    "two objects for one source": (
        lambda t: t.put(t.originals[0], key="gopro/again"),
        {"orphan_object": 1, "duplicated": 1},
    ),
    "an overwritten object": (lambda t: t.put(t.originals[0]), {"duplicated": 1}),
    "an abandoned upload": (
        lambda t: t.deployment.s3.create_multipart_upload(Bucket=ARCHIVE, Key="gopro/half"),
        {"stray_upload": 1},
    ),
    "a failure without a reason": (
        lambda t: t.set_item(CLIP, status="FAILED", not_archived="gopro", error_category="integrity"),
        {"wrong_category": 1},
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_each_kind_of_damage_is_found_and_nothing_else(library: ArchivedLibrary, what: str) -> None:
    damage, found = DAMAGES[what]
    damage(library)
    assert library.kinds(resume_window=timedelta(0)) == found


def test_an_earlier_version_stays_although_no_row_names_it(library: ArchivedLibrary) -> None:
    library.deployment.s3.put_object(Bucket=ARCHIVE, Key="gopro/earlier", Body=b"x")
    assert library.kinds() == {"orphan_object": 1}
    assert library.kinds(earlier={"gopro/earlier"}) == {}
    assert library.kinds(earlier={"gopro/earlier", "gopro/gone"}) == {"lost": 1}


def test_an_upload_younger_than_the_resume_window_is_not_a_stray(library: ArchivedLibrary) -> None:
    library.deployment.s3.create_multipart_upload(Bucket=ARCHIVE, Key="gopro/half")
    # In moto every upload starts in 2010.
    assert library.kinds(resume_window=timedelta(days=36_500)) == {}
    assert library.kinds() == {"stray_upload": 1}


def test_an_item_that_must_not_be_archived_needs_the_expected_reason(library: ArchivedLibrary) -> None:
    assert library.kinds(not_archived={CLIP: "short_read"}) == {"wrong_category": 1}
    library.set_item(CLIP, status="FAILED", not_archived="gopro", error_category="integrity")
    assert library.kinds(not_archived={CLIP: "short_read"}) == {"wrong_category": 1}
    assert library.kinds(not_archived={CLIP: "integrity"}) == {}
    assert library.kinds(not_archived={CLIP: "integrity", "unheard-of": "integrity"}) == {"lost": 1}


def test_a_pending_item_is_a_loss_only_when_the_archive_must_be_complete(library: ArchivedLibrary) -> None:
    library.set_item(CLIP, status="PENDING", not_archived="gopro")
    assert library.kinds() == {}
    assert library.kinds(complete=True) == {"lost": 1}


def test_items_that_a_stopped_run_could_not_list_are_no_loss(library: ArchivedLibrary) -> None:
    library.drop(CLIP, "ITEM")
    library.drop(CLIP, "SOURCE#0001")
    delete_an_object(library)
    assert library.kinds() == {"lost": 1}
    assert library.kinds(unlisted=True) == {}
