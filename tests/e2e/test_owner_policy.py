"""A user who has nothing but CloudSyncOwner, and CloudSyncRestorer for `restore`, can use every verb, and each of their
statements is needed by one of them.

The statements come from the deployed policies, so that a new one without a verb here fails.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from console.main import VERBS
from local.aws_proxy import AwsProxy
from local.deep_archive import freeze
from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.test_console_reading import CLOUDSYNC
from tests.e2e.test_console_reading import environment as of_administrator
from tests.e2e.test_restore import written

USER, POLICY = "owner-for-a-test", "owner"
JOB, START = "restore-20261127T120000Z-0123", ["restore", "start", "ITEM", "--yes", "--max-usd", "1"]
MAY_NOT, SECONDS = "The AWS credentials may not do ", 180.0
# The verb that fails without a statement, and the permission that it names then.
NEEDED: dict[str, tuple[list[str], str]] = {
    "SeeTheStack": (["runs"], "cloudformation:DescribeStacks"),
    "SeeTheSchedules": (["status"], "scheduler:GetSchedule"),
    "SeeAlarmsAndMetrics": (["status"], "cloudwatch:DescribeAlarms"),
    "ReadTheLogs": (["doctor"], "logs:FilterLogEvents"),
    "StartAndListRuns": (["runs"], "states:ListExecutions"),
    "SeeRuns": (["runs"], "states:DescribeExecution"),
    "UseTheCredentials": (["status"], "secretsmanager:ListSecretVersionIds"),
    "SeeTheFunctions": (["plan"], "lambda:GetFunctionConfiguration"),
    "RenewTokens": (["doctor", "--renew"], "lambda:InvokeFunction"),
    "ReadTheLedger": (["status"], "dynamodb:Query"),
    "SeeWhatIsNotArchived": (["failures"], "dynamodb:Query"),
    "ChangeSettings": (["settings", "pause"], "dynamodb:PutItem"),
    "SeeTheArchive": (["doctor"], "s3:GetBucketVersioning"),
    "ReadTheArchive": (["doctor"], "s3:GetObject"),
    "SeeTheWork": (["doctor"], "s3:ListBucket"),
    "UseTheDeadLetters": (["doctor"], "sqs:GetQueueAttributes"),
    "SeeWhoGetsMails": (["doctor"], "sns:ListSubscriptionsByTopic"),
    "WriteTheWork": (["verify"], "s3:PutObject"),
    "UseTheRestoreJobs": ([*START, "--days", "9"], "dynamodb:BatchWriteItem"),
    "StartRestores": (START, "states:StartExecution"),
    "FollowRestores": (["restore", "status", JOB], "states:DescribeExecution"),
    "ReadTheWork": (["run", "--follow"], "s3:GetObject"),  # the last one: its run goes on
}
OF_THE_RESTORER = {"UseTheRestoreJobs", "StartRestores", "FollowRestores"}
# Each verb as it is used, and the exit codes that it may have: of the fake account, one video has no original.
USED: list[tuple[list[str], set[int]]] = [
    (["status"], {3}), (["status", "--recount"], {3}), (["runs"], {0}), (["list"], {0}), (["failures"], {0, 3}),
    (["show", "ITEM"], {0, 3}), (["plan"], {0}), (["cost"], {0}), (["cost", "--deep"], {0}), (["config"], {0}),
    (["settings", "show"], {0}), (["settings", "pause"], {0}), (["settings", "resume"], {0}),
    (["settings", "history"], {0}), (["doctor", "--renew"], {0, 3}), (["retry", "--all", "--yes"], {0}),
    (["run", "--follow"], {0, 3}), (["completion", "bash"], {0}),
    (["catalogue", "status"], {0, 3}), (["catalogue", "rebuild", "--yes"], {0}), (["list"], {0}),
    (["catalogue", "forget-places", "--yes"], {0}), (["export-map"], {0}), (["show", "ITEM"], {0, 3}),
    (["verify"], {3}), (["restore", "plan", "--everything"], {0}), (START, {0}), (["restore", "list"], {0}),
    (["restore", "status", "--latest"], {0, 3, 10}), (["restore", "cancel", JOB], {0}),
]  # fmt: skip
TRIED_ELSEWHERE = {
    "connect": "it stores by PutSecretValue, which `test_the_owner_stores_credentials` calls",
    "web": "its pages ask what these verbs ask (tests/integration/test_web_program.py)",
    "rebuild-ledger": "no policy allows it to write rows of items: an administrator does it (test_disaster.py)",
}


@dataclass(frozen=True)
class Owner:
    """A user with the statements of the deployed policies; `item` is a video of a run that has ended, in Deep Archive.
    There is a restore job that was never begun."""

    deployment: Deployment
    variables: dict[str, str]
    statements: list[dict[str, Any]]
    item: str

    @property
    def sids(self) -> set[str]:
        return {statement["Sid"] for statement in self.statements}

    def may_do(self, *, without: str = "") -> None:
        """The emulator enforces a policy from the next call on."""
        document = {"Version": "2012-10-17", "Statement": [s for s in self.statements if s["Sid"] != without]}
        self.deployment.emulator.client("iam").put_user_policy(
            UserName=USER, PolicyName=POLICY, PolicyDocument=json.dumps(document)
        )

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [self.item if word == "ITEM" else word for word in arguments]
        return subprocess.run(
            [*CLOUDSYNC, *words], env=self.variables, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, timeout=SECONDS,
        )  # fmt: skip


@pytest.fixture(scope="module")
def owner(deployed: Deployment, gopro: FakeGoPro, aws: AwsProxy) -> Iterator[Owner]:
    aws.rules.clear()
    gopro.control.reset()
    deployed.clear()
    deployed.store_credentials(account_of(gopro).oauth())
    assert deployed.run()["status"] == "SUCCEEDED"
    items = (row for row in deployed.rows("gopro") if row["sk"] == "ITEM")
    item = next(row["media_id"] for row in items if row["status"] == "ARCHIVED")
    written(deployed, JOB)
    for key in deployed.objects():
        if f"/{item}/" in key:
            freeze(deployed, key)
    iam = deployed.emulator.client("iam")
    iam.create_user(UserName=USER)
    key = iam.create_access_key(UserName=USER)["AccessKey"]
    authority = str(deployed.emulator.certificates.ca_bundle)
    variables = {
        **of_administrator(deployed), "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"], "GOPRO_API_BASE_URL": gopro.base_url,
        "SSL_CERT_FILE": authority, "PATH": os.environ["PATH"],
    }  # fmt: skip
    yield Owner(deployed, variables, deployed_statements(deployed), item)
    iam.delete_user_policy(UserName=USER, PolicyName=POLICY)
    iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=USER)


def deployed_statements(deployment: Deployment) -> list[dict[str, Any]]:
    names = ("OwnerPolicyArn", "RestorerPolicyArn")
    statements = [one for name in names for one in statements_of(deployment, deployment.outputs[name])]
    return [{**one, "Resource": _as_the_emulator_names(one["Resource"])} for one in statements]


def statements_of(deployment: Deployment, arn: str) -> list[dict[str, Any]]:
    iam = deployment.emulator.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found: Any = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    statements: list[dict[str, Any]] = (json.loads(found) if isinstance(found, str) else found)["Statement"]
    return statements


def _as_the_emulator_names(resource: str | list[str]) -> list[str]:
    """A log group's ARN ends with `:*` in a policy (CloudWatch Logs user guide, "CloudWatch Logs resources and
    operations"); the emulator compares it without."""
    arns = [resource] if isinstance(resource, str) else resource
    return [arn.removesuffix(":*") if ":logs:" in arn else arn for arn in arns]


