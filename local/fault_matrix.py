"""Plays the fault matrix against a deployed stack: each fault, what becomes of the run, and how the next run mends it.

After each of the two runs the audit must be clean. `make faults` plays all; tests/e2e/test_faults.py the quick ones.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from local.audit import RESUME_WINDOW, Finding, Kind, audit, secrets_found
from local.aws_fault_menu import AwsFault
from local.aws_proxy import AwsProxy, aws_proxy
from local.demo_library import make_tiny_library
from local.deployment import Deployment, Inbox, deploy
from local.emulator import HOME, Certificates, new_folder
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.fault_cases import CASES, ID, Case, Outcome
from local.traces import SIGNED_LINK

RESULT_FILE = HOME / "faults.json"
IN_PARTS = {"single_put_mib": "8"}  # what the stack is deployed with, so that the one clip of 24 MB goes in parts
PAGE_ROWS = 8  # so that the small library is listed in several pages
NO_ORIGINAL = {ID(12): "original_unavailable"}  # of the whole library: a video of which there are only proxies


@dataclass(frozen=True)
class Bench:
    """Where the matrix is played: a deployed stack, the provider, and what stands between the functions and AWS."""

    deployment: Deployment
    gopro: FakeGoPro
    aws: AwsProxy
    inbox: Callable[[], list[dict[str, str]]]  # what the alerts topic has sent since the last look


@dataclass
class Played:
    """What became of a case: whatever was not as expected, in words, and what the audits found."""

    case: Case
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems and not self.findings


def play(bench: Bench, case: Case) -> Played:
    """Two runs: one into the faults, and one after they have passed."""
    played, since = Played(case), datetime.now(UTC)
    _begin(bench, case)
    run_input = {"provider": "gopro", "filters": {"media_ids": list(case.items)}} if case.items else None
    with _truth(bench, case) as originals:
        first = bench.deployment.run(run_input)
        letters = bench.inbox()
        played.problems += _problems(bench, case, first, letters)
        played.findings += audit(bench.deployment, _expected(case, originals()), **_reasons(case))
        _mend(bench, case)
        second = bench.deployment.run(run_input)
        if second["status"] != "SUCCEEDED":
            played.problems.append(f"the run after it ended as {second['status']}: {second.get('cause')}")
        window = RESUME_WINDOW if case.stray else timedelta(0)
        reasons = {} if case.items else NO_ORIGINAL
        played.findings += audit(
            bench.deployment, originals(), not_archived=reasons, complete=True, resume_window=window
        )
    secrets, letters = {*bench.gopro.secrets(), SIGNED_LINK}, [*letters, *bench.inbox()]
    played.findings += secrets_found(bench.deployment, secrets, since, {"the owner's mail": json.dumps(letters)})
    return played


def _begin(bench: Bench, case: Case) -> None:
    bench.gopro.control.reset()
    bench.gopro.control.set_page_size(PAGE_ROWS)
    bench.aws.rules.clear()
    bench.deployment.sweep()
    bench.deployment.store_credentials(_credentials(bench.gopro, session=case.session))
    bench.inbox()
    for fault in case.faults:
        if isinstance(fault, AwsFault):
            bench.aws.rules.add(fault)
        else:
            bench.gopro.control.put_fault(fault)


def _credentials(gopro: FakeGoPro, *, session: bool) -> dict[str, str]:
    if session:
        return {"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id}
    names = ("client_id", "client_secret", "refresh_token", "user_id")
    return {"provider": "gopro", **{name: getattr(gopro, name) for name in names}}


def _mend(bench: Bench, case: Case) -> None:
    """The faults pass; what only the owner can do, the owner does."""
    bench.gopro.control.clear_faults()
    bench.aws.rules.clear()
    if case.then:
        bench.deployment.store_credentials(_credentials(bench.gopro, session=False))


@contextmanager
def _truth(bench: Bench, case: Case) -> Iterator[Any]:
    """`originals()`: what the archive must hold of the case's items, with replaced ones as what took their place."""
    with tempfile.TemporaryDirectory() as folder:

        def originals() -> list[dict[str, Any]]:
            found = [dict(o) for o in bench.gopro.control.originals() if not case.items or o["media_id"] in case.items]
            for original in found:
                if original["media_id"] in case.replaced:
                    inverted = Path(folder, f"{original['media_id']}-{original['source_number']}")
                    inverted.write_bytes(bytes(255 - byte for byte in Path(original["path"]).read_bytes()))
                    original["path"] = str(inverted)
            return found

        yield originals


