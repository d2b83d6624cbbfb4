"""Credentials in Secrets Manager: read field by field, and replaced without losing a rotated token."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.stores.credential_store import CURRENT, RENEWED, CredentialStore

from tests.integration.aws_on_loopback import SECRET, Aws
from tests.integration.secret_check import Output, assert_no_secret

OAUTH = {
    "provider": "gopro",
    "access_token": "access-token-0",
    "refresh_token": "refresh-token-0",
    "client_id": "client-id-0",
    "client_secret": "client-secret-0",
    "user_id": "user-0",
    "note": "the owner's own field",
}
SESSION = {"provider": "gopro", "access_token": "session-token-0", "user_id": "user-0"}


@pytest.fixture
def store(aws: Aws) -> CredentialStore:
    return CredentialStore(aws.secrets, SECRET, "gopro")


def renewed(old: Credentials) -> Credentials:
    return replace(old, access_token="access-token-1", refresh_token="refresh-token-1", expires_at=1_900_000_000.5)


def stored(aws: Aws, stage: str = CURRENT) -> dict[str, Any]:
    return json.loads(aws.secrets.get_secret_value(SecretId=SECRET, VersionStage=stage)["SecretString"])


# Reading


def test_oauth_credentials_are_read_completely(aws: Aws, store: CredentialStore) -> None:
    version = aws.store(OAUTH | {"expires_at": 1_800_000_000})
    assert store.load() == Credentials(
        provider="gopro",
        access_token="access-token-0",
        refresh_token="refresh-token-0",
        client_id="client-id-0",
        client_secret="client-secret-0",
        user_id="user-0",
        expires_at=1_800_000_000.0,
        version=version,
    )


@pytest.mark.parametrize("value", [SESSION, {"access_token": "session-token-0"}, SESSION | {"refresh_token": None}])
def test_a_session_token_alone_is_enough(aws: Aws, store: CredentialStore, value: dict[str, Any]) -> None:
    aws.store(value)
    found = store.load()
    assert (found.access_token, found.renewable) == ("session-token-0", False)


@pytest.mark.parametrize("moment", ["soon", None, [1]])
def test_an_invalid_expiry_is_unknown(aws: Aws, store: CredentialStore, moment: object) -> None:
    aws.store(SESSION | {"expires_at": moment})
    assert store.load().expires_at is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "No credentials are stored"),
        (" \n", "No credentials are stored"),
        ("access-token-0", "JSON object"),
        ('{"access_token": "access-token-0"', "JSON object"),
        ('["access-token-0"]', "JSON object"),
        ('"access-token-0"', "JSON object"),
        ({}, "JSON object"),
        ({"provider": "gopro"}, "neither 'refresh_token' nor 'access_token'"),
        ({"access_token": ""}, "neither 'refresh_token' nor 'access_token'"),
        ({"refresh_token": "refresh-token-0", "client_secret": "client-secret-0"}, "no 'client_id'"),
        ({"refresh_token": "refresh-token-0", "client_id": "client-id-0"}, "no 'client_secret'"),
        (SESSION | {"access_token": 1234567890123}, "'access_token'.*must be text"),
        (SESSION | {"access_token": ["session-token-0"]}, "'access_token'.*must be text"),
        (SESSION | {"user_id": ["7"]}, "'user_id'.*must be text"),
        (SESSION | {"provider": "dropbox"}, "'provider'.*'gopro'"),
        (SESSION | {"provider": 7}, "'provider'.*must be text"),
    ],
)
def test_an_invalid_secret_is_an_error_that_names_the_field_and_not_the_value(
    aws: Aws, store: CredentialStore, value: object, message: str
) -> None:
    if value != "":
        aws.store(value)
    with pytest.raises(ConfigurationError, match=message) as failure:
        store.load()
    text = str(failure.value)
    assert SECRET in text and not any(word in text for word in ("token-0", "secret-0", "1234567890123"))


@pytest.mark.parametrize("value", ["", "{}", '{"provider": "gopro"}', '{"refresh_token": "r"}'])
def test_an_incomplete_secret_says_how_to_store_a_complete_one(aws: Aws, store: CredentialStore, value: str) -> None:
    if value:
        aws.store(value)
    with pytest.raises(
        ConfigurationError,
        match=r"`cloudsync connect gopro`\. By hand: aws secretsmanager put-secret-value --secret-id gopro/credentials",
    ):
        store.load()


def test_the_credentials_of_a_public_client_need_no_client_secret_and_the_sentence_asks_for_none(aws: Aws) -> None:
    public = CredentialStore(aws.secrets, SECRET, "gopro", has_client_secret=False)
    aws.store({"refresh_token": "refresh-token-0", "client_id": "client-id-0"})
    assert (public.load().renewable, public.load().client_secret) == (True, None)
    aws.store({"refresh_token": "refresh-token-0"})
    with pytest.raises(ConfigurationError, match="no 'client_id'") as failure:
        public.load()
    assert "client_secret" not in str(failure.value)


@pytest.mark.parametrize(("stored_root", "expected"), [("7345", "7345"), (7345, "7345"), ("", None), (None, None)])
def test_the_root_of_paths_is_read_and_kept_through_a_renewal(
    aws: Aws, store: CredentialStore, stored_root: object, expected: str | None
) -> None:
    aws.store(OAUTH | {"path_root": stored_root})
    old = store.load()
    assert old.path_root == store.replace(old, renewed(old)).path_root == expected


def test_the_root_of_paths_is_not_masked_in_the_log(aws: Aws, store: CredentialStore, output: Output) -> None:
    aws.store(OAUTH | {"path_root": "9876501234567"})
    store.load()
    logger.info("the root is 9876501234567")
    assert output.log[0]["message"] == "the root is 9876501234567"


def test_a_missing_secret_counts_as_no_credentials(aws: Aws) -> None:
    with pytest.raises(ConfigurationError, match="No credentials are stored in the secret nowhere"):
        CredentialStore(aws.secrets, "nowhere", "gopro").load()


def test_credentials_that_were_read_are_masked_in_the_log(aws: Aws, store: CredentialStore, output: Output) -> None:
    aws.store(OAUTH)
    credentials = store.load()
    logger.info("seen: %s", " ".join(credentials.secrets), extra={"all": list(credentials.secrets)})
    store.replace(credentials, renewed(credentials))
    logger.info("renewed: access-token-1 refresh-token-1")
    assert output.log[0]["message"] == "seen: *** *** *** ***"
    assert_no_secret(output.text, [*credentials.secrets, "access-token-1", "refresh-token-1"])


# Replacing


def test_a_renewal_becomes_current_with_the_owners_own_fields(aws: Aws, store: CredentialStore) -> None:
    aws.store(OAUTH)
    old = store.load()
    found = store.replace(old, renewed(old))
    assert found == replace(renewed(old), version=found.version) and found.version != old.version
    assert store.load() == found
    assert stored(aws) == OAUTH | {
        "access_token": "access-token-1",
        "refresh_token": "refresh-token-1",
        "expires_at": 1_900_000_000.5,
        "renewed_from": old.version,
    }


def test_renewals_follow_one_another(aws: Aws, store: CredentialStore) -> None:
    aws.store(OAUTH)
    versions = set()
    for number in range(1, 4):
        current = store.load()
        found = store.replace(current, replace(current, access_token=f"access-token-{number}"))
        versions.add(found.version)
        assert (store.load().access_token, store.load().refresh_token) == (f"access-token-{number}", "refresh-token-0")
    assert len(versions) == 3


def test_credentials_that_the_owner_stores_during_a_renewal_are_kept(aws: Aws, store: CredentialStore) -> None:
    aws.store(OAUTH)
    old = store.load()
    theirs = aws.store(SESSION)
    found = store.replace(old, renewed(old))
    assert (found.access_token, found.version) == ("session-token-0", theirs)
    assert stored(aws) == SESSION
    store.recover()
    assert stored(aws) == SESSION, "the renewal stays discarded"


def crash_between_the_steps(aws: Aws, store: CredentialStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that ends before its second step."""
    old = store.load()

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(aws.secrets, "update_secret_version_stage", die)
        with pytest.raises(KeyboardInterrupt):
            store.replace(old, renewed(old))


