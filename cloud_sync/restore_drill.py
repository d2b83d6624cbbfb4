"""The restore drill of each quarter, where the environment wants it: the state machine whose definition is
restore_drill.asl.json, and its schedule."""

from __future__ import annotations

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.definition import drill_definition
from cloud_sync.nag_suppressions import acknowledge_wildcards
from cloud_sync.state_machine import state_machine
from cloud_sync.workflow import RULE_OF_RUNS, Workflow, restorer_arn, restores_arn, seconds_of

QUARTERLY = "cron(30 15 1 1,4,7,10 ? *)"  # by day, as verifications are; a drill disturbs no run


class RestoreDrill(Construct):
    """One state machine, which invokes restore-prover and starts the restorer, and its schedule."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, function: lambda_.Function, workflow: Workflow
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = config.name("gopro-sync-restore-drill")
        self.state_machine = self._state_machine(config, function)
        scheduler.Schedule(
            self,
            "Schedule",
            schedule_name=self.name,
            description="Starts the restore drill of a quarter of Cloud Sync",
            enabled=config.schedule_enabled,
            schedule=scheduler.ScheduleExpression.expression(
                QUARTERLY, time_zone=TimeZone.of(config.schedule_time_zone)
            ),
            target=targets.StepFunctionsStartExecution(
                self.state_machine,
                input=scheduler.ScheduleTargetInput.from_object({}),
                retry_attempts=5,
                max_event_age=Duration.hours(2),
                dead_letter_queue=workflow.schedule_dead_letter_queue,
            ),
        )

    def _state_machine(self, config: Config, function: lambda_.Function) -> sfn.StateMachine:
        definition = drill_definition({function.node.id: seconds_of(function.timeout)})
        substitutions = {function.node.id: function.function_arn, "Restorer": restorer_arn(self, config)}
        machine = state_machine(self, config, self.name, definition, substitutions)
        for statement in self._statements(config, function):
            machine.add_to_role_policy(statement)
        return machine

    def _statements(self, config: Config, function: lambda_.Function) -> list[iam.PolicyStatement]:
        """To invoke the function, and to run the restorer and learn of its end by Step Functions' own rule (Step
        Functions developer guide, "Start a new state machine from a running execution")."""
        restores = restores_arn(self, config)
        acknowledge_wildcards(
            self,
            {
                "*": "Log delivery and X-Ray actions take no resource (service authorization reference).",
                restores: "An execution gets its name when it starts.",
            },
        )
        rule = Stack.of(self).format_arn(service="events", resource="rule", resource_name=RULE_OF_RUNS)
        allow = iam.PolicyStatement
        return [
            allow(sid="InvokeTheFunction", actions=["lambda:InvokeFunction"], resources=[function.function_arn]),
            allow(sid="StartARestore", actions=["states:StartExecution"], resources=[restorer_arn(self, config)]),
            allow(
                sid="FollowTheRestore",
                actions=["states:DescribeExecution", "states:StopExecution"],
                resources=[restores],
            ),
            allow(
                sid="LearnThatARestoreHasEnded",
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                resources=[rule],
            ),
        ]
