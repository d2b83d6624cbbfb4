"""A stack with a year behind it, for tests of the page: nights, months, what waits, settings, a run under way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from cloud_sync_common.provider_interface import MediaItem

from console.stack import Stack
from console.web import application
from console.web.door import Door
from console.web.guard import Guard
from tests.unit.console_account import refusal
from tests.unit.console_ledger import EXECUTION, STORED, World, a_world
from tests.unit.in_process_aws import WORK
from tests.unit.measured_bucket import with_a_stray_upload, with_measurements

PORT = 40123
LIVE = "run-20261127T080800Z-0badcafe"
GB = 10**9
VALUES = {"filters": '{"gopro": {"types": ["mp4"]}}', "max_run_gb": 1000, "deep_archive_after_days": 7}
_RULES = {
    "Rules": [
        {
            "Status": "Enabled",
            "Transitions": [{"Days": 7, "StorageClass": "DEEP_ARCHIVE"}],
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 7, "StorageClass": "DEEP_ARCHIVE"}],
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
    ]
}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)


@dataclass
class Browser:
    """Asks the guarded application without a socket, with the headers that a browser of this page sends."""

    guard: Guard
    session: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, world: World, *, is_open: bool = True) -> Browser:
        browser = cls(Guard(application.of(world.stack), Door(PORT)))
        if is_open:
            browser.session = (browser.guard.door.exchanged(browser.token) or "").partition(";")[0]
        return browser

    @property
    def token(self) -> str:
        with self.guard.door.on_a_file() as file:
            return file.read_text().partition('value="')[2].partition('"')[0]

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, b"", headers)

    def post(self, path: str, fields: dict[str, str] | bytes = b"", **headers: str) -> Answer:
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return self.ask("POST", path, body, {"sec_fetch_site": "same-origin"} | headers)

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """`sec_fetch_site` is Sec-Fetch-Site; an empty value leaves the header out."""
        sent = {"host": self.guard.door.host, "cookie": self.session, **headers}
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in sent.items() if v],
            "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", PORT), "client": ("127.0.0.1", 1),
            "root_path": "",
        }  # fmt: skip
        return asyncio.run(_asked(self.guard, scope, body))


async def _asked(guard: Guard, scope: dict[str, Any], body: bytes) -> Answer:
    pieces = [body[at : at + 16_384] for at in range(0, len(body), 16_384)] or [b""]
    messages, start = list[dict[str, Any]](), dict[str, Any]()

    async def receive() -> dict[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        messages.append(message)

    await guard(scope, receive, send)
    start = messages[0]
    headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], headers, b"".join(one.get("body", b"") for one in messages[1:]))


@contextmanager
def a_page_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two providers that were deployed, and nothing else yet."""
    with a_world(monkeypatch) as world:
        world.stack = Stack(world.account, "dev", {**world.stack.outputs, "WorkBucket": WORK})
        world.answer("s3", get_bucket_lifecycle_configuration=_RULES, list_multipart_uploads={},
                     head_object=world.aws.s3.head_object, get_object=world.aws.s3.get_object,
                     list_objects_v2_pages=lambda **asked: _listed(world, asked),
                     list_parts=lambda **_: {"Parts": [{"Size": 2_900_000_000}]})  # fmt: skip
        unknown = refusal("ExecutionDoesNotExist", "DescribeExecution")
        world.answer("stepfunctions", list_executions={"executions": []})
        world.answer(
            "stepfunctions", describe_execution=lambda executionArn: world.executions.get(executionArn, unknown)
        )
        metadata = {"CloudSync": {"version": "0.7.0", "values": VALUES}}
        world.answer("cloudformation", get_template={"TemplateBody": {"Metadata": metadata}})
        yield world


def _listed(world: World, asked: Any) -> list[Any]:
    return list(world.aws.s3.get_paginator("list_objects_v2").paginate(**asked))


