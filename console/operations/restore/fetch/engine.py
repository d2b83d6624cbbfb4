"""The engine: several files and several ranges of each at once, each byte verified before a file has its name.

Everything that waits runs on one event loop; what blocks (the disk, botocore) runs in a few threads beside it. The
memory is one piece for each connection, however large or many the files are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.operations.restore.fetch.download import Download
from console.operations.restore.fetch.folder import Directory
from console.operations.restore.fetch.landing import Landing
from console.operations.restore.fetch.outcome import (
    Ending,
    Fetched,
    FileProblem,
    FileResult,
    Options,
    StoppedError,
    Unwatched,
    Watching,
)
from console.operations.restore.fetch.receive import Receiver
from console.operations.restore.fetch.room import surveyed
from console.operations.restore.fetch.slots import Slots
from console.operations.restore.fetch.source import Source
from console.operations.restore.fetch.together import OneAtATime, together

_THREADS = 8


def fetch(
    files: Iterable[JobFile],
    source: Source,
    directory: str,
    options: Options | None = None,
    watching: Watching | None = None,
) -> Fetched:
    """Fetches files into a directory, and verifies them. What was fetched before is not fetched again.

    `files` is iterated over twice, once for the room that they need; an iterator is made a list. What goes wrong with
    one file is in the result, as is what ends the fetch early. Raises UsageError for a directory that cannot be used,
    StoppedError for a disk without room for all; KeyboardInterrupt when it is interrupted, whereupon the same call goes
    on with what is there.
    """
    options, watching = options or Options(), watching or Unwatched()
    again = list(files) if isinstance(files, Iterator) else files
    with Directory(directory) as place:
        landing = _landing(place, source, options)
        try:
            survey = surveyed(again, place, landing, options)
            watching.plans(survey.files, survey.bytes)
            with asyncio.Runner() as runner:
                return runner.run(_Fetch(again, source, landing, options, watching).run())
        finally:
            landing.close()


def _landing(directory: Directory, source: Source, options: Options) -> Landing:
    try:
        return Landing(directory, source.bucket, options)
    except FileProblem as problem:  # the manifest cannot be read or written
        raise StoppedError(problem.sentence) from None


class _Fetch:
    def __init__(
        self, files: Iterable[JobFile], source: Source, landing: Landing, options: Options, watching: Watching
    ) -> None:
        self._files, self._source, self._landing = iter(files), source, landing
        self._options, self._watching = options, watching
        self._taking, self._objects = asyncio.Lock(), OneAtATime()
        self._fetched = Fetched(directory=landing.directory.path)

    async def run(self) -> Fetched:
        receiver = Receiver(self._source)
        with ThreadPoolExecutor(_THREADS) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            self._slots = Slots(receiver, self._options)
            try:
                await together(self._work() for _ in range(self._options.files_at_once))
            except StoppedError as error:
                self._fetched.stopped, self._fetched.stopped_code = str(error), error.exit_code
            finally:
                receiver.close()
        return self._fetched

    async def _work(self) -> None:
        while (file := await self._next()) is not None:
            result = await self._outcome(file)
            self._fetched.add(result)
            self._watching.ends(file, result)

    async def _next(self) -> JobFile | None:
        async with self._taking:
            return await asyncio.to_thread(next, self._files, None)

    async def _outcome(self, file: JobFile) -> FileResult:
        try:
            _check_state(file)
            ending, path = await self._got(file)
        except FileProblem as problem:
            return _result(file, problem.ending, problem=problem.sentence)
        return _result(file, ending, path)

    async def _got(self, file: JobFile) -> tuple[Ending, str]:
        if path := await asyncio.to_thread(self._landing.known, file):
            return Ending.THERE, path
        download = Download(file, self._source, self._landing, self._slots, self._watching)
        try:
            async with self._objects.alone((file.key, file.version_id)):  # another file may have the same bytes
                return await download.run()
        finally:
            self._fetched.read_bytes += download.read_bytes
            self._fetched.kept_bytes += download.kept_bytes
            self._fetched.fetched_again += download.fetched_again


def _check_state(file: JobFile) -> None:
    """Raises FileProblem for what S3 need not be asked about. It may know more of what was not thawed yet."""
    if file.state is FileState.FAILED:
        raise FileProblem(Ending.LOST, file.problem or "It cannot be had: `cloudsync restore status` says why.")


def _result(file: JobFile, ending: Ending, path: str = "", problem: str = "") -> FileResult:
    return FileResult(
        provider=file.provider,
        media_id=file.media_id,
        filename=file.filename,
        key=file.key,
        version_id=file.version_id,
        size=file.size,
        ending=ending,
        path=path,
        problem=problem,
    )
