"""Answers in the form of Dropbox: JSON results, errors with an `error_summary` and tags, texts for bad input."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.faults import ActiveFaults, Fault

JSON_TYPE = "application/json"
"""Exactly this, without a charset: Dropbox's own SDK for Python takes nothing else."""


class RefusedError(Exception):
    """A refused call; `response` is what the client gets."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


class Answers:
    """The answers to one request of the route `name`, such as `files/list_folder`, as the active faults change them."""

    def __init__(self, name: str, active: ActiveFaults) -> None:
        self._name = name
        self._active = active

    def result(self, value: object) -> web.Response:
        """200 with JSON."""
        return self._json(200, value)

    def bad_input(self, what: str) -> RefusedError:
        """400: a text, not JSON."""
        text = f'Error in call to API function "{self._name}": {what}'
        return RefusedError(web.Response(status=400, text=text, content_type="text/plain"))

    def error(self, *tags: str, status: int = 409, inner: Mapping[str, Any] | None = None) -> RefusedError:
        """An error of that route, tag within tag: ("path", "not_found") is `path/not_found/..`.

        `inner` are the fields of the innermost tag. The number of dots differs from answer to answer (Dropbox's
        documentation of errors), so that nobody reads the summary as a constant.
        """
        error: dict[str, Any] = {".tag": tags[-1], **(inner or {})}
        for tag in reversed(tags[:-1]):
            error = {".tag": tag, tag: error}
        fault = self._active.find(DropboxFault.SUMMARY_DOTS)
        dots = "." * (fault["dots"] if fault else secrets.randbelow(4))
        return RefusedError(self._json(status, {"error_summary": f"{'/'.join(tags)}/{dots}", "error": error}))

    def throttled(self, fault: Fault) -> RefusedError:
        """429 with JSON, and the seconds to wait in both places."""
        reason, seconds = fault["reason"], fault["retry_after"]
        summary = f"{reason}/{'.' * secrets.randbelow(4)}"
        body = {"error_summary": summary, "error": {"reason": {".tag": reason}, "retry_after": seconds}}
        return RefusedError(self._json(429, body, {"Retry-After": str(seconds)}))

    def _json(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> web.Response:
        named = self._active.find(DropboxFault.CHARSET_NAMED)
        content_type = f"{JSON_TYPE}; charset=utf-8" if named else JSON_TYPE
        return web.Response(
            status=status, body=json.dumps(value).encode(), headers={**(headers or {}), "Content-Type": content_type}
        )


def between(active: ActiveFaults) -> web.Response | None:
    """What comes from before the API: a gateway, an overload without JSON, or a failing service."""
    if fault := active.find(DropboxFault.GATEWAY_ANSWER):
        kind = "text/html" if fault["body"].startswith("<") else JSON_TYPE
        return web.Response(status=fault["status"], body=fault["body"].encode(), content_type=kind)
    if fault := active.find(DropboxFault.THROTTLED_TEXT):
        headers = {} if fault["retry_after"] is None else {"Retry-After": str(fault["retry_after"])}
        return web.Response(status=429, text="too_many_requests", headers=headers)
    if fault := active.find(DropboxFault.SERVER_ERROR):
        return web.Response(status=fault["status"], text="Internal Server Error")
    return None


def oauth(status: int, value: Mapping[str, Any]) -> web.Response:
    """An answer of the token endpoint."""
    return web.Response(status=status, body=json.dumps(value).encode(), headers={"Content-Type": JSON_TYPE})
