"""Every `cloudsync` command of the README's blocks, run as it stands there in a terminal, against the deployed stack.

The first ones are a newcomer's: connect, run, look. The stack has no credentials before.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.deep_archive import freeze
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e import test_three_clouds as three
from tests.integration.consent_pages import code_on, decided
from tests.integration.secret_check import assert_no_secret
from tests.synthesis import ROOT
from tests.terminal import Terminal
from tests.unit.code_rules import commands

ID = "65a0f0c2b7e4d1a2c3b40005"
SECONDS = 240.0  # which a run may take
BROWSER = f"{sys.executable} {ROOT / 'tests' / 'integration' / 'consent_pages.py'} %s"

clouds = three.clouds  # a stack of its own, with the three clouds


def section(heading: str) -> list[str]:
    """The commands of one section, the headings below it left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split(f" {heading}\n")[1].split("\n##")[0]
    return [line for line in commands(text) if line.startswith("cloudsync ")]


FIRST = section("Deploy to AWS")
CONNECT = section("Store credentials")
EVERY = [line for line in commands((ROOT / "README.md").read_text(encoding="utf-8")) if line.startswith("cloudsync ")]
BACK = section("Get footage back")
LATER = [line for line in EVERY if line not in (*FIRST, *CONNECT, *BACK)]


@contextmanager
def at_terminal(clouds: three.Clouds, line: str) -> Iterator[Terminal]:
    """The command in a terminal of eighty columns, with what `make demo KEEP=1` tells the owner to set."""
    emulator = clouds.deployment.emulator
    reached = {k: v for fake in clouds.fakes.values() for k, v in account_of(fake).for_the_owner().items()}
    environment = {
        **emulator.environment(), **reached, "CLOUD_SYNC_ENVIRONMENT": "local", "TERM": "xterm", "COLUMNS": "80",
        "SSL_CERT_FILE": str(emulator.certificates.ca_bundle), "BROWSER": BROWSER, "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}",
    }  # fmt: skip
    words = ["-m", "console", *shlex.split(line)[1:]]
    with Terminal.running([sys.executable, *words], environment, str(ROOT)) as terminal:
        yield terminal


def answered(terminal: Terminal, *answers: tuple[str, str]) -> None:
    for question, answer in answers:
        terminal.awaits(question)
        terminal.types(answer)


def connect_gopro(terminal: Terminal, clouds: three.Clouds) -> None:
    fake = clouds.fakes["gopro"]
    assert isinstance(fake, FakeGoPro)
    answered(
        terminal,
        ("Which [1]: ", "1"), ("Client id: ", fake.client_id), ("Client secret: ", fake.client_secret),
        ("Name (e-mail): ", fake.username), ("Password: ", fake.password),
    )  # fmt: skip


def connect_google_drive(terminal: Terminal, clouds: three.Clouds) -> None:
    """The browser that the command opens is answered by a program."""
    of = account_of(clouds.fakes["google_drive"]).oauth()
    answered(terminal, ("Client id: ", of["client_id"]), ("Client secret: ", of["client_secret"]))


def connect_dropbox(terminal: Terminal, clouds: three.Clouds) -> None:
    answered(terminal, ("App key: ", account_of(clouds.fakes["dropbox"]).oauth()["client_id"]))
    terminal.awaits("allow the access:\r\n")
    code = code_on(decided(terminal.awaits("\r\n").strip()))
    answered(terminal, ("Code that Dropbox shows: ", code))


DIALOGUES: Mapping[str, Callable[[Terminal, three.Clouds], None]] = {
    "cloudsync connect gopro": connect_gopro,
    "cloudsync connect google-drive": connect_google_drive,
    "cloudsync connect dropbox": connect_dropbox,
}


def run(clouds: three.Clouds, line: str) -> tuple[int, str]:
    """The exit code of a command that may ask whether to go on, and all that was shown, as one line."""
    with at_terminal(clouds, line) as terminal:
        if line in DIALOGUES:
            DIALOGUES[line](terminal, clouds)
            answered(terminal, ("Start a run now? [y/N]: ", "n"))
        elif any(verb in line for verb in (" settings set ", " retry ", " restore start ")):
            answered(terminal, ("[y/N]: ", "y"))
        code = terminal.ends(SECONDS)
        assert_no_secret(terminal.shown, {secret for fake in clouds.fakes.values() for secret in fake.secrets()})
        return code, terminal.words


