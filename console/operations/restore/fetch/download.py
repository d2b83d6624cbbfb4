"""One file: asked about, fetched in ranges, verified, published."""

from __future__ import annotations

import asyncio
import base64
from collections import deque

from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.landing import Landing
from console.operations.restore.fetch.outcome import Ending, FileProblem, StoppedError, Watching
from console.operations.restore.fetch.part import PartFile
from console.operations.restore.fetch.place import Place
from console.operations.restore.fetch.receive import Receiver, Unreached
from console.operations.restore.fetch.slots import Slots
from console.operations.restore.fetch.source import ExpiredError, Known, ObjectChanged, Source
from console.operations.restore.fetch.together import together, uninterrupted

_LONGEST_WAIT = 15.0  # seconds between two tries


class Download:
    """`read_bytes` is what was read from S3, `kept_bytes` what was there of an earlier fetch."""

    def __init__(self, file: JobFile, source: Source, landing: Landing, slots: Slots, watching: Watching) -> None:
        self._file, self._source, self._landing, self._slots = file, source, landing, slots
        self._watching = watching
        self.read_bytes = self.kept_bytes = self.fetched_again = 0

    async def run(self) -> tuple[Ending, str]:
        """What became of it, and its path. Raises FileProblem, StoppedError."""
        for _ in range(2):
            try:
                return await self._fetched(await self._known())
            except ObjectChanged:  # of a bucket without versions
                continue
        raise FileProblem(Ending.FAILED, "The object changes while it is read: repeat the command later.")

    async def _known(self) -> Known:
        """Raises FileProblem for an object that is another one than the ledger says, before a byte is read."""
        known = await asyncio.to_thread(self._source.head, self._file)
        noted = self._file.checksum
        if known.size != self._file.size or (noted and known.checksum and noted != known.checksum):
            raise FileProblem(
                Ending.WRONG,
                f"The object in S3 is not what was archived ({known.size} bytes, CRC-64/NVME "
                f"{known.checksum or 'none'}, instead of {self._file.size} and {noted or 'none'}): `cloudsync verify` "
                "shows what else differs.",
            )
        return known

    async def _fetched(self, known: Known) -> tuple[Ending, str]:
        place = await asyncio.to_thread(self._landing.place, self._file, known)
        if place.is_there:
            return Ending.THERE, place.folder.below(place.name)
        try:
            return Ending.FETCHED, await self._filled(place, known)
        except ObjectChanged:
            self._landing.release(place)
            raise

    async def _filled(self, place: Place, known: Known) -> str:
        path = place.folder.below(place.name)
        part = await asyncio.to_thread(self._landing.part, place, self._file, known)
        try:
            had = await asyncio.to_thread(part.check)
            self.kept_bytes += had
            self._watching.begins(self._file, path, had)
            self._landing.check_room(known.size - had)
            await uninterrupted(asyncio.to_thread(self._landing.copy_twin, self._file, part))
            await self._verified(part, known)
            return await uninterrupted(asyncio.to_thread(self._landing.publish, part, place, self._file, known))
        finally:
            await uninterrupted(asyncio.to_thread(part.close))

    async def _verified(self, part: PartFile, known: Known) -> None:
        """Fetches what is missing; all of it again, once, if it is not what it should be."""
        wanted = [checksum for checksum in (known.checksum, self._file.checksum) if checksum]
        for attempt in (1, 2):
            await self._ranges(part, known)
            if part.is_whole() and all(part.combined() == _crc(checksum) for checksum in wanted):
                return
            self.fetched_again += attempt == 1
            self._watching.moves(self._file, -known.size)
            await asyncio.to_thread(part.begin_anew)
        part.remove()
        raise FileProblem(
            Ending.WRONG,
            "Its bytes were wrong, twice, and were not kept: something on the way or in this machine's memory changes "
            "them. Repeat the command from another network or machine.",
        )

    async def _ranges(self, part: PartFile, known: Known) -> None:
        size = self._slots.options.range_bytes
        waiting = deque(
            (first, min(first + size, end)) for start, end in part.missing() for first in range(start, end, size)
        )

        async def worker() -> None:
            while waiting:
                await self._range(part, known, *waiting.popleft())

        await together(worker() for _ in range(min(len(waiting), self._slots.options.connections)))

    async def _range(self, part: PartFile, known: Known, first: int, end: int) -> None:
        """Reads bytes `first` to before `end`; what broke off goes on where it did."""
        options, failures, has_renewed = self._slots.options, 0, False
        while True:
            reader = _Reader(self, part, first, end)
            try:
                async with self._slots.slot() as buffer:
                    await reader.run(self._slots.receiver, known, buffer)
                return
            except ExpiredError:
                if has_renewed:
                    raise
                first, has_renewed = reader.at, True
            except Unreached as error:
                failures = 1 if reader.at > first else failures + 1
                first = reader.at
                if failures >= options.tries:
                    raise StoppedError(
                        f"S3 cannot be reached ({error.reason}). What is fetched stays: check the network, and repeat "
                        "the command to go on."
                    ) from None
            await asyncio.sleep(min(options.backoff * 2 ** max(failures - 1, 0), _LONGEST_WAIT))

    def moved(self, count: int) -> None:
        self.read_bytes += count
        self._slots.look()
        self._watching.moves(self._file, count)

    @property
    def file(self) -> JobFile:
        return self._file


class _Reader:
    """Reads a range into a part file; `at` is how far it has come."""

    def __init__(self, download: Download, part: PartFile, first: int, end: int) -> None:
        self._download, self._part, self.at, self._end = download, part, first, end

    async def run(self, receiver: Receiver, known: Known, buffer: memoryview) -> None:
        async with receiver.opened(self._download.file, known, self.at, self._end - 1) as body:
            while self.at < self._end:
                view = buffer[: min(len(buffer), self._end - self.at)]
                await body.fill(view)
                # The buffer must not go to another range while a thread still writes what is in it.
                await uninterrupted(asyncio.to_thread(self._part.write, self.at, view))
                self.at += len(view)
                self._download.moved(len(view))


def _crc(checksum: str) -> int:
    """A checksum in base64 as a number; of what is none, one that no file has."""
    try:
        return int.from_bytes(base64.b64decode(checksum, validate=True), "big")
    except ValueError:
        return -1
