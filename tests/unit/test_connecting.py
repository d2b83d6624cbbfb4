"""Connections that cannot even be begun."""

from __future__ import annotations

import errno

import pytest
from cloud_sync_common.http import connecting


class Unreachable:
    """A socket on a machine that has no way to the address."""

    def __init__(self) -> None:
        self.is_open = True

    def connect(self, _: object) -> None:
        raise OSError(errno.ENETUNREACH, "no way there")

    def close(self) -> None:
        self.is_open = False


def test_a_socket_that_cannot_be_connected_is_closed_and_its_error_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Unreachable] = []

    def new_socket(_: str) -> Unreachable:
        made.append(Unreachable())
        return made[-1]

    monkeypatch.setattr(connecting, "new_socket", new_socket)
    with pytest.raises(OSError, match="no way there"):
        connecting.connected(["192.0.2.1", "192.0.2.2"], 443, 5.0)
    assert [one.is_open for one in made] == [False, False]