@pytest.fixture(scope="module")
def newcomer(clouds: three.Clouds) -> dict[str, tuple[int, str]]:
    """What the first commands of a newcomer say, who has three clouds: all are connected before the first run."""
    with pytest.MonkeyPatch.context() as patch:  # the browser in front of Dropbox trusts the fakes, too
        patch.setenv("SSL_CERT_FILE", str(clouds.deployment.emulator.certificates.ca_bundle))
        connecting = dict.fromkeys([FIRST[0], *CONNECT])
        return {line: run(clouds, line) for line in [*connecting, *FIRST[1:]]}


def test_the_readme_begins_with_connecting_a_run_and_its_result() -> None:
    assert FIRST == ["cloudsync connect gopro", "cloudsync run --follow", "cloudsync status"]
    assert set(CONNECT) == DIALOGUES.keys()
    assert {line.split()[1] for line in EVERY} == {
        "connect", "run", "plan", "status", "runs", "list", "show", "cost", "verify", "failures", "retry", "settings",
        "doctor", "restore",
    }  # fmt: skip


def test_each_account_is_connected_and_stored(newcomer: dict[str, tuple[int, str]], clouds: three.Clouds) -> None:
    for line, (title, secret) in {
        "cloudsync connect gopro": ("GoPro is connected", "gopro/credentials"),
        "cloudsync connect google-drive": ("Google Drive is connected", "google-drive/credentials"),
        "cloudsync connect dropbox": ("Dropbox is connected", "dropbox/credentials"),
    }.items():
        code, shown = newcomer[line]
        assert code == 0 and title in shown, shown
        stored = json.loads(clouds.deployment.secrets.get_secret_value(SecretId=secret)["SecretString"])
        assert stored["refresh_token"] and stored["access_token"]


def test_the_first_run_archives_every_cloud_and_the_status_says_so(
    newcomer: dict[str, tuple[int, str]], clouds: three.Clouds
) -> None:
    code, shown = newcomer["cloudsync run --follow"]
    assert code == 3, shown  # one video has no original
    assert "GoPro: SUCCEEDED, 17 items archived" in shown and "Next step: `cloudsync failures`" in shown
    for provider in three.PROVIDERS:
        assert len(clouds.deployment.objects(provider)) == three.ORIGINALS[provider]
    code, shown = newcomer["cloudsync status"]
    assert code == 3 and "17 originals" in shown and "Run `cloudsync failures`." in shown


# What each of the others has to say; those that are not here say something that differs, and end with 0 or 3.
SAYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "plan": (0, ("listed", "All")),
    "run": (0, ("SUCCEEDED",)),
    "settings": (0, ('["video","photo"]', "This is version 1 of its settings")),
    "status": (3, ("Next step",)),
    "runs": (0, ("SUCCEEDED",)),
    "list": (0, ("2026-02",)),
    "show": (0, ("s3-checksum",)),
    "cost": (0, ("The next twelve months",)),
    "verify": (3, ("Certificate of CloudSync-local",)),
    "failures": (3, ("original_unavailable", "GX010077.MP4")),
    "retry": (0, ("tries 1 item again",)),
    "doctor": (0, ("All is well.",)),
}


@pytest.mark.parametrize("line", LATER)
def test_every_other_command_does_what_the_page_says(
    newcomer: dict[str, tuple[int, str]], clouds: three.Clouds, line: str
) -> None:
    assert newcomer
    expected, words = SAYS[line.split()[1]]
    code, shown = run(clouds, line.replace(" ID", f" {ID}"))
    assert code in {expected, 3 if line.startswith("cloudsync run") else expected}, shown
    assert [word for word in words if word not in shown] == [], shown


def test_footage_comes_back_in_three_commands(
    newcomer: dict[str, tuple[int, str]], clouds: three.Clouds, tmp_path: Path
) -> None:
    assert newcomer
    plan, start, fetch = BACK
    deployment = clouds.deployment
    wanted = [key for key in deployment.objects() if "/2026/02/" in key]
    for key in wanted:
        freeze(deployment, key)

    code, shown = run(clouds, plan)
    assert code == 0 and "Bulk" in shown and "Standard" in shown and "Internet" in shown, shown
    code, shown = run(clouds, start)
    (job,) = re.findall(r"The job (restore-\S+) has started", shown)
    assert code == 0, shown
    deployment.wait_for(lambda: run(clouds, f"cloudsync restore status {job}")[0] == 0)
    code, shown = run(clouds, fetch.replace("JOB", job).replace("DIRECTORY", str(tmp_path)))
    assert code == 0, shown

    files = (path for path in tmp_path.rglob("*") if path.is_file())
    names = [path for path in files if not path.name.startswith((".", "cloudsync-manifest"))]
    assert wanted and len(names) == len(wanted)
    fetched = sorted(path.read_bytes() for path in names)
    bucket = deployment.archive_bucket
    assert fetched == sorted(deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in wanted)
