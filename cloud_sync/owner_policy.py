"""CloudSyncOwner: the managed policy with which a person may use every verb of `cloudsync`, and nothing else.

It is attached to nobody. It may start runs, store credentials and change settings; it can neither write nor delete an
object of the archive, and of the ledger it writes only the rows of providers and their settings. In the work
bucket it writes certificates and the catalogue. docs/console.md says
which verb needs what; tests/e2e/test_owner_policy.py shows that each statement is needed.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.functions import Functions
from cloud_sync.nag_suppressions import acknowledge_wildcards
from cloud_sync.permissions import Grants
from cloud_sync.workflow import Workflow, schedule_name

POLICY = "CloudSyncOwner"
_WRITTEN = "c*"  # of the work bucket: certificates/ and catalogue/, for whose names there is no room


class OwnerPolicy(Construct):
    """The policy of one environment, named CloudSyncOwner with the environment's suffix."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        grants: Grants,
        functions: Functions,
        workflow: Workflow,
    ) -> None:
        super().__init__(scope, construct_id)
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=config.name(POLICY),
            description=f"Every verb of the command cloudsync, for Cloud Sync ({config.environment})",
            statements=[
                *_see_the_deployment(grants, functions, self._stack_arn(config), self._schedules(config)),
                *_use_runs(grants, functions, workflow),
                *_use_ledger(grants),
                *_use_buckets(grants),
                *_use_messages(grants),
                *grants.decrypt_through_s3(),
            ],
        )
        acknowledge_wildcards(self, _wildcards(grants, self._stack_arn(config)))

    def _stack_arn(self, config: Config) -> str:
        """A stack's ARN ends with an id that CloudFormation gives it."""
        name = f"{config.stack_name}/*"
        return Stack.of(self).format_arn(service="cloudformation", resource="stack", resource_name=name)

    def _schedules(self, config: Config) -> list[str]:
        stack = Stack.of(self)
        return [
            stack.format_arn(
                service="scheduler", resource="schedule", resource_name=f"default/{schedule_name(config, provider)}"
            )
            for provider in config.backed_up
        ]


def _see_the_deployment(
    grants: Grants, functions: Functions, stack_arn: str, schedules: list[str]
) -> list[iam.PolicyStatement]:
    """GetMetricData takes no resource, and DescribeAlarms wants to be allowed for all of them (CloudWatch API
    reference, DescribeAlarms)."""
    describe = [f"cloudformation:{action}" for action in ("DescribeStacks", "ListStackResources", "GetTemplate")]
    telling = (
        functions.media_lister, functions.video_downloader, functions.failure_recorder, functions.run_report,
        functions.archive_reconciler, functions.catalogue_writer,
    )  # fmt: skip  # the others say nothing of an item, and there is no room for them
    log_groups = [function.log_group.log_group_arn for function in telling if function]
    return [
        grants.allow("SeeTheStack", describe, stack_arn),
        grants.allow("SeeTheSchedules", ["scheduler:GetSchedule"], *schedules),
        grants.allow("SeeAlarmsAndMetrics", ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"], "*"),
        grants.allow("ReadTheLogs", ["logs:FilterLogEvents"], *log_groups),
    ]


def _use_runs(grants: Grants, functions: Functions, workflow: Workflow) -> list[iam.PolicyStatement]:
    """A token is renewed by its function, which alone can do so without losing it (console/operations/
    provider_session.py); so nobody else needs to move the labels of a secret's versions."""
    start = ["states:ListExecutions", "states:StartExecution"]
    secrets = [secret.attr_id for secret in grants.storage.credentials_secrets.values()]
    use = [
        f"secretsmanager:{a}" for a in ("DescribeSecret", "ListSecretVersionIds", "GetSecretValue", "PutSecretValue")
    ]
    read, renew = functions.video_downloader.function_arn, functions.media_authenticator.function_arn
    return [
        grants.allow("StartAndListRuns", start, workflow.state_machine.state_machine_arn),
        grants.allow("SeeRuns", ["states:DescribeExecution"], grants.executions_arn),
        grants.allow("UseTheCredentials", use, *secrets),
        grants.allow("SeeTheFunctions", ["lambda:GetFunctionConfiguration"], read),
        grants.allow("RenewTokens", ["lambda:InvokeFunction"], renew),
    ]


def _use_ledger(grants: Grants) -> list[iam.PolicyStatement]:
    """What is read is not told apart by rows, because `status --recount` and `verify` read all of them. No DeleteItem;
    a transaction needs PutItem alone."""
    table = grants.storage.ledger_table.table_arn
    read = [f"dynamodb:{action}" for action in ("BatchGetItem", "GetItem", "Query", "Scan")]
    rows = [f"{kind}#{provider.id}" for provider in grants.providers for kind in ("PROVIDER", "SETTINGS")]
    return [
        grants.allow("ReadTheLedger", read, table),
        grants.allow("SeeWhatIsNotArchived", ["dynamodb:Query"], f"{table}/index/not-archived"),
        grants.use_ledger("ChangeSettings", rows, "PutItem", "UpdateItem"),
    ]


def _use_buckets(grants: Grants) -> list[iam.PolicyStatement]:
    """HeadObject needs s3:GetObject, or s3:GetObjectVersion with the id of a version."""
    archive, work = grants.storage.archive_bucket, grants.storage.work_bucket
    written = work.arn_for_objects(_WRITTEN)
    objects = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListMultipartUploadParts"]
    see = [
        "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetLifecycleConfiguration",
        "s3:GetEncryptionConfiguration", "s3:GetBucketVersioning",
    ]  # fmt: skip
    return [
        grants.allow("SeeTheArchive", see, archive.bucket_arn),
        grants.allow("ReadTheArchive", objects, *grants.archived_objects),
        grants.allow("SeeTheWork", ["s3:ListBucket"], work.bucket_arn),
        grants.allow("ReadTheWork", ["s3:GetObject"], work.arn_for_objects("runs/*"), written),
        grants.allow("WriteTheWork", ["s3:PutObject"], written),
    ]


def _use_messages(grants: Grants) -> list[iam.PolicyStatement]:
    use = ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"]
    return [
        grants.allow("UseTheDeadLetters", [f"sqs:{a}" for a in use], grants.dead_letter_queue.queue_arn),
        grants.allow("SeeWhoGetsMails", ["sns:ListSubscriptionsByTopic"], grants.alerts_topic.topic_arn),
    ]


def _wildcards(grants: Grants, stack_arn: str) -> dict[str, str]:
    work = grants.storage.work_bucket
    return {
        "*": "CloudWatch's DescribeAlarms and GetMetricData take no narrower resource (CloudWatch API reference).",
        stack_arn: "CloudFormation gives a stack its id.",
        grants.executions_arn: "An execution gets its name when it starts.",
        work.arn_for_objects("runs/*"): "The key of a manifest contains the name of its run.",
        work.arn_for_objects(_WRITTEN): "Keys contain the date of a certificate, or a month or an item.",
    } | dict.fromkeys(grants.archived_objects, "The key of an object is made from what the provider lists.")
