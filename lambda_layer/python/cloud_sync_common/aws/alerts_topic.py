"""Mails to the owner by way of the topic of the alerts: within SNS's limits, and its refusals in one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.safe_text import redact

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_LIMIT, MESSAGE_LIMIT = 100, 262_144  # characters; bytes (SNS API reference, Publish)
_CUT = f"\n\n(This mail was cut here: SNS takes {MESSAGE_LIMIT:,} bytes. The ledger and the log have all of it.)"


def send_mail(topic: SNSClient, topic_arn: str, subject: str, text: str) -> None:
    """Sends one mail, without secrets. Raises ArchiveUnavailableError when it may be accepted later, ConfigurationError
    naming the topic or the key when a person has to act."""
    plain = re.sub("[^ -~]", "?", redact(subject))[:SUBJECT_LIMIT]  # one line of ASCII
    try:
        with aws_errors(f"sending a mail to the topic {topic_arn}"):
            topic.publish(TopicArn=topic_arn, Subject=plain, Message=_within_limit(redact(text)))
    except AwsError as error:
        raise ConfigurationError(
            f"The topic {topic_arn} does not accept a mail ({error_code(error)}). Deploy the stack again, which "
            "creates a missing topic, and check its subscriptions; then start the run again."
        ) from None


def _within_limit(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= MESSAGE_LIMIT:
        return data.decode()
    return data[: MESSAGE_LIMIT - len(_CUT)].decode("utf-8", "ignore") + _CUT
