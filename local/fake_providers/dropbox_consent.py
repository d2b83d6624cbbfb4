"""The pages and the token endpoint of Dropbox's authorization server."""

import asyncio
import html
from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import BasicAuth, web

from local.fake_providers.dropbox_answers import between, oauth
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.dropbox_oauth import DISABLED, GrantError, Request
from local.fake_providers.dropbox_route import Route, record
from local.fake_providers.dropbox_state import DropboxState
from local.fake_providers.faults import ActiveFaults

_AUTHORIZE = Route(DropboxEndpoint.AUTHORIZE, "oauth2/authorize", None)
_CODE = Route(DropboxEndpoint.CODE, "oauth2/token", None)
_TOKEN = Route(DropboxEndpoint.TOKEN, "oauth2/token", None)


class Consent:
    """www.dropbox.com/oauth2/authorize, and /oauth2/token of api.dropboxapi.com. The owner is logged in already."""

    def __init__(self, state: DropboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [
            web.get("/oauth2/authorize", self._ask),
            web.post("/oauth2/authorize", self._decided),
            web.post("/oauth2/token", self._token),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        """The page that asks for consent."""
        active = self._state.faults.begin(DropboxEndpoint.AUTHORIZE)
        answer = between(active) or self._page(request.query, active)
        record(self._state, _AUTHORIZE, request, answer.status, None)
        return answer

    def _page(self, query: Mapping[str, str], active: ActiveFaults) -> web.Response:
        try:
            if active.find(DropboxFault.APP_DISABLED):
                raise ValueError(DISABLED)
            asked = self._state.tokens.request(query)
        except ValueError as error:
            return _html(400, f"<h1>Error (400)</h1><p>{html.escape(str(error))}</p>")
        kept = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in query.items()
        )
        scopes = "".join(f"<li>{html.escape(scope)}</li>" for scope in asked.scope.split())
        buttons = (
            '<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Cancel</button>'
        )
        return _html(200, f'<h1>Allow access?</h1><ul>{scopes}</ul><form method="post">{kept}{buttons}</form>')

    async def _decided(self, request: web.Request) -> web.Response:
        """What follows the owner's decision: the code, on a page to copy it from, or at the redirect URI."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        active = self._state.faults.begin(DropboxEndpoint.AUTHORIZE)
        answer = between(active) or self._decision(form, active)
        record(self._state, _AUTHORIZE, request, answer.status, None)
        return answer

    def _decision(self, form: Mapping[str, str], active: ActiveFaults) -> web.Response:
        page = self._page(form, active)
        if page.status != 200:
            return page
        asked = self._state.tokens.request(form)
        if form.get("decision") != "allow":
            return self._redirect(asked, form, {"error": "access_denied"}) or _html(200, "<h1>Access was denied</h1>")
        code = self._state.tokens.consent(asked)
        copied = f'<h1>Access code generated</h1><input readonly class="auth-code" value="{code}">'
        return self._redirect(asked, form, {"code": code}) or _html(200, copied)

    def _redirect(self, asked: Request, form: Mapping[str, str], result: dict[str, str]) -> web.Response | None:
        if not asked.redirect_uri:
            return None
        state = {"state": form["state"]} if "state" in form else {}
        return web.Response(status=302, headers={"Location": f"{asked.redirect_uri}?{urlencode(result | state)}"})

    async def _token(self, request: web.Request) -> web.Response:
        """Tokens for a code or a refresh token. A client's secret is in the form, or in the header (OAuth)."""
        form = {name: str(value) for name, value in (await request.post()).items()} | _basic(request)
        route = _CODE if form.get("grant_type") == "authorization_code" else _TOKEN
        active = self._state.faults.begin(route.endpoint)
        if active.find(DropboxFault.STALL):
            await asyncio.Event().wait()
        answer = between(active) or self._granted(form, route, active)
        record(self._state, route, request, answer.status, None)
        if active.find(DropboxFault.ANSWER_LOST) and request.transport:
            request.transport.close()
        return answer

    def _granted(self, form: Mapping[str, str], route: Route, active: ActiveFaults) -> web.Response:
        narrowed = active.find(DropboxFault.SCOPE_NARROWED)
        scope = narrowed["scope"] if narrowed else None
        try:
            if active.find(DropboxFault.APP_DISABLED):
                raise GrantError("unauthorized_client", DISABLED)
            if active.find(DropboxFault.INVALID_GRANT):
                raise GrantError("invalid_grant", "refresh token is invalid or revoked")
            if route is _CODE:
                return oauth(200, self._exchanged(form, scope, active))
            if form.get("grant_type") != "refresh_token":
                raise GrantError("unsupported_grant_type", "only authorization_code and refresh_token are supported")
            answer = self._state.tokens.refresh(form, scope)
            if active.find(DropboxFault.ROTATED):
                answer["refresh_token"] = self._state.tokens.rotate(form["refresh_token"])
            return oauth(200, answer)
        except GrantError as error:
            return oauth(400, error.answer)

    def _exchanged(self, form: Mapping[str, str], scope: str | None, active: ActiveFaults) -> dict[str, object]:
        grant, answer = self._state.tokens.exchange(form, scope)
        answer |= {"scope": scope or grant.scope}
        answer |= {"uid": self._state.account.user_id, "account_id": self._state.account.account_id}
        if grant.refresh_token and not active.find(DropboxFault.NO_REFRESH_TOKEN):
            answer["refresh_token"] = grant.refresh_token
        return answer


def _basic(request: web.Request) -> dict[str, str]:
    """The client of an Authorization header, as the fields of a form."""
    try:
        client = BasicAuth.decode(request.headers["Authorization"])
    except (KeyError, ValueError):
        return {}
    return {"client_id": client.login} | ({"client_secret": client.password} if client.password else {})


def _html(status: int, body: str) -> web.Response:
    return web.Response(status=status, text=f"<!doctype html><title>Dropbox</title>{body}", content_type="text/html")
