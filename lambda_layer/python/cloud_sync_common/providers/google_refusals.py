"""What Google Drive's refusals mean, by their reasons (Drive guide, "Resolve errors"; rclone, backend/drive)."""

from __future__ import annotations

from cloud_sync_common.exceptions import (
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.file_services.refusals import Meaning, Refusals

STORE = "Connect again: `cloudsync connect google-drive`, or by hand (docs/connect.md, 'Google Drive')."
TOO_NARROW = (
    "The stored credentials do not let Cloud Sync read the files of this Google Drive: the scope drive.readonly is "
    "missing. Connect again (`cloudsync connect google-drive`), and leave 'See and download all your Google Drive "
    "files' ticked."
)
_QUOTA = "Google's download quota of this file or its owner is used up for about a day. Later runs look again."
_ABUSE = "Google has flagged this file as malware or abuse. Request a review in Google Drive, or move it to the trash."
LOCKED = "Google Drive does not let this account download the file. Ask its owner to allow downloads."
_POLICY = "The administrator of this Google account does not allow Drive apps. Have it allowed in the Admin console."
_NO_BYTES = "This is a document of Google's own, which has no bytes to archive. Export it by hand to keep it."
_NOT_A_MEMBER = "The file is in a shared drive that this account is no member of any more. Have it added again."
_API_OFF = "The Google Drive API is off in the project of the OAuth client. Enable it in the Google Cloud console."
_NO_PROJECT = "Google has suspended or deleted the project of the OAuth client. Connect by one of another project."
_DAY = "The project of the OAuth client has used up its quota at Google Drive for today. Later runs go on."
_GONE = "Google Drive no longer shows this file: it was deleted, or is not shared with this account any more."
_RATES = ("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED")
SIGNED_OUT = f"Google no longer accepts the stored token. {STORE}"
# What a refusal means, by its reason (Drive guide, "Resolve errors"; rclone, backend/drive). The status says less: 403
# stands for quotas of a minute, of a day, of one file, and for what is forbidden. Of several, the first here counts.
_MEANINGS: dict[str, Meaning] = {
    "downloadQuotaExceeded": (OriginalNotReadyError, _QUOTA),
    **dict.fromkeys(("cannotDownloadAbusiveFile", "abuse"), (OriginalRefusedError, _ABUSE)),
    **dict.fromkeys(("cannotDownloadFile", "insufficientFilePermissions"), (OriginalRefusedError, LOCKED)),
    "fileNotDownloadable": (OriginalRefusedError, _NO_BYTES),
    "teamDriveMembershipRequired": (OriginalRefusedError, _NOT_A_MEMBER),
    "appNotAuthorizedToFile": (OriginalRefusedError, TOO_NARROW),  # only where the scope is drive.file
    "domainPolicy": (OriginalRefusedError, _POLICY),
    **dict.fromkeys(("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), (ConfigurationError, TOO_NARROW)),
    **dict.fromkeys(("accessNotConfigured", "SERVICE_DISABLED"), (ConfigurationError, _API_OFF)),
    **dict.fromkeys(("CONSUMER_INVALID", "CONSUMER_SUSPENDED"), (ConfigurationError, _NO_PROJECT)),
    **dict.fromkeys(("dailyLimitExceeded", "quotaExceeded"), (ProviderUnavailableError, _DAY)),
    **dict.fromkeys(_RATES, (ProviderThrottledError, "Google asks to wait.")),
    **dict.fromkeys(("authError", "ACCESS_TOKEN_EXPIRED"), (CredentialsExpiredError, SIGNED_OUT)),
    "forbidden": (OriginalRefusedError, LOCKED),
    "notFound": (MediaNotFoundError, _GONE),
}
REFUSALS = Refusals(("reason",), _MEANINGS)
