"""Every request passes here first: who may ask, from where, and what every answer says to the browser.

Nothing behind it looks at hosts, sessions or origins again (docs/decisions/041-page.md has the reasons).
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from console.web.door import Door

MOST_BYTES = 64 * 1024  # of a request's body
MOST_FIELDS = 1_000  # a selection of the library has one for each item
BODY_SECONDS = 10.0
FORM = "cloudsync.form"  # the fields of a request's body, in its scope
_OPEN = "/open"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# The cookie is Strict: it is sent where a page of our own leads, and not while the browser comes from the file.
_GO_ON = """<link rel="icon" href="/static/mark.svg"><meta http-equiv="refresh" content="0;url=/">
<p><a href="/">Go on to Cloud Sync</a></p>"""
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Scope = MutableMapping[str, Any]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Refusal(Exception):
    """A request that is not answered: the status, and a sentence for whoever is in front of the browser."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class Guard:
    """The application behind its door."""

    app: App
    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return None
        guarded = _with_headers(send)
        try:
            self._check(scope)
            scope[FORM] = await _form(scope, receive)
        except Refusal as refusal:
            return await _answer(guarded, refusal.status, _page(refusal.sentence))
        if scope["path"] == _OPEN:
            return await self._open(scope[FORM], guarded)
        return await self.app(scope, receive, guarded)

    def _check(self, scope: Scope) -> None:
        """Raises Refusal. A host of another name is refused first: it is all that keeps a name that leads to this
        machine, and the page of its owner, from asking as this page does (DNS rebinding)."""
        if _values(scope, b"host") != [self.door.host]:
            raise Refusal(421, "This page is at another address.")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Refusal(405, "A page is read, or sent a form, and nothing else.")
        if scope["path"] == _OPEN:
            if scope["method"] != "POST":
                raise Refusal(405, "Open the file that `cloudsync web` has named.")
            return
        if not self.door.knows(";".join(_values(scope, b"cookie"))):
            raise Refusal(
                403,
                "This browser has no session here. End `cloudsync web` with Ctrl-C, and start it again: it opens the "
                "page, or names the file that does.",
            )
        if scope["method"] == "POST":
            self._check_origin(scope)

    def _check_origin(self, scope: Scope) -> None:
        """Raises Refusal for a form that another page has sent. Every browser in use says where a request comes from;
        what says nothing is none."""
        sites = _values(scope, b"sec-fetch-site")
        origins = _values(scope, b"origin")
        is_own = sites == ["same-origin"] if sites else origins == [f"http://{self.door.host}"]
        if not is_own:
            raise Refusal(403, "Another page has sent this form, so nothing was done.")

    async def _open(self, form: dict[str, list[str]], send: Send) -> None:
        """For whoever brings the token first."""
        cookie = self.door.exchanged(form.get("token", [""])[0])
        if cookie is None:
            text = "This file was used already, or is of another `cloudsync web`. Start that again."
            return await _answer(send, 403, _page(text))
        return await _answer(send, 200, _GO_ON, (b"set-cookie", cookie.encode()))


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _form(scope: Scope, receive: Receive) -> dict[str, list[str]]:
    """The fields of a body. Raises Refusal for one that is too large, too slow or no form."""
    if scope["method"] != "POST":
        return {}
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(receive)
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except TimeoutError:
        raise Refusal(408, "The form did not arrive in time.") from None
    except ValueError:  # which is UnicodeDecodeError, too
        raise Refusal(400, "This is no form of this page.") from None


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "The form did not arrive whole.")
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise Refusal(413, "The form is too large.")
    return body


def _with_headers(send: Send) -> Send:
    """Every answer has them, also one that refuses. What it is sent for is not kept by anybody."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in HEADERS}
            own = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
            message["headers"] = [*own, *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: str, *more: tuple[bytes, bytes]) -> None:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Cloud Sync</title>{body}</html>'.encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(text)).encode()), *more]
    if status >= 400:
        headers.append((b"connection", b"close"))  # what it would still send is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _page(sentence: str) -> str:
    return f"<h1>Cloud Sync</h1><p>{html.escape(sentence)}</p>"
