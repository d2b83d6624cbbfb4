"""The permissions of each function's role: no wildcard in an action, and each resource as narrow as the service allows.

functions.py adds what every function needs: to write its own log and its traces.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cloud_sync.providers import Provider
from cloud_sync.storage import Storage


@dataclass(frozen=True)
class Grants:
    """The resources of the stack, and statements that allow actions on them."""

    storage: Storage
    alerts_topic: sns.Topic
    dead_letter_queue: sqs.Queue
    executions_arn: str  # matches every execution of the state machine
    providers: tuple[Provider, ...]  # of this environment
    restorer_arn: str  # the state machine that restores
    restores_arn: str  # matches every execution of that one
    compares_contents: bool = False

    @property
    def archived_objects(self) -> list[str]:
        """The providers' objects in the archive."""
        return [self.storage.archive_bucket.arn_for_objects(f"{provider.prefix}*") for provider in self.providers]

    @property
    def wildcards(self) -> dict[str, str]:
        """The resources with a wildcard that the statements below use, and why. cdk-nag reports any other one."""
        return {
            "*": "X-Ray actions take no resource (service authorization reference, AWS X-Ray).",
            self.storage.work_bucket.arn_for_objects("runs/*"): "The key of a manifest contains the name of its run.",
            self.storage.work_bucket.arn_for_objects("catalogue/*"): "The key of an item's details contains its id.",
            self.storage.work_bucket.arn_for_objects("certificates/*"): "The key of a certificate contains its date.",
            self.executions_arn: "An execution gets its name when it starts.",
        } | dict.fromkeys(self.archived_objects, "The key of an object is made from what the provider lists.")

    def allow(self, sid: str, actions: list[str], *resources: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(sid=sid, actions=actions, resources=list(resources))

    def use_ledger(self, sid: str, rows: list[str], *actions: str) -> iam.PolicyStatement:
        """The rows whose partition key matches. A key condition would let a Scan pass that
        names no key, so no statement of this kind has one (DynamoDB developer guide, "Using IAM policy conditions for
        fine-grained access control")."""
        statement = self.allow(sid, [f"dynamodb:{a}" for a in actions], self.storage.ledger_table.table_arn)
        statement.add_condition("ForAllValues:StringLike", {"dynamodb:LeadingKeys": rows})
        return statement

    def use_items(self, *actions: str) -> iam.PolicyStatement:
        return self.use_ledger("UseTheItems", [f"{provider.id}#*" for provider in self.providers], *actions)

    def use_runs(self, *actions: str) -> iam.PolicyStatement:
        return self.use_ledger("UseTheRuns", ["RUN#*"], *actions)

    def count_bytes_read(self, *actions: str) -> iam.PolicyStatement:
        """What each run has read from the provider; apart from the rows of runs, so that the downloader cannot write
        those."""
        return self.use_ledger("CountTheBytesRead", ["READ#*"], *actions)

    def use_contents(self) -> list[iam.PolicyStatement]:
        """Which object of any provider has which content: no row of an item. Nothing where nobody compares them."""
        if not self.compares_contents:
            return []
        return [self.use_ledger("CompareTheContents", ["CONTENT#*"], "Query", "UpdateItem")]

    def use_provider_rows(self, *actions: str) -> iam.PolicyStatement:
        """Which run is under way, which one succeeded last, and who renews the credentials."""
        rows = [f"PROVIDER#{provider.id}" for provider in self.providers]
        return self.use_ledger("UseTheRowsOfTheProvider", rows, *actions)

    def use_credentials(self, *actions: str) -> iam.PolicyStatement:
        secrets = [secret.attr_id for secret in self.storage.credentials_secrets.values()]
        return self.allow("UseTheCredentials", [f"secretsmanager:{a}" for a in actions], *secrets)

    def read_archive(self) -> list[iam.PolicyStatement]:
        """HeadObject needs s3:GetObject."""
        return [
            self.allow("SeeWhatIsArchived", ["s3:GetObject"], *self.archived_objects),
            self.list_bucket(self.storage.archive_bucket),
        ]

    def list_bucket(self, bucket: s3.IBucket) -> iam.PolicyStatement:
        """S3 answers 404 for a missing object only to a caller that may list the bucket, and 403 to others (S3 API
        reference, GetObject and HeadObject, "Permissions")."""
        return self.allow("TellMissingFromForbidden", ["s3:ListBucket"], bucket.bucket_arn)

    def use_restore_jobs(self, *actions: str) -> iam.PolicyStatement:
        """The jobs, and the files of each."""
        return self.use_ledger("UseTheRestoreJobs", ["RESTORES", "RESTORE#*"], *actions)

    def use_manifests(self, *actions: str) -> iam.PolicyStatement:
        return self.allow("UseTheManifest", list(actions), self.storage.work_bucket.arn_for_objects("runs/*"))

    def store_certificates(self) -> iam.PolicyStatement:
        """They are written once, and read by nobody but the owner."""
        certificates = self.storage.work_bucket.arn_for_objects("certificates/*")
        return self.allow("StoreCertificates", ["s3:PutObject"], certificates)

    def publish_alerts(self) -> iam.PolicyStatement:
        return self.allow("SendMails", ["sns:Publish"], self.alerts_topic.topic_arn)

    def use_key_through(self, *services: str) -> list[iam.PolicyStatement]:
        """Nothing without a key of our own: the policy of aws/s3 allows every principal of the account to use that key
        through S3, and the topic is not encrypted with KMS then.

        Writing with SSE-KMS needs a data key, and the later parts of a multipart upload need to decrypt it (S3 user
        guide, "Protecting data with SSE-KMS"). The function cannot use the key itself, only through these services
        (KMS developer guide, "kms:ViaService")."""
        if self.storage.key is None:
            return []
        stack = Stack.of(self.storage)
        via = [f"{service}.{stack.region}.{stack.url_suffix}" for service in services]
        statement = self.allow("UseTheKey", ["kms:Decrypt", "kms:GenerateDataKey"], self.storage.key.key_arn)
        statement.add_condition("StringEquals", {"kms:ViaService": via[0] if len(via) == 1 else via})
        return [statement]

    def decrypt_through_s3(self) -> list[iam.PolicyStatement]:
        """Reading an object or its checksum needs its key, through S3 only; nothing without a key of our own, as in
        use_key_through."""
        if self.storage.key is None:
            return []
        stack = Stack.of(self.storage)
        statement = self.allow("DecryptThroughS3", ["kms:Decrypt"], self.storage.key.key_arn)
        statement.add_condition("StringEquals", {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"})
        return [statement]


def media_authenticator(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.use_credentials("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
    ]


def credentials_rotator(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.use_credentials("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.publish_alerts(),
        *grants.use_key_through("sns"),
    ]


def media_lister(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.use_credentials("GetSecretValue"),
        grants.use_items("BatchGetItem", "PutItem"),
        grants.use_runs("UpdateItem"),
        grants.count_bytes_read("UpdateItem"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.use_manifests("s3:GetObject", "s3:PutObject"),
        grants.allow("SeeWhetherARunIsUnderWay", ["states:DescribeExecution"], grants.executions_arn),
    ]


def video_downloader(grants: Grants) -> list[iam.PolicyStatement]:
    """It may write into the archive and read what is there, but delete nothing."""
    return [
        grants.use_credentials("GetSecretValue"),
        grants.use_items("GetItem", "Query", "UpdateItem"),
        grants.use_runs("GetItem"),
        grants.count_bytes_read("GetItem", "UpdateItem"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.allow(
            "WriteTheArchive",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            *grants.archived_objects,
        ),
        *grants.use_contents(),
        *grants.read_archive(),
        *grants.use_key_through("s3"),
    ]


def failure_recorder(grants: Grants) -> list[iam.PolicyStatement]:
    return [
        grants.use_items("UpdateItem"),
        grants.use_runs("UpdateItem"),
        grants.allow("HandOverToAHuman", ["sqs:SendMessage"], grants.dead_letter_queue.queue_arn),
    ]


def catalogue_writer(grants: Grants, frame_maker: lambda_.IFunction | None) -> list[iam.PolicyStatement]:
    """It reads the ledger, the archive and the provider, and changes none of them. It writes the catalogue, how far
    that is, and that a token was refused."""
    catalogue = grants.storage.work_bucket.arn_for_objects("catalogue/*")
    invoke = [grants.allow("MakePictures", ["lambda:InvokeFunction"], frame_maker.function_arn)] if frame_maker else []
    return [
        *invoke,
        grants.use_credentials("GetSecretValue"),
        grants.use_items("BatchGetItem", "Query"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.use_manifests("s3:GetObject"),
        grants.allow("WriteTheCatalogue", ["s3:GetObject", "s3:PutObject"], catalogue),
        grants.allow("SeeWhatIsArchived", ["s3:GetObject"], *grants.archived_objects),
        grants.allow(
            "TellMissingFromForbidden",
            ["s3:ListBucket"],
            grants.storage.archive_bucket.bucket_arn,
            grants.storage.work_bucket.bucket_arn,
        ),
        *grants.decrypt_through_s3(),
    ]


def run_report(grants: Grants) -> list[iam.PolicyStatement]:
    """It reads what became of the items, ends the run and sends the mails; it changes no item."""
    return [
        grants.use_items("BatchGetItem"),
        grants.use_runs("GetItem", "UpdateItem"),
        grants.count_bytes_read("GetItem"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.allow(
            "CountTheBacklog", ["dynamodb:Query"], f"{grants.storage.ledger_table.table_arn}/index/not-archived"
        ),
        grants.use_manifests("s3:GetObject"),
        grants.list_bucket(grants.storage.work_bucket),  # a run may fail before it has a manifest
        grants.publish_alerts(),
        *grants.use_key_through("sns"),
    ]


def archive_thawer(grants: Grants) -> list[iam.PolicyStatement]:
    """It asks S3 to thaw archived objects, and sees in a list of their versions how far that is. It may read none: a
    HeadObject would need s3:GetObject. Whether S3 wants the caller to have the key of what it thaws is not documented
    (API reference, RestoreObject: s3:RestoreObject alone); without s3:GetObject the key reads nothing."""
    return [
        grants.use_restore_jobs("GetItem", "Query", "UpdateItem"),
        grants.allow("HaveObjectsThawed", ["s3:RestoreObject"], *grants.archived_objects),
        grants.allow("SeeWhatIsThawed", ["s3:ListBucketVersions"], grants.storage.archive_bucket.bucket_arn),
        grants.allow("EndTheWait", ["states:SendTaskSuccess"], grants.restorer_arn),
        grants.publish_alerts(),
        *grants.use_key_through("s3", "sns"),
    ]


def restore_prover(grants: Grants) -> list[iam.PolicyStatement]:
    """It reads originals that were thawed for a drill. It may change none, nor have any thawed: the restorer does."""
    return [
        grants.use_restore_jobs("BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
        grants.allow("DrawAnOriginal", ["dynamodb:Scan"], grants.storage.ledger_table.table_arn),
        grants.allow("ReadTheOriginal", ["s3:GetObject", "s3:GetObjectVersion"], *grants.archived_objects),
        grants.list_bucket(grants.storage.archive_bucket),
        grants.store_certificates(),
        grants.publish_alerts(),
        *grants.use_key_through("s3", "sns"),
    ]


def archive_reconciler(grants: Grants) -> list[iam.PolicyStatement]:
    """It reads the provider, the ledger and the archive, and may not change the archive. Of rows it writes that a
    token was refused, and which content an object has; in the work bucket, its own files and certificates. It alone may
    scan the ledger, because it looks for rows that an index lacks."""
    return [
        grants.use_credentials("GetSecretValue"),
        grants.use_items("BatchGetItem", "Query"),
        grants.use_provider_rows("GetItem", "UpdateItem"),
        grants.allow("WalkThroughTheLedger", ["dynamodb:Scan"], grants.storage.ledger_table.table_arn),
        *grants.use_contents(),
        *grants.read_archive(),
        grants.use_manifests("s3:GetObject", "s3:PutObject"),
        grants.store_certificates(),
        grants.publish_alerts(),
        *grants.use_key_through("s3", "sns"),
    ]
