"""The CDN of GoPro Cloud: signed links, ranges, ETags, and their faults (provider-apis.md 1.5)."""

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import count
from urllib.parse import quote, urlencode

from aiohttp import web

from local.fake_providers.cdn_objects import CHUNK, CdnObject, EtagCache, find_object
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.gopro_state import GoProState

_KEY_PAIR_ID = "KFAKEGOPROCLOUD"
_RAW = 'attachment; filename="Über uns.MP4"'
_REFUSALS = {
    400: (
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature "
        "query string parameter or the Authorization header should be specified",
    ),
    403: ("AccessDenied", "Access denied"),
    404: ("NoSuchKey", "The specified key does not exist."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    501: ("NotImplemented", "A header you provided implies functionality that is not implemented."),
    416: ("InvalidRange", "The requested range is not satisfiable"),
}


def signed_link(
    state: GoProState, base: str, path: str, method: str, filename: str, seconds: float, *, raw: bool = False
) -> str:
    """A link valid for one method, one path and `seconds`; HEAD needs a link of its own (dustin lambda; gopro-dl).
    `raw`: with characters that a URL has only encoded."""
    expires = str(int(state.clock.now() + seconds))
    disposition = _RAW if raw else f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    query = {
        "Expires": expires,
        "Signature": _signature(state.signing_key, method, path, expires, disposition),
        "Key-Pair-Id": _KEY_PAIR_ID,
    }
    last = disposition if raw else quote(disposition, safe="")
    return f"{base}{quote(path)}?{urlencode(query)}&response-content-disposition={last}"


def _signature(key: bytes, *signed: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, "\n".join(signed).encode(), hashlib.sha256)).decode()


def _is_good_link(state: GoProState, request: web.Request) -> bool:
    query = request.query
    expires = query.get("Expires", "")
    signature = _signature(
        state.signing_key, request.method, request.path, expires, query.get("response-content-disposition", "")
    )
    if not hmac.compare_digest(signature.encode(), query.get("Signature", "").encode()):
        return False
    return state.clock.now() < int(expires)


_SECONDS = count(1_700_000_000)  # a date for each answer whose date moves


@dataclass(frozen=True)
class Span:
    """Bytes `first` to `last`, both included, of an object of `total` bytes; `partial`: the status is 206."""

    first: int
    last: int
    total: int
    partial: bool = True

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def requested_span(header: str | None, total: int) -> Span | None:
    """The span that a Range header selects from `total` bytes; None if it is not satisfiable (416).

    Several ranges, or an invalid header, get the whole object, as with S3.
    """
    whole = Span(0, total - 1, total, partial=False)
    match = re.fullmatch(r"\s*bytes=(\d*)-(\d*)\s*", header or "", re.ASCII)
    if match is None or match.group(1) == match.group(2) == "":
        return whole
    first, last = match.groups()
    if first == "":
        return Span(max(0, total - int(last)), total - 1, total) if int(last) and total else None
    if last and int(last) < int(first):
        return whole
    if int(first) >= total:
        return None
    return Span(int(first), min(int(last), total - 1) if last else total - 1, total)


