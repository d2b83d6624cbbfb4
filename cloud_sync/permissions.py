"""What each function's role may do, written out: no wildcard action, and no resource wider than the service allows.

Writing its own log and its traces, which every function does, is added by functions.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cloud_sync.storage import Storage


@dataclass(frozen=True)
class Grants:
    """Everything that a function can be let near."""

    storage: Storage
    alerts_topic: sns.Topic
    dead_letter_queue: sqs.Queue
    executions_arn: str  # every execution of the state machine

    @property
    def archived(self) -> str:
        """The provider's objects in the archive."""
        return self.storage.archive_bucket.arn_for_objects("gopro/*")

    @property
    def wildcards(self) -> dict[str, str]:
        """The resources below that hold a wildcard, and why each must; cdk-nag fails the build over any other."""
        return {
            "*": "X-Ray accepts no resource (service authorization reference, AWS X-Ray).",
            self.storage.work_bucket.arn_for_objects("runs/*"): "A manifest's key holds its run's name.",
            self.archived: "An object's key is made of what the provider lists.",
            self.executions_arn: "An execution gets its name when it starts.",
        }

    def allow(self, sid: str, actions: list[str], *resources: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(sid=sid, actions=actions, resources=list(resources))

    def ledger(self, *actions: str) -> iam.PolicyStatement:
        return self.allow("UseTheLedger", [f"dynamodb:{a}" for a in actions], self.storage.ledger_table.table_arn)

    def credentials(self, *actions: str) -> iam.PolicyStatement:
        return self.allow(
            "UseTheCredentials", [f"secretsmanager:{a}" for a in actions], self.storage.credentials_secret.attr_id
        )

    def see_the_archive(self) -> list[iam.PolicyStatement]:
        """HeadObject is s3:GetObject."""
        return [
            self.allow("SeeWhatIsArchived", ["s3:GetObject"], self.archived),
            self.tell_missing_from_forbidden(self.storage.archive_bucket),
        ]

    def tell_missing_from_forbidden(self, bucket: s3.IBucket) -> iam.PolicyStatement:
        """An object that is not there is a 404 only for who may list, and a 403 for others (S3 API reference,
        GetObject and HeadObject, "Permissions")."""
        return self.allow("TellMissingFromForbidden", ["s3:ListBucket"], bucket.bucket_arn)

    def work(self, *actions: str) -> iam.PolicyStatement:
        return self.allow("UseTheManifest", list(actions), self.storage.work_bucket.arn_for_objects("runs/*"))

    def alerts(self) -> iam.PolicyStatement:
        return self.allow("SendMails", ["sns:Publish"], self.alerts_topic.topic_arn)

    def key_through(self, *services: str) -> iam.PolicyStatement:
        """Writing under SSE-KMS needs a data key; the later parts of a multipart upload need to decrypt it
        (S3 user guide, "Protecting data with SSE-KMS"). The function itself can do neither: only these services,
        for it (KMS developer guide, "kms:ViaService")."""
        stack = Stack.of(self.storage)
        via = [f"{service}.{stack.region}.{stack.url_suffix}" for service in services]
        return iam.PolicyStatement(
            sid="UseTheKey",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[self.storage.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": via[0] if len(via) == 1 else via}},
        )


def media_authenticator(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.credentials("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"),
        grants.ledger("GetItem", "UpdateItem"),
    ]


def credentials_rotator(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.credentials("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"),
        grants.ledger("GetItem", "UpdateItem"),
        grants.alerts(),
        grants.key_through("sns"),
    ]


def media_lister(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.credentials("GetSecretValue"),
        grants.ledger("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        grants.work("s3:GetObject", "s3:PutObject"),
        grants.allow("SeeWhetherARunIsUnderWay", ["states:DescribeExecution"], grants.executions_arn),
    ]


def video_downloader(grants: Grants) -> list[iam.PolicyStatement]:
    """It may write the archive and see what is in it, and delete nothing."""
    return [
        grants.credentials("GetSecretValue"),
        grants.ledger("GetItem", "UpdateItem"),
        grants.allow(
            "WriteTheArchive",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            grants.archived,
        ),
        *grants.see_the_archive(),
        grants.key_through("s3"),
    ]


def failure_recorder(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.ledger("GetItem", "UpdateItem"),
        grants.allow("HandOverToAHuman", ["sqs:SendMessage"], grants.dead_letter_queue.queue_arn),
    ]


def run_report(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.ledger("BatchGetItem", "GetItem", "UpdateItem"),
        grants.allow(
            "CountTheBacklog", ["dynamodb:Query"], f"{grants.storage.ledger_table.table_arn}/index/not-archived"
        ),
        grants.work("s3:GetObject"),
        grants.tell_missing_from_forbidden(grants.storage.work_bucket),  # a run may fail before it has a manifest
        grants.alerts(),
        grants.key_through("sns"),
    ]


def archive_reconciler(grants: Grants) -> list[iam.PolicyStatement]:
    """It reads all three sides, and may change nothing in the archive; the one row it writes says that a token was
    refused. Only it may scan the ledger: what is missing from an index is what it looks for."""
    return [
        grants.credentials("GetSecretValue"),
        grants.ledger("BatchGetItem", "GetItem", "Query", "Scan", "UpdateItem"),
        *grants.see_the_archive(),
        grants.work("s3:GetObject", "s3:PutObject"),
        grants.alerts(),
        grants.key_through("s3", "sns"),
    ]
