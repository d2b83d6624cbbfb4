"""SeaweedFS on loopback, over TLS: an independent S3 server that verifies checksums itself.

Of the S3 servers that we tried, it is the only one that refuses a part or an object with a wrong checksum. It keeps
objects on disk, so they may be large. It has no storage classes, ignores `MpuObjectSize`, and is slow to start, so that
one server serves a whole test session.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import trustme
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY, SECRET_KEY, REGION = "loopback", "loopback-secret", "us-east-1"
BUCKET = "archive"
START_SECONDS = 90.0  # it elects a leader first
WEED = Path(sys.executable).parent / "weed"
# Without an identity it refuses signed streaming uploads (403).
IDENTITIES = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}


@dataclass(frozen=True)
class SeaweedFs:
    """A running server with one empty bucket. `authority` is the file with the authority of its certificate."""

    endpoint: str
    authority: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment with which boto3 uses this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }

    @cached_property
    def s3(self) -> S3Client:
        """A client without retries, so that a test sees every response of the server."""
        return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION).client(
            "s3",
            endpoint_url=self.endpoint,
            verify=str(self.authority),
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def read(self, key: str, bucket: str = BUCKET) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[SeaweedFs]:
    """Runs a server with its data, certificate and log in `folder` while the block runs.

    Raises RuntimeError, with the end of its log, when it does not start.
    """
    authority, command = trustme.CA(), _command(folder, ports := _free_ports(8))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    _write_certificate(authority, folder)
    (folder / "identities.json").write_text(json.dumps(IDENTITIES))
    (folder / "data").mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        server = SeaweedFs(f"https://127.0.0.1:{ports[0]}", folder / "authority.pem")
        _until_it_takes_a_bucket(server, process, folder / "log")
        yield server
    finally:
        process.kill()  # nobody needs its data; asked to end, it takes ten seconds
        process.wait()


def _command(folder: Path, ports: list[int]) -> list[str]:
    """The command names every port, because the default ports are fixed and the gRPC ones are these plus 10,000."""
    s3, s3_rpc, master, master_rpc, volume, volume_rpc, filer, filer_rpc = ports
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "master.port": master,
        "master.port.grpc": master_rpc,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": volume,
        "volume.port.grpc": volume_rpc,
        "volume.max": 100,
        "volume.preStopSeconds": 0,
        "filer.port": filer,
        "filer.port.grpc": filer_rpc,
        "filer.localSocket": "filer.sock",
        "s3.port": s3,
        "s3.port.grpc": s3_rpc,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": "s3.sock",
        "s3.config": folder / "identities.json",
        "s3.cert.file": folder / "certificate.pem",
        "s3.key.file": folder / "key.pem",
    }
    return [str(WEED), "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]


def _write_certificate(authority: trustme.CA, folder: Path) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(folder / "certificate.pem"), append=True)


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; all stay open until the last is chosen, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _until_it_takes_a_bucket(server: SeaweedFs, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a bucket is writable: the parts of the server start one after the other."""
    deadline, reason = time.monotonic() + START_SECONDS, ""
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with contextlib.suppress(server.s3.exceptions.BucketAlreadyExists):
                server.s3.create_bucket(Bucket=BUCKET)
            server.s3.put_object(Bucket=BUCKET, Key="first", Body=b"1")
            server.s3.delete_object(Bucket=BUCKET, Key="first")
        except (ClientError, BotoCoreError) as error:
            reason = str(error)
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"SeaweedFS did not start ({reason}). The end of its log:\n{log.read_text()[-2000:]}")
