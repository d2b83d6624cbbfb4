"""Adoption finds what a deleted stack left behind, and says in one sentence why it cannot take something up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.locks import read
from tests.synthesis import Synthesis
from tools.adoption.left_behind import AdoptionError, Choice, LeftBehind
from tools.adoption.stack_template import IDENTIFIERS, Part, StackTemplate, retain

REGION = "eu-west-3"
LOCATION = {"LocationConstraint": REGION}
ARCHIVE = "cloudsync-dev-storagearchivebucketc50834f0-1a2b3c4d5e6f"
ANOTHER = "cloudsync-dev-storagearchivebucketc50834f0-6f5e4d3c2b1a"
WORK = "cloudsync-dev-storageworkbucket99aec627-1a2b3c4d5e6f"
TABLE, SECRET = "gopro-sync-tracker", "gopro/credentials"
# Logical ids as `cdk synth` writes them; test_every_part_is_in_the_template_of_prod compares the beginnings.
PLAIN = {
    "StorageArchiveBucketC50834F0": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "StorageArchiveBucketPolicy32142AFF": {"Type": "AWS::S3::BucketPolicy", "Properties": {}},
    "StorageWorkBucket99AEC627": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "StorageLedgerTable795D73B2": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": TABLE}},
    "StorageCredentialsSecretFC2518EF": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": SECRET}},
}
WITH_A_KEY = PLAIN | {"StorageKeyBAA9457B": {"Type": "AWS::KMS::Key", "Properties": {}}}


class CloudFormation:
    """Answers for the stacks that a test names: status by name or id, and owner by resource."""

    def __init__(self) -> None:
        self.stacks: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.holds: list[str] = []  # the states of the resources of any stack

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        page = {"StackResourceSummaries": [{"ResourceStatus": status} for status in self.holds]}
        return Mock(paginate=Mock(return_value=[page]))

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName not in self.stacks:
            raise absent()
        return {"Stacks": [{"StackStatus": self.stacks[StackName]}]}

    def describe_stack_resources(self, PhysicalResourceId: str) -> dict[str, Any]:
        if PhysicalResourceId not in self.owners:
            raise absent()
        return {"StackResources": [{"StackId": self.owners[PhysicalResourceId]}]}


def absent() -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")


class Account:
    """An account with what a deleted stack leaves behind, and ways to spoil it."""

    def __init__(self) -> None:
        self.cloudformation = CloudFormation()
        self.s3, self.kms = boto3.client("s3", region_name=REGION), boto3.client("kms", region_name=REGION)
        self.secrets = boto3.client("secretsmanager", region_name=REGION)
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)

    def bucket(self, name: str) -> None:
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=LOCATION)  # type: ignore[arg-type]

    def archive(self, name: str, key: str | None = None, log_bucket: str = WORK) -> None:
        """An archive that is encrypted with the key, or with that of AWS, and logs into the work bucket."""
        self.bucket(name)
        encryption = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
        rules: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]}
        self.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)
        logging: Any = {"LoggingEnabled": {"TargetBucket": log_bucket, "TargetPrefix": "access-logs/"}}
        self.s3.put_bucket_logging(Bucket=name, BucketLoggingStatus=logging)

    def work(self, name: str = WORK) -> None:
        self.bucket(name)
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{name}/*",
        }
        self.s3.put_bucket_policy(Bucket=name, Policy=str({"Statement": [statement]}).replace("'", '"'))

    def ledger(self) -> None:
        self.dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def secret(self) -> str:
        return self.secrets.create_secret(Name=SECRET)["ARN"]

    def key(self) -> str:
        return self.kms.create_key()["KeyMetadata"]["KeyId"]

    def left(self, resources: dict[str, Any] = PLAIN, **choice: Any) -> LeftBehind:
        services: dict[str, Any] = {"cloudformation": self.cloudformation}
        template = StackTemplate("CloudSync-dev", resources)
        return LeftBehind(
            lambda name: services.get(name) or boto3.client(name, region_name=REGION),  # type: ignore[call-overload]
            REGION,
            template,
            Choice(**choice),
        )


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.fixture
def left_behind(account: Account) -> Account:
    """An account in which a stack with the key of AWS has left everything behind."""
    account.work()
    account.archive(ARCHIVE)
    account.ledger()
    account.secret()
    return account


def refusal(left: LeftBehind) -> str:
    with pytest.raises(AdoptionError) as caught:
        left.mapping()
    return str(caught.value)


def test_the_mapping_names_each_part_by_the_identifier_of_its_type(left_behind: Account) -> None:
    arn = left_behind.secrets.describe_secret(SecretId=SECRET)["ARN"]
    assert left_behind.left().mapping() == {
        "StorageArchiveBucketC50834F0": {"BucketName": ARCHIVE},
        "StorageWorkBucket99AEC627": {"BucketName": WORK},
        "StorageLedgerTable795D73B2": {"TableName": TABLE},
        "StorageCredentialsSecretFC2518EF": {"Id": arn},
    }


def test_the_key_is_the_one_that_encrypts_the_archive(account: Account) -> None:
    account.key()
    key = account.key()
    account.work()
    account.archive(ARCHIVE, key)
    account.ledger()
    assert account.left(WITH_A_KEY).parts()[Part.KEY] == key


@pytest.mark.parametrize("named", ["alias/aws/s3", f"arn:aws:kms:{REGION}:123456789012:alias/aws/s3"])
def test_the_key_that_aws_manages_is_no_key_to_take_up(account: Account, named: str) -> None:
    account.work()
    account.archive(ARCHIVE, named)
    account.ledger()
    assert set(account.left().parts()) == {Part.ARCHIVE, Part.WORK, Part.LEDGER}


def test_between_two_archives_it_does_not_guess(left_behind: Account) -> None:
    left_behind.archive(ANOTHER)
    said = refusal(left_behind.left())
    assert ARCHIVE in said and ANOTHER in said and "--archive NAME" in said
    assert left_behind.left(archive=ANOTHER).parts()[Part.ARCHIVE] == ANOTHER


def test_the_work_bucket_is_the_one_that_has_the_access_logs_of_the_archive(left_behind: Account) -> None:
    other = WORK.replace("1a2b", "ffff")
    left_behind.work(other)
    left_behind.archive(ANOTHER, log_bucket=other)
    assert left_behind.left(archive=ANOTHER).parts()[Part.WORK] == other
    assert left_behind.left(archive=ARCHIVE).parts()[Part.WORK] == WORK


def test_a_work_bucket_that_is_gone_is_named(left_behind: Account) -> None:
    left_behind.s3.delete_bucket(Bucket=WORK)
    assert f"aws s3 mb s3://{WORK}" in refusal(left_behind.left())


def test_buckets_of_other_environments_and_projects_are_no_candidates(left_behind: Account) -> None:
    for name in (ARCHIVE.replace("dev", "dev-2"), ARCHIVE.replace("dev", "prod"), "cloudsync-dev-storage-archive-x"):
        left_behind.bucket(name)
    assert left_behind.left().parts()[Part.ARCHIVE] == ARCHIVE


def test_a_logical_id_that_cloudformation_has_cut_is_recognised() -> None:
    template = StackTemplate("CloudSync-dev", PLAIN)
    assert template.generates(Part.ARCHIVE, "cloudsync-dev-storagearchivebucketc508-1a2b3c4d5e6f")
    assert not template.generates(Part.ARCHIVE, "cloudsync-dev-storage-1a2b3c4d5e6f")
    assert not template.generates(Part.ARCHIVE, WORK)


def test_nothing_left_behind_is_said_with_the_region(account: Account) -> None:
    assert f"left nothing behind in {REGION}" in refusal(account.left())


def test_a_missing_ledger_is_said_and_may_begin_empty(left_behind: Account) -> None:
    left_behind.dynamodb.delete_table(TableName=TABLE)
    said = refusal(left_behind.left())
    assert "no ledger table" in said and ARCHIVE in said and "--incomplete" in said
    assert Part.LEDGER not in left_behind.left(incomplete=True).parts()


def test_a_secret_that_is_scheduled_for_deletion_is_to_be_restored(left_behind: Account) -> None:
    left_behind.secrets.delete_secret(SecretId=SECRET)
    assert f"restore-secret --secret-id {SECRET}" in refusal(left_behind.left())


@pytest.mark.parametrize(
    ("spoil", "advice"),
    [("schedule_key_deletion", "cancel-key-deletion --key-id KEY && aws kms enable-key --key-id KEY`"),
     ("disable_key", "`aws kms enable-key --key-id KEY`")],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_to_be_made_usable(account: Account, spoil: str, advice: str) -> None:
    key = account.key()
    account.work()
    account.archive(ARCHIVE, key)
    getattr(account.kms, spoil)(KeyId=key)
    assert advice.replace("KEY", key) in refusal(account.left(WITH_A_KEY))


def test_a_key_that_is_gone_ends_it(account: Account) -> None:
    account.work()
    account.archive(ARCHIVE, "11111111-2222-3333-4444-555555555555")
    assert "does not exist any more" in refusal(account.left(WITH_A_KEY))


def test_an_archive_with_a_key_is_not_taken_up_without_it(account: Account) -> None:
    key = account.key()
    account.work()
    account.archive(ARCHIVE, key)
    said = refusal(account.left(PLAIN))
    assert key in said and "`customer_managed_key = true` into the environment's file" in said


def test_an_archive_without_a_key_is_not_taken_up_with_one(left_behind: Account) -> None:
    assert "-c customer_managed_key=false" in refusal(left_behind.left(WITH_A_KEY))


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_FAILED"])
def test_a_stack_that_exists_has_nothing_to_take_up(left_behind: Account, status: str) -> None:
    left_behind.cloudformation.stacks["CloudSync-dev"] = status
    with pytest.raises(AdoptionError, match=rf"exists \({status}\)"):
        left_behind.left().stack_to_delete()


def test_a_stack_whose_import_was_rolled_back_is_in_the_way_only_while_it_is_empty(left_behind: Account) -> None:
    left_behind.cloudformation.stacks["CloudSync-dev"] = "IMPORT_ROLLBACK_COMPLETE"
    left_behind.cloudformation.holds = ["DELETE_SKIPPED"]
    assert left_behind.left().stack_to_delete()
    left_behind.cloudformation.holds = ["DELETE_SKIPPED", "UPDATE_COMPLETE"]
    with pytest.raises(AdoptionError, match="nothing to take up"):
        left_behind.left().stack_to_delete()


def test_a_stack_that_could_not_be_deleted_is_to_be_deleted_again(left_behind: Account) -> None:
    left_behind.cloudformation.stacks["CloudSync-dev"] = "DELETE_FAILED"
    with pytest.raises(AdoptionError, match="Run `cdk destroy` again"):
        left_behind.left().stack_to_delete()


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stack_whose_creation_was_rolled_back_is_in_the_way_and_empty(left_behind: Account, status: str) -> None:
    assert not left_behind.left().stack_to_delete()
    left_behind.cloudformation.stacks["CloudSync-dev"] = status
    assert left_behind.left().stack_to_delete()


def test_a_resource_of_a_stack_that_exists_is_left_to_it(left_behind: Account) -> None:
    owner = "arn:aws:cloudformation:eu-west-3:000000000000:stack/Another/1234"
    left_behind.cloudformation.owners[TABLE] = owner
    left_behind.cloudformation.stacks[owner] = "UPDATE_COMPLETE"
    assert "belongs to the stack Another (UPDATE_COMPLETE)" in refusal(left_behind.left())
    left_behind.cloudformation.stacks[owner] = "DELETE_COMPLETE"
    assert left_behind.left().mapping()


def test_the_secrets_of_further_providers_are_taken_up_where_they_were_left(left_behind: Account) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "dropbox/credentials"}}
    both = PLAIN | {"StorageDropboxCredentialsSecret0123ABCD": secret}
    gopro = left_behind.left().mapping()
    assert left_behind.left(both).mapping() == gopro
    arn = left_behind.secrets.create_secret(Name="dropbox/credentials")["ARN"]
    assert left_behind.left(both).mapping() == gopro | {"StorageDropboxCredentialsSecret0123ABCD": {"Id": arn}}


def test_every_part_is_in_the_template_of_prod(synthesis: Synthesis) -> None:
    template = StackTemplate("CloudSync-prod", synthesis.of("prod").template["Resources"])
    assert all(template.logical_id(part) for part in Part)
    retained = {
        logical_id
        for logical_id, resource in template.resources.items()
        if resource.get("DeletionPolicy", "").startswith("Retain")
    }
    assert retained == {template.logical_id(part) for part in Part}
    assert set(IDENTIFIERS) == set(Part)


def test_the_environment_that_deploys_has_the_boto3_of_the_layer() -> None:
    assert read("requirements.txt")["boto3"] == read("lambda_layer/requirements.txt")["boto3"]


def test_an_import_that_is_rolled_back_deletes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "CloudSync-dev.template.json"
    policies = {name: {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"} for name in ("A", "B")}
    file.write_text(json.dumps({"Resources": policies, "Outputs": {"Kept": {}}}))
    retain(tmp_path, ["A"])
    written = json.loads(file.read_text())
    assert [written["Resources"][name]["DeletionPolicy"] for name in "AB"] == ["Retain", "RetainExceptOnCreate"]
    assert written["Outputs"] == {"Kept": {}}
