"""Thumbnails of Dropbox: of pictures alone, by their extensions (dropbox-api-spec, files.stone, get_thumbnail_v2)."""

import asyncio
import json
import re
from pathlib import PurePosixPath
from typing import Any

from aiohttp import web

from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.dropbox_listing import row
from local.fake_providers.dropbox_route import Call, Route, Routes
from local.fake_providers.dropbox_state import DropboxState
from local.fake_providers.dropbox_tree import Entry
from local.fake_providers.pictures import instead_of_picture, picture_answer, thumbnail

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".tiff", ".tif", ".gif", ".webp", ".ppm", ".bmp"})
LARGEST_PHOTO = 20 * 1024 * 1024
"""Bytes; larger ones are not converted."""

_ROUTE = Route(DropboxEndpoint.THUMBNAIL, "files/get_thumbnail_v2", "files.content.read", content=True)
_SIZES = frozenset(
    {"w32h32", "w64h64", "w128h128", "w256h256", "w480h320", "w640h480", "w960h640", "w1024h768", "w2048h1536"}
    | {"w3200h2400"}
)
_FORMATS, _MODES = frozenset({"jpeg"}), frozenset({"strict", "bestfit", "fitone_bestfit", "original"})


class Thumbnails:
    """Makes thumbnails, always as JPEGs."""

    def __init__(self, state: DropboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """The one route, of content.dropboxapi.com."""
        return Routes(self._state).of(_ROUTE, self._answered)

    async def _answered(self, call: Call) -> web.StreamResponse:
        if call.active.find(DropboxFault.STALL):
            await asyncio.Event().wait()
        _tag(call, "format", "jpeg", _FORMATS)
        _tag(call, "mode", "strict", _MODES)
        width = int(re.findall("[0-9]+", _tag(call, "size", "w64h64", _SIZES))[0])
        entry = call.entry()
        source = _convertible(call, entry)
        if instead := instead_of_picture(call.active, DropboxFault.PICTURE_MOVED, DropboxFault.PICTURE_OTHER):
            return instead
        found: dict[str, Any] = row(call.view, entry, call.active)
        found.pop(".tag")
        answer = picture_answer(await asyncio.to_thread(thumbnail, source, width))
        answer.headers["Content-Type"] = "application/octet-stream"
        answer.headers["Dropbox-API-Result"] = json.dumps({"file_metadata": found})
        return answer


def _convertible(call: Call, entry: Entry) -> Any:
    """The file to make a picture of. Raises RefusedError with the tags of ThumbnailV2Error."""
    if entry.source is None:
        raise call.answers.error("path", "not_file")
    if PurePosixPath(entry.path).suffix.lower() not in EXTENSIONS:
        raise call.answers.error("unsupported_extension")
    if refused := call.active.find(DropboxFault.PICTURE_REFUSED):
        raise call.answers.error(refused["tag"])
    if not entry.downloadable or entry.size > LARGEST_PHOTO:
        raise call.answers.error("conversion_error")
    return entry.source


def _tag(call: Call, name: str, usual: str, known: frozenset[str]) -> str:
    """The tag of a union in the argument, which may be written as a text (Dropbox's documentation of HTTP)."""
    value = call.argument.get(name, usual) if isinstance(call.argument, dict) else usual
    tag = value.get(".tag") if isinstance(value, dict) else value
    if tag not in known:
        raise call.answers.bad_input(f"request body: {name}: invalid union tag")
    return str(tag)
