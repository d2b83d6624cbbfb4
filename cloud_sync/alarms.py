"""The alarms. The description of an alarm is the text of its mail: what it means, and the next step.

A run that fails sends a mail with the cause itself. The alarms for the same events have `sends_mail=False`: they show
their state on the dashboard, so that nobody receives two mails about one cause in one run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from cloud_sync.alarm_names import alarm_names, known_names
from cloud_sync.config import HOURS_OF_ROOM, Config
from cloud_sync.definition import MOST_SECONDS_OF_A_RESTORE, MOST_SECONDS_OF_A_RUN
from cloud_sync.functions import Functions
from cloud_sync.providers import Provider
from cloud_sync.restore import Restore
from cloud_sync.workflow import WATCH_EVERY_HOURS, Workflow

NAMESPACE = "CloudSync"
FIVE_MINUTES, HOUR, DAY = Duration.minutes(5), Duration.hours(1), Duration.days(1)
HOURS_OF_WATCH = 2 * WATCH_EVERY_HOURS + 2  # in which the watch has sent a number twice
SECONDS_BEFORE_THE_TIMEOUT = 10  # a function normally ends by itself, about 30 s before its timeout
DAY_SECONDS = 24 * 3600
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


@dataclass(frozen=True)
class Alarm:
    """One alarm. It is raised when `metric` reaches `threshold` in `periods` periods in a row."""

    name: str
    metric: cloudwatch.IMetric
    meaning: str
    next_step: str
    threshold: float = 1
    periods: int = 1
    compare: cloudwatch.ComparisonOperator = AT_LEAST
    missing_data_is_breaching: bool = False
    sends_mail: bool = True

    @property
    def description(self) -> str:
        """The text of its mail."""
        return f"{self.meaning} Next step: {self.next_step}"


def run_metric(config: Config, provider: Provider, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    """A metric that the functions of this environment emit once per run of this provider
    (cloud_sync_common.metrics_utils)."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": "cloud-sync", "provider": provider.id, "environment": config.environment},
        statistic=statistic,
        period=DAY,
    )


def all_alarms(
    config: Config, functions: Functions, workflow: Workflow, restore: Restore, dead_letters: cloudwatch.IMetric
) -> list[Alarm]:
    """The alarms of an environment: those that alarm_names has. The numbers of a run have one for each provider.
    `dead_letters` counts the messages in the dead-letter queue of the videos. Raises ValueError for one that
    alarm_names does not know."""
    alarms = [
        *_of_runs(config, workflow),
        *(alarm for provider in config.backed_up for alarm in _of_credentials(config, provider)),
        *_of_videos(config, workflow, dead_letters),
        *_of_restores(config, restore),
        *_of_functions(config, functions),
    ]
    unnamed = {alarm.name for alarm in alarms} - known_names(config)
    if unnamed:
        raise ValueError(f"alarm_names.py does not have the alarms: {', '.join(sorted(unnamed))}")
    return [alarm for alarm in alarms if alarm.name in alarm_names(config)]


def _of_runs(config: Config, workflow: Workflow) -> Iterator[Alarm]:
    yield Alarm(
        "run-failed",
        workflow.state_machine.metric_failed(period=FIVE_MINUTES, statistic="Sum"),
        "A run failed.",
        "read the mail of that run, which names the cause and the next step.",
        sends_mail=False,
    )
    if config.schedule_enabled:
        yield from (_no_successful_run(config, workflow, provider) for provider in config.backed_up)
    yield from (_cost(config, provider) for provider in config.backed_up)
    yield _duration_of_a_run(config, workflow)


def _of(config: Config, provider: Provider) -> str:
    """Which provider a sentence is about, where there are several."""
    return f" of {provider.title}" if len(config.providers) > 1 else ""


