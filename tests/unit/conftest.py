"""Unit tests need no sockets: a test that opens one fails. Nor do they know the secrets of other tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest
from cloud_sync_common import safe_text


@pytest.fixture(scope="module", autouse=True)
def no_secret_of_other_files() -> Iterator[None]:
    """A process protects the secrets of one file of tests alone: in another one such a value may be a name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_text, "_secrets", safe_text._Secrets())
        yield


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a unit test opened a network connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
