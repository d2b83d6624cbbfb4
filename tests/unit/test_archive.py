"""The archive in S3: what is asked of S3, what its answers mean, and objects that are never overwritten."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError
from cloud_sync_common.aws import aws_chunked
from cloud_sync_common.aws.s3_upload import Stored
from cloud_sync_common.exceptions import ArchiveUnavailableError, CloudSyncError, ConfigurationError, IntegrityError
from cloud_sync_common.stores import archive
from cloud_sync_common.stores.archive import (
    Archive,
    ArchivedObject,
    NewUpload,
    ObjectExists,
    Part,
    StoredObject,
    UploadGone,
    WriteConflict,
    combined_checksum,
    joined_etag,
)

SUM, OTHER = "AAAAAAAAAAE=", "AAAAAAAAAAI="


class S3:
    """Answers every call with `answer`, or raises it; notes what was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer, self.asked = answer, list[dict[str, Any]]()
        self.meta = type("Meta", (), {"region_name": "eu-west-3"})

    def generate_presigned_url(self, _: str, Params: dict[str, str]) -> str:
        return f"https://{Params['Bucket']}.s3.example/{Params['Key']}?X-Amz-Signature=1"

    def _call(self, **given: Any) -> Any:
        self.asked.append(given)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    create_multipart_upload = complete_multipart_upload = abort_multipart_upload = _call
    head_object = list_objects_v2 = _call

    def get_paginator(self, name: str) -> Any:
        assert name == "list_parts"
        return self

    def paginate(self, **given: Any) -> Any:
        yield from self._call(**given)  # boto3 asks for a page when it is read


def archive_of(answer: Any = None) -> tuple[Archive, S3]:
    s3 = S3(answer)
    return Archive(cast(Any, s3), "bucket", "DEEP_ARCHIVE"), s3


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "Any")


@pytest.fixture(autouse=True)
def signed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], str]]:
    """What was signed, instead of a signature."""
    seen: list[tuple[str, dict[str, str], str]] = []

    def sign(url: str, headers: dict[str, str], region: str) -> dict[str, str]:
        seen.append((url, dict(headers), region))
        return {**headers, "Authorization": "x"}

    monkeypatch.setattr(archive, "signed_put", sign)
    return seen


# Writing an object


def test_an_object_is_written_only_where_there_is_none_and_with_its_class_and_metadata(
    signed: list[tuple[str, dict[str, str], str]],
) -> None:
    upload = archive_of()[0].object_upload("gopro/a b~.mp4", 7, {"media-id": "1"})
    assert (upload.url, upload.length) == ("https://bucket.s3.example/gopro/a%20b~.mp4", 7)
    ((url, headers, region),) = signed
    assert (url, region, upload.headers["Authorization"]) == (upload.url, "eu-west-3", "x")
    assert headers == aws_chunked.headers(7) | {
        "Content-Type": "video/mp4",
        "If-None-Match": "*",
        "X-Amz-Storage-Class": "DEEP_ARCHIVE",
        "X-Amz-Meta-media-id": "1",
    }


def test_a_part_is_written_under_its_number_and_nothing_else(signed: list[tuple[str, dict[str, str], str]]) -> None:
    upload = archive_of()[0].part_upload("gopro/a.mp4", "id/+", 3, 7)
    assert upload.url == "https://bucket.s3.example/gopro/a.mp4?partNumber=3&uploadId=id%2F%2B"
    assert signed[0][1] == aws_chunked.headers(7)


def test_a_name_of_an_unknown_kind_is_only_bytes(signed: list[tuple[str, dict[str, str], str]]) -> None:
    archive_of()[0].object_upload("gopro/a.unheard", 7, {})
    assert signed[0][1]["Content-Type"] == "application/octet-stream"


def stored(status: int = 200, code: str = "", **headers: str) -> Stored:
    body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
    return Stored(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, SUM)


@pytest.mark.parametrize("headers", [{}, {"x_amz_checksum_crc64nvme": SUM}], ids=["none", "same"])
def test_what_s3_has_stored_has_the_checksum_of_what_was_sent(headers: dict[str, str]) -> None:
    box, _ = archive_of()
    assert box.object_stored(stored(**headers)) == SUM
    assert box.part_stored(3, 7, stored(**headers, etag='"e"')) == Part(3, 7, '"e"', SUM)
    assert box.part_stored(3, 7, stored(**headers)).etag == ""


def test_another_checksum_of_s3_is_another_content() -> None:
    box, _ = archive_of()
    for check in (box.object_stored, lambda answer: box.part_stored(1, 7, answer)):
        with pytest.raises(IntegrityError, match="not what was read"):
            check(stored(x_amz_checksum_crc64nvme=OTHER))


