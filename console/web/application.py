"""The page of a stack as an ASGI application, without its door: which path is answered by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from console.errors import NotFoundError
from console.operations.catalogue import LibraryCatalogue
from console.stack import Stack
from console.web.connections import Connections
from console.web.item_views import Items
from console.web.library import Library
from console.web.page import View, answering
from console.web.restore_start import RestoreStart
from console.web.restore_views import RestoreViews
from console.web.run_views import RunViews
from console.web.settings_views import Settings
from console.web.spent import Cost
from console.web.tonight import Tonight

_FILES = {
    "style.css": "text/css",
    "htmx.min.js": "text/javascript",
    "live.js": "text/javascript",
    "library.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}


def of(stack: Stack) -> Starlette:
    """Views run in threads: each asks AWS several things, and waits for them."""
    runs, settings, connections = RunViews(stack), Settings(stack), Connections(stack)
    catalogue = LibraryCatalogue(stack)
    library, items = Library(stack, catalogue), Items(stack, catalogue)
    restores, restore = RestoreViews(stack), RestoreStart(stack)
    read: Mapping[str, View] = {
        "/": Tonight(stack, runs, library).view,
        "/library": library.view,
        "/library/price": library.price,
        "/library/{month}": library.view,
        "/item/{provider}/{media_id:path}": items.view,
        "/thumbnail/{provider}/{year}/{month}/{name}.jpg": items.picture,
        "/runs": runs.list_view,
        "/runs/{run_id}": runs.view,
        "/runs/{run_id}/live": runs.live_view,
        "/restores": restores.list_view,
        "/restores/new": restore.view,
        "/restores/{job_id}": restores.view,
        "/restores/{job_id}/live": restores.live_view,
        "/cost": Cost(stack).view,
        "/connections": connections.view,
        "/settings": settings.first,
        "/settings/{provider}": settings.view,
    }
    sent: Mapping[str, View] = {
        "/runs": runs.start,
        "/retry": runs.try_again,
        "/restores": restore.start,
        "/restores/new": restore.view,
        "/restores/{job_id}/cancel": restores.cancel,
        "/connections/{provider}/pause": connections.pause,
        "/connections/{provider}/resume": connections.resume,
        "/settings/{provider}": settings.change,
        "/settings/{provider}/undo": settings.undo,
    }
    routes = [
        *(Route(path, answering(stack, view), methods=["GET"]) for path, view in read.items()),
        *(Route(path, answering(stack, view), methods=["POST"]) for path, view in sent.items()),
        *(Route(f"/static/{name}", _file(name, kind), methods=["GET"]) for name, kind in _FILES.items()),
        Route("/{path:path}", answering(stack, _missing), methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes)


def _missing(request: Request) -> HTMLResponse:  # noqa: ARG001 (as every view)
    raise NotFoundError("There is no such page here.")


def _file(name: str, kind: str) -> Callable[[Request], Response]:
    """A file by its one path. No path of a request is ever looked up on the disk."""
    content = resources.files("console.web").joinpath("static", name).read_bytes()

    def answer(request: Request) -> Response:  # noqa: ARG001 (as every view)
        return Response(content, media_type=kind)

    return answer
