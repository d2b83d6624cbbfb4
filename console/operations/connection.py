"""From credentials to a connected account: they are tried, then stored in the secret of their provider.

"Tried" means that the account is asked for and one page of its listing, by the code that a run uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers import google_drive

from console.errors import ConsoleError
from console.operations import connect_google, provider_accounts
from console.operations.provider_accounts import Account, Listed
from console.operations.provider_services import Services
from console.operations.stored_credentials import StoredCredentials
from console.wording import title_of


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `run_id` is empty where no run was started."""

    provider: str
    secret: str
    account: Account
    listed: Listed
    renews_itself: bool
    run_id: str = ""


class Decisions(Protocol):
    """What only the owner can say, and what they are told meanwhile."""

    def say(self, text: str) -> None:
        """Tells them what is being done, or what they have to know."""
        ...

    def replaces_account(self, warning: str) -> bool:
        """Whether the credentials of another account may be replaced. Raises UsageError where nobody can be asked."""
        ...

    def takes_team_space(self, *, is_there: bool) -> bool | None:
        """Whether a team's folders belong into the archive beside the account's own; None: as the credentials say.
        Raises UsageError when that is wanted and there are none."""
        ...


@dataclass
class Connection:
    """One account of the provider whose secret that is. `owner` is the id of the account that was connected before,
    empty where there is none or it is not known."""

    services: Services
    secret: StoredCredentials
    owner: str
    decisions: Decisions
    _is_stored: bool = field(init=False, default=False)

    def completed(self, credentials: Credentials) -> Connected:
        """Tries credentials and stores them. Those without an access token are renewed first.

        Raises CredentialsRefusedError when the provider refuses them, ConsoleError, UsageError, and botocore's errors.
        """
        if credentials.access_token is None:
            credentials = self._renewed(credentials)
        try:
            return self._tried(credentials)
        except ConsoleError as error:
            if self._is_stored:
                raise type(error)(
                    f"{error} (What came in place of the refresh token is stored all the same.)"
                ) from None
            raise

    def _renewed(self, credentials: Credentials) -> Credentials:
        """A refresh token is tried by using it. Where that ends it, what came in its place is stored at once, before
        anything else can fail."""
        found = provider_accounts.renewed(self.services, credentials)
        if found.provider == google_drive.GoogleDrive.name:
            connect_google.check_lasts(found)
        if found.refresh_token == credentials.refresh_token:
            return found
        self._check_owner(found.user_id or "", "; the refresh token that you gave has ended by being tried")
        try:
            self.secret.store(found)
        except Exception:
            self.decisions.say("The refresh token that you gave has ended by being tried. Obtain another one, because:")
            raise
        self._is_stored = True
        if found.access_token is None:
            raise ConsoleError("The provider gave a new refresh token only. It is stored; start a run, which uses it.")
        return found

    def _tried(self, credentials: Credentials) -> Connected:
        self.decisions.say(f"Asking {title_of(credentials.provider)} for the account and one page of videos ...")
        account = provider_accounts.account_of(self.services, credentials)
        self._check_owner(account.id)
        known = replace(credentials, user_id=account.id or None, path_root=self._root(credentials, account))
        listed = provider_accounts.listed(self.services, known)
        if not self._is_stored:  # by now, a run may have renewed what was stored
            self.secret.store(known)
        return Connected(
            provider=known.provider,
            secret=self.secret.name,
            account=account,
            listed=listed,
            renews_itself=known.renewable,
        )

    def _check_owner(self, account: str, lost: str = "") -> None:
        """An archive is of one account: that another one takes its place is a question of its own. `lost` ends the
        sentence that nothing was stored."""
        if not (self.owner and account) or self.owner == account:
            return
        if self._is_stored:
            self.decisions.say(f"Note: this is another account ({account}) than the one that was connected before.")
            return
        warning = f"The secret {self.secret.name} has credentials of another account than this one ({account})."
        if not self.decisions.replaces_account(warning):
            raise ConsoleError(f"{warning} Nothing was stored{lost}.")

    def _root(self, credentials: Credentials, account: Account) -> str | None:
        """Where paths begin (Dropbox): in a team, everything that the account sees there, or its own folder."""
        wanted = self.decisions.takes_team_space(is_there=account.team_root != "")
        if wanted is None or not account.team_root:
            return credentials.path_root
        return account.team_root if wanted else None
