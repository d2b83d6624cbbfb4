"""What it means for the owner that AWS refuses a request, or that none could be sent.

Every class of botocore.exceptions has its place here: a sentence, or the list of those that only a fault of this
program can cause. Of an error's own values only those are shown that cannot hold a secret: a proxy's address may have a
password, and the message of whatever fetches credentials may have anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from cloud_sync_common.safe_text import one_line

from console.errors import ConsoleError, CredentialsRefusedError, NotFoundError, UsageError

SERVICE = "CloudSyncService"  # a field that AwsAccount adds to each answer: the service that gave it

_SIGN_IN = "Sign in again (`aws sso login`, or new keys), then repeat the command."
_TRY = "`aws sts get-caller-identity` with the same profile shows why."
_AGAIN = "Check the network, and repeat the command."
_ENDED = "The sign-in of this AWS profile has expired."
_CONFIG = "The AWS configuration of this machine (~/.aws/config, or AWS_… variables) cannot be used ({name})."
_REGION = "AWS has no such region{region} for this. Name the stack's with --region or AWS_DEFAULT_REGION."
_NO_ANSWER = "AWS cannot be reached{at} ({name}). Check the network and the region."
OTHER_ANSWER = (
    "What answered in place of AWS cannot be read ({name}): a proxy or a sign-in page of the network may be in "
    "between. Check the network, HTTPS_PROXY and AWS_ENDPOINT_URL."
)

type _Sentence = tuple[type[ConsoleError], str]
_SIGN_IN_ENDED: _Sentence = (CredentialsRefusedError, f"{_ENDED} {_SIGN_IN}")
_BAD_CONFIG: _Sentence = (ConsoleError, f"{_CONFIG} Correct it; {_TRY}")
_NO_REGION: _Sentence = (UsageError, _REGION)
_UNREACHED: _Sentence = (ConsoleError, _NO_ANSWER)
_CUT_OFF: _Sentence = (ConsoleError, f"AWS's answer{{at}} did not arrive whole ({{name}}). {_AGAIN}")
_INSTALLATION: _Sentence = (
    ConsoleError,
    "The installation of this command is damaged, or lacks a part ({name}). Install it again: make setup.",
)

# Why a request was not even sent or has no answer, by the name of botocore's class; one that is not named is looked up
# by the classes that it is derived from.
_NOT_SENT: Mapping[str, _Sentence] = {
    "NoCredentialsError": (
        CredentialsRefusedError,
        "There are no AWS credentials. Run `aws configure sso`, or name a profile with --profile or AWS_PROFILE.",
    ),
    "PartialCredentialsError": (
        CredentialsRefusedError,
        "The AWS credentials are incomplete: {cred_var} is missing ({provider}). Set it as well, or remove the rest.",
    ),
    "CredentialRetrievalError": (
        CredentialsRefusedError,
        f"The AWS credentials cannot be had from where the profile says ({{provider}}). {_TRY}",
    ),
    "ProfileNotFound": (
        CredentialsRefusedError,
        "The AWS profile {profile} is not there. `aws configure list-profiles` shows those that there are.",
    ),
    "SSOError": _SIGN_IN_ENDED,
    "TokenRetrievalError": _SIGN_IN_ENDED,
    "NoAuthTokenError": _SIGN_IN_ENDED,
    "LoginError": (CredentialsRefusedError, f"{_ENDED} Sign in again (`aws login`), then repeat the command."),
    "LoginInsufficientPermissions": (
        CredentialsRefusedError,
        "The sign-in of this AWS profile cannot be renewed, because signin:CreateOAuth2Token is not allowed. Have that "
        "permission added, then run `aws login`.",
    ),
    "RefreshWithMFAUnsupportedError": (
        CredentialsRefusedError,
        f"The AWS credentials have ended, and need the code of the second factor again. {_SIGN_IN}",
    ),
    "MetadataRetrievalError": (
        CredentialsRefusedError,
        f"The AWS credentials of this machine cannot be had from its metadata service. {_TRY}",
    ),
    "UnknownCredentialError": _BAD_CONFIG,
    "UnknownTokenProviderError": _BAD_CONFIG,
    "ConfigParseError": (
        ConsoleError,
        "The AWS configuration file {path} cannot be read: it is no INI file. Correct it, or name another one with "
        "AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE.",
    ),
    "ConfigNotFound": (ConsoleError, f"The AWS configuration file {{path}} is not there. {_TRY}"),
    "InvalidConfigError": _BAD_CONFIG,
    "InvalidDefaultsMode": _BAD_CONFIG,
    "InvalidRetryConfigurationError": _BAD_CONFIG,
    "InvalidChecksumConfigError": _BAD_CONFIG,
    "InvalidEndpointConfigurationError": _BAD_CONFIG,
    "InvalidEndpointDiscoveryConfigurationError": _BAD_CONFIG,
    "InvalidIMDSEndpointError": _BAD_CONFIG,
    "InvalidIMDSEndpointModeError": _BAD_CONFIG,
    "InvalidProxiesConfigError": _BAD_CONFIG,
    "InvalidS3AddressingStyleError": _BAD_CONFIG,
    "InvalidS3UsEast1RegionalEndpointConfigError": _BAD_CONFIG,
    "InvalidSTSRegionalEndpointsConfigError": _BAD_CONFIG,
    "UnsupportedS3ConfigurationError": _BAD_CONFIG,
    "UnsupportedS3ControlConfigurationError": _BAD_CONFIG,
    "UnsupportedS3AccesspointConfigurationError": _BAD_CONFIG,
    "UnknownSignatureVersionError": _BAD_CONFIG,
    "UnsupportedSignatureVersionError": _BAD_CONFIG,
    "EndpointVariantError": _BAD_CONFIG,  # FIPS or dual stack, where a service has none
    "NoRegionError": (ConsoleError, "No AWS region is set. Name the stack's with --region or AWS_DEFAULT_REGION."),
    "InvalidRegionError": _NO_REGION,
    "UnknownRegionError": _NO_REGION,
    "BaseEndpointResolverError": _NO_REGION,
    "ServiceNotInRegionError": _NO_REGION,
    "EndpointProviderError": _NO_REGION,
    "InvalidHostLabelError": _NO_REGION,
    "ConnectionError": _UNREACHED,
    "HTTPClientError": _UNREACHED,
    "ProxyConnectionError": (
        ConsoleError,
        "The proxy{at} does not let anything through to AWS. Check HTTPS_PROXY and NO_PROXY.",
    ),
    "SSLError": (
        ConsoleError,
        "The certificate of what answered{at} is not accepted: something on the way may be reading along. Where that "
        "is wanted, name its certificate with AWS_CA_BUNDLE.",
    ),
    "ResponseStreamingError": _CUT_OFF,
    "ConnectionClosedError": _CUT_OFF,
    "IncompleteReadError": _CUT_OFF,
    "ChecksumError": _CUT_OFF,
    "FlexibleChecksumError": _CUT_OFF,
    "EventStreamError": _CUT_OFF,
    "CapacityNotAvailableError": (ConsoleError, f"AWS was asked too often without success. {_AGAIN}"),
    "MissingDependencyException": _INSTALLATION,
    "DataNotFoundError": _INSTALLATION,
    "ApiVersionNotFoundError": _INSTALLATION,
    "MD5UnavailableError": _INSTALLATION,
    "UnknownServiceStyle": _INSTALLATION,
    "UnsupportedServiceProtocolsError": _INSTALLATION,
}
# What no owner, network or AWS can cause: a request that this program makes wrongly.
FAULTS = frozenset({
    "AwsChunkedWrapperError", "InvalidDNSNameError", "InvalidExpressionError", "MissingParametersError",
    "OperationNotPageableError", "PaginationError", "ParamValidationError", "StubResponseError",
    "UnknownClientMethodError", "UnseekableStreamError", "UnsupportedOutpostResourceError", "UnsupportedS3ArnError",
    "UnsupportedS3ControlArnError", "ValidationError", "WaiterConfigError", "WaiterError",
})  # fmt: skip

# Error codes of several services (AWS API references, "Common Errors").
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_SIGNATURE = {"SignatureDoesNotMatch", "InvalidSignatureException"}
_CLOCK = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_UNKNOWN = {
    "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "IncompleteSignature",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotSignedUp", "OptInRequired",
    "SubscriptionRequiredException", "InvalidToken", "AccountProblem",
}  # fmt: skip
_DENIED = {
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError",
    "AuthorizationErrorException", "NotAuthorized", "UnauthorizedException", "Forbidden", "403",
}  # fmt: skip
# Of all services (botocore, _retry.json and retries/standard.py).
_SLOW_DOWN = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
    "TooManyRequestsException", "SlowDown", "RequestLimitExceeded", "ProvisionedThroughputExceededException",
    "BandwidthLimitExceeded", "PriorRequestNotComplete", "EC2ThrottledException", "TransactionInProgressException",
    "KmsThrottlingException", "KMSThrottlingException",
}  # fmt: skip
_BUSY = {
    "InternalError", "InternalFailure", "InternalServerError", "InternalServiceError", "InternalServiceErrorException",
    "ServiceException", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout",
    "RequestTimeoutException", "500", "502", "503", "504",
}  # fmt: skip
_GONE = {
    "ResourceNotFoundException", "ResourceNotFound", "NoSuchBucket", "NoSuchKey", "StateMachineDoesNotExist",
    "ExecutionDoesNotExist", "NotFound", "NotFoundException", "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue", "404",
}  # fmt: skip
_KEY = re.compile(r"KMS[\w.]*|(De|En)cryptionFailure(Exception)?", re.IGNORECASE)
_CODE = re.compile(r"[\w.]{1,80}", re.ASCII)
# The permission's name where AWS says it ("… is not authorized to perform: kms:Decrypt on …"). It is only shown.
_PERFORM = re.compile(r"\bperform: ([a-z0-9-]{2,40}:[A-Za-z0-9]{2,80})\b")
# The permission's name where it is not that of the service and the operation (service authorization reference).
_PREFIXES = {"stepfunctions": "states", "s3control": "s3", "sso": "sso", "events": "events"}
_ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "lambda:Invoke": "lambda:InvokeFunction",
    "dynamodb:TransactWriteItems": "dynamodb:PutItem",
}
# What CloudSyncOwner has no room for (cloud_sync/checksum_jobs.py).
_OF_THE_VERIFIER = {"s3:CreateJob", "s3:DescribeJob", "iam:PassRole"}
# The same for `cloudsync restore` (cloud_sync/restorer_policy.py); other verbs do these with CloudSyncOwner.
_OF_THE_RESTORER = {
    "states:StartExecution", "states:DescribeExecution", "states:StopExecution", "dynamodb:PutItem",
    "dynamodb:UpdateItem", "dynamodb:BatchWriteItem",
}  # fmt: skip
_MOST_SKEW_SECONDS = 240  # AWS allows five minutes for most services


def explained(error: Exception, *, restores: bool = False) -> ConsoleError | None:
    """What an error of botocore means for the owner; None for an error of any other kind, and for those that only a
    fault of this program can cause. `restores`: a verb of `cloudsync restore` has met it."""
    from botocore import exceptions  # noqa: PLC0415 (imported only when something has failed)

    if isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.EventStreamError):
        return _refusal(error, restores=restores)
    if isinstance(error, exceptions.BotoCoreError | exceptions.EventStreamError):
        return _not_sent(error)
    return _of_the_way(error)


def _not_sent(error: Any) -> ConsoleError | None:
    names = [kind.__name__ for kind in type(error).__mro__]
    known = next((name for name in names if name in _NOT_SENT or name in FAULTS), "")
    if known in FAULTS:
        return None
    kind, sentence = _NOT_SENT.get(known, _UNREACHED)
    return kind(sentence.format(name=names[0], **_values(getattr(error, "kwargs", {}))))


def _values(given: Mapping[str, Any]) -> dict[str, str]:
    """What may be shown of an error's values. Of an address, only the host."""
    found = {name: one_line(str(given.get(name, "?")), 100) for name in ("profile", "provider", "cred_var", "path")}
    region = one_line(str(given.get("region_name", "")), 40)
    host = _host(str(given.get("proxy_url") or given.get("endpoint_url") or ""))
    return found | {"region": f" as {region!r}" if region else "", "at": f" at {host}" if host else ""}


