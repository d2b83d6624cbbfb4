"""The step Report (run-report): ends a run, counts it, and sends its owner one message.

Totals are read from the ledger, item by item of the manifest and strongly consistent: the mail says what is stored.

Step Functions repeats an invocation whose answer it did not get, so the run's row in the ledger notes the mail and the
metrics once they are out. A repeated report sends neither again. Between the act and the note there is one write: if
the process dies just there, the act is repeated. That is the better side to err on: a lost success would raise the
alarm `no-successful-run`, and a lost alert would be a fault that nobody hears of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common import prices
from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.exceptions import (
    AuthenticationError,
    ConfigurationError,
    CredentialsExpiredError,
    category_of,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.runtime import wording
from cloud_sync_common.runtime.carried_listing import Listing, listing_in
from cloud_sync_common.runtime.execution_errors import SENTENCE_LIMIT, going_on, parse_error_output
from cloud_sync_common.runtime.wording import count_of, enough_read, left_out_of, repeated_of, seconds_since, size_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger import BATCH_GET_LIMIT, Ledger
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.month_totals import MonthTotals
from cloud_sync_common.stores.provider_settings import Mails
from cloud_sync_common.stores.run_totals import Totals, log_video
from cloud_sync_common.stores.runs import LastSuccess, RunRow, Runs, RunStatus

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# The steps of a report that are noted when they are done. Those of a failure have names of their own, because a run
# whose success could not be reported to the end fails after all.
_MAILED, _MEASURED = "mailed", "measured"
_FAILURE_MAILED, _FAILURE_COUNTED, _FAILURE_MEASURED = "failure mailed", "failure counted", "failure measured"
AUTHENTICATION = (AuthenticationError.category, CredentialsExpiredError.category)


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of run-report. A run that failed sends the whole state it failed in, however far it got. `reported_by`
    is the run that sends the mail of this one's success, empty: this run itself. `mails` are those of a success that
    the owner wants; a failure is always mailed."""

    run_id: str
    started_at: str
    provider: str = ""
    listing: Listing = Listing()
    reported_by: str = ""
    mails: Mails = Mails.EVERY_NIGHT
    state: dict[str, Any] | None = None

    @property
    def provider_name(self) -> str:
        """Text, even when the run failed because its input named no provider."""
        given = self.provider or (self.state or {}).get("provider")
        return given[:64] if isinstance(given, str) else "unknown"


