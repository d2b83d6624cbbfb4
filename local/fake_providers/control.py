"""The control API of a running fake: the same operations as Python methods and as JSON under `/_control/`.

The HTTP layer only parses. The fake listens on loopback only, so it needs no authentication; what it has to refuse is
what a web page makes a browser on this machine send, and other users of this machine.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from local.fake_providers.fault_menu import Endpoint, FaultKind, Kind
from local.fake_providers.faults import Clock, Fault, FaultError, FaultRules
from local.fake_providers.gopro_state import GoProState, RequestLog
from local.fake_providers.library import LibraryError
from local.peers import is_foreign

type Json = dict[str, Any]
type Operation = tuple[str, str, Callable[[Json], Any]]

_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Tokens(Protocol):
    """The access tokens of a fake."""

    def kill(self) -> None: ...


class State(Protocol):
    """What the state of every fake has."""

    faults: FaultRules
    clock: Clock
    log: RequestLog

    @property
    def tokens(self) -> Tokens: ...


class CommonControl[S: State]:
    """What a test or the demo may do to any fake while it runs, from any thread; `kinds` are the provider's faults."""

    kinds: type[Kind]

    def __init__(self, state: S) -> None:
        self._state = state

    def add_fault(self, kind: Kind, *, times: int | None = None, after: int = 0, **rule: Any) -> None:
        """Activate a rule: the fields of Fault by name; any other name is an argument of the kind.

        For example `add_fault(FaultKind.SHORT_PAGE, times=1, rows=3)`.
        """
        args = {name: rule.pop(name) for name in list(rule) if name in kind.defaults}
        try:
            self._state.faults.add(Fault(kind, times=times, after=after, args=args, **rule))
        except TypeError as error:
            raise FaultError(f"{kind}: {error}") from error

    def put_fault(self, fault: Fault) -> None:
        """Activate a rule."""
        self._state.faults.add(fault)

    def clear_faults(self, kind: Kind | None = None) -> None:
        """Remove all rules, or those of one kind."""
        self._state.faults.clear(kind)

    def faults(self) -> list[Json]:
        """The active rules, each with the number of requests that it matched and affected."""
        return self._state.faults.listed()

    def advance_clock(self, seconds: float) -> None:
        """Advance the fake's own clock by `seconds`."""
        self._state.clock.advance(seconds)

    def expire_access_tokens(self) -> None:
        """Expire every access token now; the refresh token stays valid."""
        self._state.tokens.kill()

    def stats(self) -> Json:
        """Totals since the start or the last reset, and the fake's time in seconds since 1970."""
        return {**self._state.log.summary(), "clock": self._state.clock.now()}

    def requests(self) -> list[Json]:
        """Every request since the start or the last reset, in order and without secrets."""
        return self._state.log.requests()

    def reset(self) -> None:
        """Return to the initial state: no rules, no statistics, real time."""
        self._state.clock.offset = 0.0
        self._state.faults.clear()
        self._state.log.reset()


class Control(CommonControl[GoProState]):
    """Everything that a test or the demo may do to the fake GoPro Cloud."""

    kinds = FaultKind

    def __init__(self, state: GoProState) -> None:
        super().__init__(state)
        self._first_link_seconds = state.link_seconds
        self._first_per_page_cap = state.per_page_cap

    def set_lifetimes(self, *, access_token_seconds: float | None = None, link_seconds: float | None = None) -> None:
        """Set the lifetime of tokens and links issued from now on."""
        if access_token_seconds is not None:
            self._state.tokens.access_seconds = access_token_seconds
        if link_seconds is not None:
            self._state.link_seconds = link_seconds

    def set_page_size(self, rows: int) -> None:
        """Limit the rows of each page of a listing, whatever the request asks for."""
        self._state.per_page_cap = rows

    def put_item(self, description: Mapping[str, Any]) -> None:
        """Add an item, or replace the one with that id; `description` is an entry of `library.json`."""
        self._state.library.put(description)

    def trash_item(self, media_id: str) -> None:
        """Move an item to the trash, as its owner can in the app."""
        self._state.library.trash(media_id)

    def insert_between_pages(self, after_page: int = 1, item: Mapping[str, Any] | None = None) -> None:
        """Let one upload appear, right after the next `after_page` pages of the listing were sent."""
        self.add_fault(FaultKind.INSERT_ITEM, endpoint=Endpoint.SEARCH, times=1, after=after_page - 1, item=item)

    def originals(self) -> list[Json]:
        """Every file that belongs in a complete archive, as plain data; paths are on this machine."""
        return [{**asdict(original), "path": str(original.path)} for original in self._state.library.originals()]

    def reset(self) -> None:
        """Return to the initial state, with the first library and credentials."""
        super().reset()
        self._state.link_seconds = self._first_link_seconds
        self._state.per_page_cap = self._first_per_page_cap
        self._state.library.reset()
        self._state.tokens.reset()


