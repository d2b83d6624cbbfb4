"""How many connections a fetch uses: more while the processor is idle, fewer when it is the limit."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from console.operations.restore.fetch.outcome import Options
from console.operations.restore.fetch.slots import Slots


class Times:
    """A clock, and how much of the processor was used."""

    def __init__(self) -> None:
        self.now = self.used = 0.0

    def pass_by(self, slots: Slots, busy: float) -> None:
        self.now += 0.3
        self.used += 0.3 * busy
        slots.look()


def slots_with(times: Times, **options: int) -> Slots:
    receiver: Any = None
    return Slots(receiver, Options(**options), clock=lambda: times.now, used=lambda: times.used)  # type: ignore[arg-type]


async def at_once(slots: Slots) -> int:
    """How many slots can be had together."""
    async with AsyncExitStack() as stack:
        count = 0
        while not slots._gate.locked():
            await stack.enter_async_context(slots.slot())
            count += 1
        return count


def test_connections_are_added_while_the_processor_is_idle_and_taken_away_when_it_is_the_limit() -> None:
    async def play() -> None:
        times = Times()
        slots = slots_with(times, connections=9)
        assert (slots.open, await at_once(slots)) == (4, 4)
        for wanted in (6, 8, 9, 9):
            times.pass_by(slots, busy=0.2)
            assert (slots.open, await at_once(slots)) == (wanted, wanted)
        times.pass_by(slots, busy=0.8)
        assert slots.open == 9
        for wanted in (8, 7, 6, 5, 4, 4):
            times.pass_by(slots, busy=1.4)
            assert slots.open == wanted
        await at_once(slots)
        assert await at_once(slots) == 4

    asyncio.run(play())


def test_there_are_never_more_buffers_than_connections_and_the_largest_is_used_first() -> None:
    async def play() -> None:
        times = Times()
        slots = slots_with(times, connections=6, piece_bytes=40)
        assert await at_once(slots) == 4 == await at_once(slots)
        times.pass_by(slots, busy=0.1)
        assert await at_once(slots) == 6 == await at_once(slots)
        assert [len(buffer) for buffer in slots._buffers] == [10, 10, 40, 40, 40, 40]

    asyncio.run(play())


def test_nothing_changes_between_two_looks() -> None:
    async def play() -> None:
        times = Times()
        slots = slots_with(times)
        times.now = 0.1
        slots.look()
        assert slots.open == 4

    asyncio.run(play())
