"""The bytes: files/download, and what temporary links lead to."""

import asyncio
import json
import mimetypes
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from aiohttp import web

from local.fake_providers.cdn_objects import CHUNK, CdnObject
from local.fake_providers.dropbox_answers import between
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.dropbox_listing import row
from local.fake_providers.dropbox_route import Call, Route, Routes, record
from local.fake_providers.dropbox_state import DropboxState
from local.fake_providers.dropbox_tree import Entry
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.gopro_cdn import Span, requested_span

_DOWNLOAD = Route(DropboxEndpoint.DOWNLOAD, "files/download", "files.content.read", content=True)
_LINK = Route(DropboxEndpoint.LINK, "", None, content=True)


@dataclass(frozen=True)
class _Link:
    entry: Entry
    expiry: float


class Content:
    """Sends files: to whoever has a token, or a link."""

    def __init__(self, state: DropboxState) -> None:
        self._state = state
        self._links: dict[str, _Link] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes of content.dropboxapi.com, and those of temporary links."""
        return [*Routes(self._state).of(_DOWNLOAD, self._download), web.get("/cd/0/get/{key}/file", self._linked)]

    def new_link(self, request: web.Request, entry: Entry, seconds: float) -> str:
        """A link to the file as it is now (whether Dropbox pins the revision is not established), at the host of the
        request, so that it also works under another name than 127.0.0.1."""
        key = secrets.token_urlsafe(48)
        self._links[key] = _Link(entry, self._state.clock.now() + seconds)
        port, origin = self._state.content_port, request.url.origin()
        return f"{origin if port is None else origin.with_port(port)}/cd/0/get/{key}/file"

    async def _download(self, call: Call) -> web.StreamResponse:
        entry, active = call.content(), call.active
        found = row(call.view, entry, active)
        found.pop(".tag")
        headers = {"Content-Type": "application/octet-stream"}
        if not active.find(DropboxFault.RESULT_MISSING):
            headers["Dropbox-API-Result"] = json.dumps(found)
        return await self._sent(call.request, entry, active, headers, call.record)

    async def _linked(self, request: web.Request) -> web.StreamResponse:
        link = self._links.get(request.match_info["key"])
        entry = link.entry if link else None
        active = self._state.faults.begin(DropboxEndpoint.LINK, entry.entry_id if entry else None)
        self._look_for_tokens(request)

        def note(status: int) -> None:
            record(self._state, _LINK, request, status, entry.entry_id if entry else None, "/cd/0/get")

        refused = between(active) or self._refusal(link, active)
        if refused is not None or entry is None:
            note(refused.status if refused else 404)
            return refused or web.Response(status=404)
        kind = mimetypes.guess_type(entry.path)[0] or "application/octet-stream"
        return await self._sent(request, entry, active, {"Content-Type": kind}, note)

    def _refusal(self, link: _Link | None, active: ActiveFaults) -> web.Response | None:
        if link is None:
            return web.Response(status=404, text="Not Found")
        if self._state.clock.now() >= link.expiry or active.find(DropboxFault.LINK_GONE):
            return web.Response(status=410, text="Gone")
        return None

    def _look_for_tokens(self, request: web.Request) -> None:
        shown = " ".join(request.headers.values())
        leaked = any(secret in shown for secret in self._state.tokens.known_secrets())
        self._state.log.cdn_saw(authorization="Authorization" in request.headers, token=leaked)

    async def _sent(
        self,
        request: web.Request,
        entry: Entry,
        active: ActiveFaults,
        headers: dict[str, str],
        note: Callable[[int], None],
    ) -> web.StreamResponse:
        """The file, or the part of it that a Range asks for. The ETag is weak and names the revision (live).

        `note` gets the status before anything is sent.
        """
        etag = f'W/"{entry.rev}"'
        headers |= {"Accept-Ranges": "bytes"} | ({} if active.find(DropboxFault.ETAG_MISSING) else {"ETag": etag})
        if request.headers.get("If-None-Match") == etag:
            note(304)
            return web.Response(status=304, headers=headers)
        stored = CdnObject(entry.source, inverted=active.find(DropboxFault.CONTENT_REPLACED) is not None)
        span = _asked(request, active, stored.size)
        if span is None:
            note(416)
            return web.Response(status=416, headers={"Content-Range": f"bytes */{stored.size}"})
        if span.partial:
            headers["Content-Range"] = f"bytes {span.first}-{span.last}/{span.total}"
        response = web.StreamResponse(status=206 if span.partial else 200, headers=headers)
        response.content_length = span.length
        note(response.status)
        await response.prepare(request)
        self._state.log.cdn_busy(1)
        try:
            await self._write(request, response, entry, active, _body(stored, span.first, span.length, active))
        finally:
            self._state.log.cdn_busy(-1)
        return response

    async def _write(
        self,
        request: web.Request,
        response: web.StreamResponse,
        entry: Entry,
        active: ActiveFaults,
        body: Iterable[bytes],
    ) -> None:
        """Send the body up to the byte that the faults allow, and at their rate for as long as it is in force."""
        slow, started, sent = active.find(DropboxFault.SLOW), time.monotonic(), 0
        for piece in body:
            self._state.log.served(entry.entry_id, len(piece))
            await response.write(piece)
            sent += len(piece)
            if slow and self._state.faults.in_force(slow):
                await asyncio.sleep(started + sent / slow["bytes_per_second"] - time.monotonic())
        if active.find(DropboxFault.CONNECTION_CUT) and request.transport:
            request.transport.close()
        elif active.find(DropboxFault.STALL):
            await asyncio.Event().wait()


def _asked(request: web.Request, active: ActiveFaults, total: int) -> Span | None:
    """The bytes to send; None for a range that is not there."""
    wanted = None if active.find(DropboxFault.RANGE_IGNORED) else request.headers.get("Range")
    span = None if wanted and active.find(DropboxFault.RANGE_REFUSED) else requested_span(wanted, total)
    if span is None or not span.partial:
        return span
    if shift := active.find(DropboxFault.RANGE_SHIFTED):
        first = min(span.first + shift["bytes_off"], total - 1)
        span = replace(span, first=first, last=min(first + span.length, total) - 1)
    if wrong := active.find(DropboxFault.TOTAL_WRONG):
        span = replace(span, total=total - wrong["bytes_off"])
    if short := active.find(DropboxFault.RANGE_SHORT):
        span = replace(span, last=min(span.last, span.first + short["most"] - 1))
    return span


def _body(stored: CdnObject, first: int, length: int, active: ActiveFaults) -> Iterator[bytes]:
    """The bytes from `first` on, up to a fault's end, in pieces small enough for the rate of a slow connection."""
    ends = [fault["byte"] for kind in (DropboxFault.CONNECTION_CUT, DropboxFault.STALL) if (fault := active.find(kind))]
    slow, corrupted = active.find(DropboxFault.SLOW), active.find(DropboxFault.BYTES_CORRUPTED)
    chunk = max(1, min(CHUNK, slow["bytes_per_second"] // 10)) if slow else CHUNK
    offset = first
    for piece in stored.chunks(first, min([length, *ends]), chunk):
        at = corrupted["byte"] - offset if corrupted else -1
        yield piece[:at] + bytes([255 - piece[at]]) + piece[at + 1 :] if 0 <= at < len(piece) else piece
        offset += len(piece)
