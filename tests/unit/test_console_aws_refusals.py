"""Every class of botocore.exceptions and every refusal of AWS is a sentence with an exit code, without a secret."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from string import Formatter
from typing import Any

import pytest
from botocore import exceptions as of_botocore
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from console import main
from console.aws_account import AwsAccount
from console.aws_refusals import FAULTS, SERVICE, explained
from console.errors import Exit
from tests.unit.console_account import SECRET, answered

PASSWORD = "pass-word-of-the-proxy-0123"
# Values for whatever a class of botocore's has in its sentence.
VALUES: dict[str, Any] = {
    "profile": "work", "provider": "custom-process", "cred_var": "aws_secret_access_key",
    "path": "/etc/aws/config",
    "region_name": "eu-west-9", "endpoint_url": f"https://me:{PASSWORD}@cloudformation.eu-west-9.amazonaws.com/?{SECRET}",
    "proxy_url": f"http://me:{PASSWORD}@proxy.example:3128", "error_msg": f"the helper has said: {SECRET}",
    "error": f"x {SECRET}", "msg": SECRET, "message": SECRET, "reason": SECRET, "report": SECRET,
}  # fmt: skip


def raised(kind: type[Exception]) -> Exception:
    """One of this class, as botocore makes it, with a secret in each value that is text of others."""
    if issubclass(kind, ClientError):
        return kind({"Error": {"Code": "Odd", "Message": SECRET}}, "DescribeStacks")
    if not issubclass(kind, of_botocore.BotoCoreError):
        return kind(SECRET) if kind.__name__ != "MissingServiceIdError" else kind(service_name=SECRET)
    if issubclass(kind, of_botocore.WaiterError):
        return kind("stack", SECRET, {"Error": {"Message": SECRET}})
    names = {name for _, name, _, _ in Formatter().parse(kind.fmt) if name}
    made: Exception = kind(**{name: VALUES.get(name, SECRET) for name in {*names, "error"}})
    return made


CLASSES = [
    kind
    for _, kind in inspect.getmembers(of_botocore, inspect.isclass)
    if kind.__module__ == of_botocore.__name__ and issubclass(kind, Exception) and not issubclass(kind, Warning)
]
# Neither BotoCoreError nor ClientError: a model of a service that is damaged.
OF_MODELS = {"UndefinedModelAttributeError", "MissingServiceIdError"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_botocore_is_a_sentence_or_known_as_a_fault_of_ours(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    error = raised(kind)
    known = explained(error)
    is_fault = any(one.__name__ in FAULTS | OF_MODELS for one in kind.__mro__) and kind.__name__ not in ANSWERED
    assert (known is None) is is_fault
    code = main._failed(*main._meaning(error))
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1 and printed.err.startswith("cloudsync: ")
    assert ("This is a fault of Cloud Sync" in printed.err) is is_fault
    assert SECRET not in printed.err and PASSWORD not in printed.err and "{" not in printed.err
    assert code == (known.exit_code if known else Exit.FAILED)
    # Nothing is left to the sentence for what nobody has thought of: each class is named, or one that it is made from.
    assert is_fault or kind.__name__ in ("BotoCoreError", "ClientError") or EXPECTED.keys() & set(_names(kind))


def _names(kind: type) -> list[str]:
    return [one.__name__ for one in kind.__mro__]


# Derived from a fault, and none.
ANSWERED = {"InvalidRegionError"}
EXPECTED: dict[str, tuple[Exit, str]] = {
    "NoCredentialsError": (Exit.CREDENTIALS, "There are no AWS credentials"),
    "PartialCredentialsError": (Exit.CREDENTIALS, "aws_secret_access_key is missing (custom-process)"),
    "CredentialRetrievalError": (Exit.CREDENTIALS, "cannot be had from where the profile says (custom-process)"),
    "ProfileNotFound": (Exit.CREDENTIALS, "The AWS profile work is not there"),
    "SSOTokenLoadError": (Exit.CREDENTIALS, "The sign-in of this AWS profile has expired"),
    "UnauthorizedSSOTokenError": (Exit.CREDENTIALS, "`aws sso login`"),
    "SSOError": (Exit.CREDENTIALS, "`aws sso login`"),
    "TokenRetrievalError": (Exit.CREDENTIALS, "`aws sso login`"),
    "NoAuthTokenError": (Exit.CREDENTIALS, "`aws sso login`"),
    "LoginError": (Exit.CREDENTIALS, "`aws login`"),
    "LoginRefreshRequired": (Exit.CREDENTIALS, "`aws login`"),
    "LoginInsufficientPermissions": (Exit.CREDENTIALS, "signin:CreateOAuth2Token"),
    "RefreshWithMFAUnsupportedError": (Exit.CREDENTIALS, "second factor"),
    "MetadataRetrievalError": (Exit.CREDENTIALS, "metadata service"),
    "UnknownCredentialError": (Exit.FAILED, "configuration of this machine"),
    "UnknownTokenProviderError": (Exit.FAILED, "configuration of this machine"),
    "ConfigParseError": (Exit.FAILED, "/etc/aws/config cannot be read"),
    "ConfigNotFound": (Exit.FAILED, "/etc/aws/config is not there"),
    "InvalidConfigError": (Exit.FAILED, "configuration of this machine"),
    "InfiniteLoopConfigError": (Exit.FAILED, "(InfiniteLoopConfigError)"),
    "InvalidDefaultsMode": (Exit.FAILED, "(InvalidDefaultsMode)"),
    "InvalidRetryConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "InvalidChecksumConfigError": (Exit.FAILED, "configuration of this machine"),
    "InvalidEndpointConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "InvalidEndpointDiscoveryConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "InvalidIMDSEndpointError": (Exit.FAILED, "configuration of this machine"),
    "InvalidIMDSEndpointModeError": (Exit.FAILED, "configuration of this machine"),
    "InvalidProxiesConfigError": (Exit.FAILED, "configuration of this machine"),
    "InvalidS3AddressingStyleError": (Exit.FAILED, "configuration of this machine"),
    "InvalidS3UsEast1RegionalEndpointConfigError": (Exit.FAILED, "configuration of this machine"),
    "InvalidSTSRegionalEndpointsConfigError": (Exit.FAILED, "configuration of this machine"),
    "UnsupportedS3ConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "UnsupportedS3ControlConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "UnsupportedS3AccesspointConfigurationError": (Exit.FAILED, "configuration of this machine"),
    "UnknownSignatureVersionError": (Exit.FAILED, "configuration of this machine"),
    "UnsupportedSignatureVersionError": (Exit.FAILED, "configuration of this machine"),
    "EndpointVariantError": (Exit.FAILED, "configuration of this machine"),
    "NoRegionError": (Exit.FAILED, "No AWS region is set"),
    "InvalidRegionError": (Exit.USAGE, "no such region as 'eu-west-9'"),
    "UnknownRegionError": (Exit.USAGE, "no such region as 'eu-west-9'"),
    "UnknownEndpointError": (Exit.USAGE, "no such region as 'eu-west-9'"),
    "BaseEndpointResolverError": (Exit.USAGE, "no such region"),
    "ServiceNotInRegionError": (Exit.USAGE, "no such region as 'eu-west-9'"),
    "EndpointProviderError": (Exit.USAGE, "no such region"),
    "InvalidHostLabelError": (Exit.USAGE, "no such region"),
    "EndpointConnectionError": (Exit.FAILED, "cannot be reached at cloudformation.eu-west-9.amazonaws.com"),
    "ConnectTimeoutError": (Exit.FAILED, "cannot be reached at cloudformation.eu-west-9.amazonaws.com"),
    "ReadTimeoutError": (Exit.FAILED, "cannot be reached at cloudformation.eu-west-9.amazonaws.com"),
    "ConnectionError": (Exit.FAILED, "cannot be reached (ConnectionError)"),
    "HTTPClientError": (Exit.FAILED, "cannot be reached (HTTPClientError)"),
    "ProxyConnectionError": (Exit.FAILED, "The proxy at proxy.example does not let anything through"),
    "SSLError": (Exit.FAILED, "The certificate of what answered at cloudformation.eu-west-9.amazonaws.com"),
    "ResponseStreamingError": (Exit.FAILED, "did not arrive whole"),
    "ConnectionClosedError": (Exit.FAILED, "did not arrive whole"),
    "IncompleteReadError": (Exit.FAILED, "did not arrive whole"),
    "ChecksumError": (Exit.FAILED, "did not arrive whole"),
    "FlexibleChecksumError": (Exit.FAILED, "did not arrive whole"),
    "EventStreamError": (Exit.FAILED, "did not arrive whole"),
    "CapacityNotAvailableError": (Exit.FAILED, "too often"),
    "MissingDependencyException": (Exit.FAILED, "Install it again"),
    "DataNotFoundError": (Exit.FAILED, "Install it again"),
    "ApiVersionNotFoundError": (Exit.FAILED, "Install it again"),
    "MD5UnavailableError": (Exit.FAILED, "Install it again"),
    "UnknownServiceStyle": (Exit.FAILED, "Install it again"),
    "UnsupportedServiceProtocolsError": (Exit.FAILED, "Install it again"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_what_each_error_of_botocore_means_is_said(name: str) -> None:
    known = explained(raised(getattr(of_botocore, name)))
    assert known is not None
    code, words = EXPECTED[name]
    assert known.exit_code == code and words in str(known)


# What AWS answers


ANSWERS = [
    ("ExpiredToken", Exit.CREDENTIALS, "The AWS credentials have expired. Sign in again"),
    ("InvalidClientTokenId", Exit.CREDENTIALS, "or the region is not enabled for this account"),
    ("UnrecognizedClientException", Exit.CREDENTIALS, "AWS does not accept the credentials"),
    ("OptInRequired", Exit.CREDENTIALS, "AWS does not accept the credentials (OptInRequired)"),
    ("RequestTimeTooSkewed", Exit.FAILED, "This machine's clock is off"),
    ("SignatureDoesNotMatch", Exit.CREDENTIALS, "AWS does not accept the credentials"),
    ("AccessDenied", Exit.CREDENTIALS, "may not do s3:GetObject. Attach the managed policy CloudSyncOwner"),
    ("Forbidden", Exit.CREDENTIALS, "may not do s3:GetObject"),
    ("ThrottlingException", Exit.FAILED, "AWS asks to slow down (s3:GetObject)"),
    ("SlowDown", Exit.FAILED, "Repeat the command in a minute"),
    ("ProvisionedThroughputExceededException", Exit.FAILED, "AWS asks to slow down"),
    ("KMS.DisabledException", Exit.FAILED, "A KMS key cannot be used, which s3:GetObject needs"),
    ("KMSInvalidStateException", Exit.FAILED, "A KMS key cannot be used"),
    ("KmsAccessDeniedException", Exit.CREDENTIALS, "its key policy admits you"),
    ("DecryptionFailureException", Exit.FAILED, "A KMS key cannot be used"),
    ("NoSuchBucket", Exit.NOT_FOUND, "AWS has no such resource any more"),
    ("AWS.SimpleQueueService.NonExistentQueue", Exit.NOT_FOUND, "AWS has no such resource any more"),
    ("InternalServerError", Exit.FAILED, "AWS has a fault of its own at the moment"),
    ("503", Exit.FAILED, "AWS has a fault of its own at the moment"),
    ("Odd", Exit.FAILED, "AWS refused s3:GetObject (Odd). `cloudsync doctor` looks closer."),
    (f"Odd {SECRET}", Exit.FAILED, "AWS refused s3:GetObject (no code)"),
    ("", Exit.FAILED, "AWS refused s3:GetObject (no code)"),
]


@pytest.mark.parametrize(("code", "exit_code", "sentence"), ANSWERS)
def test_what_each_refusal_of_aws_means_is_said_by_its_code_alone(code: str, exit_code: Exit, sentence: str) -> None:
    known = explained(answered(code, f"repeats {SECRET}", **{SERVICE: "s3"}))
    assert known is not None and known.exit_code == exit_code and sentence in str(known) and SECRET not in str(known)


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
@pytest.mark.parametrize(("off", "words"), [(0, "does not accept the credentials"), (9, "This machine's clock is off")])
def test_a_signature_is_refused_for_the_clock_where_the_answers_date_shows_it(code: str, off: int, words: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=off), usegmt=True)
    known = explained(answered(code, ResponseMetadata={"HTTPHeaders": {"date": date}}))
    assert known is not None and words in str(known)


@pytest.mark.parametrize(
    ("service", "operation", "message", "permission"),
    [
        ("s3", "ListObjectsV2", "", "s3:ListBucket"),
        ("s3", "HeadObject", "", "s3:GetObject"),
        ("stepfunctions", "StartExecution", "", "states:StartExecution"),
        ("lambda", "Invoke", "", "lambda:InvokeFunction"),
        ("dynamodb", "Query", "", "dynamodb:Query"),
        ("s3", "GetObject", "User: arn:x is not authorized to perform: kms:Decrypt on resource: arn:y", "kms:Decrypt"),
        ("s3", "GetObject", f"perform: {SECRET}", "s3:GetObject"),
    ],
)
def test_the_permission_that_is_missing_is_named_as_a_policy_has_it(
    service: str, operation: str, message: str, permission: str
) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": message}, SERVICE: service}, operation)
    known = explained(error)
    assert known is not None and f"may not do {permission}." in str(known)


def test_a_refusal_of_a_real_client_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "in-process")
    client = AwsAccount(region="eu-west-1").client("stepfunctions")
    with Stubber(client) as stubber:
        stubber.add_client_error("start_execution", "AccessDeniedException")
        with pytest.raises(ClientError) as failure:
            client.start_execution(stateMachineArn="arn")
    assert "may not do states:StartExecution." in str(explained(failure.value))
