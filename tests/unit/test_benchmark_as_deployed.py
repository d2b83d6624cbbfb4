"""The engine that is measured is set as it is deployed: every option comes from the default environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from cloud_sync_common import composition
from cloud_sync_common.runtime import settings
from cloud_sync_common.transfer.range_transfer import TransferOptions

from benchmarks import as_deployed, engine, peers
from benchmarks.peers import Job, Peer
from benchmarks.rig import Files, Rig
from benchmarks.scenarios import scenarios
from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.function_settings import settings_of

# What a process makes for itself, whatever its configuration.
OF_THE_PROCESS = {"uploader", "archive", "deadline", "stats"}


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine sets its process's environment, and the function reads it once."""
    for name in ("clients", "upload_stream", "Archive"):
        monkeypatch.setattr(composition, name, Mock())
    with patch.dict(os.environ):
        yield
    settings.load.cache_clear()


def options(config: Config) -> dict[str, Any]:
    settings.load.cache_clear()
    limits = as_deployed.limits(config)["video-downloader"]
    found = engine.options_of(as_deployed.variables(config, "bucket"), limits)
    return {field.name: getattr(found, field.name) for field in fields(TransferOptions)}


def other_values(config: Config) -> Iterator[Config]:
    """The configuration with one value changed, for each value that has an opposite or a neighbour."""
    for field in fields(Config):
        value = getattr(config, field.name)
        if isinstance(value, bool):
            yield replace(config, **{field.name: not value})
        elif isinstance(value, int):
            yield replace(config, **{field.name: value + 3})


def differ(one: object, other: object) -> bool:
    """Whether two options are set differently; of the seconds of an invocation, some are over."""
    return abs(one - other) > 1 if isinstance(one, float) and isinstance(other, float) else one != other


def test_every_option_of_a_transfer_comes_from_the_configuration() -> None:
    usual = options(as_deployed.config())
    others = [options(config) for config in other_values(as_deployed.config())]
    changed = {name for other in others for name, value in other.items() if differ(value, usual[name])}
    assert changed - OF_THE_PROCESS == usual.keys() - OF_THE_PROCESS


def test_the_engine_has_the_options_of_the_default_environment() -> None:
    dev = ENVIRONMENTS["dev"]
    found = options(peers.engine_config(job(dev.connections_per_video)))
    assert (found["connections"], found["check_etag"], found["single_put"]) == (
        dev.connections_per_video,
        dev.check_source_etag,
        dev.single_put_mib * 1024**2,
    )
    assert found["seconds"] == pytest.approx(dev.downloader_timeout_seconds, abs=5)


def test_the_benchmark_changes_nothing_else_of_the_environment_than_to_allow_loopback() -> None:
    deployed, measured = settings_of(ENVIRONMENTS["dev"]), as_deployed.variables(as_deployed.config())
    assert {name for name in deployed if deployed[name] != measured[name]} == {"ALLOW_LOOPBACK_SOURCES"}
    settings.parse(measured)  # nothing is missing


def job(connections: int, www: Path = Path("www")) -> Job:
    rig = Rig("https://source", "https://slow", "https://sink", www / "authority.pem", www)
    return Job(rig, rig.source, ("one.mp4",), 1_000, "bucket", connections)


def arguments(peer: Peer, connections: int, www: Path) -> argparse.Namespace:
    command = peer.command(job(connections, www))
    return engine.parser.parse_args(command[command.index("benchmarks.engine") + 1 :])


def test_a_row_of_the_engine_changes_only_what_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_bytes(b"abc")
    usual = as_deployed.config().connections_per_video
    plain = arguments(peers.ENGINE, usual, tmp_path)
    deployed = as_deployed.variables(as_deployed.config(), "bucket")
    assert (plain.settings, plain.published, plain.size) == (deployed, None, 1_000)
    assert plain.limits == [512, 900]
    eight = arguments(peers.ENGINE, 8, tmp_path).settings
    assert eight == deployed | {"CONNECTIONS_PER_VIDEO": "8"}
    assert arguments(peers.ETAG_CHECKED, usual, tmp_path).settings == deployed | {"CHECK_SOURCE_ETAG": "true"}
    of_md5 = arguments(next(peer for peer in peers.PUBLISHED if peer.name == "engine, md5 published"), usual, tmp_path)
    assert (of_md5.settings, of_md5.published) == (deployed, "md5:900150983cd24fb0d6963f7d28e17f72")


def test_each_proof_that_costs_has_a_row_of_its_own() -> None:
    one, throttled = (next(s for s in scenarios(Files(64, 3)) if s.key == key) for key in ("one", "lambda"))
    names = {peer.name for peer in one.peers}
    assert names >= {f"engine, {kind} published" for kind in ("md5", "sha256", "sha256-4mib")}
    assert peers.ETAG_CHECKED in one.peers and peers.ETAG_CHECKED in throttled.peers
