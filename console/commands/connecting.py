"""How the command connects an account: it asks, has the answers tried and stored, and offers a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.runtime.wording import count_of

from console.commands.connect_questions import Questions
from console.errors import UsageError
from console.operations import connect_google, connect_gopro, first_run, pasted_credentials
from console.operations.connection import Connected, Connection
from console.operations.provider_services import Services
from console.operations.stored_credentials import StoredCredentials
from console.output import Output
from console.stack import Stack
from console.wording import title_of, typed


@dataclass
class Connecting:
    """One account of `provider`, for one stack. `options` are those of the command. It is also what the owner decides
    (connection.Decisions)."""

    stack: Stack
    output: Output
    services: Services
    provider: str
    options: dict[str, Any]

    def __post_init__(self) -> None:
        self._questions = Questions(self.output, self.services)

    def connected(self, pasted: str | None) -> Connected:
        """Asks for credentials, or takes the JSON that was piped in, and does the rest.

        Raises ConsoleError of every kind, and botocore's errors.
        """
        for note in self.services.notes([self.provider]):
            self.say(note)
        secret = StoredCredentials.of(self.stack, self.provider)
        connection = Connection(self.services, secret, secret.owner(), self)
        credentials = self._asked() if pasted is None else pasted_credentials.from_json(pasted, self.provider)
        return self._ended(connection.completed(credentials))

    def _asked(self) -> Credentials:
        if self.provider == "google_drive":
            return self._questions.google(no_browser=bool(self.options["no_browser"]), port=self.options["port"])
        if self.provider == "dropbox":
            return self._questions.dropbox()
        return self._questions.gopro(self.options["way"])

    def say(self, text: str) -> None:
        """See Decisions."""
        self._questions.say(text)

    def replaces_account(self, warning: str) -> bool:
        """See Decisions."""
        if self.options["another_account"]:
            return True
        if self.options["from_stdin"]:
            self.say("With --another-account they would be replaced.")
            return False
        return self._questions.agreed(f"{warning} Replace them?")

    def takes_team_space(self, *, is_there: bool) -> bool | None:
        """See Decisions."""
        wanted: bool | None = self.options["team_space"]
        if wanted and not is_there:
            raise UsageError("--team-space is for an account in a team that has a space of its own; this is none.")
        if wanted is None and is_there and not self.options["from_stdin"]:
            self.say("This account is in a team, and sees folders of the team beside its own.")
            return self._questions.agreed("Archive the videos in the team's folders too?")
        return wanted

    def _ended(self, found: Connected) -> Connected:
        """Shows what came of it, and starts a run if that is wanted."""
        self._print(_sentence(found))
        if limits := _limits(found, is_pasted=self.options["from_stdin"]):
            self.say(limits)
        if not (self.options["yes"] or (not self.options["from_stdin"] and self._questions.agreed("Start a run now?"))):
            return found
        run_id, pause = first_run.start(self.stack, self.provider)
        if pause:
            self.say(f"{pause.sentence} This run works all the same, and the pause stays.")
        self._print(f"The run {run_id} has started. `cloudsync run --follow {run_id}` shows it.")
        return msgspec.structs.replace(found, run_id=run_id)

    def _print(self, text: str) -> None:
        if not self.output.as_json:
            self.output.page.print(text, markup=False, emoji=False)


def _limits(found: Connected, *, is_pasted: bool) -> str:
    """How long the credentials may last, where that is not for good; empty where it is."""
    if found.renews_itself:
        return connect_google.PASTED if is_pasted and found.provider == "google_drive" else ""
    if found.provider == "gopro":
        return connect_gopro.SESSION_IS_SHORT
    return (
        "An access token alone ends within hours. Start a run at once, or connect with a refresh token, which lasts: "
        f"`cloudsync connect {typed(found.provider)}` in a terminal gets one."
    )


def _sentence(found: Connected) -> str:
    account, listed = found.account, found.listed
    who = f"{account.name} <{account.email}>".strip() if account.email else f"account {account.id or 'without a name'}"
    of_all = f" of {count_of(listed.total, 'item')}" if listed.total is not None else ""
    lasts = "They renew themselves." if found.renews_itself else "They do not renew themselves."
    return (
        f"{title_of(found.provider)} is connected: {who}.\n"
        f"One page was listed: {count_of(listed.videos, 'video')}{of_all}.\n"
        f"The credentials are in the secret {found.secret}. {lasts}"
    )