def _host(address: str) -> str:
    try:
        return one_line(urlsplit(address).hostname or "", 100)
    except ValueError:
        return ""


def _of_the_way(error: Exception) -> ConsoleError | None:
    """Errors of other kinds that come out of botocore: what the profile names to fetch credentials is not there or says
    something else, and what answers in place of AWS. They are told by the module in which they arise."""
    modules = _modules(error.__traceback__)
    name = type(error).__name__
    if modules & {"botocore.credentials", "botocore.tokens", "botocore.utils"}:
        return CredentialsRefusedError(f"The AWS credentials of this profile cannot be had ({name}). {_TRY}")
    if "botocore.parsers" in modules:
        return ConsoleError(OTHER_ANSWER.format(name=name))
    return None


def _modules(traceback: TracebackType | None) -> set[str]:
    found = set()
    while traceback:
        found.add(str(traceback.tb_frame.f_globals.get("__name__", "")))
        traceback = traceback.tb_next
    return found


def _refusal(error: Any, *, restores: bool) -> ConsoleError:
    """By its code alone: the message is text that may change, and may repeat what was sent."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    code = code if _CODE.fullmatch(code) else "no code"
    action = _action(error)
    if code in _EXPIRED:
        return CredentialsRefusedError(f"The AWS credentials have expired. {_SIGN_IN}")
    if code in _CLOCK or (code in _SIGNATURE and _seconds_off(error.response) > _MOST_SKEW_SECONDS):
        return ConsoleError(
            f"This machine's clock is off, so that AWS takes no request of it ({code}). Set it by NTP, such as "
            "`timedatectl set-ntp true`."
        )
    if code in _UNKNOWN | _SIGNATURE:
        return CredentialsRefusedError(
            f"AWS does not accept the credentials ({code}): they are wrong or ended, or the region is not enabled for "
            f"this account. {_SIGN_IN}"
        )
    if code in _DENIED:
        return CredentialsRefusedError(
            f"The AWS credentials may not do {action}. Attach the managed policy {_policy(action, restores)} to them."
        )
    return _failure(code, action)


def _policy(action: str, restores: bool) -> str:
    if action in _OF_THE_VERIFIER:
        return "CloudSyncVerifier"
    return "CloudSyncRestorer" if restores and action in _OF_THE_RESTORER else "CloudSyncOwner"


def _failure(code: str, action: str) -> ConsoleError:
    if code in _SLOW_DOWN:
        return ConsoleError(f"AWS asks to slow down ({action}). Repeat the command in a minute.")
    if _KEY.fullmatch(code):
        kind = CredentialsRefusedError if "denied" in code.lower() else ConsoleError
        return kind(
            f"A KMS key cannot be used, which {action} needs ({code}). In the KMS console, check that it exists and is "
            "enabled, and that its key policy admits you."
        )
    if code in _GONE:
        return NotFoundError(
            f"AWS has no such resource any more ({action}: {code}). Deploy the stack again, or check the region."
        )
    if code in _BUSY:
        return ConsoleError(f"AWS has a fault of its own at the moment ({action}: {code}). Repeat the command later.")
    return ConsoleError(f"AWS refused {action} ({code}). `cloudsync doctor` looks closer.")


def _action(error: Any) -> str:
    """The permission that the request needs, such as states:StartExecution; the operation where its service is not
    known."""
    named = _PERFORM.search(str(error.response.get("Error", {}).get("Message", "")))
    if named:
        return named[1]
    service = error.response.get(SERVICE, "")
    action = f"{_PREFIXES.get(service, service)}:{error.operation_name}" if service else str(error.operation_name)
    return _ACTIONS.get(action, action)


def _seconds_off(response: Mapping[str, Any]) -> float:
    """How far this machine's clock is from the one of whoever answered (RFC 9110, 6.6.1); 0 where that is not said."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (imported only when something has failed)

    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
