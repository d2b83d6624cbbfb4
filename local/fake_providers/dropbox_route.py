"""What all routes of Dropbox's API share: faults, arguments, tokens, path roots, the log."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.fake_providers.dropbox_answers import Answers, RefusedError, between
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.dropbox_oauth import DISABLED, is_malformed
from local.fake_providers.dropbox_state import DropboxState, UnknownRootError, View
from local.fake_providers.dropbox_tree import Entry
from local.fake_providers.faults import ActiveFaults

type Handler = Callable[["Call"], Awaitable[web.StreamResponse]]

_JSON_TYPES = ("application/json", "application/json; charset=utf-8", "text/plain; charset=dropbox-cors-hack")
_CONTENT_TYPES = ("", "application/octet-stream", "text/plain; charset=utf-8", "text/plain; charset=dropbox-cors-hack")
_PATH = r"/(.|[\r\n])*|id:.*|rev:[0-9a-f]{9,}|ns:[0-9]+(/.*)?"


@dataclass(frozen=True)
class Route:
    """One route: `scope` is the permission that a token needs (empty: any; None: no token). `void`: it takes no
    argument; `content`: its argument is in a header, and its answer has bytes."""

    endpoint: DropboxEndpoint
    name: str
    scope: str | None
    void: bool = False
    content: bool = False


class Call:
    """One call of a route, when all that the routes share has been checked. `argument` is what the client sent."""

    def __init__(self, state: DropboxState, route: Route, request: web.Request, argument: Any) -> None:
        self._state = state
        self.request = request
        self.argument = argument
        self.route = route
        self.token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.view = self._seen()
        self.recorded = False
        self.media_id = self._media_id()
        self.active = state.faults.begin(route.endpoint, self.media_id)
        self.answers = Answers(route.name, self.active)

    def _seen(self) -> View:
        """The view that the client names, or its home for one that will be refused."""
        try:
            return self._state.account.view(json.loads(self.request.headers["Dropbox-API-Path-Root"]))
        except (ValueError, KeyError, TypeError):
            return self._state.account.view(None)

    def record(self, status: int) -> None:
        """Record the answer, once: before it is sent."""
        if not self.recorded:
            self.recorded = True
            record(self._state, self.route, self.request, status, self.media_id)

    @property
    def _path(self) -> object:
        """The path in the argument: in its `resource` where it has one (spec, get_thumbnail_v2)."""
        named = self.argument.get("resource", self.argument) if isinstance(self.argument, dict) else None
        return named.get("path") if isinstance(named, dict) else None

    def _media_id(self) -> str | None:
        """The id of the file that the call is about."""
        path = self._path
        found = self._find(path) if isinstance(path, str) and path else None
        return found.entry_id if found else None

    def _find(self, path: str) -> Entry | None:
        """What is, or was, at a path, or has that id or revision."""
        if path.startswith("rev:"):
            return self._state.tree.find_revision(path.removeprefix("rev:"))
        if path.startswith("id:"):
            found = self._state.tree.find_id(path)
        else:
            found = self._state.tree.find(self._absolute(path))
        return found if (found is not None and self.view.contains(found)) or path.startswith("ns:") else None

    def _absolute(self, path: str) -> str:
        if not path.startswith("ns:"):
            return self.view.path(path)
        namespace, slash, rest = path.removeprefix("ns:").partition("/")
        try:
            return self._state.account.prefix(namespace) + slash + rest
        except UnknownRootError:
            return "/\0"  # nothing is ever there

    def folder(self, path: object) -> str:
        """The path, in the tree, of a folder that is there; the empty text is the root."""
        if path == "":
            return self.view.prefix
        found = self._find(self._text(path))
        if found is None or found.deleted:
            raise self.answers.error("path", "not_found")
        if not found.is_folder:
            raise self.answers.error("path", "not_folder")
        return found.path

    def entry(self, *, deleted: bool = False) -> Entry:
        """The file or folder that the argument names; with `deleted`, also one that was there."""
        path = self._text(self._path)
        if path == "":
            raise self.answers.bad_input("request body: path: The root folder is unsupported.")
        if self.active.find(DropboxFault.NOT_FOUND):
            raise self.answers.error("path", "not_found")
        if fault := self.active.find(DropboxFault.LOOKUP_REFUSED):
            raise self.answers.error("path", fault["tag"])
        found = self._find(path)
        if found is None or (found.deleted and not deleted):
            raise self.answers.error("path", "not_found")
        if fault := self.active.find(DropboxFault.MOVED):
            self._state.tree.move(found.path, self._state.account.view(None).path(fault["target"]))
            found = self._find(path) or found
        return found

    def content(self) -> Entry:
        """The file, whose content may be sent, that the argument names."""
        if fault := self.active.find(DropboxFault.REV_CHANGED):
            other, now = self._state.tree.find(self.view.path(fault["path"])), self.entry()
            if other is not None and other.source is not None:
                self._state.tree.put(now.path, other.source)
        found = self.entry()
        if found.is_folder:
            raise self.answers.error("path", "not_file")
        if not found.downloadable or self.active.find(DropboxFault.NOT_DOWNLOADABLE):
            raise self.answers.error("unsupported_file")
        if found.refusal:
            raise self.answers.error("path", found.refusal)
        return found

    def _text(self, path: object) -> str:
        if not isinstance(path, str):
            raise self.answers.bad_input(f"request body: path: expected string, got {type(path).__name__}")
        if path and not re.fullmatch(_PATH, path):
            raise self.answers.bad_input(f"request body: path: {path!r} did not match pattern '{_PATH}'")
        return path

    def check(self) -> None:
        """Raise RefusedError for what refuses a call of any route."""
        if self.active.find(DropboxFault.APP_DISABLED) or (
            self.route.scope is not None and self._state.tokens.disabled
        ):
            raise self.answers.bad_input(DISABLED)
        if self.active.find(DropboxFault.BAD_INPUT):
            raise self.answers.bad_input("request body: could not decode input as JSON")
        if self.route.scope is not None:
            self._check_token(self.route.scope)
        self._check_root()
        if fault := self.active.find(DropboxFault.ACCESS_DENIED):
            raise self.answers.error(fault["tag"], status=403)
        if fault := self.active.find(DropboxFault.THROTTLED):
            raise self.answers.throttled(fault)

    def _check_token(self, scope: str) -> None:
        header = self.request.headers.get("Authorization", "")
        if not header.startswith("Bearer ") or not self.token:
            raise self.answers.bad_input(
                f'Invalid authorization value in HTTP header "Authorization": {json.dumps(header[:7].strip())}. '
                'Expecting "Bearer <oauth2-access-token>".'
            )
        if is_malformed(self.token):
            raise self.answers.bad_input("The given OAuth 2 access token is malformed.")
        if self.active.find(DropboxFault.ACCESS_TOKEN_DIES):
            self._state.tokens.kill(self.token)
        if fault := self.active.find(DropboxFault.TOKEN_REFUSED):
            tag, scope = fault["tag"], fault["required_scope"]
        else:
            tag = self._state.tokens.refusal(self.token, scope)
        if tag:
            raise self.answers.error(tag, status=401, inner={"required_scope": scope} if tag == "missing_scope" else {})

    def _check_root(self) -> None:
        """Take the view that Dropbox-API-Path-Root names; an invalid root gets the valid one (common.stone)."""
        if self.active.find(DropboxFault.ROOT_CHANGED):
            self._state.account.join_team()
        header = self.request.headers.get("Dropbox-API-Path-Root")
        if header is None:
            return
        try:
            self.view = self._state.account.view(json.loads(header))
            if self.active.find(DropboxFault.ROOT_REFUSED):
                raise UnknownRootError("no_permission")
        except UnknownRootError as error:
            inner = {"invalid_root": self._state.account.root_info()} if error.tag == "invalid_root" else {}
            raise self.answers.error(error.tag, status=422, inner=inner) from error
        except (ValueError, KeyError, TypeError) as error:
            raise self.answers.bad_input(
                'HTTP header "Dropbox-API-Path-Root": could not decode input as JSON'
            ) from error


class Routes:
    """Makes routes for aiohttp, and answers what they share."""

    def __init__(self, state: DropboxState) -> None:
        self._state = state

    def of(self, route: Route, handler: Handler) -> list[web.RouteDef]:
        """The route under its path: POST, and also GET for content (Dropbox's documentation of HTTP)."""
        answer = self._answering(route, handler)
        path = f"/2/{route.name}"
        return [web.post(path, answer), *([web.get(path, answer)] if route.content else [])]

    def _answering(self, route: Route, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            try:
                argument = _argument(route, request, body)
                call = Call(self._state, route, request, argument)
            except RefusedError as error:
                record(self._state, route, request, error.response.status, None)
                return error.response
            if call.active.find(DropboxFault.STALL) and not route.content:
                await asyncio.Event().wait()
            response = between(call.active) or await _called(call, handler)
            call.record(response.status)
            if call.active.find(DropboxFault.ANSWER_LOST) and request.transport:
                request.transport.close()
            return response

        return answer


def record(
    state: DropboxState, route: Route, request: web.Request, status: int, media_id: str | None, path: str | None = None
) -> None:
    """Record an answer, without the query, which may have secrets."""
    state.log.record(
        endpoint=str(route.endpoint),
        method=request.method,
        path=path or request.path,
        status=status,
        media_id=media_id,
        range=request.headers.get("Range"),
    )


async def numbered(_request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the number by which Dropbox's support finds it; a signal of aiohttp."""
    response.headers["X-Dropbox-Request-Id"] = secrets.token_hex(16)


async def _called(call: Call, handler: Handler) -> web.StreamResponse:
    try:
        call.check()
        return await handler(call)
    except RefusedError as error:
        return error.response


def _argument(route: Route, request: web.Request, body: bytes) -> Any:
    """The argument of a call, from its body or header. Raises RefusedError."""
    answers = Answers(route.name, ActiveFaults(route.endpoint))
    kind = request.headers.get("Content-Type", "")
    if route.content:
        if kind not in _CONTENT_TYPES:
            raise answers.bad_input(_bad_type(kind, _CONTENT_TYPES))
        text = request.headers.get("Dropbox-API-Arg", request.query.get("arg"))
        if text is None:
            raise answers.bad_input('Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".')
        where = 'HTTP header "Dropbox-API-Arg"' if "Dropbox-API-Arg" in request.headers else 'URL parameter "arg"'
        # A header is ASCII: other characters have to be escaped (koreader issue 12154).
        return _decoded(answers, text if where.startswith("URL") or text.isascii() else "", where)
    if route.void and not body:
        return None
    if kind not in _JSON_TYPES:
        raise answers.bad_input(_bad_type(kind, _JSON_TYPES))
    argument = _decoded(answers, body.decode(errors="replace"), "request body")
    if route.void and argument is not None:
        raise answers.bad_input("request body: expected null, got value")
    if not route.void and not isinstance(argument, dict):
        raise answers.bad_input("request body: expected object")
    return argument


def _bad_type(kind: str, expected: tuple[str, ...]) -> str:
    return f'Bad HTTP "Content-Type" header: {json.dumps(kind)}.  Expecting one of {json.dumps(expected)[1:-1]}.'


def _decoded(answers: Answers, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise answers.bad_input(f"{where}: could not decode input as JSON") from error