REFUSALS: list[tuple[int, str, type[Exception]]] = [
    (412, "PreconditionFailed", ObjectExists),
    (412, "", ObjectExists),
    (404, "NoSuchUpload", UploadGone),
    (409, "ConditionalRequestConflict", ArchiveUnavailableError),
    (409, "", ArchiveUnavailableError),
    (400, "BadDigest", IntegrityError),
    (400, "InvalidDigest", IntegrityError),
    (400, "InvalidPart", IntegrityError),
    (400, "InvalidPartOrder", IntegrityError),
    (400, "EntityTooSmall", IntegrityError),
    (400, "InvalidRequest", IntegrityError),
    (404, "NoSuchBucket", ConfigurationError),
    (403, "AccessDenied", ConfigurationError),
    (503, "SlowDown", ArchiveUnavailableError),
    (500, "InternalError", ArchiveUnavailableError),
]


@pytest.mark.parametrize(("status", "code", "error"), REFUSALS)
def test_each_refusal_of_s3_is_what_it_means(status: int, code: str, error: type[Exception]) -> None:
    box, _ = archive_of()
    for check in (box.object_stored, lambda answer: box.part_stored(1, 7, answer)):
        with pytest.raises(error) as failure:
            check(stored(status, code))
        assert type(failure.value) is error


# An upload in parts


def test_an_upload_in_parts_begins_with_class_checksum_and_metadata() -> None:
    box, s3 = archive_of({"UploadId": "id"})
    assert box.begin("gopro/a.mov", {"media-id": "1"}) == NewUpload("id", md5_etags=False)
    assert s3.asked == [
        {
            "Bucket": "bucket", "Key": "gopro/a.mov", "ContentType": "video/quicktime", "Metadata": {"media-id": "1"},
            "ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT", "StorageClass": "DEEP_ARCHIVE",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("encryption", "md5_etags"),
    [({"ServerSideEncryption": "AES256"}, True), ({"ServerSideEncryption": "aws:kms"}, False),
     ({"ServerSideEncryption": "aws:kms:dsse"}, False), ({}, False)],
)  # fmt: skip
def test_s3_says_at_the_beginning_whether_the_etags_of_an_upload_are_md5s(
    encryption: dict[str, str], md5_etags: bool
) -> None:
    box, _ = archive_of({"UploadId": "id", **encryption})
    assert box.begin("gopro/a.mov", {}).md5_etags is md5_etags


def test_the_etag_of_joined_parts_is_the_md5_of_their_md5s_and_their_number() -> None:
    """The value for 5 MiB of zeros in one part is S3's own (provider notes)."""
    zeros = Part(1, 5 * 1024 * 1024, '"5f363e0e58a95f06cbe9bbc662c5dfb6"', SUM)
    assert joined_etag([zeros]) == '"81485c0e873d222199469076b60f30e9-1"'
    one, two = hashlib.md5(b"one"), hashlib.md5(b"two")  # noqa: S324
    parts = [Part(1, 3, f'"{one.hexdigest()}"', SUM), Part(2, 3, two.hexdigest(), SUM)]
    assert joined_etag(parts) == f'"{hashlib.md5(one.digest() + two.digest()).hexdigest()}-2"'  # noqa: S324
    assert joined_etag(parts[::-1]) != joined_etag(parts)


@pytest.mark.parametrize("etag", ["", '"5f363e0e"', '"5f363e0e58a95f06cbe9bbc662c5dfb6-1"', "W/x"])
def test_parts_whose_etags_are_no_md5s_have_none_together(etag: str) -> None:
    assert joined_etag([Part(1, 5, '"5f363e0e58a95f06cbe9bbc662c5dfb6"', SUM), Part(2, 5, etag, SUM)]) == ""
    assert joined_etag([]) == ""


def test_the_parts_of_all_pages_are_read_and_one_without_a_checksum_counts_as_missing() -> None:
    listed = [{"PartNumber": n, "Size": n * 10, "ETag": f"e{n}", "ChecksumCRC64NVME": SUM} for n in (1, 2, 3)]
    del listed[1]["ChecksumCRC64NVME"]
    box, s3 = archive_of([{"Parts": listed[:2]}, {"Parts": listed[2:]}, {}])
    assert box.parts("k", "id") == {1: Part(1, 10, "e1", SUM), 3: Part(3, 30, "e3", SUM)}
    assert s3.asked == [{"Bucket": "bucket", "Key": "k", "UploadId": "id"}]


def test_the_parts_of_an_upload_that_is_gone_are_no_empty_list() -> None:
    with pytest.raises(UploadGone):
        archive_of(refusal("NoSuchUpload"))[0].parts("k", "id")


PARTS = [Part(1, 5, "e1", SUM), Part(2, 3, "e2", OTHER)]


def test_completing_states_every_part_the_size_and_the_checksum_and_overwrites_nothing() -> None:
    whole = combined_checksum(PARTS)
    box, s3 = archive_of({"ChecksumCRC64NVME": whole})
    assert box.complete("k", "id", PARTS) == whole
    assert s3.asked == [
        {
            "Bucket": "bucket", "Key": "k", "UploadId": "id", "IfNoneMatch": "*", "MpuObjectSize": 8,
            "ChecksumCRC64NVME": whole, "ChecksumType": "FULL_OBJECT",
            "MultipartUpload": {"Parts": [
                {"PartNumber": 1, "ETag": "e1", "ChecksumCRC64NVME": SUM},
                {"PartNumber": 2, "ETag": "e2", "ChecksumCRC64NVME": OTHER},
            ]},
        }
    ]  # fmt: skip


def test_a_completion_without_a_checksum_in_its_answer_will_do_and_one_with_another_will_not() -> None:
    assert archive_of({})[0].complete("k", "id", PARTS) == combined_checksum(PARTS)
    with pytest.raises(IntegrityError, match="different checksum"):
        archive_of({"ChecksumCRC64NVME": SUM})[0].complete("k", "id", PARTS)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ConditionalRequestConflict", WriteConflict),
        ("409", WriteConflict),
        ("PreconditionFailed", ObjectExists),
        ("NoSuchUpload", UploadGone),
        ("InvalidPart", IntegrityError),
        ("AccessDenied", ConfigurationError),
        ("SlowDown", ArchiveUnavailableError),
    ],
)
def test_a_completion_that_is_refused_is_what_it_means(code: str, error: type[Exception]) -> None:
    with pytest.raises(error) as failure:
        archive_of(refusal(code))[0].complete("k", "id", PARTS)
    assert "secret" not in str(failure.value)


