"""Drive v3, as far as a backup reads it: about, files, revisions, changes and shared drives."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_answers import Handler, answer
from local.fake_providers.google_drive_errors import (
    DriveError,
    abuse_not_acknowledged_here,
    caller_unknown,
    drive_not_found,
    fields_required,
    file_not_found,
    invalid,
    no_binary_content,
    of_reason,
    scope_too_narrow,
    token_refused,
)
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_fields import (
    ANYTHING,
    CHANGE_LIST,
    DEFAULT_CHANGE_LIST,
    DEFAULT_FILE,
    DEFAULT_FILE_LIST,
    FILE,
    FILE_LIST,
    selected,
)
from local.fake_providers.google_drive_files import drive_json, file_json, person, revision_json
from local.fake_providers.google_drive_listing import Listing, changes_page, start_token
from local.fake_providers.google_drive_media import Media, refused_range
from local.fake_providers.google_drive_paging import is_set, page_size
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_thumbnails import Thumbnails
from local.fake_providers.google_drive_tree import ME, DriveFile, Revision, revision_of, stamp
from local.fake_providers.google_oauth import READ_FILES, READ_METADATA, WRITE_FILES

_E = DriveEndpoint
_LIMIT = 15 * 1024**3  # bytes, of an account that pays nothing
_RESOURCE_KEYS = "X-Goog-Drive-Resource-Keys"


class Api:
    """The endpoints below /drive/v3."""

    def __init__(self, state: DriveState) -> None:
        self._state = state
        self._listing, self._media, self._thumbnails = Listing(state), Media(state), Thumbnails(state)

    def routes(self) -> list[web.RouteDef]:
        """The routes; files and revisions are one for metadata and bytes."""
        return [
            self._route("about", _E.ABOUT, self._about),
            self._route("files", _E.LIST, self._list),
            web.get("/drive/v3/files/{file_id}", self._file, allow_head=False),
            self._route("files/{file_id}/revisions", _E.REVISIONS, self._revisions),
            web.get("/drive/v3/files/{file_id}/revisions/{revision_id}", self._revision, allow_head=False),
            self._route("changes/startPageToken", _E.START, self._start),
            self._route("changes", _E.CHANGES, self._changes),
            self._route("drives", _E.DRIVES, self._drives),
            self._route("drives/{drive_id}", _E.DRIVE, self._drive),
            *self._thumbnails.routes(),
        ]

    def _route(self, path: str, endpoint: DriveEndpoint, handler: Handler) -> web.RouteDef:
        return web.get(f"/drive/v3/{path}", self._answering(endpoint, handler), allow_head=False)

    def _answering(
        self, endpoint: DriveEndpoint, handler: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def admitted(request: web.Request, active: ActiveFaults) -> web.StreamResponse:
            self._admit(request, active, endpoint)
            return await handler(request, active)

        async def answering(request: web.Request) -> web.StreamResponse:
            return await answer(self._state, request, endpoint, admitted)

        return answering

    def _admit(self, request: web.Request, active: ActiveFaults, endpoint: DriveEndpoint) -> None:
        """Raises DriveError for a request without a valid token that is good for this. Tokens in the address have no
        longer counted since 2020."""
        tokens, header = self._state.tokens, request.headers.get("Authorization")
        if header is None:
            raise caller_unknown()
        token = header.removeprefix("Bearer ")
        if active.find(DriveFault.ACCESS_TOKEN_DIES):
            tokens.kill(token)
        if (scope := tokens.scope_of(token)) is None:
            raise token_refused()
        enough = {READ_FILES, WRITE_FILES} | (set() if endpoint is _E.MEDIA else {READ_METADATA})
        if not enough.intersection(scope.split()):
            raise scope_too_narrow()
        if refused := active.find(DriveFault.REFUSED):
            raise of_reason(refused["reason"], refused["status"])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") == "media":
            return await self._answering(_E.MEDIA, self._bytes)(request)
        return await self._answering(_E.GET, self._get)(request)

    async def _revision(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") == "media":
            return await self._answering(_E.MEDIA, self._bytes)(request)
        return await self._answering(_E.REVISIONS, self._one_revision)(request)

    async def _about(self, request: web.Request, _active: ActiveFaults) -> web.Response:
        if not request.query.get("fields", "").strip():
            raise fields_required()
        files = [file for file in self._state.tree.files() if file.is_mine]
        used = sum(file.size for file in files)
        trash = sum(file.size for file in files if self._state.tree.in_trash(file))
        quota = {"limit": _LIMIT, "usage": used, "usageInDrive": used, "usageInDriveTrash": trash}
        about = {
            "kind": "drive#about",
            "user": person(ME),
            "storageQuota": {name: str(number) for name, number in quota.items()},
            "maxUploadSize": "5242880000000",
        }
        return _sent(request, about, "kind", ANYTHING)

    async def _list(self, request: web.Request, active: ActiveFaults) -> web.Response:
        page = await asyncio.to_thread(self._listing.page, dict(request.query), active)
        page["files"] = [self._thumbnails.linked(row, request) for row in page["files"]]
        response = _sent(request, page, DEFAULT_FILE_LIST, FILE_LIST)
        self._after(active)
        return response

    async def _get(self, request: web.Request, active: ActiveFaults) -> web.Response:
        if is_set(request.query, "acknowledgeAbuse"):
            raise abuse_not_acknowledged_here()
        file = self._found(request, active)
        whole = await asyncio.to_thread(file_json, self._state.tree, file, active)
        return _sent(request, self._thumbnails.linked(whole, request), DEFAULT_FILE, FILE)

    async def _bytes(self, request: web.Request, active: ActiveFaults) -> web.StreamResponse:
        file = self._found(request, active)
        revision = self._found_revision(request, file)
        try:
            return await self._media.send(request, active, file, revision)
        except DriveError as error:
            return error.response(refused_range(file.size) if error.code == 416 else None)

    async def _revisions(self, request: web.Request, active: ActiveFaults) -> web.Response:
        file = self._found(request, active)
        self._check_revisions(file)
        rows = [revision_json(file, revision) for revision in file.revisions]
        return _sent(request, {"kind": "drive#revisionList", "revisions": rows}, "*", ANYTHING)

    async def _one_revision(self, request: web.Request, active: ActiveFaults) -> web.Response:
        file = self._found(request, active)
        self._check_revisions(file)
        if (revision := self._found_revision(request, file)) is None:
            raise no_binary_content()
        return _sent(request, revision_json(file, revision), "*", ANYTHING)

    async def _start(self, request: web.Request, _active: ActiveFaults) -> web.Response:
        return _sent(request, start_token(self._state, request.query), "*", ANYTHING)

    async def _changes(self, request: web.Request, active: ActiveFaults) -> web.Response:
        page = await asyncio.to_thread(changes_page, self._state, dict(request.query), active)
        response = _sent(request, page, DEFAULT_CHANGE_LIST, CHANGE_LIST)
        self._after(active)
        return response

    async def _drives(self, request: web.Request, active: ActiveFaults) -> web.Response:
        """Pages of drives.list have at most a hundred rows; their token is the place of the next one."""
        size = min(100, page_size(request.query), self._state.most_rows)
        text = request.query.get("pageToken", "0")
        if not text.isascii() or not text.isdigit():
            raise invalid("pageToken")
        drives = [] if active.find(DriveFault.DRIVE_LOST) else self._state.tree.drives()
        start = int(text)
        page: dict[str, Any] = {"kind": "drive#driveList", "drives": [drive_json(one) for one in drives[start:][:size]]}
        page |= {"nextPageToken": str(start + size)} if start + size < len(drives) else {}
        return _sent(request, page, "kind,nextPageToken,drives(kind,id,name)", ANYTHING)

    async def _drive(self, request: web.Request, active: ActiveFaults) -> web.Response:
        drive = self._state.tree.drive(drive_id := request.match_info["drive_id"])
        if drive is None or drive.lost or active.find(DriveFault.DRIVE_LOST):
            raise drive_not_found(drive_id)
        return _sent(request, drive_json(drive), "kind,id,name", ANYTHING)

    def _found(self, request: web.Request, active: ActiveFaults) -> DriveFile:
        """The file, if this account may see it with these parameters and headers."""
        file_id = request.match_info["file_id"]
        self._before(file_id, active)
        file = self._state.tree.get(file_id)
        # rclone gets bytes of shared drives without the flag, so these need none.
        supports = is_set(request.query, "supportsAllDrives") or request.query.get("alt") == "media"
        if file is None or active.find(DriveFault.TRASHED) or not self._state.can_see(file, include_all=supports):
            raise file_not_found(file_id)
        keys = [one.strip() for one in request.headers.get(_RESOURCE_KEYS, "").split(",")]
        if file.resource_key and not file.is_mine and f"{file_id}/{file.resource_key}" not in keys:
            raise file_not_found(file_id)
        return file

    def _found_revision(self, request: web.Request, file: DriveFile) -> Revision | None:
        """The revision that the address names; None for one that names none."""
        if (revision_id := request.match_info.get("revision_id")) is None:
            return None
        self._check_revisions(file)
        for revision in file.revisions:
            if revision_id in (revision.revision_id, "head"):
                return revision if revision_id != "head" else file.head
        message = f"Revision not found: {revision_id}."
        raise DriveError(404, "notFound", message, location="revisionId")

    def _check_revisions(self, file: DriveFile) -> None:
        if not file.is_mine:  # canReadRevisions is false
            raise of_reason("insufficientFilePermissions")

    def _before(self, file_id: str, active: ActiveFaults) -> None:
        """What its owner does to a file right before the answer."""
        tree, now = self._state.tree, self._state.now()
        if (moved := active.find(DriveFault.MOVED)) and tree.get(file_id):
            tree.change(file_id, now, name=moved["name"], parents=(tree.make_folder(moved["folder"], "", now),))
        uploaded, file = active.find(DriveFault.CONTENT_UPLOADED), tree.get(file_id)
        like = tree.get(uploaded["like"]) if uploaded else None
        if file and like and like.head:
            tree.change(file_id, now, revisions=(*file.revisions, revision_of(like.head.source, now)), modified=now)

    def _after(self, active: ActiveFaults) -> None:
        """What happens to the account right after this page."""
        if upload := active.find(DriveFault.INSERT_ITEM):
            self._upload(upload["item"])
        if gone := active.find(DriveFault.TRASH_ITEM):
            self._state.tree.change(gone["file_id"], self._state.now(), trashed=True)

    def _upload(self, description: dict[str, Any] | None) -> None:
        library, now = self._state.library, datetime.fromtimestamp(self._state.clock.now(), UTC)
        taken = stamp(now.timestamp())
        item = library.put(description) if description is not None else library.put_twin(taken)
        self._state.put_item(item)


def _sent(request: web.Request, whole: dict[str, Any], default: str, shape: Any) -> web.Response:
    """What the request selects of an answer."""
    part = selected(whole, request.query.get("fields"), default, shape)
    return web.json_response(part, headers={"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"})