def menu(kinds: type[Kind] = FaultKind) -> list[Json]:
    """A provider's fault menu as plain data."""
    return [
        {
            "kind": kind,
            "number": kind.menu,
            "endpoints": sorted(kind.endpoints),
            "args": dict(kind.defaults),
            "meaning": kind.__doc__,
        }
        for kind in kinds
    ]


def common_operations[S: State](control: CommonControl[S]) -> list[Operation]:
    """The operations of CommonControl: method, path and what is called with the JSON of the request."""
    kinds = control.kinds
    return [
        ("GET", "menu", lambda _: menu(kinds)),
        ("GET", "faults", lambda _: control.faults()),
        ("POST", "faults", lambda body: control.put_fault(Fault.from_json(body, kinds))),
        ("DELETE", "faults", lambda _: control.clear_faults()),
        ("DELETE", "faults/{kind}", lambda body: control.clear_faults(Fault.from_json(body, kinds).kind)),
        ("POST", "clock", lambda body: control.advance_clock(float(body["advance"]))),
        ("POST", "expire_access_tokens", lambda _: control.expire_access_tokens()),
        ("GET", "stats", lambda _: control.stats()),
        ("GET", "requests", lambda _: control.requests()),
        ("POST", "reset", lambda _: control.reset()),
    ]


def control_routes(control: Control) -> list[web.RouteDef]:
    """The operations of Control over HTTP: one row each."""
    own: list[Operation] = [
        ("POST", "lifetimes", lambda body: control.set_lifetimes(**body)),
        ("POST", "page_size", lambda body: control.set_page_size(int(body["rows"]))),
        ("POST", "items", control.put_item),
        ("DELETE", "items/{media_id}", lambda body: control.trash_item(body["media_id"])),
        ("POST", "insert_between_pages", lambda body: control.insert_between_pages(**body)),
        ("GET", "originals", lambda _: control.originals()),
    ]
    return served([*common_operations(control), *own])


def served(operations: Iterable[Operation]) -> list[web.RouteDef]:
    """The routes of these operations."""
    return [web.route(method, f"/_control/{path}", json_route(operation)) for method, path, operation in operations]


def json_route(operation: Callable[[Json], Any]) -> Callable[[web.Request], Any]:
    """A handler that calls `operation` with the request's JSON and path fields, and responds with its result."""

    async def answer(request: web.Request) -> web.Response:
        if refused := _refusal(request):
            return refused
        try:
            body = await request.json() if request.can_read_body else {}
            result = operation({**body, **request.match_info})
        except KeyError as error:
            return web.json_response({"error": f"There is no {error}."}, status=404)
        except (json.JSONDecodeError, FaultError, LibraryError, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True} if result is None else result)

    return answer


def _refusal(request: web.Request) -> web.Response | None:
    """The answer to a request that a web page or another user may have caused, or None for one of our own.

    A page of another site can send a body only as form or plain text without being asked for leave, its browser adds
    `Origin`, and under a name that it has pointed at this machine that name stands in `Host`.
    """
    if request.transport is None:
        return _error(403, "The connection has ended.")
    peer, server = (request.transport.get_extra_info(end) for end in ("peername", "sockname"))
    if request.host not in [f"{name}:{server[1]}" for name in _OWN_NAMES]:
        return _error(403, f"Host must be {_OWN_NAMES[0]}:{server[1]}, at which this server listens.")
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
        return _error(403, "This is not for web pages: call it without Origin, from a program.")
    if (request.can_read_body or "Content-Type" in request.headers) and request.content_type != "application/json":
        return _error(415, "A body must be JSON, and Content-Type must say so: application/json.")
    if is_foreign(peer[1], server[1]):
        return _error(403, "This server belongs to another user of this machine.")
    return None


def _error(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
