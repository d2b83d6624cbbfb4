"""The commands of docs/connect.md, run by bash against the fakes' authorization servers, end in credentials that work.

Only curl is replaced: by a program that sends the same request to the fake instead of the provider.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3
from cloud_sync_common.provider_interface import Credentials, Provider
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive

from local.fake_providers import dropbox, google_drive
from local.fake_providers.library import Library
from tests.integration.google_drive_client import write_library
from tests.synthesis import ROOT

CURL = """\
import os, sys, urllib.parse, urllib.request
*options, address = sys.argv[1:]
assert options == ["-s", "-d", "@-"], options
url = os.environ["FAKE"] + urllib.parse.urlsplit(address).path
sys.stdout.write(urllib.request.urlopen(url, sys.stdin.buffer.read()).read().decode())
"""


def blocks(section: str) -> list[str]:
    """The bash blocks of the steps by hand for one provider, as they are copied from the page."""
    text = (ROOT / "docs" / "connect.md").read_text(encoding="utf-8").split(f"### By hand: {section}\n")[1]
    text = text.split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"^ *```bash\n(.*?)^ *```", text, re.M | re.S)]


def stored(section: str) -> Any:
    """The value of the secret as the page shows it."""
    text = (ROOT / "docs" / "connect.md").read_text(encoding="utf-8").split(f"### By hand: {section}\n")[1]
    return json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[0])


def run(script: str, answers: list[str], folder: Path, fake: str) -> list[str]:
    """The lines that bash prints, with `answers` typed in."""
    (folder / "curl.py").write_text(CURL)
    (folder / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/curl.py" "$@"\n')
    (folder / "curl").chmod(0o755)
    shell = subprocess.run(
        ["bash", "-c", f"set -eu\n{script}"],
        input="\n".join(answers) + "\n",
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "FAKE": fake},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert shell.returncode == 0, shell.stderr
    return shell.stdout.strip().splitlines()


def allow(fake: str, address: str) -> str:
    """Opens the printed address in the fake and allows what is asked for; the page or address that follows."""
    http = urllib3.PoolManager()
    opened = urlsplit(address)
    page = http.request("GET", f"{fake}{opened.path}?{opened.query}").data.decode()
    action = re.findall(r'action="([^"]+)"', page) or [opened.path]
    fields = [(name, html.unescape(value)) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)]
    body = urlencode([field for field in fields if field[0] != "decision"] + [("decision", "allow")])
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.request("POST", fake + action[0], body=body, headers=sent, redirect=False)
    return answer.headers.get("Location") or answer.data.decode()


def connect(section: str, fake: Any, typed: list[str], code_in: Callable[[str], str], folder: Path) -> dict[str, Any]:
    """Follows the page; what is typed first is for its first block, the rest and the code for the second one."""
    first, second = blocks(section)
    # Both blocks are for one shell. Here the first one runs in a shell of its own too, and must say the same in both.
    first = first.replace("secrets.token_hex(32)", f"0x{'ab' * 32}")
    (address,) = run(first, typed[:1], folder, fake.base_url)
    code = code_in(allow(fake.base_url, address))
    *_, answer = run(f"{first}\n{second}", [*typed, code], folder, fake.base_url)
    tokens: dict[str, Any] = json.loads(answer)
    return tokens


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(write_library(tmp_path_factory.mktemp("library")))


def check(provider: Provider, section: str, values: dict[str, str]) -> None:
    """The credentials as the page shows them, with the values that were got, are renewed and accepted."""
    shown = stored(section)
    assert shown.keys() == {"provider", *values} and shown["provider"] == provider.name
    renewed = provider.refresh(Credentials(**(shown | values)))
    assert provider.validate(renewed).access_token


def code_in_address(address: str) -> str:
    return re.split("code=|&", address)[1]


def code_on_page(page: str) -> str:
    (code,) = re.findall(r'class="auth-code" value="([^"]+)"', page)
    return str(code)


def test_the_commands_for_google_drive_end_in_credentials_that_work(library: Library, tmp_path: Path) -> None:
    with google_drive.running(library) as fake:
        typed = [fake.client_id, fake.client_secret]
        tokens = connect("Google Drive", fake, typed, code_in_address, tmp_path)
        assert "refresh_token_expires_in" not in tokens
        client = {"client_id": fake.client_id, "client_secret": fake.client_secret}
        provider = GoogleDrive(fake.base_url, fake.base_url)
        check(provider, "Google Drive", client | {"refresh_token": tokens["refresh_token"]})


def test_an_app_in_testing_shows_by_the_field_that_the_page_names(library: Library, tmp_path: Path) -> None:
    with google_drive.running(library) as fake:
        fake.control.set_testing(True)
        typed = [fake.client_id, fake.client_secret]
        assert "refresh_token_expires_in" in connect("Google Drive", fake, typed, code_in_address, tmp_path)


def test_the_commands_for_dropbox_end_in_credentials_that_work(library: Library, tmp_path: Path) -> None:
    with dropbox.running(library) as fake:
        tokens = connect("Dropbox", fake, [fake.app_key], code_on_page, tmp_path)
        provider = Dropbox(fake.base_url, fake.content_url)
        check(provider, "Dropbox", {"client_id": fake.app_key, "refresh_token": tokens["refresh_token"]})
