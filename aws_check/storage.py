"""Buckets and table: S3 and DynamoDB have in force what the template says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aws_check.outcome import Check, require
from aws_check.stack import Resource, Stack


def checks(_stack: Stack) -> list[Check]:
    """The settings of the buckets and of the ledger."""
    return [
        Check(
            "the buckets are private",
            "public access to every bucket of the stack is blocked, and no policy makes one public",
            "somebody changed a bucket by hand: deploy again, and look at who has read it",
            buckets_are_private,
        ),
        Check(
            "versions in the archive",
            "S3 keeps the older version of an object that is overwritten or deleted",
            "turn versioning on again in the S3 console, or deploy again",
            archive_keeps_versions,
        ),
        Check(
            "tiers and expiry",
            "the lifecycle rules of every bucket are those of the template: S3 moves and removes what they say",
            "deploy again; S3 applies a changed rule to existing objects within a day or two",
            lifecycle_is_the_templates,
        ),
        Check(
            "the ledger's backup",
            "DynamoDB can restore the ledger to any second of the last 35 days",
            "turn on point-in-time recovery in the DynamoDB console, or deploy again",
            ledger_can_be_restored,
            only_aws="the emulator does not record point-in-time recovery",
        ),
    ]


def buckets_are_private(stack: Stack) -> str:
    """Raises CheckFailed for a bucket that is public or might become it."""
    s3, buckets = stack.client("s3"), stack.of_kind("AWS::S3::Bucket")
    for bucket in buckets:
        name = bucket.physical_id
        blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        open_ways = [way for way, is_blocked in blocked.items() if not is_blocked]
        require(len(blocked) == 4 and not open_ways, f"{name} does not block public access: {', '.join(open_ways)}")
        status = s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]
        require(not status.get("IsPublic"), f"the policy of {name} makes it public")
    return f"{len(buckets)} buckets"


def archive_keeps_versions(stack: Stack) -> str:
    """Raises CheckFailed unless the archive is versioned."""
    found = stack.client("s3").get_bucket_versioning(Bucket=stack.outputs["ArchiveBucket"]).get("Status", "off")
    require(found == "Enabled", f"versioning of the archive is {found}")
    return "on"


def lifecycle_is_the_templates(stack: Stack) -> str:
    """Raises CheckFailed for a bucket whose rules differ from the template's."""
    count = 0
    for bucket in stack.of_kind("AWS::S3::Bucket"):
        expected, found = set(_rules_of_the_template(bucket)), set(_rules_in_force(stack, bucket.physical_id))
        missing, more = expected - found, found - expected
        require(not missing, f"{bucket.physical_id} lacks: {_listed(missing)}")
        require(not more, f"{bucket.physical_id} has by hand: {_listed(more)}")
        count += len(found)
    return f"{count} rules"


def _rules_of_the_template(bucket: Resource) -> Iterator[str]:
    for rule in bucket.properties.get("LifecycleConfiguration", {}).get("Rules", []):
        yield from _sentences(_in_the_words_of_s3(rule))


def _rules_in_force(stack: Stack, bucket: str) -> Iterator[str]:
    for rule in stack.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]:
        yield from _sentences(rule)


def _in_the_words_of_s3(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of the template (AWS::S3::Bucket Rule) as GetBucketLifecycleConfiguration answers it."""
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    moves = [{**step, "Days": step["TransitionInDays"]} for step in rule.get("Transitions", [])]
    older = [
        {**step, "NoncurrentDays": step["TransitionInDays"]} for step in rule.get("NoncurrentVersionTransitions", [])
    ]
    return {
        **rule,
        "ID": rule.get("Id"),
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Expiration": expiration,
        "Transitions": moves,
        "NoncurrentVersionTransitions": older,
    }


def _sentences(rule: Mapping[str, Any]) -> Iterator[str]:
    """What one rule does, one sentence for each action."""
    prefix = rule.get("Filter", {}).get("Prefix", "") or rule.get("Prefix", "")  # either is allowed (Rule, "Prefix")
    name = f"{rule.get('ID')} ({rule['Status']}{f', below {prefix}' if prefix else ''})"
    expiration, older = rule.get("Expiration", {}), rule.get("NoncurrentVersionExpiration", {})
    for step in rule.get("Transitions", []):
        yield f"{name}: {step['StorageClass']} after {step['Days']} days"
    for step in rule.get("NoncurrentVersionTransitions", []):
        yield f"{name}: older versions {step['StorageClass']} after {step['NoncurrentDays']} days"
    for what, days in (
        ("expires", expiration.get("Days")),
        ("older versions expire", older.get("NoncurrentDays")),
        ("uploads end", rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")),
    ):
        if days is not None:
            yield f"{name}: {what} after {days} days"
    if expiration.get("ExpiredObjectDeleteMarker"):
        yield f"{name}: delete markers expire"


def ledger_can_be_restored(stack: Stack) -> str:
    """Raises CheckFailed unless point-in-time recovery is on."""
    answer: Any = stack.client("dynamodb").describe_continuous_backups(TableName=stack.outputs["LedgerTable"])
    recovery = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    require(recovery == "ENABLED", f"point-in-time recovery is {recovery}")
    return "on"


def _listed(rules: set[str]) -> str:
    return "; ".join(sorted(rules))
