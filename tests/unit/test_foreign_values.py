"""Of what a provider says, only known words and values of a known shape are kept and shown; no secret is either."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from cloud_sync_common import safe_text
from cloud_sync_common.exceptions import CloudSyncError, CredentialsExpiredError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.response_shape import shape
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Filters, Fingerprint, MediaItem
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.stores.archive_keys import metadata, object_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.gopro_service import ROW, Service, answer, download, search, variation
from tests.unit.test_gopro_answers import OAUTH


def is_varied(secret: str) -> bool:
    return len(set(secret)) > 4


# Words as in a sentence or in a field's name: they look like no secret.
SECRETS = st.from_regex(r"[a-z_]{8,60}", fullmatch=True).filter(is_varied)
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda text: "".join(f"%{ord(character):02x}" for character in text),
    "quoted": lambda text: quote(text, safe=""),
    "Base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "in capitals": str.upper,
    "with a capital": str.capitalize,
}
FIELDS = ("id", "type", "filename", "file_extension", "captured_at", "created_at", "reprocessed_at", "item_count")
CLIP = MediaItem(media_id="65a0f0c2b7e4d1a2c3b4d5e6", filename="GX010001.MP4")


@contextmanager
def knowing(secret: str, *answers: Any) -> Iterator[list[str]]:
    """What is logged, as it is handed to the logger, while this secret is known and the service gives these answers."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_text, "_secrets", safe_text._Secrets())
        safe_text.protect(secret)
        patch.setattr(http_client, "request", Service(list(answers)).request)
        patch.setattr(logger, "warning", lambda *told, **more: said.append(repr((told, more))))
        yield said


def refused(call: Any) -> str:
    """The message of the error that the call ends with; empty when there is none."""
    try:
        call()
    except CloudSyncError as error:
        return str(error)
    return ""


@given(secret=SECRETS, written=st.sampled_from(sorted(WRITTEN)))
@example(secret="my_secret_token", written="as it is")
@settings(deadline=None, max_examples=100)
def test_a_secret_that_a_row_of_the_listing_echoes_is_neither_kept_nor_logged(secret: str, written: str) -> None:
    echoed = WRITTEN[written](secret)
    rows = [ROW, *(ROW | {"id": f"row-{name}", name: echoed} for name in FIELDS)]
    with knowing(secret, answer(search(*rows))) as said:
        page = GoPro().list_media("token", None, Filters())
    kept = msgspec.json.encode(page).decode() + "".join(said)
    assert len(page.ids) == len(rows) and echoed.lower() not in kept.lower()


@given(secret=SECRETS, written=st.sampled_from(sorted(WRITTEN)))
@settings(deadline=None, max_examples=100)
def test_a_secret_that_an_answer_echoes_is_in_no_message_and_no_log(secret: str, written: str) -> None:
    echoed = WRITTEN[written](secret)
    body = {"error": echoed, "error_description": echoed, echoed: echoed}
    for status in (200, 400, 418):
        told = answer(json.dumps(body).encode(), status, Content_Type=f"{echoed}/{echoed}; charset={echoed}")
        for call in (
            lambda: GoPro().refresh(OAUTH),
            lambda: GoPro().list_media("token", "videos 1", Filters()),
            lambda: GoPro().sources("token", CLIP),
        ):
            with knowing(secret, told) as said:
                message = refused(call)
                assert message and echoed.lower() not in (message + "".join(said)).lower()
    with knowing(secret):
        assert echoed.lower() not in repr(shape(json.dumps(body).encode())).lower()


@given(secret=st.from_regex(r"[a-z_]{8,40}|[0-9]{6,18}|[A-Za-z0-9_=-]{12,60}", fullmatch=True).filter(is_varied))
@example(secret="1712345678901234567")
@settings(deadline=None, max_examples=150)
def test_of_a_link_that_is_signed_in_its_path_nothing_is_kept(secret: str) -> None:
    """Nobody knows this one as a secret: only the shape of what is kept protects it."""
    paths = (f"/{secret}/1.mp4", f"/1.{secret}", f"/{secret}.mp4", f"/1.mp4/{secret}", f"/1.mp4;sig={secret}")
    for path in paths:
        for name in (None, "Holiday"):
            told = answer(download(variation(path=path), filename=name))
            with knowing("another-secret", told) as said:
                (source,) = GoPro().sources("token", msgspec.structs.replace(CLIP, filename="Holiday"))
            key = object_key("gopro", CLIP, source)
            stored = metadata("gopro", CLIP, source, Fingerprint(1, '"e"'))
            row = (source.identity, source.file_number, source.file_count, source.filename)
            assert secret not in repr((key, stored, row, source, said)), path


@pytest.mark.parametrize("word", ["sign_in_password", "invalid_grants", "x" * 40, "INVALID_GRANT"])
def test_only_known_codes_of_oauth_are_named(word: str) -> None:
    with knowing("another-secret", answer({"error": word}, 400)), pytest.raises(CredentialsExpiredError) as failure:
        GoPro().refresh(OAUTH)
    assert "with an unknown error (400)" in str(failure.value) and word not in str(failure.value)
