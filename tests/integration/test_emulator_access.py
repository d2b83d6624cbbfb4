"""Only the user who started it, with the keys of this deployment, gets into the emulator."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local import peers
from local.emulator import ACCOUNT, EMULATOR_PYTHON, FUNCTION_PYTHON, REGION, Certificates, Emulator, RootKeys
from tests.installed import installed
from tests.ledger_table import LEDGER_TABLE, TABLE

REFUSED = {"UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied",
           "InvalidSignatureException", "MissingAuthenticationToken", "InvalidAccessKeyId"}  # fmt: skip
ROLE = {"RoleName": "mine", "AssumeRolePolicyDocument": "{}"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "iam": ("create_role", ROLE),
    "sts": ("get_caller_identity", {}),
    "s3": ("list_buckets", {}),
    "lambda": ("list_functions", {}),
    "dynamodb": ("list_tables", {}),
    "secretsmanager": ("list_secrets", {}),
    "cloudformation": ("describe_stacks", {}),
    "stepfunctions": ("list_state_machines", {}),
    "sqs": ("list_queues", {}),
    "logs": ("describe_log_groups", {}),
    "cognito-idp": ("list_user_pools", {"MaxResults": 1}),
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    installed(str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    folder = tmp_path_factory.mktemp("emulator")
    with Emulator(folder, Certificates(folder)) as emulator:
        yield emulator


def client(emulator: Emulator, service: str, key_id: str, secret_key: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, **({} if key_id else {"signature_version": UNSIGNED}))
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=emulator.endpoint, region_name=REGION, verify=str(emulator.certificates.ca_bundle), config=config,
        aws_access_key_id=key_id or None, aws_secret_access_key=secret_key or None,
    )  # fmt: skip


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSED
    return False


@pytest.mark.parametrize("service", sorted(CALLS))
def test_the_keys_of_the_deployment_are_the_administrators(emulator: Emulator, service: str) -> None:
    operation, arguments = CALLS[service]
    assert getattr(emulator.client(service), operation)(**arguments)


@pytest.mark.parametrize("service", sorted(CALLS))
@pytest.mark.parametrize("keys", ["test", "the account's number", "another secret", "other keys", "none"])
def test_nobody_else_is_root(emulator: Emulator, service: str, keys: str) -> None:
    given = {
        "test": ("test", "test"),
        "the account's number": (ACCOUNT, "test"),
        "another secret": (emulator.keys.key_id, "test"),
        "other keys": (RootKeys().key_id, emulator.keys.secret_key),
        "none": ("", ""),
    }[keys]
    operation, arguments = CALLS[service]
    assert refused(lambda: getattr(client(emulator, service, *given), operation)(**arguments))


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_link_needs_the_keys_too(emulator: Emulator, version: str) -> None:
    emulator.client("s3").create_bucket(
        Bucket=f"links-{version}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    emulator.client("s3").put_object(Bucket=f"links-{version}", Key="one", Body=b"1")
    statuses = []
    for keys in (("test", "test"), (emulator.keys.key_id, "test"), (emulator.keys.key_id, emulator.keys.secret_key)):
        signing = boto3.client(
            "s3", endpoint_url=emulator.endpoint, region_name=REGION, config=Config(signature_version=version),
            aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
        )  # fmt: skip
        link = signing.generate_presigned_url("get_object", Params={"Bucket": f"links-{version}", "Key": "one"})
        statuses.append(ask(emulator, "GET", link.removeprefix(emulator.endpoint)))
    assert statuses == [403, 403, 200]


def ask(emulator: Emulator, method: str, path: str, **headers: str) -> int:
    context = emulator.certificates.client_context()
    connection = http.client.HTTPSConnection("127.0.0.1", emulator.port, context=context, timeout=20)
    connection.request(method, path, headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/_ministack/reset"), ("POST", "/_ministack/reset?init=1"), ("POST", "/_ministack/config"),
     ("GET", "/_ministack/sqs/messages"), ("GET", "/_ministack/ses/messages"), ("GET", "/_ministack/health"),
     ("GET", "/_ministack/lambda-code/media-lister"), ("GET", "/_ministack/sns/sms-messages"),
     ("GET", "/_localstack/health"), ("POST", "/_ministack/rds/iam-auth"), ("GET", "/_ministack/iot/ca.pem"),
     ("POST", "/_ministack/eks-auth/x"), ("GET", "/_ministack/../_ministack/health"), ("OPTIONS", "/"), ("GET", "/"),
     ("GET", "/oauth2/authorize"), ("GET", "/health")],
)  # fmt: skip
def test_the_emulators_own_administration_is_closed(emulator: Emulator, method: str, path: str) -> None:
    assert ask(emulator, method, path) == 403


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_ministack/sqs/messages"])
def test_a_key_in_the_header_does_not_open_the_administration(emulator: Emulator, path: str) -> None:
    claimed = f"AWS4-HMAC-SHA256 Credential={emulator.keys.key_id}/20260101/{REGION}/s3/aws4_request"
    assert ask(emulator, "POST", path, Authorization=claimed) == 403


def test_a_websocket_is_not_opened(emulator: Emulator) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    status = ask(
        emulator, "GET", "/_aws/execute-api/a/b", **upgrade, **{"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    )
    assert status == 403


def test_every_emulator_has_keys_of_its_own_that_no_text_shows(emulator: Emulator) -> None:
    keys = RootKeys()
    assert keys != emulator.keys
    assert len(keys.secret_key) >= 40
    assert keys.secret_key not in repr(keys)
    assert emulator.keys.secret_key not in emulator.log_file.read_text()


def test_a_function_has_keys_that_cannot_be_computed_and_not_those_of_the_administrator(tmp_path: Path) -> None:
    """In the emulator's own environment, where the launcher has closed the gap."""
    script = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
