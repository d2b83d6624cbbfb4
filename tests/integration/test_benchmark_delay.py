"""The proxy that puts latency between a client and a server: answers are held back, bytes are not changed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.delay import Movement, Route, delayed

SECONDS = 0.15


@pytest.fixture
def server() -> Iterator[int]:
    """Answers each line with its length in bytes of payload, and closes at the end."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                for line in lines:
                    client.sendall(bytes(int(line)))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def ask(connection: socket.socket, count: int) -> float:
    """Asks for so many bytes, reads them, and returns the seconds until the first one came."""
    started = time.monotonic()
    connection.sendall(f"{count}\n".encode())
    first = len(connection.recv(1))
    seconds = time.monotonic() - started
    left = count - first
    while left:
        left -= len(connection.recv(left))
    return seconds


def test_the_first_byte_of_each_answer_is_held_back_and_no_later_one(server: int) -> None:
    with (
        delayed({"cdn": Route(server, SECONDS, media="answers")}) as (ports, movement),
        socket.create_connection(("127.0.0.1", ports["cdn"])) as connection,
    ):
        started = time.monotonic()
        firsts = [ask(connection, 3_000_000) for _ in range(2)]
        whole = time.monotonic() - started
    assert min(firsts) >= SECONDS
    moved = movement.seconds(started, started + whole)
    assert 0 < moved <= whole - 2 * SECONDS + 0.01


def test_the_end_of_one_side_is_the_end_of_the_other(server: int) -> None:
    with delayed({"api": Route(server, 0.0)}) as (ports, movement):
        with socket.create_connection(("127.0.0.1", ports["api"])) as connection:
            ask(connection, 10)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        assert movement.seconds(0, time.monotonic()) == 0  # nobody called it media


def test_moving_is_counted_once_however_many_connections_move() -> None:
    movement = Movement()
    for begun, ended in ((1.0, 2.0), (1.5, 2.5), (2.505, 3.0), (4.0, 5.0)):
        movement.note(begun, ended)
    assert movement.seconds(0, 10) == pytest.approx(3.0)
    assert movement.seconds(1.5, 4.5) == pytest.approx(2.0)
