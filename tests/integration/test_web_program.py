"""`cloudsync web` as a program: where it listens, what others of this machine see of it, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.errors import Exit
from tests.integration.aws_on_loopback import Aws
from tests.integration.console_program import Owner
from tests.integration.wait_until import wait_until

_BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > "$HOME/browser-arguments"
"""


@pytest.fixture
def owner(aws: Aws, tmp_path: Path) -> Owner:
    """With a browser that only notes how it was called."""
    (tmp_path / "browser").write_text(_BROWSER)
    (tmp_path / "browser").chmod(0o700)
    return Owner(aws, tmp_path, variables={"BROWSER": str(tmp_path / "browser")})


@contextlib.contextmanager
def running(owner: Owner, *options: str) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """The program, the file that opens its page, and its port. Ends it if the block has not."""
    line = owner.words("web", *options)
    with subprocess.Popen(
        line, env=owner.environment, cwd=owner.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            file = Path(program.stdout.readline().strip())
            port = re.search(r"http://127\.0\.0\.1:(\d+)/open", file.read_text())
            assert port is not None
            yield program, file, int(port[1])
        finally:
            program.kill()


def token_in(file: Path) -> str:
    return file.read_text().partition('value="')[2].partition('"')[0]


def status_of(port: int, path: str = "/", address: str = "127.0.0.1") -> int:
    connection = http.client.HTTPConnection(address, port, timeout=10)
    connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}"})
    return connection.getresponse().status


def test_the_token_is_in_a_file_of_the_owners_and_in_nothing_that_others_see(owner: Owner) -> None:
    with running(owner, "--no-browser") as (program, file, port):
        token = token_in(file)
        assert len(token) >= 43 and stat.S_IMODE(file.stat().st_mode) == 0o600
        assert token not in Path(f"/proc/{program.pid}/cmdline").read_text()
        assert token not in Path(f"/proc/{program.pid}/environ").read_text()
        assert status_of(port) == 403 and status_of(port, f"/?token={token}") == 403
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=30)
        assert program.returncode == Exit.FINE and not file.exists()
        assert out == "" and token not in err and "until you press Ctrl-C" in err and len(err.splitlines()) <= 2


def test_the_browser_is_called_with_the_file_and_no_token(owner: Owner) -> None:
    with running(owner) as (_, file, _port):
        noted = owner.home / "browser-arguments"
        wait_until(lambda: noted.exists() and noted.read_text() != "", "the browser was called")
        assert noted.read_text().strip() == file.as_uri() and token_in(file) not in noted.read_text()


def test_it_is_reached_at_one_address_only(owner: Owner) -> None:
    with running(owner, "--no-browser") as (_, _file, port):
        assert status_of(port) == 403
        for family, address in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as other:
                assert other.connect_ex((address, port)) != 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Host": f"rebound.example:{port}"})
        answer = connection.getresponse()
        assert answer.status == 421 and answer.getheader("Server") is None


def test_a_port_is_chosen_and_one_that_is_taken_is_said_to_be(owner: Owner) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(owner, "--no-browser", "--port", str(port)) as (_, _file, chosen):
        assert chosen == port
        refused = owner.piped("web", "--no-browser", "--port", str(port))
        assert (refused.returncode, refused.stdout) == (Exit.USAGE, "")
        assert f"The port {port} cannot be used" in refused.stderr


def test_a_connection_that_says_nothing_keeps_neither_others_nor_the_end(owner: Owner) -> None:
    with (
        running(owner, "--no-browser") as (program, _file, port),
        socket.create_connection(("127.0.0.1", port)) as mute,
    ):
        mute.sendall(b"POST /open HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 99\r\n\r\n" % port)
        assert status_of(port) == 403
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == Exit.FINE


def test_other_verbs_do_not_import_what_the_page_needs(owner: Owner) -> None:
    code = (
        "import sys; from console import main; [main.cloudsync.get_command(None, n) for n in main.VERBS]; "
        "print([n for n in ('starlette', 'uvicorn', 'jinja2', 'console.web') if n in sys.modules])"
    )
    printed = subprocess.run(
        [owner.words()[0], "-c", code], env=owner.environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
