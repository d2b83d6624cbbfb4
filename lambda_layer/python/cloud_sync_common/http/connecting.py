"""The first of a name's addresses that answers, as RFC 8305 ("Happy Eyeballs") has it: an address that swallows what is
sent to it costs a quarter of a second, not the whole time for a connection.

Twice, because the media engine runs on an event loop, and the providers' APIs are asked by functions without one.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from typing import cast

type Addresses = Callable[[str, int], list[str]]
"""From host and port to the addresses that may be connected to."""

ATTEMPT_DELAY = 0.25  # seconds (RFC 8305, 8): after so long without an answer the next address is tried as well
MOST_ADDRESSES = 12  # of one name


def every_address(host: str, port: int) -> list[str]:
    """All addresses of a name, in the resolver's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def in_turn(addresses: Iterable[str]) -> list[str]:
    """The addresses in the order in which they are tried: the resolver's, with the two families in alternation
    (RFC 8305, 4)."""
    known = list(addresses)
    first = [address for address in known if _family(address) == _family(known[0])]
    other = [address for address in known if _family(address) != _family(known[0])]
    pairs = chain.from_iterable(zip_longest(first, other))
    return [address for address in pairs if address is not None][:MOST_ADDRESSES]


def new_socket(address: str) -> socket.socket:
    """A socket that can be connected to `address`, and does not wait. Raises OSError."""
    made = socket.socket(_family(address), socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connected(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """A connection to the first address that answers, for callers without an event loop. Raises OSError, of which
    TimeoutError is one."""
    waiting, end = in_turn(addresses), time.monotonic() + seconds
    problem = OSError("the name has no address")
    with _Attempts() as attempts:
        while waiting or attempts.are_under_way:
            try:
                if waiting:
                    attempts.begin(waiting.pop(0), port)
                if (left := end - time.monotonic()) <= 0:
                    raise TimeoutError("no address has answered in time")
                if first := attempts.first(min(left, ATTEMPT_DELAY) if waiting else left):
                    return first
            except TimeoutError:
                raise
            except OSError as error:
                problem = error
    raise problem


class _Attempts:
    """Connections that are being established; those that are left at the end are closed."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> _Attempts:
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._sockets():
            made.close()
        self._selector.close()

    def _sockets(self) -> list[socket.socket]:
        return [cast(socket.socket, key.fileobj) for key in self._selector.get_map().values()]

    @property
    def are_under_way(self) -> bool:
        return bool(self._selector.get_map())

    def begin(self, address: str, port: int) -> None:
        """Raises OSError when an address cannot be reached at all."""
        made = new_socket(address)
        try:
            with suppress(BlockingIOError):
                made.connect((address, port))
        except BaseException:
            made.close()
            raise
        self._selector.register(made, selectors.EVENT_WRITE)

    def first(self, seconds: float) -> socket.socket | None:
        """The first connection, None when there is none after so many seconds. Raises OSError when one has failed."""
        for key, _ in self._selector.select(seconds):
            made = cast(socket.socket, key.fileobj)
            self._selector.unregister(made)
            if not (number := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                return made
            made.close()
            raise OSError(number, os.strerror(number))
        return None
