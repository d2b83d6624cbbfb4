"""A stack for the unit tests of the console whose catalogue is in moto's work bucket. Requests of S3 are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from cloud_sync_common.stores.catalogue_rows import (
    CatalogueFile,
    Details,
    IndexRow,
    Place,
    details_key,
    index_key,
    index_month,
)

from console.stack import Stack
from tests.unit.console_account import ScriptedClient
from tests.unit.console_ledger import World, a_world
from tests.unit.in_process_aws import WORK

MATTERHORN = Place(latitude=45.9766, longitude=7.6585, altitude=4478.0)
MAY = "2026-05-03T10:00:00Z"


class Counting:
    """A client that counts what it is asked. What is scripted is answered by that."""

    def __init__(self, client: Any, scripted: ScriptedClient | None = None) -> None:
        self._client, self._scripted, self.asked = client, scripted, Counter[str]()

    def __getattr__(self, operation: str) -> Any:
        self.asked[operation] += 1
        is_scripted = self._scripted and operation in self._scripted.answers
        return getattr(self._scripted if is_scripted else self._client, operation)

    def get_paginator(self, operation: str) -> Any:
        self.asked[operation] += 1
        return self._client.get_paginator(operation)


class Shelf:
    """The catalogue, the ledger's rows of its items, and the months that the ledger has counted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.s3 = Counting(world.aws.s3, world.scripted("s3"))
        self.dynamodb = Counting(world.account.real["dynamodb"])
        world.account.real |= {"s3": self.s3, "dynamodb": self.dynamodb}
        world.aws.s3.create_bucket(Bucket="archive")
        world.stack = Stack(world.account, "dev", {**world.stack.outputs, "WorkBucket": WORK})

    def clip(self, media_id: str, filename: str = "", at: str = MAY, provider: str = "gopro", **fields: Any) -> None:
        """An archived item as the ledger has it."""
        more = {"status": "ARCHIVED", "bytes_total": 10, "archived_at": "2026-06-01T00:00:00Z", **fields}
        name = filename or f"{media_id}.MP4"
        self.world.put(f"{provider}#{media_id}", "ITEM", media_id=media_id, filename=name, captured_at=at, **more)

    def index(self, *rows: IndexRow, provider: str = "gopro") -> None:
        """Each month of these rows."""
        months: dict[str, list[IndexRow]] = {}
        for row in rows:
            months.setdefault(index_month(row.listed_at), []).append(row)
        for month, lines in months.items():
            content = b"".join(msgspec.json.encode(row) + b"\n" for row in lines)
            self.world.aws.s3.put_object(Bucket=WORK, Key=index_key(provider, month), Body=content)

    def details(self, details: Details) -> None:
        key = details_key(details.provider, details.listed_at, details.media_id)
        self.world.aws.s3.put_object(Bucket=WORK, Key=key, Body=msgspec.json.encode(details))

    def content(self, key: str) -> bytes:
        body: bytes = self.world.aws.s3.get_object(Bucket=WORK, Key=key)["Body"].read()
        return body

    def counted(self, month: str, originals: int, provider: str = "gopro") -> None:
        self.world.put(f"PROVIDER#{provider}", f"MONTH#{month}", originals=originals, bytes=originals * 10)

    def walked(self, provider: str = "gopro", *, complete: bool = True, **fields: Any) -> None:
        """How far the nightly walk is."""
        self.world.put(f"PROVIDER#{provider}", "CATALOGUE", complete=complete, cursor="gopro/2026/05/x", **fields)


def line(media_id: str, at: str = MAY, **fields: Any) -> IndexRow:
    more = {"filename": f"{media_id}.MP4", "captured_at": at, "bytes": 10, "is_detailed": True, **fields}
    return IndexRow(media_id=media_id, listed_at=at, **more)


def details_of(media_id: str, at: str = MAY, **fields: Any) -> Details:
    """Of a clip of the Matterhorn, unless `fields` say otherwise."""
    return Details(**{
        "provider": "gopro", "media_id": media_id, "listed_at": at, "captured_at": "2026-05-03T10:00:07Z",
        "captured_from": "gps", "captured_clock": "utc", "duration": 125.4, "width": 5312, "height": 2988,
        "frame_rate": 59.94, "codec": "hvc1", "camera": "HERO11 Black", "firmware": "H22.01.02.01.00",
        "hilights": (3.2, 70.9), "place": MATTERHORN, "filename": f"{media_id}.MP4",
        "taken_from": {"duration": "movie", "camera": "movie", "place": "movie"},
        "files": (CatalogueFile(number=1, key="k", bytes=10),), **fields,
    })  # fmt: skip


@contextmanager
def a_shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    with a_world(monkeypatch) as world:
        yield Shelf(world)
