"""The registry of providers: the only module that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive
from cloud_sync_common.providers.gopro import GoPro


@dataclass(frozen=True)
class Registered:
    """A provider before it is made. `title` is its name in mails. `base_urls` says which setting holds an address of
    its service, and as which argument `create` takes that: the setting `gopro_api` is the variable
    GOPRO_API_BASE_URL."""

    create: Callable[..., Provider]
    title: str
    base_urls: Mapping[str, str]


PROVIDERS: dict[str, Registered] = {
    GoPro.name: Registered(GoPro, "GoPro", {"gopro_api": "base_url"}),
    GoogleDrive.name: Registered(
        GoogleDrive, "Google Drive", {"google_drive_api": "base_url", "google_oauth": "oauth_url"}
    ),
    Dropbox.name: Registered(Dropbox, "Dropbox", {"dropbox_api": "base_url", "dropbox_content": "content_url"}),
}


def get(name: object, base_urls: Mapping[str, str]) -> Provider:
    """The provider with that name. `base_urls`, by setting, may replace the addresses of the real service.

    Raises ConfigurationError naming the providers that exist.
    """
    if not isinstance(name, str) or name not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise ConfigurationError(f"The input's field 'provider' must be one of: {known}; not {name!r}.")
    provider = PROVIDERS[name]
    given = {argument: base_urls[setting] for setting, argument in provider.base_urls.items() if setting in base_urls}
    return provider.create(**given)
