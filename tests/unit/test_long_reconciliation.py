"""A reconciliation of a large Google Drive takes longer than many tokens live, and gets through all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_access.verification import Verification
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers.google_drive import PER_PAGE, GoogleDrive
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.authenticate import MAX_RENEWALS, Authenticator
from cloud_sync_common.steps.reconcile import ArchiveReconciler, ReconcileRequest, ReconcileResult
from cloud_sync_common.stores.archive import ArchivedObject
from cloud_sync_common.stores.ledger_rows import ItemRow, LedgerRow, Status
from cloud_sync_common.stores.work_files import WorkFile

from cloud_sync.definition import definition
from tests.unit import drive_service
from tests.unit.doubles import METRICS, Lease, Store
from tests.unit.gopro_service import answer
from tests.unit.in_process_aws import WORK, InProcessAws, running_aws

FILES = 100_000
TOKEN_SECONDS, INVOCATION_SECONDS, PAGE_SECONDS = 3_600, 900, 150  # slow: hundred pages take more than four hours


@dataclass
class SlowDrive:
    """Replaces http_client.request: a Google Drive with so many files, whose tokens end after an hour of `now`."""

    now: float = 0.0
    issued: dict[str, float] = field(default_factory=dict)

    def request(self, method: str, url: str, **asked: Any) -> requests.Response:
        path = urlsplit(url).path
        if path == "/token":
            return answer({"access_token": self.issue(), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})
        token = asked["headers"]["Authorization"].removeprefix("Bearer ")
        if self.now - self.issued[token] > TOKEN_SECONDS:
            return drive_service.refusal(401, "authError")
        return answer(self.page(path, asked.get("query", {})))

    def issue(self) -> str:
        token = f"token-{len(self.issued)}"
        self.issued[token] = self.now
        return token

    def page(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        if path == drive_service.START:
            return {"startPageToken": "4711"}
        if path == drive_service.CHANGES:
            return drive_service.changes()
        if path != drive_service.FILES:
            return drive_service.folder(drive_service.ROOT_ID, "My Drive", None)
        if drive_service.FOLDER in query["q"]:
            return drive_service.page()
        self.now += PAGE_SECONDS
        first = int(query.get("pageToken", "0"))
        following = min(first + int(query["pageSize"]), FILES)
        rows = [drive_service.video(f"file{number}") for number in range(first, following)]
        return drive_service.page(*rows, following=str(following) if following < FILES else None)


class AllArchived:
    """A ledger in which every item that is asked for is archived. Its own walk is empty, and no run is under way."""

    def states(self, media_ids: Iterable[str]) -> dict[str, ItemRow]:
        return {media_id: ItemRow(status=Status.ARCHIVED, run_id="r") for media_id in media_ids}

    def page(self, _place: str | None) -> tuple[list[LedgerRow], None]:
        return [], None

    def is_under_way(self) -> bool:
        return False


class EmptyArchive:
    """An archive without objects."""

    def page(self, _prefix: str, _place: str) -> list[ArchivedObject]:
        return []


@dataclass
class Reconciliation:
    """Plays the states Reconcile and RenewForReconciliation, with one store of credentials."""

    aws: InProcessAws
    drive: SlowDrive
    lease: Lease = field(default_factory=Lease)

    def __post_init__(self) -> None:
        first = Credentials(
            provider="google_drive", access_token=self.drive.issue(), refresh_token="r", client_id="c",
            client_secret="s", version="v1",
        )  # fmt: skip
        self.store = Store(first)

    def invoke(self, cursor: str | None) -> ReconcileResult:
        end = self.drive.now + INVOCATION_SECONDS
        deadline = Deadline(lambda: end - self.drive.now, margin=30.0)
        ledger: Any = AllArchived()
        session = AuthorisedSession(
            GoogleDrive(), cast(Any, self.store), cast(Any, self.lease), deadline, lambda _: None
        )
        step = ArchiveReconciler(
            session=session,
            ledger=ledger,
            runs=ledger,
            archive=cast(Any, EmptyArchive()),
            listed=WorkFile(self.aws.s3, WORK, "run-1", "listed.bin", "the ids"),
            report=WorkFile(self.aws.s3, WORK, "run-1", "reconciliation.jsonl", "the report"),
            verification=Verification("CloudSync-dev", False, self.aws.s3, WORK, self.aws.sns, self.aws.topic_arn),
            deadline=deadline,
        )
        started = "2026-11-22T02:00:00+00:00"
        return step.reconcile(
            ReconcileRequest(run_id="run-1", provider="google_drive", started_at=started, cursor=cursor)
        )

    def renew(self, renewals: int) -> int:
        deadline = Deadline(lambda: 60.0, margin=0.0)
        renewal = CredentialsRenewal(GoogleDrive(), cast(Any, self.store), cast(Any, self.lease), deadline, METRICS)
        Authenticator(renewal).ensure(renewals)
        return renewals + 1

    def run(self) -> ReconcileResult:
        """As the definition has it: an expired token is renewed, and each answer of Reconcile counts renewals anew."""
        states = definition()["States"]
        assert states["Reconcile"]["Catch"][0]["Next"] == "RenewForReconciliation"
        anew = states["Reconcile"]["ResultSelector"]["renewal"]["renewals"]
        cursor, renewals = None, 0
        while True:
            try:
                result = self.invoke(cursor)
            except CredentialsExpiredError:
                renewals = self.renew(renewals)
                continue
            cursor, renewals = result.next_cursor, anew
            if cursor is None:
                return result


@pytest.fixture
def reconciliation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reconciliation]:
    drive = SlowDrive()
    with running_aws(monkeypatch) as aws:
        monkeypatch.setattr(http_client, "request", drive.request)
        yield Reconciliation(aws, drive)


def test_a_hundred_thousand_files_are_compared_while_the_token_ends_every_hour(reconciliation: Reconciliation) -> None:
    result = reconciliation.run()
    assert (result.status, result.items, result.findings) == ("COMPLETE", FILES, {})
    hours = reconciliation.drive.now / 3_600
    assert hours > 4 and len(reconciliation.drive.issued) - 1 > MAX_RENEWALS
    assert hours < 1.3 * FILES / PER_PAGE * PAGE_SECONDS / 3_600  # what an ended token costs is done again
    (mail,) = reconciliation.aws.mails()
    assert f"{FILES:,} items of the provider" in mail["Message"]
    listed = reconciliation.aws.s3.get_object(Bucket=WORK, Key="runs/run-1/listed.bin")["ContentLength"]
    assert listed == 8 * FILES


def test_a_token_that_nobody_renews_any_more_ends_the_reconciliation_with_the_step_to_take(
    reconciliation: Reconciliation, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = reconciliation.drive

    def request(method: str, url: str, **asked: Any) -> requests.Response:
        if urlsplit(url).path == "/token":
            return answer({"error": "invalid_grant"}, 400)
        return drive.request(method, url, **asked)

    monkeypatch.setattr(http_client, "request", request)
    with pytest.raises(CredentialsExpiredError, match="no longer accepts the stored refresh token"):
        reconciliation.run()
