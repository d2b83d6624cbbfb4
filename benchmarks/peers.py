"""The peers: for each, the command that transfers the files of a job; and the environment of all of them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from benchmarks import as_deployed, movie
from benchmarks.movie import MIB
from benchmarks.rig import HOME, ROOT, Rig, build, nginx_program
from cloud_sync.config import Config

TOOLS = HOME / "tools" / "bin"
RELAY_PART = 32 * MIB


@dataclass(frozen=True)
class Job:
    """The task of a peer: to transfer these paths of the source into a bucket of its own. Sizes are in bytes."""

    rig: Rig
    base: str
    paths: tuple[str, ...]
    size: int
    bucket: str
    connections: int
    files_at_once: int = 1

    @property
    def url(self) -> str:
        return f"{self.base}/{self.paths[0]}"

    @property
    def key(self) -> str:
        return f"{self.bucket}/{self.paths[0]}"


@dataclass(frozen=True)
class Peer:
    """`program`: the programs that it needs; if one is missing, the table says so. `reports`: it prints the figures of
    its transfer as one line of JSON; for the others, those of a file of 1 kB are subtracted."""

    name: str
    command: Callable[[Job], list[str]]
    reports: bool = False
    program: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        absent = [name for name in self.program.split() if not (TOOLS / name).exists()]
        return f"{', '.join(absent)} not installed" if absent else ""


def server_environment(authority: Path) -> dict[str, str]:
    """The environment of every process here, without the user's own AWS settings: it trusts this authority."""
    loader = ("LD_", "DYLD_", "NIX_LD")  # what a Python from conda or Nix may need to start
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG") or name.startswith(loader)}
    trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
    return {
        **kept,
        **dict.fromkeys(trust, str(authority)),
        "PATH": os.pathsep.join([str(TOOLS), str(Path(sys.executable).parent), os.defpath]),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "POWERTOOLS_TRACE_DISABLED": "true",
    }


def environment(job: Job) -> dict[str, str]:
    """The environment of every peer."""
    authority = job.rig.authority
    return {
        **server_environment(authority),
        "AWS_ENDPOINT_URL": job.rig.endpoint,
        "POWERTOOLS_LOG_LEVEL": "ERROR",
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CA_CERT": str(authority),
        "RCLONE_CONFIG_SINK_TYPE": "s3",
        "RCLONE_CONFIG_SINK_PROVIDER": "Other",
        "RCLONE_CONFIG_SINK_ENDPOINT": job.rig.endpoint,
        "RCLONE_CONFIG_SINK_ENV_AUTH": "true",
        "RCLONE_CONFIG_WEB_TYPE": "http",
        "RCLONE_CONFIG_WEB_URL": job.base,
    }


def _engine(check_etag: bool | None = None, published: str = "") -> Callable[[Job], list[str]]:
    """The engine as it is deployed, but for what a row is about: the check of the source's ETag, or a published hash of
    this kind."""

    def command(job: Job) -> list[str]:
        config = engine_config(job, check_etag)
        settings = json.dumps(as_deployed.variables(config, archive=job.bucket))
        limits = json.dumps(as_deployed.limits(config)["video-downloader"])
        options = ["--size", str(job.size), "--settings", settings, "--limits", limits]
        if published:
            options += ["--published", _published(job.rig.www / job.paths[0], published)]
        return [sys.executable, "-m", "benchmarks.engine", *_sources(job), *options]

    return command


def engine_config(job: Job, check_etag: bool | None = None) -> Config:
    """The default environment, with the scenario's number of connections, and with what a row of the engine is
    about."""
    changes: dict[str, object] = {"connections_per_video": job.connections}
    if check_etag is not None:
        changes["check_source_etag"] = check_etag
    return as_deployed.config(**changes)


