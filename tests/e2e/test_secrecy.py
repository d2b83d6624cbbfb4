"""Secrets are in no log, state, history, manifest, ledger row, object or message: the test searches everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from local.traces import SIGNED_LINK, all_output

type Inbox = Callable[[], list[dict[str, str]]]


@pytest.mark.parametrize("kind", ["oauth", "session"])
def test_no_secret_is_left_anywhere(deployment: Deployment, gopro: FakeGoPro, inbox: Inbox, kind: str) -> None:
    account = account_of(gopro)
    credentials: dict[str, Any] = account.oauth() if kind == "oauth" else account.session()
    deployment.store_credentials(credentials)
    # With faults, because secrets leak through error messages.
    gopro.control.add_fault(FaultKind.CONNECTION_CUT, times=2, byte=1000)
    gopro.control.add_fault(FaultKind.LINK_REFUSED, times=2)
    gopro.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.DOWNLOAD, times=6)
    deployment.run()
    gopro.control.expire_access_tokens()
    gopro.control.add_fault(FaultKind.TOKEN_BLACKLISTED)
    assert deployment.run()["status"] == "FAILED"
    secrets = {account.access_token, account.refresh_token, account.client_secret, gopro.access_token,
               gopro.refresh_token, SIGNED_LINK}  # fmt: skip
    output = [*all_output(deployment), ("mail", json.dumps(inbox()))]
    assert any(account.user_id in text or "archived" in text for _, text in output)  # the search sees real text
    leaks = [(where, secret[:4]) for where, text in output for secret in secrets if secret in text]
    assert leaks == []
    assert sum(len(text) for _, text in output) > 50_000
