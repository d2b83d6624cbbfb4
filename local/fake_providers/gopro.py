"""A fake of GoPro Cloud on loopback: `python -m local.fake_providers.gopro --library FOLDER`.

It prints its URLs and credentials as `key=value` lines, then `ready`, and serves until it gets a signal to stop.
"""

import argparse
import asyncio
import ssl
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from local.fake_providers.control import Control, control_routes
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.faults import Clock, FaultRules
from local.fake_providers.gopro_api import Api
from local.fake_providers.gopro_cdn import Cdn
from local.fake_providers.gopro_pictures import Thumbnails
from local.fake_providers.gopro_state import (
    DEFAULT_ACCESS_TOKEN_SECONDS,
    ETAG_PART_SIZE,
    LINK_SECONDS,
    PER_PAGE_CAP,
    GoProState,
    Tokens,
)
from local.fake_providers.library import Library, LibraryError
from local.fake_providers.serving import HOST, Listeners, in_a_thread, tls_of, until_stopped

_PRINTED = ("base_url", "access_token", "user_id", "client_id", "client_secret", "refresh_token", "control_url")


class FakeGoPro:
    """One fake GoPro Cloud: an account with a library, and its servers.

    Lifetimes are in seconds of the fake's own clock, `etag_part_size` is in bytes. `base_url`, `cdn_url` and
    `control_url` are empty until it serves; `access_token` and `refresh_token` are always the latest ones.
    """

    def __init__(
        self,
        library: Library,
        *,
        access_token_seconds: float = DEFAULT_ACCESS_TOKEN_SECONDS,
        link_seconds: float = LINK_SECONDS,
        etag_part_size: int = ETAG_PART_SIZE,
        per_page_cap: int = PER_PAGE_CAP,
    ) -> None:
        clock = Clock()
        tokens = Tokens(clock, access_token_seconds)
        self._state = GoProState(library, clock, tokens, FaultRules(clock))
        self._state.link_seconds = link_seconds
        self._state.etag_part_size = etag_part_size
        self._state.per_page_cap = per_page_cap
        self._listeners = Listeners()
        self.library = library
        self.control = Control(self._state)
        self.client_id, self.client_secret, self.user_id = tokens.client_id, tokens.client_secret, tokens.user_id
        self.username, self.password = tokens.username, tokens.password
        self.base_url = self.cdn_url = self.control_url = ""

    @property
    def access_token(self) -> str:
        """The access token issued last."""
        return self._state.tokens.access_token

    @property
    def refresh_token(self) -> str:
        """The refresh token issued last."""
        return self._state.tokens.refresh_token

    def secrets(self) -> set[str]:
        """Every token that it ever issued, those for thumbnails too, the client's secret, and the owner's password."""
        return {*self._state.tokens.known_secrets(), *self._state.media_tokens}

    async def start(self, *, port: int = 0, cdn_port: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        """Listen on loopback; port 0 picks a free one. With `cdn_port` the CDN listens on a port of its own."""
        scheme = "http" if tls is None else "https"
        api = [*Api(self._state).routes(), *control_routes(self.control)]
        cdn = [*Cdn(self._state).routes(), *Thumbnails(self._state).routes()]
        if cdn_port is not None:
            self._state.cdn_port = await self._listeners.listen(cdn, cdn_port, tls)
            bound = await self._listeners.listen(api, port, tls)
        else:
            bound = await self._listeners.listen([*api, *cdn], port, tls)
        self.base_url = f"{scheme}://{HOST}:{bound}"
        self.cdn_url = f"{scheme}://{HOST}:{self._state.cdn_port or bound}"
        self.control_url = f"{self.base_url}/_control"

    async def stop(self) -> None:
        """Stop listening and close open connections."""
        await self._listeners.close()


def running(
    library: Library,
    tls: ssl.SSLContext | None = None,
    *,
    port: int = 0,
    cdn_port: int | None = None,
    **options: Any,
) -> AbstractContextManager[FakeGoPro]:
    """Serve a library from a thread with its own event loop for as long as the block runs.

    `options` are those of FakeGoPro.
    """
    fake = FakeGoPro(library, **options)
    return in_a_thread(fake, "fake-gopro", port=port, cdn_port=cdn_port, tls=tls)


async def _serve_until_stopped(fake: FakeGoPro, options: argparse.Namespace) -> None:
    tls = tls_of(options.certfile, options.keyfile)
    await until_stopped(fake, _PRINTED, port=options.port, cdn_port=options.cdn_port, tls=tls)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.fake_providers.gopro", description=__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder with a library.json, or only with videos")
    parser.add_argument("--extra", type=Path, action="append", default=[], help="folder with more videos to serve")
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 picks a free one")
    parser.add_argument("--cdn-port", type=int, help="port of the CDN; that of the API by default")
    parser.add_argument("--certfile", type=Path, help="PEM certificate; turns HTTPS on")
    parser.add_argument("--keyfile", type=Path, help="its private key, if that is in another file")
    parser.add_argument("--access-token-seconds", type=float, default=DEFAULT_ACCESS_TOKEN_SECONDS)
    parser.add_argument("--link-seconds", type=float, default=LINK_SECONDS)
    parser.add_argument("--bytes-per-second", type=int, help="limit of each CDN connection")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 2, with one sentence on stderr, when an option is invalid."""
    options = _options(arguments)
    try:
        library = Library.load(options.library, options.extra)
    except LibraryError as error:
        print(f"--library or --extra: {error}", file=sys.stderr)
        return 2
    fake = FakeGoPro(library, access_token_seconds=options.access_token_seconds, link_seconds=options.link_seconds)
    if options.bytes_per_second:
        fake.control.add_fault(FaultKind.SLOW, bytes_per_second=options.bytes_per_second)
    try:
        asyncio.run(_serve_until_stopped(fake, options))
    except OSError as error:
        print(f"--port, --cdn-port, --certfile or --keyfile: {error}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
