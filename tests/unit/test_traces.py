"""Traces: each call to AWS and to the provider is a subsegment with the run id and without the text of an exception."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
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
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, Provider
from cloud_sync_common.providers import PROVIDERS, get

LAYER = Path(xray_utils.__file__).parent
NAME = re.compile(r"[\w\s.:/%&#=+\\\-@]{1,200}")  # X-Ray developer guide, "Segment documents", the field name
SEGMENT_BYTES = 64 * 1024  # the same page: the most that one document may have
LINK = "https://cdn.example/1.mp4?Signature=c2lnbmVk"


class Segments:
    """The segments that would be sent to the X-Ray daemon."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.annotations: dict[str, int] = {}  # of the invocation as a whole

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
    tracer = SimpleNamespace(provider=recorder, put_annotation=segments.annotations.__setitem__)
    monkeypatch.setattr(xray_utils, "tracer", tracer)
    recorder.begin_segment("invocation")
    with correlation.bound_to("run-7"), xray_utils.bounded():
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


TOKEN, MEDIA_ID = "eyJ0b2tlbg", "id:a4ayc80OEAAAAAAAAAXw"
CREDENTIALS = Credentials(
    provider="any", access_token=TOKEN, refresh_token=TOKEN, client_id="client", client_secret=TOKEN, user_id="owner"
)
CALLED = {
    "validate": "the check of the token",
    "refresh": "the renewal of the token",
    "list_media": "the listing",
    "find": "the request for one (video|file)",
    "sources": "the request for (download links|one file)",
}
PROVIDER_CALLS: dict[str, Callable[[Provider], object]] = {
    "validate": lambda provider: provider.validate(CREDENTIALS),
    "refresh": lambda provider: provider.refresh(CREDENTIALS),
    "list_media": lambda provider: provider.list_media(TOKEN, None, Filters()),
    "find": lambda provider: provider.find(TOKEN, id_at(provider)),
    "sources": lambda provider: provider.sources(TOKEN, MediaItem(media_id=id_at(provider), filename="a.mp4")),
}


def id_at(provider: Provider) -> str:
    """An id that this provider could have given."""
    return MEDIA_ID if provider.name == "dropbox" else MEDIA_ID.removeprefix("id:")


def registered(name: str) -> Provider:
    """The provider with that name, at addresses where nobody is."""
    return get(name, dict.fromkeys(PROVIDERS[name].base_urls, "https://127.0.0.1:1/secret-path"))


