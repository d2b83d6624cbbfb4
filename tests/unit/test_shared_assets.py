"""The archives and layers that local deployments share: found by the CDK CLI, kept while in use, removed after."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from local.shared_assets import UNUSED_SECONDS, remove_unused, share_packed_assets


def aged(path: Path, seconds: float) -> Path:
    """The path as if it was last used so long ago."""
    at = time.time() - seconds
    os.utime(path, (at, at))
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


def archive(shared: Path, name: str, *, unused_for: float) -> Path:
    path = shared / f"{name}.zip"
    path.write_bytes(b"packed")
    return aged(path, unused_for)


def an_assembly(folder: Path, *assets: str) -> Path:
    folder.mkdir()
    (folder / "Stack.assets.json").write_text(json.dumps({"files": {asset: {} for asset in assets}}))
    return folder


def test_what_the_cli_packs_for_one_assembly_is_there_for_the_next(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    first, second = (an_assembly(tmp_path / name, "layer") for name in ("first", "second"))
    for assembly in (first, second):
        share_packed_assets(assembly, shared)
    (first / ".cache" / "layer.zip").write_bytes(b"packed")
    assert (second / ".cache" / "layer.zip").read_bytes() == b"packed"


def test_an_archive_that_an_assembly_names_counts_as_used(tmp_path: Path, shared: Path) -> None:
    named = archive(shared, "named", unused_for=UNUSED_SECONDS + 60)
    other = archive(shared, "other", unused_for=UNUSED_SECONDS + 60)
    share_packed_assets(an_assembly(tmp_path / "assembly", "named", "not packed yet"), shared)
    remove_unused(shared)
    assert (named.exists(), other.exists()) == (True, False)


def test_layers_and_archives_go_after_a_day_without_use(shared: Path) -> None:
    old, new = shared / "old", shared / "new"
    for layer in (old, new):
        (layer / "python").mkdir(parents=True)
    aged(old, UNUSED_SECONDS + 60), aged(new, UNUSED_SECONDS - 60)
    kept = archive(shared, "kept", unused_for=UNUSED_SECONDS - 60)
    remove_unused(shared)
    assert sorted(shared.iterdir()) == [kept, new]


def test_where_nothing_was_shared_yet_there_is_nothing_to_remove(tmp_path: Path) -> None:
    remove_unused(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
