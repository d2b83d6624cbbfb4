"""CloudSyncRestorer: what `cloudsync restore` needs beside CloudSyncOwner.

The policy is one of its own because CloudSyncOwner is as long as IAM lets it be. It is attached to nobody. Its owner
starts restores, which cost money; the objects are read with CloudSyncOwner.
"""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.nag_suppressions import acknowledge_wildcards
from cloud_sync.permissions import Grants

POLICY = "CloudSyncRestorer"


class RestorerPolicy(Construct):
    """The policy of one environment, named CloudSyncRestorer with the environment's suffix."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, grants: Grants) -> None:
        super().__init__(scope, construct_id)
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=config.name(POLICY),
            description=f"restore, beside {config.name('CloudSyncOwner')}, for Cloud Sync ({config.environment})",
            statements=[
                grants.allow("StartRestores", ["states:StartExecution"], grants.restorer_arn),
                grants.allow(
                    "FollowRestores", ["states:DescribeExecution", "states:StopExecution"], grants.restores_arn
                ),
                grants.use_restore_jobs("PutItem", "UpdateItem", "BatchWriteItem"),
            ],
        )
        acknowledge_wildcards(self, {grants.restores_arn: "An execution gets its name when it starts."})
