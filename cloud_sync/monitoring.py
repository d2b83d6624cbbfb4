"""What the owner and the engineer look at: the topic, the alarms, the dashboard."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.findings import acknowledge
from cloud_sync.functions import Functions
from cloud_sync.storage import Storage
from cloud_sync.workflow import Workflow

NAMESPACE = "CloudSync"


class Alerts(Construct):
    """Where messages go: the topic that a person reads, and the queue of videos that need a person."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=config.name("gopro-sync-alerts"),
            display_name="Cloud Sync",
            master_key=storage.key,
            enforce_ssl=True,
        )
        # A topic's own policy, which enforce_ssl makes, replaces the default one that would let alarms publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if config.alert_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(config.alert_email))
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=config.name("gopro-sync-dlq"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(self.dead_letter_queue, "AwsSolutions-SQS3", "It is the dead-letter queue of the videos itself.")


class Monitoring(Construct):
    """Alarms that say what to do, and the dashboard `GoPro-Sync-Operations`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        alerts: Alerts,
        functions: Functions,
        workflow: Workflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self.config, self.alerts, self.functions, self.workflow = config, alerts, functions, workflow
        self._alarms()
        self._dashboard()

    def _run_metric(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric that the run report emits, once per run (cloud_sync_common.report)."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"service": "cloud-sync", "provider": "gopro"},
            statistic=statistic,
            period=Duration.days(1),
        )

    def _alarms(self) -> None:
        machine, topic = self.workflow.state_machine, actions.SnsAction(self.alerts.topic)
        hour, minutes = Duration.hours(1), Duration.minutes(5)
        exists = cloudwatch.TreatMissingData.NOT_BREACHING
        at_least = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD

        def alarm(name: str, metric: cloudwatch.IMetric, what_to_do: str, **kwargs: object) -> None:
            settings = {
                "threshold": 1,
                "evaluation_periods": 1,
                "comparison_operator": at_least,
                "treat_missing_data": exists,
            } | kwargs
            made = cloudwatch.Alarm(
                self, name, alarm_name=self.config.name(f"gopro-sync-{name}"), metric=metric,
                alarm_description=what_to_do, **settings,  # type: ignore[arg-type]
            )  # fmt: skip
            made.add_alarm_action(topic)

        alarm(
            "run-failed",
            machine.metric_failed(period=minutes, statistic="Sum"),
            "A run failed. The report mail of that run names the cause and the mend; without one, open the "
            "execution in Step Functions.",
        )
        if self.config.schedule_enabled:
            alarm(
                "no-successful-run",
                machine.metric_succeeded(period=hour, statistic="Sum"),
                "No run has succeeded for 26 hours, or none has yet. Start one by hand, and look at how it ends.",
                evaluation_periods=26,
                datapoints_to_alarm=26,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            )
        for name, queue, meaning in (
            ("dead-letters", self.alerts.dead_letter_queue, "A video failed in every run it was given"),
            ("schedule-dead-letters", self.workflow.schedule_dead_letter_queue, "The schedule could not start a run"),
        ):
            alarm(
                name,
                queue.metric_approximate_number_of_messages_visible(period=minutes, statistic="Maximum"),
                f"{meaning}. Read the message in {self.config.name('gopro-sync-dlq')} or its schedule twin; it says "
                "what and why.",
            )
        for function in self.functions.all:
            name = function.node.id
            alarm(
                f"errors-{name}",
                function.metric_errors(period=hour, statistic="Sum"),
                f"{name} failed more often within an hour than retries explain. Read its log.",
                threshold=20,
            )

    def _dashboard(self) -> None:
        machine = self.workflow.state_machine
        day = Duration.days(1)
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self.config.name("GoPro-Sync-Operations"),
            default_interval=Duration.days(14),
        )

        def graph(title: str, *metrics: cloudwatch.IMetric, width: int = 8) -> cloudwatch.GraphWidget:
            return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=6)

        dashboard.add_widgets(
            cloudwatch.SingleValueWidget(
                title="Last day",
                metrics=[self._run_metric(name) for name in ("VideosArchived", "BytesArchived", "VideosFailed")],
                width=16,
                height=4,
            ),
            cloudwatch.SingleValueWidget(
                title="Waiting to be archived", metrics=[self._run_metric("Backlog", "Maximum")], width=8, height=4
            ),
        )
        dashboard.add_widgets(
            graph(
                "Runs",
                machine.metric_succeeded(period=day, statistic="Sum"),
                machine.metric_failed(period=day, statistic="Sum"),
            ),
            graph("Videos per run", self._run_metric("VideosArchived"), self._run_metric("VideosFailed")),
            graph("Bytes per run", self._run_metric("BytesArchived")),
        )
        dashboard.add_widgets(
            graph("Function errors", *(f.metric_errors(period=day) for f in self.functions.all)),
            graph("Function time", *(f.metric_duration(period=day) for f in self.functions.all)),
            graph(
                "Dead letters",
                self.alerts.dead_letter_queue.metric_approximate_number_of_messages_visible(period=day),
                self.workflow.schedule_dead_letter_queue.metric_approximate_number_of_messages_visible(period=day),
            ),
        )
