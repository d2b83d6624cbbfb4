"""The product has one version: package, function code, user agent and changelog agree on it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import cloud_sync_common
from cloud_sync_common.http import client as http_client

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_function_code_has_the_version_of_the_project() -> None:
    assert cloud_sync_common.__version__ == PROJECT["version"]


def test_providers_are_told_this_version() -> None:
    assert f"cloud-sync/{PROJECT['version']}" == http_client.USER_AGENT


def test_the_newest_section_of_the_changelog_is_about_this_version_and_dated() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## ") and "Unreleased" not in line)
    assert re.fullmatch(rf"## \[?{re.escape(PROJECT['version'])}\]? .*\d{{4}}-\d\d-\d\d", newest)
