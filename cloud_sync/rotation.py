"""Rotation of the credentials by Secrets Manager, each secret on a schedule of its own."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.storage import Storage


class Rotation(Construct):
    """The rotation schedules, and the permission with which Secrets Manager invokes credentials-rotator."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, storage: Storage, function: lambda_.Function
    ) -> None:
        super().__init__(scope, construct_id)
        permission = lambda_.CfnPermission(
            self,
            "SecretsManagerMayCall",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com").service,
            source_account=Stack.of(self).account,
        )
        for provider in config.backed_up:
            schedule = secretsmanager.CfnRotationSchedule(
                self,
                provider.construct_id("Schedule"),
                secret_id=storage.credentials_secrets[provider.id].attr_id,
                rotation_lambda_arn=function.function_arn,
                rotate_immediately_on_update=False,  # the secret is empty when the stack is created
                rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                    automatically_after_days=config.rotate_credentials_every_days
                ),
            )
            schedule.add_resource_dependency(permission)
