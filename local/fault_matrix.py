"""Runs the fault matrix against a deployed stack: one run with the faults of a case, and one without them.

After each of the two runs the audit must be clean. `make faults` runs all cases; tests/e2e/test_faults.py the quick
ones.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from cloud_sync.providers import PROVIDERS
from local.audit import RESUME_WINDOW, Finding, Kind, audit, secrets_found
from local.aws_fault_menu import AwsFault
from local.aws_proxy import AwsProxy, aws_proxy
from local.demo_library import make_tiny_library
from local.deployment import Deployment, Inbox, deploy
from local.emulator import HOME, Certificates, DeploymentError, new_folder
from local.fake_accounts import Fake, account_of
from local.fake_providers import dropbox, google_drive, gopro
from local.fake_providers.library import Library
from local.fault_case import Case, Outcome
from local.fault_cases import CASES, ID
from local.fault_library import SHARED_DRIVE, make_fault_library
from local.restore_fault_cases import RESTORE_CASES, RestoreCase
from local.restore_fault_matrix import Played, frozen_job
from local.traces import SIGNED_LINK

ALL_CASES: dict[str, Case | RestoreCase] = {**CASES, **RESTORE_CASES}
RESULT_FILE = HOME / "faults.json"
# The clip of 24 MB is uploaded in parts; to pack frame-maker's layer would take 5 s of each deployment.
IN_PARTS = {"single_put_mib": "8", "catalogue_frames": "false"}
PAGE_ROWS = {"gopro": 8, "google_drive": 3, "dropbox": 3}  # so that even the small library is listed in several pages
NO_ORIGINAL = {ID(12): "original_unavailable"}  # the one video of the demo library that has only proxies


@dataclass(frozen=True)
class Bench:
    """What the cases run on: a deployed stack, its providers, and the proxy between the functions and AWS."""

    deployment: Deployment
    fakes: Mapping[str, Fake]
    aws: AwsProxy
    inbox: Callable[[], list[dict[str, str]]]  # returns the mails of the alerts topic since the last call


@dataclass
class CaseResult:
    """The result of a case: sentences about everything unexpected, and the findings of the audits."""

    case: Case | RestoreCase
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems and not self.findings


def run_case(bench: Bench, case: Case) -> CaseResult:
    """Makes two runs: one with the faults, and one after they have passed."""
    result, since = CaseResult(case), datetime.now(UTC)
    fake = bench.fakes[case.provider]
    case = _prepare(bench, case)
    run_input = _run_input(case)
    with _originals_of(fake, case) as originals:
        before = {original["media_id"]: original for original in originals()}
        first = bench.deployment.run(run_input)
        mails = bench.inbox()
        result.problems += _problems(bench, case, first, mails)
        result.findings += audit(bench.deployment, _expected(case, originals(), before), **_audit_options(case))
        earlier = {row["key"] for row in _sources(bench, case.superseded)}
        _end_faults(bench, case)
        second = bench.deployment.run(run_input)
        if second["status"] != "SUCCEEDED":
            result.problems.append(f"the second run ended with {second['status']}: {second.get('cause')}")
        window = RESUME_WINDOW if case.stray else timedelta(0)
        result.findings += audit(
            bench.deployment,
            originals(),
            provider=case.provider,
            not_archived=_never_archived(case),
            complete=True,
            resume_window=window,
            earlier=earlier,
        )
    secrets, mails = {*fake.secrets(), SIGNED_LINK}, [*mails, *bench.inbox()]
    result.findings += secrets_found(bench.deployment, secrets, since, {"the owner's mail": json.dumps(mails)})
    return result


def run_restore_case(bench: Bench, case: RestoreCase) -> CaseResult:
    """Thaws originals twice: with the faults, and after they have passed."""
    result, since = CaseResult(case), datetime.now(UTC)
    bench.aws.rules.clear()
    bench.deployment.clear()
    bench.inbox()
    job_id = f"restore-20261127T120000Z-{[*RESTORE_CASES].index(case.name):04x}"
    jobs = frozen_job(bench.deployment, job_id)
    played = Played(bench.deployment, bench.aws, bench.inbox, case, job_id, jobs)
    result.problems += [*played.with_the_faults(), *played.afterwards()]
    secrets = {secret for fake in bench.fakes.values() for secret in fake.secrets()}
    result.findings += secrets_found(bench.deployment, secrets, since, {"the owner's mail": json.dumps(played.mails)})
    return result


def _prepare(bench: Bench, case: Case) -> Case:
    """Begins anew with the faults of the case, and returns it with the ids that its items have now."""
    fake = bench.fakes[case.provider]
    fake.control.reset()
    fake.control.set_page_size(PAGE_ROWS[case.provider])
    if isinstance(fake, dropbox.FakeDropbox):
        case = case.of_ids(fake.control.id_of)
    bench.aws.rules.clear()
    bench.deployment.clear()
    case.before(fake)
    account = account_of(fake)
    stored = account.session() if case.session else account.oauth()
    bench.deployment.store_credentials({**stored, **case.credentials}, provider=case.provider)
    bench.inbox()
    for fault in case.faults:
        if isinstance(fault, AwsFault):
            bench.aws.rules.add(fault)
        else:
            fake.control.put_fault(fault)
    return case


def _run_input(case: Case) -> dict[str, Any]:
    filters = case.filters or ({"media_ids": list(case.items)} if case.items else {})
    return {"provider": case.provider, **({"filters": filters} if filters else {})}


def _never_archived(case: Case) -> dict[str, str]:
    """The items that no run can archive, with the category of each."""
    return {} if case.items or case.provider != "gopro" else dict(NO_ORIGINAL)


def _end_faults(bench: Bench, case: Case) -> None:
    """Ends the faults and does what the case asks of the owner."""
    fake = bench.fakes[case.provider]
    fake.control.clear_faults()
    bench.aws.rules.clear()
    case.afterwards(fake)
    if case.then:
        bench.deployment.store_credentials(account_of(fake).oauth(), provider=case.provider)


@contextmanager
def _originals_of(fake: Fake, case: Case) -> Iterator[Any]:
    """Yields `originals()`: what the archive must hold of the case's items, with replaced ones in their new form."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty")
        empty.touch()

        def originals() -> list[dict[str, Any]]:
            found = [dict(o) for o in _listed(fake) if not case.items or o["media_id"] in case.items]
            for original in found:
                if original["media_id"] in case.emptied:
                    original |= {"path": str(empty), "size": 0}
                changed = Path(folder, f"{original['media_id']}-{original['source_number']}")
                if original["media_id"] in case.replaced:
                    changed.write_bytes(bytes(255 - byte for byte in Path(original["path"]).read_bytes()))
                    original["path"] = str(changed)
                if original["media_id"] in case.cut:
                    size = original["size"] * 60 // 100
                    changed.write_bytes(Path(original["path"]).read_bytes()[:size])
                    original |= {"path": str(changed), "size": size}
            return found

        yield originals


