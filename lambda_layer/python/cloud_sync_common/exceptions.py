"""The errors of Cloud Sync. Their class names are an API: Step Functions matches them as strings.

    CloudSyncError
    ├─ TransientError            worth trying again, soon
    │  ├─ ProviderThrottledError      429; carries retry_after in seconds when the provider said so
    │  ├─ ProviderUnavailableError    5xx, no connection, no answer
    │  ├─ SourceLinkExpiredError      a signed link that no renewal could keep alive
    │  ├─ ShortReadError              a body that ended before its announced length
    │  └─ ArchiveUnavailableError     S3 or DynamoDB asked us to come back later
    ├─ AuthenticationError
    │  └─ CredentialsExpiredError     the provider refuses the token: renew it, or ask the owner
    ├─ SourceError               this video, this time
    │  ├─ MediaNotFoundError          trashed or deleted at the provider
    │  ├─ OriginalUnavailableError    no original is offered, only proxies: never stored in its place
    │  ├─ RangeIgnoredError           a 200 to a ranged request
    │  ├─ SourceChangedError          its size or ETag moved while it was read
    │  └─ ProviderContractError       the API is no longer what this version was written for
    ├─ IntegrityError            checksums or sizes disagree
    ├─ ConfigurationError        a person has to mend a setting, a secret or a permission
    └─ UnexpectedError           a defect of ours; the log says where

A message is safe to show and to log: it never holds a token, a signed URL or a foreign exception's text.
"""

from __future__ import annotations

from typing import ClassVar


class CloudSyncError(Exception):
    """Root of the tree. `category` names the cause in the ledger, in metrics and in the report."""

    category: ClassVar[str] = "unexpected"


class TransientError(CloudSyncError):
    category = "transient"


class ProviderThrottledError(TransientError):
    """`retry_after` is in seconds, None when the provider did not say."""

    category = "provider_throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderUnavailableError(TransientError):
    category = "provider_unavailable"


class SourceLinkExpiredError(TransientError):
    category = "source_link_expired"


class ShortReadError(TransientError):
    category = "short_read"


class ArchiveUnavailableError(TransientError):
    category = "archive_unavailable"


class AuthenticationError(CloudSyncError):
    category = "authentication"


class CredentialsExpiredError(AuthenticationError):
    category = "credentials_expired"


class SourceError(CloudSyncError):
    category = "source"


class MediaNotFoundError(SourceError):
    category = "media_not_found"


class OriginalUnavailableError(SourceError):
    category = "original_unavailable"


class RangeIgnoredError(SourceError):
    category = "range_ignored"


class SourceChangedError(SourceError):
    category = "source_changed"


class ProviderContractError(SourceError):
    category = "provider_contract"


class IntegrityError(CloudSyncError):
    category = "integrity"


class ConfigurationError(CloudSyncError):
    category = "configuration"


class UnexpectedError(CloudSyncError):
    """Names only the kind of the exception it stands for: the text of a foreign one may hold a URL or a token."""


def error_classes() -> dict[str, type[CloudSyncError]]:
    """Every class of the tree by its name, which is what Step Functions knows it by."""
    found: dict[str, type[CloudSyncError]] = {}
    waiting: list[type[CloudSyncError]] = [CloudSyncError]
    while waiting:
        error = waiting.pop()
        found[error.__name__] = error
        waiting += error.__subclasses__()
    return found


def category_of(name: str) -> str:
    """The category of an error by the name Step Functions reports; a foreign one keeps its own name."""
    known = error_classes().get(name)
    return known.category if known else name
