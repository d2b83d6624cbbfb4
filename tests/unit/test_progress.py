"""The progress of several runs at once, from manifests and rows."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from typing import Any, cast
from unittest.mock import Mock

import pytest
from rich.console import Console

from local import progress
from local.deployment import Deployment
from local.progress import CloudProgress, Display, Watch

RUNS = {"gopro": "run-gopro", "dropbox": "run-dropbox"}


class NoSuchKey(Exception):
    """As boto3 raises it."""


class Deployed:
    """Replaces a deployment: a ledger, and manifests by key."""

    archive_bucket = work_bucket = "it"

    def __init__(self) -> None:
        self.ledger: list[dict[str, Any]] = []
        self.manifests: dict[str, list[dict[str, Any]]] = {}
        parts = Mock()
        parts.paginate.return_value = [{"Parts": [{"Size": 30}, {"Size": 20}]}]
        self.s3 = Mock(get_object=self._get, get_paginator=Mock(return_value=parts))
        self.s3.exceptions = Mock(NoSuchKey=NoSuchKey, NoSuchUpload=NoSuchKey)

    def rows(self) -> list[dict[str, Any]]:
        return self.ledger

    def _get(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.manifests:
            raise NoSuchKey
        return {"Body": BytesIO(json.dumps({"media": self.manifests[Key]}).encode())}

    def record(self, provider: str, media_id: str, status: str, size: int, **more: str) -> None:
        pk = f"{provider}#{media_id}"
        self.ledger.append({"pk": pk, "sk": "ITEM", "media_id": media_id, "status": status})
        source = {"pk": pk, "sk": "SOURCE#0001", "media_id": media_id, "status": status, "size": size, "key": "k"}
        self.ledger.append({**source, **more})


@pytest.fixture
def deployed() -> Deployed:
    found = Deployed()
    found.manifests["runs/run-gopro/work.jsonl"] = [{"media_id": "same", "size": 100}, {"media_id": "b", "size": 50}]
    return found


def watch(deployed: Deployed) -> Watch:
    return Watch(cast(Deployment, deployed), RUNS)


def test_a_provider_whose_manifest_is_not_there_is_still_listing(deployed: Deployed) -> None:
    found = watch(deployed).sample()
    assert found == {"gopro": CloudProgress(0, 2, 0, 150), "dropbox": CloudProgress()}
    assert (str(found["gopro"]), str(found["dropbox"])) == ("0 of 2", "listing")


def test_each_provider_is_counted_by_its_own_rows(deployed: Deployed) -> None:
    deployed.manifests["runs/run-dropbox/work.jsonl"] = [{"media_id": "same", "size": 7}]
    deployed.record("gopro", "same", "ARCHIVED", 100)
    deployed.record("gopro", "b", "FAILED", 50)
    assert watch(deployed).sample() == {"gopro": CloudProgress(2, 2, 100, 150), "dropbox": CloudProgress(0, 1, 0, 7)}


def test_the_parts_of_an_upload_count_before_it_is_complete(deployed: Deployed) -> None:
    deployed.record("gopro", "same", "IN_PROGRESS", 120, upload_id="u")
    assert watch(deployed).sample()["gopro"] == CloudProgress(0, 2, 50, 170)


def test_without_a_terminal_one_line_names_every_provider(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0)
    deployed.record("gopro", "same", "ARCHIVED", 100)
    console = Console(file=StringIO(), width=160)
    with Display(console, watch(deployed)) as display:
        display.update()
    file = console.file
    assert isinstance(file, StringIO)
    assert file.getvalue().startswith("  GoPro 1 of 2, Dropbox listing videos; 67% of 0 MB")
