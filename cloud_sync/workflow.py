"""The state machine, whose definition is sync_workflow.asl.json, and the schedules that start it."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.definition import definition
from cloud_sync.functions import Functions
from cloud_sync.nag_suppressions import acknowledge, acknowledge_wildcards
from cloud_sync.providers import Provider
from cloud_sync.state_machine import state_machine
from cloud_sync.storage import Storage

WATCH_EVERY_HOURS = 12
RULE_OF_RUNS = "StepFunctionsGetEventsForStepFunctionsExecutionRule"  # Step Functions' own, one for the account


def state_machine_name(config: Config) -> str:
    return config.name("gopro-sync-orchestrator")


def schedule_name(config: Config, provider: Provider) -> str:
    return config.name(provider.named("gopro-sync-nightly"))


def executions_arn(scope: Construct, config: Config) -> str:
    """Matches every execution of the state machine. It is built from the name, because roles are created before it."""
    return _states_arn(scope, "execution", f"{state_machine_name(config)}:*")


def restorer_name(config: Config) -> str:
    return config.name("gopro-sync-restorer")


def restorer_arn(scope: Construct, config: Config) -> str:
    """The state machine that restores. It is built from the name, because roles are created before it."""
    return _states_arn(scope, "stateMachine", restorer_name(config))


def restores_arn(scope: Construct, config: Config) -> str:
    """Matches every execution of that state machine."""
    return _states_arn(scope, "execution", f"{restorer_name(config)}:*")


def _states_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


class Workflow(Construct):
    """The state machine of a run, and the schedules of each provider: nightly, and monthly to verify."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, storage: Storage, functions: Functions
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = state_machine_name(config)
        self.state_machine = self._state_machine(config, storage, functions)
        self.schedule_dead_letter_queue = self._schedule_dead_letter_queue(config)
        for provider in config.backed_up:
            self._schedule(config, provider)
            if config.verify_monthly:
                self._verification(config, provider)
        if config.is_watched:
            role = self._watch_role(functions).without_policy_updates()
            for provider in config.backed_up:
                self._watch(config, functions, provider, role)

    def _state_machine(self, config: Config, storage: Storage, functions: Functions) -> sfn.StateMachine:
        arns = {each.node.id: each.function_arn for each in functions.invoked_by_the_state_machine}
        substitutions = {**arns, "WorkBucket": storage.work_bucket.bucket_name}
        machine = state_machine(self, config, state_machine_name(config), _definition(config, functions), substitutions)
        for statement in self._statements(config, storage, functions):
            machine.add_to_role_policy(statement)
        return machine

    def _statements(self, config: Config, storage: Storage, functions: Functions) -> list[iam.PolicyStatement]:
        """What the state machine may do: invoke the functions, read the manifest, write the map's results and run its
        child executions (Step Functions developer guide, "IAM policies for using Distributed Map states"), and the runs
        of each provider, of whose end Step Functions learns by a rule of EventBridge (same guide, "Start a new state
        machine from a running execution")."""
        machine = _states_arn(self, "stateMachine", state_machine_name(config))
        # The guide's policy leaves out the map's label, but the ARN of a child has it; IAM may check either of them.
        children = [
            _states_arn(self, "execution", f"{state_machine_name(config)}{label}:*") for label in ("", "/EachBatch")
        ]
        work = storage.work_bucket.arn_for_objects("runs/*")
        acknowledge_wildcards(
            self,
            {
                "*": "Log delivery and X-Ray actions take no resource (service authorization reference).",
                work: "The keys of a manifest and of its map's results contain the name of the run.",
            }
            | dict.fromkeys(children, "A child execution gets its name when it starts."),
        )
        allow = iam.PolicyStatement
        return [
            allow(
                sid="InvokeTheFunctions",
                actions=["lambda:InvokeFunction"],
                resources=[function.function_arn for function in functions.invoked_by_the_state_machine],
            ),
            allow(
                sid="ReadTheManifestAndWriteTheResults",
                actions=["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                resources=[work],
            ),
            allow(sid="StartTheChildren", actions=["states:StartExecution"], resources=[machine]),
            allow(
                sid="FollowTheChildren",
                actions=["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
                resources=children,
            ),
            allow(
                sid="LearnThatARunHasEnded",
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                resources=[Stack.of(self).format_arn(service="events", resource="rule", resource_name=RULE_OF_RUNS)],
            ),
        ]

    def _schedule_dead_letter_queue(self, config: Config) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "ScheduleDeadLetterQueue",
            queue_name=config.name("gopro-sync-schedule-dlq"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(queue, "AwsSolutions-SQS3", "This queue is the dead-letter queue of the schedule.")
        return queue

    def _schedule(self, config: Config, provider: Provider) -> None:
        """Runs start side by side, a few minutes apart: nothing that becomes of one of them reaches another."""
        scheduler.Schedule(
            self,
            provider.construct_id("Schedule"),
            schedule_name=schedule_name(config, provider),
            description="Starts the nightly run of Cloud Sync",
            enabled=config.schedule_enabled,
            schedule=_expression(config, config.schedule_of(provider)),
            target=self._start({"provider": provider.id}),
        )

    def _verification(self, config: Config, provider: Provider) -> None:
        scheduler.Schedule(
            self,
            provider.construct_id("Verification"),
            schedule_name=config.name(provider.named("gopro-sync-verification")),
            description="Starts the monthly verification of Cloud Sync",
            enabled=config.schedule_enabled,
            schedule=_expression(config, config.verification_of(provider)),
            target=self._start({"provider": provider.id, "mode": "reconcile"}),
        )

    def _start(self, given: dict[str, str]) -> scheduler.IScheduleTarget:
        return targets.StepFunctionsStartExecution(
            self.state_machine,
            input=scheduler.ScheduleTargetInput.from_object(given),
            retry_attempts=5,
            max_event_age=Duration.hours(2),
            dead_letter_queue=self.schedule_dead_letter_queue,
        )

    def _watch(self, config: Config, functions: Functions, provider: Provider, role: iam.IRole) -> None:
        """Has the time since the last success measured. Its silence raises the alarm: it needs no dead-letter queue."""
        scheduler.Schedule(
            self,
            provider.construct_id("Watch"),
            schedule_name=config.name(provider.named("gopro-sync-watch")),
            description="Measures how long ago a run of Cloud Sync succeeded last",
            schedule=scheduler.ScheduleExpression.rate(Duration.hours(WATCH_EVERY_HOURS)),
            target=targets.LambdaInvoke(
                functions.run_report,
                role=role,
                input=scheduler.ScheduleTargetInput.from_object({"request": "watch", "provider": provider.id}),
                retry_attempts=5,
                max_event_age=Duration.hours(2),
            ),
        )

    def _watch_role(self, functions: Functions) -> iam.Role:
        """The role that the CDK would create by itself may invoke every version of the function too."""
        scheduler_service = iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        role = iam.Role(self, "WatchRole", assumed_by=scheduler_service)
        role.add_to_policy(
            iam.PolicyStatement(
                sid="InvokeRunReport",
                actions=["lambda:InvokeFunction"],
                resources=[functions.run_report.function_arn],
            )
        )
        return role


def _definition(config: Config, functions: Functions) -> dict[str, Any]:
    """The definition with the numbers that the environment sets (a substitution could only insert text)."""
    machine = definition({each.node.id: seconds_of(each.timeout) for each in functions.invoked_by_the_state_machine})
    machine["States"]["EachBatch"]["MaxConcurrency"] = config.max_concurrency
    if functions.catalogue_writer is None:
        _leave_out_the_catalogue(machine["States"])
    return machine


def _leave_out_the_catalogue(states: dict[str, Any]) -> None:
    """What leads to the catalogue leads to what comes after it."""
    after = states["IsCatalogueComplete"]["Default"]
    del states["Catalogue"], states["IsCatalogueComplete"]
    branches = [branch for state in states.values() for branch in (state, *state.get("Choices", []))]
    for branch in branches:
        if branch.get("Next") == "Catalogue":
            branch["Next"] = after


def seconds_of(timeout: Duration | None) -> int:
    return int((timeout or Duration.seconds(3)).to_seconds())  # 3 is Lambda's own default


def _expression(config: Config, text: str) -> scheduler.ScheduleExpression:
    return scheduler.ScheduleExpression.expression(text, time_zone=TimeZone.of(config.schedule_time_zone))
