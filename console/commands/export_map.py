"""`cloudsync export-map`: where clips were taken, for maps and other programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.commands.detail_options import with_wanted
from console.commands.options import of_stack
from console.errors import ConsoleError, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.library import Wanted
    from console.operations.map import Map


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["gpx", "geojson"]),
    default="gpx",
    show_default=True,
    help="GPX 1.1 waypoints, or GeoJSON points.",
)
@click.option("--output", "path", default="", metavar="FILE", help="Write to this file; otherwise standard output.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@of_stack
@with_wanted
def command(stack: Stack, output: Output, wanted: Wanted, kind: str, path: str, *, force: bool) -> None:
    """Write where clips were taken as GPX or GeoJSON, by what the catalogue knows of their places.

    The filters are those of `cloudsync list`. With --json, one object has the file as `content`, or its name as `file`.
    """
    from console.operations import listing  # noqa: PLC0415 (not needed for --help)
    from console.operations import map as operations  # noqa: PLC0415
    from console.operations.ledger import Reading  # noqa: PLC0415

    if path and os.path.lexists(path) and not force:
        raise UsageError(f"{path} is there already: take another name, or --force to write over it.")
    items = listing.listed(stack, wanted, Reading(), output.aside.print)
    found = operations.map_of(items, operations.Format(kind))
    if path:
        _write(Path(path), found.content, force=force)
    elif not output.as_json:
        sys.stdout.buffer.write(found.content)  # in UTF-8, whatever the terminal's encoding
        sys.stdout.flush()
    if output.as_json:
        place = {"file": path} if path else {"content": found.content.decode()}
        output.data("map", {"format": kind, "placed": found.placed, "items": found.items, **place})
    output.aside.print(_told(found), soft_wrap=True)


def _write(path: Path, content: bytes, *, force: bool) -> None:
    """Raises ConsoleError. Places are nobody else's business: only the owner can read the file."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConsoleError(f"{path} cannot be written ({error.strerror}): take another one with --output.") from None


def _told(found: Map) -> str:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    told = f"{found.placed:,} of {count_of(found.items, 'item')} {'has' if found.placed == 1 else 'have'} a place."
    if found.placed == found.items:
        return told
    return (
        f"{told} Of the others the camera had no fix, or the catalogue has not looked into them yet (`cloudsync "
        "catalogue status`), or places are kept out (catalogue_places)."
    )
