"""The drills of docs/disaster.md against the deployed stack: the ledger's table is deleted, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from local.verify import verify
from tests.e2e.conftest import output_of
from tests.e2e.test_console_reading import CLOUDSYNC, WITHOUT_ORIGINAL, cloudsync, environment, found
from tests.e2e.test_running_again import bytes_of_sources
from tests.ledger_table import LEDGER_TABLE

ARCHIVED = 17  # of the fake account's 18 items, one has no original
# Of a row, what no object says: proofs, the run, how it went, and which file of a listing it is.
UNSAID = {
    "proofs", "run_id", "revision", "identity", "archived_at", "updated_at", "first_seen", "single_stream", "damage",
    "filename",
}  # fmt: skip


@pytest.fixture
def archived(deployment: Deployment) -> Iterator[Deployment]:
    """After a night. The next test gets a table that is there."""
    assert deployment.run()["status"] == "SUCCEEDED"
    yield deployment
    if deployment.ledger_table not in deployment.dynamodb.list_tables()["TableNames"]:
        create_table(deployment)


@pytest.fixture
def frozen(deployment: Deployment) -> Iterator[Deployment]:
    """After a night whose originals went into Deep Archive at once. The emulator's lifecycle rules move nothing."""
    functions = deployment.emulator.client("lambda")
    before = functions.get_function_configuration(FunctionName="video-downloader")["Environment"]["Variables"]
    straight = {"Variables": before | {"ARCHIVE_STORAGE_CLASS": "DEEP_ARCHIVE"}}
    functions.update_function_configuration(FunctionName="video-downloader", Environment=straight)
    try:
        assert deployment.run()["status"] == "SUCCEEDED"
    finally:
        functions.update_function_configuration(FunctionName="video-downloader", Environment={"Variables": before})
    yield deployment
    if deployment.ledger_table not in deployment.dynamodb.list_tables()["TableNames"]:
        create_table(deployment)


def create_table(deployment: Deployment) -> None:
    """As docs/disaster.md creates it."""
    deployment.dynamodb.create_table(**LEDGER_TABLE | {"TableName": deployment.ledger_table})


def known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an object knows of the items and files that are archived."""
    kept = [row for row in rows if row["sk"].startswith(("ITEM", "SOURCE#")) and row["status"] == "ARCHIVED"]
    plain = [
        {name: value for name, value in row.items() if name not in UNSAID and not name.startswith(("run_", "effort"))}
        for row in kept
    ]
    return sorted(plain, key=lambda row: (row["pk"], row["sk"]))


def test_a_ledger_that_was_deleted_is_rebuilt_and_the_next_night_moves_nothing(
    archived: Deployment, gopro: FakeGoPro
) -> None:
    before, objects, safe = archived.rows(), archived.objects(), found(archived, "status", code=3)["providers"][0]
    archived.dynamodb.delete_table(TableName=archived.ledger_table)
    gone = cloudsync(archived, "rebuild-ledger", "--bucket", archived.archive_bucket, "--yes")
    assert gone.returncode == 5 and "docs/disaster.md" in gone.stderr and gone.stdout == ""
    create_table(archived)

    asked = cloudsync(archived, "rebuild-ledger", "--bucket", archived.archive_bucket)
    assert asked.returncode == 2 and "--yes" in asked.stderr and archived.rows() == []
    rebuilt = found(archived, "rebuild-ledger", "--bucket", archived.archive_bucket, "--yes")
    assert known(archived.rows()) == known(before)
    files = sum(row["sk"].startswith("SOURCE#") for row in known(before))
    counts = rebuilt["providers"]["gopro"]
    assert (counts["items"], counts["missing_items"], counts["missing_files"]) == (ARCHIVED, ARCHIVED, files)
    assert rebuilt["safe"]["gopro"]["months"] == safe["safe"]["months"]
    again = found(archived, "rebuild-ledger", "--yes")
    assert again["rows_written"] == 0 and again["providers"]["gopro"]["items"] == ARCHIVED

    served = bytes_of_sources(gopro)
    night = output_of(archived.run())
    assert archived.objects() == objects and night["bytes_archived"] == 0
    assert bytes_of_sources(gopro) - served <= files, "one byte of each shows its version"
    assert all(verdict.agreed for verdict in verify(archived, gopro.control.originals()))
    after = found(archived, "status", code=3)["providers"][0]
    assert after["safe"]["months"] == safe["safe"]["months"]

    certificate = found(archived, "verify", "--max-age-hours", "0", code=3)
    assert certificate["reconciliations"][0]["findings"] == {"not_archived": 1}, WITHOUT_ORIGINAL
    assert certificate["compared"][0]["findings"] == {} and certificate["compared"][0]["files"] == files
    served = bytes_of_sources(gopro)
    third = output_of(archived.run())
    assert third["archived"] == 0 and bytes_of_sources(gopro) == served, "the rows are whole by now"


def no_stack(deployment: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    """The program, for an environment that was never deployed."""
    return subprocess.run(
        [*CLOUDSYNC, "restore", *words], env=environment(deployment) | {"CLOUD_SYNC_ENVIRONMENT": "gone"},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_footage_comes_back_with_the_bucket_alone(frozen: Deployment, gopro: FakeGoPro, tmp_path: Path) -> None:
    expected = sorted(sha256_of(Path(original["path"])) for original in gopro.control.originals())
    frozen.dynamodb.delete_table(TableName=frozen.ledger_table)
    words = ("--bucket", frozen.archive_bucket, "--everything")

    plan = no_stack(frozen, "plan", *words, "--json")
    assert plan.returncode == 0, plan.stderr
    priced = json.loads(plan.stdout)
    assert (priced["plan"]["frozen"]["files"], priced["plan"]["lost"]) == (len(expected), 0) and priced["total_usd"] > 0
    early = no_stack(frozen, "fetch", *words, str(tmp_path / "early"))
    assert early.returncode == 3 and "restore start" in early.stdout + early.stderr
    start = ("start", *words, "--tier", "standard", "--yes", "--max-usd", "1")
    started = no_stack(frozen, *start, "--json")
    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["asked"] == len(expected)

    frozen.wait_for(lambda: no_stack(frozen, "status", *words).returncode != 10)
    assert no_stack(frozen, "status", *words).returncode == 0
    again = no_stack(frozen, *start, "--json")
    assert json.loads(again.stdout)["asked"] == 0, "what is thawed is not paid twice"
    done = no_stack(frozen, "fetch", *words, str(tmp_path / "footage"), "--json")
    assert done.returncode == 0, done.stdout[:1500] + done.stderr
    files = [path for path in (tmp_path / "footage").glob("2*/**/*") if path.is_file()]
    assert sorted(map(sha256_of, files)) == expected


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("bucket", "code", "text"),
    [("no-such-archive-bucket", 5, "There is no bucket"), ("WRONG", 2, "must be the name of a bucket")],
)
def test_a_bucket_that_is_not_there_is_one_sentence(deployment: Deployment, bucket: str, code: int, text: str) -> None:
    done = no_stack(deployment, "plan", "--bucket", bucket, "--everything")
    assert (done.returncode, done.stdout) == (code, "") and text in done.stderr
    empty = no_stack(deployment, "plan", "--bucket", deployment.archive_bucket, "--everything")
    assert empty.returncode == 5 and "no archive of Cloud Sync: it is empty" in empty.stderr
