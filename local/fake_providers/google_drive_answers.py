"""What every endpoint of the fake shares: what gateways and overload do to an answer, the log, and lost answers."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_errors import DriveError, of_reason
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_state import DriveState

type Handler = Callable[[web.Request, ActiveFaults], Awaitable[web.StreamResponse]]

_LOGGED = frozenset(
    {"q", "pageSize", "orderBy", "corpora", "driveId", "supportsAllDrives", "includeItemsFromAllDrives"}
    | {"alt", "acknowledgeAbuse", "fields", "spaces"}
)
"""Parameters that the log shows; others may hold secrets."""


async def answer(
    state: DriveState, request: web.Request, endpoint: DriveEndpoint, handler: Handler
) -> web.StreamResponse:
    """The answer of a handler, or what comes instead of it."""
    file_id = request.match_info.get("file_id")
    active = state.faults.begin(endpoint, file_id)
    if active.find(DriveFault.STALL) and endpoint is not DriveEndpoint.MEDIA:
        await asyncio.Event().wait()
    state.log.cdn_busy(endpoint is DriveEndpoint.MEDIA)
    try:
        response = _between(active) or await handler(request, active)
    except DriveError as error:
        response = error.response()
    finally:
        state.log.cdn_busy(-(endpoint is DriveEndpoint.MEDIA))
    if active.find(DriveFault.BYTE_ORDER_MARK) and isinstance(response, web.Response):
        response.text = "\ufeff" + (response.text or "")
    if isinstance(response, web.Response):  # content is recorded before it is sent
        record(state, request, endpoint, response.status)
    if active.find(DriveFault.ANSWER_LOST) and request.transport:
        request.transport.close()
    return response


def _between(active: ActiveFaults) -> web.Response | None:
    """What a gateway, or an overloaded service, sends instead of an answer."""
    if fault := active.find(DriveFault.GATEWAY_ANSWER):
        kind = "text/html" if fault["body"].startswith("<") else "application/json"
        return web.Response(status=fault["status"], text=fault["body"], content_type=kind)
    if fault := active.find(DriveFault.THROTTLED):
        wait = {} if fault["retry_after"] is None else {"Retry-After": str(fault["retry_after"])}
        return of_reason("rateLimitExceeded", 429).response(wait)
    if fault := active.find(DriveFault.SERVER_ERROR):
        return of_reason("backendError", fault["status"]).response()
    return None


def record(state: DriveState, request: web.Request, endpoint: DriveEndpoint, status: int) -> None:
    """Note a request and its status, without what may be secret."""
    state.log.record(
        endpoint=str(endpoint),
        method=request.method,
        path=request.path,
        query={name: value for name, value in request.query.items() if name in _LOGGED},
        status=status,
        media_id=request.match_info.get("file_id"),
        range=request.headers.get("Range"),
        authorized="Authorization" in request.headers,
    )
