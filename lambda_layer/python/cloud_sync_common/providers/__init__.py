"""The registry of providers: the only module that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive, Reach
from cloud_sync_common.providers.gopro import GoPro


@dataclass(frozen=True)
class Registered:
    """A provider before it is made. `title` is its name in mails. `base_urls` says which setting holds an address of
    its service, and as which argument `create` takes that: the setting `gopro_api` is the variable
    GOPRO_API_BASE_URL. `options` is the type of what else can be set, which `create` takes as its argument of that
    name: the variable GOOGLE_DRIVE_PROVIDER_OPTIONS has it as JSON."""

    create: Callable[..., Provider]
    title: str
    base_urls: Mapping[str, str]
    options: tuple[str, type[msgspec.Struct]] | None = None


PROVIDERS: dict[str, Registered] = {
    GoPro.name: Registered(GoPro, "GoPro", {"gopro_api": "base_url", "gopro_images": "images_url"}),
    GoogleDrive.name: Registered(
        GoogleDrive,
        "Google Drive",
        {"google_drive_api": "base_url", "google_oauth": "oauth_url"},
        ("reach", Reach),
    ),
    Dropbox.name: Registered(Dropbox, "Dropbox", {"dropbox_api": "base_url", "dropbox_content": "content_url"}),
}


def get(name: object, base_urls: Mapping[str, str], options: Mapping[str, Mapping[str, Any]] | None = None) -> Provider:
    """The provider with that name. `base_urls`, by setting, may replace the addresses of the real service; `options`
    are those of each provider, by its name.

    Raises ConfigurationError naming the providers that exist, or the option that does not fit.
    """
    if not isinstance(name, str) or name not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise ConfigurationError(f"The input's field 'provider' must be one of: {known}; not {name!r}.")
    provider = PROVIDERS[name]
    given: dict[str, Any] = {
        argument: base_urls[setting] for setting, argument in provider.base_urls.items() if setting in base_urls
    }
    if provider.options and name in (options or {}):
        argument, kind = provider.options
        given[argument] = _options(name, (options or {})[name], kind)
    return provider.create(**given)


def _options(name: str, given: Mapping[str, Any], kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"The function's environment variable {name.upper()}_PROVIDER_OPTIONS does not fit: {error}. Deploy the "
            "stack again."
        ) from None
