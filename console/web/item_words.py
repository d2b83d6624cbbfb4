"""What is said of an item: its details with where they are from, its proofs, how each file lies in S3, its history.
Pure but for this machine's time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cloud_sync_common.stores.catalogue_rows import Details

from console.operations.item import Known, SourceFile
from console.operations.restore.objects import Temperature, temperature_of
from console.web.words import count_of, day_name, lasting, size_of, taken_at, title_of, when

ARCHIVED = "ARCHIVED"
_CODECS = {"avc1": "H.264", "avc3": "H.264", "hvc1": "HEVC", "hev1": "HEVC", "av01": "AV1", "mp4v": "MPEG-4"}
_SAYS = {"provider": "as {provider} lists it", "name": "by its name"}  # "movie" is what is normal
_TIMES = {"gps": "by GPS", "movie": "by the movie’s own header", "provider": "as {provider} lists it"}
_PROOFS = {
    "claimed-size": ("The size agrees", "{provider} lists as many bytes as S3 holds."),
    "s3-checksum": (
        "The checksum agrees",
        "S3 has worked out a CRC-64/NVME over all bytes by itself. It equals the one that was taken while they passed.",
    ),
    "content-hash": ("The content’s hash agrees", "{provider} publishes a hash. The bytes that were moved have it."),
    "source-etag": ("The source’s MD5 agrees", "It is in {provider}’s own mark for the file."),
    "whole-movie": ("The movie is whole", "Its boxes were followed to the last one while it was moved."),
}
_CLASSES = {"DEEP_ARCHIVE": "Deep Archive", "GLACIER": "Glacier", "STANDARD": "Standard"}


@dataclass(frozen=True)
class Fact:
    """One line: what it is, what it says, and who says so."""

    name: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Said:
    """An icon, a word, and a sentence."""

    icon: str
    word: str
    text: str = ""


@dataclass(frozen=True)
class Event:
    """What was when. An empty `at`: nobody has kept that."""

    at: str
    text: str


def title_in_words(captured_at: str, name: str) -> list[str]:
    """`Friday 14 August 2026,` and `16:32`; the name where there is no date."""
    moment = taken_at(captured_at)
    return [f"{day_name(moment.date())},", f"{moment:%H:%M}"] if moment else [name]


def facts_of(details: Details) -> list[Fact]:
    """What the catalogue knows, with which source has won."""
    provider = title_of(details.provider)

    def said(name: str) -> str:
        return _SAYS.get(details.taken_from.get(name, ""), "").format(provider=provider)

    size = f"{details.width:,} × {details.height:,}" if details.width and details.height else ""
    rate = f"{details.frame_rate:.5g} a second" if details.frame_rate else ""
    camera = ", firmware ".join(part for part in (details.camera, details.firmware) if part)
    codec = _CODECS.get(details.codec, "")
    found = [
        Fact("From", provider),
        Fact("Taken", _taken(details), _clock(details, provider)),
        Fact("Camera", camera, said("camera")),
        Fact("Lens", details.lens, said("lens")),
        Fact("Lasts", lasting(details.duration), said("duration")),
        Fact("Picture", ", ".join(part for part in (size, rate) if part), said("width")),
        Fact("Coded as", f"{codec} ({details.codec})" if codec else details.codec, said("codec")),
    ]
    return [fact for fact in found if fact.text]


def _taken(details: Details) -> str:
    moment = taken_at(details.captured_at)
    return f"{day_name(moment.date())}, {moment:%H:%M:%S}" if moment else ""


def _clock(details: Details, provider: str) -> str:
    by = _TIMES.get(details.captured_from, details.captured_from and f"by its {details.captured_from}")
    zone = "the camera’s clock, whose zone nobody knows" if details.captured_clock == "camera" else ""
    return ", ".join(part for part in (by.format(provider=provider), zone) if part)


def proofs_of(files: Sequence[SourceFile], provider: str) -> list[Said]:
    """Those that each archived file has, and what S3 says now."""
    there = [file for file in files if file.status == ARCHIVED]
    if not there:
        return []
    names = [name for name in _PROOFS if all(name in file.proofs for file in there)]
    found = [Said("ok", _PROOFS[name][0], _PROOFS[name][1].format(provider=title_of(provider))) for name in names]
    problems = [file.stored.problem for file in there if file.stored and file.stored.problem]
    if problems:
        return [*found, Said("stop", "Not as it should be in S3", problems[0])]
    now = "Asked just now: each file is in S3 with the size and the checksum that the ledger has."
    return [*found, Said("ok", "It is there", now)]


def lies(file: SourceFile) -> Said:
    """How a file lies in S3."""
    if file.status != ARCHIVED:
        return Said("wait", "Not archived")
    if file.stored is None or not file.stored.storage_class:
        return Said("stop", "Not known now", file.stored.problem if file.stored else "")
    temperature, until = temperature_of({"StorageClass": file.stored.storage_class, "Restore": file.stored.restore})
    name = _CLASSES.get(file.stored.storage_class, file.stored.storage_class)
    match temperature:
        case Temperature.HOT:
            return Said("hot", "Awake", f"It opens at once: {name}")
        case Temperature.THAWED:
            return Said("hot", f"Awake until {when(until)}", f"Thawed; the original stays in {name}")
        case Temperature.THAWING:
            return Said("thaw", "Thawing", f"S3 takes it out of {name}")
    return Said("cold", "Asleep", name)


def lead_of(known: Known, details: Details | None) -> str:
    """What it is, in one sentence, and whether it is safe."""
    name = known.item.filename or known.item.media_id
    parts = [name, count_of(len(known.files), "file") if len(known.files) > 1 else ""]
    parts += [lasting(details.duration) if details else "", size_of(known.item.bytes) if known.item.bytes else ""]
    return f"{', '.join(part for part in parts if part)}. {_standing(known)}"


def _standing(known: Known) -> str:
    if known.item.status != ARCHIVED:
        return "It is not archived." if known.item.bytes is None else "A later version of it is not archived yet."
    if any(file.stored and file.stored.problem for file in known.files):
        return "Something is wrong with it, as is said below."
    icons = {lies(file).icon for file in known.files}
    words = {"cold": "and asleep", "hot": "and awake", "thaw": "and thawing"}
    return f"Safe, {words[icons.pop()]}." if len(icons) == 1 and icons <= words.keys() else "Safe."


def history_of(known: Known, details: Details | None) -> list[Event]:
    """What the ledger remembers, the last thing first; lines of the log are among it where they were asked for."""
    return sorted(_events(known, details), key=lambda event: _order(event.at), reverse=True)


def _events(known: Known, details: Details | None) -> Iterator[Event]:
    provider = title_of(known.item.provider)
    yield Event(details.captured_at if details else known.item.captured_at, "Taken")
    yield Event(known.first_seen, f"First seen at {provider}")
    if known.item.archived_at:
        size = size_of(known.item.bytes or 0)
        yield Event(known.item.archived_at, f"Archived: {size} in {count_of(len(known.files), 'file')}")
    elif known.changed_at:
        yield Event(known.changed_at, f"Tried, {count_of(known.attempts, 'time')} by now")
    if details and details.written_at:
        yield Event(details.written_at, "Looked into for its picture and details")
    yield from (Event(line.at, f"{line.function}: {line.text}") for line in known.history)


def _order(at: str) -> str:
    moment = taken_at(at)
    return moment.isoformat() if moment else ""
