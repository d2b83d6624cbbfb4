"""Google's authorization server: clients, codes with PKCE, access tokens of an hour, and refresh tokens that die.

Its client is a desktop app: each consent gives a refresh token, whatever access_type and prompt say ("refresh tokens
are always returned for installed applications", Google's guide for native apps). A refresh returns no new one. One dies
when the user takes the consent back, when the client has more than a hundred for the account (the oldest goes), after
six months without use, and after seven days if it was issued while the app was in "Testing" (provider-apis.md 2.1). All
of these look the same: invalid_grant. Texts of errors are Google's where somebody has published them.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from local.fake_providers.faults import ActiveFaults, Clock
from local.fake_providers.google_drive_faults import DriveFault

ACCESS_TOKEN_SECONDS = 3600
"""Lifetime of an access token, in seconds; `expires_in` says one less."""

CODE_SECONDS = 600
"""Lifetime of a code, in seconds. Google names none; OAuth recommends ten minutes (RFC 6749, 4.1.2)."""

TESTING_SECONDS = 7 * 86_400
"""Lifetime of a refresh token that was issued while the app was in "Testing"."""

UNUSED_SECONDS = 183 * 86_400
MOST_REFRESH_TOKENS = 100

READ_FILES = "https://www.googleapis.com/auth/drive.readonly"
WRITE_FILES = "https://www.googleapis.com/auth/drive"
READ_METADATA = "https://www.googleapis.com/auth/drive.metadata.readonly"
SCOPES = (READ_FILES, WRITE_FILES, READ_METADATA)
"""The scopes that this server knows."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

DEAD = "Token has been expired or revoked."


class GrantError(Exception):
    """A refused request for tokens."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status, self.answer = status, {"error": error, "error_description": description}


class ConsentError(Exception):
    """A request for consent that ends on Google's error page: the status there, the error and a sentence."""

    def __init__(self, status: int, error: str, sentence: str) -> None:
        super().__init__(error)
        self.status, self.error, self.sentence = status, error, sentence


