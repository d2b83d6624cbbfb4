"""`python -m local`: deploys Cloud Sync into an AWS emulator on this machine, runs it and checks the result."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cloud_sync_common.runtime.wording import count_of
from rich.console import Console

from cloud_sync.providers import PROVIDERS
from local import kept_deployment
from local.audit import audit
from local.demo import run_demo
from local.deployment import Deployment, deploy
from local.emulator import HOME, Certificates, DeploymentError, new_folder
from local.fake_accounts import account_of
from local.fake_providers import dropbox, google_drive, gopro
from local.fake_providers.library import Library
from local.fault_matrix import run_faults
from local.verify import originals

PLAIN_WIDTH = 160  # of tables in a file or a CI log, which have no width of their own


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    try:
        if options.command == "demo":
            return run_demo(console, options.videos, keep=options.keep)
        if options.command == "faults":
            return run_faults(console, options.names)
        if options.command == "audit":
            return _audit(console)
        if options.command == "invoke":
            return _invoke(console, options.function, options.event)
        stopped = kept_deployment.stop()
        console.print("The local deployment is stopped." if stopped else "No local deployment is running.")
        return 0
    except DeploymentError as error:
        console.print(f"local: {error}", style="red", highlight=False, soft_wrap=True)
        return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.set_defaults(command="demo", videos=[], keep=False)
    commands = parser.add_subparsers(dest="command")
    demo = commands.add_parser("demo", help="deploy, back up sample videos and verify every original (the default)")
    demo.add_argument("--videos", type=_folder, action="append", default=[], help="also back up this folder's videos")
    demo.add_argument("--keep", action="store_true", help="leave everything running; `down` stops it")
    invoke = commands.add_parser("invoke", help="invoke one deployed function with an event from a file")
    invoke.add_argument("function", help="the function's construct id, such as MediaAuthenticator")
    invoke.add_argument("event", type=Path, help="a JSON file, such as events/auth_event.json")
    faults = commands.add_parser("faults", help="run the fault matrix against a deployed stack")
    faults.add_argument("names", nargs="*", metavar="name", help="only these cases; all of them by default")
    commands.add_parser("audit", help="compare provider, ledger and archive of the running deployment")
    commands.add_parser("down", help="stop the deployment that `demo --keep` left running")
    return parser.parse_args(arguments)


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def _audit(console: Console) -> int:
    """Runs the stack's own reconciliation and the independent audit of each provider; returns 1 when either finds
    anything."""
    control_urls, deployment = kept_deployment.control_urls(), kept_deployment.find()
    if deployment is None:
        raise DeploymentError(
            "the local deployment is no longer running: clean up with `make down`, then start it with "
            "`make demo KEEP=1`"
        )
    return max(_audit_of(console, deployment, provider, url) for provider, url in control_urls.items())


def _audit_of(console: Console, deployment: Deployment, provider: str, control_url: str) -> int:
    title = PROVIDERS[provider].title
    run = deployment.run({"provider": provider, "mode": "reconcile"})
    console.print(f"{title}: reconciliation: {run['status']}: {run.get('output') or run.get('cause')}", highlight=False)
    expected = originals(control_url, deployment.emulator.certificates.client_context())
    findings = audit(deployment, expected, provider=provider)
    console.print(f"{title}: independent audit: {count_of(len(findings), 'finding')}", highlight=False)
    for finding in findings:
        console.print(f"  {finding.kind}: {finding.what}: {finding.detail}", highlight=False, soft_wrap=True)
    reconciled = run["status"] == "SUCCEEDED" and json.loads(run["output"])["findings"] == {}
    return 0 if reconciled and not findings else 1


def _invoke(console: Console, function: str, event_file: Path) -> int:
    """Invokes a function of the running deployment, or else of a temporary one."""
    try:
        event = json.loads(event_file.read_text())
    except (OSError, ValueError) as error:
        raise DeploymentError(f"the event {event_file} cannot be read as JSON: {error}") from None
    deployment = kept_deployment.find()
    if deployment is not None:
        return _invoke_in(console, deployment, function, event)
    folder = new_folder("invoke")
    certificates = Certificates(folder)
    library = HOME / "empty-library"
    library.mkdir(exist_ok=True)
    tls = certificates.server_context()
    with (
        gopro.running(Library.load(library), tls) as gopro_cloud,
        google_drive.running(Library.load(library), tls) as drive,
        dropbox.running(Library.load(library), tls) as dropbox_account,
    ):
        accounts = [account_of(fake) for fake in (gopro_cloud, drive, dropbox_account)]
        with deploy(folder, certificates, accounts) as deployment:
            for account in accounts:
                deployment.store_credentials(account.session(), provider=account.provider)
            return _invoke_in(console, deployment, function, event)


def _invoke_in(console: Console, deployment: Deployment, function: str, event: object) -> int:
    answer = deployment.emulator.client("lambda").invoke(
        FunctionName=deployment.function_name(function), Payload=json.dumps(event).encode()
    )
    console.print_json(answer["Payload"].read().decode())
    return 1 if "FunctionError" in answer else 0


sys.exit(main())