class Failed(msgspec.Struct, frozen=True):
    """Why a run ended: an error's name and the sentence that goes with it."""

    error: str
    cause: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in numbers: the output of the execution."""

    run_id: str
    provider: str
    status: RunStatus
    listed: int
    new: int
    archived: int
    bytes_archived: int
    failed: int
    unavailable: int
    left: int
    waiting: int
    exhausted: int
    backlog: int
    seconds: float
    estimated_usd: float
    damaged: int = 0  # archived as they are at the provider
    left_out: dict[str, int] = {}  # by its reason, what filters or the provider leave alone
    repeated: dict[str, int] = {}  # videos and bytes that the archive had before (wording.repeated_of)

    @property
    def failure_rate(self) -> float:
        """Percent of the videos that were archived or failed."""
        tried = self.archived + self.failed
        return 100 * self.failed / tried if tried else 0.0


class SummaryWithMail(Summary, frozen=True, kw_only=True):
    """The output of a run whose mail another one sends: with its text, and whether the owner wants it."""

    mail: str
    mail_wanted: bool = True


@dataclass(frozen=True)
class RunReport:
    """Reports on the runs of one provider."""

    provider: str
    ledger: Ledger
    runs: Runs
    months: MonthTotals
    manifest: Manifest
    topic: SNSClient
    topic_arn: str
    metrics: EnvironmentMetrics
    most_bytes: int  # that one run may read from the provider
    extras: prices.Extras
    sender: str = "Cloud Sync"

    def report(self, request: ReportRequest) -> Summary | Failed:
        """Reports on a run, whichever way it ended. Raises ArchiveUnavailableError, ConfigurationError."""
        if request.state is None:
            return self.succeeded(request)
        name, sentence = parse_error_output(request.state.get("error") or {})
        return self.failed(request.run_id, request.started_at, listing_in(request.state), Failed(name, sentence))

    def succeeded(self, request: ReportRequest) -> Summary:
        """Ends the run, sends its message unless another run does or nobody wants it and, after everything that can
        fail, counts it as a success. Raises ArchiveUnavailableError, ConfigurationError."""
        run_id, started_at = request.run_id, request.started_at
        done = self._row(run_id).reported
        totals = self._totals(run_id, log=_MEASURED not in done)
        summary = self._summary(run_id, started_at, request.listing, totals, RunStatus.SUCCEEDED)
        before = self.runs.last_success()
        growth = {"BacklogGrowth": summary.backlog - before.backlog} if before.run_id not in ("", run_id) else {}
        self._end(summary, totals, started_at)
        mail, trouble = self._paragraphs(summary, totals), self._is_trouble(summary, totals)
        wanted = request.mails.wants(news=summary.archived > 0, trouble=trouble)
        refusal = None
        if wanted and not request.reported_by:
            refusal = self._mail_refused(run_id, done, lambda: self._send(_subject(summary), mail))
        self.runs.note_success(run_id, summary.backlog)
        counts = {"RunsSucceeded": 1, "RunsFailed": 0, "AuthenticationFailures": 0, **growth}
        self._once(run_id, done, _MEASURED, lambda: self._measure(summary, totals, counts))
        if refusal:
            raise refusal
        if not request.reported_by:
            return summary
        return SummaryWithMail(**msgspec.structs.asdict(summary), mail="\n\n".join(mail), mail_wanted=wanted)

    def failed(self, run_id: str, started_at: str, listing: Listing, failed: Failed) -> Failed:
        """Ends the run and sends the one alert that says why and what to do; returns the best known reason: a child
        that stopped the run has left a better one in the ledger than the map's own. The alert goes out whatever
        happens to the numbers. Raises ArchiveUnavailableError, ConfigurationError when it cannot be sent."""
        run = RunRow()
        with going_on():
            run = self._row(run_id)
        if _MEASURED in run.reported:  # mailed and counted as a success; only the answer of that report was lost
            logger.warning("the run had succeeded and was reported", extra={"error": failed.error})
            return failed
        failed = Failed(run.stop_error, run.stop_message) if run.stop_error else failed
        refused = category_of(failed.error) in AUTHENTICATION
        counts = {"RunsSucceeded": 0, "RunsFailed": 1, "AuthenticationFailures": int(refused)}
        with going_on():
            self._once(run_id, run.reported, _FAILURE_COUNTED, lambda: self.metrics.emit(self.provider, counts))
        numbers = self._numbers_of_failed(run, run_id, started_at, listing)
        said = [*(self._lifetime() if refused else []), numbers]
        self._once(run_id, run.reported, _FAILURE_MAILED, lambda: self._send_alert(run_id, failed, said))
        return failed

    def _numbers_of_failed(self, run: RunRow, run_id: str, started_at: str, listing: Listing) -> str:
        """Ends the run and measures what it had done; the sentence about that."""
        with going_on():
            totals = self._totals(run_id, log=_FAILURE_MEASURED not in run.reported)
            summary = self._summary(run_id, started_at, listing, totals, RunStatus.FAILED)
            self._end(summary, totals, started_at)
            self._once(run_id, run.reported, _FAILURE_MEASURED, lambda: self._measure(summary, totals, {}))
            damages = _damages(totals) if totals.damages else []  # no later run looks at what is archived
            left_out = left_out_of(summary.left_out)
            return "\n\n".join([_numbers(summary, self.runs.last_success()), *damages, *left_out])
        with going_on():
            self.runs.end(run_id, RunStatus.FAILED, {})
        return "What it had done could not be read."

    def _row(self, run_id: str) -> RunRow:
        return self.runs.get(run_id) or RunRow()

    def _once(self, run_id: str, done: Collection[str], step: str, act: Callable[[], None]) -> None:
        """Acts, and notes that step, unless an earlier invocation did. A note that cannot be written does not undo the
        act, so it is no reason to fail."""
        if step in done:
            return
        act()
        with going_on():
            self.runs.note_reported(run_id, step)

    def _mail_refused(self, run_id: str, done: Collection[str], send: Callable[[], None]) -> ConfigurationError | None:
        """Sends the mail of a success. That a person has to repair the topic changes nothing about the run, which is
        counted first; the sentence then ends the execution, because no mail can say it."""
        try:
            self._once(run_id, done, _MAILED, send)
        except ConfigurationError as error:
            logger.error(str(error), extra={"category": error.category})
            return error
        return None

    def _totals(self, run_id: str, *, log: bool) -> Totals:
        """What the ledger says; `log` writes a line for each video."""
        totals = Totals(bytes_read=self.runs.bytes_read(run_id), bytes_counted=self.runs.bytes_counted(run_id))
        for batch in batched(self.manifest.items(), BATCH_GET_LIMIT):
            for media_id, row in self.ledger.known(item.media_id for item in batch).items():
                totals.count(row, run_id)
                if log:
                    log_video(media_id, row, run_id)
        return totals

    def _summary(self, run_id: str, started_at: str, listing: Listing, totals: Totals, status: RunStatus) -> Summary:
        archived = totals.statuses[Status.ARCHIVED]
        work = prices.RunWork(
            videos=listing.new,
            batches=listing.batches,
            gb_seconds=totals.gb_seconds,
            requests=totals.requests,
            slices=totals.slices,
            bytes_moved=max(totals.bytes_read, totals.bytes_archived),
        )
        return Summary(
            run_id=run_id,
            provider=self.provider,
            status=status,
            listed=listing.listed,
            new=listing.new,
            archived=archived,
            bytes_archived=totals.bytes_archived,
            failed=totals.statuses[Status.FAILED],
            unavailable=totals.statuses[Status.UNAVAILABLE],
            left=totals.left,
            waiting=listing.waiting,
            exhausted=listing.exhausted,
            backlog=self.ledger.backlog() + listing.waiting,
            seconds=round(seconds_since(started_at), 1),
            estimated_usd=round(prices.run_cost(work, self.extras), 4),
            damaged=totals.damaged,
            left_out=listing.left_out,
            repeated=dict(+totals.repeated),
        )

    def _end(self, summary: Summary, totals: Totals, began_at: str) -> None:
        """It is added up before another run may begin."""
        spent = {"usd": summary.estimated_usd, "archived": summary.archived, "bytes": summary.bytes_archived}
        ended = {"left": summary.failed + summary.backlog, "stopped": int(summary.status is not RunStatus.SUCCEEDED)}
        self.months.add(summary.run_id, began_at, totals.months, spent, ended)
        counts = {"archived": summary.archived, "failed": summary.failed, "bytes_archived": summary.bytes_archived}
        self.runs.end(summary.run_id, summary.status, counts)

    def _measure(self, summary: Summary, totals: Totals, counts: Mapping[str, float]) -> None:
        """Logs the run's line, which has every number, and emits the metrics."""
        rates = _rates(summary, totals)
        numbers: dict[str, Any] = msgspec.to_builtins(summary) | rates
        if "BacklogGrowth" in counts:
            numbers["backlog_growth"] = counts["BacklogGrowth"]
        logger.info("run report", extra=numbers)
        measured = {
            "VideosArchived": summary.archived,
            "BytesArchived": summary.bytes_archived,
            "VideosFailed": summary.failed,
            "MediaListed": summary.listed,
            "Backlog": summary.backlog,
            "RunSeconds": summary.seconds,
            "RunCost": summary.estimated_usd,
        }
        measured |= {_METRIC_OF[name]: rate for name, rate in rates.items()}
        self.metrics.emit(self.provider, {**counts, **measured})

    def _is_trouble(self, summary: Summary, totals: Totals) -> bool:
        too_much = totals.bytes_counted >= self.most_bytes
        return bool(too_much or totals.failures or totals.damages or summary.exhausted)

    def _paragraphs(self, summary: Summary, totals: Totals) -> list[str]:
        enough = [enough_read(summary.left, self.most_bytes)] if totals.bytes_counted >= self.most_bytes else []
        well = [] if self._is_trouble(summary, totals) else ["Next step: none, all is well."]
        return [
            _overview(summary, self.extras),
            *enough,
            *_advice(summary, totals),
            *left_out_of(summary.left_out),
            *repeated_of("video", summary.repeated),
            *well,
            f"Run {summary.run_id}.",
        ]

    def _lifetime(self) -> list[str]:
        """How long the session lived that ended this run: a paragraph, or none."""
        with going_on():
            if (state := self.runs.ended_session()) and state.stored_at is not None and state.ended_at is not None:
                return [wording.lifetime_of(state.stored_at, self.runs.last_success().ended_at, state.ended_at)]
        return []

    def _send_alert(self, run_id: str, failed: Failed, said: list[str]) -> None:
        self._send(
            f"the run failed ({one_line(failed.error, 60)})",
            [
                f"The run {one_line(run_id)} failed: {one_line(failed.cause, SENTENCE_LIMIT)}",
                *said,
                "Next step: fix the cause, then start a run (`cloudsync run`). Nothing is half-written; the next "
                "run continues from here. Until the cause is fixed, each nightly run sends one mail like this.",
            ],
        )

    def _send(self, subject: str, paragraphs: list[str]) -> None:
        send_mail(self.topic, self.topic_arn, f"{self.sender}: {subject}", "\n\n".join(paragraphs))


