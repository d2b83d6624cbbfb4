"""What a run notes of the credentials that it has, so that nobody has to read the secret to know when they end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.stores.credentials_lease import CredentialsLease

from tests.unit.doubles import METRICS, PLENTY, Account, Lease, Store
from tests.unit.in_process_aws import InProcessAws, running_aws

SESSION = Credentials(
    provider="gopro", access_token="access-token-1", version="v1", expires_at=1_800_000_000.9, stored_at=1.7e9
)
OAUTH = Credentials(
    provider="gopro", access_token="access-token-1", refresh_token="refresh-token-1", client_id="c",
    client_secret="client-secret-1", version="v1", expires_at=1_800_000_000.0,
)  # fmt: skip


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def row(aws: InProcessAws) -> dict[str, Any]:
    found = aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": "CREDENTIALS"}).get("Item", {})
    return {name: value for name, value in found.items() if name not in ("pk", "sk", "updated_at")}


@pytest.mark.parametrize(
    ("credentials", "seen"),
    [
        (SESSION, ("v1", 1_800_000_000.9, False)),
        (Credentials(provider="gopro", access_token="access-token-1", version="v1"), ("v1", None, False)),
        (OAUTH, ("v1", None, True)),  # its access token ends soon, and is renewed
    ],
)
def test_a_run_notes_when_its_credentials_end_unless_they_renew_themselves(
    credentials: Credentials, seen: tuple[str, float | None, bool]
) -> None:
    lease = Lease()
    renewal = CredentialsRenewal(cast(Any, Account()), cast(Any, Store(credentials)), cast(Any, lease), PLENTY, METRICS)
    renewal.measure(credentials)
    assert lease.seen == seen and lease.seen_stored_at == credentials.stored_at


def test_the_note_is_in_the_row_of_the_renewals_and_holds_no_secret(aws: InProcessAws) -> None:
    lease = CredentialsLease(aws.table, "gopro")
    lease.note_refused("v0")
    lease.note_seen("v1", 1_800_000_000.9, renewable=False, stored_at=1_700_000_000.5)
    assert row(aws) == {
        "refused_version": "v0", "seen_version": "v1", "ends_at": 1_800_000_000, "renewable": False,
        "stored_at": 1_700_000_000,
    }  # fmt: skip


@pytest.mark.parametrize("odd", [-1.0, 1e300, float("inf"), float("nan")])
def test_an_end_that_no_calendar_has_is_unknown(aws: InProcessAws, odd: float) -> None:
    CredentialsLease(aws.table, "gopro").note_seen("v1", odd, renewable=False)
    assert row(aws)["ends_at"] is None


def test_the_note_of_another_version_replaces_it_and_the_same_one_is_not_written_again(aws: InProcessAws) -> None:
    lease = CredentialsLease(aws.table, "gopro")
    lease.note_seen("v1", 1_800_000_000.9, renewable=False)
    key = {"pk": "PROVIDER#gopro", "sk": "CREDENTIALS"}
    first = aws.table.get_item(Key=key)["Item"]
    lease.note_seen("v1", 1_800_000_000.9, renewable=False)
    assert aws.table.get_item(Key=key)["Item"] == first
    lease.note_seen("v2", None, renewable=True)
    assert row(aws) == {"seen_version": "v2", "ends_at": None, "renewable": True, "stored_at": None}


def test_a_row_of_an_earlier_version_learns_when_the_credentials_were_stored(aws: InProcessAws) -> None:
    earlier = {"seen_version": "v1", "ends_at": None, "renewable": False}
    aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "CREDENTIALS", **earlier})
    CredentialsLease(aws.table, "gopro").note_seen("v1", None, renewable=False, stored_at=1_700_000_000.0)
    assert row(aws) == earlier | {"stored_at": 1_700_000_000}
