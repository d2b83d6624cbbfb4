"""Tokens expire, rotate and are refused during runs of the deployed stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from local.fault_cases import ID, PLAIN
from local.verify import verify
from tests.e2e.conftest import output_of

NO_ORIGINAL = ID(12)
ONE_VIDEO = {"provider": "gopro", "filters": {"media_ids": [PLAIN]}}

type Inbox = Callable[[], list[dict[str, str]]]


def secret_of(deployment: Deployment) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(deployment.secrets.get_secret_value(SecretId=deployment.secret)["SecretString"])
    return value


def test_a_rotated_refresh_token_is_stored(deployment: Deployment, gopro: FakeGoPro) -> None:
    first = gopro.refresh_token
    assert deployment.run()["status"] == "SUCCEEDED"
    stored = secret_of(deployment)
    assert stored["refresh_token"] == gopro.refresh_token != first
    assert stored["access_token"] == gopro.access_token
    assert stored["client_id"] == gopro.client_id


def test_a_valid_token_is_not_renewed_again(deployment: Deployment, gopro: FakeGoPro) -> None:
    deployment.run()
    deployment.run()
    assert gopro.control.stats()["token_refreshes"] == 1


def test_a_token_that_expires_during_a_run_is_renewed_once_for_all_children(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    gopro.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD, times=1, after=3)
    description = deployment.run()
    assert output_of(description)["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 2  # one at the start, one for all children
    assert all(verdict.agreed for verdict in verify(deployment, gopro.control.originals()))


def test_a_token_that_expires_during_the_listing_is_renewed(deployment: Deployment, gopro: FakeGoPro) -> None:
    gopro.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.SEARCH, times=1)
    assert output_of(deployment.run())["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 2


def test_a_session_token_alone_is_enough(deployment: Deployment, gopro: FakeGoPro) -> None:
    deployment.store_credentials(account_of(gopro).session())
    assert output_of(deployment.run())["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 0


@pytest.mark.parametrize("pasted", ["{}\r\n", "\u200b“{}”\n", "\ufeff {}\u00a0"], ids=ascii)
def test_what_stands_around_a_pasted_token_is_no_part_of_it(
    deployment: Deployment, gopro: FakeGoPro, pasted: str
) -> None:
    session = account_of(gopro).session()
    deployment.store_credentials(session | {"access_token": pasted.format(session["access_token"])})
    assert output_of(deployment.run(ONE_VIDEO))["archived"] == 1


def test_a_session_that_expires_during_a_run_stops_it_with_one_alert_and_counts_no_attempt(
    deployment: Deployment, gopro: FakeGoPro, inbox: Inbox
) -> None:
    deployment.store_credentials(account_of(gopro).session())
    gopro.control.trash_item(NO_ORIGINAL)  # it fails for a reason of its own, if a function comes to it in time
    gopro.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD, times=1, after=3)
    description = deployment.run()
    assert (description["status"], description["error"]) == ("FAILED", "CredentialsExpiredError")
    (alert,) = inbox()
    assert "gp_access_token" in alert["Message"]
    items = [row for row in deployment.rows() if row["sk"] == "ITEM"]
    assert all(row.get("attempts", 0) == 0 for row in items)
    assert any(row["status"] == "ARCHIVED" for row in items)  # videos archived before stay archived


def test_a_run_with_new_credentials_continues_where_the_stopped_one_ended(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    deployment.store_credentials(account_of(gopro).session())
    gopro.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD, times=1, after=3)
    deployment.run()
    before = deployment.objects()
    deployment.store_credentials(account_of(gopro).oauth())
    summary = output_of(deployment.run())
    assert summary["archived"] + len({key.split("/")[3] for key in before}) == 17
    assert all(verdict.agreed for verdict in verify(deployment, gopro.control.originals()))
