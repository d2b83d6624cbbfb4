"""The way in: a token that is good once, and the session that it is exchanged for."""

from __future__ import annotations

import hmac
import html
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from cloud_sync_common.safe_text import protect

ADDRESS = "127.0.0.1"
_BYTES = 32  # of randomness, in token and session
_FILE = """\
<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark"><title>Cloud Sync</title>
<form id="open" method="post" action="http://{host}/open"><input type="hidden" name="token" value="{token}">
<button>Open Cloud Sync</button></form><script>document.getElementById("open").submit()</script></html>
"""


class Door:
    """The token and the session of one server, which is at `host`. `file` has the token until that is used.

    The cookie's name has the port, because a browser sends a cookie to every port of a machine.
    """

    def __init__(self, port: int) -> None:
        self.host = f"{ADDRESS}:{port}"
        self.cookie = f"cloudsync-{port}"
        self.file: Path | None = None
        self._token, self._session = secrets.token_urlsafe(_BYTES), secrets.token_urlsafe(_BYTES)
        self._is_used = False
        self._using = threading.Lock()
        protect(self._token, self._session)

    def exchanged(self, token: str) -> str | None:
        """The value of Set-Cookie for the first who brings the token; None for everybody else."""
        if not _equal(token, self._token):
            return None
        with self._using:
            if self._is_used:
                return None
            self._is_used = True
        self._remove_file()
        return f"{self.cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"

    def knows(self, cookies: str) -> bool:
        """Whether a Cookie header has the session. Another program of this machine may have set a cookie of the same
        name for another path, so that any of several may be the one."""
        found = (_value(pair, self.cookie) for pair in cookies.split(";"))
        return any(_equal(value, self._session) for value in found if value)

    @contextmanager
    def on_a_file(self) -> Iterator[Path]:
        """Writes the file that brings the token to the server, for as long as the block runs and nobody has used it.

        Only its owner may read it. It is in the home folder: a browser that is confined, as Ubuntu's Firefox is,
        reads neither the folder for temporary files nor hidden ones.
        """
        self.file = _new_file()
        self.file.write_text(_FILE.format(host=self.host, token=html.escape(self._token)), encoding="utf-8")
        try:
            yield self.file
        finally:
            self._remove_file()

    def _remove_file(self) -> None:
        if self.file:
            self.file.unlink(missing_ok=True)


def _new_file() -> Path:
    """Made with mode 0600 and under a name that was not there (tempfile.mkstemp)."""
    with suppress(OSError, RuntimeError):
        handle, name = tempfile.mkstemp(prefix="cloudsync-web-", suffix=".html", dir=Path.home())
        os.close(handle)
        return Path(name)
    handle, name = tempfile.mkstemp(prefix="cloudsync-web-", suffix=".html")
    os.close(handle)
    return Path(name)


def _value(pair: str, name: str) -> str:
    with suppress(CookieError):
        morsel = SimpleCookie(pair.strip()).get(name)
        return morsel.value if morsel else ""
    return ""


def _equal(one: str, other: str) -> bool:
    """In a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
