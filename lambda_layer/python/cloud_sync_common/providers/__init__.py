"""The registry of providers: the only module that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.providers.gopro import GoPro

PROVIDERS: dict[str, Callable[..., Provider]] = {GoPro.name: GoPro}


def get(name: object, base_urls: Mapping[str, str]) -> Provider:
    """The provider with that name. `base_urls` may replace the address of the real service.

    Raises ConfigurationError naming the providers that exist.
    """
    if not isinstance(name, str) or name not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise ConfigurationError(f"The input's field 'provider' must be one of: {known}; not {name!r}.")
    provider = PROVIDERS[name]
    return provider(base_urls[name]) if name in base_urls else provider()
