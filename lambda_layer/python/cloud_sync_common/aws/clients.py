"""The only door to boto3: clients made once per process, and AWS's errors as ours.

botocore's own exceptions stop here: `aws_errors` turns what a caller cannot act on into ArchiveUnavailableError (come
back later) or ConfigurationError (a person must grant or mend something), and lets the rest through for the caller,
who names it by `client.exceptions.X` or `error_code`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.xray_utils import subsegment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

AwsError = ClientError

_LATER = frozenset(
    {
        "IncompleteBody",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "OperationAborted",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "500",
        "502",
        "503",
        "504",
    }
)
_FORBIDDEN = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMS.AccessDeniedException", "403"}
)
_DESERIALISER = TypeDeserializer()

# Standard mode: exponential back-off with jitter and a retry quota (boto3 guide, "Retries").
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=60,
    tcp_keepalive=True,
    max_pool_connections=32,
)
# So that `bucket_url` is the bucket's own endpoint in its own region, which redirects nobody.
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
    """The authorities that AWS's certificates are checked against where AWS_CA_BUNDLE or the configuration says so."""
    bundle: str | None = botocore.session.get_session().get_config_variable("ca_bundle")
    return bundle


@cache
def table(name: str) -> Table:
    """The ledger table, which speaks Python's own types."""
    return session().resource("dynamodb", config=_CONFIG).Table(name)


@cache
def secrets() -> SecretsManagerClient:
    return session().client("secretsmanager", config=_CONFIG)


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
    """AWS's name for what went wrong, e.g. `NoSuchUpload`; an HTTP status where S3 has no body to name it."""
    code: Any = error.response.get("Error", {}).get("Code", "")
    return str(code)


def plain_item(error: ClientError) -> dict[str, Any]:
    """The row that a refused conditional write left standing, in Python's own types; empty when there is none."""
    item: Any = error.response.get("Item") or {}
    return {name: _DESERIALISER.deserialize(value) for name, value in item.items()}


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Translates what the caller cannot act on, and puts the call into the trace under its name. `doing` completes the
    sentence "AWS refused <doing>".

    Raises ArchiveUnavailableError, ConfigurationError; lets every other ClientError through.
    """
    try:
        with subsegment(doing):
            yield
    except ClientError as error:
        code = error_code(error)
        if code in _LATER:
            raise ArchiveUnavailableError(f"AWS could not be used for {doing} just now ({code}).") from None
        if code in _FORBIDDEN:
            raise ConfigurationError(
                f"The function's role may not do this: {doing} ({code}). Deploy the stack again, and check what "
                "denies it (bucket policy, key policy, a boundary)."
            ) from None
        raise
    except NoCredentialsError:
        raise ConfigurationError(f"No AWS credentials were found for {doing}.") from None
    except BotoCoreError as error:
        raise ArchiveUnavailableError(f"AWS could not be reached for {doing} ({type(error).__name__}).") from None
