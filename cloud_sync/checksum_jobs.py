"""What `cloudsync verify --deep` needs: the role by which S3 Batch Operations reads the archive, and CloudSyncVerifier.

The policy is one of its own because CloudSyncOwner is as long as IAM lets it be. It is attached to nobody.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.nag_suppressions import acknowledge_wildcards
from cloud_sync.permissions import Grants

POLICY = "CloudSyncVerifier"
_SERVICE = "batchoperations.s3.amazonaws.com"
_FILES = "certificates/deep/*"  # manifests and reports (console/operations/deep.py)


class ChecksumJobs(Construct):
    """A job can do no more than the role that it gets: read archived objects, and write its report."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, grants: Grants) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                _SERVICE, conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
        )
        for statement in _of_the_role(grants):
            self.role.add_to_policy(statement)
        jobs = stack.format_arn(service="s3", resource="job", resource_name="*")
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=config.name(POLICY),
            description=f"verify --deep, beside {config.name('CloudSyncOwner')}, for Cloud Sync ({config.environment})",
            statements=_of_the_owner(grants, self.role, jobs),
        )
        acknowledge_wildcards(self, _wildcards(grants, jobs))


def _of_the_role(grants: Grants) -> list[iam.PolicyStatement]:
    """S3 user guide, "Granting permissions for Batch Operations": the objects, the manifest and the report. The policy
    of a key of our own leaves it to the account's policies who may use the key."""
    work, archived = grants.storage.work_bucket, grants.archived_objects
    return [
        grants.allow("ReadTheArchive", ["s3:GetObject", "s3:GetObjectVersion"], *archived),
        grants.allow("ReadManifestsAndWriteReports", ["s3:GetObject", "s3:PutObject"], work.arn_for_objects(_FILES)),
        *grants.decrypt_through_s3(),
    ]


def _of_the_owner(grants: Grants, role: iam.Role, jobs: str) -> list[iam.PolicyStatement]:
    """CreateJob takes no resource (service authorization reference, Amazon S3)."""
    hand_over = grants.allow("HandOverTheRole", ["iam:PassRole"], role.role_arn)
    hand_over.add_condition("StringEquals", {"iam:PassedToService": _SERVICE})
    return [
        grants.allow("StartJobs", ["s3:CreateJob"], "*"),
        grants.allow("SeeJobs", ["s3:DescribeJob"], jobs),
        hand_over,
    ]


def _wildcards(grants: Grants, jobs: str) -> dict[str, str]:
    return {
        "*": "S3's CreateJob takes no resource; what a job may do is what its role may do.",
        jobs: "S3 gives a job its id when it is created.",
        grants.storage.work_bucket.arn_for_objects(_FILES): "The keys of manifests and reports contain dates and ids.",
    } | dict.fromkeys(grants.archived_objects, "The key of an object is made from what the provider lists.")
