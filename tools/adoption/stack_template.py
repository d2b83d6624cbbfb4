"""What adoption has to know of a synthesised stack: its name, and the resources that outlive it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Part(StrEnum):
    """The resources that are retained when the stack is deleted, as messages call them."""

    ARCHIVE = "archive bucket"
    WORK = "work bucket"
    LEDGER = "ledger table"
    SECRET = "secret"  # noqa: S105
    KEY = "KMS key"
    AUDIT = "audit bucket"


# The type of each part and the construct that makes it: a logical id is the construct's path and eight hex digits.
_WHERE = {
    Part.ARCHIVE: ("AWS::S3::Bucket", "StorageArchiveBucket"),
    Part.WORK: ("AWS::S3::Bucket", "StorageWorkBucket"),
    Part.LEDGER: ("AWS::DynamoDB::Table", "StorageLedgerTable"),
    Part.SECRET: ("AWS::SecretsManager::Secret", "StorageCredentialsSecret"),
    Part.KEY: ("AWS::KMS::Key", "StorageKey"),
    Part.AUDIT: ("AWS::S3::Bucket", "AuditBucket"),
}

# CloudFormation's name for each part's identifier: the `primaryIdentifier` in the schema of the resource type.
IDENTIFIERS = {
    Part.ARCHIVE: "BucketName",
    Part.WORK: "BucketName",
    Part.LEDGER: "TableName",
    Part.SECRET: "Id",
    Part.KEY: "KeyId",
    Part.AUDIT: "BucketName",
}


@dataclass(frozen=True)
class StackTemplate:
    """A template, and the name of the stack that it is for."""

    stack_name: str
    resources: Mapping[str, Any]

    @classmethod
    def read(cls, assembly: Path) -> StackTemplate:
        """The one template in a folder that `cdk synth` has written."""
        (file,) = assembly.glob("*.template.json")
        return cls(file.name.removesuffix(".template.json"), json.loads(file.read_text(encoding="utf-8"))["Resources"])

    def logical_id(self, part: Part) -> str | None:
        """The logical id of a part, or None where the environment does not have it."""
        kind, construct = _WHERE[part]
        for logical_id, resource in self.resources.items():
            if resource["Type"] == kind and re.fullmatch(rf"{construct}[0-9A-F]{{8}}", logical_id):
                return logical_id
        return None

    def further_secrets(self) -> list[tuple[str, str]]:
        """Logical id and name of each secret that is not Part.SECRET: those of the other providers."""
        return [
            (logical_id, str(resource["Properties"]["Name"]))
            for logical_id, resource in self.resources.items()
            if resource["Type"] == _WHERE[Part.SECRET][0] and logical_id != self.logical_id(Part.SECRET)
        ]

    def name(self, part: Part, attribute: str) -> str | None:
        """The fixed name of a part, or None where the environment does not have it."""
        logical_id = self.logical_id(part)
        return str(self.resources[logical_id]["Properties"][attribute]) if logical_id else None

    def generates(self, part: Part, bucket: str) -> bool:
        """Whether CloudFormation gave this name to a part of a stack of this name. The name is that of the stack, the
        logical id, which may be cut, and a random end (CloudFormation template reference, "Name type")."""
        logical_id = self.logical_id(part)
        match = re.fullmatch(rf"{re.escape(self.stack_name.lower())}-([a-z0-9]+)-[a-z0-9]+", bucket)
        if logical_id is None or match is None or not logical_id.lower().startswith(match[1]):
            return False
        return match[1].startswith(_WHERE[part][1].lower())


def retain(assembly: Path, logical_ids: Iterable[str]) -> None:
    """Gives these resources the deletion policy Retain in the template of that folder, for the import alone.

    RetainExceptOnCreate deletes what an operation has added to a stack when that operation is rolled back
    (CloudFormation template reference, "DeletionPolicy"), and no document exempts an import. The deployment that
    follows sets the policy of the stack.
    """
    (file,) = assembly.glob("*.template.json")
    template = json.loads(file.read_text(encoding="utf-8"))
    for logical_id in logical_ids:
        template["Resources"][logical_id]["DeletionPolicy"] = "Retain"
    file.write_text(json.dumps(template, indent=1), encoding="utf-8")
