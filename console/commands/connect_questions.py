"""What the owner is asked to connect an account. Whatever they paste is asked for without being shown."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from dataclasses import dataclass

import click
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores.pasted_fields import trimmed

from console.commands.hidden_input import hidden
from console.errors import UsageError
from console.operations import connect_gopro
from console.operations.connect_dropbox import DropboxConsent
from console.operations.connect_google import WAIT_SECONDS, GoogleConsent
from console.operations.connect_gopro import Way
from console.operations.loopback_redirect import LoopbackRedirect
from console.operations.pasted_credentials import MOST_CHARACTERS, fault_of
from console.operations.provider_services import Services
from console.output import Output

_ATTEMPTS = 3  # at one question
_WAYS = (
    (Way.PASSWORD, "client id and secret, name and password  (renews itself; no two-factor)"),
    (Way.REFRESH_TOKEN, "client id and secret, refresh token      (renews itself)"),
    (Way.SESSION, "the session of your browser              (ends after hours or days)"),
)


@dataclass(frozen=True)
class Questions:
    """Asks at the terminal, and says the rest on standard error."""

    output: Output
    services: Services

    def say(self, text: str) -> None:
        """One line or several, which a terminal wraps, and a pipe does not."""
        self.output.own_words(text)

    def pasted(self, what: str, field: str = "") -> str:
        """A value for a field of the secret, or for none. Raises UsageError when no answer can be used."""
        for _ in range(_ATTEMPTS):
            found = trimmed(hidden(f"{what}: "))
            protect(found[:MOST_CHARACTERS])
            if not (fault := fault_of(field, found)):
                return found
            self.say(f"The {what[:1].lower()}{what[1:]} {fault}")
        raise UsageError(f"There was no {what[:1].lower()}{what[1:]} that can be used; nothing was stored.")

    def password(self) -> str:
        """As it was typed: a space or a quote may belong to it."""
        for _ in range(_ATTEMPTS):
            found = hidden("Password: ")
            protect(found)
            if found and not {"\n", "\r"} & set(found):
                return found
            self.say("The password is empty, or has several lines.")
        raise UsageError("There was no password that can be used; nothing was stored.")

    def agreed(self, question: str) -> bool:
        """No, unless the answer is yes."""
        return click.confirm(question, default=False, err=True)

    def google(self, *, no_browser: bool, port: int | None) -> Credentials:
        """Raises as GoogleConsent.credentials, and ConsoleError when the port cannot be had."""
        self.say(
            "You need an OAuth client of your own, a 'Desktop app' whose consent screen is published (docs/connect.md, "
            "'Google Drive'). Its id and secret are not shown as you paste them."
        )
        client_id, secret = self.pasted("Client id", "client_id"), self.pasted("Client secret", "client_secret")
        with LoopbackRedirect("Google", port or 0) as redirect:
            consent = GoogleConsent(self.services, client_id, secret, redirect)
            self._lead_to(consent.address, opens=not no_browser)
            self.say(f"Waiting for the browser's answer, {WAIT_SECONDS / 60:.0f} minutes at most (Ctrl-C ends this).")
            return consent.credentials()

    def dropbox(self) -> Credentials:
        """Raises as DropboxConsent.credentials."""
        self.say(
            "You need an app of your own (docs/connect.md, 'Dropbox'). Its key is under 'Settings'; its secret is not "
            "needed. Nothing is shown as you paste it."
        )
        consent = DropboxConsent(self.services, self.pasted("App key", "client_id"))
        self._lead_to(consent.address, opens=False)
        return consent.credentials(self.pasted("Code that Dropbox shows", "access_token"))

    def gopro(self, way: str | None) -> Credentials:
        """Credentials that may have no access token yet. Raises as connect_gopro.signed_in."""
        chosen = Way(way) if way else self._way()
        if chosen is Way.SESSION:
            self.say(
                "Sign in at gopro.com, open the browser's developer tools, and copy the value of the cookie "
                "gp_access_token. (gp_user_id is not needed: GoPro says it.)"
            )
            return Credentials("gopro", access_token=self.pasted("gp_access_token", "access_token"))
        client_id, secret = self.pasted("Client id", "client_id"), self.pasted("Client secret", "client_secret")
        client = Credentials("gopro", client_id=client_id, client_secret=secret)
        if chosen is Way.REFRESH_TOKEN:
            token = self.pasted("Refresh token", "refresh_token")
            return Credentials("gopro", refresh_token=token, client_id=client_id, client_secret=secret)
        self.say("Name and password go to GoPro once, and are kept nowhere.")
        return connect_gopro.signed_in(self.services, client, self.pasted("Name (e-mail)"), self.password())

    def _way(self) -> Way:
        self.say("GoPro can be connected by")
        for number, (_, words) in enumerate(_WAYS, start=1):
            self.say(f"  {number}  {words}")
        numbers = click.IntRange(1, len(_WAYS))
        return _WAYS[click.prompt("Which", type=numbers, default=1, err=True) - 1][0]

    def _lead_to(self, address: str, *, opens: bool) -> None:
        """The address in one line, so that it can be copied whole."""
        self.say("Open this address, sign in, and allow the access:")
        self.output.own_words(address, soft_wrap=True)
        if opens:
            # Some browsers end only when they are closed.
            threading.Thread(target=self._open, args=(address,), daemon=True).start()

    def _open(self, address: str) -> None:
        try:
            is_open = _has_display() and webbrowser.open(address)
        except (webbrowser.Error, OSError):
            is_open = False
        if not is_open:
            self.say("No browser can be opened from here: open the address yourself.")


def _has_display() -> bool:
    """Without one, a browser for terminals would take this one over."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
