"""Programs that cannot be told another address reach a server of this machine through a CONNECT proxy."""

import asyncio
import http.server
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme
import urllib3

from tests.connect_proxy import connect_proxy

NAME = "api.cloud.example"


class Greeting(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def port(authority: trustme.CA) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Greeting)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def client(url: str, authority: trustme.CA) -> urllib3.ProxyManager:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return urllib3.ProxyManager(url, ssl_context=trusting, retries=False, timeout=30)


def test_a_name_that_exists_nowhere_is_a_port_of_this_machine(authority: trustme.CA, port: int) -> None:
    with connect_proxy({NAME: port}) as proxy, client(proxy.url, authority) as http_client:
        answer = http_client.request("GET", f"https://{NAME}/")
        assert (answer.data, proxy.asked, proxy.refused) == (b"hello", [NAME], [])


def test_any_other_host_is_refused_and_noted(authority: trustme.CA, port: int) -> None:
    with connect_proxy({NAME: port}) as proxy, client(proxy.url, authority) as http_client:
        with pytest.raises(urllib3.exceptions.ProxyError):
            http_client.request("GET", "https://elsewhere.example/")
        assert proxy.refused == ["elsewhere.example"]


def test_its_end_cuts_a_connection_that_is_open(authority: trustme.CA, port: int) -> None:
    async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"CONNECT {NAME}:443 HTTP/1.1\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        return reader, writer

    with asyncio.Runner() as runner:
        with connect_proxy({NAME: port}) as proxy:
            reader, writer = runner.run(connected(proxy.url))
        assert runner.run(reader.read()) == b""
        writer.close()