class Cdn:
    """Serves the files behind signed links. API tokens must never reach it: it records any that does."""

    def __init__(self, state: GoProState) -> None:
        self._state = state
        self._etags = EtagCache()

    def routes(self) -> list[web.RouteDef]:
        """The routes of the CDN."""
        return [web.get(r"/cdn/{media_id}/{label}/default/{number:\d+}.{extension}", self.serve, allow_head=True)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one GET or HEAD."""
        self._look_for_tokens(request)
        self._state.log.cdn_busy(1)
        try:
            return await self._answer(request)
        finally:
            self._state.log.cdn_busy(-1)

    def _look_for_tokens(self, request: web.Request) -> None:
        shown = " ".join([request.path_qs, *request.headers.values()])
        leaked = any(secret in shown for secret in self._state.tokens.known_secrets())
        self._state.log.cdn_saw(authorization="Authorization" in request.headers, token=leaked)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        media_id, label, number = (request.match_info[name] for name in ("media_id", "label", "number"))
        active = self._state.faults.begin(Endpoint.CDN, media_id, int(number))
        stored = await asyncio.to_thread(find_object, self._state.library, media_id, label, int(number))
        refusal = self._refusal(request, active)
        if refusal is None and stored is None:
            refusal = _refused(404)
        if refusal is not None or stored is None:
            self._record(request, refusal.status if refusal else 404)
            return refusal or _refused(404)
        if active.find(FaultKind.OBJECT_REPLACED):
            stored = replace(stored, inverted=True)
        if cut := active.find(FaultKind.OBJECT_CUT):
            stored = replace(stored, percent=cut["percent"])
        if active.find(FaultKind.EMPTY):
            stored = CdnObject(None)
        etag = await self._etags.etag(stored, self._state.etag_part_size)
        return await self._deliver(request, active, stored, etag)

    def _refusal(self, request: web.Request, active: ActiveFaults) -> web.Response | None:
        """The error response to a refused request: first for a second authentication method, then for the link."""
        if "Authorization" in request.headers or active.find(FaultKind.AUTHORIZATION_REFUSED):
            return _refused(400)
        if not _is_good_link(self._state, request):
            return _refused(403)
        if fault := active.find(FaultKind.LINK_REFUSED):
            return _refused(fault["status"])
        if request.method == "HEAD" and active.find(FaultKind.HEAD_REFUSED):
            return _refused(403)
        if active.find(FaultKind.PAGE_INSTEAD):
            return web.Response(text="<!doctype html><title>Back soon</title>", content_type="text/html")
        return service_error(active)

    async def _deliver(
        self, request: web.Request, active: ActiveFaults, stored: CdnObject, etag: str
    ) -> web.StreamResponse:
        total = stored.size
        condition = request.headers.get("If-Match", "*")
        span = _asked_span(request, active, total, etag)
        if condition != "*" and etag not in [tag.strip() for tag in condition.split(",")]:
            self._record(request, 412)
            return _refused(412)
        if condition != "*" and (refused := active.find(FaultKind.CONDITION_REFUSED)):
            self._record(request, refused["status"])
            return _refused(refused["status"])
        if missing := active.find(FaultKind.LENGTH_MISSING):
            headers = _with_faults(_headers(request, stored, Span(0, total - 1, total, partial=False), etag), active)
            return self._without_length(request, headers, stored.chunks(0, total * missing["percent"] // 100))
        if span is None:
            self._record(request, 416)
            return _refused(416, {} if active.find(FaultKind.EMPTY) else {"Content-Range": f"bytes */{total}"})
        headers = _with_faults(_headers(request, stored, span, etag), active)
        response = web.StreamResponse(status=206 if span.partial else 200, headers=headers)
        response.content_length = span.length
        self._record(request, response.status)
        await response.prepare(request)
        if request.method == "GET":
            await self._send(request, response, active, _body(stored, span, active))
        return response

    def _without_length(
        self, request: web.Request, headers: Mapping[str, str], body: Iterable[bytes]
    ) -> web.StreamResponse:
        """Answer as a server of HTTP/1.0 does, which aiohttp cannot: the body ends where the connection ends."""
        self._record(request, 200)
        lines = ["HTTP/1.0 200 OK", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        if request.transport:
            request.transport.writelines(["\r\n".join(lines).encode(), *body])
            request.transport.close()
        return web.Response()

    async def _send(
        self, request: web.Request, response: web.StreamResponse, active: ActiveFaults, body: Iterable[bytes]
    ) -> None:
        """Send the body up to the byte that the faults allow, and at their rate for as long as it is in force."""
        info = request.match_info
        name = f"{info['media_id']}/{info['label']}/{info['number']}"
        slow, started, sent = active.find(FaultKind.SLOW), time.monotonic(), 0
        for piece in body:
            self._state.log.served(name, len(piece))
            await response.write(piece)
            sent += len(piece)
            if slow and self._state.faults.in_force(slow):
                await asyncio.sleep(started + sent / slow["bytes_per_second"] - time.monotonic())
        if active.find(FaultKind.CONNECTION_CUT) and request.transport:
            request.transport.close()
        elif active.find(FaultKind.STALL):
            await asyncio.Event().wait()

    def _record(self, request: web.Request, status: int) -> None:
        info = request.match_info
        self._state.log.record(
            endpoint=str(Endpoint.CDN),
            method=request.method,
            path=request.path,
            status=status,
            media_id=info["media_id"],
            label=info["label"],
            source=int(info["number"]),
            range=request.headers.get("Range"),
        )


def service_error(active: ActiveFaults) -> web.Response | None:
    """The response of an overloaded or failing service: 429 or 5xx, maybe with Retry-After (provider-apis.md 1.7)."""
    if fault := active.find(FaultKind.THROTTLED):
        return web.json_response({"error": "too_many_requests"}, status=429, headers=_retry_after(fault["retry_after"]))
    if fault := active.find(FaultKind.SERVER_ERROR):
        return web.Response(text="", status=fault["status"], headers=_retry_after(fault["retry_after"]))
    return None


def _retry_after(value: int | str | None) -> dict[str, str]:
    return {} if value is None else {"Retry-After": str(value)}


def _refused(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    code, message = _REFUSALS.get(status, ("Refused", "Refused"))
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return web.Response(status=status, text=body, content_type="application/xml", headers=headers)


def _asked_span(request: web.Request, active: ActiveFaults, total: int, etag: str) -> Span | None:
    header = request.headers.get("Range")
    if active.find(FaultKind.RANGE_IGNORED) or request.headers.get("If-Range", etag) != etag:
        header = None
    if header is not None and active.find(FaultKind.RANGE_REFUSED):
        return None
    span = requested_span(header, total)
    if span is not None and span.partial and (short := active.find(FaultKind.RANGE_SHORT)):
        span = replace(span, last=min(span.last, span.first + short["most"] - 1))
    shift = active.find(FaultKind.RANGE_SHIFTED)
    if span is None or not span.partial or shift is None:
        return span
    by = shift["bytes_off"]
    return requested_span(f"bytes={span.first + by}-{span.last + by}", total)


def _headers(request: web.Request, stored: CdnObject, span: Span, etag: str) -> dict[str, str]:
    """The headers of the real CDN, as measured (go2cloud, live); its content type is the same for all files."""
    headers = {
        "Content-Type": "binary/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Disposition": request.query["response-content-disposition"],
        "x-amz-storage-class": "GLACIER_IR",
    }
    if stored.path is not None:
        replaced = 3600 if stored.inverted else 0  # seconds later
        headers["Last-Modified"] = formatdate(stored.path.stat().st_mtime + replaced, usegmt=True)
    if span.partial:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{span.total}"
    return headers


def _with_faults(headers: dict[str, str], active: ActiveFaults) -> dict[str, str]:
    """The headers as faults change them."""
    hidden = {"ETag"} if active.find(FaultKind.ETAG_MISSING) else set()
    hidden |= {"Last-Modified"} if active.find(FaultKind.DATE_MISSING) else set()
    weak = {"ETag": 'W/"weak"'} if active.find(FaultKind.ETAG_WEAK) else {}
    changed = {**headers, **weak}
    if active.find(FaultKind.ETAG_LONG):
        changed["ETag"] = changed["ETag"][:-1] + "0" * 3000 + '"'
    if coding := active.find(FaultKind.CODING_NAMED):
        changed["Content-Encoding"] = coding["value"]
    if "Content-Range" in changed and active.find(FaultKind.TOTAL_UNKNOWN):
        changed["Content-Range"] = changed["Content-Range"].partition("/")[0] + "/*"
    if active.find(FaultKind.DATE_MOVING):
        changed["Last-Modified"] = formatdate(next(_SECONDS), usegmt=True)
    return {name: value for name, value in changed.items() if name not in hidden}


def _body(stored: CdnObject, span: Span, active: ActiveFaults) -> Iterator[bytes]:
    """The bytes of `span` up to a fault's end, in pieces small enough for the rate limit of a slow connection."""
    ends = [fault["byte"] for kind in (FaultKind.CONNECTION_CUT, FaultKind.STALL) if (fault := active.find(kind))]
    slow = active.find(FaultKind.SLOW)
    chunk = max(1, min(CHUNK, slow["bytes_per_second"] // 10)) if slow else CHUNK
    corrupted = active.find(FaultKind.BYTES_CORRUPTED)
    offset = span.first
    for piece in stored.chunks(span.first, min([span.length, *ends]), chunk):
        at = corrupted["byte"] - offset if corrupted else -1
        if 0 <= at < len(piece):
            yield piece[:at] + bytes([255 - piece[at]]) + piece[at + 1 :]
        else:
            yield piece
        offset += len(piece)