def _expected(case: Case, originals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The originals that the first run must archive or list: not those that it leaves without a reason."""
    unlisted = case.struck if case.outcome is Outcome.LEFT and not case.told else ()
    return [original for original in originals if original["media_id"] not in unlisted]


def _reasons(case: Case) -> dict[str, Any]:
    """How the first audit is to be made."""
    reasons = {} if case.items else dict(NO_ORIGINAL)
    if case.outcome in (Outcome.FAILED, Outcome.LEFT) and case.told:
        reasons |= dict.fromkeys(case.struck, case.told)
    stopped = case.outcome is Outcome.STOPPED
    return {"not_archived": reasons, "unlisted": stopped, "complete": not stopped}


def _problems(bench: Bench, case: Case, run: Any, letters: list[dict[str, str]]) -> Iterator[str]:
    """Whatever is not as the case says: faults that never struck, how the run ended, what its owner was told."""
    for rule in (*bench.gopro.control.faults(), *bench.aws.rules.listed()):
        if not rule["applied"]:
            yield f"the fault {rule['kind']} never struck"
    subjects = [letter["Subject"] for letter in letters]
    if case.outcome is Outcome.STOPPED:
        if (run["status"], run.get("error")) != ("FAILED", case.told):
            yield f"the run ended as {run['status']} {run.get('error')}: {run.get('cause') or run.get('output')}"
        if subjects != [f"Cloud Sync: the run failed ({case.told})"]:
            yield f"the owner was told {subjects}"
        return
    if run["status"] != "SUCCEEDED":
        yield f"the run ended as {run['status']} {run.get('error')}: {run.get('cause')}"
        return
    summary = json.loads(run["output"])
    failed = len(case.struck) * (case.outcome is Outcome.FAILED) + (not case.items)
    if summary["failed"] != failed:
        yield f"{summary['failed']} items failed instead of {failed}"
    if len(letters) != 1:
        yield f"the owner was told {subjects}"


@contextmanager
def bench(retry_delay_scale: float = 0.02) -> Iterator[Bench]:
    """A bench of its own: everything started and deployed, and gone again afterwards."""
    folder = new_folder("faults")
    certificates = Certificates(folder)
    library = Library.load(make_tiny_library(HOME / "tiny-library"))
    with (
        running(library, certificates.server_context()) as gopro,
        aws_proxy(certificates) as aws,
        deploy(
            folder, certificates, gopro.base_url, context=IN_PARTS, retry_delay_scale=retry_delay_scale, proxy=aws
        ) as deployment,
    ):
        yield Bench(deployment, gopro, aws, Inbox(deployment).emptied)


def summary(results: Iterable[Played]) -> dict[str, int]:
    """What .local/faults.json holds."""
    played = list(results)
    found = [finding.kind for result in played for finding in result.findings]
    lost = (Kind.LOST, Kind.ROW_WITHOUT_OBJECT)
    duplicated = (Kind.DUPLICATED, Kind.ORPHAN_OBJECT, Kind.STRAY_UPLOAD)
    return {
        "cases": len(played),
        "passed": sum(result.passed for result in played),
        "lost": sum(kind in lost for kind in found),
        "duplicated": sum(kind in duplicated for kind in found),
        "wrong_category": found.count(Kind.WRONG_CATEGORY),
        "secrets_found": found.count(Kind.SECRET_FOUND),
    }


def run_faults(console: Console, names: list[str]) -> int:
    """Plays the cases of these names, or all; the exit status is 0 when each ended as its table says."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each write to a client that went away
    results = []
    with bench() as place:
        for case in [CASES[name] for name in names] or CASES.values():
            begun = datetime.now(UTC)
            result = play(place, case)
            results.append(result)
            seconds = (datetime.now(UTC) - begun).total_seconds()
            console.print(f"{'ok  ' if result.passed else 'FAIL'} {case.name} ({seconds:.0f} s)", highlight=False)
            for trouble in (*result.problems, *result.findings):
                console.print(f"     {trouble}", highlight=False, soft_wrap=True)
    numbers = summary(results)
    RESULT_FILE.write_text(json.dumps(numbers, indent=2) + "\n")
    console.print_json(data=numbers)
    return 0 if numbers["passed"] == numbers["cases"] else 1