@dataclass(frozen=True)
class ConsentRequest:
    """What the user is asked. `challenge` is empty without PKCE, `plain` is its weaker form."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str | None
    challenge: str
    plain: bool = False


@dataclass(frozen=True)
class _Code:
    request: ConsentRequest
    scope: str
    until: float


@dataclass(frozen=True)
class _Refresh:
    scope: str
    used: float
    until: float | None = None


class Authorization:
    """The client and the tokens of one account.

    `client_id`, `client_secret`, `access_token` and `refresh_token` are there from the beginning, as after a consent to
    read files; the tokens are always the latest ones. `testing`: the app's publishing status. Lifetimes are seconds of
    the fake's clock.
    """

    def __init__(self, clock: Clock, access_seconds: float = ACCESS_TOKEN_SECONDS) -> None:
        self._clock = clock
        self._first_access_seconds = access_seconds
        self.client_id = f"{secrets.randbelow(10**12):012}-{secrets.token_hex(16)}.apps.googleusercontent.com"
        self.client_secret = f"GOCSPX-{secrets.token_urlsafe(21)}"
        self._first = _new_access_token(), _new_refresh_token()
        self._issued: set[str] = {self.client_secret}
        self.reset()

    def reset(self) -> None:
        """Make only the first tokens valid, and publish the app."""
        self.access_seconds, self.testing = self._first_access_seconds, False
        self.access_token, self.refresh_token = self._first
        self._codes: dict[str, _Code] = {}
        self._refresh = {self.refresh_token: _Refresh(READ_FILES, self._clock.now())}
        until = self._clock.now() + self.access_seconds
        self._access: dict[str, tuple[float, str, str]] = {self.access_token: (until, READ_FILES, self.refresh_token)}
        self._issued |= set(self._first)

    def known_secrets(self) -> list[str]:
        """Every secret that was ever issued."""
        return list(self._issued)

    def kill(self, access_token: str | None = None) -> None:
        """Expire one access token now, or all of them."""
        for token in list(self._access) if access_token is None else [access_token]:
            if token in self._access:
                self._access[token] = (0.0, *self._access[token][1:])

    def scope_of(self, access_token: str) -> str | None:
        """The scope of a token that is valid now, or None."""
        until, scope, _ = self._access.get(access_token, (0.0, "", ""))
        return scope if self._clock.now() < until else None

    def revoke_consent(self) -> None:
        """Take back every consent, as the user can on the page of connected apps."""
        self._refresh.clear()
        self.kill()

    def revoke(self, token: str) -> None:
        """Take back one token, and all that belongs to it. Raises GrantError for one that is dead or unknown."""
        refresh = self._access[token][2] if token in self._access else token
        if token not in self._refresh and self.scope_of(token) is None:
            raise GrantError(400, "invalid_token", "Token expired or revoked")
        self._refresh.pop(refresh, None)
        for access, (_, _, belongs_to) in list(self._access.items()):
            if access == token or (refresh and belongs_to == refresh):
                self.kill(access)

    def request(self, query: Mapping[str, str]) -> ConsentRequest:
        """What a visit to the authorization page asks for. Raises ConsentError where Google shows an error page."""
        if query.get("client_id") != self.client_id:
            raise ConsentError(401, "invalid_client", "The OAuth client was not found.")
        uri = query.get("redirect_uri", "")
        if not _is_loopback(uri):
            raise ConsentError(400, "redirect_uri_mismatch", f"redirect_uri={uri} is not one of a desktop app.")
        if query.get("response_type") != "code":
            raise ConsentError(400, "unsupported_response_type", "response_type must be code.")
        scopes = tuple(query.get("scope", "").split())
        if not scopes or set(scopes) - set(SCOPES):
            raise ConsentError(400, "invalid_scope", "Some requested scopes were invalid.")
        challenge, method = query.get("code_challenge", ""), query.get("code_challenge_method", "plain")
        if challenge and method not in ("S256", "plain"):
            raise ConsentError(400, "invalid_request", "Invalid code_challenge_method.")
        return ConsentRequest(scopes, uri, query.get("state"), challenge, plain=method == "plain")

    def consent(self, request: ConsentRequest, scope: str) -> str:
        """The code for a user who grants this part of what was asked for."""
        code = f"4/0A{secrets.token_urlsafe(48)}"
        self._issued.add(code)
        self._codes[code] = _Code(request, scope, self._clock.now() + CODE_SECONDS)
        return code

    def check_client(self, client_id: str, client_secret: str) -> None:
        """Raises GrantError for another client, or another secret."""
        if client_id != self.client_id:
            raise GrantError(401, "invalid_client", "The OAuth client was not found.")
        if client_secret != self.client_secret:
            raise GrantError(401, "invalid_client", "Unauthorized")

    def exchange(self, form: Mapping[str, str], active: ActiveFaults) -> dict[str, Any]:
        """The tokens for a code. Raises GrantError."""
        code = form.get("code", "")
        found = self._codes.pop(code, None)
        if found is None or self._clock.now() >= found.until or active.find(DriveFault.INVALID_GRANT):
            raise GrantError(400, "invalid_grant", "Malformed auth code." if found is None else "Bad Request")
        if form.get("redirect_uri") != found.request.redirect_uri:
            raise GrantError(400, "redirect_uri_mismatch", "Bad Request")
        _check_verifier(found.request, form.get("code_verifier", ""))
        scope = self._narrowed(found.scope, active)
        refresh = self._new_refresh(scope)
        answer = self._access_answer(scope, refresh)
        if not active.find(DriveFault.REFRESH_TOKEN_LEFT_OUT):
            answer["refresh_token"] = self.refresh_token = refresh
            answer |= {"refresh_token_expires_in": TESTING_SECONDS - 1} if self.testing else {}
        return answer

    def refresh(self, form: Mapping[str, str], active: ActiveFaults) -> dict[str, Any]:
        """A new access token. Raises GrantError for a refresh token that has died."""
        token = form.get("refresh_token", "")
        found, now = self._refresh.get(token), self._clock.now()
        dead = found is None or now - found.used >= UNUSED_SECONDS or (found.until is not None and now >= found.until)
        if found is None or dead or active.find(DriveFault.INVALID_GRANT):
            raise GrantError(400, "invalid_grant", DEAD)
        self._refresh[token] = replace(found, used=now)
        if not active.find(DriveFault.ROTATED):
            ends = {"refresh_token_expires_in": int(found.until - now)} if found.until is not None else {}
            return self._access_answer(self._narrowed(found.scope, active), token) | ends
        del self._refresh[token]
        self.refresh_token = self._new_refresh(found.scope)
        return self._access_answer(found.scope, self.refresh_token) | {"refresh_token": self.refresh_token}

    def _narrowed(self, scope: str, active: ActiveFaults) -> str:
        narrowed = active.find(DriveFault.SCOPE_NARROWED)
        return str(narrowed["scope"]) if narrowed else scope

    def _new_refresh(self, scope: str) -> str:
        token, now = _new_refresh_token(), self._clock.now()
        self._issued.add(token)
        self._refresh[token] = _Refresh(scope, now, now + TESTING_SECONDS if self.testing else None)
        while len(self._refresh) > MOST_REFRESH_TOKENS:
            del self._refresh[next(iter(self._refresh))]
        return token

    def _access_answer(self, scope: str, refresh: str) -> dict[str, Any]:
        self.access_token = _new_access_token()
        self._issued.add(self.access_token)
        self._access[self.access_token] = (self._clock.now() + self.access_seconds, scope, refresh)
        seconds = max(0, int(self.access_seconds) - 1)
        return {"access_token": self.access_token, "expires_in": seconds, "scope": scope, "token_type": "Bearer"}


def _check_verifier(request: ConsentRequest, verifier: str) -> None:
    """PKCE (RFC 7636): whoever began must be the one who ends."""
    if not request.challenge:
        return
    if not verifier:
        raise GrantError(400, "invalid_grant", "Missing code verifier.")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if request.challenge != (verifier if request.plain else digest):
        raise GrantError(400, "invalid_grant", "Invalid code verifier.")


def _is_loopback(uri: str) -> bool:
    """A desktop app may be sent back to any port and path of its own machine, and to nowhere else."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _new_access_token() -> str:
    return f"ya29.a0{secrets.token_urlsafe(96)}"


def _new_refresh_token() -> str:
    return f"1//0{secrets.token_urlsafe(48)}"
