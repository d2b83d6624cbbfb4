"""Three clouds in one stack: backed up side by side, and whatever happens to one of them is no other one's trouble."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from local import kept_deployment
from local.audit import Kind, audit, secrets_found
from local.demo_clouds import HELD, cloud_library
from local.deployment import Deployment, Inbox, deploy
from local.emulator import EMULATOR_PYTHON, FUNCTION_PYTHON, Certificates, new_folder
from local.fake_accounts import Fake, account_of
from local.fake_providers import dropbox, google_drive, gopro
from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.fault_menu import Kind as ProviderFault
from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.library import Library
from local.fault_matrix import IN_PARTS
from local.verify import verify
from tests.e2e.conftest import RETRY_DELAY_SCALE, output_of
from tests.installed import installed

GOPRO, DRIVE, DROPBOX = "gopro", "google_drive", "dropbox"
PROVIDERS = (GOPRO, DRIVE, DROPBOX)
TITLES = {GOPRO: "GoPro", DRIVE: "Google Drive", DROPBOX: "Dropbox"}
ALL = {"provider": "all"}
BIG = "GX010060.MP4"  # 24 MB, in each cloud
ORIGINALS = {GOPRO: 20, DRIVE: 9, DROPBOX: 9}
NO_ORIGINAL = {"65a0f0c2b7e4d1a2c3b4000c": "original_unavailable"}
NOT_ARCHIVED = {GOPRO: NO_ORIGINAL, DRIVE: {}, DROPBOX: {}}
FAULTS: dict[str, type[ProviderFault]] = {GOPRO: FaultKind, DRIVE: DriveFault, DROPBOX: DropboxFault}
# What each of them has of one short name, so that a run is quick.
FEW = {"names": ["GX01004*", "GX010063*", "GX010064*"]}
OF_FEW = {GOPRO: 4, DRIVE: 2, DROPBOX: 2}


@dataclass(frozen=True)
class Clouds:
    """The stack, the three clouds, and the mails of the alerts topic since the last call of `inbox`."""

    deployment: Deployment
    fakes: dict[str, Fake]
    inbox: Callable[[], list[dict[str, str]]]

    def clear(self) -> None:
        """Everything as after the deployment, with valid credentials."""
        self.deployment.clear()
        for provider, fake in self.fakes.items():
            fake.control.reset()
            self.deployment.store_credentials(account_of(fake).oauth(), provider=provider)
        self.inbox()

    def originals(self, provider: str, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """What the account has, or what of it begins with one of these names."""
        found = self.fakes[provider].control.originals()
        return [one for one in found if not names or str(one["filename"]).startswith(names)]

    def agreed(self, provider: str, names: tuple[str, ...] = ()) -> list[bool]:
        """Of each of these originals, whether it is archived byte for byte."""
        return [one.agreed for one in verify(self.deployment, self.originals(provider, names), provider=provider)]

    def served(self) -> dict[str, dict[str, int]]:
        """The bytes of media that each cloud has sent, by address."""
        return {provider: fake.control.stats()["bytes_served"] for provider, fake in self.fakes.items()}

    def add_fault(self, provider: str, name: str, **rule: Any) -> None:
        """A fault that every provider's fake knows, by the name that it has there."""
        self.fakes[provider].control.add_fault(FAULTS[provider](name), **rule)

    def hold(self, provider: str) -> None:
        """The large file takes four minutes, unless it is released before."""
        (big,) = [one["media_id"] for one in self.originals(provider) if one["filename"] == BIG]
        self.add_fault(provider, "slow", media_id=big, bytes_per_second=100_000)

    def release(self, provider: str) -> None:
        self.fakes[provider].control.clear_faults()

    def is_over(self, execution_arn: str) -> bool:
        states = self.deployment.step_functions
        try:
            return bool(states.describe_execution(executionArn=execution_arn)["status"] != "RUNNING")
        except states.exceptions.ExecutionDoesNotExist:
            return False  # a run of all has not started it yet

    def is_held(self, provider: str) -> bool:
        """Whether the large file is being moved."""
        rows = self.deployment.rows(provider)
        return any(row["sk"] == "ITEM" and row["filename"] == BIG and row["status"] == "IN_PROGRESS" for row in rows)


