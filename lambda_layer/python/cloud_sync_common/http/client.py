"""HTTP for the providers' APIs: one `requests` session with time-outs and no redirects; failures become our errors.

Messages of `requests` and urllib3 name URLs and headers, which may hold tokens. They reach neither an error nor a log:
every failure is described in our own words.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Buffer, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cloud_sync_common import __version__
from cloud_sync_common.exceptions import (
    ConfigurationError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.http import connecting

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
ANSWER_SECONDS = 60.0  # for a whole answer: READ_SECONDS alone begins anew with each byte
LARGEST_ANSWER = 16 * 1024 * 1024  # bytes, after decompression; a page of a listing has some 50 KiB
_CHUNK = 16 * 1024  # bytes; gzip makes at most a thousand times as many of them
CONNECTIONS = 16
MAX_RETRY_AFTER = 6 * 3600.0  # seconds; no wait is longer, whatever a provider asks for
MOST_INTERIM = 32  # answers with a status of 1xx before the answer itself
USER_AGENT = f"cloud-sync/{__version__}"

# urllib3 warns of a malformed answer with its URL and its raw headers, at a level that Lambda's own handler prints.
for _library in ("requests", "urllib3"):
    logging.getLogger(_library).propagate = False


class Traffic:
    """The bytes of all answers that this process has received so far: an API can send much, and it is paid for."""

    received = 0
    _lock = threading.Lock()

    @classmethod
    def count(cls, received: int) -> None:
        """Adds bytes, from any thread."""
        with cls._lock:
            cls.received += received


class _Watch:
    """Ends the exchange of its thread when its time is up, by shutting down the socket, whatever it is waiting for: a
    handshake, a head or a body."""

    of_thread = threading.local()

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.is_over = False

    @classmethod
    def sees(cls, used: socket.socket) -> None:
        """Tells the watch of this thread, if there is one, which socket the request is on."""
        if watch := getattr(cls.of_thread, "watch", None):
            watch._hold(socket.fromfd(used.fileno(), used.family, used.type))  # TLS takes the first one for itself

    @contextmanager
    def watching(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._end)
        timer.daemon, self.of_thread.watch = True, self
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self.of_thread.watch = None
            self._hold(None)

    def _hold(self, used: socket.socket | None) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = used
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        with self._lock, suppress(OSError):  # it has ended by itself
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


class _Counted(io.RawIOBase):
    """The bytes of one answer as they arrive, up to twice LARGEST_ANSWER. What is around a body has no other limit:
    interim answers, and the lines between the chunks, which urllib3 reads whole."""

    def __init__(self, arriving: io.RawIOBase) -> None:
        self._arriving, self._left = arriving, 2 * LARGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        count: int | None = self._arriving.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise ConnectionError("the answer does not end")
        return count

    def close(self) -> None:
        self._arriving.close()
        super().close()


class _CountedAnswer(http.client.HTTPResponse):
    """The standard library takes every interim answer but 100 for the answer itself, and the answer behind it for that
    to the next request; here all are left out, and counted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_Counted(self.fp.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MOST_INTERIM + 1):
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if line[1] >= 200:
                return line
            if line[1] == 101:
                break
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("the answer is announced, and does not come")


class _Watched(HTTPConnection):
    """Tells the watch of its thread which socket the request is on. Of several addresses of a name, it takes the one
    that answers."""

    response_class = _CountedAnswer

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # from an earlier request
            _Watch.sees(self.sock)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        try:
            found = connecting.every_address(self._dns_host, self.port)
            made = connecting.connected(found, self.port, CONNECT_SECONDS)
        except UnicodeError:
            raise urllib3.exceptions.LocationParseError("the host") from None
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, type(error).__name__) from None
        made.settimeout(CONNECT_SECONDS)
        _Watch.sees(made)
        return made


class _WatchedTls(_Watched, HTTPSConnection):
    @property
    def is_connected(self) -> bool:
        """Not when something is left of an earlier answer, which would be taken for the next one."""
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class _SystemTrust(HTTPAdapter):
    """Verifies certificates as the standard library does: against the system's authorities, or those in SSL_CERT_FILE.
    `requests` itself would trust the list in certifi instead."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, *_: Any) -> None:
        """Adds no authorities to those of the context, which already requires and checks a certificate."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """A redirect is an answer like any other. With allow_redirects=False, `requests` would still parse where it
        leads, and fail on a malformed address."""


@cache
def session() -> requests.Session:
    """This process's connections. Only what a caller passes is sent: no cookies, no .netrc, and no proxy."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    adapter = _SystemTrust(pool_maxsize=CONNECTIONS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def request(
    method: str,
    url: str,
    *,
    doing: str,
    headers: Mapping[str, str],
    query: Mapping[str, str | int] | None = None,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> requests.Response:
    """One request and its answer, whatever the status. `doing` completes the sentence "There was no answer to <doing>".
    `content` is a body that is sent as it is; its headers say what it is.

    Raises ProviderUnavailableError when there is no answer, or not the whole of it in ANSWER_SECONDS,
    ProviderContractError when it is larger than LARGEST_ANSWER, ConfigurationError when the request cannot be sent.
    """
    try:
        "".join(headers.values()).encode("latin-1")  # what a header can carry
        body = form if content is None else content
        prepared = session().prepare_request(requests.Request(method, url, headers=headers, params=query, data=body))
    except (requests.RequestException, UnicodeError) as error:
        raise _cannot_be_sent(doing, error) from None
    watch = _Watch()
    try:
        with watch.watching(ANSWER_SECONDS):
            response = _answer(prepared, doing)
    except urllib3.exceptions.LocationParseError as error:
        raise _cannot_be_sent(doing, error) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ProviderUnavailableError(f"There was no answer to {doing} ({type(error).__name__}).") from None
    if watch.is_over:
        raise ProviderUnavailableError(f"The answer to {doing} was not complete after {ANSWER_SECONDS:.0f} s.")
    return response


def _answer(prepared: requests.PreparedRequest, doing: str) -> requests.Response:
    """The answer with its whole body, which is read in pieces."""
    body = bytearray()
    with session().send(prepared, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=True) as response:
        for piece in response.iter_content(_CHUNK):
            body += piece
            Traffic.count(len(piece))
            if len(body) > LARGEST_ANSWER:
                raise ProviderContractError(
                    f"The answer to {doing} is larger than {LARGEST_ANSWER >> 20} MiB: it is not one that this version "
                    "was written for. Look for a newer version of Cloud Sync; nothing was lost."
                )
        response._content = bytes(body)
    return response


def _cannot_be_sent(doing: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"No request could be sent for {doing} ({type(error).__name__}). Check that the stored token has no line "
        "break and no other character that HTTP does not allow, and that the provider's base URL is one."
    )


def refuse_when_busy(status: int, headers: Mapping[str, str], doing: str) -> None:
    """Raises ProviderThrottledError for 429 and ProviderUnavailableError for 408, 425 and 5xx; else returns.

    `headers` are looked up by lower-case name.
    """
    if status == 429:
        raise ProviderThrottledError(f"The provider asked us to slow down at {doing}.", retry_after(headers))
    if status in (408, 425) or status >= 500:
        raise ProviderUnavailableError(f"The provider answered {status} to {doing}.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header of either form (RFC 9110, 10.2.3); None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - time.time()), MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return None