_METRIC_OF = {"failure_rate": "FailureRate", "throughput": "Throughput", "slices_per_video": "SlicesPerVideo"}


def _rates(summary: Summary, totals: Totals) -> dict[str, float]:
    """Percent, bytes per second, and slices per video that was moved; the last two only if something was."""
    rates = {"failure_rate": round(summary.failure_rate, 1)}
    if summary.bytes_archived and summary.seconds:
        rates["throughput"] = round(summary.bytes_archived / summary.seconds)
    if totals.moved:
        rates["slices_per_video"] = round(totals.slices / totals.moved, 2)
    return rates


def _numbers(summary: Summary, last: LastSuccess) -> str:
    when = f"{last.ended_at[:16].replace('T', ' at ')} UTC" if last.ended_at else "never"
    return (
        f"Before that it archived {count_of(summary.archived, 'video')} ({size_of(summary.bytes_archived)} moved). "
        f"{_backlog(summary.backlog)} The last run to succeed: {when}."
    )


def _subject(summary: Summary) -> str:
    if not summary.archived and not summary.failed:
        return "nothing new"
    damaged = f", {summary.damaged} of them damaged" if summary.damaged else ""
    failed = f", {summary.failed} failed" if summary.failed else ""
    return f"{count_of(summary.archived, 'video')} archived{damaged}{failed}"


