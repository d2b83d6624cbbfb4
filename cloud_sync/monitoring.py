"""Alerts and monitoring: the topic and the dead-letter queue, the alarms, the dashboard and the saved queries."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cloud_sync.alarms import FIVE_MINUTES, Alarm, all_alarms
from cloud_sync.config import Config
from cloud_sync.dashboard import Dashboard
from cloud_sync.functions import Functions
from cloud_sync.nag_suppressions import acknowledge
from cloud_sync.queries import saved_queries
from cloud_sync.restore import Restore
from cloud_sync.storage import Storage
from cloud_sync.workflow import Workflow


class Alerts(Construct):
    """The topic whose messages a person receives, and the queue of videos that need a person's decision."""

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
        if storage.key:
            _let_alarms_use(storage.key)
        # enforce_ssl creates a policy, which replaces the default policy that would allow alarms to publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if config.alert_address:
            self.topic.add_subscription(subscriptions.EmailSubscription(config.alert_address))
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=config.name("gopro-sync-dlq"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(self.dead_letter_queue, "AwsSolutions-SQS3", "This queue is the dead-letter queue of the videos.")


def _let_alarms_use(key: kms.Key) -> None:
    """An alarm that publishes to an encrypted topic uses its key (SNS developer guide, "Key management")."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AlarmsMayPublishToTheEncryptedTopic",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(key).account}},
        )
    )


class Monitoring(Construct):
    """The alarms, the dashboard `GoPro-Sync-Operations` and the saved queries."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        alerts: Alerts,
        functions: Functions,
        workflow: Workflow,
        restore: Restore,
        archive: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.config, self.topic = config, actions.SnsAction(alerts.topic)
        dead_letters = alerts.dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=FIVE_MINUTES, statistic="Maximum"
        )
        alarms = [self._alarm(alarm) for alarm in all_alarms(config, functions, workflow, restore, dead_letters)]
        saved_queries(self, config, functions)
        Dashboard(
            self,
            "Dashboard",
            config=config,
            functions=functions,
            workflow=workflow,
            alarms=alarms,
            dead_letters=dead_letters,
            archive=archive,
        )

    def _alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        missing = cloudwatch.TreatMissingData
        created = cloudwatch.Alarm(
            self,
            alarm.name,
            alarm_name=self.config.name(f"gopro-sync-{alarm.name}"),
            alarm_description=alarm.description,
            metric=alarm.metric,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.periods,
            comparison_operator=alarm.compare,
            treat_missing_data=missing.BREACHING if alarm.missing_data_is_breaching else missing.NOT_BREACHING,
        )
        if alarm.sends_mail:
            created.add_alarm_action(self.topic)
        return created
