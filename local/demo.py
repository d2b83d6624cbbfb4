"""The demo: deploys the real stack on this machine, backs up real videos from three clouds at once, and verifies every
original."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cloud_sync_common.runtime.wording import count_of, size_of
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cloud_sync.providers import PROVIDERS
from console.commands.failures import lines_of
from console.commands.following import showing
from console.commands.run_words import headline
from console.operations.ledger import Reading
from console.operations.run import Execution, named
from console.operations.run_report import report_of
from console.operations.waiting import waiting
from console.operations.watches import watches_of
from console.stack import Stack
from local import kept_deployment
from local.demo_clouds import HELD, cloud_library
from local.demo_library import ensure_demo_library
from local.demo_result import SUCCEEDED, CloudResult, DemoResult, cloud_result, table_of
from local.deployment import Deployment, FakeProcess, deploy
from local.emulator import HOME, Certificates, new_folder
from local.owner import stack_of
from local.verify import Verdict, iam_is_enforced, originals, verify

RESULT_FILE = HOME / "demo.json"
ALL = {"provider": "all"}
PARTS_SECONDS = 0.5  # between two looks at the parts of an upload, which cost nothing here
type Outcomes = dict[str, Any]  # of each provider's run, as the output of a run of all providers has them


def run_demo(console: Console, videos: list[Path], *, keep: bool) -> int:
    """Runs the demo; the exit status is 0 when all its checks pass. Raises DeploymentError."""
    started = time.monotonic()
    folder = new_folder("demo")
    certificates = Certificates(folder)
    with ExitStack() as stack:
        console.print("[bold]1.[/] Start fakes of GoPro Cloud, Google Drive and Dropbox, with real videos")
        fakes = _started_fakes(console, stack, videos, certificates, folder)
        console.print("[bold]2.[/] Deploy with the CDK CLI into an AWS emulator that enforces TLS and IAM")
        deployment = stack.enter_context(deploy(folder, certificates, [fake.account for fake in fakes]))
        for fake in fakes:
            deployment.store_credentials(fake.account.oauth(), provider=fake.account.provider)
        result = _back_up(console, deployment, fakes, started)
        RESULT_FILE.write_text(json.dumps(asdict(result), indent=2) + "\n")
        _print_outcome(console, result)
        _print_locations(console, deployment, folder, keep=keep)
        if keep:
            kept_deployment.leave(console, deployment, fakes, folder)
            stack.pop_all()
    return 0 if result.is_good else 1


def _started_fakes(
    console: Console, stack: ExitStack, videos: Sequence[Path], certificates: Certificates, folder: Path
) -> list[FakeProcess]:
    """One fake for each provider. The folders `videos` are in GoPro Cloud."""
    library = ensure_demo_library(
        HOME / "demo-library", lambda name: console.print(f"  making {name}", highlight=False)
    )
    libraries = {"gopro": library, **{provider: cloud_library(provider, library) for provider in HELD}}
    fakes = []
    for provider, content in libraries.items():
        extra, log_file = (videos if provider == "gopro" else ()), folder / f"fake-{provider}.log"
        fakes.append(FakeProcess(content, extra, certificates, log_file, provider=provider))
        stack.callback(fakes[-1].stop)
    return fakes


def _back_up(console: Console, deployment: Deployment, fakes: Sequence[FakeProcess], started: float) -> DemoResult:
    console.print("[bold]3.[/] Back up all three at the same time, by one run of all providers")
    stack, execution = stack_of(deployment), deployment.start_run(ALL)
    run = named(stack, execution)
    first = _followed(console, deployment, stack, run)
    outcomes = _outcomes(first)
    whole = report_of(stack, run)
    for report in [*([] if whole.status == SUCCEEDED else [whole]), *whole.runs]:
        console.print(f"  {headline(report)}", markup=False, highlight=False, soft_wrap=True)
    console.print("[bold]4.[/] Read every original back from the archive and compare it")
    context = deployment.emulator.certificates.client_context()
    verdicts = {
        fake.account.provider: verify(
            deployment, originals(fake.account.control_url, context), provider=fake.account.provider
        )
        for fake in fakes
    }
    _print_problems(console, verdicts)
    console.print("[bold]5.[/] Back up all three again: nothing is left to transfer")
    moved = _moved_again(deployment)
    clouds = {
        fake.account.provider: cloud_result(
            verdicts[fake.account.provider],
            outcomes.get(fake.account.provider, {}),
            moved_again=moved[fake.account.provider],
            publishes_hashes=fake.account.publishes_hashes,
        )
        for fake in fakes
    }
    _print_table(console, stack, clouds)
    return DemoResult.of(
        clouds,
        status=first["status"],
        iam_enforced=iam_is_enforced(deployment.emulator, deployment.archive_bucket, deployment.ledger_table),
        seconds=round(time.monotonic() - started, 1),
    )


def _outcomes(execution: Mapping[str, Any]) -> Outcomes:
    """What became of each provider's run; nothing where the execution failed as a whole."""
    runs = json.loads(execution.get("output") or "{}").get("runs", [])
    return {run["provider"]: run for run in runs}


