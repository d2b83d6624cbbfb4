"""AWS's refusals: each one that passes by itself is worth another attempt, each one about a KMS key names the key."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.aws.s3_upload import refused
from cloud_sync_common.exceptions import ArchiveUnavailableError, CloudSyncError, ConfigurationError
from urllib3.exceptions import ProtocolError, SSLError

SERVICES = ("s3", "dynamodb", "secretsmanager", "sns", "sqs", "stepfunctions")  # what the functions call


def modelled(service: str) -> list[tuple[str, str]]:
    """(name, code) of every error in botocore's model of a service."""
    shapes = botocore.session.get_session().get_service_model(service).error_shapes
    return [(shape.name, shape.error_code) for shape in shapes]


def kms_codes() -> set[str]:
    """Every code by which these services report a refusal of KMS. S3 and, in its older protocol, SQS put `KMS.` before
    the code that KMS itself gives."""
    named = {each for service in SERVICES for error in modelled(service) for each in error if "kms" in each.lower()}
    own = {f"KMS.{code}" for _, code in modelled("kms")}
    general = {"KMS.AccessDeniedException", "KMS.ThrottlingException", "KMS.OptInRequired", "KMS.InvalidStateException"}
    return named | own | general | {"DecryptionFailure", "EncryptionFailure"}


PASSING = ("Throttl", "KMSInternal", "DependencyTimeout", "KeyUnavailable", "LimitExceeded")


def translated(code: str, status: int = 400) -> BaseException:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises((CloudSyncError, ClientError)) as found, aws_errors("sending the report"):
        raise ClientError(answer, "Operation")  # type: ignore[arg-type]
    return found.value


def test_the_models_name_the_refusals_that_this_test_is_about() -> None:
    assert {"KMSAccessDenied", "KMSOptInRequired", "KmsInvalidKeyUsage", "KmsThrottlingException"} <= kms_codes()
    assert {"DecryptionFailure", "EncryptionFailure"} <= {code for _, code in modelled("secretsmanager")}


@pytest.mark.parametrize("code", sorted(kms_codes()))
def test_every_refusal_of_kms_waits_or_names_the_key_and_the_next_step(code: str) -> None:
    error = translated(code)
    if any(word in code for word in PASSING):
        assert isinstance(error, ArchiveUnavailableError)
        return
    assert isinstance(error, ConfigurationError)
    assert "KMS key" in str(error) and "is enabled" in str(error) and code in str(error)
    assert "sending the report" in str(error)


@pytest.mark.parametrize("code", ["KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException"])
def test_s3s_answer_about_a_key_is_recognised_in_an_upload_too(code: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>arn:aws:kms:eu-central-1:1:key/k is disabled.</Message></Error>"
    with pytest.raises(ConfigurationError, match="KMS key"), aws_errors("writing an object"):
        raise refused(400, body.encode(), "PutObject")


@pytest.mark.parametrize(
    "code",
    sorted(
        {*ThrottledRetryableChecker._THROTTLED_ERROR_CODES, *TransientRetryableChecker._TRANSIENT_ERROR_CODES}
        | {code for service in SERVICES for error in modelled(service) for code in error if "hrottl" in code}
    ),
)
def test_whatever_botocore_itself_would_retry_is_worth_another_attempt(code: str) -> None:
    assert isinstance(translated(code), ArchiveUnavailableError)


@pytest.mark.parametrize("status", [*TransientRetryableChecker._TRANSIENT_STATUS_CODES, 429])
def test_a_failing_service_is_worth_another_attempt_whatever_code_it_gives(status: int) -> None:
    assert isinstance(translated("SomethingNew", status), ArchiveUnavailableError)
    with pytest.raises(ArchiveUnavailableError), aws_errors("writing an object"):
        raise refused(status, b"<Error><Code>SomethingNew</Code></Error>", "PutObject")


@pytest.mark.parametrize("status", [408, 421, 500, 507, 520, 529, 599])
def test_a_gateways_status_without_a_known_code_is_worth_another_attempt(status: int) -> None:
    assert isinstance(translated(str(status), status), ArchiveUnavailableError)


@pytest.mark.parametrize(
    "code",
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "TransactionConflictException"],
)
@pytest.mark.parametrize("status", [400, 403])
def test_what_another_process_or_moment_would_not_meet_is_worth_another_attempt(code: str, status: int) -> None:
    assert isinstance(translated(code, status), ArchiveUnavailableError)


@pytest.mark.parametrize(
    "code", ["NoSuchBucket", "QueueDoesNotExist", "UnrecognizedClientException", "AllAccessDisabled", "OptInRequired"]
)
def test_what_is_gone_or_closed_is_no_defect_of_cloud_sync(code: str) -> None:
    error = translated(code, 404)
    assert isinstance(error, ConfigurationError)
    assert "sending the report" in str(error) and code in str(error) and "Deploy the stack again" in str(error)


@pytest.mark.parametrize("error", [ResponseParserError("no XML"), SSLError("bad record MAC"), ProtocolError("cut")])
def test_an_answer_that_cannot_be_read_is_no_answer(error: Exception) -> None:
    with pytest.raises(ArchiveUnavailableError, match="reading the parts"), aws_errors("reading the parts"):
        raise error


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "AuthorizationError", "403"])
def test_a_missing_permission_is_said_as_such(code: str) -> None:
    assert "may not do this" in str(translated(code))


def test_any_other_refusal_is_left_to_the_caller() -> None:
    assert isinstance(translated("ConditionalCheckFailedException"), ClientError)


@pytest.mark.parametrize(
    "code", ["PreconditionFailed", "ConditionalRequestConflict", "BadDigest", "InvalidPart", "NoSuchUpload"]
)
def test_a_refusal_inside_an_answer_that_began_as_a_success_means_what_its_code_says(code: str) -> None:
    """S3 may complete an upload for minutes before it refuses; botocore gives that answer the status 500."""
    assert isinstance(translated(code, 500), ClientError)


@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException"])
def test_such_a_refusal_for_a_person_is_not_tried_again(code: str) -> None:
    assert isinstance(translated(code, 500), ConfigurationError)
