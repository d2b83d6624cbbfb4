"""`cloudsync show`: everything that is known of one item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from cloud_sync_common.safe_text import one_line

from console.commands.options import of_stack
from console.commands.words import facts_of
from console.output import Output
from console.stack import Stack
from console.wording import clock, moment, title_of

if TYPE_CHECKING:
    from cloud_sync_common.stores.catalogue_rows import Details, Place

    from console.operations.item import Known, SourceFile

_PROOFS = {
    "s3-checksum": "S3 has checked the CRC-64/NVME of all bytes",
    "claimed-size": "it has the size that the provider lists",
    "content-hash": "it has the hash that the provider publishes",
    "source-etag": "it has the MD5 in the provider's ETag",
    "whole-movie": "the movie is whole to its last box",
}
_MOST = 200  # characters of what a movie says
_SOURCES = {
    "gps": "by GPS",
    "movie": "by the movie itself",
    "provider": "by the provider",
    "name": "by the name of the file",
    "listed": "as the provider lists it",
    # What stands in for a capture time that the provider does not have (MediaItem.captured_at_from).
    "exif": "by the picture itself",
    "client_modified": "when the file was last changed before it was uploaded",
    "modified_time": "when the file was last changed",
    "created_time": "when the file came to the provider",
}
_CLOCKS = {"camera": "the camera's own clock, whose zone nobody knows"}
_PICTURES = {
    "provider": "the provider's",
    "sprite": "of the provider's sprite",
    "frame": "a frame of the movie",
    "none": "there is none",
}


@click.command()
@click.argument("item", metavar="ITEM")
@click.option("--log/--no-log", default=True, show_default=True, help="With what the functions have logged of it.")
@of_stack
def command(stack: Stack, output: Output, item: str, *, log: bool) -> None:
    """Everything that is known of one item: files, keys, bytes, checksums, proofs, attempts and history.

    ITEM is an id as `cloudsync list` shows it, provider/id, the key of an object in the archive, or a name. An id that
    begins with a dash is named as provider/id.
    """
    from console.operations import item as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    found = operations.known(stack, item, Reading(), with_log=log)
    if output.as_json:
        output.data("item", found)
    else:
        _draw(output, found)


def _draw(output: Output, found: Known) -> None:
    page = output.page
    page.print(found.item.filename or found.item.media_id)
    page.print(facts_of(_of_item(found)))
    for file in found.files:
        page.print(f"\nFile {file.number}")
        page.print(facts_of(_of_file(file)))
    if found.history:
        page.print("\nHistory")
        page.print(facts_of((moment(line.at), f"{line.function}: {line.text}") for line in found.history))


def _of_item(found: Known) -> Iterator[tuple[str, str]]:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    item = found.item
    yield "status", item.status
    yield "provider", title_of(item.provider)
    yield "id", item.media_id
    yield "captured", moment(item.captured_at)
    yield from _of_details(found.details) if found.details else [("camera", item.camera)]
    yield "size", "" if item.bytes is None else size_of(item.bytes)
    yield "first seen", moment(found.first_seen)
    yield "archived", moment(item.archived_at)
    yield "last run", found.run_id
    yield "attempts", f"{found.attempts} failed" if found.attempts else ""
    yield "reason", f"{found.reason} ({found.category})" if found.category else ""
    yield "damaged", item.damage


def _of_details(details: Details) -> Iterator[tuple[str, str]]:
    """What the catalogue has found, each with the source that has won."""
    yield "taken", _taken(details)
    yield "length", _said(details, "duration", "" if details.duration is None else clock(details.duration))
    yield "picture size", _said(details, "width", _resolution(details))
    yield "codec", _said(details, "codec", one_line(details.codec, _MOST))
    yield "camera", _said(details, "camera", one_line(details.camera, _MOST))
    yield "firmware", _said(details, "firmware", one_line(details.firmware, _MOST))
    yield "lens", _said(details, "lens", one_line(details.lens, _MOST))
    yield "HiLights", _said(details, "hilights", ", ".join(map(clock, details.hilights)))
    yield "place", _said(details, "place", _place(details.place))
    yield "thumbnail", _PICTURES[details.picture.value]


def _taken(details: Details) -> str:
    zone = _CLOCKS.get(details.captured_clock, "")
    said_by = _SOURCES.get(details.captured_from, one_line(details.captured_from, _MOST))
    words = "; ".join(filter(None, (said_by, zone)))
    return f"{moment(one_line(details.captured_at, _MOST))} ({words})" if details.captured_at and words else ""


def _resolution(details: Details) -> str:
    rate = f" at {details.frame_rate:.4g} frames a second" if details.frame_rate else ""
    return f"{details.width} x {details.height}{rate}" if details.width and details.height else ""


def _place(place: Place | None) -> str:
    if place is None:
        return ""
    height = "" if place.altitude is None else f", {place.altitude:,.0f} m above the sea"
    return f"{place.latitude:.5f}, {place.longitude:.5f}{height}"


def _said(details: Details, name: str, text: str) -> str:
    source = _SOURCES.get(details.taken_from.get(name, ""), "")
    return f"{text} ({source})" if text and source else text


def _of_file(file: SourceFile) -> Iterator[tuple[str, str]]:
    stored = file.stored
    yield "status", file.status if file.status != "ARCHIVED" else ""
    yield "key", file.key
    yield "copy of", file.copy_of
    yield "bytes", f"{file.size:,}"
    same = "; S3 says the same" if stored and stored.checksum and stored.checksum == file.checksum else ""
    yield "checksum", f"CRC-64/NVME {file.checksum}{same}" if file.checksum else ""
    for number, proof in enumerate(file.proofs):
        yield "proofs" if number == 0 else "", f"{proof}: {_PROOFS.get(proof, '')}".removesuffix(": ")
    yield "versions", str(file.versions) if file.versions > 1 else ""
    yield "damaged", file.damage
    if stored:
        yield "tier", stored.storage_class
        yield "version id", stored.version_id
        yield "locked", f"until {moment(stored.locked_until)}" if stored.locked_until else ""
        yield "restore", stored.restore
        yield "problem", stored.problem
