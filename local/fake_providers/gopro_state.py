"""The state of the fake GoPro Cloud: valid tokens, a log of the requests, and settings."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.faults import ActiveFaults, Clock, FaultRules
from local.fake_providers.library import Library

DEFAULT_ACCESS_TOKEN_SECONDS = 86_400
"""The real lifetime is unknown; most clients assume a day (dustin README; provider-apis.md 1.1)."""

LINK_SECONDS = 3600
"""Lifetime of a signed CDN link, in seconds (go2cloud, measured 3599)."""

ETAG_PART_SIZE = 20 * 1024 * 1024
"""Part size of the CDN's multipart ETags, in bytes; 20 MiB and 100 MiB occur (gopro-dl integrity.py)."""

PER_PAGE_CAP = 200
"""Larger pages are silently cut to this many rows (rclone-PR, listPageSize); no other limit is known."""

SCOPE = "root root:channels public me upload media_library_beta live"


class Tokens:
    """The account's credentials, and the grants that renew them.

    `access_token` and `refresh_token` are the latest ones issued. An access token is valid for `access_seconds` of the
    fake's clock; a new token does not end earlier ones (GoPro's behaviour here is unknown). `username` and `password`
    are the owner's.
    """

    def __init__(self, clock: Clock, access_seconds: float) -> None:
        self._clock = clock
        self._first_access_seconds = access_seconds
        self.client_id = secrets.token_hex(32)
        self.client_secret = secrets.token_hex(32)
        self.user_id = str(uuid.uuid4())
        self.username, self.password = "anna@example.com", secrets.token_urlsafe(24)
        self._first_tokens = (_new_access_token(), secrets.token_urlsafe(48))
        self.reset()

    def reset(self) -> None:
        """Make only the first credentials valid again."""
        self.access_seconds = self._first_access_seconds
        self.access_token, self.refresh_token = self._first_tokens
        self._expiry = {self.access_token: self._clock.now() + self.access_seconds}
        self._blacklist: set[str] = set()
        self._refresh = {self.refresh_token}

    def accepts(self, access_token: str) -> bool:
        """Whether the token is valid now."""
        return self._clock.now() < self._expiry.get(access_token, 0.0)

    def kill(self, access_token: str | None = None) -> None:
        """Expire one access token now, or all of them."""
        for token in list(self._expiry) if access_token is None else [access_token]:
            self._expiry[token] = 0.0

    def known_secrets(self) -> list[str]:
        """Every secret; only the API's token and media endpoints may ever see them."""
        return [*self._expiry, *self._blacklist, *self._refresh, self.client_secret, self.password]

    def grant(self, form: Mapping[str, str], active: ActiveFaults) -> tuple[int, dict[str, Any]]:
        """The status and JSON body of the response to a request for tokens.

        `invalid_client` is 401 (go2cloud PLAN); the status of `invalid_grant` and `token_blacklisted` is unknown, so it
        is OAuth's usual 400.
        """
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return _oauth_error(401, "invalid_client", "client authentication failed")
        if form.get("grant_type") not in ("refresh_token", "password"):
            return _oauth_error(400, "unsupported_grant_type", "only refresh_token and password are in use")
        if form["grant_type"] == "password":
            return self._signed_in(form, active)
        return self._refreshed(form.get("refresh_token", ""), active)

    def _refreshed(self, presented: str, active: ActiveFaults) -> tuple[int, dict[str, Any]]:
        refused = active.find(FaultKind.TOKEN_BLACKLISTED)
        if refused or presented in self._blacklist:
            return _oauth_error(refused["status"] if refused else 400, "token_blacklisted", "this token was revoked")
        refused = active.find(FaultKind.INVALID_GRANT)
        if refused or presented not in self._refresh:
            return _oauth_error(refused["status"] if refused else 400, "invalid_grant", "the grant is not valid")
        if active.find(FaultKind.RENEWAL_ODD):
            odd = self._renewed(presented, active)
            return 201, odd | {"expires_in": str(self.access_seconds), "resource_owner_id": 4711}
        return 200, self._renewed(presented, active)

    def _signed_in(self, form: Mapping[str, str], active: ActiveFaults) -> tuple[int, dict[str, Any]]:
        """Tokens for name and password: a grant beside those that there are. What the endpoint says where two-factor is
        on is not published; 4014 is the code of the older sign-in of the web (JDownloader)."""
        if two_factor := active.find(FaultKind.TWO_FACTOR):
            status, body = _oauth_error(two_factor["status"], "invalid_grant", "a second factor is needed")
            return status, body | ({"error_code": two_factor["code"]} if two_factor["code"] else {})
        if (form.get("username"), form.get("password")) != (self.username, self.password):
            return _oauth_error(400, "invalid_grant", "the grant is not valid")
        answer = self._access_answer(active)
        self.refresh_token = answer["refresh_token"] = secrets.token_urlsafe(48)
        self._refresh.add(self.refresh_token)
        return 200, answer

    def _renewed(self, presented: str, active: ActiveFaults) -> dict[str, Any]:
        """A refresh returns a new refresh token and blacklists the old one."""
        answer = self._access_answer(active)
        if not active.find(FaultKind.NO_ROTATION):
            self._blacklist.add(presented)
            self.refresh_token = answer["refresh_token"] = secrets.token_urlsafe(48)
            self._refresh = (self._refresh - {presented}) | {self.refresh_token}
        return answer

    def _access_answer(self, active: ActiveFaults) -> dict[str, Any]:
        self.access_token = _new_access_token()
        self._expiry[self.access_token] = self._clock.now() + self.access_seconds
        answer = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": int(self.access_seconds),
            "scope": SCOPE,
        }
        if not active.find(FaultKind.NO_OWNER_ID):
            answer["resource_owner_id"] = self.user_id
        return answer


