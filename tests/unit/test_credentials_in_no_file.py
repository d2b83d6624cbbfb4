"""Nobody is told to write credentials into a file, and git takes no file that looks like one of them."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.synthesis import ROOT
from tests.unit.test_pages import pages


def ignored(name: str) -> bool:
    return subprocess.run(["git", "check-ignore", "--quiet", "--no-index", name], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    ["credentials.json", "gopro-credentials.json", "docs/credentials-2.json", "secret.json", "token.json",
     "refresh_token.json", ".env", ".env.local", "server.pem", "Credentials.json", "creds.json", "gopro_token.txt",
     "cookies.txt", "gopro.com_cookies.json", "client_secret.txt", "quik.gopro.com.har"],
)  # fmt: skip
def test_a_file_that_people_write_credentials_into_is_not_committed(name: str) -> None:
    assert ignored(name)


def test_no_file_of_the_repository_is_ignored() -> None:
    listing = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [name for name in listed if not name.startswith("environments/")] == []


def test_every_page_and_message_stores_credentials_from_standard_input() -> None:
    sources = [*pages(), *(ROOT / "lambda_layer" / "python" / "cloud_sync_common").rglob("*.py")]
    given = [found for file in sources for found in re.findall(r"file://[^\s`,]*", file.read_text())]
    assert len(given) >= 2
    assert set(given) == {"file:///dev/stdin"}
