"""The emulator thaws objects, and waits for the tokens of tasks, as S3 and Step Functions do; and `Thawing` in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.stores.restore_jobs import FileState, Tier
from cloud_sync_common.stores.thawing import GONE, Place, Seen, Thawing

from local.emulator import ACCOUNT, EMULATOR_PYTHON, FUNCTION_PYTHON, REGION, Certificates, Emulator
from tests.installed import installed
from tests.integration.wait_until import wait_until

BUCKET, ROLE = "archive", f"arn:aws:iam::{ACCOUNT}:role/any"
HOUR_SCALE = 0.0002  # an hour is 0.7 s


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    installed(str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    folder = tmp_path_factory.mktemp("emulator")
    with Emulator(folder, Certificates(folder), retry_delay_scale=HOUR_SCALE, thaw_seconds=1.0) as emulator:
        services = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
        trust = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        emulator.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=document)
        yield emulator


@dataclass
class Bucket:
    """A versioned bucket whose events of thawed objects come into a queue."""

    s3: Any
    sqs: Any
    queue: str

    def put(self, key: str, body: bytes = b"0123456789", storage_class: str = "DEEP_ARCHIVE") -> Place:
        put = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, StorageClass=storage_class)
        return key, put["VersionId"]

    def seen(self, place: Place) -> Seen | None:
        return dict(self.thawing.look([place]))[place]

    def thaw(self, place: Place) -> None:
        assert self.thawing.ask(place, Tier.BULK, 3).state is FileState.REQUESTED
        wait_until(lambda: (seen := self.seen(place)) and seen.is_thawed, "it is thawed")

    @property
    def thawing(self) -> Thawing:
        return Thawing(self.s3, BUCKET)


@pytest.fixture(scope="module")
def bucket(emulator: Emulator) -> Bucket:
    s3, sqs, events = (emulator.client(name) for name in ("s3", "sqs", "events"))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
    queue = sqs.create_queue(QueueName="thawed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="thawed", EventPattern=json.dumps({"detail-type": ["Object Restore Completed"]}))
    events.put_targets(Rule="thawed", Targets=[{"Id": "queue", "Arn": arn}])
    return Bucket(s3, sqs, queue)


def messages(sqs: Any, queue: str) -> list[Any]:
    """Those that have come, at least one."""
    found: list[Any] = []

    def receive() -> bool:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        found.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return bool(found)

    wait_until(receive, "a message comes")
    return found


def test_the_version_that_is_named_is_thawed_and_no_other(bucket: Bucket) -> None:
    old, new = bucket.put("gopro/a.mp4", b"0123456789"), bucket.put("gopro/a.mp4", b"abcdefghij")
    bucket.thaw(old)
    seen = bucket.seen(old)
    assert seen and seen.lasts(2.9) and not seen.lasts(4.1) and seen.storage_class == "DEEP_ARCHIVE"
    assert (other := bucket.seen(new)) and not other.is_thawed and not other.is_thawing
    head = bucket.s3.head_object(Bucket=BUCKET, Key=old[0], VersionId=old[1])
    assert 'ongoing-request="false", expiry-date="' in head["Restore"]
    assert "Restore" not in bucket.s3.head_object(Bucket=BUCKET, Key=old[0])
    part = bucket.s3.get_object(Bucket=BUCKET, Key=old[0], VersionId=old[1], Range="bytes=2-4")
    assert part["Body"].read() == b"234"
    with pytest.raises(ClientError, match="InvalidObjectState"):
        bucket.s3.get_object(Bucket=BUCKET, Key=new[0])


def test_the_event_of_a_thawed_object_names_its_version(bucket: Bucket) -> None:
    place = bucket.put("gopro/event.mp4")
    bucket.thaw(place)
    found: list[Any] = []
    wait_until(
        lambda: found.extend(messages(bucket.sqs, bucket.queue)) or _of(found, place[0]), "the event of this one comes"
    )
    (event,) = _of(found, place[0])
    assert event["detail"]["object"]["version-id"] == place[1] and event["detail"]["bucket"]["name"] == BUCKET
    assert event["detail"]["source-storage-class"] == "DEEP_ARCHIVE"


def _of(events: list[Any], key: str) -> list[Any]:
    return [event for event in events if event["detail"]["object"]["key"] == key]


def test_what_thaws_is_asked_for_again_without_harm_and_what_is_thawed_stays_longer(bucket: Bucket) -> None:
    place = bucket.put("gopro/b.mp4")
    outcomes = [bucket.thawing.ask(place, tier, 3) for tier in (Tier.BULK, Tier.BULK, Tier.STANDARD)]
    assert {outcome.state for outcome in outcomes} == {FileState.REQUESTED}
    assert (seen := bucket.seen(place)) and seen.is_thawing
    wait_until(lambda: (seen := bucket.seen(place)) and seen.is_thawed, "it is thawed")
    assert bucket.thawing.ask(place, Tier.BULK, 30).state is FileState.REQUESTED
    assert (longer := bucket.seen(place)) and longer.lasts(29.9)


def test_a_faster_tier_is_taken_where_it_thaws_by_bulk_and_refused_where_it_is_as_fast(bucket: Bucket) -> None:
    key, version = bucket.put("gopro/c.mp4")
    ask = {"Bucket": BUCKET, "Key": key, "VersionId": version}

    def thaw(tier: str) -> int:
        wanted = {"Days": 3, "GlacierJobParameters": {"Tier": tier}}
        answer = bucket.s3.restore_object(**ask, RestoreRequest=wanted)
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    with pytest.raises(ClientError, match="InvalidArgument"):
        thaw("Expedited")
    assert (thaw("Bulk"), thaw("Standard")) == (202, 202)
    with pytest.raises(ClientError, match="RestoreAlreadyInProgress"):
        thaw("Standard")


def test_what_is_hot_is_ready_and_what_is_gone_cannot_be_had(bucket: Bucket) -> None:
    hot = bucket.put("gopro/hot.mp4", storage_class="STANDARD_IA")
    assert (seen := bucket.seen(hot)) and seen.is_hot and seen.ready.ready_until == ""
    assert bucket.thawing.ask(hot, Tier.BULK, 3).state is FileState.READY
    for gone in (("gopro/none.mp4", "x"), (hot[0], "x"), ("other", "")):
        assert bucket.seen(gone) is None
        assert bucket.thawing.ask(gone, Tier.BULK, 3).problem == GONE


# Tasks that wait for their token


@dataclass
class Waits:
    """A state machine that sends its token into a queue and waits for it, or for an hour."""

    emulator: Emulator
    queue: str
    machine: str

    @property
    def states(self) -> Any:
        return self.emulator.client("stepfunctions")

    def start(self) -> str:
        started = self.states.start_execution(stateMachineArn=self.machine, input=json.dumps({"wait": 3600}))
        return str(started["executionArn"])

    def token(self) -> str:
        return str(messages(self.emulator.client("sqs"), self.queue)[0]["token"])

    def output(self, execution: str) -> Any:
        """Of an execution, once it has ended."""
        wait_until(lambda: self._status(execution) != "RUNNING", "the execution ends")
        return json.loads(self.states.describe_execution(executionArn=execution)["output"])

    def _status(self, execution: str) -> str:
        return str(self.states.describe_execution(executionArn=execution)["status"])


def machine_of(emulator: Emulator, name: str, task: dict[str, Any]) -> str:
    caught = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "End"}
    wait = {"Type": "Task", "TimeoutSecondsPath": "$.wait", "Catch": [caught], "Next": "End", **task}
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": wait, "End": {"Type": "Succeed"}}})
    states = emulator.client("stepfunctions")
    return str(states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"])


@pytest.fixture(scope="module")
def waits(emulator: Emulator) -> Waits:
    queue = emulator.client("sqs").create_queue(QueueName="tokens")["QueueUrl"]
    message = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    task = {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": message}
    return Waits(emulator, queue, machine_of(emulator, "waits", task))


def limited(emulator: Emulator, name: str, resource: str) -> Any:
    """Step Functions for a user who may end the tasks of one state machine."""
    iam = emulator.client("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": "states:SendTaskSuccess", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    keys = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        "stepfunctions", endpoint_url=emulator.endpoint, region_name=REGION,
        verify=str(emulator.certificates.ca_bundle),
        aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
    )  # fmt: skip


def test_a_wait_ends_after_its_seconds_which_are_scaled_as_other_waits(waits: Waits) -> None:
    execution = waits.start()
    token = waits.token()
    assert waits.output(execution)["error"]["Error"] == "States.Timeout"
    with pytest.raises(ClientError, match="TaskDoesNotExist"):
        waits.states.send_task_success(taskToken=token, output="{}")


def test_a_wait_is_ended_by_who_may_end_those_of_its_state_machine(emulator: Emulator) -> None:
    queue = emulator.client("sqs").create_queue(QueueName="long")["QueueUrl"]
    message = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    task = {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": message}
    machine = machine_of(emulator, "long", {**task, "TimeoutSecondsPath": "$.wait"})
    waits = Waits(emulator, queue, machine)
    started = waits.states.start_execution(stateMachineArn=machine, input=json.dumps({"wait": 3_600_000}))
    token = waits.token()
    with pytest.raises(ClientError, match="AccessDenied"):
        limited(emulator, "other", f"{machine}-other").send_task_success(taskToken=token, output="{}")
    limited(emulator, "own", machine).send_task_success(taskToken=token, output='{"by": "event"}')
    assert waits.output(started["executionArn"]) == {"by": "event"}


def test_the_error_of_the_function_that_has_the_token_is_that_of_the_task(emulator: Emulator) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(
            "refuse.py", "class OddError(Exception):\n    pass\n\n\ndef handler(event, _):\n    raise OddError"
        )
    function = emulator.client("lambda").create_function(
        FunctionName="refuse", Runtime="python3.13", Handler="refuse.handler", Role=ROLE,
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]  # fmt: skip
    payload = {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}}
    task = {"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": payload}
    waits = Waits(emulator, "", machine_of(emulator, "refused", task))
    started = waits.states.start_execution(stateMachineArn=waits.machine, input=json.dumps({"wait": 3_600_000}))
    assert waits.output(started["executionArn"])["error"]["Error"] == "OddError"
