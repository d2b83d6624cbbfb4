"""One deployment for the end-to-end tests of a process: deployed once, cleared before each test that uses
`deployment`. Where tests run side by side, each process has its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws_proxy import AwsProxy, aws_proxy
from local.demo_library import make_tiny_library
from local.deployment import Deployment, Inbox, deploy
from local.emulator import EMULATOR_PYTHON, FUNCTION_PYTHON, HOME, Certificates, new_folder
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.fault_matrix import IN_PARTS
from tests.installed import installed

# A factor for all waits of the state machine, so that a test of all retries is quick.
RETRY_DELAY_SCALE = 0.02
CONTEXT = {
    **IN_PARTS,
    "restore_drill_quarterly": "true",
    "catalogue_frames": "true",
}  # what is off by default is tested with the rest


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Certificates, logs, and what was deployed; only the logs stay."""
    folder = new_folder("e2e")
    yield folder
    shutil.rmtree(folder / "cdk.out", ignore_errors=True)  # with its copies of the layer, 75 MB


@pytest.fixture(scope="session")
def certificates(folder: Path) -> Certificates:
    return Certificates(folder)


@pytest.fixture(scope="session")
def library_folder() -> Path:
    return make_tiny_library(HOME / "tiny-library")


@pytest.fixture(scope="session")
def gopro(certificates: Certificates, library_folder: Path) -> Iterator[FakeGoPro]:
    with running(Library.load(library_folder), certificates.server_context()) as fake:
        yield fake


@pytest.fixture(scope="session")
def aws(certificates: Certificates) -> Iterator[AwsProxy]:
    """The proxy between the functions and AWS; it changes nothing until a test adds a rule."""
    with aws_proxy(certificates) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def deployed(folder: Path, certificates: Certificates, gopro: FakeGoPro, aws: AwsProxy) -> Iterator[Deployment]:
    installed("node", "cdk", str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    with deploy(
        folder, certificates, gopro.base_url, context=CONTEXT, retry_delay_scale=RETRY_DELAY_SCALE, proxy=aws
    ) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def inbox(deployed: Deployment) -> Callable[[], list[dict[str, str]]]:
    """Returns the mails of the alerts topic since the last call."""
    return Inbox(deployed).take_mails


@pytest.fixture
def deployment(
    deployed: Deployment, gopro: FakeGoPro, aws: AwsProxy, inbox: Callable[[], list[dict[str, str]]]
) -> Deployment:
    """The deployment in its initial state: an empty archive and ledger, and valid OAuth credentials."""
    aws.rules.clear()
    gopro.control.reset()
    deployed.clear()
    deployed.store_credentials(account_of(gopro).oauth())
    inbox()
    return deployed


def output_of(description: Any) -> dict[str, Any]:
    """The output of a finished execution."""
    output: dict[str, Any] = json.loads(description["output"])
    return output
