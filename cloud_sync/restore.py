"""Restoring: the state machine whose definition is restore_workflow.asl.json, and the events of S3 that shorten its
waits."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.definition import restore_definition
from cloud_sync.functions import Functions
from cloud_sync.nag_suppressions import acknowledge_wildcards
from cloud_sync.state_machine import state_machine
from cloud_sync.storage import Storage
from cloud_sync.workflow import restorer_name, seconds_of

SECONDS_OF_AN_EVENT = 2 * 3600  # after which it is too late to shorten a wait


class Restore(Construct):
    """One state machine, which invokes one function."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, storage: Storage, functions: Functions
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = restorer_name(config)
        self.state_machine = self._state_machine(config, functions.archive_thawer)
        self._tell(config, storage, functions.archive_thawer)

    def _tell(self, config: Config, storage: Storage, function: lambda_.Function) -> None:
        """Has the function told what S3 has thawed. The CDK's own target would name the permission after the stack, and
        would let the rules of every account of that name invoke it."""
        rule = events.CfnRule(
            self,
            "RestoreCompleted",
            name=config.name("gopro-sync-restore-completed"),
            description="S3 has thawed an archived object",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Restore Completed"],
                "detail": {"bucket": {"name": [storage.archive_bucket.bucket_name]}},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="ArchiveThawer",
                    arn=function.function_arn,
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=SECONDS_OF_AN_EVENT, maximum_retry_attempts=2
                    ),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            "TellTheFunction",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="events.amazonaws.com",
            source_account=Stack.of(self).account,
            source_arn=rule.attr_arn,
        )

    def _state_machine(self, config: Config, function: lambda_.Function) -> sfn.StateMachine:
        definition = restore_definition({function.node.id: seconds_of(function.timeout)})
        machine = state_machine(self, config, self.name, definition, {function.node.id: function.function_arn})
        machine.add_to_role_policy(
            iam.PolicyStatement(
                sid="InvokeTheFunction", actions=["lambda:InvokeFunction"], resources=[function.function_arn]
            )
        )
        acknowledge_wildcards(
            self, {"*": "Log delivery and X-Ray actions take no resource (service authorization reference)."}
        )
        return machine
