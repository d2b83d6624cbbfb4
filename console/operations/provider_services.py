"""The providers as the owner's command reaches them, and what their refusals mean for the owner.

Tests have them on this machine: by the settings' names of the functions, such as GOOGLE_DRIVE_API_BASE_URL. The command
sends passwords, codes and tokens there, so a variable that names another machine is refused, and not passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cloud_sync_common import providers
from cloud_sync_common.exceptions import AuthenticationError, CloudSyncError, ConfigurationError, TransientError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.providers import dropbox, google_drive

from console.errors import ConsoleError, CredentialsRefusedError, UsageError
from console.wording import title_of

# Where each service is, by the name of its setting. The pages for consent are the browser's, and no setting of ours.
ADDRESSES = {
    "gopro_api": "https://api.gopro.com",
    "gopro_images": "https://images-01.gopro.com",
    "google_drive_api": google_drive.API,
    "google_oauth": google_drive.OAUTH,
    "google_accounts": "https://accounts.google.com",
    "dropbox_api": dropbox.API,
    "dropbox_content": dropbox.CONTENT,
    "dropbox_web": "https://www.dropbox.com",
}
_ON_THIS_MACHINE = re.compile(r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?::[0-9]{1,5})?/?")


@dataclass(frozen=True)
class Services:
    """The addresses of all services; `replaced` are those that are not the real ones, by setting."""

    replaced: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Services:
        """The real services, but for those that a variable such as GOPRO_API_BASE_URL has on this machine.

        Raises UsageError for a variable with any other address.
        """
        given = {name: found for name in ADDRESSES if (found := environ.get(_variable(name), ""))}
        for name, address in given.items():
            if not _ON_THIS_MACHINE.fullmatch(address):
                raise UsageError(
                    f"The variable {_variable(name)} may only name an address on this machine (127.0.0.1), for tests: "
                    "passwords and tokens are sent there. Unset it."
                )
        return cls({name: address.rstrip("/") for name, address in given.items()})

    def address(self, name: str) -> str:
        """Where a service is, by the name of its setting, without a slash at the end."""
        return self.replaced.get(name, ADDRESSES[name])

    def provider(self, provider_id: str) -> Provider:
        """The provider at these addresses."""
        return providers.get(provider_id, self.replaced)

    def notes(self, providers: Iterable[str]) -> list[str]:
        """A sentence for each of these providers that is not asked where it really is."""
        return [note for provider in providers if (note := self._note(provider))]

    def _note(self, provider: str) -> str:
        own = [name for name in self.replaced if name.partition("_")[0] == provider.partition("_")[0]]
        if not own:
            return ""
        places = " and ".join(dict.fromkeys(self.replaced[name] for name in own))
        says = f"{_variable(own[0])} {'says' if len(own) == 1 else 'and others like it say'}"
        return f"{title_of(provider)} is asked at {places} instead of where it is, as {says}."


def _variable(name: str) -> str:
    return f"{name.upper()}_BASE_URL"


@contextmanager
def answering() -> Iterator[None]:
    """Around what asks a provider. Its errors become sentences for the owner, and nothing is logged meanwhile: the log
    of the function code is standard output.

    Raises CredentialsRefusedError when the provider refuses the credentials or what they may do, else ConsoleError.
    """
    level = logger.log_level
    logger.setLevel("CRITICAL")
    try:
        yield
    except (AuthenticationError, ConfigurationError) as error:
        raise CredentialsRefusedError(str(error)) from None
    except TransientError as error:
        raise ConsoleError(f"{error} Check the network, and repeat the command in some minutes.") from None
    except CloudSyncError as error:
        raise ConsoleError(str(error)) from None
    finally:
        logger.setLevel(level)
