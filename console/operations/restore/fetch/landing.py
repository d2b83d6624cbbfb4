"""Where fetched files land: names, the manifest, and what is there already."""

from __future__ import annotations

import hashlib
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime

from cloud_sync_common.aws.aws_chunked import encode_checksum
from cloud_sync_common.runtime.wording import size_of
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.folder import Directory, Folder, disk_errors
from console.operations.restore.fetch.journal import Subject
from console.operations.restore.fetch.manifest import Entry, Manifest, utc_now
from console.operations.restore.fetch.names import folder_of, name_of, numbered
from console.operations.restore.fetch.outcome import Ending, FileProblem, Options
from console.operations.restore.fetch.part import PartFile
from console.operations.restore.fetch.place import Place, Reserved, Wanted, place_of
from console.operations.restore.fetch.source import Known


class Landing:
    """The directory of one fetch. Its methods may run side by side; they raise StoppedError, FileProblem."""

    def __init__(self, directory: Directory, bucket: str, options: Options) -> None:
        self.directory, self._bucket, self._options = directory, bucket, options
        self._manifest = Manifest(directory.top)
        self._reserved = Reserved()
        self._noting = threading.Lock()

    def close(self) -> None:
        self._manifest.close()

    def known(self, file: JobFile) -> str:
        """The path of a file that an earlier fetch has verified, and that was not changed since; empty otherwise."""
        entry = self._manifest.find(file, self._bucket)
        if entry is None or entry.size != file.size or (file.checksum and file.checksum != entry.crc64):
            return ""
        return entry.name if self._found(entry) and (entry.sha256 or not self._options.sha256) else ""

    def _found(self, entry: Entry) -> tuple[Folder, str] | None:
        """Folder and name of a file in the manifest, which somebody may have written by hand; None where it is there no
        more, or was changed."""
        *folders, name = entry.name.split("/")
        if len(folders) > 1 or any(part in ("", ".", "..") for part in (name, *folders)):
            return None
        folder = self.directory.existing("".join(folders))
        status = folder.status(name) if folder else None
        if folder is None or status is None or not stat.S_ISREG(status.st_mode):
            return None
        is_same = (status.st_size, status.st_mtime_ns) == (entry.size, entry.modified_ns)
        return (folder, name) if is_same else None

    def copy_twin(self, file: JobFile, part: PartFile) -> None:
        """Takes the bytes from another file of the same object, if there is one; they are verified as all others are,
        so that whatever that file has become is of no harm."""
        entry = self._manifest.twin(file, self._bucket)
        found = self._found(entry) if entry and entry.size == part.subject.size else None
        if found is None or part.pieces:
            return
        folder, name = found
        with disk_errors(name), closing(folder.read(name)) as pieces:
            at = 0
            for piece in pieces:
                part.write(at, piece)
                at += len(piece)

    def place(self, file: JobFile, known: Known) -> Place:
        """A name for a file; or the file that is there already, which is noted."""
        folder = self.directory.folder(folder_of(file, self._options.layout))
        checksum = known.checksum or file.checksum
        wanted = Wanted(self._bucket, file.key, known.size, checksum)
        place = place_of(folder, name_of(file), wanted, self._reserved)
        if place.is_there:
            self._note(file, known, place, checksum, place.modified_ns)
        return place

    def release(self, place: Place) -> None:
        """Its name may be had by another file."""
        self._reserved.give_back(place.folder, place.name)

    def part(self, place: Place, file: JobFile, known: Known) -> PartFile:
        """Opens what is to become a file."""
        subject = Subject(
            bucket=self._bucket,
            key=file.key,
            version_id=file.version_id,
            etag=known.etag,
            size=known.size,
            checksum=known.checksum or file.checksum,
        )
        return PartFile(place.folder, place.name, subject, self._options)

    def check_room(self, needed: int) -> None:
        """Raises FileProblem where there is no room for so many bytes more."""
        free = self.directory.free_bytes()
        if needed > free:
            raise FileProblem(
                Ending.FAILED,
                f"The disk has too little room for it: {size_of(needed)} are to be fetched, and {size_of(free)} are "
                "free. Free some space, and repeat the command.",
            )

    def publish(self, part: PartFile, place: Place, file: JobFile, known: Known) -> str:
        """Gives a verified file its name, and notes it. Returns its path. A name that somebody else has taken in the
        meantime becomes the next one."""
        name, modified = place.name, _modified_ns(file.captured_at)
        checksum = encode_checksum(part.combined())
        for number in range(1, 10_000):
            try:
                modified_ns = part.publish(name, modified)
                break
            except FileExistsError:
                name = numbered(place.name, number + 1)
        landed = Place(place.folder, name)
        self._note(file, known, landed, checksum, modified_ns)
        return place.folder.below(name)

    def _note(self, file: JobFile, known: Known, place: Place, checksum: str, modified_ns: int) -> None:
        sha256 = self._sha256(place) if self._options.sha256 else ""
        entry = Entry(
            name=place.folder.below(place.name),
            original=file.filename,
            provider=file.provider,
            media_id=file.media_id,
            bucket=self._bucket,
            key=file.key,
            version_id=file.version_id,
            size=known.size,
            crc64=checksum,
            captured_at=file.captured_at,
            fetched_at=utc_now(),
            proof="+".join([*(["s3"] if known.checksum else []), *(["ledger"] if file.checksum else [])]) or "size",
            modified_ns=modified_ns,
            sha256=sha256,
        )
        with self._noting:
            self._manifest.add(entry)

    def _sha256(self, place: Place) -> str:
        digest = hashlib.sha256()
        with disk_errors(place.name):
            for piece in place.folder.read(place.name):
                digest.update(piece)
        return digest.hexdigest()


def _modified_ns(captured_at: str) -> int | None:
    """A capture time as a modification time; one without an offset is in UTC. None where it is no time."""
    try:
        moment = datetime.fromisoformat(captured_at)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
    except (ValueError, OverflowError):
        return None
