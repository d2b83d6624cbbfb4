"""Finds what a deleted stack left behind. It only reads, and it refuses where it would have to guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.adoption.stack_template import IDENTIFIERS, Part, StackTemplate

# The creation of a stack in one of these states was rolled back, or never began. It holds no resource, or only a bucket
# that had an object in it already, which stays. `cdk deploy` deletes such a stack before it creates the new one, and so
# does adoption.
EMPTY_STACK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS")

# What to do when the archive has no key of its own and the environment wants one (True), or the other way round.
_KEY_STEPS = {
    True: "Take it up with `-c customer_managed_key=false` first, and switch it on afterwards.",
    False: "Write `customer_managed_key = true` into the environment's file and keep it: without it no function may "
    "use that key, and the originals under it cannot be checked.",
}

AWS_ALIASES = "alias/aws/"  # of the keys that AWS manages; nobody else can make an alias that begins so


class AdoptionError(RuntimeError):
    """What was left behind cannot be taken up; the message names what was found and the next step."""


@dataclass(frozen=True)
class Choice:
    """What the caller has decided: which bucket where there are several, and that parts may be missing."""

    archive: str | None = None
    audit: str | None = None
    incomplete: bool = False


class LeftBehind:
    """The resources that a deleted stack of this name left in one region of the account.

    `client` returns the boto3 client of a service. Methods raise AdoptionError.
    """

    def __init__(self, client: Callable[[str], Any], region: str, template: StackTemplate, choice: Choice) -> None:
        self._s3 = client("s3")
        self._dynamodb = client("dynamodb")
        self._secrets = client("secretsmanager")
        self._kms = client("kms")
        self._cloudformation = client("cloudformation")
        self._region = region
        self._template = template
        self._choice = choice

    def stack_to_delete(self) -> bool:
        """Whether an empty stack of this name is in the way. Raises AdoptionError for a stack with resources."""
        name = self._template.stack_name
        status = self._stack_status(name)
        if status is None or status in EMPTY_STACK:
            return status is not None
        if status == "IMPORT_ROLLBACK_COMPLETE" and not self._has_resources(name):
            return True  # an import that failed: the stack was new
        step = "Run `cdk destroy` again" if status == "DELETE_FAILED" else "`cdk deploy` updates it"
        raise AdoptionError(
            f"the stack {name} exists ({status}), so there is nothing to take up. {step}; adoption is for after `cdk "
            "destroy` has deleted it."
        )

    def _has_resources(self, stack: str) -> bool:
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
        return any(found["ResourceStatus"] not in gone for page in pages for found in page["StackResourceSummaries"])

    def mapping(self) -> dict[str, dict[str, str]]:
        """The resource mapping for `cdk import`: logical id to identifier."""
        parts = {
            str(self._template.logical_id(part)): {IDENTIFIERS[part]: found} for part, found in self.parts().items()
        }
        return parts | {logical_id: {IDENTIFIERS[Part.SECRET]: arn} for logical_id, arn in self._further_secrets()}

    def _further_secrets(self) -> Iterator[tuple[str, str]]:
        """Logical id and ARN of the secrets of the other providers."""
        for logical_id, name in self._template.further_secrets():
            if arn := self._secret(name):
                self._check_owner(Part.SECRET, arn)
                yield logical_id, arn

    def parts(self) -> dict[Part, str]:
        """The identifier of each part that was left behind."""
        archive = self._bucket(Part.ARCHIVE, self._choice.archive)
        found = {
            Part.ARCHIVE: archive,
            Part.WORK: self._bucket(Part.WORK, self._log_bucket(archive) if archive else None),
            Part.KEY: self._key(archive) if archive else None,
            Part.LEDGER: self._ledger(),
            Part.SECRET: self._secret(self._template.name(Part.SECRET, "Name")),
            Part.AUDIT: self._bucket(Part.AUDIT, self._choice.audit),
        }
        parts = {part: identifier for part, identifier in found.items() if identifier}
        self._check_completeness(parts)
        return parts

    def _check_completeness(self, parts: dict[Part, str]) -> None:
        stack = self._template.stack_name
        if not parts:
            raise AdoptionError(
                f"{stack} has left nothing behind in {self._region}. If account and region are right, deploy it "
                "with `cdk deploy`."
            )
        missing = [part for part in (Part.ARCHIVE, Part.WORK, Part.LEDGER) if part not in parts]
        if missing and not self._choice.incomplete:
            raise AdoptionError(
                f"{stack} has left {_listed(parts)} behind, but no {' and no '.join(missing)}. Bring back what was "
                "deleted (DynamoDB keeps a backup of a deleted table for 35 days), or let it begin empty with "
                "--incomplete."
            )
        for part, identifier in parts.items():
            self._check_owner(part, identifier)

    def _bucket(self, part: Part, name: str | None) -> str | None:
        """The bucket of that name or, where none is given, the only one that the stack can have left."""
        if self._template.logical_id(part) is None:
            return None
        if name:
            if name in dict(self._buckets(name)):
                return name
            raise AdoptionError(
                f"the {part} {name} does not exist in {self._region}. Name another one or, if it is gone, create an "
                f"empty one with `aws s3 mb s3://{name}`."
            )
        buckets = self._buckets(f"{self._template.stack_name.lower()}-")
        found = {name: created for name, created in buckets if self._template.generates(part, name)}
        if len(found) > 1:
            raise AdoptionError(
                f"{len(found)} buckets may be the {part} of {self._template.stack_name}: "
                f"{', '.join(f'{name} (created {created})' for name, created in found.items())}. "
                f"Choose one with --{part.split()[0]} NAME."
            )
        return next(iter(found), None)

    def _buckets(self, prefix: str) -> Iterator[tuple[str, str]]:
        """The buckets of this region whose names begin so, each with the day on which it was created."""
        pages = self._s3.get_paginator("list_buckets").paginate(Prefix=prefix, BucketRegion=self._region)
        for page in pages:
            for bucket in page.get("Buckets", []):
                yield bucket["Name"], f"{bucket['CreationDate']:%Y-%m-%d}"

    def _log_bucket(self, archive: str) -> str | None:
        """The bucket that receives the archive's access logs, which is the work bucket of the same stack."""
        logging = self._s3.get_bucket_logging(Bucket=archive).get("LoggingEnabled")
        return str(logging["TargetBucket"]) if logging else None

    def _key(self, archive: str) -> str | None:
        """The key of the stack's own that encrypts the archive."""
        rules = self._s3.get_bucket_encryption(Bucket=archive)["ServerSideEncryptionConfiguration"]["Rules"]
        named = rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", AWS_ALIASES)
        # AWS makes the key behind an alias of its own when it is used first: until then it does not exist.
        key = None if AWS_ALIASES in named else self._own_key(archive, named)
        wanted = self._template.logical_id(Part.KEY) is not None
        if wanted == (key is not None):
            return key
        raise AdoptionError(
            f"the archive bucket {archive} is encrypted with {f'the key {key}' if key else 'a key of AWS'}, but "
            f"customer_managed_key is {str(wanted).lower()}. {_KEY_STEPS[wanted]}"
        )

    def _own_key(self, archive: str, named: str) -> str | None:
        """The id of the key, or None for one that AWS manages. Raises AdoptionError when it cannot be used."""
        about = self._found(lambda: self._kms.describe_key(KeyId=named), "NotFoundException")
        if about is None:
            raise AdoptionError(
                f"the archive bucket {archive} is encrypted with the key {named}, which does not exist any more. "
                "Nothing in it can be read. Let a new archive begin: delete that bucket, or do not take it up."
            )
        key = about["KeyMetadata"]
        if key["KeyManager"] == "AWS":
            return None
        identifier = str(key["KeyId"])
        if key["KeyState"] != "Enabled":
            enable = f"aws kms enable-key --key-id {identifier}"
            cancel = f"aws kms cancel-key-deletion --key-id {identifier}"
            raise AdoptionError(
                f"the KMS key {identifier} of the archive bucket {archive} is {key['KeyState']}. Make it usable with "
                f"`{f'{cancel} && ' if key['KeyState'] == 'PendingDeletion' else ''}{enable}`."
            )
        return identifier

    def _ledger(self) -> str | None:
        name = self._template.name(Part.LEDGER, "TableName")
        if name is None:
            return None
        about = self._found(lambda: self._dynamodb.describe_table(TableName=name), "ResourceNotFoundException")
        return name if about else None

    def _secret(self, name: str | None) -> str | None:
        if name is None:
            return None
        about = self._found(lambda: self._secrets.describe_secret(SecretId=name), "ResourceNotFoundException")
        if about and about.get("DeletedDate"):
            raise AdoptionError(
                f"the secret {name} is scheduled for deletion, and its name is taken until then. Keep it with "
                f"`aws secretsmanager restore-secret --secret-id {name}`, or delete it at once with "
                f"`aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {name}`."
            )
        return str(about["ARN"]) if about else None

    def _check_owner(self, part: Part, identifier: str) -> None:
        """Raises AdoptionError when a stack that exists has this resource. For 90 days CloudFormation also remembers
        the resources of deleted stacks (API reference, DescribeStackResources)."""
        resources = self._found(
            lambda: self._cloudformation.describe_stack_resources(PhysicalResourceId=identifier), "ValidationError"
        )
        stacks = {resource["StackId"] for resource in (resources or {}).get("StackResources", [])}
        for stack in sorted(stacks):
            status = self._stack_status(stack)
            if status not in (None, "DELETE_COMPLETE", *EMPTY_STACK):
                raise AdoptionError(
                    f"the {part} {identifier} belongs to the stack {stack.split('/')[1]} ({status}). Only what no "
                    "stack has can be taken up: delete that stack first, or leave this resource to it."
                )

    def _stack_status(self, stack: str) -> str | None:
        described = self._found(lambda: self._cloudformation.describe_stacks(StackName=stack), "ValidationError")
        return str(described["Stacks"][0]["StackStatus"]) if described else None

    def _found(self, call: Callable[[], Any], absent: str) -> Any:
        """What the call returns, or None when it fails with the error code for something that is not there."""
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] == absent:
                return None
            raise


def _listed(parts: dict[Part, str]) -> str:
    return ", ".join(f"the {part} {identifier}" for part, identifier in parts.items())
