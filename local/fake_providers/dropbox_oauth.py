"""Dropbox's authorization server: consent, codes with PKCE, tokens of four hours, refresh tokens that stay.

The texts of errors are Dropbox's where somebody has published them; where not, that is said.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.fake_providers.faults import Clock

ACCESS_TOKEN_SECONDS = 14_400
"""Lifetime of an access token, in seconds."""

CODE_SECONDS = 600
"""Lifetime of a code, in seconds. Dropbox names none; OAuth recommends ten minutes (RFC 6749, 4.1.2)."""

SCOPES = (
    "account_info.read files.content.read files.content.write files.metadata.read files.metadata.write sharing.write"
)
"""The permissions of the app in its console: those that Cloud Sync asks for, and those that rclone asks for."""

REDIRECT_URIS = ("http://localhost:53682/",)
"""The registered redirect URIs; localhost has to be registered too (Dropbox's OAuth guide). This one is rclone's."""

DISABLED = "This app is currently disabled."
"""What Dropbox says to whoever uses a disabled app (dbxcli issue 184)."""


class GrantError(ValueError):
    """A refused request for tokens: OAuth's `error`, and its description."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.answer = {"error": error} | ({"error_description": description} if description else {})


@dataclass(frozen=True)
class Request:
    """What somebody is asked to consent to. `challenge` is empty without PKCE."""

    scope: str
    offline: bool
    challenge: str = ""
    redirect_uri: str = ""


@dataclass
class Grant:
    """What one consent allows: `refresh_token` is empty when offline access was not asked for."""

    scope: str
    refresh_token: str
    pkce: bool
    revoked: bool = False


@dataclass(frozen=True)
class _Access:
    grant: Grant
    expiry: float
    scope: str


@dataclass
class _Code:
    request: Request
    expiry: float
    used: bool = field(default=False)


class Authorization:
    """The app, the codes and the tokens of one account.

    `app_key`, `app_secret`, `access_token` and `refresh_token` are there from the beginning, as after a consent with
    PKCE; the tokens are always the latest ones. Lifetimes are seconds of the fake's clock.
    """

    def __init__(self, clock: Clock, access_seconds: float = ACCESS_TOKEN_SECONDS) -> None:
        self._clock = clock
        self._first_access_seconds = access_seconds
        self.app_key, self.app_secret = secrets.token_hex(8)[:15], secrets.token_hex(8)[:15]
        self._first = _new_access_token(), _new_refresh_token()
        self._issued: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Make only the first tokens valid, and the app enabled."""
        self.access_seconds, self.disabled = self._first_access_seconds, False
        self.access_token, self.refresh_token = self._first
        grant = Grant(SCOPES, self.refresh_token, pkce=True)
        self._grants = {self.refresh_token: grant}
        self._codes: dict[str, _Code] = {}
        self._access = {self.access_token: _Access(grant, self._clock.now() + self.access_seconds, SCOPES)}
        self._issued |= {*self._first, self.app_secret}

    def known_secrets(self) -> list[str]:
        """Every secret that was ever issued."""
        return list(self._issued)

    def kill(self, access_token: str | None = None) -> None:
        """Expire one access token now, or all of them."""
        for token in list(self._access) if access_token is None else [access_token]:
            if found := self._access.get(token):
                self._access[token] = _Access(found.grant, 0.0, found.scope)

    def revoke(self) -> None:
        """Take back every consent, as the owner can on Dropbox's page of connected apps."""
        for access in self._access.values():
            access.grant.revoked = True
        for grant in self._grants.values():
            grant.revoked = True

    def revoke_token(self, access_token: str) -> None:
        """Take back what belongs to this token: it, its refresh token and that one's other tokens (auth.stone)."""
        self._access[access_token].grant.revoked = True

    def refusal(self, access_token: str, scope: str) -> str:
        """The tag of Dropbox's AuthError for a call that needs `scope`, or empty when the token allows it."""
        found = self._access.get(access_token)
        if found is None or found.grant.revoked:
            return "invalid_access_token"
        if self._clock.now() >= found.expiry:
            return "expired_access_token"
        return "" if scope in found.scope.split() or not scope else "missing_scope"

    def request(self, query: Mapping[str, str]) -> Request:
        """What a visit to the authorization page asks for. Raises ValueError with the page's sentence: the one for an
        unknown client is Dropbox's (dbxcli issue 61), those of the others are not published."""
        if query.get("client_id") != self.app_key:
            raise ValueError(f'Invalid client_id: "{query.get("client_id", "")}".')
        if self.disabled:
            raise ValueError(DISABLED)
        if query.get("response_type") != "code":
            raise ValueError(f'Invalid response_type: "{query.get("response_type", "")}".')
        if (redirect_uri := query.get("redirect_uri", "")) and redirect_uri not in REDIRECT_URIS:
            raise ValueError(f'Invalid redirect_uri: "{redirect_uri}".')
        if (challenge := query.get("code_challenge", "")) and query.get("code_challenge_method") != "S256":
            raise ValueError(f'Invalid code_challenge_method: "{query.get("code_challenge_method", "")}".')
        scope = query.get("scope", SCOPES)
        if unknown := set(scope.split()) - set(SCOPES.split()):
            raise ValueError(f"The app has no permission {', '.join(sorted(unknown))}.")
        return Request(scope, query.get("token_access_type") == "offline", challenge, redirect_uri)

    def consent(self, request: Request) -> str:
        """The code that the owner gets who consents."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(request, self._clock.now() + CODE_SECONDS)
        self._issued.add(code)
        return code

    def exchange(self, form: Mapping[str, str], narrowed: str | None = None) -> tuple[Grant, dict[str, Any]]:
        """Tokens for a code, which is good for one time. `narrowed` is the scope of the token instead of that of the
        consent. Raises GrantError."""
        self._require_app(form)
        code = self._codes.get(form.get("code", ""))
        if code is None or code.used or self._clock.now() >= code.expiry:
            raise GrantError("invalid_grant", "code doesn't exist or has expired")
        if form.get("redirect_uri", "") != code.request.redirect_uri:
            raise GrantError("invalid_grant", "redirect_uri mismatch")  # the text is not published
        if not self._is_own(form, code.request.challenge):
            raise GrantError("invalid_grant", "invalid code verifier")  # nor is this one
        code.used = True
        pkce = bool(code.request.challenge)
        grant = Grant(code.request.scope, _new_refresh_token() if code.request.offline else "", pkce)
        if grant.refresh_token:
            self._grants[grant.refresh_token] = grant
            self.refresh_token = grant.refresh_token
            self._issued.add(grant.refresh_token)
        return grant, self._access_for(grant, narrowed)

    def refresh(self, form: Mapping[str, str], narrowed: str | None = None) -> dict[str, Any]:
        """A new access token. The refresh token stays as it is; the secret is needed only for a consent without PKCE.
        Raises GrantError."""
        self._require_app(form)
        presented = form.get("refresh_token", "")
        if len(presented) != len(self._first[1]):
            raise GrantError("invalid_grant", "refresh token is malformed")
        grant = self._grants.get(presented)
        if grant is None or grant.revoked:
            raise GrantError("invalid_grant", "refresh token is invalid or revoked")
        if not grant.pkce and form.get("client_secret") != self.app_secret:
            raise _bad_client()
        scope = form.get("scope", grant.scope)
        if not set(scope.split()) <= set(grant.scope.split()):
            raise GrantError("invalid_scope", "the consent does not have this scope")  # the text is not published
        return self._access_for(grant, narrowed or scope)

    def rotate(self, refresh_token: str) -> str:
        """Replaces a refresh token, which is dead from now on, and returns the other one."""
        grant = self._grants.pop(refresh_token)
        self.refresh_token = grant.refresh_token = _new_refresh_token()
        self._grants[grant.refresh_token] = grant
        self._issued.add(grant.refresh_token)
        return grant.refresh_token

    def _require_app(self, form: Mapping[str, str]) -> None:
        if form.get("client_id") != self.app_key or form.get("client_secret", self.app_secret) != self.app_secret:
            raise _bad_client()
        if self.disabled:
            # What the token endpoint says is not published: its code here is OAuth's for a client that may not do so.
            raise GrantError("unauthorized_client", DISABLED)

    def _is_own(self, form: Mapping[str, str], challenge: str) -> bool:
        """Whether the one who exchanges a code is the one who asked for it: by PKCE (RFC 7636), or by the secret."""
        if not challenge:
            return form.get("client_secret") == self.app_secret
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        return secrets.compare_digest(base64.urlsafe_b64encode(digest).decode().rstrip("="), challenge)

    def _access_for(self, grant: Grant, scope: str | None) -> dict[str, Any]:
        token = _new_access_token()
        self._access[token] = _Access(grant, self._clock.now() + self.access_seconds, scope or grant.scope)
        self._issued.add(token)
        self.access_token = token
        return {"access_token": token, "token_type": "bearer", "expires_in": int(self.access_seconds)}


def is_malformed(access_token: str) -> bool:
    """Whether Dropbox would call it malformed, which is a 400, and not invalid (dropbox-sdk-python issue 100)."""
    return not access_token.startswith("sl.") or len(access_token) < 100


def _bad_client() -> GrantError:
    return GrantError("invalid_client: Invalid client_id or client_secret")  # dropbox-api-command issue 41, measured


def _new_access_token() -> str:
    return f"sl.{secrets.token_urlsafe(99)}"


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(48)