@pytest.mark.parametrize("call", PROVIDER_CALLS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_call_to_a_provider_is_a_subsegment_that_says_what_is_done_where_without_token_id_or_address(
    segments: Segments, monkeypatch: pytest.MonkeyPatch, name: str, call: str
) -> None:
    def refuse(request: requests.PreparedRequest, **_: object) -> None:
        raise requests.ConnectionError(f"no connection to {request.url}")

    monkeypatch.setattr(http_client.session(), "send", refuse)
    with pytest.raises(ProviderUnavailableError):
        PROVIDER_CALLS[call](registered(name))
    (shown,) = parts(segments)
    assert re.fullmatch(f"## {CALLED[call]} at {PROVIDERS[name].title}", shown)
    said = json.dumps(segments.sent)
    assert [word for word in (TOKEN, "secret-path", MEDIA_ID) if word in said] == []


def texts(node: ast.AST) -> list[str]:
    """The literal texts in an expression."""
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


NAMING = {
    *("aws_errors", "ledger_errors", "subsegment", "_exchange", "_call", "_check_stored", "work_file", "WorkFile"),
    *("_answer_of", "_asked", "TokenEndpoint"),
}
# Where the name is among their arguments, of which not every text is one.
NAMED_BY = {"_answer_of": slice(2, 3), "_asked": slice(2, 3), "TokenEndpoint": slice(1, 2)}


def said_names() -> list[str]:
    """What the function code calls its subsegments: the texts given to the functions that open one or pass its name on,
    and what is kept as `doing`."""
    found: list[str] = []
    for path in LAYER.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: texts(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if name in NAMING:
                    names = arguments[NAMED_BY.get(name, slice(None))]
                    found += [text for argument in names for text in texts(argument)]
                    named = [argument.id for argument in names if isinstance(argument, ast.Name)]
                    found += [text for name in named for text in constants.get(name, [])]
                case ast.Assign(targets=[ast.Name(id="doing")], value=value):
                    found += texts(value)
    return found


def test_every_name_in_the_code_is_one_that_x_ray_allows() -> None:
    names = said_names()
    assert {"reading the ledger", "the manifest"} <= set(names)
    for provider in PROVIDERS.values():
        assert all(any(re.fullmatch(f"{done} at {provider.title}", name) for name in names) for done in CALLED.values())
    assert [name for name in names if not NAME.fullmatch(name)] == []


def opening(tree: ast.AST) -> Iterator[str]:
    """The functions, and the classes of methods, that open a subsegment under a name which they are given."""
    for node in ast.walk(tree):
        inside = node.body if isinstance(node, ast.ClassDef) else []
        for function in [node, *inside]:
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                match call:
                    case ast.Call(func=ast.Name("subsegment"), args=[ast.Name(given)]) if given in {
                        one.arg for one in function.args.args
                    }:
                        yield function.name
                    case ast.Call(func=ast.Name("subsegment"), args=[ast.Attribute(ast.Name("self"))]) if inside:
                        yield getattr(node, "name", "")


def test_whatever_passes_a_name_on_to_a_subsegment_is_one_whose_names_are_looked_at() -> None:
    found = {name for path in LAYER.rglob("*.py") for name in opening(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"_answer_of", "TokenEndpoint", "_exchange", "aws_errors"} <= found <= NAMING


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("reading the owner's file", "## reading the owner s file"),
        ("a [list]; of {odd} \u201cthings\u201d!", "## a list of odd things"),
        ("Größe 7 a_b.c:d/e%f&g#h=i+j\\k-l@m", "## Größe 7 a_b.c:d/e%f&g#h=i+j\\k-l@m"),
        ("x" * 300, "## " + "x" * 197),
        ("?!", "## call"),
    ],
)
def test_whatever_a_call_is_named_x_ray_accepts_it(segments: Segments, name: str, shown: str) -> None:
    with aws_errors(name):
        pass
    (found,) = parts(segments)
    assert found == shown and NAME.fullmatch(found)


def test_calls_of_tasks_side_by_side_are_parts_of_what_their_task_has_opened(segments: Segments) -> None:
    """Tasks take turns on one thread, and what they call is in other threads."""

    def call(name: str) -> None:
        with aws_errors(f"calling of {name}"):
            pass

    async def video(name: str, arrived: asyncio.Barrier) -> None:
        with xray_utils.subsegment(f"video {name}"):
            async with arrived:
                await asyncio.to_thread(call, name)
            async with arrived:  # each opens when both are open, and closes when the other has gone on
                call(f"{name} again")

    async def both() -> None:
        arrived = asyncio.Barrier(2)
        await asyncio.gather(video("a", arrived), video("b", arrived))

    asyncio.run(both())
    with aws_errors("at the end"):
        pass
    found = parts(segments)
    assert found.keys() == {"## video a", "## video b", "## at the end"}
    for name in "ab":
        inside = [part["name"] for part in found[f"## video {name}"]["subsegments"]]
        assert inside == [f"## calling of {name}", f"## calling of {name} again"]


def sent_subsegments(segments: Segments) -> list[dict[str, Any]]:
    """All subsegments that were sent, within their segment or on their own."""

    def inside(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for part in document.get("subsegments", []):
            yield part
            yield from inside(part)

    streamed = [document for document in segments.sent if document.get("type") == "subsegment"]
    return [*streamed, *(part for document in segments.sent for part in inside(document))]


def test_a_listing_of_thousands_of_pages_stays_within_one_document(segments: Segments) -> None:
    with xray_utils.bounded():
        for page in range(5_000):
            with aws_errors("reading the ledger"), xray_utils.subsegment(f"page {page}"):
                pass
    xray_utils.tracer.provider.end_segment()
    assert len(sent_subsegments(segments)) == xray_utils.MOST_SUBSEGMENTS
    assert sum(len(json.dumps(document)) for document in segments.sent) < SEGMENT_BYTES
    assert segments.annotations == {"subsegments_left_out": 10_000 - xray_utils.MOST_SUBSEGMENTS}


def test_each_invocation_has_its_own_share_of_subsegments(segments: Segments) -> None:
    for _ in range(3):
        with xray_utils.bounded():
            for _ in range(xray_utils.MOST_SUBSEGMENTS):
                with aws_errors("reading the ledger"):
                    pass
    xray_utils.tracer.provider.end_segment()
    assert len(sent_subsegments(segments)) == 3 * xray_utils.MOST_SUBSEGMENTS
    assert segments.annotations == {}


def test_a_call_beyond_the_share_fails_as_any_other(segments: Segments) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
    with xray_utils.bounded():
        for _ in range(xray_utils.MOST_SUBSEGMENTS + 1):
            with pytest.raises(ConfigurationError), aws_errors("writing to the archive"):
                raise refusal
    assert segments.annotations == {"subsegments_left_out": 1}
