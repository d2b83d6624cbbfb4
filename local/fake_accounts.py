"""The accounts at the fake providers: where each is served, and the credentials that its owner would store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from local.fake_providers.dropbox import FakeDropbox
from local.fake_providers.google_drive import FakeGoogleDrive
from local.fake_providers.gopro import FakeGoPro

type Fake = FakeGoPro | FakeGoogleDrive | FakeDropbox


@dataclass(frozen=True)
class Account:
    """An account at a fake provider: its URLs, and both kinds of credentials. `publishes_hashes`: the provider names a
    hash of every file."""

    provider: ClassVar[str]
    publishes_hashes: ClassVar[bool] = True
    base_url: str
    control_url: str
    access_token: str
    refresh_token: str

    @abstractmethod
    def addresses(self) -> dict[str, str]:
        """The values of the environment with which the stack reaches this account instead of the real service."""

    def for_the_owner(self) -> dict[str, str]:
        """The variables with which `cloudsync` reaches this account: those addresses, and that of its consent page."""
        return {name.upper(): url for name, url in self.addresses().items()}

    @abstractmethod
    def oauth(self) -> dict[str, str]:
        """The secret's value for OAuth refresh, as the README tells users to store it."""

    def session(self) -> dict[str, str]:
        """The secret's value for an access token alone, which nobody can renew."""
        return {"provider": self.provider, "access_token": self.access_token}


@dataclass(frozen=True)
class GoProAccount(Account):
    """An account at the fake GoPro Cloud."""

    provider = "gopro"
    publishes_hashes = False
    user_id: str
    client_id: str
    client_secret: str

    def addresses(self) -> dict[str, str]:
        return {"gopro_api_base_url": self.base_url, "gopro_images_base_url": self.base_url}

    def oauth(self) -> dict[str, str]:
        return {
            "provider": self.provider,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "user_id": self.user_id,
        }

    def session(self) -> dict[str, str]:
        """The secret's value for a browser session token."""
        return {**super().session(), "user_id": self.user_id}


@dataclass(frozen=True)
class GoogleDriveAccount(Account):
    """An account at the fake Google Drive, whose one port stands for the API and for Google's OAuth server."""

    provider = "google_drive"
    client_id: str
    client_secret: str

    def addresses(self) -> dict[str, str]:
        return {"google_drive_api_base_url": self.base_url, "google_oauth_base_url": self.base_url}

    def for_the_owner(self) -> dict[str, str]:
        return super().for_the_owner() | {"GOOGLE_ACCOUNTS_BASE_URL": self.base_url}

    def oauth(self) -> dict[str, str]:
        return {
            "provider": self.provider,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }


@dataclass(frozen=True)
class DropboxAccount(Account):
    """An account at the fake Dropbox. Its app was connected by PKCE, so the app's secret is not stored."""

    provider = "dropbox"
    content_url: str
    app_key: str

    def addresses(self) -> dict[str, str]:
        return {"dropbox_api_base_url": self.base_url, "dropbox_content_base_url": self.content_url}

    def for_the_owner(self) -> dict[str, str]:
        return super().for_the_owner() | {"DROPBOX_WEB_BASE_URL": self.base_url}

    def oauth(self) -> dict[str, str]:
        return {"provider": self.provider, "client_id": self.app_key, "refresh_token": self.refresh_token}


ACCOUNTS: dict[str, type[Account]] = {
    account.provider: account for account in (GoProAccount, GoogleDriveAccount, DropboxAccount)
}
_OF_FAKES: dict[type[Fake], type[Account]] = {
    FakeGoPro: GoProAccount,
    FakeGoogleDrive: GoogleDriveAccount,
    FakeDropbox: DropboxAccount,
}


def account_of(fake: Fake) -> Account:
    """The account at a fake that runs in this process, with its latest tokens."""
    kind = _OF_FAKES[type(fake)]
    return kind(**{field.name: getattr(fake, field.name) for field in fields(kind)})


def context_of(accounts: Iterable[Account]) -> dict[str, str]:
    """The values of an environment that backs up these accounts, one of each provider, in this order."""
    listed = list(accounts)
    addresses = {name: url for account in listed for name, url in account.addresses().items()}
    return {"providers": ",".join(account.provider for account in listed), **addresses}
