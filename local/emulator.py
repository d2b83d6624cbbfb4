"""The AWS emulator on loopback, with TLS and IAM enforced, and the deployment into it with the real CDK CLI."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import trustme
from botocore.config import Config as BotoConfig

from local.shared_assets import remove_unused, share_packed_assets

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local"
EMULATOR_PYTHON = HOME / "emulator" / "venv" / "bin" / "python"
FUNCTION_PYTHON = HOME / "emulator" / "runtime" / "bin" / "python"
PACKED_ASSETS, UNPACKED_LAYERS = HOME / "packed-assets", HOME / "unpacked-layers"
ACCOUNT, REGION = "000000000000", "eu-west-3"
READY_SECONDS, STOP_SECONDS = 60, 2
# Beginnings of the names of variables that child processes need as this one does: the user's home, language and time,
# and where the loader finds the libraries of a Python that is not the system's (of conda, Nix, Guix or a module).
INHERITED = ("HOME", "LANG", "LC_", "LOCPATH", "LOCALE_ARCHIVE", "GUIX_LOCPATH", "TZ", "LD_", "DYLD_", "LIBPATH",
             "SHLIB_PATH", "NIX_LD")  # fmt: skip


class DeploymentError(RuntimeError):
    """A part of the local deployment failed; the message says which, and names its log or the next step."""


class Certificates:
    """A certificate authority for this run, and one certificate for loopback that it signed."""

    def __init__(self, folder: Path, *, make: bool = True) -> None:
        self.ca_bundle = folder / "ca.pem"
        self.certfile = folder / "server.pem"
        self.keyfile = folder / "server.key"
        if make:
            self._make()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The certificates that an earlier run made in that folder."""
        return cls(folder, make=False)

    def _make(self) -> None:
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(str(self.ca_bundle))
        for index, blob in enumerate(server.cert_chain_pems):
            blob.write_to_path(str(self.certfile), append=index > 0)
        server.private_key_pem.write_to_path(str(self.keyfile))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_bundle))


@dataclass(frozen=True)
class RootKeys:
    """The administrator's keys of one emulator: random, so that nobody else on this machine has them."""

    key_id: str = field(default_factory=lambda: "AKIA" + secrets.token_hex(8).upper())
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)

    def for_client(self) -> dict[str, str]:
        """The arguments by which boto3 signs with these keys."""
        return {"aws_access_key_id": self.key_id, "aws_secret_access_key": self.secret_key}


