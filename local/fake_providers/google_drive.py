"""A fake of Google Drive on loopback: `python -m local.fake_providers.google_drive --library FOLDER`.

It prints its URLs and credentials as `key=value` lines, then `ready`, and serves until it gets a signal to stop. One
port stands for www.googleapis.com, oauth2.googleapis.com and accounts.google.com.
"""

import argparse
import asyncio
import ssl
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from local.fake_providers.faults import Clock, FaultRules
from local.fake_providers.google_consent import Consent
from local.fake_providers.google_drive_api import Api
from local.fake_providers.google_drive_control import DriveControl, drive_control_routes
from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_oauth import ACCESS_TOKEN_SECONDS, Authorization
from local.fake_providers.library import Library, LibraryError
from local.fake_providers.serving import HOST, Listeners, in_a_thread, tls_of, until_stopped

HOSTS = ("www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com")
"""The hosts of the real service for which the fake stands."""

_PRINTED = ("base_url", "access_token", "client_id", "client_secret", "refresh_token", "control_url")


class FakeGoogleDrive:
    """One fake Google Drive: an account with a library, its authorization server, and the server of both.

    Lifetimes are in seconds of the fake's own clock. `base_url` and `control_url` are empty until it serves;
    `access_token` and `refresh_token` are always the latest ones.
    """

    def __init__(self, library: Library, *, access_token_seconds: float = ACCESS_TOKEN_SECONDS) -> None:
        clock = Clock()
        tokens = Authorization(clock, access_token_seconds)
        self._state = DriveState(library, clock, tokens, FaultRules(clock))
        self._state.fill()
        self._listeners = Listeners()
        self.library = library
        self.control = DriveControl(self._state)
        self.client_id, self.client_secret = tokens.client_id, tokens.client_secret
        self.base_url = self.control_url = ""

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
        """The port on which it listens."""
        return int(self.base_url.rpartition(":")[2])

    def secrets(self) -> set[str]:
        """Every code and token that it ever issued, and the client's secret."""
        return set(self._state.tokens.known_secrets())

    async def start(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen on loopback; port 0 picks a free one."""
        routes = [*Api(self._state).routes(), *Consent(self._state).routes(), *drive_control_routes(self.control)]
        bound = await self._listeners.listen(routes, port, tls)
        self.base_url = f"{'http' if tls is None else 'https'}://{HOST}:{bound}"
        self.control_url = f"{self.base_url}/_control"

    async def stop(self) -> None:
        """Stop listening and close open connections."""
        await self._listeners.close()


def running(
    library: Library, tls: ssl.SSLContext | None = None, *, port: int = 0, **options: Any
) -> AbstractContextManager[FakeGoogleDrive]:
    """Serve a library from a thread with its own event loop for as long as the block runs.

    `options` are those of FakeGoogleDrive.
    """
    return in_a_thread(FakeGoogleDrive(library, **options), "fake-google-drive", port=port, tls=tls)


async def _serve_until_stopped(fake: FakeGoogleDrive, options: argparse.Namespace) -> None:
    await until_stopped(fake, _PRINTED, port=options.port, tls=tls_of(options.certfile, options.keyfile))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.fake_providers.google_drive", description=__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder with a library.json, or only with videos")
    parser.add_argument("--extra", type=Path, action="append", default=[], help="folder with more videos to serve")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one")
    parser.add_argument("--certfile", type=Path, help="PEM certificate; turns HTTPS on")
    parser.add_argument("--keyfile", type=Path, help="its private key, if that is in another file")
    parser.add_argument("--access-token-seconds", type=float, default=ACCESS_TOKEN_SECONDS)
    parser.add_argument("--testing", action="store_true", help='the app is in "Testing": consents end after seven days')
    parser.add_argument("--bytes-per-second", type=int, help="limit of each download")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 2, with one sentence on stderr, when an option is invalid."""
    options = _options(arguments)
    try:
        fake = FakeGoogleDrive(
            Library.load(options.library, options.extra), access_token_seconds=options.access_token_seconds
        )
    except LibraryError as error:
        print(f"--library or --extra: {error}", file=sys.stderr)
        return 2
    fake.control.set_testing(options.testing)
    if options.bytes_per_second:
        fake.control.add_fault(DriveFault.SLOW, bytes_per_second=options.bytes_per_second)
    try:
        asyncio.run(_serve_until_stopped(fake, options))
    except OSError as error:
        print(f"--port, --certfile or --keyfile: {error}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
