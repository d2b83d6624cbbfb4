"""Bytes of files: alt=media with ranges, as Google's upload server answers it (drive-and-dropbox.md B).

There is no ETag and no redirect; the Content-Type is the file's own. `x-goog-hash` is only on whole files here: whether
Drive sends it with a part is not established, so the fault `hash_header` can put it there.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping

from aiohttp import web

from local.fake_providers.cdn_objects import CHUNK, CdnObject
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_answers import record
from local.fake_providers.google_drive_errors import (
    DriveError,
    no_binary_content,
    of_reason,
    range_not_satisfiable,
)
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_files import hashes
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_tree import DriveFile, Revision
from local.fake_providers.gopro_cdn import requested_span


class Media:
    """Sends the content of files."""

    def __init__(self, state: DriveState) -> None:
        self._state = state

    async def send(
        self, request: web.Request, active: ActiveFaults, file: DriveFile, revision: Revision | None
    ) -> web.StreamResponse:
        """Answer a GET with alt=media. Raises DriveError for what Drive refuses."""
        content = _admitted(request, active, file, revision)
        if active.find(DriveFault.PAGE_INSTEAD):
            return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")
        stored = CdnObject(content.source, inverted=active.find(DriveFault.CONTENT_REPLACED) is not None)
        first, length, partial = _asked(request, active, stored.size)
        headers = await asyncio.to_thread(_headers, file, content, active, partial=partial)
        if partial:
            wrong = active.find(DriveFault.TOTAL_WRONG)
            total = stored.size - (wrong["bytes_off"] if wrong else 0)
            headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{total}"
        response = web.StreamResponse(status=206 if partial else 200, headers=headers)
        response.content_length = length
        record(self._state, request, DriveEndpoint.MEDIA, response.status)
        await response.prepare(request)
        await self._stream(request, response, active, file.file_id, _Body(stored, first, length, active))
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, active: ActiveFaults, file_id: str, body: "_Body"
    ) -> None:
        slow, started, sent = active.find(DriveFault.SLOW), time.monotonic(), 0
        for piece in body:
            self._state.log.served(file_id, len(piece))
            await response.write(piece)
            sent += len(piece)
            if slow and self._state.faults.in_force(slow):
                await asyncio.sleep(started + sent / slow["bytes_per_second"] - time.monotonic())
        if active.find(DriveFault.CONNECTION_CUT) and request.transport:
            request.transport.close()
        elif active.find(DriveFault.STALL):
            await asyncio.Event().wait()


def _admitted(request: web.Request, active: ActiveFaults, file: DriveFile, revision: Revision | None) -> Revision:
    """The content to send. The order of Drive's own checks is not published."""
    if (content := revision or file.head) is None:
        raise no_binary_content()
    if not file.downloadable or active.find(DriveFault.NOT_DOWNLOADABLE):
        raise of_reason("cannotDownloadFile")
    acknowledged = request.query.get("acknowledgeAbuse", "").lower() == "true"
    abusive = active.find(DriveFault.ABUSIVE)
    if abusive and not (acknowledged and not abusive["even_acknowledged"]):
        raise of_reason(abusive["reason"])
    if acknowledged and not abusive:
        # A file that is not marked is then refused (rclone issue 2317); what Drive says is not published.
        raise DriveError(403, "invalidAbuseAcknowledgment", "The file is not marked as abusive.")
    if active.find(DriveFault.DOWNLOAD_QUOTA):
        raise of_reason("downloadQuotaExceeded")
    if active.find(DriveFault.BAD_REQUEST):
        raise of_reason("badRequest")
    return content


def _asked(request: web.Request, active: ActiveFaults, total: int) -> tuple[int, int, bool]:
    """The first byte, the number of bytes, and whether that is a part. Raises DriveError for 416, also for an empty
    file, whose answer has `*/0` (rclone backend/drive/drive.go, Open)."""
    header = request.headers.get("Range")
    if active.find(DriveFault.RANGE_IGNORED):
        header = None
    span = None if header and active.find(DriveFault.RANGE_REFUSED) else requested_span(header, total)
    if span is None:
        raise range_not_satisfiable()
    if not span.partial:
        return 0, total, False
    first, length = span.first, span.length
    if shift := active.find(DriveFault.RANGE_SHIFTED):
        first = min(first + shift["bytes_off"], total - 1)
        length = min(length, total - first)
    if short := active.find(DriveFault.RANGE_SHORT):
        length = min(length, short["most"])
    return first, length, True


def _headers(file: DriveFile, content: Revision, active: ActiveFaults, *, partial: bool) -> dict[str, str]:
    shown = active.find(DriveFault.HASH_HEADER)
    headers = {
        "Content-Type": file.mime_type,
        "Content-Disposition": "attachment",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Vary": "Origin, X-Origin",
        "X-GUploader-UploadID": secrets.token_urlsafe(48),
        "Server": "UploadServer",
    }
    if (206 if partial else 200) in (shown["statuses"] if shown else [200]):
        headers["x-goog-hash"] = f"crc32c={hashes(content.source).crc32c}"
    if active.find(DriveFault.ETAG_PRESENT):
        headers["ETag"] = f'"{content.revision_id}"'
    return headers


def refused_range(total: int) -> Mapping[str, str]:
    """The headers of a 416."""
    return {"Content-Range": f"bytes */{total}", "Server": "UploadServer"}


class _Body:
    """The bytes of an answer, up to the byte at which a fault ends it, in pieces small enough for a slow connection."""

    def __init__(self, stored: CdnObject, first: int, length: int, active: ActiveFaults) -> None:
        kinds = (DriveFault.CONNECTION_CUT, DriveFault.STALL)
        ends = [fault["byte"] for kind in kinds if (fault := active.find(kind))]
        slow = active.find(DriveFault.SLOW)
        self._stored, self._first, self._length = stored, first, min([length, *ends])
        self._chunk = max(1, min(CHUNK, slow["bytes_per_second"] // 10)) if slow else CHUNK
        corrupted = active.find(DriveFault.BYTES_CORRUPTED)
        self._corrupted = corrupted["byte"] if corrupted else -1

    def __iter__(self) -> Iterator[bytes]:
        offset = self._first
        for piece in self._stored.chunks(self._first, self._length, self._chunk):
            at = self._corrupted - offset
            yield piece[:at] + bytes([255 - piece[at]]) + piece[at + 1 :] if 0 <= at < len(piece) else piece
            offset += len(piece)
