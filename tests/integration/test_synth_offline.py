"""The real `cdk synth` for every environment, with no AWS credentials, no network and nothing else installed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.layer import build_layer
from cloud_sync.layer_content import listing
from tests.cdk_command_line import CdkCommandLine
from tests.synthesis import ENVIRONMENTS, NOBODY_IS_TOLD, PINNED, Synthesis

ASSET = re.compile(r"[0-9a-f]{64}\.zip")


def comparable(template: dict[str, Any]) -> dict[str, Any]:
    """The template without the command line's own additions: metadata for options, and a count of constructs."""
    whole: dict[str, Any] = json.loads(ASSET.sub("<asset>.zip", json.dumps(template)))
    whole.pop("Conditions", None)
    whole["Resources"].pop("CDKMetadata", None)
    for resource in whole["Resources"].values():
        resource.pop("Metadata", None)
    return whole


def test_the_command_line_runs_without_a_network(cdk: CdkCommandLine) -> None:
    call = "import urllib.request as r; r.urlopen('https://example.com', timeout=20)"
    done = subprocess.run(
        [*cdk.without_network, sys.executable, "-c", call], env=cdk.environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"URLError" in done.stderr
    assert not [name for name in cdk.environment if name.startswith("AWS_")]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_synthesised_without_credentials_without_network_and_with_nothing_else_installed(
    cdk: CdkCommandLine, synthesis: Synthesis, environment: str
) -> None:
    template = json.loads(cdk.synth(environment).read_text())
    assert comparable(template) == comparable(synthesis.of(environment).template)


def test_a_file_planted_where_an_earlier_synthesis_left_the_layer_is_not_deployed(
    cdk: CdkCommandLine, tmp_path: Path
) -> None:
    """The CDK names the copy of an asset after its hash, and takes one of that name as it is."""
    layer = build_layer(**PINNED)
    copy = tmp_path / f"asset.{hashlib.sha256(layer.name.encode()).hexdigest()}"
    archive = tmp_path / ".cache" / "archive.zip"
    for planted in (copy / "python" / "planted.py", archive):
        planted.parent.mkdir(parents=True)
        planted.write_text("planted")
    context = (f"-c={name}={value}" for name, value in (PINNED | NOBODY_IS_TOLD).items())
    done = cdk.run("synth", "--quiet", f"--output={tmp_path}", "-c=environment=dev", *context)
    assert done.returncode == 0, done.stderr
    assert listing(copy) == listing(layer)
    assert not archive.exists()


def test_an_invalid_value_ends_the_command_with_one_sentence(cdk: CdkCommandLine, tmp_path: Path) -> None:
    done = cdk.run("synth", f"--output={tmp_path}", "-c", "environment=dev", "-c", "schedule=daily")
    assert done.returncode != 0
    assert "cloud-sync: schedule must be rate(N hours) or cron() of six fields" in done.stderr
    assert "Traceback" not in done.stderr
