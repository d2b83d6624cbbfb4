"""Traces: each call to AWS and to the provider is a subsegment with the run id and without the text of an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aws_xray_sdk
import pytest
import requests
from aws_xray_sdk.core import AWSXRayRecorder
from botocore.exceptions import ClientError
from cloud_sync_common import correlation, xray_utils
from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.exceptions import ConfigurationError, ProviderUnavailableError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Filters
from cloud_sync_common.providers.gopro import GoPro

LINK = "https://cdn.example/1.mp4?Signature=c2lnbmVk"


class Segments:
    """The segments that would be sent to the X-Ray daemon."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_entity(self, entity: Any) -> None:
        self.sent.append(json.loads(entity.serialize()))


@pytest.fixture
def segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[Segments]:
    """The real SDK, which samples everything; only sending is replaced."""
    was_enabled = aws_xray_sdk.global_sdk_config.sdk_enabled()
    aws_xray_sdk.global_sdk_config.set_sdk_enabled(True)
    recorder, segments = AWSXRayRecorder(), Segments()
    recorder.emitter._socket.close()  # it is replaced
    recorder.configure(sampling=False, emitter=segments, context_missing="RUNTIME_ERROR")
    monkeypatch.setattr(xray_utils, "tracer", SimpleNamespace(provider=recorder))
    recorder.begin_segment("invocation")
    with correlation.bound_to("run-7"):
        yield segments
    aws_xray_sdk.global_sdk_config.set_sdk_enabled(was_enabled)


def parts(segments: Segments) -> dict[str, dict[str, Any]]:
    """The subsegments of the invocation by name."""
    xray_utils.tracer.provider.end_segment()
    (segment,) = segments.sent
    return {part["name"]: part for part in segment["subsegments"]}


def test_a_call_to_aws_is_a_subsegment_with_the_run_id(segments: Segments) -> None:
    with aws_errors("reading the ledger"):
        pass
    part = parts(segments)["## reading the ledger"]
    assert part["annotations"] == {"run_id": "run-7"}


def test_a_refused_call_shows_the_class_of_the_error_and_not_its_text(segments: Segments) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDenied", "Message": f"no, not {LINK}"}}, "PutObject")
    with pytest.raises(ConfigurationError), aws_errors("writing to the archive"):
        raise refusal
    found = parts(segments)
    assert found["## writing to the archive"]["annotations"] == {"run_id": "run-7", "error": "ClientError"}
    assert "c2lnbmVk" not in json.dumps(segments.sent)


def test_a_call_to_the_provider_is_a_subsegment_without_token_or_address(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: requests.PreparedRequest, **_: object) -> None:
        raise requests.ConnectionError(f"no connection to {request.url}")

    monkeypatch.setattr(http_client.session(), "send", refuse)
    with pytest.raises(ProviderUnavailableError):
        GoPro("https://127.0.0.1:1/secret-path").list_media("eyJ0b2tlbg", None, Filters())
    assert any(name.startswith("## the listing") for name in parts(segments))
    said = json.dumps(segments.sent)
    assert "eyJ0b2tlbg" not in said and "secret-path" not in said
