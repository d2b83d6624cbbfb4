"""Google's errors: JSON with `error.code`, `error.message` and `error.errors[]`, of which `reason` is what counts.

Texts and shapes: "Resolve errors" of the Drive guides; brekkylab/backlot `errors/google.py`, measured on the real
service in 2026; rclone's and plexdrive's issues where a comment says so. Reasons whose text nobody has published get
their own name as the text.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

_TOKEN_MESSAGE = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_CALLER_MESSAGE = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
_SCOPE_MESSAGE = "Request had insufficient authentication scopes."

_USAGE = "usageLimits"
_KNOWN: Mapping[str, tuple[int, str, str]] = {
    "rateLimitExceeded": (403, _USAGE, "Rate Limit Exceeded"),
    "userRateLimitExceeded": (403, _USAGE, "User Rate Limit Exceeded"),
    "dailyLimitExceeded": (403, _USAGE, "Daily Limit Exceeded"),
    "downloadQuotaExceeded": (403, _USAGE, "The download quota for this file has been exceeded."),
    "sharingRateLimitExceeded": (403, "global", "Rate limit exceeded. User message: sharingRateLimitExceeded"),
    "cannotDownloadAbusiveFile": (
        403,
        "global",
        "This file has been identified as malware or spam and cannot be downloaded.",
    ),
    "abuse": (403, "global", "This file has been identified as malware or spam and cannot be downloaded"),
    "cannotDownloadFile": (403, "global", "This file cannot be downloaded by the user."),
    "insufficientFilePermissions": (
        403,
        "global",
        "The user does not have sufficient permissions for this file.",
    ),
    "appNotAuthorizedToFile": (
        403,
        "global",
        "The user has not granted the app access to the file.",
    ),
    "domainPolicy": (403, "global", "The domain administrators have disabled Drive apps."),
    "accessNotConfigured": (403, _USAGE, "Access Not Configured. Drive API is not enabled for the project."),
    "backendError": (500, "global", "Internal Error"),
    "internalError": (500, "global", "Internal Error"),
    "notFound": (404, "global", "File not found."),
    "badRequest": (400, "global", "Bad Request"),
}
"""Reason: its usual status, domain and text."""


class DriveError(Exception):
    """A refusal. `location` names the parameter (or, with `kind`, the header) that it is about; `short` is the text in
    `errors[]` where Google's two texts differ; `canonical` is `error.status`, which Drive has for authentication only.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        location: str = "",
        kind: str = "parameter",
        domain: str = "global",
        short: str = "",
        canonical: str = "",
        details: list[Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
        place = {"locationType": kind, "location": location} if location else {}
        entry = {"domain": domain, "reason": reason, "message": short or message, **place}
        self.body: dict[str, Any] = {"errors": [entry], "code": code, "message": message}
        self.body |= {"status": canonical} if canonical else {}
        self.body |= {"details": details} if details else {}

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """The answer to the request that is refused."""
        more = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
        sent = {**(more if self.code == 401 else {}), **(headers or {})}
        return web.json_response({"error": self.body}, status=self.code, headers=sent)


def of_reason(reason: str, status: int | None = None) -> DriveError:
    """The error with this reason, with its usual status or another one."""
    usual, domain, message = _KNOWN.get(reason, (403, "global", reason))
    return DriveError(status or usual, reason, message, domain=domain)


def invalid(parameter: str, message: str = "Invalid Value") -> DriveError:
    """A parameter whose value is not accepted: `q`, `pageToken`, ..."""
    return DriveError(400, "invalid", message, location=parameter)


def invalid_parameter(parameter: str, message: str) -> DriveError:
    """A parameter that names what does not exist, or is out of its limits."""
    return DriveError(400, "invalidParameter", message, location=parameter)


def file_not_found(file_id: str) -> DriveError:
    """There is no such file, or this account, with these parameters, must not see it."""
    return DriveError(404, "notFound", f"File not found: {file_id}.", location="fileId")


def drive_not_found(drive_id: str) -> DriveError:
    """There is no such shared drive, or this account is no member."""
    return DriveError(404, "notFound", f"Shared drive not found: {drive_id}", location="driveId")


def fields_required() -> DriveError:
    """about.get has no default selection."""
    return DriveError(400, "required", "The 'fields' parameter is required for this method.", location="fields")


def no_binary_content() -> DriveError:
    """alt=media of a folder, a shortcut or one of Google's own documents."""
    message = "Only files with binary content can be downloaded. Use Export with Docs Editors files."
    return DriveError(403, "fileNotDownloadable", message, location="alt")


def abuse_not_acknowledged_here() -> DriveError:
    """acknowledgeAbuse=true with anything but a download."""
    message = "The acknowledgeAbuse parameter is only applicable for download requests."
    return DriveError(403, "invalidAbuseAcknowledgment", message, location="acknowledgeAbuse")


def all_drives_unsupported() -> DriveError:
    """Items of shared drives are asked for without supportsAllDrives=true."""
    return DriveError(403, "supportsTeamDrivesRequired", "The supportsAllDrives parameter was not set to true.")


def all_drives_excluded(corpora: str) -> DriveError:
    """A corpus with shared drives, without includeItemsFromAllDrives=true."""
    message = f"The includeItemsFromAllDrives parameter must be set to true when corpora is set to {corpora}."
    return DriveError(403, "teamDriveIncludeItemsRequired", message, location="includeItemsFromAllDrives")


def drive_id_misplaced() -> DriveError:
    """corpora=drive without driveId, or the other way round."""
    return invalid("driveId", "The driveId parameter must be specified if and only if corpora is set to drive.")


def range_not_satisfiable() -> DriveError:
    """416: nothing of the file is in the range."""
    message = "Request range not satisfiable"
    return DriveError(416, "requestedRangeNotSatisfiable", message, location="Range", kind="header")


def token_refused() -> DriveError:
    """401: the access token is not valid, or not any more."""
    return DriveError(
        401,
        "authError",
        _TOKEN_MESSAGE,
        location="Authorization",
        kind="header",
        short="Invalid Credentials",
        canonical="UNAUTHENTICATED",
    )


def caller_unknown() -> DriveError:
    """403: a GET without an Authorization header."""
    return DriveError(403, "forbidden", _CALLER_MESSAGE, canonical="PERMISSION_DENIED")


def scope_too_narrow() -> DriveError:
    """403: the token is valid, but not for this."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "drive.googleapis.com"},
    }
    return DriveError(
        403,
        "insufficientPermissions",
        _SCOPE_MESSAGE,
        short="Insufficient Permission",
        canonical="PERMISSION_DENIED",
        details=[info],
    )