def _advice(summary: Summary, totals: Totals) -> list[str]:
    lines = []
    if totals.failures:
        lines.append("Not archived:\n" + "\n".join(f"- {failure}" for failure in totals.failures))
        lines.append("They are tried again in the next run; nothing needs doing unless its mail names them too.")
    if totals.damages:
        lines += _damages(totals)
    if summary.waiting:
        waiting = count_of(summary.waiting, "video is", "videos are")
        lines.append(f"{waiting} not ready at the provider and left for a later run.")
    if summary.exhausted:
        exhausted = count_of(summary.exhausted, "video has", "videos have")
        lines.append(
            f"{exhausted} failed too often and will not be tried again by itself: read the dead-letter queue, then "
            'start a run with {"filters": {"retry_failed": true}}.'
        )
    return lines


def _damages(totals: Totals) -> list[str]:
    """What the owner may want to know of originals that were damaged before they were read."""
    videos = count_of(totals.damaged, "video is", "videos are")
    return [
        f"{videos} archived byte for byte, and damaged already at the provider:\n"
        + "\n".join(f"- {damage}" for damage in totals.damages),
        "Next step: play them at the provider. One that does not play there was cut off when it was recorded or "
        "uploaded: upload it again from the camera or the card if that still has it, and the next run archives the new "
        "one beside this. A recording without its index (moov) can often be repaired from the archived file.",
    ]


def _overview(summary: Summary, extras: prices.Extras) -> str:
    new = count_of(summary.new, "new video is", "new videos are")
    text = (
        f"{summary.archived} of {new} in the archive ({size_of(summary.bytes_archived)} moved), each with a matching "
        f"checksum. The run listed {count_of(summary.listed, 'item')}, took {summary.seconds:.0f} s and cost about "
        f"{summary.estimated_usd:.4f} USD before any free tier."
    )
    if extras.private_network:
        text += f" The network of this environment costs {prices.NETWORK_MONTH_USD:.2f} USD a month besides."
    return f"{text} {_backlog(summary.backlog)}" if summary.backlog else text


def _backlog(count: int) -> str:
    return f"{count_of(count, 'video is', 'videos are')} known and not archived yet."
