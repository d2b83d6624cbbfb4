"""A fake of Dropbox on loopback: `python -m local.fake_providers.dropbox --library FOLDER`.

It speaks HTTPS, as Dropbox does. It prints its URLs and credentials as `key=value` lines, then `ready`, and serves
until it gets a signal to stop. Without a certificate of yours it makes one, for 127.0.0.1 and for Dropbox's own names,
and prints as `authority` the file that a client has to trust.
"""

import argparse
import asyncio
import ssl
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from local.fake_providers.dropbox_api import Api
from local.fake_providers.dropbox_consent import Consent
from local.fake_providers.dropbox_content import Content
from local.fake_providers.dropbox_control import DropboxControl, control_routes
from local.fake_providers.dropbox_oauth import ACCESS_TOKEN_SECONDS, Authorization
from local.fake_providers.dropbox_route import numbered
from local.fake_providers.dropbox_state import LINK_SECONDS, DropboxState
from local.fake_providers.dropbox_thumbnails import Thumbnails
from local.fake_providers.faults import Clock, FaultRules
from local.fake_providers.library import Library, LibraryError
from local.fake_providers.serving import HOST, Listeners, in_a_thread, tls_of, until_stopped

HOSTS = ("api.dropboxapi.com", "content.dropboxapi.com", "notify.dropboxapi.com", "www.dropbox.com", "api.dropbox.com")
"""The hosts of Dropbox that the fake is, for programs that cannot be told another one."""

_MOST_BYTES = 1024 * 1024  # of a request
_PRINTED = (
    "base_url",
    "content_url",
    "control_url",
    "app_key",
    "app_secret",
    "access_token",
    "refresh_token",
    "account_id",
    "authority",
)


class FakeDropbox:
    """One fake Dropbox: an account with the files of a library, and its servers.

    Lifetimes are in seconds of the fake's own clock. `base_url` (also that of the authorization page), `content_url`
    and `control_url` are empty until it serves; `access_token` and `refresh_token` are always the latest ones.
    `authority` is the file of the authority that it has made for its certificate, empty when it has made none.
    """

    def __init__(
        self,
        library: Library,
        *,
        access_token_seconds: float = ACCESS_TOKEN_SECONDS,
        link_seconds: float = LINK_SECONDS,
    ) -> None:
        clock = Clock()
        tokens = Authorization(clock, access_token_seconds)
        self._state = DropboxState(library, clock, tokens, FaultRules(clock), link_seconds=link_seconds)
        self._state.fill()
        self._listeners = Listeners()
        self.library = library
        self.control = DropboxControl(self._state)
        self.app_key, self.app_secret = tokens.app_key, tokens.app_secret
        self.base_url = self.content_url = self.control_url = self.authority = ""

    @property
    def access_token(self) -> str:
        """The access token issued last."""
        return self._state.tokens.access_token

    @property
    def refresh_token(self) -> str:
        """The refresh token issued last."""
        return self._state.tokens.refresh_token

    @property
    def port(self) -> int:
        """The port of the API."""
        return int(self.base_url.rpartition(":")[2])

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._state.account.account_id

    def secrets(self) -> set[str]:
        """Every token and code that it ever issued, and the app's secret."""
        return set(self._state.tokens.known_secrets())

    async def start(self, *, port: int = 0, content_port: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        """Listen on loopback; port 0 picks a free one. With `content_port` content has a port of its own."""
        scheme, content = "http" if tls is None else "https", Content(self._state)
        api = [*Api(self._state, content).routes(), *Consent(self._state).routes(), *control_routes(self.control)]
        of_content = [*content.routes(), *Thumbnails(self._state).routes()]
        if content_port is not None:
            self._state.content_port = await self._listen(of_content, content_port, tls)
            bound = await self._listen(api, port, tls)
        else:
            bound = await self._listen([*api, *of_content], port, tls)
        self.base_url = f"{scheme}://{HOST}:{bound}"
        self.content_url = f"{scheme}://{HOST}:{self._state.content_port or bound}"
        self.control_url = f"{self.base_url}/_control"

    async def _listen(self, routes: Sequence[web.RouteDef], port: int, tls: ssl.SSLContext | None) -> int:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.on_response_prepare.append(numbered)
        return await self._listeners.listen(routes, port, tls, app)

    async def stop(self) -> None:
        """Stop listening and close open connections."""
        await self._listeners.close()


def own_certificate(authority_file: Path) -> ssl.SSLContext:
    """TLS with a new certificate for 127.0.0.1, localhost and Dropbox's names; writes its authority to that file."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, "localhost", *HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(str(authority_file))
    return context


def running(
    library: Library,
    tls: ssl.SSLContext | None = None,
    *,
    port: int = 0,
    content_port: int | None = None,
    **options: Any,
) -> AbstractContextManager[FakeDropbox]:
    """Serve a library from a thread with its own event loop for as long as the block runs; without `tls` by plain HTTP.

    `options` are those of FakeDropbox.
    """
    fake = FakeDropbox(library, **options)
    return in_a_thread(fake, "fake-dropbox", port=port, content_port=content_port, tls=tls)


async def _serve_until_stopped(fake: FakeDropbox, options: argparse.Namespace, folder: Path) -> None:
    tls = tls_of(options.certfile, options.keyfile)
    if tls is None:
        fake.authority = str(folder / "authority.pem")
        tls = own_certificate(folder / "authority.pem")
    await until_stopped(fake, _PRINTED, port=options.port, content_port=options.content_port, tls=tls)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.fake_providers.dropbox", description=__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder with a library.json, or only with videos")
    parser.add_argument("--extra", type=Path, action="append", default=[], help="folder with more videos to serve")
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 picks a free one")
    parser.add_argument("--content-port", type=int, help="port of the content; that of the API by default")
    parser.add_argument("--certfile", type=Path, help="PEM certificate; one is made by default")
    parser.add_argument("--keyfile", type=Path, help="its private key, if that is in another file")
    parser.add_argument("--access-token-seconds", type=float, default=ACCESS_TOKEN_SECONDS)
    parser.add_argument("--link-seconds", type=float, default=LINK_SECONDS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 2, with one sentence on stderr, when an option is invalid."""
    options = _options(arguments)
    try:
        library = Library.load(options.library, options.extra)
    except LibraryError as error:
        print(f"--library or --extra: {error}", file=sys.stderr)
        return 2
    fake = FakeDropbox(library, access_token_seconds=options.access_token_seconds, link_seconds=options.link_seconds)
    try:
        with tempfile.TemporaryDirectory(prefix="fake-dropbox-") as folder:
            asyncio.run(_serve_until_stopped(fake, options, Path(folder)))
    except OSError as error:
        print(f"--port, --content-port, --certfile or --keyfile: {error}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
