"""The test rig: a source of movies with ranges (nginx) and an S3 server that stores nothing (our sink), with TLS, on
loopback."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import trustme

from benchmarks import movie
from benchmarks.movie import Movie

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".local" / "bench"
NATIVE = Path(__file__).with_name("native")
PROGRAMS = {  # name: sources and libraries
    "sink": (["sink.c", "tls.c", "chunked.c"], ["-lssl", "-lcrypto", "-lpthread"]),
    "relay": (["relay.c", "tls.c"], ["-lssl", "-lcrypto", "-lpthread"]),
    "measure": (["measure.c"], []),
}
# The servers choose the cipher, and prefer AES-128, as CloudFront does (developer guide, "Supported protocols and
# ciphers between viewers and CloudFront"). Otherwise each peer's preference would determine its cost of encryption.
CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
LIMIT_RATE = 30_000_000  # bytes per second over one connection, as from a distant content delivery network
SMALL_FILE, TINY_FILE = 1_000_000, 1_000  # bytes
CLIP, RECORDING = 5_000_000, 400_000_000  # bytes of a small and of a large video of a night


class RigError(Exception):
    """The rig cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Files:
    """The files of the source: sizes in bytes, and the numbers of small files, and of clips and recordings of a
    night."""

    size: int
    small_count: int
    clips: int = 0
    recordings: int = 0

    @property
    def half_size(self) -> int:
        return self.size // 2

    @property
    def huge_size(self) -> int:
        return self.size * 8

    @property
    def small_names(self) -> list[str]:
        return [f"{number:04}.mp4" for number in range(1, self.small_count + 1)]

    @property
    def clip_names(self) -> list[str]:
        return [f"clip-{number:04}.mp4" for number in range(1, self.clips + 1)]

    @property
    def recording_names(self) -> list[str]:
        return [f"recording-{number:04}.mp4" for number in range(1, self.recordings + 1)]


@dataclass(frozen=True)
class Rig:
    """A running rig. `authority` is the file with the authority of both servers' certificates, `www` the folder of the
    source's files; `servers` are the servers' process ids."""

    source: str
    slow_source: str
    endpoint: str
    authority: Path
    www: Path
    servers: tuple[int, ...] = ()

    def counts(self) -> dict[str, int]:
        """The sink's requests so far by operation, its `payload_bytes`, and the source's requests as `source`."""
        found: dict[str, int] = json.loads(self._get(self.endpoint, "/__stats"))
        return {**found, "source": self._source_requests()}

    def _source_requests(self) -> int:
        """nginx counts each request for a file twice, because it asks itself for the file, and these requests once: of
        the difference between two of them, half is the number of requests for files."""
        text = self._get(self.source, "/__stats")
        match = re.search(r"^ \d+ \d+ (\d+)", text, re.MULTILINE)
        if not match:
            raise RigError("nginx did not report its number of requests.")
        return int(match[1])

    def _get(self, base: str, path: str) -> str:
        host, port = base.removeprefix("https://").split(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=30, context=self._trust)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@contextlib.contextmanager
def running(folder: Path, files: Files) -> Iterator[Rig]:
    """Serves from `folder` while the block runs. Raises RigError."""
    etags = make_files(folder / "www", files)
    authority = folder / "authority.pem"
    make_certificate(folder)
    with contextlib.ExitStack() as stack:
        source, fast, slow = stack.enter_context(_source(folder, etags))
        storage, sink = stack.enter_context(_sink(folder))
        fast_url, slow_url, endpoint = (f"https://127.0.0.1:{port}" for port in (fast, slow, sink))
        yield Rig(fast_url, slow_url, endpoint, authority, folder / "www", (source, storage))


def build(name: str) -> Path:
    """The path of one of our C programs, compiled if its sources have changed. Raises RigError."""
    sources, libraries = PROGRAMS[name]
    content = b"".join((NATIVE / file).read_bytes() for file in sorted(p.name for p in NATIVE.iterdir()))
    program = HOME / "native" / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    compiler = shutil.which("cc")
    if program.exists():
        return program
    if compiler is None:
        raise RigError("There is no C compiler (cc); on Debian, install it with apt-get install gcc libssl-dev.")
    program.parent.mkdir(parents=True, exist_ok=True)
    paths = [str(NATIVE / source) for source in sources]
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"]
    command = [compiler, *flags, "-o", str(program), *paths, *libraries]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RigError(f"{name} could not be compiled (on Debian, libssl-dev has the headers):\n{done.stderr[-2000:]}")
    return program


def make_files(folder: Path, files: Files) -> dict[str, str]:
    """Makes `one.mp4`, `half.mp4`, the sparse file `huge.mp4`, `tiny/tiny.mp4`, and `small/*.mp4` and `night/*.mp4`,
    which are hard links to one file of each size. Returns the ETag of each path, or of the paths that match `~...`."""
    for each in ("small", "tiny", "night"):
        (folder / each).mkdir(parents=True)
    single = {
        "one.mp4": Movie(files.size),
        "half.mp4": Movie(files.half_size),
        "huge.mp4": Movie(files.huge_size, sparse=True),
        "tiny/tiny.mp4": Movie(TINY_FILE),
    }
    for name, made in single.items():
        made.write(folder / name)
    linked = {
        "small/": (SMALL_FILE, files.small_names),
        "night/clip-": (CLIP, [name.removeprefix("clip-") for name in files.clip_names]),
        "night/recording-": (RECORDING, [name.removeprefix("recording-") for name in files.recording_names]),
    }
    etags = {f"/{name}": movie.etag(folder / name) for name in single}
    for prefix, (size, names) in linked.items():
        if names:
            etags[f"~^/{prefix}"] = _linked(folder, prefix, size, names)
    return etags