class Emulator:
    """A running emulator. Its state is in memory and in one folder, and is deleted when it stops.

    `retry_delay_scale` multiplies every wait of the state machine, so that tests of many retries are quick.
    `thaw_seconds` is how long S3 takes to thaw an object. `functions_endpoint` is the AWS endpoint of the functions
    when it is not the emulator itself. `keys` are those of one that is already running.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Certificates,
        *,
        retry_delay_scale: float = 1.0,
        functions_endpoint: str | None = None,
        thaw_seconds: float = 2.0,
        keys: RootKeys | None = None,
    ) -> None:
        self.folder = folder
        self.certificates = certificates
        self.retry_delay_scale = retry_delay_scale
        self.thaw_seconds = thaw_seconds
        self.keys = keys or RootKeys()
        self.log_file = folder / "emulator.log"
        self.port = free_port()
        self.endpoint = f"https://127.0.0.1:{self.port}"
        self.functions_endpoint = functions_endpoint or self.endpoint
        self._process: subprocess.Popen[bytes] | None = None
        self._is_bootstrapped = False
        self._context: dict[str, str] | None = None  # of the assembly in the folder

    def __enter__(self) -> Self:
        scratch = self.folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        UNPACKED_LAYERS.mkdir(exist_ok=True)
        remove_unused(UNPACKED_LAYERS)
        remove_unused(PACKED_ASSETS)
        environment = {
            **inherited(),
            "AUTH": "true",
            "CLOUD_SYNC_ROOT_KEY_ID": self.keys.key_id,
            "CLOUD_SYNC_ROOT_SECRET_KEY": self.keys.secret_key,
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.certificates.certfile),
            "MINISTACK_SSL_KEY": str(self.certificates.keyfile),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "SFN_WAIT_SCALE": str(self.retry_delay_scale),
            "CLOUD_SYNC_THAW_SECONDS": str(self.thaw_seconds),
            "TMPDIR": str(scratch),
            "CLOUD_SYNC_FUNCTION_PYTHON": str(FUNCTION_PYTHON),
            "CLOUD_SYNC_UNPACKED_LAYERS": str(UNPACKED_LAYERS),
            # The function processes inherit these: the endpoint and the trusted certificates.
            "AWS_ENDPOINT_URL": self.functions_endpoint,
            "AWS_CA_BUNDLE": str(self.certificates.ca_bundle),
            "SSL_CERT_FILE": str(self.certificates.ca_bundle),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [str(EMULATOR_PYTHON), str(Path(__file__).with_name("emulator_gaps.py"))],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise DeploymentError("the emulator is not running")
        return self._process.pid

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DeploymentError(f"the emulator ended with code {process.returncode}: see {self.log_file}")
            try:
                with urllib.request.urlopen(
                    f"{self.endpoint}/_ministack/ready", timeout=2, context=self.certificates.client_context()
                ) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)  # polling interval of the condition above
        raise DeploymentError(f"the emulator was not ready after {READY_SECONDS} s: see {self.log_file}")

    def stop(self) -> None:
        """Stops the emulator and the function processes that it started (they share its process group)."""
        process, self._process = self._process, None
        if process is None:
            return  # never started, or left running, so that it still needs its folder
        stop_group(process.pid)
        process.wait()
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)

    def leave_running(self) -> None:
        """Keeps the emulator running when this process ends; `stop_group(pid)` stops it later."""
        self._process = None

    def environment(self) -> dict[str, str]:
        """The variables with which the AWS CLI, boto3 and the CDK CLI reach this emulator as administrator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.certificates.ca_bundle),
            "AWS_ACCESS_KEY_ID": self.keys.key_id,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, **credentials: str) -> Any:
        """A boto3 client, as the administrator or with the given aws_access_key_id, aws_secret_access_key, ..."""
        made: Any = boto3.client  # its overloads have one for each service
        return made(service, **self._options(), **(credentials or self.keys.for_client()))

    def table(self, name: str) -> Any:
        """A table of DynamoDB, as the stores of the function code take it."""
        made: Any = boto3.resource
        return made("dynamodb", **self._options(), **self.keys.for_client()).Table(name)

    def _options(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "verify": str(self.certificates.ca_bundle),
            "config": BotoConfig(retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=20),
        }

    def deploy(self, context: Mapping[str, str]) -> dict[str, str]:
        """Bootstraps and deploys the stack with the real CDK CLI; returns the stack's outputs.

        Raises DeploymentError with the last lines of the CLI's output.
        """
        if not self._is_bootstrapped:
            self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", cwd=self.folder)  # where no app is, to synthesise none
            self._is_bootstrapped = True
        outputs = self.folder / "outputs.json"
        self._cdk("deploy", "--require-approval=never", f"--outputs-file={outputs}", self._app(context), cwd=ROOT)
        values: dict[str, dict[str, str]] = json.loads(outputs.read_text())
        return next(iter(values.values()))

    def destroy(self, context: Mapping[str, str]) -> None:
        """Deletes the stack with the real CDK CLI. Raises DeploymentError as `deploy` does."""
        self._cdk("destroy", "--force", self._app(context), cwd=ROOT)

    def adopt(self, context: Mapping[str, str], *options: str) -> str:
        """Takes up what a deleted stack left behind, with the word of the README; returns all that it printed.

        Raises DeploymentError with the last lines of it.
        """
        given = [f"--context={name}={value}" for name, value in context.items()]
        return self._run("adoption", [sys.executable, "-m", "tools.adoption", "local", *given, *options], cwd=ROOT)

    def _app(self, context: Mapping[str, str]) -> str:
        """The option that gives the CLI the stack with this context, which is synthesised when the last one was not."""
        assembly = self.folder / "cdk.out"
        if self._context != context:
            self._context = None
            # The CLI packs the layer from where it was built: to copy its 2,900 files first takes two seconds.
            options = ["--quiet", "--no-staging", f"--app={app_command()}", f"--output={assembly}", *_options(context)]
            self._cdk("synth", *options, cwd=ROOT)
            share_packed_assets(assembly, PACKED_ASSETS)
            self._context = dict(context)
        return f"--app={assembly}"

    def _cdk(self, *arguments: str, cwd: Path) -> None:
        command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
        self._run(f"cdk {arguments[0]}", command, cwd=cwd)

    def _run(self, name: str, command: Sequence[str], cwd: Path) -> str:
        """Runs a command as administrator of this emulator and logs what it prints."""
        binaries = [str(ROOT / "node_modules" / ".bin"), inherited()["PATH"]]
        environment = {
            **inherited(),
            **self.environment(),
            "PATH": os.pathsep.join(binaries),
            "NODE_EXTRA_CA_CERTS": str(self.certificates.ca_bundle),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CI": "1",
        }
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        log_file = self.folder / "cdk.log"
        with log_file.open("a") as log:
            log.write(done.stdout)
        if done.returncode != 0:
            tail = "\n".join(done.stdout.splitlines()[-20:])
            raise DeploymentError(f"{name} failed; the end of {log_file}:\n{tail}")
        return done.stdout


def app_command() -> str:
    """The words that run the CDK app with this Python. The CDK gives them to a shell, so they are quoted for one."""
    return shlex.join([sys.executable, "app.py"])


def _options(context: Mapping[str, str]) -> list[str]:
    return [f"--context={name}={value}" for name, value in {"environment": "local", **context}.items()]


def start_of(pid: int) -> str:
    """When the process started, by which it is told from a later one of the same number; empty if there is none.

    On Linux in ticks since the machine started, with the id of that start; elsewhere as `ps` writes it.
    """
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks}"
    except OSError:
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
        try:
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:
            return ""


def stop_group(pid: int) -> None:
    """Stops a process group by its leader: with SIGTERM to the leader, then with SIGKILL to whatever remains."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # polling interval of the condition above
        os.killpg(pid, signal.SIGKILL)


def _is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie, which only waits for its parent, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # no /proc, or no process
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc").is_dir()
        return False
    return state != "Z"


def inherited() -> dict[str, str]:
    """The part of this process's environment for child processes: no AWS settings of the user's own account."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {name: value for name, value in os.environ.items() if name.startswith(INHERITED)} | {"PATH": path}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_folder(name: str) -> Path:
    """A new folder below .local for one local deployment."""
    (HOME / "runs").mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=HOME / "runs"))
