"""The programs that judge the fakes, as set-up installs them; and a certificate that they trust."""

from __future__ import annotations

import fcntl
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.installed import ROOT, installed

PYTHON = ".local/judges/bin/python"
RCLONE = ".local/judges/bin/rclone"
RCLONES_PORT = 53682
"""Where rclone waits for the answer of a consent page; it takes no other."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority. `file` is its certificate, for programs that are told whom to trust."""

    ca: trustme.CA
    file: Path

    def server(self, names: Iterable[str]) -> ssl.SSLContext:
        """TLS for a server that has these names, and is at 127.0.0.1."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("127.0.0.1", *names).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        """TLS for a client that trusts it."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context


def new_authority(folder: Path) -> Authority:
    """An authority whose certificate is in `folder`."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return Authority(ca, folder / "ca.pem")


def environment(authority: Authority, proxy: str = "") -> dict[str, str]:
    """The environment of a judge: it trusts this authority, and reaches the network only through this proxy."""
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "PATH")}
    trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(authority.file))
    return kept | trust | ({"HTTPS_PROXY": proxy, "https_proxy": proxy} if proxy else {})


@dataclass(frozen=True)
class Rclone:
    """rclone with one configuration file, behind a proxy."""

    config: Path
    authority: Authority
    proxy: str = ""

    def command(self, *arguments: str) -> list[str]:
        """The command line. It tries each request three times and each file once, without long waits."""
        installed(RCLONE)
        tries = ["--retries", "1", "--low-level-retries", "3", "--timeout", "30s"]
        trust = ["--config", str(self.config), "--ca-cert", str(self.authority.file)]
        return [str(ROOT / RCLONE), *arguments, *trust, *tries]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        env = environment(self.authority, self.proxy)
        return subprocess.run(
            self.command(*arguments), env=env, capture_output=True, text=True, check=False, timeout=100
        )

    def output(self, *arguments: str) -> str:
        """What a command prints that succeeds."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def write_config(file: Path, sections: Mapping[str, Mapping[str, str]]) -> Path:
    """A configuration file of rclone: names of remotes to their settings."""
    lines = []
    for name, settings in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in settings.items()), ""]
    file.write_text("\n".join(lines))
    return file


@contextmanager
def alone_with_rclones_port() -> Iterator[None]:
    """Wait until no other test of this user has rclone wait for a consent: its port is fixed."""
    with Path(tempfile.gettempdir(), f"rclone-authorize-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
