"""Dropbox's API, but for the bytes: the account, listings, metadata, temporary links."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from local.fake_providers.dropbox_content import Content
from local.fake_providers.dropbox_faults import DropboxEndpoint as E
from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.dropbox_listing import CursorError, Query, begin, page, row
from local.fake_providers.dropbox_route import Call, Route, Routes
from local.fake_providers.dropbox_state import DropboxState
from local.fake_providers.faults import ActiveFaults

_METADATA, _CONTENT, _ACCOUNT = "files.metadata.read", "files.content.read", "account_info.read"
_ALLOCATED = 2_000_000_000_000  # bytes, of the account's plan
_POLL_SECONDS = 0.02


class Api:
    """The routes of api.dropboxapi.com and notify.dropboxapi.com that a backup needs."""

    def __init__(self, state: DropboxState, content: Content) -> None:
        self._state = state
        self._content = content

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        table = [
            (Route(E.ACCOUNT, "users/get_current_account", _ACCOUNT, void=True), self._account),
            (Route(E.SPACE, "users/get_space_usage", _ACCOUNT, void=True), self._space),
            (Route(E.REVOKE, "auth/token/revoke", "", void=True), self._revoke),
            (Route(E.LIST, "files/list_folder", _METADATA), self._list),
            (Route(E.CONTINUE, "files/list_folder/continue", _METADATA), self._continue),
            (Route(E.LATEST, "files/list_folder/get_latest_cursor", _METADATA), self._latest),
            (Route(E.LONGPOLL, "files/list_folder/longpoll", None), self._longpoll),
            (Route(E.METADATA, "files/get_metadata", _METADATA), self._metadata),
            (Route(E.TEMPORARY_LINK, "files/get_temporary_link", _CONTENT), self._temporary_link),
        ]
        routes = Routes(self._state)
        return [found for route, handler in table for found in routes.of(route, handler)]

    async def _account(self, call: Call) -> web.Response:
        account, team = self._state.account, self._state.account.team_namespace is not None
        names = {"given_name": "Anna", "surname": "Example", "familiar_name": "Anna"}
        found = {
            "account_id": account.account_id,
            "name": {**names, "display_name": "Anna Example", "abbreviated_name": "AE"},
            "email": "anna@example.com",
            "email_verified": account.email_verified,
            "disabled": False,
            "country": "CH",
            "locale": "en",
            "referral_link": "https://www.dropbox.com/referrals/example",
            "is_paired": False,
            "account_type": {".tag": "business" if team else "pro"},
            "root_info": account.root_info(),
        }
        return call.answers.result(found)

    async def _space(self, call: Call) -> web.Response:
        used = sum(entry.size for entry in self._state.tree.files())
        allocation: dict[str, Any] = {".tag": "individual", "allocated": _ALLOCATED}
        if self._state.account.team_namespace is not None:
            allocation = {".tag": "team", "used": used, "allocated": _ALLOCATED}
            allocation |= {"user_within_team_space_allocated": 0, "user_within_team_space_used_cached": used}
            allocation["user_within_team_space_limit_type"] = {".tag": "off"}
        return call.answers.result({"used": used, "allocation": allocation})

    async def _revoke(self, call: Call) -> web.Response:
        self._state.tokens.revoke_token(call.token)
        return call.answers.result(None)

    async def _list(self, call: Call) -> web.Response:
        return call.answers.result(page(self._state, self._query(call), call.active))

    async def _latest(self, call: Call) -> web.Response:
        query = self._query(call)
        return call.answers.result({"cursor": replace(query, position=query.begun).cursor})

    def _query(self, call: Call) -> Query:
        """The query of a new listing. The path `/` is refused: the root is the empty text."""
        path = call.argument.get("path")
        if path == "/":
            raise call.answers.bad_input(
                'request body: path: Specify the root folder as an empty string rather than as "/".'
            )
        folder = call.folder(path)
        try:
            return begin(self._state, call.view, folder, call.argument)
        except ValueError as error:
            raise call.answers.bad_input(f"request body: {error}") from error

    async def _continue(self, call: Call) -> web.Response:
        return call.answers.result(page(self._state, self._read(call), call.active))

    def _read(self, call: Call) -> Query:
        try:
            query = Query.read(call.argument.get("cursor"))
        except CursorError as error:
            raise call.answers.bad_input('Invalid "cursor" parameter.') from error
        folder = self._state.tree.find(query.path) if query.path else None
        if query.epoch != self._state.epoch or call.active.find(DropboxFault.CURSOR_RESET):
            raise call.answers.error("reset")
        if folder is not None and not folder.is_folder:
            raise call.answers.error("path", "not_found")
        return query

    async def _longpoll(self, call: Call) -> web.Response:
        """Wait until something has changed, or until the timeout by the fake's clock."""
        query, seconds = self._read(call), call.argument.get("timeout", 30)
        if type(seconds) is not int or not 30 <= seconds <= 480:
            raise call.answers.bad_input(f"request body: timeout: {seconds!r} is not in 30..480")
        end = self._state.clock.now() + seconds
        while not (changed := self._state.tree.page(query.position, query.fits, 1)[0]):
            if self._state.clock.now() >= end:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return call.answers.result({"changes": bool(changed)})

    async def _metadata(self, call: Call) -> web.Response:
        entry = call.entry(deleted=bool(call.argument.get("include_deleted")))
        found = row(call.view, entry, call.active)
        if call.argument.get("include_media_info") and entry.media is not None:
            found["media_info"] = _media_info(dict(entry.media), call.active)
        return call.answers.result(found)

    async def _temporary_link(self, call: Call) -> web.Response:
        if fault := call.active.find(DropboxFault.LINK_REFUSED):
            raise call.answers.error(fault["tag"])
        if not self._state.account.email_verified:
            raise call.answers.error("email_not_verified")
        entry = call.content()
        shorter = call.active.find(DropboxFault.LINK_SECONDS)
        link = self._content.new_link(call.request, entry, shorter["seconds"] if shorter else self._state.link_seconds)
        found = row(call.view, entry, call.active)
        found.pop(".tag")
        return call.answers.result({"metadata": found, "link": link})


def _media_info(media: dict[str, Any], active: ActiveFaults) -> dict[str, Any]:
    if active.find(DropboxFault.MEDIA_PENDING):
        return {".tag": "pending"}
    return {".tag": "metadata", "metadata": {".tag": "video", **media}}
