"""The step ReportPaused (run-report): what a run says whose provider the owner has paused.

It counts as a success, because the schedule works and nothing is wrong: so the alarm for nights without a success stays
silent as long as the pause lasts, and watches again from the night after it. A reconciliation counts as neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.runtime.execution_errors import going_on
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.stores.provider_settings import Mails
from cloud_sync_common.stores.runs import RunRow, Runs, RunStatus

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

REPORT_PAUSED = "paused"
_MEASURED, _MAILED = "measured", "mailed"  # noted when they are done, as those of a run that worked (steps/report.py)
_SUBJECTS = {Mode.SYNC: "nothing was looked for", Mode.RECONCILE: "nothing was verified"}
_TEXTS = {
    Mode.SYNC: "It is paused: the run asked the provider for nothing and archived nothing. What is in the archive "
    "stays there. Next step: none, until you resume it (cloudsync settings resume --provider {provider}). The input "
    '{{"provider": "{provider}", "even_if_paused": true}} starts a single run meanwhile.',
    Mode.RECONCILE: "It is paused: the provider was asked for nothing, and provider, ledger and archive were not "
    "compared, so there is no certificate of them. What is in the archive stays there. Next step: none, or `cloudsync "
    "verify --provider {provider}`, which compares them although it is paused.",
}


class PausedRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag=REPORT_PAUSED):
    """The event of run-report for a run that found its provider paused. `mode` is what it was for, `reported_by`
    the run that sends the mail, empty: this one."""

    run_id: str
    provider: str
    mode: Mode = Mode.SYNC
    mails: Mails = Mails.EVERY_NIGHT
    reported_by: str = ""


class PausedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The output of such a run. `mail` is what it has to say, `mail_wanted` whether the owner wants to hear that."""

    run_id: str
    provider: str
    mail: str
    mail_wanted: bool
    status: RunStatus = RunStatus.SUCCEEDED
    paused: bool = True


@dataclass(frozen=True)
class PausedReport:
    """Reports on the runs of one provider that is paused."""

    runs: Runs
    topic: SNSClient
    topic_arn: str
    metrics: EnvironmentMetrics
    sender: str = "Cloud Sync"

    def report(self, request: PausedRequest) -> PausedSummary:
        """Counts the run and sends its mail, each once. Raises ArchiveUnavailableError, ConfigurationError."""
        summary = PausedSummary(
            run_id=request.run_id,
            provider=request.provider,
            mail=_TEXTS[request.mode].format(provider=request.provider),
            mail_wanted=request.mails.wants(news=False, trouble=False),
        )
        logger.info("the provider is paused", extra=msgspec.to_builtins(summary))
        done = (self.runs.get(request.run_id) or RunRow()).reported
        if request.mode is Mode.SYNC and _MEASURED not in done:
            counts = {"RunsSucceeded": 1, "RunsFailed": 0, "AuthenticationFailures": 0}
            self.metrics.emit(request.provider, counts)
            self._note(request.run_id, _MEASURED)
        if summary.mail_wanted and not request.reported_by and _MAILED not in done:
            text = f"{summary.mail}\n\nRun {request.run_id}."
            send_mail(self.topic, self.topic_arn, f"{self.sender}: paused, {_SUBJECTS[request.mode]}", text)
            self._note(request.run_id, _MAILED)
        return summary

    def _note(self, run_id: str, step: str) -> None:
        with going_on():
            self.runs.note_reported(run_id, step)
