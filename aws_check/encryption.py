"""Encryption: S3 and SNS use the KMS key that the environment asks for, and use it in fact."""

from __future__ import annotations

from aws_check.inbox import open_inbox
from aws_check.outcome import Check, NotPartOfThisEnvironment, require
from aws_check.own_objects import own_objects
from aws_check.stack import Stack


def checks(_stack: Stack) -> list[Check]:
    """KMS through S3 and through SNS."""
    return [
        Check(
            "KMS through S3",
            "a new object of the archive is encrypted under the right KMS key, with a bucket key",
            "deploy again; with a key of your own, see in KMS that it is enabled and that you may use it through S3",
            archive_is_encrypted,
            only_aws="the emulator has no key of AWS's own for S3 and does not show bucket keys",
        ),
        Check(
            "the topic's key",
            "the alerts topic is encrypted under the stack's own key",
            "deploy again",
            topic_has_the_key,
            only_aws="the emulator does not record the key of a topic",
        ),
        Check(
            "KMS through SNS",
            "a message that you publish passes through the alerts topic and its encryption",
            "deploy again; with a key of your own, see in KMS that it is enabled and that you may use it through SNS",
            topic_passes_messages,
        ),
    ]


def archive_is_encrypted(stack: Stack) -> str:
    """Writes one byte and reads how S3 encrypted it. Raises CheckFailed, NotPartOfThisEnvironment."""
    s3, bucket = stack.client("s3"), stack.outputs["ArchiveBucket"]
    with own_objects(stack) as prefix:
        s3.put_object(Bucket=bucket, Key=f"{prefix}encrypted", Body=b"x", IfNoneMatch="*")
        head = s3.head_object(Bucket=bucket, Key=f"{prefix}encrypted")
    kind, used = head.get("ServerSideEncryption"), head.get("SSEKMSKeyId", "")
    require(kind == "aws:kms", f"S3 encrypted the object with {kind}, not with KMS")
    manager = stack.client("kms").describe_key(KeyId=used)["KeyMetadata"]["KeyManager"]
    own = stack.one("AWS::KMS::Key")
    if own:
        require(used.endswith(f"/{own.physical_id}"), f"S3 used the key {used}, not the stack's own")
    else:
        require(manager == "AWS", f"S3 used the key {used}, not the one that AWS manages for S3")
    require(head.get("BucketKeyEnabled"), "the bucket has no bucket key, so each request to KMS is charged")
    return f"SSE-KMS under {'its own key' if own else 'the key that AWS manages for S3'}, with a bucket key"


def topic_has_the_key(stack: Stack) -> str:
    """Raises CheckFailed unless the topic uses the stack's own key; NotPartOfThisEnvironment when there is none."""
    own, topic = stack.one("AWS::KMS::Key"), stack.outputs["AlertsTopicArn"]
    if own is None:
        raise NotPartOfThisEnvironment("customer_managed_key is false, so the topic is not encrypted with KMS")
    key = stack.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"].get("KmsMasterKeyId", "")
    require(key.endswith(own.physical_id), f"the topic is encrypted under {key or 'no key'}, not the stack's own")
    return "the stack's own key"


def topic_passes_messages(stack: Stack) -> str:
    """Sends a test message through the topic to a queue of its own. Raises CheckFailed."""
    sns, topic = stack.client("sns"), stack.outputs["AlertsTopicArn"]
    text = f"This is a test by `make aws-check` ({stack.run_name}). Nothing has happened, and nothing is to be done."
    with open_inbox(stack, "kms") as inbox:
        inbox.receive(
            lambda: sns.publish(TopicArn=topic, Subject="Cloud Sync: a test, nothing is to be done", Message=text),
            lambda message: message == text,
        )
    return "the test message arrived"
