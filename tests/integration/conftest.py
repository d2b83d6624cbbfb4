"""AWS and the fake GoPro Cloud on loopback, for the tests in this folder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_sync_common.http import client as http_client
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.transfer import upload_stream

from local.demo_library import make_tiny_library
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from tests.integration import seaweedfs
from tests.integration.aws_on_loopback import Aws, AwsServer, forget_clients, serving
from tests.integration.downloader import Downloader
from tests.integration.secret_check import Output, assert_no_secret


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny demo library: every special case, one clip of 24 MB. Tests must not change it."""
    return make_tiny_library(tmp_path_factory.mktemp("demo") / "library")


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with serving(tmp_path_factory.mktemp("aws")) as server:
        forget_clients()
        yield server
        forget_clients()


@pytest.fixture
def aws(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An account with the stack's resources: two buckets, a table, an empty secret, a queue and a topic."""
    for name, value in aws_server.variables.items():
        monkeypatch.setenv(name, value)
    return Aws(aws_server)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweedfs.SeaweedFs]:
    """SeaweedFS with one bucket, `seaweedfs.BUCKET`: it refuses content that does not match its checksum."""
    with seaweedfs.serving(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def gopro(demo_folder: Path) -> Iterator[FakeGoPro]:
    """The fake GoPro Cloud with the demo library."""
    with running(Library.load(demo_folder)) as fake:
        yield fake
        http_client.session().close()
        upload_stream.of_this_process(allow_loopback=True).sources.close()


@pytest.fixture
def downloader(aws: Aws, gopro: FakeGoPro, output: Output) -> Iterator[Downloader]:
    """A downloader with a new account. Afterwards, its log is checked for secrets."""
    yield Downloader(aws, gopro)
    assert_no_secret(output.text, gopro)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Output:
    """The log and output of the code under test: in Lambda all of it goes to CloudWatch."""
    lines = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", lines)
    return Output(lines, capsys)
