"""The services around the function, as a process: a provider's API, DynamoDB and Secrets Manager, over TLS on loopback.

`python -m benchmarks.services FOLDER LIBRARY` serves with the certificate in FOLDER, prints its port, and answers each
line on standard input with what it has counted. DynamoDB and Secrets Manager are moto's; the API answers as GoPro's
(docs/gopro-api.md), from a library that is described and not there, so that it is as fast as a page can be made.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.dynamodb.models import dynamodb_backends
from werkzeug.test import EnvironBuilder

from benchmarks.as_deployed import SECRET, TABLE
from benchmarks.invocation import TOKEN
from benchmarks.write_units import Row, write_units
from tests.ledger_table import LEDGER_TABLE

REGION = "us-east-1"
DEFINITION = LEDGER_TABLE | {"TableName": TABLE}
_WRITES = ("PutItem", "UpdateItem")


@dataclass(frozen=True)
class Library:
    """What the provider has: so many videos of each name, with their size in bytes, and where their links lead.
    `archived`: the ledger knows each of them, and says that it is archived."""

    videos: tuple[tuple[str, int, int], ...]  # name, count, bytes
    cdn: str
    archived: bool = False

    @classmethod
    def read(cls, text: str) -> Library:
        found = json.loads(text)
        return cls(tuple((name, count, size) for name, count, size in found["videos"]), found["cdn"], found["archived"])

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))

    @property
    def count(self) -> int:
        return sum(count for _, count, _ in self.videos)

    def rows(self, first: int, most: int) -> list[dict[str, Any]]:
        """Rows `first`, counted from 0, and the next ones."""
        found: list[dict[str, Any]] = []
        for name, count, size in self.videos:
            last = max(0, min(count, first + most - len(found)))
            found += [_row(f"{name}-{number:04}", size) for number in range(first + 1, last + 1)]
            first = max(0, first - count)
        return found


def _row(media_id: str, size: int) -> dict[str, Any]:
    return {
        "id": media_id,
        "type": "Video",
        "ready_to_view": "ready",
        "filename": f"{media_id}.MP4",
        "file_extension": "mp4",
        "file_size": size,
        "captured_at": "2026-11-01T12:00:00Z",
        "created_at": "2026-11-01T12:00:00Z",
        "item_count": 1,
        "reprocessed_at": None,
    }


class Services:
    """The services. They count requests by name, and write units by the partition of the ledger."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._requests, self._units = Counter[str](), Counter[str]()
        self._one_at_a_time = threading.Lock()  # a conditional write of moto's is not atomic

    def counts(self) -> dict[str, dict[str, int]]:
        with self._one_at_a_time:
            return {"requests": dict(self._requests), "units": dict(self._units)}

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request; every answer is JSON."""
        target = headers.get("X-Amz-Target")
        if target:
            return self._aws(target.rpartition(".")[2], method, url, headers, body)
        return 200, json.dumps(self._api(urlsplit(url))).encode()

    def _aws(self, name: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        # moto distinguishes services by host name, so each request gets the real one.
        service = headers["Authorization"].split("Credential=")[1].split("/")[3]
        base = f"https://{service}.{REGION}.amazonaws.com"
        asked = json.loads(body)
        with self._one_at_a_time:
            self._requests[f"{service}.{name}"] += 1
            if self._library.archived and name == "BatchGetItem":
                return 200, json.dumps(_archived(asked)).encode()
            before = _stored(asked) if name in _WRITES else {}
            kept = [(name, value) for name, value in headers.items() if name.lower() != "host"]
            request = Request(EnvironBuilder(url, base, method=method, headers=kept, data=body).get_environ())
            answer = BotocoreStubber().process_request(request)  # type: ignore[arg-type]
            if name in _WRITES:
                self._units[_key(asked)["pk"]["S"]] += write_units(DEFINITION, before, _stored(asked))
        assert answer is not None, f"moto has no answer to {service}.{name}"  # noqa: S101
        status, _, content = answer
        return status, content if isinstance(content, bytes) else content.encode()

    def _api(self, url: SplitResult) -> dict[str, Any]:
        parts, query = url.path.strip("/").split("/"), dict(parse_qsl(url.query))
        with self._one_at_a_time:
            self._requests[f"api.{parts[-1]}"] += 1
        if parts[-1] == "search":
            return self._page(int(query["page"]), int(query["per_page"]))
        if parts[-1] == "download":
            link = {"label": "source", "type": "mp4", "available": True, "url": f"{self._library.cdn}/{parts[1]}.mp4"}
            return {"filename": f"{parts[1]}.MP4", "_embedded": {"files": [], "variations": [link]}}
        return {"id": "bench"}

    def _page(self, page: int, per_page: int) -> dict[str, Any]:
        pages = {"current_page": page, "per_page": per_page, "total_items": self._library.count}
        return {"_pages": pages, "_embedded": {"media": self._library.rows((page - 1) * per_page, per_page)}}


def _key(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The key of the row that a write is about."""
    item = asked.get("Key") or asked["Item"]
    return {name: item[name] for name in ("pk", "sk")}


def _stored(asked: dict[str, Any]) -> Row:
    """The row that a write is about, as it is now."""
    found = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_item(TABLE, _key(asked))
    return found.to_json()["Attributes"] if found else {}


def _archived(asked: dict[str, Any]) -> dict[str, Any]:
    """BatchGetItem of a ledger in which every video is archived."""
    ((table, keys),) = asked["RequestItems"].items()
    texts = {"status": "ARCHIVED", "revision": "/1", "filename": "GX010001.MP4"}
    fields = {name: {"S": text} for name, text in texts.items()} | {"bytes_total": {"N": "2000"}}
    rows = [key | fields | {"media_id": {"S": key["pk"]["S"].partition("#")[2]}} for key in keys["Keys"]]
    return {"Responses": {table: rows}, "UnprocessedKeys": {}}


class _Handler(BaseHTTPRequestHandler):
    """Connections stay open, as those to AWS and to the API do."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write
    disable_nagle_algorithm = True
    services: Services

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, content = self.services.answer(self.command, self.path, dict(self.headers), body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


def _create_resources() -> None:
    import boto3  # noqa: PLC0415 (moto must have started)

    session = boto3.Session("bench", "bench", region_name=REGION)
    session.client("dynamodb").create_table(**DEFINITION)
    credentials = json.dumps({"provider": "gopro", "access_token": TOKEN})
    session.client("secretsmanager").create_secret(Name=SECRET, SecretString=credentials)


def main() -> None:
    folder, library = Path(sys.argv[1]), Library.read(sys.argv[2])
    moto = mock_aws()
    moto.start()
    _create_resources()
    moto.stop(remove_data=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    services = _Handler.services = Services(library)
    server = _Server(context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(services.counts()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
