"""Least privilege: each role can do its work and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of
from tests.e2e.roles import call, probing

type Inbox = Callable[[], list[dict[str, str]]]


@pytest.fixture
def probe(deployment: Deployment) -> Iterator[Callable[..., str]]:
    """`probe(function, service, call, **arguments)`: the result of a call with that function's role."""
    with probing(deployment) as ask:

        def one(function: str, service: str, name: str, **arguments: Any) -> str:
            (result,) = ask(function, call(service, name, **arguments))
            return result

        yield one


def test_the_downloader_may_write_the_archive_but_not_delete_from_it(
    deployment: Deployment, probe: Callable[..., str]
) -> None:
    place = {"Bucket": deployment.archive_bucket, "Key": "gopro/probe"}
    assert probe("video-downloader", "s3", "put_object", **place, IfNoneMatch="*") == "allowed"
    assert probe("video-downloader", "s3", "put_object", **place) == "AccessDenied"  # it would write over an object
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    assert probe("video-downloader", "s3", "put_object", **place, **key, IfNoneMatch="*") == "AccessDenied"
    assert probe("video-downloader", "s3", "delete_object", **place) == "AccessDenied"
    assert probe("video-downloader", "s3", "put_object", Bucket=deployment.work_bucket, Key="runs/x") == "AccessDenied"
    assert probe("video-downloader", "s3", "put_bucket_versioning", Bucket=deployment.archive_bucket,
                 VersioningConfiguration={"Status": "Suspended"}) == "AccessDenied"  # fmt: skip


@pytest.mark.parametrize("function", ["media-authenticator", "media-lister", "failure-recorder", "run-report"])
def test_no_other_function_may_touch_the_archive(
    deployment: Deployment, probe: Callable[..., str], function: str
) -> None:
    place = {"Bucket": deployment.archive_bucket, "Key": "gopro/probe"}
    assert probe(function, "s3", "put_object", **place) == "AccessDenied"
    assert probe(function, "s3", "get_object", **place) == "AccessDenied"


def test_the_reconciler_may_see_what_is_archived_and_change_nothing(
    deployment: Deployment, probe: Callable[..., str]
) -> None:
    place = {"Bucket": deployment.archive_bucket, "Key": "gopro/probe"}
    deployment.s3.put_object(**place, Body=b"x")
    row = {"TableName": deployment.ledger_table, "Key": {"pk": {"S": "x"}, "sk": {"S": "x"}}}
    assert probe("archive-reconciler", "s3", "head_object", **place) == "allowed"
    assert probe("archive-reconciler", "dynamodb", "scan", TableName=deployment.ledger_table) == "allowed"
    assert probe("archive-reconciler", "s3", "put_object", **place) == "AccessDenied"
    assert probe("archive-reconciler", "s3", "delete_object", **place) == "AccessDenied"
    certificate = {"Bucket": deployment.work_bucket, "Key": "certificates/made-by-a-test.txt"}
    assert probe("archive-reconciler", "s3", "put_object", **certificate) == "allowed"
    assert probe("archive-reconciler", "s3", "delete_object", **certificate) == "AccessDenied"
    assert probe("archive-reconciler", "dynamodb", "delete_item", **row) == "AccessDeniedException"
    assert probe("media-lister", "dynamodb", "scan", TableName=deployment.ledger_table) == "AccessDeniedException"


def test_a_function_writes_only_its_own_rows_of_the_ledger(deployment: Deployment, probe: Callable[..., str]) -> None:
    def write(function: str, pk: str) -> str:
        row = {"TableName": deployment.ledger_table, "Key": {"pk": {"S": pk}, "sk": {"S": "probe"}}}
        return probe(function, "dynamodb", "update_item", **row)

    refused = "AccessDeniedException"
    assert write("video-downloader", "gopro#probe") == "allowed"
    assert write("video-downloader", "RUN#probe") == refused
    for function in ("media-authenticator", "archive-reconciler", "run-report"):
        assert (write(function, "PROVIDER#gopro"), write(function, "gopro#probe")) == ("allowed", refused)


def test_only_the_authenticator_may_change_the_credentials(deployment: Deployment, probe: Callable[..., str]) -> None:
    change = {"SecretId": deployment.secret, "SecretString": "{}"}
    assert probe("media-authenticator", "secretsmanager", "put_secret_value", **change) == "allowed"
    assert probe("media-lister", "secretsmanager", "put_secret_value", **change) == "AccessDeniedException"
    assert probe("video-downloader", "secretsmanager", "put_secret_value", **change) == "AccessDeniedException"
    assert (
        probe("run-report", "secretsmanager", "get_secret_value", SecretId=deployment.secret) == "AccessDeniedException"
    )


def test_no_function_may_read_another_secret(deployment: Deployment, probe: Callable[..., str]) -> None:
    other = deployment.secrets.create_secret(Name="somebody/else", SecretString="{}")["ARN"]
    try:
        for function in ("media-authenticator", "media-lister", "video-downloader"):
            answer = probe(function, "secretsmanager", "get_secret_value", SecretId=other)
            assert answer == "AccessDeniedException"
    finally:
        deployment.secrets.delete_secret(SecretId=other, ForceDeleteWithoutRecovery=True)


def test_no_function_may_delete_from_the_ledger_or_write_outside_runs(
    deployment: Deployment, probe: Callable[..., str]
) -> None:
    row = {"TableName": deployment.ledger_table, "Key": {"pk": {"S": "x"}, "sk": {"S": "x"}}}
    for function in ("media-authenticator", "media-lister", "video-downloader", "failure-recorder", "run-report"):
        assert probe(function, "dynamodb", "delete_item", **row) == "AccessDeniedException"
    assert probe("media-lister", "s3", "put_object", Bucket=deployment.work_bucket, Key="other/x") == "AccessDenied"


def test_a_run_without_a_permission_fails_with_one_sentence_and_leaves_nothing_incomplete(
    deployment: Deployment, inbox: Inbox, gopro: FakeGoPro
) -> None:
    iam = deployment.emulator.client("iam")
    role = deployment.emulator.client("lambda").get_function_configuration(FunctionName="video-downloader")["Role"]
    role_name = role.rpartition("/")[2]
    (policy_name,) = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
    reduced = {**document, "Statement": [s for s in document["Statement"] if s.get("Sid") != "WriteTheArchive"]}
    assert len(reduced["Statement"]) == len(document["Statement"]) - 1
    iam.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=json.dumps(reduced))
    try:
        description = deployment.run()
    finally:
        iam.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=json.dumps(document))
    assert (description["status"], description["error"]) == ("FAILED", "ConfigurationError")
    assert "may not do this: writing" in description["cause"]
    (alert,) = inbox()
    assert description["cause"] in alert["Message"]
    assert deployment.objects() == {}
    assert output_of(deployment.run())["archived"] == 17  # with the permission back, the next run succeeds