def with_a_year(world: World, today: datetime) -> None:
    """Ninety nights, a year of months, two causes of trouble, and credentials of both kinds."""
    for days in range(90):
        _night(world, today - timedelta(days=days), days)
    for provider, shift in (("gopro", 0), ("google_drive", 5)):
        pk = f"PROVIDER#{provider}"
        world.put(pk, "LAST_SUCCESS", run_id="x", ended_at=today.isoformat(), backlog=0)
        world.put(pk, "COUNTED", since="2025-11-01T00:00:00.000Z", whole=True)
        for number in range(12):
            month = f"{(today.replace(day=1) - timedelta(days=30 * number)):%Y-%m}"
            size = (23 + (number * 7 + shift) % 13) * 10 * GB
            world.put(pk, f"MONTH#{month}", originals=210 + number + shift, bytes=size, run_id="x")
            usd = f"0.{18 + (number * 5 + shift) % 17:02}"
            nights = _counted(size) if 3 <= number <= 9 else {}  # before, an earlier version had no nights
            sums = {"runs": 30, "usd": _decimal(usd), "archived": 210 + number, "bytes": size}
            world.put(pk, f"SPENT#{month}", **sums, run_id="x", **nights)
    ends = (today + timedelta(days=1, hours=9)).timestamp()
    world.put("PROVIDER#gopro", "CREDENTIALS", seen_version="v1", ends_at=int(ends), renewable=False)
    world.put("PROVIDER#google_drive", "CREDENTIALS", seen_version="v1", ends_at=None, renewable=True)
    _trouble(world, today)
    with_measurements(world, today)
    with_a_stray_upload(world, today)
    for kind, count in (("CloudWatch::Alarm", 19), ("KMS::Key", 1), ("CloudWatch::Dashboard", 1)):
        for number in range(count):
            world.resource(f"AWS::{kind}", f"gopro-sync-{kind}-{number}")


def _counted(size: int) -> dict[str, int]:
    """Twenty-eight nights, of which every third moved something, one left something and one was stopped."""
    found: dict[str, int] = {}
    for day in range(1, 29):
        moved = (day % 9 + 1) * size // 50 if day % 3 else 0
        numbers = {
            "runs": 1,
            "archived": int(moved > 0),
            "bytes": moved,
            "left": int(day == 11),
            "stopped": int(day == 19),
        }
        found |= {f"night_{day:02}_{name}": number for name, number in numbers.items()}
    return found


def _decimal(text: str) -> Any:
    return Decimal(text)


def _night(world: World, day: datetime, number: int) -> None:
    began = day.replace(hour=2, minute=0, second=0, microsecond=0)
    for provider, shift in (("gopro", 0), ("google_drive", 3)):
        seed = (number * 37 + shift * 11) % 23
        archived = 0 if seed < 9 else seed - 8
        numbers = {
            "listed": 400 + seed, "archived": archived, "bytes_archived": archived * 2_310_000_000, "failed": 0,
            "waiting": 0, "backlog": 3 if seed == 11 else 0, "estimated_usd": 0.004 + archived / 1000,
        }  # fmt: skip
        has_stopped = provider == "gopro" and number in (17, 18, 60)
        ended = began + timedelta(minutes=9 + seed)
        more: dict[str, Any] = {"error": "CredentialsExpiredError", "cause": "GoPro refuses the session."}
        world.night(
            f"night-{number}-{provider}", provider, "FAILED" if has_stopped else "SUCCEEDED",
            startDate=began, stopDate=ended, output=json.dumps(numbers), **(more if has_stopped else {}),
        )  # fmt: skip


def _trouble(world: World, today: datetime) -> None:
    item = {"not_archived": "gopro", "attempts": 5, "captured_at": "2026-11-19T10:00:00Z"}
    world.put("gopro#clip-1", "ITEM", media_id="clip-1", filename="GX010482.MP4", status="FAILED",
              updated_at=today.isoformat(), error_category="original_unavailable", error_message="x",
              **item)  # fmt: skip
    for number in range(2, 5):
        world.put(f"gopro#clip-{number}", "ITEM", media_id=f"clip-{number}", filename=f"GX01049{number}.MP4",
                  status="UNAVAILABLE", updated_at=today.isoformat(), error_category="not_available_yet",
                  **item)  # fmt: skip
    world.put("google_drive#clip-9", "ITEM", media_id="clip-9", filename="Wedding, full length <b>.mov",
              status="PENDING", updated_at=today.isoformat(), **(item | {"not_archived": "google_drive"}))  # fmt: skip


def with_a_run(world: World) -> None:
    """A run of GoPro under way: of four videos, one is archived and one is moving."""
    world.night(LIVE, "gopro", "RUNNING", startDate=datetime.now(UTC))
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current=LIVE, execution_arn=EXECUTION + LIVE)
    names = ("GX010466", "GX010488", "GX020488", "GX010489")
    items = [MediaItem(media_id=name, filename=f"{name}.MP4", revision="r", size=4 * GB) for name in names]
    world.aws.manifest(LIVE, items)
    row = {"run_id": LIVE, "revision": "r", "updated_at": STORED.isoformat()}
    world.put("gopro#GX010466", "ITEM", status="ARCHIVED", bytes_total=4 * GB, media_id="GX010466", **row)
    world.put("gopro#GX010488", "ITEM", status="IN_PROGRESS", media_id="GX010488", **row)
    world.put("gopro#GX010488", "SOURCE#0001", status="IN_PROGRESS", size=4 * GB, key="k", upload_id="u", **row)