os.environ.update(AUTH="true", MINISTACK_ACCOUNT_ID="000000000000")
os.environ.update(CLOUD_SYNC_ROOT_KEY_ID="AKIA", CLOUD_SYNC_ROOT_SECRET_KEY="secret")
import emulator_access as access
from ministack.core import lambda_runtime
config = {"FunctionArn": "arn:aws:lambda:eu-west-3:000000000000:function:f", "Role": "arn:aws:iam::000000000000:role/r"}
before = lambda_runtime.execution_credentials(config)
for gap in access.ACCESS_GAPS:
    gap()
after = [lambda_runtime.execution_credentials(config) for _ in range(2)]
print(json.dumps([before, *after, sorted(name for name in os.environ if "CLOUD_SYNC" in name)]))
"""
    command = [str(EMULATOR_PYTHON), "-W", "ignore", "-c", script, str(Path(peers.__file__).parent)]
    runs = [json.loads(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout) for _ in "12"]
    (upstream, first, again, left), (_, other, _, _) = runs
    assert first == again
    assert not set(first.values()) & set(upstream.values())
    assert not set(first.values()) & set(other.values())
    assert left == []


# Which rows a request names


def key_of(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "ITEM"}}


NAMED: dict[str, Callable[[str], dict[str, Any]]] = {
    "get_item": lambda pk: {"TableName": TABLE, "Key": key_of(pk)},
    "put_item": lambda pk: {"TableName": TABLE, "Item": key_of(pk)},
    "delete_item": lambda pk: {"TableName": TABLE, "Key": key_of(pk)},
    "batch_get_item": lambda pk: {"RequestItems": {TABLE: {"Keys": [key_of("gopro#1"), key_of(pk)]}}},
    "batch_write_item": lambda pk: {
        "RequestItems": {TABLE: [{"PutRequest": {"Item": key_of("gopro#1")}}, {"DeleteRequest": {"Key": key_of(pk)}}]}
    },
    "transact_get_items": lambda pk: {"TransactItems": [{"Get": {"TableName": TABLE, "Key": key_of(pk)}}]},
    "transact_write_items": lambda pk: {
        "TransactItems": [{"Put": {"TableName": TABLE, "Item": key_of("gopro#1")}},
                          {"Delete": {"TableName": TABLE, "Key": key_of(pk)}}]
    },
    "query": lambda pk: {
        "TableName": TABLE, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def limited(emulator: Emulator) -> Any:
    """DynamoDB for a user who may use the rows of one provider."""
    emulator.client("dynamodb").create_table(**LEDGER_TABLE)
    iam = emulator.client("iam")
    iam.create_user(UserName="limited")
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["gopro#*"]}}
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": condition}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="limited", PolicyName="limited", PolicyDocument=policy)
    keys = iam.create_access_key(UserName="limited")["AccessKey"]
    return client(emulator, "dynamodb", keys["AccessKeyId"], keys["SecretAccessKey"])


@pytest.mark.parametrize("operation", sorted(NAMED))
def test_a_policy_sees_which_rows_a_request_names(emulator: Emulator, limited: Any, operation: str) -> None:
    assert getattr(limited, operation)(**NAMED[operation]("gopro#2"))
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(limited, operation)(**NAMED[operation]("dropbox#1"))
    assert getattr(emulator.client("dynamodb"), operation)(**NAMED[operation]("dropbox#1"))


@pytest.mark.parametrize("body", ["", "no JSON", '{"Key": {"pk": 7}}', '{"TransactItems": [7]}'])
def test_what_is_no_request_of_dynamodbs_is_refused_and_no_fault_of_the_emulator(
    emulator: Emulator, limited: Any, body: str
) -> None:
    def replace(request: Any, **_: Any) -> None:
        request.data = body.encode()

    own = emulator.client("dynamodb")
    own.meta.events.register("before-sign.dynamodb.*", replace)
    with pytest.raises(ClientError) as refused:
        own.batch_write_item(**NAMED["batch_write_item"]("gopro#1"))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500


SOCKETS = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 20 4 30 10 -1
   3: 0100007F:C002 0100007F:1F90 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0
"""


def test_the_user_of_a_connection_is_read_from_the_end_that_opened_it() -> None:
    rows = SOCKETS.splitlines()
    assert peers.uid_of(rows, 0xC001, 0x1F90) == 1001
    assert peers.uid_of(rows, 0x1F90, 0xC001) == 1000
    assert peers.uid_of(rows, 0xC002, 0x1F90) is None  # closed: the system does not know any more whose it was
    assert peers.uid_of(rows, 0xC003, 0x1F90) is None


@pytest.mark.parametrize(("own", "opened_by", "foreign"), [(1000, 1001, True), (1001, 1001, False), (1000, 0, False)])
def test_another_user_is_foreign_and_the_same_or_root_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: int, opened_by: int, foreign: bool
) -> None:
    table = tmp_path / "tcp"
    table.write_text(SOCKETS.replace("1001", str(opened_by)))
    monkeypatch.setattr(peers, "TABLES", (table,))
    monkeypatch.setattr("os.getuid", lambda: own)
    assert peers.is_foreign(0xC001, 0x1F90) is foreign


def test_where_the_system_does_not_tell_nobody_is_foreign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "TABLES", (tmp_path / "none",))
    assert not peers.is_foreign(0xC001, 0x1F90)
