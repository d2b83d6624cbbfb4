"""AWS inside the process: moto answers boto3 without a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.runs import Runs
from moto import mock_aws

from tests.ledger_table import LEDGER_TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

REGION, WORK = "us-east-1", "work"


@dataclass
class InProcessAws:
    """The resources of the report and the failure recorder, with methods to fill and to read them."""

    table: Table
    s3: S3Client
    sqs: SQSClient
    sns: SNSClient
    dead_letters_url: str
    inbox_url: str
    topic_arn: str

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.table, "gopro")

    @property
    def runs(self) -> Runs:
        return Runs(self.table, "gopro")

    def manifest(self, run_id: str, items: list[MediaItem]) -> Manifest:
        """Stores a run's manifest with these items."""
        manifest = Manifest(self.s3, WORK, run_id)
        with manifest.extended(0) as writer:
            writer.add(items)
        return manifest

    def archive(self, item: MediaItem, run_id: str, **stats: float) -> None:
        """Writes what a successful transfer writes to the ledger."""
        self.ledger.claim(item, run_id, 60)
        self.ledger.set_stats(item.media_id, run_id, {"effort_run": run_id, **stats})
        done = SourceRow(status=Status.ARCHIVED, key="k", size=int(stats.get("run_bytes", 0)), checksum="c")
        self.ledger.archive_source(item.media_id, 1, run_id, done)
        self.ledger.archive_item(item.media_id, run_id, bytes_total=done.size)

    def row(self, media_id: str) -> ItemRow:
        return self.ledger.known([media_id])[media_id]

    def dead_letters(self) -> list[dict[str, Any]]:
        return self._received(self.dead_letters_url)

    def mails(self) -> list[dict[str, str]]:
        """The mails to subscribers of the topic since the last call."""
        return self._received(self.inbox_url)

    def _received(self, url: str) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@cache
def _clients() -> tuple[Any, ...]:
    """The clients, made once because that takes time; they have no state of an account."""
    session = boto3.Session("in-process", "in-process", region_name=REGION)
    return session.resource("dynamodb"), session.client("s3"), session.client("sqs"), session.client("sns")


@contextmanager
def running_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    """An account that exists while the block runs."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        dynamodb, s3, sqs, sns = _clients()
        table = dynamodb.create_table(**LEDGER_TABLE)
        s3.create_bucket(Bucket=WORK)
        dead_letters, inbox = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead-letters", "inbox"))
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        found = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
        yield InProcessAws(table, s3, sqs, sns, dead_letters, inbox, topic)
