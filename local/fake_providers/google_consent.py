"""The pages and the endpoints of Google's authorization server: consent, tokens, and taking them back."""

import html
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import BasicAuth, web

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_answers import answer
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_tree import ME
from local.fake_providers.google_oauth import ConsentError, ConsentRequest, GrantError

_DECISION = "/signin/oauth/consent"
_UNVERIFIED = "<p>Google hasn't verified this app</p>"


class Consent:
    """The authorization server at accounts.google.com and oauth2.googleapis.com."""

    def __init__(self, state: DriveState) -> None:
        self._state = state
        self._asked: dict[str, ConsentRequest] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes; clients use either address of the consent page, and either of the endpoint for tokens."""
        pages = [self._page(path) for path in ("/o/oauth2/v2/auth", "/o/oauth2/auth")]
        tokens = [web.post(path, self._token) for path in ("/token", "/o/oauth2/token")]
        return [*pages, *tokens, web.post(_DECISION, self._decide), web.post("/revoke", self._revoke)]

    def _page(self, path: str) -> web.RouteDef:
        async def page(request: web.Request) -> web.StreamResponse:
            return await answer(self._state, request, DriveEndpoint.AUTHORIZE, self._ask)

        return web.get(path, page, allow_head=False)

    async def _ask(self, request: web.Request, _active: ActiveFaults) -> web.Response:
        """The consent page, or the error page. Each scope has a box of its own, which the user may clear."""
        try:
            asked = self._state.tokens.request(request.query)
        except ConsentError as error:
            return _error_page(error)
        self._asked[number := secrets.token_urlsafe(16)] = asked
        boxes = "".join(
            f'<label><input type="checkbox" name="scope" value="{scope}" checked>{scope}</label>'
            for scope in map(html.escape, asked.scopes)
        )
        page = (
            f"<!doctype html><title>Sign in - Google Accounts</title><p>{ME}</p>{_UNVERIFIED}"
            f'<form method="post" action="{_DECISION}"><input type="hidden" name="request" value="{number}">{boxes}'
            '<button name="decision" value="allow">Continue</button>'
            '<button name="decision" value="cancel">Cancel</button></form>'
        )
        return web.Response(text=page, content_type="text/html")

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        """Send the browser back to the app, with a code or without."""
        form = await request.post()
        asked = self._asked.pop(str(form.get("request", "")), None)
        if asked is None:
            return _error_page(ConsentError(400, "invalid_request", "The page is too old; begin again."))
        granted = " ".join(scope for scope in map(str, form.getall("scope", [])) if scope in asked.scopes)
        if form.get("decision") == "allow" and granted:
            outcome = {"code": self._state.tokens.consent(asked, granted), "scope": granted}
        else:
            outcome = {"error": "access_denied"}
        state = {} if asked.state is None else {"state": asked.state}
        parts = urlsplit(asked.redirect_uri)
        query = "&".join(filter(None, [parts.query, urlencode({**state, **outcome})]))
        raise web.HTTPFound(urlunsplit(parts._replace(query=query)))

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        is_code = form.get("grant_type") == "authorization_code"

        async def grant(_request: web.Request, active: ActiveFaults) -> web.Response:
            return self._granted(form, active)

        endpoint = DriveEndpoint.CODE if is_code else DriveEndpoint.TOKEN
        return await answer(self._state, request, endpoint, grant)

    def _granted(self, form: Mapping[str, str], active: ActiveFaults) -> web.Response:
        tokens = self._state.tokens
        grants: dict[str, Callable[[Mapping[str, str], ActiveFaults], dict[str, Any]]] = {
            "authorization_code": tokens.exchange,
            "refresh_token": tokens.refresh,
        }
        try:
            if refused := active.find(DriveFault.CLIENT_REFUSED):
                raise GrantError(401, refused["error"], "The OAuth client was deleted.")
            tokens.check_client(form.get("client_id", ""), form.get("client_secret", ""))
            if (kind := form.get("grant_type", "")) not in grants:
                raise GrantError(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
            return web.json_response(grants[kind](form, active), headers={"Cache-Control": "no-store"})
        except GrantError as error:
            return web.json_response(error.answer, status=error.status)

    async def _revoke(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)

        async def revoke(_request: web.Request, _active: ActiveFaults) -> web.Response:
            try:
                self._state.tokens.revoke(form.get("token") or request.query.get("token", ""))
            except GrantError as error:
                return web.json_response(error.answer, status=error.status)
            return web.json_response({})

        return await answer(self._state, request, DriveEndpoint.REVOKE, revoke)


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a body, which may be a form or JSON; the client may also be in the header (RFC 6749, 2.3.1)."""
    try:
        sent: Any = await request.json() if request.content_type == "application/json" else await request.post()
        fields = {str(name): str(value) for name, value in sent.items()}
    except (ValueError, AttributeError):
        fields = {}
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        client = BasicAuth.decode(header)
        fields = {"client_id": client.login, "client_secret": client.password} | fields
    return fields


def _error_page(error: ConsentError) -> web.Response:
    page = (
        "<!doctype html><title>Sign in - Google Accounts</title><h1>Access blocked: Authorization Error</h1>"
        f"<p>Error {error.status}: {error.error}</p><p>{html.escape(error.sentence)}</p>"
    )
    return web.Response(status=error.status, text=page, content_type="text/html")
