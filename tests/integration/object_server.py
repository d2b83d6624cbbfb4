"""A bucket over HTTP on loopback, as small as a test of fetching needs it: HEAD and ranged GET, with what can go wrong.

It counts which bytes it was asked for, and can flip a byte, break off in the middle, or refuse. SeaweedFS and moto are
the judges of what a real server answers (test_fetch_from_servers.py).
"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from awscrt.checksums import crc64nvme
from botocore.config import Config
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.operations.restore.fetch.source import Source

BUCKET = "archive"
_PIECE = 16 * 1024


@cache
def session() -> boto3.Session:
    """Made once, because it keeps what it has read of botocore's models."""
    return boto3.Session("key-of-a-test", "secret-of-a-test", region_name="us-east-1")


def checksum_of(content: bytes) -> str:
    return base64.b64encode(crc64nvme(content).to_bytes(8, "big")).decode()


@dataclass
class Thing:
    """An object. `checksum` is what the server states, empty for none. `headers` are further ones of a HEAD. `flips`:
    in so many answers the byte at `flipped` is another one."""

    content: bytes
    etag: str = '"first"'
    checksum: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    flips: int = 0
    flipped: int = 0


@dataclass
class ObjectServer:
    """`asked` are the ranges of GETs: key, first byte, and the one after the last. `refusals` are answers to the next
    GETs: status and code. `refused` are those to every GET of a key, and `gone` the headers of the answer
    to a HEAD of one that is not there. `cuts` ends the next answers after so many bytes; `shift` is added to the range
    that they name. `sent` is called with the key and the end
    of each piece that was sent."""

    objects: dict[str, Thing] = field(default_factory=dict)
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    conditions: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    gone: dict[str, dict[str, str]] = field(default_factory=dict)
    shift: int = 0
    url: str = ""
    sent: Any = lambda *_: None

    def put(self, key: str, content: bytes, **more: Any) -> Thing:
        self.objects[key] = Thing(content, **{"checksum": checksum_of(content), **more})
        return self.objects[key]

    def source(self) -> Source:
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return Source(session(), session().client("s3", endpoint_url=self.url, config=config), BUCKET)

    def file(self, key: str, number: int = 1, **more: Any) -> JobFile:
        """The file of a job that has the bytes of an object, ready."""
        content = self.objects[key].content
        given = {
            "filename": key.rpartition("/")[2], "captured_at": "2026-05-17T08:30:00Z", "checksum": checksum_of(content),
            "size": len(content), "state": FileState.READY, "provider": "gopro", "media_id": f"id-{number}",
        }  # fmt: skip
        return JobFile(**{"number": number, "key": key, **given, **more})


@contextlib.contextmanager
def serving() -> Iterator[ObjectServer]:
    state = ObjectServer()
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: ObjectServer

    def do_HEAD(self) -> None:
        found = self._found()
        self.state.heads.append(self._key())
        if found is None or self._key() in self.state.gone:
            self._answer(404, b"", self.state.gone.get(self._key(), {}))
            return
        stated = {"x-amz-checksum-crc64nvme": found.checksum, "x-amz-checksum-type": "FULL_OBJECT"}
        checksum = stated if found.checksum and self.headers["x-amz-checksum-mode"] else {}
        headers = {"Content-Length": str(len(found.content)), "ETag": found.etag, **checksum, **found.headers}
        self._answer(200, b"", headers)

    def do_GET(self) -> None:
        found = self._found()
        if self.state.refusals:
            self._refuse(*self.state.refusals.pop(0))
        elif self._key() in self.state.refused:
            self._refuse(*self.state.refused[self._key()])
        elif found is None:
            self._refuse(404, "NoSuchKey")
        elif self.headers["If-Match"] not in (None, found.etag):
            self._refuse(412, "PreconditionFailed")
        else:
            self._send_range(found)

    def _send_range(self, found: Thing) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert match
        first, end = int(match[1]), min(int(match[2]) + 1, len(found.content))
        version = parse_qs(urlsplit(self.path).query).get("versionId", [""])[0]
        self.state.asked.append((self._key(), first, end))
        self.state.conditions.append((version, self.headers["If-Match"] or ""))
        body = bytearray(found.content[first:end])
        if found.flips and first <= found.flipped < end:
            found.flips -= 1
            body[found.flipped - first] ^= 1
        cut = self.state.cuts.pop(0) if self.state.cuts else len(body)
        headers = {
            "Content-Range": f"bytes {first + self.state.shift}-{end - 1}/{len(found.content)}",
            "ETag": found.etag,
        }
        self._answer(206, bytes(body[:cut]), {"Content-Length": str(len(body)), **headers}, first)
        if cut < len(body):
            self.close_connection = True

    def _found(self) -> Thing | None:
        return self.state.objects.get(self._key())

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path.removeprefix(f"/{BUCKET}/"))

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>words</Message></Error>".encode()
        self._answer(status, body, {"Content-Length": str(len(body)), "Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], first: int = 0) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(body), _PIECE):
            self.wfile.write(body[start : start + _PIECE])
            self.state.sent(self._key(), first + start + len(body[start : start + _PIECE]))

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