def _no_successful_run(config: Config, workflow: Workflow, provider: Provider) -> Alarm:
    """Counts successes in so many hours. Where these are more than CloudWatch looks back, it compares the time since
    the last success instead, which the watch sends. Either way silence is bad news."""
    hours = config.hours_without_success
    watch = run_metric(config, provider, "HoursSinceSuccess", "Minimum")
    count = run_metric(config, provider, "RunsSucceeded")
    return Alarm(
        provider.named("no-successful-run"),
        (watch if config.is_watched else count).with_(period=HOUR),
        f"No run{_of(config, provider)} has succeeded in the last {hours} hours: the longest pause of the schedule and "
        f"{HOURS_OF_ROOM} hours more. New videos are not being backed up, or a run has been copying for longer.",
        f"`{config.verb('status')}` says how the last run ended. If none is under way, start one, and see how it ends: "
        f"`{config.verb('run --follow')}`. The state machine is {workflow.name}.",
        threshold=hours if config.is_watched else 1,
        periods=HOURS_OF_WATCH if config.is_watched else hours,
        compare=AT_LEAST if config.is_watched else BELOW,
        missing_data_is_breaching=True,
    )


def _cost(config: Config, provider: Provider) -> Alarm:
    """The cost of a run is measured by its report, so a run that does not end is left to the other alarms."""
    return Alarm(
        provider.named("run-cost"),
        run_metric(config, provider, "RunCost"),
        f"The runs{_of(config, provider)} of a day cost {config.run_alarm_usd} USD or more, without storage and before "
        "any free tier.",
        "read the mail of the run and the saved query 'Slowest files'. During a first backup, raise run_alarm_usd. If "
        "the same files are read each night, disable the schedule and lower max_run_gb until the reason is known.",
        threshold=config.run_alarm_usd,
    )


def _duration_of_a_run(config: Config, workflow: Workflow) -> Alarm:
    """Step Functions measures an execution when it ends, also one that it has ended itself, which sends no mail."""
    hours = config.run_alarm_hours
    return Alarm(
        "run-duration",
        workflow.state_machine.metric_time(period=DAY, statistic="Maximum"),
        f"A run took {hours} hours or more. After {MOST_SECONDS_OF_A_RUN // DAY_SECONDS} days Step Functions ends a "
        "run, which then sends no mail of its own.",
        f"look at the newest execution of the state machine {workflow.name}. If it has timed out, the next run "
        "continues where it was. During a first backup, raise run_alarm_hours.",
        threshold=hours * 3600 * 1000,
    )


def _of_credentials(config: Config, provider: Provider) -> Iterator[Alarm]:
    secret = config.name(provider.secret)
    yield Alarm(
        provider.named("authentication-failed"),
        run_metric(config, provider, "AuthenticationFailures"),
        f"{provider.title} refused the stored credentials, and the run stopped.",
        f"`{config.verb(provider.connect)}`, which stores new ones in the secret {secret} (by hand: README, 'Store "
        "credentials').",
        sends_mail=False,
    )
    yield Alarm(
        provider.named("credentials-end-soon"),
        run_metric(config, provider, "CredentialsDaysLeft", "Minimum"),
        f"The session token in the secret {secret} expires in less than 2 days, and Cloud Sync cannot renew it.",
        f"`{config.verb(provider.connect)}` (by hand: README, 'Store credentials').",
        threshold=2,
        compare=BELOW,
    )


def _of_videos(config: Config, workflow: Workflow, dead_letters: cloudwatch.IMetric) -> Iterator[Alarm]:
    yield from (_failure_rate(config, provider) for provider in config.backed_up)
    yield Alarm(
        "dead-letters",
        dead_letters,
        f"A video has failed in {config.max_attempts} runs, so it is no longer tried automatically.",
        f"`{config.verb('failures')}` says why, and `{config.verb('retry')}` tries it again. Its message in the queue "
        f"{config.name('gopro-sync-dlq')} contains the reason and the input of such a run.",
    )
    yield Alarm(
        "schedule-dead-letters",
        workflow.schedule_dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=FIVE_MINUTES, statistic="Maximum"
        ),
        "The schedule could not start a run, although it tried again for up to two hours.",
        f"read the reason in the message in the queue {config.name('gopro-sync-schedule-dlq')}. Then start a run: "
        f"`{config.verb('run')}`.",
    )
    yield from (_backlog(config, provider) for provider in config.backed_up)


