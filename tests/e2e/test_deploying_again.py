"""A deployment can be repeated after a failure, and a stack can be deployed again after `cdk destroy`: what it left
behind is taken up, with all that it holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.audit import audit
from local.deployment import Deployment, settings_of
from local.emulator import Certificates, DeploymentError, Emulator, new_folder
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import RETRY_DELAY_SCALE, output_of

STACK = "CloudSync-local"
NOT_ARCHIVED = {"65a0f0c2b7e4d1a2c3b4000c": "original_unavailable"}  # the one whose original the provider does not have
STATE_MACHINE, ALIAS = "gopro-sync-orchestrator", "alias/gopro-sync"


class Stack:
    """The stack in an account of its own, which retains its data as it does in AWS."""

    def __init__(self, emulator: Emulator, provider_url: str) -> None:
        self.emulator = emulator
        self.context = {**settings_of(provider_url), "retain_data": "true", "catalogue_frames": "false"}

    def deploy(self, **context: str) -> Deployment:
        return Deployment(self.emulator, self.emulator.deploy({**self.context, **context}))

    def destroy(self) -> None:
        self.emulator.destroy(self.context)

    def adopt(self, *options: str) -> str:
        return self.emulator.adopt(self.context, *options)

    def status(self) -> str | None:
        """The status of the stack, or None when there is none."""
        stacks = self.emulator.client("cloudformation").get_paginator("describe_stacks").paginate()
        found = {stack["StackName"]: str(stack["StackStatus"]) for page in stacks for stack in page["Stacks"]}
        return found.get(STACK)


@pytest.fixture
def stack(certificates: Certificates, gopro: FakeGoPro) -> Iterator[Stack]:
    gopro.control.reset()
    folder = new_folder("e2e-again")
    with Emulator(folder, certificates, retry_delay_scale=RETRY_DELAY_SCALE) as emulator:
        yield Stack(emulator, gopro.base_url)
    shutil.rmtree(folder / "cdk.out", ignore_errors=True)


def names_left(emulator: Emulator) -> set[str]:
    """The resources of the account that have a fixed name, and the buckets."""
    found = {bucket["Name"] for bucket in emulator.client("s3").list_buckets()["Buckets"]}
    found |= set(emulator.client("dynamodb").list_tables()["TableNames"])
    found |= {secret["Name"] for secret in emulator.client("secretsmanager").list_secrets()["SecretList"]}
    found |= {function["FunctionName"] for function in emulator.client("lambda").list_functions()["Functions"]}
    found |= {group["logGroupName"] for group in emulator.client("logs").describe_log_groups()["logGroups"]}
    found |= set(emulator.client("sqs").list_queues().get("QueueUrls", []))
    found |= {topic["TopicArn"] for topic in emulator.client("sns").list_topics()["Topics"]}
    found |= {alias["AliasName"] for alias in emulator.client("kms").list_aliases()["Aliases"]}
    found |= {entry["DashboardName"] for entry in emulator.client("cloudwatch").list_dashboards()["DashboardEntries"]}
    found |= {entry["AlarmName"] for entry in emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    return {name for name in found if "cdk-" not in name and not name.startswith("alias/aws/")}


@contextmanager
def name_taken(emulator: Emulator) -> Iterator[None]:
    """Makes a deployment fail in its middle: meanwhile another state machine has the name of the stack's."""
    iam, states = emulator.client("iam"), emulator.client("stepfunctions")
    role = iam.create_role(RoleName="other", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = '{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}'
    other = states.create_state_machine(name=STATE_MACHINE, definition=definition, roleArn=role)["stateMachineArn"]
    yield
    assert states.describe_state_machine(stateMachineArn=other)["definition"] == definition
    states.delete_state_machine(stateMachineArn=other)
    iam.delete_role(RoleName="other")


def kept(deployment: Deployment) -> dict[str, Any]:
    """All that the stack keeps: every version of every object, every row and every version of the credentials."""
    versions = deployment.s3.list_object_versions(Bucket=deployment.archive_bucket)["Versions"]
    secret = deployment.secrets.get_secret_value(SecretId=deployment.secret)
    return {
        "buckets": (deployment.archive_bucket, deployment.work_bucket),
        "objects": sorted((entry["Key"], entry["VersionId"], entry["ETag"]) for entry in versions),
        "work": deployment.s3.list_objects_v2(Bucket=deployment.work_bucket)["KeyCount"],
        "rows": sorted(deployment.rows(), key=lambda row: (row["pk"], row["sk"])),
        "secret": (secret["ARN"], secret["VersionId"], secret["SecretString"]),
    }


def bytes_served(gopro: FakeGoPro) -> int:
    return sum(count for name, count in gopro.control.stats()["bytes_served"].items() if "source" in name)


@pytest.mark.parametrize("key", ["false", "true"], ids=["the key of AWS", "a key of its own"])
def test_a_stack_deployed_again_takes_up_all_that_the_deleted_one_left_and_moves_nothing(
    stack: Stack, gopro: FakeGoPro, key: str
) -> None:
    stack.context["customer_managed_key"] = key
    first = stack.deploy()
    first.store_credentials(account_of(gopro).oauth())
    assert output_of(first.run())["archived"] == 17
    before = kept(first)
    stack.destroy()
    assert stack.status() is None

    # A plain deployment stops at the first name that is taken. It loses nothing and leaves nothing of its own.
    left = names_left(stack.emulator)
    with pytest.raises(DeploymentError, match="already exists"):
        stack.deploy()
    assert names_left(stack.emulator) == left
    assert stack.status() == "ROLLBACK_COMPLETE"

    shown = stack.adopt("--list")
    assert all(name in shown for name in (*before["buckets"], before["secret"][0], first.ledger_table))
    assert stack.status() == "ROLLBACK_COMPLETE"  # to list changes nothing
    printed = stack.adopt()
    assert "cdk deploy -c environment=local" in printed
    assert stack.status() == "IMPORT_COMPLETE"
    second = stack.deploy()
    assert kept(second) == before

    served = bytes_served(gopro)
    assert output_of(second.run())["archived"] == 0
    assert bytes_served(gopro) == served
    assert kept(second)["objects"] == before["objects"]
    assert audit(second, gopro.control.originals(), not_archived=NOT_ARCHIVED) == []
    with pytest.raises(DeploymentError, match=r"exists \(UPDATE_COMPLETE\)"):
        stack.adopt()  # of a stack that exists nothing was left behind


def test_a_first_deployment_that_failed_leaves_nothing_and_can_be_repeated(stack: Stack, gopro: FakeGoPro) -> None:
    with name_taken(stack.emulator):
        with pytest.raises(DeploymentError, match="already exists"):
            stack.deploy()
        assert stack.status() == "ROLLBACK_COMPLETE"
        assert names_left(stack.emulator) == set()
    deployment = stack.deploy()
    deployment.store_credentials(account_of(gopro).oauth())
    assert output_of(deployment.run())["archived"] == 17


def test_an_update_that_failed_keeps_the_data_and_can_be_repeated(stack: Stack, gopro: FakeGoPro) -> None:
    deployment = stack.deploy()
    deployment.store_credentials(account_of(gopro).oauth())
    deployment.run()
    before = kept(deployment)
    kms = stack.emulator.client("kms")
    kms.create_alias(AliasName=ALIAS, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    changed = {"customer_managed_key": "true", "function_memory_mb": "300"}
    with pytest.raises(DeploymentError, match="already exists"):
        stack.deploy(**changed)
    assert stack.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert kept(deployment) == before
    kms.delete_alias(AliasName=ALIAS)
    assert kept(stack.deploy(**changed)) == before
