"""One village for all end-to-end tests: deployed once, swept before each test that asks for `town`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local.demo_library import make_tiny_library
from local.emulator import HOME, Certificates, new_folder
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.village import Account, Village, village

# Waits of the state machine shrink by this, so that a test of all retries is quick.
RETRY_DELAY_SCALE = 0.02


@pytest.fixture(scope="session")
def folder() -> Path:
    return new_folder("e2e")


@pytest.fixture(scope="session")
def certificates(folder: Path) -> Certificates:
    return Certificates(folder)


@pytest.fixture(scope="session")
def library_folder() -> Path:
    return make_tiny_library(HOME / "tiny-library")


@pytest.fixture(scope="session")
def gopro(certificates: Certificates, library_folder: Path) -> Iterator[FakeGoPro]:
    with running(Library.load(library_folder), certificates.server_context()) as fake:
        yield fake


@pytest.fixture(scope="session")
def deployed(folder: Path, certificates: Certificates, gopro: FakeGoPro) -> Iterator[Village]:
    with village(folder, certificates, gopro.base_url, retry_delay_scale=RETRY_DELAY_SCALE) as town:
        yield town


@pytest.fixture(scope="session")
def inbox(deployed: Village) -> Callable[[], list[dict[str, str]]]:
    """What the alerts topic has sent since the last look: a queue subscribed to it, emptied."""
    sqs, sns = deployed.emulator.client("sqs"), deployed.emulator.client("sns")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=deployed.topic_arn, Protocol="sqs", Endpoint=arn)

    def empty() -> list[dict[str, str]]:
        letters: list[dict[str, str]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                letters.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return letters

    return empty


@pytest.fixture
def town(deployed: Village, gopro: FakeGoPro, inbox: Callable[[], list[dict[str, str]]]) -> Village:
    """The village as on its first day: nothing archived, nothing known, good OAuth credentials stored."""
    gopro.control.reset()
    sweep(deployed)
    deployed.store_credentials(account_of(gopro).oauth())
    inbox()
    return deployed


def account_of(gopro: FakeGoPro) -> Account:
    names = Account.__dataclass_fields__
    return Account(**{name: getattr(gopro, name) for name in names})


def sweep(town: Village) -> None:
    """Empties buckets, ledger and queues."""
    for bucket in (town.archive_bucket, town.work_bucket):
        for upload in town.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            town.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        versions = town.s3.list_object_versions(Bucket=bucket)
        for entry in (*versions.get("Versions", []), *versions.get("DeleteMarkers", [])):
            town.s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        for entry in town.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            town.s3.delete_object(Bucket=bucket, Key=entry["Key"])
    for row in town.rows():
        town.dynamodb.delete_item(TableName=town.ledger_table, Key={k: {"S": row[k]} for k in ("pk", "sk")})
    sqs = town.emulator.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix="gopro-sync").get("QueueUrls", []):
        with suppress(sqs.exceptions.PurgeQueueInProgress):
            sqs.purge_queue(QueueUrl=url)


def output_of(description: Any) -> dict[str, Any]:
    """What a finished execution returned."""
    told: dict[str, Any] = json.loads(description["output"])
    return told
