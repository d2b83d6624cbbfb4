"""The dashboard `GoPro-Sync-Operations`: the questions of an owner first, then those of an engineer."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cloud_sync.alarms import DAY, run_metric
from cloud_sync.config import Config
from cloud_sync.functions import Functions
from cloud_sync.queries import WHAT_FAILED, log_groups
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
        self.board.add_widgets(
            _numbers("Last night: runs", run_metric("RunsSucceeded"), run_metric("RunsFailed")),
            _numbers("Last night: videos", run_metric("VideosArchived"), run_metric("VideosFailed")),
            _numbers("Last night: bytes archived", run_metric("BytesArchived")),
            _numbers("Safe in the archive, and waiting", in_archive, run_metric("Backlog", "Maximum")),
        )
        self.board.add_widgets(
            _graph("Videos per night", run_metric("VideosArchived"), run_metric("VideosFailed")),
            _graph("Bytes archived per night", run_metric("BytesArchived")),
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=8, height=6),
        )

    def _what_failed(self) -> None:
        self._heading("What failed, and why?")
        self.board.add_widgets(
            cloudwatch.LogQueryWidget(
                title=WHAT_FAILED.title,
                log_group_names=log_groups(WHAT_FAILED, self.functions),
                query_string=WHAT_FAILED.text,
                view=cloudwatch.LogQueryVisualizationType.TABLE,
                width=16,
                height=6,
            ),
            _graph("Waiting and failure rate", run_metric("Backlog", "Maximum"), run_metric("FailureRate", "Maximum")),
        )

    def _cost(self) -> None:
        self._heading("What does it cost?")
        self.board.add_widgets(
            _graph("Cost of the runs, USD", run_metric("RunCost")),
            _graph("Credentials: age and, where known, days left", run_metric("CredentialsAgeDays", "Maximum"),
                   run_metric("CredentialsDaysLeft", "Minimum")),
            _graph("Throughput, bytes per second", run_metric("Throughput", "Average")),
        )  # fmt: skip

    def _for_engineers(self) -> None:
        self._heading("For engineers")
        functions = self.functions.all
        schedule = self.workflow.schedule_dead_letter_queue.metric_approximate_number_of_messages_visible(period=DAY)
        self.board.add_widgets(
            _graph("Seconds per run", run_metric("RunSeconds", "Maximum"), run_metric("ListingSeconds")),
            _graph("Listed, and slices per video", run_metric("MediaListed", "Maximum"),
                   run_metric("SlicesPerVideo", "Average")),
            _graph("Dead letters", self.dead_letters, schedule),
        )  # fmt: skip
        self.board.add_widgets(
            _graph("Function time, ms", *(f.metric_duration(period=DAY, statistic="Maximum") for f in functions)),
            _graph("Function errors", *(f.metric_errors(period=DAY) for f in functions)),
            _graph("Function throttles", *(f.metric_throttles(period=DAY) for f in functions)),
        )


def _numbers(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.SingleValueWidget:
    return cloudwatch.SingleValueWidget(title=title, metrics=list(metrics), width=6, height=4)


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)
