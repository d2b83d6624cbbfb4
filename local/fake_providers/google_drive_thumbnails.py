"""Thumbnails of Google Drive: links that end after hours, to a server that wants the token (drive.v3.json).

The real links lead to lh3.googleusercontent.com. That the size is in their last part, `=s220`, is not documented, and
in use everywhere. What the server says to a request without a token for a file that is not public is 401 here.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from typing import Any

from aiohttp import web

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_answers import answer
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_tree import DriveFile
from local.fake_providers.pictures import instead_of_picture, picture_answer, thumbnail

LINK_SECONDS = 4 * 3600
"""Lifetime of a link, of the fake's clock: "on the order of hours" (drive.v3.json)."""

_LARGEST = 1600  # pixels


class Thumbnails:
    """Makes the links, and serves what they lead to."""

    def __init__(self, state: DriveState) -> None:
        self._state, self._key = state, secrets.token_bytes(32)

    def routes(self) -> list[web.RouteDef]:
        """What links lead to. The file is named by its id, so that faults of one file are found."""
        return [web.get(r"/drive-storage/{expires:[0-9]+}/{file_id}/{signature}", self._answered, allow_head=False)]

    def linked(self, row: dict[str, Any], request: web.Request) -> dict[str, Any]:
        """The JSON of a file with its link, where it has a thumbnail."""
        if not row.get("hasThumbnail"):
            return row
        expires = str(int(self._state.clock.now() + LINK_SECONDS))
        path = f"/drive-storage/{expires}/{row['id']}/{self._signature(expires, row['id'])}=s220"
        return {**row, "thumbnailLink": f"{request.url.origin()}{path}", "thumbnailVersion": "1"}

    def _signature(self, expires: str, file_id: str) -> str:
        return hmac.digest(self._key, f"{expires} {file_id}".encode(), hashlib.sha256).hex()

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        return await answer(self._state, request, DriveEndpoint.THUMBNAIL, self._sent)

    async def _sent(self, request: web.Request, active: ActiveFaults) -> web.Response:
        signature, _, size = request.match_info["signature"].partition("=s")
        expires, file_id = request.match_info["expires"], request.match_info["file_id"]
        if refused := active.find(DriveFault.PICTURE_REFUSED):
            return web.Response(status=refused["status"], text="")
        if self._state.clock.now() >= int(expires) or signature != self._signature(expires, file_id):
            return web.Response(status=403)
        if self._state.tokens.scope_of(request.headers.get("Authorization", "").removeprefix("Bearer ")) is None:
            return web.Response(status=401)
        if instead := instead_of_picture(active, DriveFault.PICTURE_MOVED, DriveFault.PICTURE_OTHER):
            return instead
        file = self._state.tree.get(file_id)
        return await _picture(file, size) if file else web.Response(status=404)


async def _picture(file: DriveFile, size: str) -> web.Response:
    if file.head is None or not file.has_thumbnail:
        return web.Response(status=404)
    wanted = int(size) if re.fullmatch("[0-9]{1,4}", size) else 220
    return picture_answer(await asyncio.to_thread(thumbnail, file.head.source, min(max(wanted, 32), _LARGEST)))
