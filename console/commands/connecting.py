"""How an account is connected: credentials are got, tried, stored, and a run is offered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers import PROVIDERS

from console.commands.connect_questions import Questions
from console.errors import ConsoleError, UsageError
from console.operations import first_run, pasted_credentials, provider_accounts
from console.operations.connect_gopro import SESSION_IS_SHORT
from console.operations.provider_accounts import Account, Listed
from console.operations.provider_services import Services
from console.operations.stored_credentials import StoredCredentials
from console.output import Output
from console.stack import Stack


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `run_id` is empty where no run was started."""

    provider: str
    secret: str
    account: Account
    listed: Listed
    renews_itself: bool
    run_id: str = ""


@dataclass
class Connecting:
    """One account of `provider`, for one stack. `options` are those of the command."""

    stack: Stack
    output: Output
    services: Services
    provider: str
    options: dict[str, Any]
    _questions: Questions = field(init=False)
    _secret: StoredCredentials = field(init=False)
    _is_stored: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._questions = Questions(self.output, self.services)
        self._secret = StoredCredentials.of(self.stack, self.provider)

    def connected(self, pasted: str | None) -> Connected:
        """Asks for credentials, or takes the JSON that was piped in, and does the rest.

        Raises ConsoleError of every kind, and botocore's errors.
        """
        for note in self.services.notes:
            self._questions.say(note)
        owner = self._secret.owner()
        credentials = self._asked() if pasted is None else pasted_credentials.from_json(pasted, self.provider)
        if credentials.access_token is None:
            credentials = self._renewed(credentials, owner)
        try:
            found = self._tried(credentials, owner)
        except ConsoleError as error:
            if self._is_stored:
                raise type(error)(f"{error} (What GoPro gave for the refresh token is stored all the same.)") from None
            raise
        return self._ended(found)

    def _asked(self) -> Credentials:
        if self.provider == "google_drive":
            return self._questions.google(no_browser=self.options["no_browser"], port=self.options["port"])
        if self.provider == "dropbox":
            return self._questions.dropbox()
        return self._questions.gopro(self.options["way"])

    def _renewed(self, credentials: Credentials, owner: str) -> Credentials:
        """A refresh token is tried by using it. GoPro ends it by that: what came in its place is stored at once, before
        anything else can fail."""
        found = provider_accounts.renewed(self.services, credentials)
        if found.refresh_token == credentials.refresh_token:
            return found
        self._check_owner(owner, found.user_id or "", "; the refresh token that you pasted has ended by being tried")
        self._secret.store(found)
        self._is_stored = True
        if found.access_token is None:
            raise ConsoleError("GoPro gave a new refresh token only. It is stored; start a run, which uses it.")
        return found

    def _tried(self, credentials: Credentials, owner: str) -> Connected:
        """The account and one page of its listing are asked for, then the credentials are stored."""
        title = PROVIDERS[self.provider].title
        self._questions.say(f"Asking {title} for the account and one page of the listing ...")
        account = provider_accounts.account_of(self.services, credentials)
        self._check_owner(owner, account.id)
        known = replace(credentials, user_id=account.id or None, path_root=self._root(credentials, account))
        listed = provider_accounts.listed(self.services, known)
        if not self._is_stored:  # by now, a run may have renewed what was stored
            self._secret.store(known)
        return Connected(
            provider=self.provider,
            secret=self._secret.name,
            account=account,
            listed=listed,
            renews_itself=known.renewable,
        )

    def _check_owner(self, owner: str, account: str, lost: str = "") -> None:
        """An archive is of one account: that another one takes its place is a question of its own, asked once. `lost`
        ends the sentence that nothing was stored."""
        if not (owner and account) or owner == account or self.options["another_account"]:
            return
        if self._is_stored:
            self._questions.say(f"Note: this is another account ({account}) than the one that was connected before.")
            return
        warning = f"The secret {self._secret.name} has credentials of another account than this one ({account})."
        if self.options["from_stdin"]:
            raise UsageError(f"{warning} Repeat this with --another-account if that is meant{lost}.")
        if not self._questions.agreed(f"{warning} Replace them?"):
            raise ConsoleError(f"Nothing was stored{lost}.")

    def _root(self, credentials: Credentials, account: Account) -> str | None:
        """Where paths begin (Dropbox): in a team, everything that the account sees there, or its own folder."""
        wanted = self.options["team_space"]
        if not account.team_root:
            if wanted:
                raise UsageError("--team-space is for an account in a team that has a space of its own; this is none.")
            return credentials.path_root
        if wanted is None and not self.options["from_stdin"]:
            wanted = self._questions.agreed(
                "This account is in a team. Archive the videos of the team's folders too, beside your own?"
            )
        if wanted is None:
            return credentials.path_root
        return account.team_root if wanted else None

    def _ended(self, found: Connected) -> Connected:
        """Shows it, and starts a run if that is wanted."""
        if not self.output.as_json:
            self.output.page.print(_sentence(found), markup=False, emoji=False)
        if not found.renews_itself:
            self._questions.say(SESSION_IS_SHORT)
        if not (self.options["yes"] or (not self.options["from_stdin"] and self._questions.agreed("Start a run now?"))):
            return found
        run_id = first_run.start(self.stack, self.provider)
        if not self.output.as_json:
            self.output.page.print(f"The run {run_id} has started: `cloudsync runs` shows it.", markup=False)
        return msgspec.structs.replace(found, run_id=run_id)


def _sentence(found: Connected) -> str:
    account, listed = found.account, found.listed
    who = f"{account.name} <{account.email}>".strip() if account.email else account.id or "an account without a name"
    more = "" if listed.is_all else ", and others follow"
    of_all = f" of {listed.total:,} items" if listed.total is not None and not listed.is_all else ""
    lasts = "They renew themselves." if found.renews_itself else "They do not renew themselves."
    return (
        f"{PROVIDERS[found.provider].title} is connected: {who}. The first page lists {listed.videos:,} videos{of_all}"
        f"{more}.\nThe credentials are in the secret {found.secret}. {lasts}"
    )