@pytest.fixture(scope="module")
def clouds(
    certificates: Certificates, library_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clouds]:
    installed("node", "cdk", str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    folder, tls, big = new_folder("e2e-clouds"), certificates.server_context(), tmp_path_factory.mktemp("big")
    shutil.copy(library_folder / "media" / "05-1.mp4", big / BIG)
    libraries = {provider: Library.load(cloud_library(provider, library_folder), [big]) for provider in HELD}
    with ExitStack() as stack:
        fakes: dict[str, Fake] = {
            GOPRO: stack.enter_context(gopro.running(Library.load(library_folder), tls)),
            DRIVE: stack.enter_context(google_drive.running(libraries[DRIVE], tls)),
            DROPBOX: stack.enter_context(dropbox.running(libraries[DROPBOX], tls)),
        }
        accounts = [account_of(fake) for fake in fakes.values()]
        deployment = stack.enter_context(
            deploy(folder, certificates, accounts, context=IN_PARTS, retry_delay_scale=RETRY_DELAY_SCALE)
        )
        yield Clouds(deployment, fakes, Inbox(deployment).take_mails)
    shutil.rmtree(folder / "cdk.out", ignore_errors=True)


@pytest.fixture
def cleared(clouds: Clouds) -> Clouds:
    clouds.clear()
    return clouds


@pytest.fixture(scope="module")
def first_run(clouds: Clouds) -> dict[str, Any]:
    """One run of all providers with an empty archive, the state right after it, and then another run."""
    clouds.clear()
    description = clouds.deployment.run(ALL)
    found = {
        "output": output_of(description),
        "mails": clouds.inbox(),
        "objects": {provider: clouds.deployment.objects(provider) for provider in PROVIDERS},
        "everything": clouds.deployment.objects(),
        "verdicts": {p: verify(clouds.deployment, clouds.originals(p), provider=p) for p in PROVIDERS},
        "served": clouds.served(),
        "audits": {
            p: audit(clouds.deployment, clouds.originals(p), provider=p, not_archived=NOT_ARCHIVED[p], complete=True)
            for p in PROVIDERS
        },
    }
    again = output_of(clouds.deployment.run(ALL))
    return found | {"again": again, "served_again": clouds.served(), "objects_again": clouds.deployment.objects()}


def summaries(output: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {run["provider"]: run["summary"] for run in output["runs"]}


def statuses(output: dict[str, Any]) -> dict[str, str]:
    return {run["provider"]: run["status"] for run in output["runs"]}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_original_of_each_cloud_is_archived_byte_for_byte(first_run: dict[str, Any], provider: str) -> None:
    verdicts = first_run["verdicts"][provider]
    assert len(verdicts) == ORIGINALS[provider]
    assert [verdict for verdict in verdicts if not verdict.agreed] == []


@pytest.mark.parametrize("provider", [DRIVE, DROPBOX])
def test_every_hash_that_a_cloud_publishes_was_compared(first_run: dict[str, Any], provider: str) -> None:
    verdicts = first_run["verdicts"][provider]
    assert BIG in [verdict.filename for verdict in verdicts], "one of them was moved in parts"
    assert [verdict.filename for verdict in verdicts if not verdict.matched] == []


def test_each_cloud_has_its_own_prefix_and_there_is_nothing_else(first_run: dict[str, Any]) -> None:
    keys = {p: {verdict.key for verdict in first_run["verdicts"][p]} for p in PROVIDERS}
    assert {p: set(objects) for p, objects in first_run["objects"].items()} == keys
    assert sum(map(len, keys.values())) == len(first_run["everything"]) == sum(ORIGINALS.values())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_audit_of_each_cloud_finds_nothing(first_run: dict[str, Any], provider: str) -> None:
    assert first_run["audits"][provider] == []


def test_what_no_backup_of_videos_wants_is_counted_by_its_reason(first_run: dict[str, Any]) -> None:
    found = summaries(first_run["output"])
    assert found[DRIVE]["left_out"] == {
        "of Google's own documents": 2,
        "folder": 7,
        "neither video nor photo": 1,
        "not downloadable": 1,
        "shortcut": 1,
    }
    assert found[DROPBOX]["left_out"] == {
        "folder": 8,
        "kinds": 1,
        "neither video nor photo": 1,
        "not downloadable": 1,
    }


def test_one_mail_reports_all_three(first_run: dict[str, Any]) -> None:
    (mail,) = first_run["mails"]
    assert mail["Subject"] == "Cloud Sync: 35 videos archived from 3 providers, 1 failed"
    places = [mail["Message"].index(f"{TITLES[provider]}:\n") for provider in PROVIDERS]
    assert places == sorted(places)


def test_a_second_run_of_all_moves_nothing_from_any_cloud(first_run: dict[str, Any]) -> None:
    assert {p: found["bytes_archived"] for p, found in summaries(first_run["again"]).items()} == dict.fromkeys(
        PROVIDERS, 0
    )
    assert first_run["served_again"] == first_run["served"]
    assert first_run["objects_again"] == first_run["everything"]


def test_no_secret_of_any_cloud_is_readable_anywhere(clouds: Clouds, first_run: dict[str, Any]) -> None:
    for fake in clouds.fakes.values():
        assert secrets_found(clouds.deployment, fake.secrets()) == [], first_run["output"]["run_id"]


@pytest.fixture
def second_terminal(
    clouds: Clouds, first_run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Runs a line in a shell that knows nothing, after what the demo prints when it is left running."""
    monkeypatch.setattr(kept_deployment, "RECORD", tmp_path / "deployment.json")
    monkeypatch.setattr(kept_deployment, "SHELL_FILE", tmp_path / "deployment.env")
    monkeypatch.setattr(clouds.deployment.emulator, "leave_running", lambda: None)
    installed(".venv/bin/cloudsync")
    accounts = [Mock(pid=os.getpid(), account=account_of(fake)) for fake in clouds.fakes.values()]
    shown = Console(file=StringIO(), record=True, width=80)
    kept_deployment.leave(shown, clouds.deployment, accounts, clouds.deployment.emulator.folder)
    commands = [line.strip() for line in shown.export_text().splitlines() if line.startswith("  ")]
    (home := tmp_path / "home").mkdir()

    def pasted(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "--norc", "-c", f"{commands[0]}\n{line}"], env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            cwd=home, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=240,
        )  # fmt: skip

    assert {"cloudsync status", "cloudsync failures", "cloudsync run --follow"} <= set(commands)
    yield pasted
    assert not list(home.rglob("*"))  # nothing is kept by any verb


READING = {  # the exit code and what is shown: one video of GoPro has no original
    "status": (3, "17 originals"),
    "failures": (3, "original_unavailable"),
    "list --month 2026-01": (0, "GX010042.MP4"),
    "show 65a0f0c2b7e4d1a2c3b40001": (0, "S3 says the same"),
    "runs": (0, "SUCCEEDED"),
    "plan": (0, "archived already"),
    "cost": (0, "USD"),
    "config": (0, "gopro,google_drive,dropbox"),
    "settings show": (0, "every night"),
    "doctor": (0, "The provider takes it (anna@example.com)."),
    "verify": (3, "1 not_archived"),
    "run --follow": (3, "GoPro: SUCCEEDED, 0 items archived"),
}


@pytest.mark.parametrize("verb", READING)
def test_what_the_demo_prints_when_it_is_left_running_is_all_that_a_second_terminal_needs(
    verb: str, second_terminal: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    code, shown = READING[verb]
    done = second_terminal(f"cloudsync {verb}")
    assert done.returncode == code, done.stderr
    assert shown in done.stdout


# One provider's trouble


class Trouble(StrEnum):
    """What can happen to one of them: 503 to every request, a 429 that asks for an hour, a dead refresh token."""

    OUTAGE = "ProviderUnavailableError"
    THROTTLING = "ProviderThrottledError"
    DEAD_TOKEN = "CredentialsExpiredError"


def cause(clouds: Clouds, provider: str, trouble: Trouble) -> None:
    if trouble is Trouble.DEAD_TOKEN:
        clouds.add_fault(provider, "invalid_grant")
    elif trouble is Trouble.OUTAGE:
        clouds.add_fault(provider, "server_error", status=503)
    else:
        clouds.add_fault(provider, "throttled", retry_after=3600)


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_trouble_at_one_provider_fails_its_run_alone(cleared: Clouds, provider: str, trouble: Trouble) -> None:
    cause(cleared, provider, trouble)
    others = [other for other in PROVIDERS if other != provider]
    description = cleared.deployment.run({**ALL, "filters": FEW})
    output = output_of(description)

    assert statuses(output) == {provider: "FAILED", **dict.fromkeys(others, "SUCCEEDED")}
    assert {p: found.get("archived") for p, found in summaries(output).items() if p != provider} == {
        other: OF_FEW[other] for other in others
    }
    for other in others:
        assert all(cleared.agreed(other, ("GX01004", "GX010063", "GX010064")))
    alert, report = sorted(cleared.inbox(), key=lambda mail: "archived from" in mail["Subject"])
    assert alert["Subject"] == f"Cloud Sync ({TITLES[provider]}): the run failed ({trouble})"
    assert report["Subject"].endswith(f"archived from 2 providers; the run of {TITLES[provider]} failed")
    assert f"{TITLES[provider]}:\n\nIts run failed" in report["Message"]

    cleared.release(provider)
    again = output_of(cleared.deployment.run({**ALL, "filters": FEW}))
    assert {p: found["archived"] for p, found in summaries(again).items()} == {
        provider: OF_FEW[provider],
        **dict.fromkeys(others, 0),
    }


@pytest.mark.parametrize(("provider", "endpoint"), [(GOPRO, "cdn"), (DRIVE, "media"), (DROPBOX, "download")])
def test_videos_for_which_one_provider_asks_for_an_hour_fail_alone(
    cleared: Clouds, provider: str, endpoint: str
) -> None:
    kind = FAULTS[provider]("throttled")
    cleared.add_fault(provider, kind, endpoint=kind.endpoint(endpoint), retry_after=3600)
    output = output_of(cleared.deployment.run({**ALL, "filters": FEW}))
    assert statuses(output) == dict.fromkeys(PROVIDERS, "SUCCEEDED")
    numbers = {p: (found["archived"], found["failed"]) for p, found in summaries(output).items()}
    assert numbers == {p: (0, of_few) if p == provider else (of_few, 0) for p, of_few in OF_FEW.items()}
    cleared.release(provider)
    again = summaries(output_of(cleared.deployment.run({**ALL, "filters": FEW})))
    assert again[provider]["archived"] == OF_FEW[provider]


# Several runs at once


def test_a_slow_provider_keeps_no_other_one_waiting(cleared: Clouds) -> None:
    cleared.hold(DRIVE)
    execution = cleared.deployment.start_run(ALL)
    cleared.deployment.wait_for(
        lambda: cleared.is_over(f"{execution}-{GOPRO}") and cleared.is_over(f"{execution}-{DROPBOX}")
    )
    assert cleared.is_held(DRIVE) and not cleared.is_over(execution)
    assert all(cleared.agreed(GOPRO)) and all(cleared.agreed(DROPBOX))
    assert cleared.inbox() == [], "the mail of all waits for the last one"
    cleared.release(DRIVE)
    assert statuses(output_of(cleared.deployment.wait(execution))) == dict.fromkeys(PROVIDERS, "SUCCEEDED")
    assert all(cleared.agreed(DRIVE)) and len(cleared.inbox()) == 1


def test_a_second_run_of_one_provider_leaves_the_work_to_the_first_and_runs_of_others_go_on_beside_it(
    cleared: Clouds,
) -> None:
    deployment = cleared.deployment
    cleared.hold(DRIVE)
    first = deployment.start_run(provider=DRIVE)
    deployment.wait_for(lambda: cleared.is_held(DRIVE))
    second = deployment.wait(deployment.start_run(provider=DRIVE))
    beside = deployment.wait(deployment.start_run(provider=DROPBOX))
    everything = output_of(deployment.run({**ALL, "filters": FEW}))

    assert not cleared.is_over(first)
    assert second["status"] == "SUCCEEDED" and "AlreadyRunning" in json.dumps(history(deployment, second), default=str)
    assert output_of(beside)["archived"] == ORIGINALS[DROPBOX]
    assert statuses(everything) == {GOPRO: "SUCCEEDED", DRIVE: "ALREADY_RUNNING", DROPBOX: "SUCCEEDED"}
    assert "Google Drive:\n\nAnother run of this provider was under way" in cleared.inbox()[-1]["Message"]
    cleared.release(DRIVE)
    assert output_of(deployment.wait(first))["archived"] == ORIGINALS[DRIVE]
    assert audit(deployment, cleared.originals(DRIVE), provider=DRIVE, complete=True) == []


def history(deployment: Deployment, description: dict[str, Any]) -> list[Any]:
    found: list[Any] = deployment.step_functions.get_execution_history(executionArn=description["executionArn"])[
        "events"
    ]
    return found


# What the machine's own checks make of several providers


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reconciliation_compares_one_provider_with_its_own_part(cleared: Clouds, provider: str) -> None:
    deployment = cleared.deployment
    output_of(deployment.run({**ALL, "filters": FEW}))
    lost = next(iter(deployment.objects(provider)))
    deployment.s3.delete_object(Bucket=deployment.archive_bucket, Key=lost)
    found = {p: output_of(deployment.run({"provider": p, "mode": "reconcile"}))["findings"] for p in PROVIDERS}
    assert {p: findings.get("missing_object", 0) for p, findings in found.items()} == {
        p: int(p == provider) for p in PROVIDERS
    }
    assert {p: findings.get("orphan_object", 0) for p, findings in found.items()} == dict.fromkeys(PROVIDERS, 0)
    kinds = [finding.kind for finding in audit(deployment, [], provider=provider)]
    assert kinds == [Kind.ROW_WITHOUT_OBJECT]