def _oauth_error(status: int, error: str, description: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": error, "error_description": description}


def _new_access_token() -> str:
    """A token like GoPro's: a JWE of five segments that a client cannot decrypt (gopro-plus #6)."""
    header = json.dumps({"alg": "RSA-OAEP", "enc": "A128GCM", "cty": "JWT"}, separators=(",", ":")).encode()
    segments = [header, *(secrets.token_bytes(length) for length in (256, 12, 420, 16))]
    return ".".join(map(_segment, segments))


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


_JWT_HEADER = _segment(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())


class RequestLog:
    """The requests and the bytes sent, without secrets. A request is recorded before its response is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the CDN requests in progress."""
        with self._lock:
            self._requests: list[dict[str, Any]] = []
            self._bytes_served: Counter[str] = Counter()
            self._refreshes = 0
            self._busy, self._most_busy = getattr(self, "_busy", 0), 0
            self._cdn_saw_authorization = self._cdn_saw_token = False

    def record(self, **entry: Any) -> None:
        """Record one request and its status."""
        with self._lock:
            self._requests.append(entry)
            self._refreshes += entry["endpoint"] == "token" and entry["status"] in (200, 201)

    def served(self, name: str, count: int) -> None:
        """Record that `count` bytes of the file `media_id/label/number` were sent."""
        with self._lock:
            self._bytes_served[name] += count

    def cdn_busy(self, change: int) -> None:
        """Record that a CDN request began (1) or ended (-1)."""
        with self._lock:
            self._busy += change
            self._most_busy = max(self._most_busy, self._busy)

    def cdn_saw(self, *, authorization: bool, token: bool) -> None:
        """Record whether a CDN request contained an Authorization header, or any secret of the API anywhere."""
        with self._lock:
            self._cdn_saw_authorization |= authorization
            self._cdn_saw_token |= token

    def requests(self) -> list[dict[str, Any]]:
        """Every request in order: endpoint, method, path, query, status, and for the CDN the requested range."""
        with self._lock:
            return [dict(entry) for entry in self._requests]

    def summary(self) -> dict[str, Any]:
        """Totals: requests by endpoint and status, bytes by file, refreshes, CDN concurrency and leaks."""
        with self._lock:
            by_endpoint: dict[str, Counter[str]] = {}
            for entry in self._requests:
                by_endpoint.setdefault(entry["endpoint"], Counter())[str(entry["status"])] += 1
            return {
                "requests": {endpoint: dict(statuses) for endpoint, statuses in by_endpoint.items()},
                "bytes_served": dict(self._bytes_served),
                "token_refreshes": self._refreshes,
                "cdn_connections_now": self._busy,
                "cdn_connections_max": self._most_busy,
                "cdn_saw_authorization": self._cdn_saw_authorization,
                "cdn_saw_api_token": self._cdn_saw_token,
            }


@dataclass
class GoProState:
    """The state of one fake GoPro Cloud; `cdn_port` is set when the CDN has a port of its own."""

    library: Library
    clock: Clock
    tokens: Tokens
    faults: FaultRules
    log: RequestLog = field(default_factory=RequestLog)
    link_seconds: float = LINK_SECONDS
    etag_part_size: int = ETAG_PART_SIZE
    per_page_cap: int = PER_PAGE_CAP
    cdn_port: int | None = None
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    media_tokens: set[str] = field(default_factory=set)  # those that were sent to a client

    def media_token(self, media_id: str) -> str:
        """The token in the address of an item's thumbnail: a JWT of its own (provider-apis.md 1.3)."""
        text = f"{_JWT_HEADER}.{_segment(media_id.encode())}"
        return f"{text}.{_segment(hmac.digest(self.signing_key, text.encode(), hashlib.sha256))}"

    def medium_of(self, media_token: str) -> str | None:
        """The id of the item with this token; None for one that was never issued."""
        try:
            media_id = base64.urlsafe_b64decode(media_token.split(".")[1] + "==").decode()
        except (ValueError, IndexError):
            return None
        return media_id if hmac.compare_digest(self.media_token(media_id).encode(), media_token.encode()) else None
