"""The functions' environment as a typed value, and the sentences for variables that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.settings import Settings, parse

ENVIRONMENT = {
    "ENVIRONMENT": "prod",
    "DETAILED_MONITORING": "true",
    "PRIVATE_NETWORK": "true",
    "AUDIT_TRAIL": "false",
    "ARCHIVE_BUCKET": "archive",
    "ARCHIVE_STORAGE_CLASS": "STANDARD",
    "WORK_BUCKET": "work",
    "LEDGER_TABLE": "gopro-sync-tracker",
    "GOPRO_CREDENTIALS_SECRET": "gopro/credentials",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:gopro-sync-alerts",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/letters",
    "FILTERS": '{"gopro": {"types": ["mp4"]}}',
    "MAX_RUN_GB": "500",
    "MAX_ATTEMPTS": "3",
    "CONNECTIONS_PER_VIDEO": "4",
    "SINGLE_PUT_MIB": "64",
    "CHECK_SOURCE_ETAG": "false",
    "RECORD_COPIES": "true",
    "CATALOGUE_PLACES": "true",
    "FRAME_MAKER": "frame-maker",
    "CATALOGUE_REQUESTS": "1000",
    "ALLOW_LOOPBACK_SOURCES": "true",
}


@pytest.fixture
def fresh_settings() -> Iterator[None]:
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def test_every_variable_sets_its_field_with_its_type() -> None:
    assert parse(ENVIRONMENT) == Settings(
        environment="prod",
        detailed_monitoring=True,
        private_network=True,
        audit_trail=False,
        archive_bucket="archive",
        archive_storage_class="STANDARD",
        work_bucket="work",
        ledger_table="gopro-sync-tracker",
        credentials_secrets={"gopro": "gopro/credentials"},
        alerts_topic_arn="arn:aws:sns:us-east-1:000000000000:gopro-sync-alerts",
        dead_letter_queue_url="https://sqs.us-east-1.amazonaws.com/000000000000/letters",
        filters={"gopro": {"types": ["mp4"]}},
        max_run_gb=500,
        max_attempts=3,
        connections_per_video=4,
        single_put_mib=64,
        check_source_etag=False,
        record_copies=True,
        catalogue_places=True,
        frame_maker="frame-maker",
        catalogue_requests=1000,
        allow_loopback_sources=True,
    )


def test_the_example_contains_every_variable() -> None:
    named = {field.name.upper() for field in msgspec.structs.fields(Settings)}
    collected = {"PROVIDER_BASE_URLS", "CREDENTIALS_SECRETS", "PROVIDER_OPTIONS"}
    assert named - collected == set(ENVIRONMENT) - {"GOPRO_CREDENTIALS_SECRET"}


def test_a_function_that_has_no_providers_secret_says_so() -> None:
    rest = {name: value for name, value in ENVIRONMENT.items() if name != "GOPRO_CREDENTIALS_SECRET"}
    with pytest.raises(ConfigurationError, match=r"`credentials_secrets`.*deploy"):
        parse(rest)


def test_the_providers_of_an_environment_are_those_that_have_a_secret() -> None:
    more = {"GOOGLE_DRIVE_CREDENTIALS_SECRET": "google-drive/credentials", "DROPBOX_API_BASE_URL": "https://b.example"}
    assert parse(ENVIRONMENT | more).credentials_secrets == {
        "gopro": "gopro/credentials",
        "google_drive": "google-drive/credentials",
    }


@pytest.mark.parametrize("variable", sorted(set(ENVIRONMENT) - {"GOPRO_CREDENTIALS_SECRET", "FRAME_MAKER"}))
def test_a_missing_variable_is_named(variable: str) -> None:
    rest = {name: value for name, value in ENVIRONMENT.items() if name != variable}
    with pytest.raises(ConfigurationError, match=f"`{variable.lower()}`.*deploy"):
        parse(rest)


@pytest.mark.parametrize("variable", ["MAX_ATTEMPTS", "CONNECTIONS_PER_VIDEO"])
@pytest.mark.parametrize("value", ["many", "", "2.5"])
def test_a_malformed_number_is_named_without_its_value(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable.lower()) as failure:
        parse(ENVIRONMENT | {variable: value})
    assert "many" not in str(failure.value)


def test_base_urls_are_collected_by_their_names_without_a_slash_at_the_end() -> None:
    urls = {"GOPRO_API_BASE_URL": "https://127.0.0.1:8443/", "GOOGLE_OAUTH_BASE_URL": "https://oauth.example"}
    assert parse(ENVIRONMENT | urls).provider_base_urls == {
        "gopro_api": "https://127.0.0.1:8443",
        "google_oauth": "https://oauth.example",
    }


def test_other_variables_are_ignored() -> None:
    assert parse(ENVIRONMENT | {"PATH": "/bin", "PROVIDER_BASE_URLS": "no", "CREDENTIALS_SECRETS": "no"}) == parse(
        ENVIRONMENT
    )


@pytest.mark.usefixtures("fresh_settings")
def test_the_process_reads_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    first = settings.load()
    monkeypatch.setenv("MAX_ATTEMPTS", "9")
    assert settings.load() is first and first.max_attempts == 3


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parse(ENVIRONMENT).max_attempts = 9  # type: ignore[misc]


@pytest.mark.parametrize(("variables", "expected"), [({"LAMBDA_TASK_ROOT": "/var/task"}, True), ({}, False)])
def test_lambda_is_known_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("LAMBDA_TASK_ROOT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert settings.is_a_function() is expected


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gopro": "mp4"}', "none"])
def test_lasting_filters_that_are_no_json_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"variable FILTERS does not fit.*Deploy the stack again"):
        parse(ENVIRONMENT | {"FILTERS": text})