def _python(peer: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        options = ["--files-at-once", str(job.files_at_once)]
        return [sys.executable, "-m", "benchmarks.python_peers", peer, *_where(job), *options]

    return command


def _where(job: Job) -> list[str]:
    return [*_sources(job), "--bucket", job.bucket]


def _sources(job: Job) -> list[str]:
    sources = [word for path in job.paths for word in ("--source", f"{job.base}/{path}")]
    return [*sources, "--endpoint", job.rig.endpoint]


def _relay(job: Job) -> list[str]:
    target = f"{job.rig.endpoint}/{job.key}"
    return [str(build("relay")), job.url, target, str(job.size), str(RELAY_PART), str(job.connections)]


def _rclone_copyurl(job: Job) -> list[str]:
    return ["rclone", "copyurl", job.url, f"sink:{job.key}"]


def _rclone_multi_thread(*more: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        streams = ["--multi-thread-streams", str(job.connections), "--multi-thread-cutoff", "16M"]
        chunks = ["--multi-thread-chunk-size", "16M", "--s3-chunk-size", "16M"]
        return ["rclone", "copyto", f"web:{job.paths[0]}", f"sink:{job.key}", *streams, *chunks, *more]

    return command


def _rclone_copy(*more: str) -> Callable[[Job], list[str]]:
    """The command that copies a whole folder."""

    def command(job: Job) -> list[str]:
        folder = job.paths[0].rsplit("/", 1)[0]
        at_once = ["--transfers", str(job.files_at_once), "--checkers", str(job.files_at_once)]
        return ["rclone", "copy", f"web:{folder}", f"sink:{job.bucket}/{folder}", *at_once, *more]

    return command


def _curl_aws(job: Job) -> list[str]:
    url, target = shlex.quote(job.url), shlex.quote(f"s3://{job.key}")
    return ["sh", "-c", f"curl -sSf {url} | aws s3 cp --quiet --expected-size {job.size} - {target}"]


NO_CHECKSUM = ("--s3-disable-checksum", "--ignore-checksum")
FEWEST_REQUESTS = ("--no-check-dest", "--s3-no-head", "--s3-no-check-bucket", "--s3-disable-checksum")

_published = cache(movie.published)

ENGINE = Peer("engine", _engine(), reports=True)
ETAG_CHECKED = Peer("engine, check_source_etag", _engine(check_etag=True), reports=True)
PUBLISHED = tuple(
    Peer(f"engine, {kind} published", _engine(published=kind), reports=True)
    for kind in ("sha256-4mib", "md5", "sha256")
)
RELAY = Peer("floor: relay in C", _relay, reports=True)
UPLOAD_FILEOBJ = Peer("boto3 upload_fileobj", _python("upload_fileobj"), reports=True)
NAIVE = Peer("naive loop", _python("naive"), reports=True)
CURL_AWS = Peer("curl | aws s3 cp -", _curl_aws, program="aws")
RCLONE_COPYURL = Peer("rclone copyurl", _rclone_copyurl, program="rclone")
RCLONE_MULTI = Peer("rclone multi-thread", _rclone_multi_thread(), program="rclone")
RCLONE_MULTI_UNCHECKED = Peer("rclone multi-thread, no checksum", _rclone_multi_thread(*NO_CHECKSUM), program="rclone")
RCLONE_COPY = Peer("rclone copy", _rclone_copy(), program="rclone")
RCLONE_COPY_LEAN = Peer("rclone copy, fewest requests", _rclone_copy(*FEWEST_REQUESTS), program="rclone")


def versions() -> dict[str, str]:
    """The versions of the peers and of the tools of the benchmark."""
    first_lines = {
        "rclone": [str(TOOLS / "rclone"), "version"],
        "awscli": [str(TOOLS / "aws"), "--version"],
        "curl": ["curl", "--version"],
        "nginx": [nginx_program(), "-v"],
        "cc": ["cc", "--version"],
    }
    found = {name: _first_line(command) for name, command in first_lines.items()}
    found["python"] = sys.version.split()[0]
    return found | {name: version(name) for name in ("boto3", "botocore", "requests", "urllib3", "awscrt")}


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return (done.stdout + done.stderr).splitlines()[0]