def _listed(fake: Fake) -> list[dict[str, Any]]:
    """The originals of an account, in every place that is backed up."""
    if isinstance(fake, google_drive.FakeGoogleDrive):
        return fake.control.originals(everything=True)
    return fake.control.originals()


def _sources(bench: Bench, media_ids: Collection[str]) -> list[dict[str, Any]]:
    """The rows of the archived files of these items."""
    rows = [row for row in bench.deployment.rows() if row["sk"].startswith("SOURCE#") and row["media_id"] in media_ids]
    return [row for row in rows if row["status"] == "ARCHIVED"]


def _expected(case: Case, originals: list[dict[str, Any]], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The originals that the first run must archive or list: all but those that it leaves without a reason. `before`
    has them by id as they were when it began."""
    unlisted = case.affected if case.outcome is Outcome.LEFT and not case.reported else ()
    return [
        before[original["media_id"]] if original["media_id"] in case.superseded else original
        for original in originals
        if original["media_id"] not in unlisted
    ]


def _audit_options(case: Case) -> dict[str, Any]:
    """The arguments of the first audit."""
    reasons = _never_archived(case)
    if case.outcome in (Outcome.FAILED, Outcome.LEFT) and case.reported:
        reasons |= dict.fromkeys(case.affected, case.reported)
    stopped = case.outcome is Outcome.STOPPED
    return {"provider": case.provider, "not_archived": reasons, "unlisted": stopped, "complete": not stopped}


def _problems(bench: Bench, case: Case, run: Any, mails: list[dict[str, str]]) -> Iterator[str]:
    """Everything unexpected: faults that never happened, another end of the run, other mails to the owner."""
    for rule in (*bench.fakes[case.provider].control.faults(), *bench.aws.rules.listed()):
        if not rule["applied"]:
            yield f"the fault {rule['kind']} never happened"
    subjects = [mail["Subject"] for mail in mails]
    if case.outcome is Outcome.STOPPED:
        if (run["status"], run.get("error")) != ("FAILED", case.reported):
            yield f"the run ended with {run['status']} {run.get('error')}: {run.get('cause') or run.get('output')}"
        if subjects != [f"{_sender(bench, case)}: the run failed ({case.reported})"]:
            yield f"the owner's mails are {subjects}"
        return
    if case.outcome is Outcome.UNHEARD:
        if (run["status"], run.get("error"), mails) != ("FAILED", case.reported, []):
            yield f"the run ended with {run['status']} {run.get('error')}, and the owner's mails are {subjects}"
        return
    if run["status"] != "SUCCEEDED":
        yield f"the run ended with {run['status']} {run.get('error')}: {run.get('cause')}"
        return
    summary = json.loads(run["output"])
    failed = len(case.affected) * (case.outcome is Outcome.FAILED) + len(_never_archived(case))
    if summary["failed"] != failed:
        yield f"the run reports failed={summary['failed']}, expected {failed}"
    items = {row["media_id"]: row for row in bench.deployment.rows() if row["sk"] == "ITEM"}
    early = [item for item in case.affected if items.get(item, {}).get("status") == "ARCHIVED"]
    if case.outcome is Outcome.LEFT and early:
        yield f"{early} are archived, expected them to be left"
    damaged = {media_id for media_id, row in items.items() if "damage" in row}
    if (damaged, summary["damaged"]) != (set(case.damaged), len(case.damaged)):
        yield f"{summary['damaged']} are reported as damaged: {damaged}, expected {case.damaged}"
    if len(mails) != 1 or ("damaged" in mails[0]["Subject"]) != bool(case.damaged):
        yield f"the owner's mails are {subjects}, expected one"


def _sender(bench: Bench, case: Case) -> str:
    """Whom a mail is from: it names the provider where the stack has several."""
    several = len(bench.deployment.providers) > 1
    return f"Cloud Sync ({PROVIDERS[case.provider].title})" if several else "Cloud Sync"


@contextmanager
def bench(retry_delay_scale: float = 0.02) -> Iterator[Bench]:
    """Starts and deploys everything that the cases need, and stops it afterwards."""
    folder = new_folder("faults")
    certificates = Certificates(folder)
    with (
        _accounts(folder, certificates) as (fakes, options),
        aws_proxy(certificates) as aws,
        deploy(
            folder,
            certificates,
            [account_of(fake) for fake in fakes.values()],
            context={**IN_PARTS, **options},
            retry_delay_scale=retry_delay_scale,
            proxy=aws,
        ) as deployment,
    ):
        yield Bench(deployment, fakes, aws, Inbox(deployment).take_mails)


@contextmanager
def _accounts(folder: Path, certificates: Certificates) -> Iterator[tuple[dict[str, Fake], dict[str, str]]]:
    """Every provider with an account, in this process, and the options with which all places of it are backed up that
    the cases need. The files of the accounts that are made anew are in `folder`."""
    tls = certificates.server_context()
    files = {name: make_fault_library(folder / name, name) for name in ("google_drive", "dropbox")}
    with (
        gopro.running(Library.load(make_tiny_library(HOME / "tiny-library")), tls) as first,
        google_drive.running(files["google_drive"], tls) as second,
        dropbox.running(files["dropbox"], tls) as third,
    ):
        drives = second.control.put_shared_drive(SHARED_DRIVE)
        options = {"google_drive_shared_drives": drives, "google_drive_shortcuts": "true"}
        yield {"gopro": first, "google_drive": second, "dropbox": third}, options


def summary(results: list[CaseResult]) -> dict[str, int]:
    """The content of .local/faults.json."""
    found = [finding.kind for result in results for finding in result.findings]
    lost = (Kind.LOST, Kind.ROW_WITHOUT_OBJECT, Kind.INCOMPLETE_ITEM, Kind.ODD_ROW)
    duplicated = (Kind.DUPLICATED, Kind.ORPHAN_OBJECT, Kind.STRAY_UPLOAD)
    return {
        "cases": len(results),
        "passed": sum(result.passed for result in results),
        "lost": sum(kind in lost for kind in found),
        "duplicated": sum(kind in duplicated for kind in found),
        "wrong_category": found.count(Kind.WRONG_CATEGORY),
        "secrets_found": found.count(Kind.SECRET_FOUND),
    }


def _case(name: str) -> Case | RestoreCase:
    if name not in ALL_CASES:
        raise DeploymentError(f"there is no fault case {name!r}; there are {', '.join(sorted(ALL_CASES))}")
    return ALL_CASES[name]


def run_faults(console: Console, names: list[str]) -> int:
    """Runs the cases of these names, or all; the exit status is 0 when each has the outcome that the matrix states.

    Raises DeploymentError for a name that no case has.
    """
    cases = [_case(name) for name in names] or list(ALL_CASES.values())
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each write to a client that went away
    results = []
    with bench() as deployed:
        for case in cases:
            started = datetime.now(UTC)
            result = run_case(deployed, case) if isinstance(case, Case) else run_restore_case(deployed, case)
            results.append(result)
            seconds = (datetime.now(UTC) - started).total_seconds()
            console.print(f"{'ok  ' if result.passed else 'FAIL'} {case.name} ({seconds:.0f} s)", highlight=False)
            for problem in (*result.problems, *result.findings):
                console.print(f"     {problem}", highlight=False, soft_wrap=True)
    numbers = summary(results)
    RESULT_FILE.write_text(json.dumps(numbers, indent=2) + "\n")
    console.print_json(data=numbers)
    return 0 if numbers["passed"] == numbers["cases"] else 1
