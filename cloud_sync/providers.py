"""The providers that an environment may name, and what the stack has to know of each.

The function code has a registry of its own (cloud_sync_common.providers); a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

# Its resources have names without the provider's, because they are those of the stacks that had no other.
UNNAMED = "gopro"


@dataclass(frozen=True)
class Provider:
    """One provider. `id` names it in inputs, rows and keys, `title` on the dashboard; `account` is what its owner signs
    in to; `secret` is the name of the secret with its credentials;
    `base_urls` are the values of the configuration with the addresses of its service; `options` are values of the
    configuration without the id before them, which the functions get."""

    id: str
    title: str
    account: str
    secret: str
    base_urls: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """That of its objects in the archive."""
        return f"{self.id}/"

    @property
    def connect(self) -> str:
        """The words of the owner's command that gets new credentials."""
        return f"connect {self.id.replace('_', '-')}"

    def construct_id(self, base: str) -> str:
        """The id of a construct that each provider has: `Schedule`, `GoogleDriveSchedule`."""
        return base if self.id == UNNAMED else "".join(word.title() for word in self.id.split("_")) + base

    def named(self, base: str) -> str:
        """The name of a resource that each provider has: `gopro-sync-nightly`, `gopro-sync-nightly-google-drive`."""
        return base if self.id == UNNAMED else f"{base}-{self.id.replace('_', '-')}"


PROVIDERS = {
    provider.id: provider
    for provider in (
        Provider(
            "gopro",
            "GoPro",
            "GoPro Cloud",
            "gopro/credentials",
            ("gopro_api_base_url", "gopro_images_base_url"),
        ),
        Provider(
            "google_drive",
            "Google Drive",
            "Google Drive",
            "google-drive/credentials",
            ("google_drive_api_base_url", "google_oauth_base_url"),
            options=("shared_with_me", "shared_drives", "shortcuts"),
        ),
        Provider(
            "dropbox",
            "Dropbox",
            "Dropbox",
            "dropbox/credentials",
            ("dropbox_api_base_url", "dropbox_content_base_url"),
        ),
    )
}