def _followed(console: Console, deployment: Deployment, stack: Stack, run: Execution) -> Any:
    """Shows the run as `cloudsync run --follow` does, and returns its execution when it has ended."""
    watches = watches_of(stack, run, deployment.providers, parts_seconds=PARTS_SECONDS)
    with showing(console, names_videos=False, indent="  ") as show:
        return deployment.wait(run.arn, seconds=3_600, each=lambda: show([watch.sample() for watch in watches]))


def _print_problems(console: Console, verdicts: Mapping[str, Sequence[Verdict]]) -> None:
    """The originals that are not in the archive as they should be; of the others there is only a number."""
    everything = [(provider, verdict) for provider, found in verdicts.items() for verdict in found]
    agreed = sum(verdict.agreed for _, verdict in everything)
    console.print(f"  {agreed} of {count_of(len(everything), 'original')} agree, byte for byte", highlight=False)
    for provider, verdict in everything:
        if not verdict.agreed:
            said = f"  NOT AS IT SHOULD BE: {PROVIDERS[provider].title}: {verdict.filename}: {verdict.reason}"
            console.print(said, style="red", highlight=False, soft_wrap=True)


def _moved_again(deployment: Deployment) -> dict[str, int]:
    """What a second run of all providers has moved of each: bytes and new objects; -1 where it says nothing."""
    before = {provider: deployment.objects(provider) for provider in deployment.providers}
    outcomes = _outcomes(deployment.run(ALL))
    moved = {}
    for provider, objects in before.items():
        transferred = int(outcomes.get(provider, {}).get("summary", {}).get("bytes_archived", -1))
        moved[provider] = transferred + len(deployment.objects(provider).keys() - objects.keys())
    return moved


def _print_table(console: Console, stack: Stack, clouds: Mapping[str, CloudResult]) -> None:
    """The comparison, and what `cloudsync failures` says of the rest."""
    console.print(table_of(clouds))
    console.print()
    for line in lines_of(waiting(stack, provider, Reading(), None) for provider in clouds):
        text = line.lstrip()
        console.print(Padding(Text(text), (0, 0, 0, len(line) - len(text) + 2), expand=False))


def _print_outcome(console: Console, result: DemoResult) -> None:
    archived, size = count_of(result.archived, "item"), size_of(result.bytes)
    outcome = (
        f"[bold green]The demo succeeded:[/] {archived} archived and verified, {size}, in {result.seconds:.0f} s."
        if result.is_good
        else f"[bold red]The demo failed:[/] {os.path.relpath(RESULT_FILE)} shows which of its checks."
    )
    console.print(outcome, highlight=False, soft_wrap=True)


def _print_locations(console: Console, deployment: Deployment, folder: Path, *, keep: bool) -> None:
    console.print("[bold]6.[/] Where to find everything")
    prefixes = ", ".join(PROVIDERS[provider].prefix for provider in deployment.providers)
    for what, where in {
        "bucket": f"s3://{deployment.archive_bucket}, with the prefixes {prefixes}",
        "table": deployment.ledger_table,
        "logs": "log groups /aws/lambda/media-*, /aws/lambda/video-downloader, /aws/lambda/run-report",
        "emulator log": os.path.relpath(folder / "emulator.log"),
        "result": os.path.relpath(RESULT_FILE),
    }.items():
        console.print(f"  {what}: {where}", highlight=False, soft_wrap=True)
    if not keep:
        console.print("The local deployment stops now. `make demo KEEP=1` leaves it running.", highlight=False)
