"""The storage: the archive and its tiers, the work bucket, the ledger, the secret with the credentials, and the key."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.nag_suppressions import acknowledge


class Storage(Construct):
    """Buckets, table, secret and key. They are retained when the stack is deleted, if `retain_data` is true."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.removal_policy = RemovalPolicy.RETAIN if config.retain_data else RemovalPolicy.DESTROY
        self.key = self._key(config)
        self.work_bucket = self._work_bucket(config)
        self.archive_bucket = self._archive_bucket(config)
        self.ledger_table = self._ledger_table(config)
        self.credentials_secret = self._credentials_secret(config)

    def _key(self, config: Config) -> kms.Key:
        """One customer managed key for archive and alerts, so that its policy can be audited and its use is logged."""
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{config.name('gopro-sync')}",
            description="Encrypts the video archive and the alerts of Cloud Sync",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
        )
        # CloudWatch alarms publish to the encrypted topic (SNS developer guide, "Key management").
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublishToTheEncryptedTopic",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
            )
        )
        return key

    def _work_bucket(self, config: Config) -> s3.Bucket:
        """Manifests, map results and the access logs of the archive. They stay in S3 Standard until they expire."""
        return s3.Bucket(
            self,
            "WorkBucket",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the only kind that S3 can deliver access logs to
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=self.removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireWork",
                    expiration=Duration.days(config.work_expires_after_days),
                    abort_incomplete_multipart_upload_after=Duration.days(config.abort_uploads_after_days),
                )
            ],
        )

    def _archive_bucket(self, config: Config) -> s3.Bucket:
        return s3.Bucket(
            self,
            "ArchiveBucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=True,
            object_lock_enabled=True if config.object_lock_days else None,
            object_lock_default_retention=s3.ObjectLockRetention.governance(Duration.days(config.object_lock_days))
            if config.object_lock_days
            else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=self.removal_policy,
            server_access_logs_bucket=self.work_bucket,
            server_access_logs_prefix="access-logs/",
            lifecycle_rules=[
                s3.LifecycleRule(id="Tiers", transitions=self._transitions(config)),
                s3.LifecycleRule(
                    id="AbortStrayUploads",
                    abort_incomplete_multipart_upload_after=Duration.days(config.abort_uploads_after_days),
                ),
            ],
        )

    def _transitions(self, config: Config) -> list[s3.Transition]:
        """With 0 days the transition stays, for any object that was not uploaded directly into Deep Archive."""
        steps = [(s3.StorageClass.DEEP_ARCHIVE, config.deep_archive_after_days)]
        if config.instant_retrieval_after_days is not None:
            steps.insert(0, (s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, config.instant_retrieval_after_days))
        return [s3.Transition(storage_class=tier, transition_after=Duration.days(days)) for tier, days in steps]

    def _ledger_table(self, config: Config) -> dynamodb.Table:
        """One row for each media item and one for each of its sources; docs/design.md describes them."""
        table = dynamodb.Table(
            self,
            "LedgerTable",
            table_name=config.name("gopro-sync-tracker"),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=config.retain_data,
            removal_policy=self.removal_policy,
        )
        # Sparse indexes: the first has no row that is ARCHIVED, the second only rows that a run has changed.
        for index, partition in (("not-archived", "not_archived"), ("by-run", "run_id")):
            table.add_global_secondary_index(
                index_name=index,
                partition_key=dynamodb.Attribute(name=partition, type=dynamodb.AttributeType.STRING),
                sort_key=dynamodb.Attribute(name="updated_at", type=dynamodb.AttributeType.STRING),
            )
        return table

    def _credentials_secret(self, config: Config) -> secretsmanager.CfnSecret:
        """An empty secret: the owner stores its value with the AWS CLI, so that no template contains it."""
        secret = secretsmanager.CfnSecret(
            self,
            "CredentialsSecret",
            name=config.name("gopro/credentials"),
            description="GoPro Cloud credentials; the README says how to store them",
        )
        secret.apply_removal_policy(self.removal_policy)
        if not config.rotate_credentials_every_days:
            acknowledge(
                secret,
                "AwsSolutions-SMG4",
                "GoPro issues these credentials; media-authenticator renews and stores them whenever they expire.",
            )
        return secret
