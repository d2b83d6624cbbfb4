"""The AWS account as botocore's own credential chain reaches it, and what its refusals mean for the owner.

boto3 is imported only when a client is asked for: it takes longer than everything else that `--help` does.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from console.errors import ConsoleError, CredentialsRefusedError, NotFoundError

if TYPE_CHECKING:
    import boto3

_ATTEMPTS = 5
_SIGN_IN = "Sign in again (`aws sso login`, or new keys), then repeat the command."
_ENDED = CredentialsRefusedError(f"The sign-in of this AWS profile has expired. {_SIGN_IN}")
_NONE = CredentialsRefusedError(
    "There are no AWS credentials. Run `aws configure sso`, or name a profile with --profile or AWS_PROFILE."
)
# Why a request was not even sent, by the name of botocore's error.
_NOT_SENT: dict[str, ConsoleError] = {
    "NoCredentialsError": _NONE,
    "PartialCredentialsError": _NONE,
    "SSOTokenLoadError": _ENDED,
    "UnauthorizedSSOTokenError": _ENDED,
    "TokenRetrievalError": _ENDED,
    "NoRegionError": ConsoleError("No AWS region is set. Name the stack's with --region or AWS_DEFAULT_REGION."),
}
# Error codes of several services for credentials that are none (AWS API references, "Common Errors").
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException",
    "UnrecognizedClientException", "AuthFailure", "IncompleteSignature", "MissingAuthenticationToken",
}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
_SLOW_DOWN = {"Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown", "RequestLimitExceeded"}


class AwsAccount:
    """Clients of one profile and region (None: what botocore finds by itself)."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self._profile, self._region = profile, region
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()  # a session must not make two clients at once (boto3, "Session")

    @property
    def region(self) -> str:
        """Empty when there is none."""
        return self.session.region_name or ""

    @property
    def session(self) -> boto3.Session:
        """Raises botocore's errors, as does everything here; `explained` says what they mean."""
        import boto3  # noqa: PLC0415 (see above)

        if self._session is None:
            self._session = boto3.Session(profile_name=self._profile, region_name=self._region)
        return self._session

    def client(self, service: str) -> Any:
        """A client of that service, made once."""
        from botocore.config import Config  # noqa: PLC0415 (see above)

        with self._making:
            if service not in self._clients:
                retries = Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS})
                self._clients[service] = self.session.client(service, config=retries)  # type: ignore[call-overload]
            return self._clients[service]

    def table(self, name: str) -> Any:
        """A table of DynamoDB, as the stores of the function code take it."""
        with self._making:
            return self.session.resource("dynamodb").Table(name)


def explained(error: Exception) -> ConsoleError | None:
    """What an error of botocore means for the owner; None for an error of any other kind."""
    from botocore import exceptions  # noqa: PLC0415 (see above)

    if isinstance(error, exceptions.ClientError):
        return _refusal(error)
    if not isinstance(error, exceptions.BotoCoreError):
        return None
    if isinstance(error, exceptions.ProfileNotFound):
        return CredentialsRefusedError(f"{error}. `aws configure list-profiles` shows those that there are.")
    known = (sentence for name, sentence in _NOT_SENT.items() if isinstance(error, getattr(exceptions, name)))
    return next(known, None) or ConsoleError(
        f"AWS cannot be reached ({type(error).__name__}). Check the network and the region."
    )


def _refusal(error: Any) -> ConsoleError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _EXPIRED:
        return CredentialsRefusedError(f"The AWS credentials have expired. {_SIGN_IN}")
    if code in _UNKNOWN:
        return CredentialsRefusedError(f"AWS does not accept the credentials ({code}). {_SIGN_IN}")
    if code in _DENIED:
        return CredentialsRefusedError(
            f"The AWS credentials may not do {error.operation_name}. Attach the managed policy CloudSyncOwner to them."
        )
    if code in _SLOW_DOWN:
        return ConsoleError(f"AWS asks to slow down ({error.operation_name}). Repeat the command in a minute.")
    if code in ("ResourceNotFoundException", "NoSuchBucket", "StateMachineDoesNotExist", "ExecutionDoesNotExist"):
        return NotFoundError(
            f"AWS has no such resource any more ({error.operation_name}: {code}). Deploy the stack again, or check the "
            "region."
        )
    return ConsoleError(f"AWS refused {error.operation_name} ({code or 'no code'}). `cloudsync doctor` looks closer.")
