"""The demo: deploys the real stack on this machine, backs up a library of real videos and verifies every original."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local import kept_deployment
from local.demo_library import ensure_demo_library
from local.deployment import Deployment, FakeProcess, deploy
from local.emulator import HOME, Certificates, new_folder
from local.progress import Display, Watch, count_of
from local.verify import Verdict, iam_is_enforced, originals, verify

RESULT_FILE = HOME / "demo.json"


@dataclass(frozen=True)
class DemoResult:
    """The content of .local/demo.json. Items are media items; an item is archived when all its sources are, and its
    checksum agrees when those of all its sources do."""

    execution_status: str
    items: int
    archived: int
    bytes: int
    checksums_agreed: int
    second_run_transferred: int
    iam_enforced: bool
    seconds: float

    def is_good(self, originals_expected: int) -> bool:
        """Whether every item that has an original is archived with the right checksum, and nothing moved twice."""
        return (
            self.execution_status == "SUCCEEDED"
            and self.archived == self.checksums_agreed == originals_expected > 0
            and self.second_run_transferred == 0
            and self.iam_enforced
        )


def run_demo(console: Console, videos: list[Path], *, keep: bool) -> int:
    """Runs the demo; the exit status is 0 when all its checks pass. Raises DeploymentError."""
    started = time.monotonic()
    console.print("[bold]1.[/] Start a fake GoPro Cloud on this machine, with real H.264 videos")
    library = ensure_demo_library(
        HOME / "demo-library", lambda name: console.print(f"  making {name}", highlight=False)
    )
    folder = new_folder("demo")
    certificates = Certificates(folder)
    with ExitStack() as stack:
        fake = FakeProcess(library, videos, certificates, folder / "fake-gopro.log")
        stack.callback(fake.stop)
        console.print("[bold]2.[/] Deploy the stack with the CDK CLI into an AWS emulator that enforces TLS and IAM")
        deployment = stack.enter_context(deploy(folder, certificates, fake.account.base_url))
        deployment.store_credentials(fake.account.oauth())
        result, good = _back_up(console, deployment, fake, certificates, started)
        RESULT_FILE.write_text(json.dumps(asdict(result), indent=2) + "\n")
        _print_outcome(console, result, good=good)
        _print_locations(console, deployment, folder, keep=keep)
        if keep:
            kept_deployment.leave(console, deployment, fake, folder)
            stack.pop_all()
    return 0 if good else 1


def _back_up(
    console: Console, deployment: Deployment, fake: FakeProcess, certificates: Certificates, started: float
) -> tuple[DemoResult, bool]:
    console.print("[bold]3.[/] Run the backup")
    first = _watched_run(console, deployment)
    console.print(f"  {first['status']}: {first.get('output') or first.get('cause')}", highlight=False)
    console.print("[bold]4.[/] Read every original back from the archive and compare it")
    verdicts = verify(deployment, originals(fake.account.control_url, certificates.client_context()))
    console.print(_table(verdicts))
    _print_not_archived(console, deployment)
    console.print("[bold]5.[/] Run the backup again: nothing is left to transfer")
    before = deployment.objects()
    second = deployment.wait(deployment.start_run())
    moved = int(json.loads(second.get("output") or "{}").get("bytes_archived", -1))
    new = len(set(deployment.objects()) - set(before))
    console.print(
        f"  {second['status']}: {count_of(moved, 'byte')} transferred, {count_of(new, 'new object')}", highlight=False
    )
    per_item: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        per_item.setdefault(verdict.media_id, []).append(verdict)
    result = DemoResult(
        execution_status=first["status"],
        items=int(json.loads(first.get("output") or "{}").get("new", 0)),
        archived=sum(all(v.key for v in group) for group in per_item.values()),
        bytes=sum(verdict.size for verdict in verdicts if verdict.key),
        checksums_agreed=sum(all(v.agreed for v in group) for group in per_item.values()),
        second_run_transferred=moved + new,
        iam_enforced=iam_is_enforced(deployment.emulator, deployment.archive_bucket, deployment.ledger_table),
        seconds=round(time.monotonic() - started, 1),
    )
    return result, result.is_good(len(per_item))


def _watched_run(console: Console, deployment: Deployment) -> Any:
    execution = deployment.start_run()
    with Display(console, Watch(deployment, execution)) as display:
        return deployment.wait(execution, seconds=3_600, each=display.update)


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("original", "key in the archive", "bytes", "checksum agrees")
    table.columns[1].overflow = "fold"
    table.columns[2].justify = "right"
    for verdict in verdicts:
        answer = "yes" if verdict.agreed else f"NO: {verdict.reason}"
        table.add_row(verdict.filename, verdict.key, f"{verdict.size:,}", answer)
    return table


def _print_not_archived(console: Console, deployment: Deployment) -> None:
    for row in deployment.rows():
        if row["sk"] == "ITEM" and row["status"] != "ARCHIVED":
            console.print(
                f"  not archived, and recorded in the ledger: {row['filename']}: {row['status']}, "
                f"{row.get('error_message', '')}",
                highlight=False,
            )


def _print_outcome(console: Console, result: DemoResult, *, good: bool) -> None:
    archived, size = count_of(result.archived, "item"), count_of(result.bytes, "byte")
    outcome = (
        f"[bold green]The demo succeeded:[/] {archived} archived and verified, {size}."
        if good
        else f"[bold red]The demo failed:[/] {os.path.relpath(RESULT_FILE)} shows which of its checks."
    )
    console.print(outcome, highlight=False, soft_wrap=True)


def _print_locations(console: Console, deployment: Deployment, folder: Path, *, keep: bool) -> None:
    console.print("[bold]6.[/] Where to find everything")
    for what, where in {
        "bucket": f"s3://{deployment.archive_bucket}",
        "table": deployment.ledger_table,
        "logs": "log groups /aws/lambda/media-*, /aws/lambda/video-downloader, /aws/lambda/run-report",
        "emulator log": os.path.relpath(folder / "emulator.log"),
        "result": os.path.relpath(RESULT_FILE),
    }.items():
        console.print(f"  {what}: {where}", highlight=False, soft_wrap=True)
    if not keep:
        console.print("The local deployment stops now. `make demo KEEP=1` leaves it running.", highlight=False)
