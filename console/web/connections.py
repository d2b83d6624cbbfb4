"""Connections: how each provider is connected, how long that lasts, and pausing it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from console.operations import deployed_config, settings
from console.operations.credentials import CredentialsAge, Health
from console.operations.status import status
from console.stack import Stack
from console.web.page import page, seen
from console.web.words import span_of, typed, when

_WORDS = {
    Health.MISSING: ("stop", "Not connected"),
    Health.REFUSED: ("stop", "Refused by the provider"),
    Health.ENDED: ("stop", "The session has ended"),
    Health.ENDS_SOON: ("warn", "Ends soon"),
    Health.UNTRIED: ("wait", "Not tried yet"),
    Health.RENEWS: ("ok", "Renews itself"),
    Health.LASTS: ("ok", "Works"),
}


@dataclass(frozen=True)
class State:
    """The state of credentials for people: an icon, a word, and a sentence."""

    icon: str
    word: str
    text: str


def health_of(age: CredentialsAge) -> State:
    """What is normal is said quietly."""
    icon, word = _WORDS[age.health]
    if age.days_left is not None and age.days_left > 0:
        word = f"{span_of(age.days_left)} left"
    return State(icon, word, " ".join(_sentences(age)))


def _sentences(age: CredentialsAge) -> list[str]:
    said = {
        Health.MISSING: "No credentials are stored, so its runs stop.",
        Health.REFUSED: "The last run was refused, so its runs stop until you connect again.",
        Health.ENDED: "Its runs stop until you connect again.",
        Health.UNTRIED: "No run has used these credentials yet.",
        Health.RENEWS: "Each run renews what has to be renewed.",
        Health.LASTS: "The last run could use it.",
    }
    found = [said[age.health]] if age.health in said else []
    if age.ends_at and age.health is not Health.ENDED:
        found.append(f"It ends on {when(age.ends_at)} and cannot renew itself.")
    if age.stored_at:
        found.append(f"Stored on {when(age.stored_at)}.")
    if age.lived_days is not None:
        found.append(f"It lived {span_of(age.lived_days)}.")
    return found


@dataclass(frozen=True)
class Connections:
    """The page about the providers of a stack, and what it does."""

    stack: Stack

    def view(self, request: Request) -> HTMLResponse:  # noqa: ARG002 (as every view)
        """No secret is read for it."""
        found = status(self.stack)
        need = [one for one in found.providers if one.credentials.needs_owner and not one.paused]
        return page(self.stack, "connections.html", "/connections", found=found, need=need, health_of=health_of)

    def pause(self, request: Request) -> RedirectResponse:
        """From the next run on. Nothing that is archived changes."""
        return self._set_paused(request, paused=True)

    def resume(self, request: Request) -> RedirectResponse:
        """From the next run on."""
        return self._set_paused(request, paused=False)

    def _set_paused(self, request: Request, *, paused: bool) -> RedirectResponse:
        provider = self.stack.provider(request.path_params["provider"])
        deployed_config.deployed(self.stack)  # a stack of an earlier version knows no settings
        read = settings.readable(settings.current(self.stack, provider))
        settings.change(self.stack, read, msgspec.structs.replace(read.settings, paused=paused))
        return seen(f"/connections#{typed(provider)}")
