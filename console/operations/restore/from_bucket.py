"""A choice of footage in an archive bucket alone: neither ledger nor stack is asked. The choice itself is the job: what
S3 was asked for, its objects say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from cloud_sync_common.camera_names import chapter_names
from cloud_sync_common.filters import composed
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id, media_id_of
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.errors import NotFoundError, UsageError
from console.operations.item import candidates
from console.operations.library import Item, fits
from console.operations.restore import archived
from console.operations.restore.archived import ArchiveFile
from console.operations.restore.bucket import Bucket, Entry, Show, everything
from console.operations.restore.fetch.outcome import Ending, FileResult
from console.operations.restore.objects import Seen, Temperature, temperature_of
from console.operations.restore.plan import Planned, Terms, plan_of
from console.operations.restore.selection import MOST_FILES, Archived, Choice, Chosen

_SEVERAL = 10  # ids in the sentence about them


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a choice as S3 has them, numbered in the order of capture; those whose bytes cannot be had are the
    last ones."""

    choice: Choice
    seen: list[Seen]
    items: int


def planned(bucket: Bucket, choice: Choice, terms: Terms, show: Show) -> tuple[Planned, Looked]:
    """Raises as `looked` does."""
    terms.check()
    found = looked(bucket, choice, show)
    files = [Archived(file=one.file) for one in found.seen]
    return plan_of(Chosen(choice=choice, files=files, items=found.items), found.seen, terms), found


def looked(bucket: Bucket, choice: Choice, show: Show) -> Looked:
    """Reads the bucket, and of each object that may be chosen its metadata. Raises UsageError where nothing fits, or a
    name is that of several items, NotFoundError for an item that there is not, and as `everything` does."""
    found = everything(bucket, _Picking(choice), show)
    lost = {one.key: one.why for one in found.lost}
    files = [file for file in _meant(choice, [*found.files, *map(archived.of_key, lost)]) if _fits(file, choice)]
    if not files:
        raise UsageError("Nothing in the bucket fits the choice: `cloudsync restore plan --everything` has all of it.")
    if len(files) > MOST_FILES:
        raise UsageError(f"These are more than {MOST_FILES:,} files. Choose fewer: --month or --provider.")
    names = _chapters(files)
    seen = [
        _lost(file, lost[file.own_key]) if file.own_key in lost else _seen(file, names.get(file.own_key, file.filename))
        for file in files
    ]
    return Looked(
        choice=choice,
        seen=[_numbered(one, number) for number, one in enumerate(seen, start=1)],
        items=len({(one.file.provider, one.file.media_id) for one in seen}),
    )


