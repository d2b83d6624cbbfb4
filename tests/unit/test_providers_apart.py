"""Two providers in one ledger: what becomes of one is never seen by the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.runs import Runs, RunStatus

from tests.unit.in_process_aws import InProcessAws, running_aws

ONE, OTHER = "gopro", "google_drive"
ITEM = MediaItem(media_id="7", filename="a.mp4", revision="1")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as found:
        yield found


def test_a_run_that_is_under_way_keeps_out_another_one_of_its_provider_only(aws: InProcessAws) -> None:
    for provider in (ONE, OTHER):
        assert Runs(aws.table, provider).begin(f"{provider}-1", f"arn:{provider}-1").run_id == f"{provider}-1"
    assert Runs(aws.table, OTHER).begin("second", "arn:second").run_id == f"{OTHER}-1"
    Runs(aws.table, ONE).end(f"{ONE}-1", RunStatus.FAILED, {})
    assert not Runs(aws.table, ONE).is_under_way() and Runs(aws.table, OTHER).is_under_way()


def test_the_last_success_of_a_provider_is_its_own(aws: InProcessAws) -> None:
    Runs(aws.table, ONE).note_success("run-1", 3)
    assert (Runs(aws.table, ONE).last_success().run_id, Runs(aws.table, OTHER).last_success().run_id) == ("run-1", "")


def test_a_renewal_and_a_dead_token_of_one_provider_hold_up_no_other(aws: InProcessAws) -> None:
    one, other = (CredentialsLease(aws.table, provider) for provider in (ONE, OTHER))
    assert one.acquire(600) and other.acquire(600)
    with pytest.raises(CredentialsExpiredError), one.noting_refusal("v1"):
        raise CredentialsExpiredError("It is over.")
    assert (one.refused_version(), other.refused_version()) == ("v1", "")
    assert [one.count_renewal(), one.count_renewal(), other.count_renewal()] == [1, 2, 1]


def test_the_same_id_at_two_providers_is_two_items_with_a_backlog_each(aws: InProcessAws) -> None:
    one, other = (Ledger(aws.table, provider) for provider in (ONE, OTHER))
    for ledger in (one, other):
        ledger.add_pending([ITEM], "run-1")
    one.fail_item(ITEM, "run-1", "original_unavailable", "It is gone.")
    assert one.known(["7"])["7"].attempts == 1 and other.known(["7"])["7"].attempts == 0
    other.claim(ITEM, "run-1", 60)
    other.archive_item("7", "run-1", bytes_total=1)
    assert (one.backlog(), other.backlog()) == (1, 0)
