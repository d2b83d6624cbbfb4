"""The alarms, one row each. An alarm's description is what its mail says: what it means, and what to do.

A run that fails sends a mail of its own, with the cause; so the alarms that stand for the same thing
(`told_by="the run's mail"`) show their state on the dashboard and send nothing: one mail per run and cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from cloud_sync.config import Config
from cloud_sync.functions import Functions
from cloud_sync.workflow import Workflow

NAMESPACE = "CloudSync"
THE_ALARM, THE_RUN = "the alarm", "the run's mail"
HOUR, DAY, MINUTES = Duration.hours(1), Duration.days(1), Duration.minutes(5)
SECONDS_BEFORE_THE_LIMIT = 10  # of a function that stops by itself about 30 s before its time is up
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


@dataclass(frozen=True)
class Alarm:
    """One alarm: raised when `metric` compares to `threshold` in `periods` periods in a row."""

    name: str
    metric: cloudwatch.IMetric
    means: str
    do: str
    threshold: float = 1
    periods: int = 1
    compare: cloudwatch.ComparisonOperator = AT_LEAST
    missing_is_bad: bool = False
    told_by: str = THE_ALARM

    @property
    def description(self) -> str:
        """What its mail says."""
        return f"{self.means} Next step: {self.do}"


def run_metric(name: str, statistic: str = "Sum", **dimensions: str) -> cloudwatch.Metric:
    """A metric that the functions emit, once per run (cloud_sync_common.metrics_utils)."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": "cloud-sync", "provider": "gopro", **dimensions},
        statistic=statistic,
        period=DAY,
    )


def all_alarms(
    config: Config, functions: Functions, workflow: Workflow, dead_letters: cloudwatch.IMetric
) -> list[Alarm]:
    """Every alarm of one environment; `dead_letters` counts the messages of the videos' dead-letter queue."""
    return [
        *_of_runs(config, workflow),
        *_of_credentials(config),
        *_of_videos(config, workflow, dead_letters),
        *_of_functions(config, functions),
    ]


def _of_runs(config: Config, workflow: Workflow) -> Iterator[Alarm]:
    yield Alarm(
        "run-failed",
        workflow.state_machine.metric_failed(period=MINUTES, statistic="Sum"),
        "A run failed.",
        "read that run's own mail, which names the cause and the mend.",
        told_by=THE_RUN,
    )
    if config.schedule_enabled:
        yield Alarm(
            "no-successful-run",
            run_metric("RunsSucceeded").with_(period=HOUR),
            "No run has succeeded for 26 hours, or none has yet: nothing new is being backed up.",
            f"start one by hand (README, 'Run by hand') and look at how it ends in {workflow.name}.",
            periods=26,
            compare=BELOW,
            missing_is_bad=True,
        )


def _of_credentials(config: Config) -> Iterator[Alarm]:
    secret = config.name("gopro/credentials")
    yield Alarm(
        "authentication-failed",
        run_metric("AuthenticationFailures"),
        "GoPro refused the stored credentials, and the run stopped.",
        f"sign in, and store new credentials in {secret} (README, 'Store credentials').",
        told_by=THE_RUN,
    )
    yield Alarm(
        "credentials-end-soon",
        run_metric("CredentialsDaysLeft", "Minimum"),
        f"The session token in {secret} ends in less than 2 days and cannot be renewed from here.",
        "sign in at gopro.com and store a new one (README, 'Store credentials').",
        threshold=2,
        compare=BELOW,
    )


def _of_videos(config: Config, workflow: Workflow, dead_letters: cloudwatch.IMetric) -> Iterator[Alarm]:
    queue = config.name("gopro-sync-dlq")
    yield Alarm(
        "failure-rate",
        run_metric("FailureRate", "Maximum"),
        "One in four videos of a run, or more, could not be archived.",
        "read that run's own mail: it lists them with their reasons.",
        threshold=25,
        told_by=THE_RUN,
    )
    yield Alarm(
        "dead-letters",
        dead_letters,
        f"A video has failed in {config.max_attempts} runs and is not tried again by itself.",
        f"read its message in {queue}: it holds the reason, and the input that tries it again.",
    )
    yield Alarm(
        "schedule-dead-letters",
        workflow.schedule_dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=MINUTES, statistic="Maximum"
        ),
        "The schedule could not start a run, although it tried for two hours.",
        f"read the message in {config.name('gopro-sync-schedule-dlq')}: it says what was refused; then start a run.",
    )
    yield Alarm(
        "backlog-grows",
        run_metric("BacklogGrowth", "Minimum"),
        "For 3 days there have been more videos known and not archived than the day before.",
        "look at 'What failed, and why' on the dashboard; if nothing failed, raise max_concurrency.",
        periods=3,
    )


def _of_functions(config: Config, functions: Functions) -> Iterator[Alarm]:
    for function in functions.all:
        name = function.node.id
        tells = function is functions.run_report
        yield Alarm(
            f"errors-{name}",
            function.metric_errors(period=HOUR, statistic="Sum"),
            "A run ended and its mail could not be sent."
            if tells
            else f"{name} failed 20 times within an hour, more often than its retries explain.",
            f"read the log of {name} ('Retries by cause' among the saved queries).",
            threshold=1 if tells else 20,
        )
    yield Alarm(
        "throttles",
        cloudwatch.Metric(namespace="AWS/Lambda", metric_name="Throttles", statistic="Sum", period=HOUR),
        "Lambda refused invocations for want of concurrency, in the whole account, 20 times within an hour.",
        "raise the account's quota of concurrent executions, or lower max_concurrency.",
        threshold=20,
    )
    limits: list[tuple[lambda_.Function, int]] = [
        (functions.media_lister, config.lister_timeout_seconds),
        (functions.video_downloader, config.downloader_timeout_seconds),
        (functions.run_report, config.lister_timeout_seconds),
    ]
    for function, seconds in limits:
        name = function.node.id
        yield Alarm(
            f"duration-{name}",
            function.metric_duration(period=HOUR, statistic="Maximum"),
            f"{name} ran to within {SECONDS_BEFORE_THE_LIMIT} s of its limit of {seconds} s, where Lambda ends it.",
            "give it more memory, which brings more processor, or look for a slow service in its traces.",
            threshold=max(1, seconds - SECONDS_BEFORE_THE_LIMIT) * 1000,
        )
