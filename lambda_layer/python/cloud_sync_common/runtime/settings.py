"""The functions' configuration, parsed once into a typed value. Only this module reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import msgspec

from cloud_sync_common.exceptions import ConfigurationError

_BASE_URL_SUFFIX = "_API_BASE_URL"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the environment variable of the same name in capitals. The stack sets them all.

    `provider_base_urls` contains the values of `<PROVIDER>_API_BASE_URL` by provider name.
    """

    environment: str
    detailed_monitoring: bool
    private_network: bool
    audit_trail: bool
    archive_bucket: str
    archive_storage_class: str
    work_bucket: str
    ledger_table: str
    credentials_secret: str
    alerts_topic_arn: str
    dead_letter_queue_url: str
    max_run_gb: int
    max_attempts: int
    connections_per_video: int
    single_put_mib: int
    check_source_etag: bool
    allow_loopback_sources: bool
    provider_base_urls: dict[str, str] = {}


def parse(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises ConfigurationError naming the one that is missing or has the wrong
    type."""
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        variable = field.encode_name.upper()
        if field.name != "provider_base_urls" and variable in environ:
            given[field.name] = environ[variable]
    given["provider_base_urls"] = {
        name.removesuffix(_BASE_URL_SUFFIX).lower(): value.rstrip("/")
        for name, value in environ.items()
        if name.endswith(_BASE_URL_SUFFIX)
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"The function's environment does not fit: {error}. Fields are environment variables in capitals; deploy "
            "the stack again."
        ) from None


@cache
def load() -> Settings:
    """This process's settings."""
    return parse(os.environ)


def is_a_function() -> bool:
    """Whether this process is a Lambda function. Elsewhere a person reads what Python prints."""
    return "LAMBDA_TASK_ROOT" in os.environ