def test_an_upload_that_is_gone_needs_no_abort_and_any_other_refusal_is_raised() -> None:
    archive_of(refusal("NoSuchUpload"))[0].abort("k", "id")
    for code in ("AccessDenied", "SomethingNew"):
        with pytest.raises((CloudSyncError, ClientError)):
            archive_of(refusal(code))[0].abort("k", "id")
    box, s3 = archive_of({})
    box.abort("k", "id")
    assert s3.asked == [{"Bucket": "bucket", "Key": "k", "UploadId": "id"}]


@pytest.mark.parametrize("sizes", [(1000,), (300, 300, 300, 100), (999, 1), (1, 0, 999)], ids=str)
def test_the_checksum_of_the_whole_is_combined_from_those_of_its_parts(sizes: tuple[int, ...]) -> None:
    content, parts, at = bytes(range(250)) * 4, list[Part](), 0
    for number, size in enumerate(sizes, 1):
        crc = crc64nvme(content[at : at + size])
        parts.append(Part(number, size, "", base64.b64encode(crc.to_bytes(8, "big")).decode()))
        at += size
    assert combined_checksum(parts) == aws_chunked.encode_checksum(crc64nvme(content))


# What is there


def test_an_object_is_found_with_its_checksum_and_metadata() -> None:
    box, s3 = archive_of({"ContentLength": 7, "ChecksumCRC64NVME": SUM, "Metadata": {"media-id": "1"}})
    assert box.find("k") == ArchivedObject("k", 7, SUM, {"media-id": "1"})
    assert s3.asked == [{"Bucket": "bucket", "Key": "k", "ChecksumMode": "ENABLED"}]
    assert archive_of({"ContentLength": 7, "Metadata": {}})[0].find("k") == ArchivedObject("k", 7, "", {})


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NotFound"])
def test_what_is_not_there_is_none(code: str) -> None:
    assert archive_of(refusal(code))[0].find("k") is None


@pytest.mark.parametrize("code", ["403", "AccessDenied", "SlowDown", "503"])
def test_what_cannot_be_looked_up_is_an_error_and_not_none(code: str) -> None:
    with pytest.raises((CloudSyncError, ClientError)):
        archive_of(refusal(code))[0].find("k")


def test_a_listing_goes_on_after_the_key_before_and_is_empty_at_its_end() -> None:
    when = datetime(2026, 11, 2, tzinfo=UTC)
    box, s3 = archive_of({"Contents": [{"Key": "gopro/b", "Size": 7, "LastModified": when}]})
    assert box.page("gopro/", "") == [StoredObject("gopro/b", 7, when)]
    box.page("gopro/", "gopro/a")
    assert s3.asked == [
        {"Bucket": "bucket", "Prefix": "gopro/"},
        {"Bucket": "bucket", "Prefix": "gopro/", "StartAfter": "gopro/a"},
    ]
    assert archive_of({})[0].page("gopro/", "") == []
