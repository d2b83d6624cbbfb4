"""The values of the configuration that belong to single providers, and their checks at synthesis.

The functions check once more what they are given (cloud_sync_common/providers), and infrastructure never imports them;
a test compares the names, and the number of shared drives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cloud_sync.config_error import ConfigError
from cloud_sync.providers import PROVIDERS, Provider

MOST_DRIVES = 20  # whose positions in their feeds a cursor of the listing has room for
DRIVE_ID = re.compile(r"[A-Za-z0-9_-]{10,40}")  # they have 19 characters; a word such as "all" is none


@dataclass(frozen=True, kw_only=True)
class ProviderValues:
    """What is set for one provider or another. The sentence below each value is its description in
    docs/configuration.md."""

    google_drive_shared_with_me: bool = False
    """Whether the files of other people that the account can see are backed up, too. They count as storage in the
    archive, and each night lists them (docs/drive-and-dropbox.md, "Options")."""
    google_drive_shared_drives: tuple[str, ...] | None = None
    """Shared drives that are backed up, too: their ids, separated by commas. An id is the last part of the drive's
    address in a browser, such as 0AExampleOfAnId9PVA. There may be 20; with none there are none."""
    google_drive_shortcuts: bool = False
    """Whether the files that shortcuts of the account lead to are backed up, too. Each shortcut costs one request a
    night."""
    gopro_api_base_url: str = "https://api.gopro.com"
    """Address of GoPro's API."""
    gopro_images_base_url: str = "https://images-01.gopro.com"
    """Address at which GoPro serves thumbnails."""
    google_drive_api_base_url: str = "https://www.googleapis.com"
    """Address of Google Drive's API."""
    google_oauth_base_url: str = "https://oauth2.googleapis.com"
    """Address at which Google renews tokens."""
    dropbox_api_base_url: str = "https://api.dropboxapi.com"
    """Address of Dropbox's API."""
    dropbox_content_base_url: str = "https://content.dropboxapi.com"
    """Address at which Dropbox serves files."""

    def base_url(self, value: str) -> str:
        """The address in this value, without a slash at its end, so that paths can be joined to it."""
        return str(getattr(self, value)).rstrip("/")

    def options_of(self, provider: Provider) -> dict[str, Any]:
        """The provider's options by the names that the functions have for them."""
        found = {name: getattr(self, f"{provider.id}_{name}") for name in provider.options}
        return {name: value for name, value in found.items() if value is not None}

    def check_values_of(self, providers: Iterable[str]) -> None:
        """Raises ConfigError for an address or an option that cannot work, and for an option of a provider that is none
        of these."""
        for field in (field for provider in PROVIDERS.values() for field in provider.base_urls):
            if not re.fullmatch(r"https://[^\s/]+(/[^\s]*)?", getattr(self, field)):
                raise ConfigError(f"{field} must be an https URL, not {getattr(self, field)!r}.", field)
        self._check_drives()
        for provider in PROVIDERS.values():
            for field in (f"{provider.id}_{name}" for name in provider.options):
                if getattr(self, field) != getattr(ProviderValues, field) and provider.id not in providers:
                    raise ConfigError(
                        f"{field} is set, but providers has no {provider.id} ({','.join(providers)}): add it there, or "
                        f"take {field} out.",
                        field,
                        "providers",
                    )

    def _check_drives(self) -> None:
        field, drives = "google_drive_shared_drives", self.google_drive_shared_drives
        for drive in drives or ():
            if not DRIVE_ID.fullmatch(drive):
                raise ConfigError(
                    f"{field} must be ids of shared drives, separated by commas, each as in the last part of the "
                    f"drive's address (https://drive.google.com/drive/folders/ID), not {drive[:100]!r}.",
                    field,
                )
        if drives is not None and not 0 < len(set(drives)) == len(drives) <= MOST_DRIVES:
            raise ConfigError(
                f'{field} must be 1 to {MOST_DRIVES} ids, each once, or "none", not {",".join(drives)[:200]!r}.', field
            )


def check_providers(names: tuple[str, ...]) -> None:
    """Raises ConfigError unless each exists and is named once."""
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown or not names or len(set(names)) < len(names):
        raise ConfigError(
            f"providers must be one or several of {', '.join(PROVIDERS)}, each once, not {','.join(names)!r}.",
            "providers",
        )
