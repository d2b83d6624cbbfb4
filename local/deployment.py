"""The local deployment: a fake provider, the emulator, the stack deployed into it, and the operations on them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from itertools import batched
from pathlib import Path
from typing import Any

from cloud_sync.providers import PROVIDERS
from local.aws_proxy import AwsProxy
from local.emulator import ROOT, Certificates, DeploymentError, Emulator, inherited, stop_group
from local.fake_accounts import ACCOUNTS, Account, context_of

POLL_SECONDS = 0.25
FAKE_READY_SECONDS = 30
_GOPRO = ("gopro_api_base_url", "gopro_images_base_url")  # which one fake serves


class FakeProcess:
    """A fake provider in a process of its own, which serves the videos of `library`, and those of the folders
    `extra`."""

    def __init__(
        self,
        library: Path,
        extra: Sequence[Path],
        certificates: Certificates,
        log_file: Path,
        *,
        provider: str = "gopro",
    ) -> None:
        self._provider = provider
        command = [sys.executable, "-m", f"local.fake_providers.{provider}", "--library", str(library)]
        for folder in extra:
            command += ["--extra", str(folder)]
        command += ["--certfile", str(certificates.certfile), "--keyfile", str(certificates.keyfile)]
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=inherited(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self.account = self._await_ready(log_file)
        except BaseException:
            self.stop()
            raise

    def _await_ready(self, log_file: Path) -> Account:
        """Reads the `key=value` lines that it prints until it is ready."""
        values: dict[str, str] = {}
        for line in self._process.stdout or []:
            if line.strip() == "ready":
                kind = ACCOUNTS[self._provider]
                return kind(**{field.name: values[field.name] for field in fields(kind)})
            key, _, value = line.strip().partition("=")
            values[key] = value
        raise DeploymentError(
            f"the fake of {PROVIDERS[self._provider].account} did not start: {log_file.read_text().strip()[-500:]}"
        )

    def stop(self) -> None:
        stop_group(self.pid)
        self._process.wait()


class Deployment:
    """A deployed stack and the names of its resources."""

    def __init__(self, emulator: Emulator, outputs: Mapping[str, str]) -> None:
        self.emulator = emulator
        self.outputs = dict(outputs)
        self.archive_bucket = outputs["ArchiveBucket"]
        self.work_bucket = outputs["WorkBucket"]
        self.ledger_table = outputs["LedgerTable"]
        self.secrets_of = {
            provider.id: outputs[name]
            for provider in PROVIDERS.values()
            if (name := provider.construct_id("CredentialsSecret")) in outputs
        }
        self.state_machine_arn = outputs["StateMachineArn"]
        self.topic_arn = outputs["AlertsTopicArn"]
        self.s3 = emulator.client("s3")
        self.step_functions = emulator.client("stepfunctions")
        self.dynamodb = emulator.client("dynamodb")
        self.secrets = emulator.client("secretsmanager")

    @property
    def providers(self) -> list[str]:
        """The providers that are backed up."""
        return list(self.secrets_of)

    @property
    def secret(self) -> str:
        """The secret of GoPro."""
        return self.secrets_of["gopro"]

    def store_credentials(self, value: Mapping[str, Any] | str, *, provider: str = "gopro") -> None:
        """Stores the value of the provider's secret, as the README tells users to."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.secrets.put_secret_value(SecretId=self.secrets_of[provider], SecretString=text)

    def start_run(self, run_input: Any = None, *, provider: str = "gopro") -> str:
        """Starts an execution by hand, with that input or a run of that provider, and returns its ARN."""
        given = {"provider": provider} if run_input is None else run_input
        answer = self.step_functions.start_execution(stateMachineArn=self.state_machine_arn, input=json.dumps(given))
        return str(answer["executionArn"])

    def wait(self, execution_arn: str, *, seconds: float = 600, each: Callable[[], None] = lambda: None) -> Any:
        """Waits until an execution has ended and returns its description; calls `each` while it waits.

        Raises DeploymentError when it takes too long.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            description = self.step_functions.describe_execution(executionArn=execution_arn)
            each()
            if description["status"] != "RUNNING":
                return description
            time.sleep(POLL_SECONDS)  # polling interval of the condition above
        raise DeploymentError(f"the execution {execution_arn} has not ended after {seconds:.0f} s")

    def wait_for(self, condition: Callable[[], Any], *, seconds: float = 180) -> None:
        """Waits until `condition()` holds. Raises DeploymentError when it takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise DeploymentError(f"the awaited condition is still false after {seconds:.0f} s")
            time.sleep(POLL_SECONDS)  # polling interval of the condition above

    def wait_for_rotation(self, version: str) -> None:
        """Waits until the rotation to `version`, of the secret of GoPro, has ended: its last step makes the version
        current and then takes AWSPENDING from it."""

        def has_ended() -> bool:
            labels = self.secrets.describe_secret(SecretId=self.secret)["VersionIdsToStages"].get(version, [])
            return "AWSCURRENT" in labels and "AWSPENDING" not in labels

        self.wait_for(has_ended)

    def run(self, run_input: Any = None, *, provider: str = "gopro", seconds: float = 600) -> Any:
        """Runs one execution from start to end and returns its description."""
        return self.wait(self.start_run(run_input, provider=provider), seconds=seconds)

    def rows(self, provider: str | None = None) -> list[dict[str, Any]]:
        """Every row of the ledger, or those of one provider's items and sources, in Python's own types."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.ledger_table, ConsistentRead=True)
        rows = [{name: _plain(value) for name, value in row.items()} for page in pages for row in page["Items"]]
        return [row for row in rows if provider is None or row["pk"].startswith(f"{provider}#")]

    def objects(self, provider: str | None = None) -> dict[str, int]:
        """Every object in the archive, or those of one provider: key and size."""
        prefix = PROVIDERS[provider].prefix if provider else ""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.archive_bucket, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def clear(self) -> None:
        """Waits for the runs that are under way, empties buckets, ledger and queues, and ends each rotation that was
        begun."""
        self.wait_for(lambda: not self._running())
        for secret in self.secrets_of.values():
            self._end_rotation(secret)
        for bucket in (self.archive_bucket, self.work_bucket):
            self._empty(bucket)
        keys = [{"Key": {name: {"S": row[name]} for name in ("pk", "sk")}} for row in self.rows()]
        for some in batched(keys, 25):  # the most that DynamoDB takes at once
            deletes = [{"DeleteRequest": key} for key in some]
            left = self.dynamodb.batch_write_item(RequestItems={self.ledger_table: deletes})["UnprocessedItems"]
            if left:
                raise DeploymentError(f"{self.ledger_table} still has rows that were to be deleted; run this again")
        sqs = self.emulator.client("sqs")
        for url in sqs.list_queues(QueueNamePrefix="gopro-sync").get("QueueUrls", []):
            with suppress(sqs.exceptions.PurgeQueueInProgress):
                sqs.purge_queue(QueueUrl=url)

    def _empty(self, bucket: str) -> None:
        for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            self.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        while objects := self._some_objects(bucket):
            answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", []):
                raise DeploymentError(f"{error['Key']} in {bucket} could not be deleted: {error['Message']}")

    def _some_objects(self, bucket: str) -> list[dict[str, str]]:
        """Up to 1,000 versions, or objects of a bucket that has none, as they are named in a deletion."""
        versions = self.s3.list_object_versions(Bucket=bucket)
        found = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
        found = found or self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [{name: entry[name] for name in ("Key", "VersionId") if name in entry} for entry in found[:1000]]

    def _running(self) -> list[Any]:
        found = self.step_functions.list_executions(stateMachineArn=self.state_machine_arn, statusFilter="RUNNING")
        return list(found["executions"])

    def _end_rotation(self, secret: str) -> None:
        versions = self.secrets.describe_secret(SecretId=secret).get("VersionIdsToStages", {})
        for version in (version for version, labels in versions.items() if "AWSPENDING" in labels):
            self.secrets.update_secret_version_stage(
                SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=version
            )

    def function_name(self, construct_id: str) -> str:
        """The deployed name of the function that the stack calls `construct_id`, such as MediaLister.

        Raises DeploymentError with the names of all functions when there is no such function.
        """
        cloudformation = self.emulator.client("cloudformation")
        template = cloudformation.get_template(StackName="CloudSync-local")["TemplateBody"]
        resources = (json.loads(template) if isinstance(template, str) else template)["Resources"]
        functions = {
            resource["Metadata"]["aws:cdk:path"].split("/")[-2]: resource["Properties"]["FunctionName"]
            for resource in resources.values()
            if resource["Type"] == "AWS::Lambda::Function"
        }
        if construct_id not in functions:
            raise DeploymentError(f"there is no function {construct_id!r}; use one of {', '.join(sorted(functions))}")
        return str(functions[construct_id])


class Inbox:
    """A queue subscribed to the alerts topic."""

    def __init__(self, deployment: Deployment) -> None:
        sns, self._sqs = deployment.emulator.client("sns"), deployment.emulator.client("sqs")
        self._url = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=deployment.topic_arn, Protocol="sqs", Endpoint=arn)

    def take_mails(self) -> list[dict[str, str]]:
        """Takes the mails since the last call out of the queue, each with its Subject and Message."""
        mails: list[dict[str, str]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                mails.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return mails


def _plain(value: Mapping[str, Any]) -> Any:
    (kind, content), *_ = value.items()
    if kind == "N":
        return float(content) if "." in content else int(content)
    return [_plain(one) for one in content] if kind == "L" else content


@contextmanager
def deploy(
    folder: Path,
    certificates: Certificates,
    provider: str | Sequence[Account],
    *,
    context: Mapping[str, str] | None = None,
    retry_delay_scale: float = 1.0,
    proxy: AwsProxy | None = None,
) -> Iterator[Deployment]:
    """Starts an emulator and deploys the stack into it, for the fake GoPro Cloud at the URL `provider`, or for these
    accounts at fake providers; stops it afterwards. With `proxy` the functions reach AWS through that proxy."""
    endpoint = proxy.url if proxy else None
    with Emulator(folder, certificates, retry_delay_scale=retry_delay_scale, functions_endpoint=endpoint) as emulator:
        if proxy:
            proxy.target = emulator.endpoint
        yield Deployment(emulator, emulator.deploy({**settings_of(provider), **(context or {})}))


def settings_of(provider: str | Sequence[Account]) -> dict[str, str]:
    """The context with which the stack runs on this machine, with the provider, or providers, of `deploy`."""
    return {
        **(dict.fromkeys(_GOPRO, provider) if isinstance(provider, str) else context_of(provider)),
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