def _linked(folder: Path, prefix: str, size: int, names: list[str]) -> str:
    """Makes files of one content, and returns its ETag."""
    content = folder / f"content-of-{size}"
    Movie(size).write(content)
    for name in names:
        os.link(content, folder / f"{prefix}{name}")
    return movie.etag(content)


def make_certificate(folder: Path) -> None:
    """Makes one certificate for both servers, and its authority."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(folder / "certificate.pem"), append=True)


def nginx_configuration(fast: int, slow: int, user: str | None, etags: dict[str, str]) -> str:
    """The configuration of nginx. `user` is the user of the workers; root must name one, or they run as nobody. Paths
    are relative to the folder given by -p, which may have spaces, quotes and dollar signs in its name; that of the
    socket to the folder in which nginx is started.

    nginx refuses If-Match for a file whose ETag it has not made itself, so it asks itself for the files, without
    that header, and adds the ETag: no answer is other than a CDN's, and only its own process does more.
    """
    known = "".join(f"    {path} '{etag}';\n" for path, etag in etags.items())
    servers = "".join(
        f"  server {{\n    listen 127.0.0.1:{port} ssl;\n    {limit}\n"
        "    location / { proxy_pass http://files; add_header ETag $content_etag; }\n"
        "    location = /__stats { stub_status; limit_rate 0; }\n  }\n"
        for port, limit in ((fast, ""), (slow, f"limit_rate {LIMIT_RATE};"))
    )
    return (
        nginx_head(user)
        + '  proxy_http_version 1.1;\n  proxy_set_header Connection "";\n  proxy_set_header If-Match "";\n'
        "  proxy_buffers 8 256k;\n  proxy_busy_buffers_size 512k;\n  proxy_max_temp_file_size 0;\n"
        f"  map $uri $content_etag {{\n{known}  }}\n"
        "  upstream files { server unix:files.sock; keepalive 64; keepalive_requests 1000000; }\n"
        f"  server {{ listen unix:files.sock; root www; autoindex on; etag off; }}\n{servers}}}\n"
    )


def nginx_head(user: str | None) -> str:
    """The beginning of a configuration, up to its servers, which are followed by a closing brace."""
    temporary = "".join(
        f"  {kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"{f'user {user};' if user else ''}\ndaemon off;\nworker_processes 1;\npid nginx.pid;\n"
        f"error_log nginx-error.log warn;\nevents {{ worker_connections 1024; }}\nhttp {{\n"
        "  access_log off;\n  sendfile on;\n  tcp_nodelay on;\n  keepalive_requests 1000000;\n"
        "  types { video/mp4 mp4; text/html html; }\n"
        "  ssl_certificate certificate.pem;\n  ssl_certificate_key key.pem;\n"
        f"  ssl_protocols TLSv1.3;\n  ssl_prefer_server_ciphers on;\n  ssl_conf_command Ciphersuites {CIPHERS};\n"
        f"  ssl_session_cache shared:S:4m;\n{temporary}"
    )


def nginx_program() -> str:
    """The path of nginx. Raises RigError."""
    found = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        raise RigError("nginx is not installed; on Debian, install it with apt-get install nginx-light.")
    return found


@contextlib.contextmanager
def _source(folder: Path, etags: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    """Runs nginx; yields its process id and its two ports."""
    fast, slow = free_ports(2)
    with nginx(folder, nginx_configuration(fast, slow, nginx_user(), etags), (fast, slow)) as process:
        yield process, fast, slow


def nginx_user() -> str | None:
    """The user that nginx must be told to run as."""
    return pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else None


@contextlib.contextmanager
def nginx(folder: Path, text: str, ports: Iterable[int]) -> Iterator[int]:
    """Runs nginx with this configuration until the block ends; yields its process id. Raises RigError."""
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    log = folder / "nginx-error.log"
    process = subprocess.Popen(
        [nginx_program(), "-e", str(log), "-p", str(folder), "-c", str(configuration)], cwd=folder
    )
    with _stopped_at_the_end(process):
        for port in ports:
            _until_it_listens(port, process, log)
        yield process.pid


@contextlib.contextmanager
def _sink(folder: Path) -> Iterator[tuple[int, int]]:
    """Runs the sink; yields its process id and its port."""
    command = [str(build("sink")), str(folder / "certificate.pem"), str(folder / "key.pem")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with _stopped_at_the_end(process):
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip().isdecimal():
            raise RigError("The sink did not start.")
        yield process.pid, int(line)


@contextlib.contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RigError(f"nginx did not start:\n{log.read_text()[-2000:] if log.exists() else ''}")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
