"""The stack: it combines the constructs and defines no resource itself."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, Tags
from constructs import Construct

from cloud_sync.audit import Audit
from cloud_sync.budget import Budget
from cloud_sync.checksum_jobs import ChecksumJobs
from cloud_sync.config import Config
from cloud_sync.functions import Functions
from cloud_sync.monitoring import Alerts, Monitoring
from cloud_sync.network import Network
from cloud_sync.owner_policy import OwnerPolicy
from cloud_sync.permissions import Grants
from cloud_sync.restore import Restore
from cloud_sync.restore_drill import RestoreDrill
from cloud_sync.restorer_policy import RestorerPolicy
from cloud_sync.rotation import Rotation
from cloud_sync.storage import Storage
from cloud_sync.template_metadata import template_metadata
from cloud_sync.workflow import Workflow, executions_arn, restorer_arn, restores_arn, schedule_name


class CloudSyncStack(Stack):
    """One environment of Cloud Sync."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Cloud Sync ({config.environment}): backs up videos into S3 Glacier Deep Archive",
            termination_protection=config.termination_protection,
        )
        storage = Storage(self, "Storage", config=config)
        alerts = Alerts(self, "Alerts", config=config, storage=storage)
        grants = Grants(
            storage,
            alerts.topic,
            alerts.dead_letter_queue,
            executions_arn(self, config),
            tuple(config.backed_up),
            restorer_arn(self, config),
            restores_arn(self, config),
            config.compares_contents,
        )
        network = Network(self, "Network", config=config) if config.private_network else None
        functions = Functions(self, "Functions", config=config, grants=grants, network=network)
        workflow = Workflow(self, "Workflow", config=config, storage=storage, functions=functions)
        restore = Restore(self, "Restore", config=config, storage=storage, functions=functions)
        Monitoring(
            self,
            "Monitoring",
            config=config,
            alerts=alerts,
            functions=functions,
            workflow=workflow,
            restore=restore,
            archive=storage.archive_bucket,
        )
        owner = OwnerPolicy(self, "Owner", config=config, grants=grants, functions=functions, workflow=workflow)
        restorer = RestorerPolicy(self, "Restorer", config=config, grants=grants)
        jobs = ChecksumJobs(self, "ChecksumJobs", config=config, grants=grants)
        if config.rotate_credentials_every_days:
            Rotation(self, "Rotation", config=config, storage=storage, function=functions.credentials_rotator)
        if functions.restore_prover:
            RestoreDrill(self, "RestoreDrill", config=config, function=functions.restore_prover, workflow=workflow)
        if config.audit_trail:
            Audit(self, "Audit", config=config, storage=storage)
        if config.monthly_budget_usd:
            Budget(self, "Budget", config=config)

        self.template_options.metadata = template_metadata(config)
        Tags.of(self).add("application", "cloud-sync")
        Tags.of(self).add("environment", config.environment)
        for name, value in {
            "ArchiveBucket": storage.archive_bucket.bucket_name,
            "WorkBucket": storage.work_bucket.bucket_name,
            "LedgerTable": storage.ledger_table.table_name,
            **{p.construct_id("CredentialsSecret"): storage.credentials_secrets[p.id].name for p in config.backed_up},
            "StateMachineArn": workflow.state_machine.state_machine_arn,
            "RestorerArn": restore.state_machine.state_machine_arn,
            "AlertsTopicArn": alerts.topic.topic_arn,
            "DeadLetterQueueUrl": alerts.dead_letter_queue.queue_url,
            **{p.construct_id("NightlySchedule"): schedule_name(config, p) for p in config.backed_up},
            "OwnerPolicyArn": owner.policy.managed_policy_arn,
            "RestorerPolicyArn": restorer.policy.managed_policy_arn,
            "VerifierPolicyArn": jobs.policy.managed_policy_arn,
            "ChecksumRoleArn": jobs.role.role_arn,
        }.items():
            CfnOutput(self, name, value=value or "")
