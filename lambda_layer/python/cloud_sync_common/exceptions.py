"""The errors of Cloud Sync. Their class names are an API: Step Functions matches them as strings.

    CloudSyncError
    ├─ TransientError            worth another attempt soon
    │  ├─ ProviderThrottledError      429; carries retry_after in seconds if the provider stated it
    │  ├─ ProviderUnavailableError    5xx, no connection, no answer
    │  ├─ SourceLinkExpiredError      a signed link that kept expiring although it was renewed
    │  ├─ ShortReadError              a body that ended before its announced length
    │  └─ ArchiveUnavailableError     S3 or DynamoDB cannot be used at the moment
    ├─ AuthenticationError
    │  └─ CredentialsExpiredError     the provider refuses the token: renew it, or ask the owner
    ├─ SourceError               concerns one video; ProviderContractError can concern all of them
    │  ├─ MediaNotFoundError          in the trash or deleted at the provider
    │  ├─ OriginalUnavailableError    only proxies are offered, or this video is refused and others not
    │  ├─ OriginalNotReadyError       not available now: a quota is used up, or it is still being processed
    │  ├─ OriginalRefusedError        the provider refuses to give it, for a reason that may last
    │  ├─ HashDisputedError           what it sends never has the hash that it publishes
    │  ├─ RangeIgnoredError           a 200 to a ranged request
    │  ├─ SourceChangedError          its size or ETag changed while it was read
    │  ├─ NoProgressError             slice after slice moved bytes, and none of them lasted
    │  ├─ PictureUnavailableError     no picture behind the provider's link; concerns no original
    │  ├─ PictureUnreadableError      no picture can be made of these bytes; concerns no original
    │  └─ ProviderContractError       the API is no longer the one that this version was written for
    ├─ IntegrityError            checksums or sizes disagree
    ├─ ConfigurationError        a person has to fix a setting, a secret or a permission
    └─ UnexpectedError           a defect in Cloud Sync; the log says where

A message is safe to show and to log: it never contains a token, a signed URL or the text of a foreign exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CloudSyncError(Exception):
    """Root of the tree. `category` names the cause in the ledger, the metrics and the report."""

    category: ClassVar[str] = "unexpected"


class TransientError(CloudSyncError):
    category = "transient"


class ProviderThrottledError(TransientError):
    """`retry_after` is in seconds, None if the provider did not state it."""

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
    """`doubtful`: only a status refuses, so that a gateway may have refused instead of the provider."""

    category = "credentials_expired"

    def __init__(self, message: str, *, doubtful: bool = False) -> None:
        super().__init__(message)
        self.doubtful = doubtful


class SourceError(CloudSyncError):
    category = "source"


class MediaNotFoundError(SourceError):
    category = "media_not_found"


class OriginalUnavailableError(SourceError):
    category = "original_unavailable"


class OriginalNotReadyError(SourceError):
    """A later run looks again; no attempt is counted, and the item stays listed with this reason."""

    category = "not_available_yet"


class OriginalRefusedError(SourceError):
    """As OriginalNotReadyError, where nothing says that it will end: a flag for abuse, restricted content."""

    category = "refused_by_provider"


class HashDisputedError(SourceError):
    """As OriginalRefusedError. `note` is what the item's row has to remember of it (ItemRow.disputed_*)."""

    category = "hash_disputed"

    def __init__(self, message: str, note: Mapping[str, float | str]) -> None:
        super().__init__(message)
        self.note = note


class RangeIgnoredError(SourceError):
    category = "range_ignored"


class SourceChangedError(SourceError):
    category = "source_changed"


class NoProgressError(SourceError):
    category = "no_progress"


class PictureUnavailableError(SourceError):
    """Of the catalogue alone: an item is archived with or without a picture."""

    category = "picture_unavailable"


class PictureUnreadableError(SourceError):
    category = "picture_unreadable"


class ProviderContractError(SourceError):
    category = "provider_contract"


class IntegrityError(CloudSyncError):
    """`content` is the checksum of all that was read, where that does not have the hash that the provider publishes;
    empty for every other disagreement."""

    category = "integrity"

    def __init__(self, message: str, content: str = "") -> None:
        super().__init__(message)
        self.content = content


class ConfigurationError(CloudSyncError):
    category = "configuration"


class UnexpectedError(CloudSyncError):
    """Replaces a foreign exception and names only its class, because its text may contain a URL or a token."""


def error_classes() -> dict[str, type[CloudSyncError]]:
    """Every class of the tree by its name, as Step Functions knows it."""
    found: dict[str, type[CloudSyncError]] = {}
    waiting: list[type[CloudSyncError]] = [CloudSyncError]
    while waiting:
        error = waiting.pop()
        found[error.__name__] = error
        waiting += error.__subclasses__()
    return found


def category_of(name: str) -> str:
    """The category of an error by the name that Step Functions reports; a foreign error keeps its name."""
    known = error_classes().get(name)
    return known.category if known else name
