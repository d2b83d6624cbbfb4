"""AWS with faults: a TLS proxy between the functions and the emulator, with a control API.

Without a rule it changes nothing. Rules (aws_fault_menu) select requests by service and operation. The control API
offers the same operations as Python methods and as JSON under `/_control/`, like that of the fake provider.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakSet

import aiohttp
from aiohttp import AddrInfoType, web
from yarl import URL

from local.aws_fault_menu import AwsFault, AwsFaultKind, AwsFaultRules, Call, Refusal
from local.emulator import Certificates, free_port
from local.fake_providers.connections import abort_connections
from local.fake_providers.control import json_route
from local.fake_providers.serving import in_a_thread

FLIPPED_BYTE = 10_000  # beyond the frame header at the start of a chunked upload
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "te", "trailer", "upgrade"})
_S3_OBJECT = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_S3_UPLOAD = {
    "GET": "ListParts",
    "PUT": "UploadPart",
    "POST": "CompleteMultipartUpload",
    "DELETE": "AbortMultipartUpload",
}


class AwsProxy:
    """Forwards every request to `target`; the functions use `url` as their AWS endpoint.

    `trust` verifies the target's certificate when another authority than that of `certificates` issued it.
    """

    def __init__(self, certificates: Certificates, trust: ssl.SSLContext | None = None) -> None:
        self.rules = AwsFaultRules()
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.target = ""
        self.thawed: Counter[str] = Counter()  # requests to thaw that S3 took, by the key of the object
        self._conflicts: set[str] = set()  # ids of uploads
        self._certificates = certificates
        self._to_target: WeakSet[socket.socket] = WeakSet()
        self._trust = trust or certificates.client_context()
        self._session: aiohttp.ClientSession
        self._runner: web.AppRunner

    def add_fault(self, kind: AwsFaultKind, service: str, operation: str = "", **rule: Any) -> None:
        """Activates a rule: the fields of AwsFault by name."""
        self.rules.add(AwsFault(kind, service, operation, **rule))

    async def start(self) -> None:
        """Listens on loopback."""
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0, socket_factory=self._socket)
        no_limit = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=no_limit, auto_decompress=False)
        app = web.Application()
        app.add_routes(self._control())
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        tls = self._certificates.server_context()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls).start()

    async def stop(self) -> None:
        """Aborts open connections: a client that keeps one open would not answer the end of TLS."""
        abort_connections(self._runner)
        await self._runner.cleanup()
        await self._session.close()
        while any(each.fileno() >= 0 for each in self._to_target):
            await asyncio.sleep(0.01)  # polling interval; asyncio ends TLS within 30 s, answered or not

    def _socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        opened = socket.socket(family, kind, protocol)
        self._to_target.add(opened)
        return opened

    def _control(self) -> list[web.RouteDef]:
        menu = [{"kind": kind, "meaning": kind.__doc__} for kind in AwsFaultKind]
        return [
            web.get("/_control/menu", json_route(lambda _: menu)),
            web.get("/_control/faults", json_route(lambda _: self.rules.listed())),
            web.post("/_control/faults", json_route(lambda body: self.rules.add(AwsFault.from_json(body)))),
            web.delete("/_control/faults", json_route(lambda _: self.rules.clear())),
        ]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = await call_of(request)
        fault = self.rules.take(call)
        refusal = fault.kind.refusal(call.service) if fault else None
        if call.operation == "CompleteMultipartUpload":
            refusal = self._lasting_conflict(request.query["uploadId"], refusal)
        if refusal:
            async for _ in request.content.iter_any():  # read it all: a client cut off midway sees another error
                pass
            return _refused(call, *refusal)
        return await self._forward(request, fault)

    def _lasting_conflict(self, upload_id: str, refusal: Refusal) -> Refusal:
        """An upload whose completion was refused as a conflict is never completed (S3 API reference,
        CompleteMultipartUpload, If-None-Match)."""
        if refusal == AwsFaultKind.CONFLICT.s3:
            self._conflicts.add(upload_id)
        return AwsFaultKind.CONFLICT.s3 if upload_id in self._conflicts else refusal

    async def _forward(self, request: web.Request, fault: AwsFault | None) -> web.StreamResponse:
        kind = fault.kind if fault else None
        body = _body(request, flipped=kind is AwsFaultKind.BYTES_FLIPPED)
        kept = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            URL(self.target + request.raw_path, encoded=True),
            headers=kept,
            data=body if request.body_exists else None,
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            allow_redirects=False,
        ) as answer:
            if "restore" in request.query and answer.ok:
                self.thawed[request.path.strip("/").partition("/")[2]] += 1
            if fault and kind is AwsFaultKind.SLOW_ANSWER:
                await asyncio.sleep(fault.seconds)
            if kind is AwsFaultKind.ANSWER_LOST:
                await answer.read()
                if request.transport:
                    request.transport.close()
                return web.Response()
            most = fault.byte if fault and kind is AwsFaultKind.ANSWER_CUT else None
            return await self._deliver(request, answer, most)

    async def _deliver(
        self, request: web.Request, answer: aiohttp.ClientResponse, most: int | None
    ) -> web.StreamResponse:
        """Passes the answer on; with `most`, the connection ends after so many bytes of its body."""
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                response.headers.add(name, value)
        await response.prepare(request)
        if most is not None:
            await response.write((await answer.read())[:most])
            if request.transport:
                request.transport.close()
        elif request.method != "HEAD":
            async for piece in answer.content.iter_any():
                await response.write(piece)
        return response


async def _body(request: web.Request, *, flipped: bool) -> AsyncIterator[bytes]:
    """The request's body as it arrives; with `flipped`, one byte is inverted."""
    if request.content.at_eof():  # call_of has read it already
        yield await request.read()
        return
    seen = 0
    async for piece in request.content.iter_any():
        at = FLIPPED_BYTE - seen
        if flipped and 0 <= at < len(piece):
            yield piece[:at] + bytes([255 - piece[at]]) + piece[at + 1 :]
        else:
            yield piece
        seen += len(piece)