class _Picking:
    """By the keys alone, as far as they say it: items by their ids, else provider and month."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def __call__(self, entries: list[Entry]) -> list[Entry]:
        wanted = self._choice.wanted
        providers = sorted({archived.provider_of(entry.key) for entry in entries})
        if wanted.provider and wanted.provider not in providers:
            there = ", ".join(providers)
            raise UsageError(f"--provider must be one that the bucket has ({there}); not {wanted.provider[:40]!r}.")
        if not self._choice.items:
            return [entry for entry in entries if _fits(archived.of_key(entry.key), self._choice, by_name=False)]
        ids = _ids(self._choice.items, providers)
        meant_by_any = set[tuple[str, str]]().union(*ids.values())
        by_item = [entry for entry in entries if _item_in(entry.key) in meant_by_any]
        known = {_item_in(entry.key) for entry in by_item}
        return by_item if all(meant & known for meant in ids.values()) else entries


def _item_in(key: str) -> tuple[str, str]:
    return archived.provider_of(key), media_id_of(key)


def _ids(words: Iterable[str], providers: list[str]) -> dict[str, set[tuple[str, str]]]:
    """Which items each word may mean, as provider and kept id."""
    return {word: {(name, kept_id(media_id)) for name, media_id in candidates(word, providers)} for word in words}


def _meant(choice: Choice, files: list[ArchiveFile]) -> list[ArchiveFile]:
    """The files of the items that are named, by id or, where there is no such id, by name."""
    if not choice.items:
        return files
    items: dict[tuple[str, str], list[ArchiveFile]] = {}
    for file in files:
        items.setdefault((file.provider, file.kept_id), []).append(file)
    ids = _ids(choice.items, sorted({provider for provider, _ in items}))
    chosen = dict.fromkeys(key for word in choice.items for key in _one_item(word, ids[word], items))
    return [file for file in files if (file.provider, file.kept_id) in chosen]


def _one_item(
    word: str, ids: set[tuple[str, str]], items: Mapping[tuple[str, str], list[ArchiveFile]]
) -> list[tuple[str, str]]:
    name = composed(word).casefold()
    by_id = [key for key in items if key in ids]
    named = [key for key, files in items.items() if any(composed(one.filename).casefold() == name for one in files)]
    those = by_id or named
    if len(those) > 1:
        several = ", ".join(one_line("/".join(key), 100) for key in those[:_SEVERAL])
        raise UsageError(f"{one_line(word, 100)!r} may mean several items: {several}. Name one of these.")
    if not those:
        raise NotFoundError(
            f"The bucket has no item {one_line(word, 100)!r}, neither by its id nor by its name. `cloudsync restore "
            f"plan` with --bucket and --name '*{one_line(word, 40)}*' looks for a part of a name."
        )
    return those


def _fits(file: ArchiveFile, choice: Choice, *, by_name: bool = True) -> bool:
    """By the month in the key, which is that of the capture."""
    if choice.items:
        return True
    wanted = choice.wanted if by_name else msgspec.structs.replace(choice.wanted, names=())
    return fits(
        Item(
            provider=file.provider,
            media_id=file.media_id,
            filename=file.filename,
            captured_at=file.captured_at,
            month=file.month,
            status="ARCHIVED",
        ),
        wanted,
    )


def _chapters(files: Iterable[ArchiveFile]) -> dict[str, str]:
    """The names that a camera gave to the files of one recording, by their keys: each has the name of the recording."""
    items: dict[tuple[str, str], list[ArchiveFile]] = {}
    for file in files:
        items.setdefault((file.provider, file.kept_id), []).append(file)
    named: dict[str, str] = {}
    for group in items.values():
        names = dict(enumerate(chapter_names(group[0].filename, max(one.number or 0 for one in group)), start=1))
        if len(group) > 1 and len({one.filename for one in group}) == 1:
            named |= {one.own_key: names[one.number] for one in group if one.number in names}
    return named


def _seen(file: ArchiveFile, name: str) -> Seen:
    stored = file.stored
    temperature, until = temperature_of({"StorageClass": stored.storage_class, "Restore": stored.restore})
    return Seen(
        file=JobFile(
            number=0,
            provider=file.provider,
            media_id=file.media_id,
            filename=name,
            captured_at=file.captured_at,
            key=stored.key,
            version_id=stored.version_id,
            size=stored.size,
            checksum=stored.checksum,
            state=FileState.READY if temperature is Temperature.HOT else FileState.WANTED,
        ),
        temperature=temperature,
        storage_class=stored.storage_class,
        thawed_until=until,
        note=_note(file),
    )


def _note(file: ArchiveFile) -> str:
    if file.is_deleted:
        return f"It was deleted; its version {one_line(file.stored.version_id, 100)} is there, and comes back."
    return f"Look at it when it is there: {file.problem}." if file.problem else ""


def _lost(file: ArchiveFile, why: str) -> Seen:
    lost = JobFile(
        number=0,
        provider=file.provider,
        media_id=file.media_id,
        filename=file.filename,
        key=file.own_key,
        size=0,
        state=FileState.FAILED,
        problem=f"It cannot be had: {why}.",
    )
    return Seen(file=lost, temperature=Temperature.LOST)


def _numbered(one: Seen, number: int) -> Seen:
    return msgspec.structs.replace(one, file=msgspec.structs.replace(one.file, number=number))


def for_fetching(found: Looked) -> list[JobFile]:
    """The files as a job has them, without those that are frozen: what is thawed can be fetched until then."""
    return [_for_fetching(one) for one in found.seen if one.temperature is not Temperature.FROZEN]


def _for_fetching(one: Seen) -> JobFile:
    match one.temperature:
        case Temperature.THAWED:
            return msgspec.structs.replace(one.file, state=FileState.READY, ready_until=one.thawed_until)
        case Temperature.THAWING:
            return msgspec.structs.replace(one.file, state=FileState.REQUESTED)
    return one.file


def not_thawed(found: Looked) -> list[FileResult]:
    """What becomes of the frozen ones in a fetch."""
    frozen = (one.file for one in found.seen if one.temperature is Temperature.FROZEN)
    return [
        FileResult(
            provider=file.provider,
            media_id=file.media_id,
            filename=file.filename,
            key=file.key,
            version_id=file.version_id,
            size=file.size,
            ending=Ending.ENDED,
            problem="It is frozen: `cloudsync restore start` with the same words has it thawed.",
        )
        for file in frozen
    ]
