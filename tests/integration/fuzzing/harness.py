"""What fuzzing needs to know of a provider: its real answers, and which request is about what.

To add a provider, write a class that implements Fuzzed on its fake, and add it to FUZZED in test_nights.py. A provider
without one fails these tests.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from tests.integration.fuzzing.answers import Answer, Place
from tests.integration.fuzzing.answers import Path as JsonPath
from tests.integration.fuzzing.wires import Request


class Fuzzed(Protocol):
    """A running fake account with a small library, whose tokens and links do not end.

    Its listing has several pages. Among its videos are one that is moved in parts, and, where the provider has such,
    one of several files and one that lists no size. `places` are all endpoints, and every item and file that one of
    them answers for. Endpoints are called user (whether the token is accepted), token (its renewal), page (of the
    listing, or of the changes since), totals (of it, where they are asked for), links (to the files of an item, or what
    the provider says of its one file) and file (the bytes of one). What only one provider has gets a name of its own.
    """

    name: str
    base_url: str
    places: tuple[Place, ...]
    originals: Mapping[str, tuple[bytes, ...]]  # the content of every file that has to be archived, by item
    session: Mapping[str, Any]  # credentials as the owner stores them
    oauth: Mapping[str, Any]  # others, which have to be renewed first

    def secrets(self) -> set[str]:
        """Every token and client secret so far."""
        ...

    def place_of(self, request: Request) -> Place:
        """What a request is about."""
        ...

    def part_about(self, place: Place, document: Any) -> JsonPath | None:
        """The path of what is about the place's item, in the JSON answer of its endpoint; None if nothing is."""
        ...


type Maker = Callable[[Path], AbstractContextManager[Fuzzed]]


def fuzzed(provider: str, makers: Mapping[str, Maker], folder: Path) -> AbstractContextManager[Fuzzed]:
    """The account of a provider. Without one, the test fails."""
    if provider not in makers:
        pytest.fail(f"The provider {provider} is not fuzzed: implement Fuzzed for it, and add it to FUZZED.")
    return makers[provider](folder)


_OF_A_CONNECTION = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
_ASKS = ("accept", "authorization", "content-type", "if-match", "range")
_ASKS += ("dropbox-api-arg", "x-goog-drive-resource-keys")


@dataclass
class Recorded:
    """The fake's true answers, each asked for once over real HTTP."""

    base_url: str
    _answers: dict[Any, Answer] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        asks = tuple(request.headers.get(name) for name in _ASKS)
        key = (request.method, request.target, asks, request.body)
        if key not in self._answers:
            self._answers[key] = self._asked(request)
        return self._answers[key]

    def _asked(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=30)
        try:
            connection.putrequest(request.method, request.target, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name != "host":
                    connection.putheader(name, value)
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            headers = [pair for pair in answer.getheaders() if pair[0].lower() not in _OF_A_CONNECTION]
            return Answer(answer.status, tuple(headers), answer.read())
        finally:
            connection.close()