async def call_of(request: web.Request) -> Call:
    """The service and operation of a request: AWS's JSON protocols name the operation in a header and its query
    protocol in a form, S3 requests are known by method, path and query."""
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else ""
    if service != "s3":
        body = (await request.read()).decode(errors="replace")  # small; aiohttp keeps it for the next reader
        named = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        return Call(service, named or "".join(parse_qs(body).get("Action", [])), body)
    path, query, method = request.path, request.query, request.method
    if "uploads" in query:
        operation = "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    elif "uploadId" in query:
        operation = _S3_UPLOAD[method]
    elif "versions" in query:
        operation = "ListObjectVersions"
    elif "restore" in query:
        operation = "RestoreObject"
    elif path.strip("/").count("/") == 0:
        operation = "ListObjectsV2" if method == "GET" else "HeadBucket"
    else:
        operation = _S3_OBJECT.get(method, method)
    return Call(service, operation, path)


def _refused(call: Call, status: int, code: str) -> web.Response:
    if call.service == "s3":
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>A fault.</Message></Error>'
        return web.Response(status=status, text=text, content_type="application/xml")
    if call.service == "sns":  # AWS's query protocol
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>A fault.</Message></Error>"
        text = f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"
        return web.Response(status=status, text=text, content_type="text/xml")
    return web.json_response(
        {"__type": f"com.amazonaws.{call.service}#{code}", "message": "A fault."},
        status=status,
        content_type="application/x-amz-json-1.0",
    )


def aws_proxy(certificates: Certificates, trust: ssl.SSLContext | None = None) -> AbstractContextManager[AwsProxy]:
    """Runs a proxy in a thread with its own event loop. Set `target` later: the emulator needs the proxy's URL when it
    starts."""
    return in_a_thread(AwsProxy(certificates, trust), "aws-proxy")
