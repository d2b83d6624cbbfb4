"""A deployment that is left running keeps the files that it needs, and its keys from everybody else."""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from rich.console import Console

from local import kept_deployment
from local.deployment import Deployment
from local.emulator import ROOT, Certificates, DeploymentError, Emulator, start_of

OUTPUTS = dict.fromkeys(
    ["ArchiveBucket", "WorkBucket", "LedgerTable", "CredentialsSecret", "StateMachineArn", "AlertsTopicArn"], "it"
) | {"DropboxCredentialsSecret": "the secret of Dropbox"}


def test_an_emulator_that_is_left_running_keeps_the_folder_in_which_functions_start(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    emulator = Emulator(tmp_path, Certificates(tmp_path))
    emulator.leave_running()
    emulator.stop()
    assert scratch.is_dir()


@pytest.fixture
def left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Emulator, Console]:
    """Left running by the words of the demo; its processes are this one."""
    monkeypatch.setattr(kept_deployment, "RECORD", tmp_path / "deployment.json")
    monkeypatch.setattr(kept_deployment, "SHELL_FILE", tmp_path / "deployment.env")
    for name in ("deployment.json", "deployment.env"):  # of an earlier version, which everybody could read
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o644)
    emulator, console = Emulator(tmp_path, Certificates(tmp_path)), Console(record=True, width=200)
    emulator._process = Mock(pid=1)
    fakes = [
        Mock(
            pid=1,
            account=Mock(
                provider=provider,
                control_url=f"https://127.0.0.1:{port}/_control",
                for_the_owner=lambda name=provider: {f"{name.upper()}_API_BASE_URL": f"https://of-{name}"},
            ),
        )
        for provider, port in (("gopro", 1), ("dropbox", 2))
    ]
    kept_deployment.leave(console, Deployment(emulator, OUTPUTS), fakes, tmp_path)
    return emulator, console


def test_the_files_with_the_keys_are_for_the_owner_only(left_running: tuple[Emulator, Console]) -> None:
    for file in (kept_deployment.RECORD, kept_deployment.SHELL_FILE):
        assert left_running[0].keys.secret_key in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_shell_file_leads_cloudsync_to_the_deployment_and_its_clouds(
    left_running: tuple[Emulator, Console],
) -> None:
    read = subprocess.run(
        ["sh", "-c", f". {kept_deployment.SHELL_FILE}; env"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    variables = dict(line.partition("=")[::2] for line in read.stdout.splitlines())
    expected = {"CLOUD_SYNC_ENVIRONMENT": "local", "GOPRO_API_BASE_URL": "https://of-gopro"}
    assert expected | {"DROPBOX_API_BASE_URL": "https://of-dropbox"} == {
        name: variables[name] for name in (*expected, "DROPBOX_API_BASE_URL")
    }
    assert variables["PATH"] == f"/usr/bin:/bin:{ROOT / '.venv' / 'bin'}"  # an installed cloudsync goes first
    trusted = Path(variables["SSL_CERT_FILE"]).read_text()
    assert left_running[0].certificates.ca_bundle.read_text() in trusted
    assert ssl.create_default_context(cafile=variables["SSL_CERT_FILE"]).get_ca_certs()


def test_the_keys_are_not_printed(left_running: tuple[Emulator, Console]) -> None:
    emulator, console = left_running
    printed = console.export_text()
    assert "deployment.env" in printed
    assert emulator.keys.secret_key not in printed
    assert emulator.keys.key_id not in printed


def test_the_page_over_what_was_archived_is_opened_by_its_command(left_running: tuple[Emulator, Console]) -> None:
    before, told, after = left_running[1].export_text().partition("in a browser, until Ctrl-C:\n  cloudsync web\n")
    assert told and "deployment.env" in before and "make down" in after


def test_a_later_command_has_the_same_keys(left_running: tuple[Emulator, Console]) -> None:
    found = kept_deployment.find()
    assert found is not None
    assert found.emulator.keys == left_running[0].keys
    assert found.emulator.environment() == left_running[0].environment()


def test_a_later_command_finds_each_cloud(left_running: tuple[Emulator, Console]) -> None:
    urls = {"gopro": "https://127.0.0.1:1/_control", "dropbox": "https://127.0.0.1:2/_control"}
    assert kept_deployment.control_urls() == urls
    found = kept_deployment.find()
    assert found is not None and found.secrets_of == {"gopro": "it", "dropbox": "the secret of Dropbox"}


def test_each_cloud_has_its_instructions(left_running: tuple[Emulator, Console]) -> None:
    printed = left_running[1].export_text()
    for own in ("s3://it/gopro/", "s3://it/dropbox/", "--secret-id the secret of Dropbox", "127.0.0.1:2/_control/menu"):
        assert own in printed


def test_a_record_of_a_version_with_one_cloud_is_understood(left_running: tuple[Emulator, Console]) -> None:
    record = json.loads(kept_deployment.RECORD.read_text())
    del record["control_urls"]
    kept_deployment.RECORD.write_text(json.dumps({**record, "control_url": "https://127.0.0.1:3/_control"}))
    assert kept_deployment.control_urls() == {"gopro": "https://127.0.0.1:3/_control"}


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A program that has nothing to do with the deployment, and leads a group of its own."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def recorded(folder: Path, processes: dict[str, str]) -> None:
    kept_deployment.RECORD.write_text(json.dumps({"processes": processes, "folder": str(folder)}))


def test_a_program_that_has_the_number_of_an_ended_one_is_left_alone(
    left_running: tuple[Emulator, Console], tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    started = start_of(stranger.pid)
    assert started
    recorded(tmp_path, {str(stranger.pid): f"{started}0"})
    assert kept_deployment.find() is None
    assert kept_deployment.stop()
    assert stranger.poll() is None
    assert not kept_deployment.RECORD.exists()
    assert not kept_deployment.SHELL_FILE.exists()


def test_a_process_whose_start_was_not_known_is_left_alone(
    left_running: tuple[Emulator, Console], tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    recorded(tmp_path, {str(stranger.pid): ""})
    kept_deployment.stop()
    assert stranger.poll() is None


def test_the_process_that_was_left_running_is_stopped(
    left_running: tuple[Emulator, Console], tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    recorded(tmp_path, {str(stranger.pid): start_of(stranger.pid)})
    assert kept_deployment.stop()
    assert stranger.wait(timeout=20) != 0
    assert start_of(999_999_999) == ""


def test_a_record_of_an_earlier_version_stops_nothing(
    left_running: tuple[Emulator, Console], stranger: subprocess.Popen[bytes]
) -> None:
    kept_deployment.RECORD.write_text(json.dumps({"pids": [stranger.pid], "folder": "/none"}))
    assert not kept_deployment.stop()
    assert stranger.poll() is None


@pytest.mark.parametrize("text", [b"", b'{"processes": {', b"\x80"])
def test_a_record_that_was_not_written_to_its_end_says_what_to_do(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_deployment, "RECORD", tmp_path / "deployment.json")
    kept_deployment.RECORD.write_bytes(text)
    for use in (kept_deployment.find, kept_deployment.control_urls, kept_deployment.stop):
        with pytest.raises(DeploymentError, match=r"deployment\.json cannot be read.*delete that file"):
            use()


def test_without_proc_the_start_is_that_of_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", Mock(side_effect=FileNotFoundError))
    monkeypatch.setattr("subprocess.run", Mock(return_value=Mock(stdout="Thu Nov 26 14:00:00 2026\n")))
    assert start_of(1) == "Thu Nov 26 14:00:00 2026"