def test_every_deployed_statement_has_a_verb_that_needs_it(owner: Owner) -> None:
    assert owner.sids == {*NEEDED}


@pytest.mark.parametrize("sid", NEEDED)
def test_without_this_statement_a_verb_names_the_permission_that_is_missing(owner: Owner, sid: str) -> None:
    arguments, permission = NEEDED[sid]
    owner.may_do(without=sid)
    refused = owner.types(*arguments)
    said = refused.stdout + refused.stderr
    assert refused.returncode in (3, 4) and f"{MAY_NOT}{permission}." in said, said
    policy = "CloudSyncRestorer" if sid in OF_THE_RESTORER else "CloudSyncOwner"
    assert policy in said and "Traceback" not in said


def test_every_verb_is_used(owner: Owner) -> None:
    assert {arguments[0] for arguments, _ in USED} | set(TRIED_ELSEWHERE) == set(VERBS)


@pytest.mark.parametrize(("arguments", "codes"), USED, ids=[" ".join(arguments) for arguments, _ in USED])
def test_with_the_policy_alone_this_verb_is_allowed_everything(
    owner: Owner, arguments: list[str], codes: set[int]
) -> None:
    owner.may_do()
    done = owner.types(*arguments)
    said = done.stdout + done.stderr
    assert MAY_NOT not in said and done.returncode in codes, said


def of_owner(owner: Owner, service: str) -> Any:
    key, secret = owner.variables["AWS_ACCESS_KEY_ID"], owner.variables["AWS_SECRET_ACCESS_KEY"]
    return owner.deployment.emulator.client(service, aws_access_key_id=key, aws_secret_access_key=secret)


def code_of(client: Any, operation: str, **arguments: Any) -> str:
    try:
        getattr(client, operation)(**arguments)
    except client.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


def test_the_owner_stores_credentials(owner: Owner) -> None:
    owner.may_do()
    secret, client = owner.deployment.secret, of_owner(owner, "secretsmanager")
    value = client.get_secret_value(SecretId=secret)["SecretString"]
    assert code_of(client, "put_secret_value", SecretId=secret, SecretString=value) == "allowed"


def test_the_owner_cannot_touch_what_is_archived_nor_what_runs_have_noted(owner: Owner) -> None:
    owner.may_do()
    archive, table = owner.deployment.archive_bucket, owner.deployment.ledger_table
    s3, dynamodb = of_owner(owner, "s3"), of_owner(owner, "dynamodb")
    place = {"Bucket": archive, "Key": next(iter(owner.deployment.objects()))}
    assert code_of(s3, "delete_object", **place) == "AccessDenied"
    assert code_of(s3, "put_object", **place) == "AccessDenied"
    row = {"pk": {"S": f"gopro#{owner.item}"}, "sk": {"S": "ITEM"}}
    assert code_of(dynamodb, "put_item", TableName=table, Item=row) == "AccessDeniedException"
    assert code_of(dynamodb, "delete_item", TableName=table, Key=row) == "AccessDeniedException"
