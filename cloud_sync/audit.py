"""The audit trail, for an environment with `audit_trail`: API calls in the account, and each access to an original."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.nag_suppressions import acknowledge
from cloud_sync.storage import Storage

DAYS_TO_KEEP = 365
DAYS_TO_KEEP_DELETED = 30  # somebody who deletes a file of the trail hides it, but it can be read for this long


class Audit(Construct):
    """A CloudTrail trail with a bucket of its own. Reading and changing the secret are management events (Secrets
    Manager user guide, "Log events with CloudTrail"), so the trail contains them, too."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, storage: Storage) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=storage.removal_policy,
            auto_delete_objects=storage.auto_delete_objects,
            lifecycle_rules=_expiry(),
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "The bucket is a log itself; logging the accesses to it would never end.",
        )
        _let_the_trail_write(bucket)
        trail = cloudtrail.Trail(
            self,
            "Trail",
            trail_name=config.name("gopro-sync"),
            bucket=_without_its_policy(self, bucket),
            enable_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=False,
        )
        trail.node.add_dependency(bucket)  # so that it is deleted, and writes no more, before the bucket is emptied
        trail.add_s3_event_selector(
            [cloudtrail.S3EventSelector(bucket=storage.archive_bucket)],
            read_write_type=cloudtrail.ReadWriteType.ALL,
            include_management_events=True,
        )


def _without_its_policy(scope: Construct, bucket: s3.Bucket) -> s3.IBucket:
    """The bucket by its name: the CDK would let CloudTrail write into it on behalf of any account."""
    return s3.Bucket.from_bucket_name(scope, "BucketByName", bucket.bucket_name)


def _let_the_trail_write(bucket: s3.Bucket) -> None:
    """CloudTrail looks at the bucket and writes into it, for this account only (CloudTrail user guide, "Amazon S3
    bucket policy for CloudTrail")."""
    account = Stack.of(bucket).account
    files = bucket.arn_for_objects(f"AWSLogs/{account}/*")
    for action, resource, more in (
        ("s3:GetBucketAcl", bucket.bucket_arn, {}),
        ("s3:PutObject", files, {"s3:x-amz-acl": "bucket-owner-full-control"}),
    ):
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
                actions=[action],
                resources=[resource],
                conditions={"StringEquals": {"aws:SourceAccount": account, **more}},
            )
        )


def _expiry() -> list[s3.LifecycleRule]:
    """In a bucket with versions, an expiration only puts a delete marker before the object. The second number deletes,
    and the second rule removes the markers that are left (S3 user guide, "Expiring objects"). S3 does not accept that
    in the same rule."""
    return [
        s3.LifecycleRule(
            id="ExpireTrail",
            expiration=Duration.days(DAYS_TO_KEEP),
            noncurrent_version_expiration=Duration.days(DAYS_TO_KEEP_DELETED),
        ),
        s3.LifecycleRule(id="RemoveDeleteMarkers", expired_object_delete_marker=True),
    ]
