"""The functions' configuration, parsed once into a typed value. Only this module reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError

# Variables that exist once for each provider, or for each address of one: what their names end with, by field.
_COLLECTED = {"credentials_secrets": "_CREDENTIALS_SECRET", "provider_base_urls": "_BASE_URL"}
_OPTIONS = "_PROVIDER_OPTIONS"
_BY_PROVIDER = dict[str, dict[str, Any]]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the environment variable of the same name in capitals. The stack sets them all.

    `credentials_secrets` has the values of `<PROVIDER>_CREDENTIALS_SECRET` by provider name: its keys are the providers
    of this environment. `provider_base_urls` has the values of `<NAME>_BASE_URL` by that name in small letters.
    `filters` is JSON: the lasting filters of each provider by its name, which are read for each run
    (runtime/filter_input.py). `provider_options` has the values of `<PROVIDER>_PROVIDER_OPTIONS`, each a JSON object,
    by provider name. `frame_maker` is the name of the function that makes small pictures; empty: there is none.
    """

    environment: str
    detailed_monitoring: bool
    private_network: bool
    audit_trail: bool
    archive_bucket: str
    archive_storage_class: str
    work_bucket: str
    ledger_table: str
    alerts_topic_arn: str
    dead_letter_queue_url: str
    max_run_gb: int
    max_attempts: int
    connections_per_video: int
    single_put_mib: int
    check_source_etag: bool
    allow_loopback_sources: bool
    record_copies: bool
    catalogue_places: bool
    catalogue_requests: int
    filters: dict[str, dict[str, Any]]
    credentials_secrets: dict[str, str]
    frame_maker: str = ""
    provider_base_urls: dict[str, str] = {}
    provider_options: dict[str, dict[str, Any]] = {}


def parse(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises ConfigurationError naming the one that is missing or has the wrong
    type."""
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        variable = field.encode_name.upper()
        if field.name not in (*_COLLECTED, "filters", "provider_options") and variable in environ:
            given[field.name] = environ[variable]
    given |= {field: found for field, ending in _COLLECTED.items() if (found := _collected(environ, ending))}
    if "FILTERS" in environ:
        given["filters"] = _decoded("FILTERS", environ["FILTERS"], _BY_PROVIDER)
    given["provider_options"] = {
        name: _decoded(f"{name.upper()}{_OPTIONS}", text, dict[str, Any])
        for name, text in _collected(environ, _OPTIONS).items()
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"The function's environment does not fit: {error}. Fields are environment variables in capitals; deploy "
            "the stack again."
        ) from None


def _decoded[T](variable: str, text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"The function's environment variable {variable} does not fit: {error}. Deploy the stack again."
        ) from None


def _collected(environ: Mapping[str, str], ending: str) -> dict[str, str]:
    return {
        name.removesuffix(ending).lower(): value.rstrip("/") for name, value in environ.items() if name.endswith(ending)
    }


@cache
def load() -> Settings:
    """This process's settings."""
    return parse(os.environ)


def is_a_function() -> bool:
    """Whether this process is a Lambda function. Elsewhere a person reads what Python prints."""
    return "LAMBDA_TASK_ROOT" in os.environ
