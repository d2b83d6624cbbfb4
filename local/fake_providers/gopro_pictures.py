"""The thumbnails of GoPro Cloud, as its servers images-01 to images-04 serve them (docs/gopro-api.md)."""

import asyncio

from aiohttp import web

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.gopro_cdn import service_error
from local.fake_providers.gopro_state import GoProState
from local.fake_providers.library import Item
from local.fake_providers.pictures import instead_of_picture, picture_answer, thumbnail


class Thumbnails:
    """Sends the thumbnail whose token is in the path to who has a token of the account too (dustin-lib, proxyAuth)."""

    def __init__(self, state: GoProState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Widths are followed by `wwp` in the path; 450 is the one in use."""
        return [web.get(r"/resize/{width:[0-9]{2,4}}wwp/{token}", self._answered, allow_head=False)]

    async def _answered(self, request: web.Request) -> web.Response:
        item = self._item(request.match_info["token"])
        active = self._state.faults.begin(Endpoint.PICTURE, item.media_id if item else None)
        if active.find(FaultKind.STALL):
            await asyncio.Event().wait()
        response = service_error(active) or await self._sent(request, item, active)
        self._state.log.record(
            endpoint=str(Endpoint.PICTURE),
            method=request.method,
            path="/resize",  # the rest is a secret
            status=response.status,
            media_id=item.media_id if item else None,
        )
        return response

    def _item(self, token: str) -> Item | None:
        media_id = self._state.medium_of(token)
        return self._state.library.get(media_id) if media_id else None

    async def _sent(self, request: web.Request, item: Item | None, active: ActiveFaults) -> web.Response:
        if refused := active.find(FaultKind.PICTURE_REFUSED):
            return web.Response(status=refused["status"])
        if not self._state.tokens.accepts(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return web.Response(status=401)
        if instead := instead_of_picture(active, FaultKind.PICTURE_MOVED, FaultKind.PICTURE_OTHER):
            return instead
        if item is None or item.pictured is None:
            return web.Response(status=404)
        return picture_answer(await asyncio.to_thread(thumbnail, item.pictured, int(request.match_info["width"])))
