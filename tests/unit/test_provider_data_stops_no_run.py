"""What a provider says of one video never counts as a wrong configuration, which would stop the run for all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.aws.s3_upload import Stored
from cloud_sync_common.exceptions import ConfigurationError, OriginalUnavailableError
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.transfer.part_plan import MAX_PART, MAX_PARTS, plan_parts

TOO_MUCH = ["KeyTooLongError", "MetadataTooLarge", "EntityTooLarge", "RequestHeaderSectionTooLarge"]


def archive(code: str = "") -> Archive:
    """An archive whose start of an upload is refused with this code."""

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}, "ResponseMetadata": cast(Any, {"HTTPStatusCode": 400})}, "x")

    client = SimpleNamespace(
        generate_presigned_url=lambda *_, **__: "https://archive.example/k?x", create_multipart_upload=refuse
    )
    return Archive(cast(Any, client), "archive", "STANDARD")


@pytest.mark.parametrize("code", TOO_MUCH)
def test_an_object_that_s3_finds_too_large_in_any_way_is_one_videos_trouble(code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with pytest.raises(OriginalUnavailableError, match=code):
        archive().object_stored(Stored(400, {}, body, "AAAAAAAAAAA="))
    with pytest.raises(OriginalUnavailableError, match=code):
        archive(code).begin("key", {})


@pytest.mark.parametrize("code", ["NoSuchBucket", "InvalidStorageClass", "AccessDenied"])
def test_what_a_person_has_to_fix_at_s3_still_stops_the_run(code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with pytest.raises(ConfigurationError, match=code):
        archive().object_stored(Stored(400, {}, body, "AAAAAAAAAAA="))


@pytest.mark.parametrize("size", [MAX_PART * MAX_PARTS + 1, 10**19, 2**63, 48 * 10**12])
def test_a_size_that_no_invocation_can_store_is_one_videos_trouble(size: int) -> None:
    with pytest.raises(OriginalUnavailableError, match=f"{size}"):
        plan_parts(size, 900.0)
