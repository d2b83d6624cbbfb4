"""The storage: the archive and its tiers, the work bucket, the ledger, the secrets with credentials, and the key."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.nag_suppressions import acknowledge
from cloud_sync.providers import Provider

# What expires in the work bucket, by prefix; certificates/ does not (provider_access/certificate.py).
RUNS, ACCESS_LOGS = "runs/", "access-logs/"


class Storage(Construct):
    """Buckets, table, secrets and key. With `retain_data` they are retained when the stack is deleted, but not when its
    creation fails: then they are empty, and their names would be in the way of the next attempt."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        retained = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE  # in a template: DeletionPolicy RetainExceptOnCreate
        self.removal_policy = retained if config.retain_data else RemovalPolicy.DESTROY
        # CloudFormation deletes empty buckets only. The emulator deletes the others, too, and needs no helper.
        self.auto_delete_objects = not config.retain_data and config.environment != "local"
        self.key = self._key(config) if config.customer_managed_key else None
        self.work_bucket = self._work_bucket(config)
        self.archive_bucket = self._archive_bucket(config)
        self._refuse_overwriting(self.archive_bucket)
        self.ledger_table = self._ledger_table(config)
        self.credentials_secrets = {p.id: self._credentials_secret(config, p) for p in config.backed_up}

    def _key(self, config: Config) -> kms.Key:
        """One key of our own for archive and alerts, so that its policy can be changed and its use is logged."""
        return kms.Key(
            self,
            "Key",
            alias=f"alias/{config.name('gopro-sync')}",
            description="Encrypts the video archive and the alerts of Cloud Sync",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
        )

    def _work_bucket(self, config: Config) -> s3.Bucket:
        """Manifests, map results and the access logs of the archive. They stay in S3 Standard until they expire;
        certificates never do."""
        return s3.Bucket(
            self,
            "WorkBucket",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the only kind that S3 can deliver access logs to
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=self.removal_policy,
            auto_delete_objects=self.auto_delete_objects,
            lifecycle_rules=_work_rules(config),
        )

    def _archive_bucket(self, config: Config) -> s3.Bucket:
        """The originals. Without a key of our own, S3 uses aws/s3, whose policy allows everybody in the account who may
        use the bucket (KMS developer guide, "AWS managed keys"), so that no role needs a KMS permission."""
        bucket = s3.Bucket(
            self,
            "ArchiveBucket",
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.KMS_MANAGED,
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
            auto_delete_objects=self.auto_delete_objects,
            server_access_logs_bucket=self.work_bucket,
            server_access_logs_prefix=ACCESS_LOGS,
            lifecycle_rules=_archive_rules(config),
        )
        _send_events(bucket)
        return bucket

    def _refuse_overwriting(self, bucket: s3.Bucket) -> None:
        """Nobody writes over an object, whoever has got hold of a role, nor with a key that only the writer has.
        Beginning an upload and its parts are exempt, because they make no object (S3 user guide, "Enforce conditional
        writes on Amazon S3 buckets")."""
        makes_an_object = {"Bool": {"s3:ObjectCreationOperation": "true"}}
        customer_key = "s3:x-amz-server-side-encryption-customer-algorithm"
        for sid, conditions in (
            ("NothingIsOverwritten", {**makes_an_object, "Null": {"s3:if-none-match": "true"}}),
            ("NoKeyOfTheWriter", {"Null": {customer_key: "false"}}),
        ):
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=["s3:PutObject"],
                    resources=[bucket.arn_for_objects("*")],
                    conditions=conditions,
                )
            )

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
            deletion_protection=config.termination_protection,
            removal_policy=self.removal_policy,
        )
        # Sparse: it has no row that is ARCHIVED. There is no other, because an index repeats the writes of its rows. An
        # update of a stack can create or delete only one (CloudFormation template reference, GlobalSecondaryIndexes).
        table.add_global_secondary_index(
            index_name="not-archived",
            partition_key=dynamodb.Attribute(name="not_archived", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="updated_at", type=dynamodb.AttributeType.STRING),
        )
        return table

    def _credentials_secret(self, config: Config, provider: Provider) -> secretsmanager.CfnSecret:
        """An empty secret: the owner stores its value afterwards, so that no template contains it."""
        secret = secretsmanager.CfnSecret(
            self,
            provider.construct_id("CredentialsSecret"),
            name=config.name(provider.secret),
            description=f"{provider.account} credentials, stored by `{config.verb(provider.connect)}`",
        )
        secret.apply_removal_policy(self.removal_policy)
        if not config.rotate_credentials_every_days:
            acknowledge(
                secret,
                "AwsSolutions-SMG4",
                f"{provider.title} issues these credentials; media-authenticator renews and stores them whenever they "
                "expire.",
            )
        return secret


def _send_events(bucket: s3.Bucket) -> None:
    """Its events go to EventBridge, which costs nothing for those of S3. The CDK's own property
    (`event_bridge_enabled`) would add a function that sets it, instead of the bucket's property."""
    resource = cast(s3.CfnBucket, bucket.node.default_child)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )


def _work_rules(config: Config) -> list[s3.LifecycleRule]:
    """A rule can name what expires, and cannot except anything (S3 user guide, "Lifecycle configuration elements")."""
    age = Duration.days(config.work_expires_after_days)
    return [
        s3.LifecycleRule(id="ExpireRuns", prefix=RUNS, expiration=age),
        s3.LifecycleRule(id="ExpireAccessLogs", prefix=ACCESS_LOGS, expiration=age),
        s3.LifecycleRule(
            id="EndUploads",
            abort_incomplete_multipart_upload_after=Duration.days(config.abort_uploads_after_days),
        ),
    ]


def _tiers(config: Config) -> list[tuple[s3.StorageClass, Duration]]:
    """Each storage class that an original moves to, and the age at which it does. With 0 days the transition stays, for
    any object that was not uploaded directly into Deep Archive."""
    steps = [(s3.StorageClass.DEEP_ARCHIVE, config.deep_archive_after_days)]
    if config.instant_retrieval_after_days is not None:
        steps.insert(0, (s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, config.instant_retrieval_after_days))
    return [(tier, Duration.days(days)) for tier, days in steps]


def _archive_rules(config: Config) -> list[s3.LifecycleRule]:
    """No rule deletes anything. An original that is replaced or deleted becomes a noncurrent version, which the first
    rule no longer moves; without the second it would stay in S3 Standard for ever."""
    tiers = _tiers(config)
    return [
        s3.LifecycleRule(
            id="Tiers",
            transitions=[s3.Transition(storage_class=tier, transition_after=after) for tier, after in tiers],
        ),
        s3.LifecycleRule(
            id="TiersOfOlderVersions",
            noncurrent_version_transitions=[
                s3.NoncurrentVersionTransition(storage_class=tier, transition_after=after) for tier, after in tiers
            ],
        ),
        s3.LifecycleRule(
            id="AbortStrayUploads",
            abort_incomplete_multipart_upload_after=Duration.days(config.abort_uploads_after_days),
        ),
    ]
