"""The step ReportAll (run-report): one mail about the runs of all providers, when the last of them has ended.

A run that failed has sent its own alert by then, as every run does: nobody waits for a slow provider to hear of a dead
token at another one. So this mail says which one failed, and leaves the cause to that alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.runtime.execution_errors import going_on
from cloud_sync_common.runtime.run_input import ALL_PROVIDERS
from cloud_sync_common.runtime.wording import count_of
from cloud_sync_common.stores.runs import RunRow, Runs

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

REPORT_ALL = "all"
_MAILED = "mailed"


class RunOfOne(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one provider's run: `result` is its output under that name, or the error that Step Functions
    reports of it."""

    provider: str
    result: dict[str, Any]


class AllReportRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag=REPORT_ALL):
    """The event of run-report for a run of all providers."""

    run_id: str
    runs: tuple[RunOfOne, ...]


class Ending(StrEnum):
    """How one provider's run ended. ALREADY_RUNNING: another run of this provider does its work and reports. PAUSED:
    the owner has paused this provider."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ALREADY_RUNNING = "ALREADY_RUNNING"
    PAUSED = "PAUSED"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's run; `summary` has its numbers, if it succeeded."""

    provider: str
    status: Ending
    summary: dict[str, Any] = {}


class AllSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The output of a run of all providers."""

    run_id: str
    runs: tuple[Outcome, ...]
    provider: str = ALL_PROVIDERS


@dataclass(frozen=True)
class AllReport:
    """Reports on the runs of all providers. `titles` are the providers' names for people."""

    runs: Runs
    topic: SNSClient
    topic_arn: str
    titles: Mapping[str, str]

    def report(self, request: AllReportRequest) -> AllSummary:
        """Sends the mail, once, however often it is asked to, unless the owner wants that of no run.

        Raises ArchiveUnavailableError, ConfigurationError."""
        outcomes = tuple(_outcome(run) for run in request.runs)
        logger.info("report of all providers", extra={"runs": msgspec.to_builtins(outcomes)})
        if not any(map(_is_wanted, request.runs)):
            return AllSummary(run_id=request.run_id, runs=outcomes)
        if _MAILED not in (self.runs.get(request.run_id) or RunRow()).reported:
            texts = [self._about(run, outcome) for run, outcome in zip(request.runs, outcomes, strict=True)]
            text = "\n\n\n".join([*texts, f"Run {request.run_id}, which started these."])
            send_mail(self.topic, self.topic_arn, f"Cloud Sync: {_subject(outcomes, self.titles)}", text)
            with going_on():
                self.runs.note_reported(request.run_id, _MAILED)
        return AllSummary(run_id=request.run_id, runs=outcomes)

    def _about(self, run: RunOfOne, outcome: Outcome) -> str:
        title = self.titles.get(run.provider, run.provider)
        match outcome.status:
            case Ending.SUCCEEDED | Ending.PAUSED:
                return f"{title}:\n\n{run.result['output']['mail']}"
            case Ending.ALREADY_RUNNING:
                return f"{title}:\n\nAnother run of this provider was under way. It does the work and sends a mail."
        return (
            f"{title}:\n\nIts run failed. The mail of that run says why, and what to do. If there is none, look at the "
            "state RunOfProvider in the history of this execution."
        )


def _outcome(run: RunOfOne) -> Outcome:
    output = run.result.get("output")
    if not isinstance(output, dict):
        return Outcome(provider=run.provider, status=Ending.FAILED)
    if "mail" not in output:
        return Outcome(provider=run.provider, status=Ending.ALREADY_RUNNING)
    numbers = {name: value for name, value in output.items() if name not in ("mail", "mail_wanted")}
    status = Ending.PAUSED if output.get("paused") is True else Ending.SUCCEEDED
    return Outcome(provider=run.provider, status=status, summary=numbers)


def _is_wanted(run: RunOfOne) -> bool:
    """Whether a mail about this run is wanted: not, if the run itself says so."""
    output = run.result.get("output")
    return not isinstance(output, dict) or output.get("mail_wanted") is not False


def _subject(outcomes: tuple[Outcome, ...], titles: Mapping[str, str]) -> str:
    failed, paused = (
        [titles.get(run.provider, run.provider) for run in outcomes if run.status is status]
        for status in (Ending.FAILED, Ending.PAUSED)
    )
    archived = [count for outcome in outcomes if (count := outcome.summary.get("archived", 0))]
    not_archived = sum(outcome.summary.get("failed", 0) for outcome in outcomes)
    text = f"{count_of(sum(archived), 'video')} archived"
    text += f" from {count_of(len(archived), 'provider')}" if archived else ""
    text += f", {not_archived} failed" if not_archived else ""
    text += f"; {' and '.join(paused)} paused" if paused else ""
    return f"{text}; the run of {' and '.join(failed)} failed" if failed else text
