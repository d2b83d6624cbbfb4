"""The sample events of Google Drive, Dropbox and all providers: what each handler makes of them with the fakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.http import client as http_client
from cloud_sync_common.runtime import settings
from cloud_sync_common.transfer import upload_stream

from local.demo_clouds import cloud_library
from local.fake_accounts import account_of
from local.fake_providers import dropbox, google_drive
from local.fake_providers.gopro import FakeGoPro
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import WORK, Aws
from tests.integration.secret_check import Output, assert_no_secret
from tests.integration.test_handlers import Functions, sample

CLOUDS = {"drive": "google_drive", "dropbox": "dropbox"}
IN = {"drive": 3, "dropbox": 7}  # videos of the demo library that the filters of the samples let in


@pytest.fixture
def functions(
    aws: Aws, gopro: FakeGoPro, demo_folder: Path, monkeypatch: pytest.MonkeyPatch, output: Output
) -> Iterator[Functions]:
    """The functions of an environment with three providers. Afterwards, their log and output are checked for
    secrets."""
    libraries = {name: Library.load(cloud_library(name, demo_folder)) for name in CLOUDS.values()}
    with (
        google_drive.running(libraries["google_drive"]) as drive,
        dropbox.running(libraries["dropbox"]) as box,
    ):
        accounts = [account_of(fake) for fake in (gopro, drive, box)]
        variables = {name.upper(): url for account in accounts for name, url in account.addresses().items()}
        for account in accounts[1:]:
            name = f"{account.provider.replace('_', '-')}/credentials"
            variables[f"{account.provider.upper()}_CREDENTIALS_SECRET"] = name
            aws.secrets.create_secret(Name=name, SecretString=json.dumps(account.session() | account.oauth()))
        for name, value in (aws.variables | variables).items():
            monkeypatch.setenv(name, value)
        settings.load.cache_clear()
        yield Functions(aws, gopro)
        settings.load.cache_clear()
        assert_no_secret(output.text, drive.secrets() | box.secrets() | gopro.secrets())
        http_client.session().close()
        upload_stream.of_this_process(allow_loopback=True).sources.close()


def manifest(aws: Aws, key: str) -> list[dict[str, Any]]:
    return [media for line in aws.read(key, WORK).splitlines() for media in json.loads(line)["media"]]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_input_of_a_run_becomes_what_the_lister_gets(functions: Functions, cloud: str) -> None:
    result = functions.call(f"{cloud}_auth")
    assert (result["provider"], result["kind"], result["mode"]) == (CLOUDS[cloud], "oauth", "sync")
    assert result["filters"] == sample(f"{cloud}_list")["filters"]


def test_all_providers_become_a_run_of_each_with_the_same_filters(functions: Functions) -> None:
    result = functions.call("all_auth")
    given = sample("all_auth")["input"]
    assert [run["provider"] for run in result["runs"]] == ["gopro", "google_drive", "dropbox"]
    assert [run["input"] for run in result["runs"]] == [
        given | {"provider": run["provider"], "reported_by": result["run_id"]} for run in result["runs"]
    ]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_lister_takes_what_the_filters_let_in_and_the_downloader_archives_the_sample(
    functions: Functions, aws: Aws, cloud: str
) -> None:
    result = functions.call(f"{cloud}_list")
    assert (result["status"], result["new"]) == ("COMPLETE", IN[cloud])
    assert result["left_out"]["folders"] > 0
    media = sample(f"{cloud}_download")["media"]
    (row,) = (row for row in manifest(aws, result["manifest_key"]) if row["media_id"] == media["media_id"])
    assert row == media | {name: row[name] for name in ("revision", "size")}  # the clip is made anew on each machine
    assert functions.call(f"{cloud}_download", media=row)["status"] == "ARCHIVED"
    assert [key.split("/")[0] for key in aws.archived()] == [CLOUDS[cloud]]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_reconciler_finds_what_no_run_has_seen_yet(functions: Functions, cloud: str) -> None:
    result = functions.call(f"{cloud}_reconcile")
    assert (result["status"], result["objects"]) == ("COMPLETE", 0)
    assert result["findings"] == {"not_in_ledger": 8}
    (mail,) = functions.aws.mails()
    assert mail["Subject"].startswith(f"Cloud Sync ({'Google Drive' if cloud == 'drive' else 'Dropbox'}): ")
