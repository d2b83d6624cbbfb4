"""The dashboard `GoPro-Sync-Operations`: the questions of an owner first, then those of an engineer.

With several providers each has its row of last night's numbers, and its lines in the graphs.

Without detailed_monitoring, numbers that are no metric come from the log lines: Logs Insights reads them each time
somebody opens the dashboard, at 0.005 USD per GB of log (two weeks of ordinary runs are a few megabytes).
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cloud_sync.alarms import DAY, run_metric
from cloud_sync.config import Config
from cloud_sync.functions import Functions
from cloud_sync.providers import Provider
from cloud_sync.queries import FAILURES_BY_CAUSE, SPEED, WHAT_FAILED, Query, log_groups
from cloud_sync.workflow import Workflow


class Dashboard(Construct):
    """Rows of widgets that fill the 24 columns of a CloudWatch dashboard."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: Functions,
        workflow: Workflow,
        alarms: Sequence[cloudwatch.IAlarm],
        dead_letters: cloudwatch.IMetric,
        archive: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.config = config
        self.functions, self.workflow, self.dead_letters, self.archive = functions, workflow, dead_letters, archive
        self.board = cloudwatch.Dashboard(
            self,
            "Board",
            dashboard_name=config.name("GoPro-Sync-Operations"),
            default_interval=Duration.days(14),
        )
        self._last_night(alarms)
        self._what_failed()
        self._cost()
        self._for_engineers()

    def _heading(self, text: str) -> None:
        self.board.add_widgets(cloudwatch.TextWidget(markdown=f"## {text}", width=24, height=1))

    def _metrics(self, name: str, statistic: str = "Sum") -> list[cloudwatch.Metric]:
        """This number of each provider, under its name where there are several."""
        metrics = [run_metric(self.config, provider, name, statistic) for provider in self.config.backed_up]
        if len(metrics) == 1:
            return metrics
        titles = [provider.title for provider in self.config.backed_up]
        return [metric.with_(label=f"{title}: {name}") for metric, title in zip(metrics, titles, strict=True)]

    def _row_of(self, provider: Provider, *in_archive: cloudwatch.IMetric) -> None:
        """Last night's numbers of one provider."""
        of = f"{provider.title}: " if len(self.config.providers) > 1 else ""

        def metric(name: str, statistic: str = "Sum") -> cloudwatch.Metric:
            return run_metric(self.config, provider, name, statistic)

        safe = "Safe in the archive, and waiting" if in_archive else f"{of}waiting"
        self.board.add_widgets(
            _numbers(f"{of}Last night: runs", metric("RunsSucceeded"), metric("RunsFailed")),
            _numbers(f"{of}Last night: videos", metric("VideosArchived"), metric("VideosFailed")),
            _numbers(f"{of}Last night: bytes archived", metric("BytesArchived")),
            _numbers(safe, *in_archive, metric("Backlog", "Maximum")),
        )

    def _last_night(self, alarms: Sequence[cloudwatch.IAlarm]) -> None:
        self._heading("Did last night work, and how much is safe?")
        in_archive = cloudwatch.Metric(  # S3 counts once a day, free of charge
            namespace="AWS/S3",
            metric_name="NumberOfObjects",
            dimensions_map={"BucketName": self.archive.bucket_name, "StorageType": "AllStorageTypes"},
            label="Objects",
            statistic="Average",
            period=DAY,
        )
        first, *others = self.config.backed_up
        self._row_of(first, in_archive)
        for provider in others:
            self._row_of(provider)
        self.board.add_widgets(
            _graph("Videos per night", *self._metrics("VideosArchived"), *self._metrics("VideosFailed")),
            _graph("Bytes archived per night", *self._metrics("BytesArchived")),
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=8, height=6),
        )

    def _what_failed(self) -> None:
        self._heading("What failed, and why?")
        waiting = self._metrics("Backlog", "Maximum")
        if self.config.detailed_monitoring:
            waiting += self._metrics("FailureRate", "Maximum")
        self.board.add_widgets(self._table(WHAT_FAILED, width=16), _graph("Videos that wait", *waiting))

    def _cost(self) -> None:
        self._heading("What does it cost?")
        left = self._metrics("CredentialsDaysLeft", "Minimum")
        cost = _graph("Cost of the runs, USD", *self._metrics("RunCost"))
        if not self.config.detailed_monitoring:
            self.board.add_widgets(cost, _graph("Credentials: days left, where known", *left),
                                   self._table(FAILURES_BY_CAUSE))  # fmt: skip
            return
        self.board.add_widgets(
            cost,
            _graph(
                "Credentials: age and, where known, days left", *self._metrics("CredentialsAgeDays", "Maximum"), *left
            ),
            _graph("Throughput, bytes per second", *self._metrics("Throughput", "Average")),
        )

    def _for_engineers(self) -> None:
        self._heading("For engineers")
        # Without frame-maker, which ends with an error for each file of which no picture can be made.
        functions = timed = throttled = [one for one in self.functions.all if one is not self.functions.frame_maker]
        if len(self.config.providers) > 1:  # up to 50 metrics are free of charge, which three providers need
            functions = self.functions.invoked_by_the_state_machine
            throttled = [self.functions.video_downloader]
            timed = [self.functions.media_lister, *throttled, self.functions.run_report]
        schedule = self.workflow.schedule_dead_letter_queue.metric_approximate_number_of_messages_visible(period=DAY)
        self.board.add_widgets(*self._speed(), _graph("Dead letters", self.dead_letters, schedule))
        self.board.add_widgets(
            _graph("Function time, ms", *(f.metric_duration(period=DAY, statistic="Maximum") for f in timed)),
            _graph("Function errors", *(f.metric_errors(period=DAY) for f in functions)),
            _graph("Function throttles", *(f.metric_throttles(period=DAY) for f in throttled)),
        )

    def _speed(self) -> list[cloudwatch.IWidget]:
        """Graphs of metrics, where these are sent, or a table from the log, over 16 columns."""
        if not self.config.detailed_monitoring:
            return [self._table(SPEED, width=16)]
        return [
            _graph("Seconds per run", *self._metrics("RunSeconds", "Maximum"), *self._metrics("ListingSeconds")),
            _graph("Listed, and slices per video", *self._metrics("MediaListed", "Maximum"),
                   *self._metrics("SlicesPerVideo", "Average")),
        ]  # fmt: skip

    def _table(self, query: Query, width: int = 8) -> cloudwatch.LogQueryWidget:
        return cloudwatch.LogQueryWidget(
            title=query.title,
            log_group_names=log_groups(query, self.functions),
            query_string=query.text,
            view=cloudwatch.LogQueryVisualizationType.TABLE,
            width=width,
            height=6,
        )


def _numbers(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.SingleValueWidget:
    return cloudwatch.SingleValueWidget(title=title, metrics=list(metrics), width=6, height=4)


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)
