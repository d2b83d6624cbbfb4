"""A running harness for each provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_sync_common.providers import PROVIDERS

from tests.integration.conformance.dropbox_harness import running_dropbox
from tests.integration.conformance.google_drive_harness import running_google_drive
from tests.integration.conformance.gopro_harness import running_gopro
from tests.integration.conformance.harness import Harness, Maker, harness_of
from tests.integration.secret_check import Output, assert_no_secret

HARNESSES: dict[str, Maker] = {
    "gopro": running_gopro,
    "google_drive": running_google_drive,
    "dropbox": running_dropbox,
}


@pytest.fixture(scope="session")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(params=sorted(PROVIDERS))
def harness(request: pytest.FixtureRequest, library_folder: Path, output: Output) -> Iterator[Harness]:
    """A fresh account. Afterwards, checks that the provider has logged no secret."""
    with harness_of(request.param, HARNESSES, library_folder / request.param) as harness:
        yield harness
        assert_no_secret(output.text, harness.secrets())
