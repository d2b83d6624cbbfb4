"""AWS clients, created once per process, and AWS's errors translated into ours.

`aws_errors` turns botocore's exceptions into ArchiveUnavailableError (worth another attempt later) or
ConfigurationError (a person must grant or fix something). Every other ClientError passes through to the caller, who
recognises it by `error_code`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from cloud_sync_common.exceptions import ArchiveUnavailableError, CloudSyncError, ConfigurationError
from cloud_sync_common.xray_utils import subsegment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

AwsError = ClientError

# Passes by itself: what botocore retries (botocore.retries.standard), and each service's own words for the same.
_LATER = frozenset(
    {
        "BandwidthLimitExceeded",
        "Busy",
        "DependencyTimeoutException",
        "EC2ThrottledException",
        "ExpiredToken",  # of a process that was frozen for long; the next one has other credentials
        "ExpiredTokenException",
        "IncompleteBody",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "LimitExceededException",
        "OperationAborted",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeTooSkewed",  # the clock of a process that has just been thawed
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_LATER_STATUS = frozenset({408, 421, 429})  # and whatever is 500 or more
# S3 may write these into an answer that began with status 200 (API reference, CompleteMultipartUpload). botocore gives
# such an answer the status 500, so the code decides, and the caller knows what it means.
_CALLER_DECIDES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "EntityTooSmall",
        "InvalidDigest",
        "InvalidPart",
        "InvalidPartOrder",
        "InvalidRequest",
        "NoSuchKey",
        "NoSuchUpload",
        "PreconditionFailed",
    }
)
# Nothing that a caller could do about it, and nothing that passes.
_NOTHING_THERE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "AccountProblem",
        "AllAccessDisabled",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "NoSuchBucket",
        "NotSignedUp",
        "OptInRequired",
        "PermanentRedirect",
        "QueueDoesNotExist",
        "StateMachineDoesNotExist",
        "UnrecognizedClientException",
    }
)
_FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"})
# SNS says KMSDisabled, SQS KmsDisabled, S3 KMS.DisabledException; Secrets Manager has two words without the prefix.
_KEY = re.compile(r"KMS[\w.]*|(De|En)cryptionFailure", re.IGNORECASE)
_KEY_LATER = re.compile(r"Throttl|KMSInternal|DependencyTimeout|KeyUnavailable|LimitExceeded")
_DESERIALISER = TypeDeserializer()

# Standard mode: exponential back-off with jitter and a retry quota (boto3 guide, "Retries").
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=60,
    tcp_keepalive=True,
    max_pool_connections=32,
)
# So that `bucket_url` is the endpoint of the bucket in its own region, which never redirects.
_S3_CONFIG = _CONFIG.merge(
    Config(signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})
)


@cache
def session() -> boto3.Session:
    """This process's credentials and region."""
    return boto3.Session()


@cache
def s3() -> S3Client:
    return session().client("s3", config=_S3_CONFIG)


def ca_bundle() -> str | None:
    """The file with the authorities for AWS's certificates, if AWS_CA_BUNDLE or the AWS configuration names one."""
    bundle: str | None = botocore.session.get_session().get_config_variable("ca_bundle")
    return bundle


@cache
def table(name: str) -> Table:
    """A DynamoDB table as a boto3 resource, which converts to and from Python's types."""
    return session().resource("dynamodb", config=_CONFIG).Table(name)


@cache
def secrets() -> SecretsManagerClient:
    return session().client("secretsmanager", config=_CONFIG)


@cache
def lambdas() -> Any:
    return session().client("lambda", config=_CONFIG)


@cache
def sns() -> SNSClient:
    return session().client("sns", config=_CONFIG)


@cache
def sqs() -> SQSClient:
    return session().client("sqs", config=_CONFIG)


@cache
def step_functions() -> SFNClient:
    return session().client("stepfunctions", config=_CONFIG)


def error_code(error: ClientError) -> str:
    """AWS's code for the error, e.g. `NoSuchUpload`; the HTTP status where S3's answer has no body with a code."""
    code: Any = error.response.get("Error", {}).get("Code", "")
    return str(code)


def plain_item(error: ClientError) -> dict[str, Any]:
    """The row that made a conditional write fail, in Python's types; empty when there is none."""
    item: Any = error.response.get("Item") or {}
    return {name: _DESERIALISER.deserialize(value) for name, value in item.items()}


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Translates errors that the caller cannot act on, and puts the call into the trace under the name `doing`, such
    as "reading the ledger".

    Raises ArchiveUnavailableError, ConfigurationError, and every other ClientError as it is.
    """
    try:
        with subsegment(doing):
            yield
    except ClientError as error:
        if translated := _translated(error, doing):
            raise translated from None
        raise
    except NoCredentialsError:
        raise ConfigurationError(f"No AWS credentials were found for {doing}.") from None
    except (BotoCoreError, ResponseParserError, HTTPError) as error:  # the last one while a body is read
        raise ArchiveUnavailableError(f"AWS could not be reached for {doing} ({type(error).__name__}).") from None


def _translated(error: ClientError, doing: str) -> CloudSyncError | None:
    """The refusal as one of our errors; None when only the caller knows what it means."""
    code = error_code(error)
    about_key = _KEY.fullmatch(code) is not None
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    later = ArchiveUnavailableError(f"AWS cannot be used for {doing} at the moment ({code}).")
    if code in _LATER or (about_key and _KEY_LATER.search(code)):
        return later
    if about_key:
        return ConfigurationError(
            f"The KMS key cannot be used for {doing} ({code}). In the KMS console, check that the key exists, is "
            "enabled and is not scheduled for deletion, and that its key policy admits the function's role; then start "
            "the run again."
        )
    if code in _FORBIDDEN:
        return ConfigurationError(
            f"The function's role may not do this: {doing} ({code}). Deploy the stack again, and check "
            "what denies it (a bucket policy, a key policy, a permissions boundary)."
        )
    if code in _NOTHING_THERE:
        return ConfigurationError(
            f"AWS refuses this: {doing} ({code}). Something that the stack uses is gone or closed, or the account is. "
            "Deploy the stack again, and look at the account's state in the AWS console."
        )
    passes = status is not None and (status >= 500 or status in _LATER_STATUS)
    return later if passes and code not in _CALLER_DECIDES else None