def _of_restores(config: Config, restore: Restore) -> Iterator[Alarm]:
    yield Alarm(
        "restore-failed",
        restore.state_machine.metric_failed(period=FIVE_MINUTES, statistic="Sum"),
        "A restore stopped.",
        "read its mail, which names the cause and the next step.",
        sends_mail=False,
    )
    yield Alarm(
        "restore-timed-out",
        restore.state_machine.metric_timed_out(period=FIVE_MINUTES, statistic="Sum"),
        f"A restore still waited for S3 after {MOST_SECONDS_OF_A_RESTORE // DAY_SECONDS} days, and Step Functions "
        "ended it without a mail of its own.",
        f"`{config.verb('restore list')}` shows the job, and `{config.verb('restore start')}` with the same words goes "
        "on with it; nothing that S3 has thawed is asked for again.",
    )


def _failure_rate(config: Config, provider: Provider) -> Alarm:
    return Alarm(
        provider.named("failure-rate"),
        run_metric(config, provider, "FailureRate", "Maximum"),
        f"At least a quarter of the videos of a run{_of(config, provider)} could not be archived.",
        "read the mail of that run, which lists them and the reasons.",
        threshold=25,
        sends_mail=False,
    )


def _backlog(config: Config, provider: Provider) -> Alarm:
    return Alarm(
        provider.named("backlog-grows"),
        run_metric(config, provider, "BacklogGrowth", "Minimum"),
        f"The number of videos{_of(config, provider)} that are not archived yet has grown for 3 days.",
        f"`{config.verb('failures')}` says which, and why. If nothing failed, raise max_concurrency.",
        periods=3,
    )


def _of_functions(config: Config, functions: Functions) -> Iterator[Alarm]:
    for function in functions.all:
        if function in (functions.catalogue_writer, functions.frame_maker):  # nothing is lost with a picture
            continue
        yield _errors(function, sends_reports=function is functions.run_report)
    yield Alarm(
        "throttles",
        functions.video_downloader.metric_throttles(period=HOUR, statistic="Sum"),
        f"Lambda throttled {_name(functions.video_downloader)} at least 20 times within an hour, because too many "
        "functions ran at once in this account.",
        "request a higher quota of concurrent executions for the account, or lower max_concurrency.",
        threshold=20,
    )
    yield _duration(functions.media_lister, config.lister_timeout_seconds)
    yield _duration(functions.video_downloader, config.downloader_timeout_seconds)
    yield _duration(functions.run_report, config.lister_timeout_seconds)


def _errors(function: lambda_.Function, *, sends_reports: bool) -> Alarm:
    """One error of the function that sends the reports means a missing mail; others are retried."""
    name = _name(function)
    return Alarm(
        f"errors-{function.node.id}",
        function.metric_errors(period=HOUR, statistic="Sum"),
        "The function that sends the mails failed: the mail of a run may be missing."
        if sends_reports
        else f"{name} failed at least 20 times within an hour, more often than temporary errors explain.",
        f"read the log group /aws/lambda/{name}, for example with the saved query 'Retries by cause'.",
        threshold=1 if sends_reports else 20,
    )


def _duration(function: lambda_.Function, timeout_seconds: int) -> Alarm:
    limit = f"its timeout of {timeout_seconds} s, at which Lambda stops it"
    return Alarm(
        f"duration-{function.node.id}",
        function.metric_duration(period=HOUR, statistic="Maximum"),
        f"{_name(function)} ran to within {SECONDS_BEFORE_THE_TIMEOUT} s of {limit}.",
        "give it more memory, which also gives it more CPU, or look for a slow service in its traces.",
        threshold=max(1, timeout_seconds - SECONDS_BEFORE_THE_TIMEOUT) * 1000,
    )


def _name(function: lambda_.Function) -> str:
    """The function's name in the account as text; `function_name` is a reference to it."""
    return str(cast(lambda_.CfnFunction, function.node.default_child).function_name)