def test_a_renewal_that_a_crash_interrupted_is_finished_by_the_next_one(
    aws: Aws, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.store(OAUTH)
    crash_between_the_steps(aws, store, monkeypatch)
    assert store.load().access_token == "access-token-0"
    assert stored(aws, RENEWED)["refresh_token"] == "refresh-token-1", "the rotated token is safe already"
    store.recover()
    assert (store.load().access_token, store.load().refresh_token) == ("access-token-1", "refresh-token-1")


def test_an_interrupted_renewal_does_not_undo_what_the_owner_stored_since(
    aws: Aws, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.store(OAUTH)
    crash_between_the_steps(aws, store, monkeypatch)
    aws.store(SESSION)
    store.recover()
    assert store.load().access_token == "session-token-0"


@pytest.mark.parametrize("value", [None, SESSION, OAUTH, "not json"])
def test_without_an_interrupted_renewal_there_is_nothing_to_finish(
    aws: Aws, store: CredentialStore, value: object
) -> None:
    version = aws.store(value) if value else None
    store.recover()
    if version:
        assert aws.secrets.get_secret_value(SecretId=SECRET, VersionStage=CURRENT)["VersionId"] == version
    versions = aws.secrets.describe_secret(SecretId=SECRET).get("VersionIdsToStages", {})
    assert len(versions) == (1 if version else 0)


def test_a_finished_renewal_is_not_finished_again(aws: Aws, store: CredentialStore) -> None:
    aws.store(OAUTH)
    old = store.load()
    current = store.replace(old, renewed(old))
    store.recover()
    assert store.load() == current
