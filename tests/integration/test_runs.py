"""Runs on DynamoDB: one at a time for each provider; and the lease for renewing the credentials."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.runs import RunRow, Runs, RunStatus

from tests.integration.aws_on_loopback import Aws


@pytest.fixture
def runs(aws: Aws) -> Runs:
    return Runs(aws.table, "gopro")


def test_a_second_run_gets_the_active_run(runs: Runs) -> None:
    assert runs.begin("run-1", "arn:1") == RunRow(run_id="run-1", execution_arn="arn:1")
    assert runs.begin("run-2", "arn:2") == RunRow(run_id="run-1", execution_arn="arn:1")
    assert runs.get("run-2") is None


def test_a_run_that_starts_twice_keeps_its_first_start(runs: Runs) -> None:
    runs.begin("run-1", "arn:1")
    first = runs.get("run-1")
    assert runs.begin("run-1", "arn:1").run_id == "run-1" and runs.get("run-1") == first
    assert first is not None and first.started_at and (first.provider, first.execution_arn) == ("gopro", "arn:1")


def test_exactly_one_of_several_concurrent_runs_is_active(runs: Runs) -> None:
    barrier = Barrier(6)

    def begin(number: int) -> str:
        barrier.wait()
        return runs.begin(f"run-{number}", f"arn:{number}").run_id

    with ThreadPoolExecutor(6) as callers:
        under_way = set(callers.map(begin, range(6)))
    assert len(under_way) == 1


def test_when_a_run_has_ended_another_may_start(runs: Runs) -> None:
    runs.begin("run-1", "arn:1")
    assert not runs.has_ended("run-1")
    runs.end("run-1", RunStatus.SUCCEEDED, {"archived": 3})
    assert runs.has_ended("run-1") and runs.begin("run-2", "arn:2").run_id == "run-2"
    assert not runs.has_ended("run-2")


def test_the_end_of_one_run_does_not_end_another(runs: Runs) -> None:
    runs.begin("run-2", "arn:2")
    runs.end("run-1", RunStatus.SUCCEEDED, {})
    assert runs.begin("run-3", "arn:3").run_id == "run-2" and not runs.has_ended("run-2")


def test_the_first_end_of_a_run_is_kept(aws: Aws, runs: Runs) -> None:
    runs.begin("run-1", "arn:1")
    runs.end("run-1", RunStatus.SUCCEEDED, {"archived": 3})
    first = aws.row("RUN#run-1", "RUN")
    runs.end("run-1", RunStatus.FAILED, {"archived": 0})
    assert aws.row("RUN#run-1", "RUN") == first and (first["status"], first["archived"]) == ("SUCCEEDED", 3)


def test_only_a_run_named_as_ended_is_replaced(aws: Aws, runs: Runs) -> None:
    runs.begin("run-1", "arn:1")
    assert runs.begin("run-3", "arn:3", instead_of="run-2").run_id == "run-1"
    assert runs.begin("run-3", "arn:3", instead_of="run-1") == RunRow(run_id="run-3", execution_arn="arn:3")
    assert runs.begin("run-1", "arn:1").run_id == "run-3"
    assert runs.has_ended("run-1") and aws.row("RUN#run-1", "RUN")["status"] == "ABORTED"


def test_each_provider_has_its_own_active_run(aws: Aws, runs: Runs) -> None:
    other = Runs(aws.table, "another")
    assert [runs.begin("run-1", "arn:1").run_id, other.begin("run-2", "arn:2").run_id] == ["run-1", "run-2"]


def test_an_unknown_run_has_not_ended(runs: Runs) -> None:
    assert runs.get("unheard-of") is None and not runs.has_ended("unheard-of")


def test_the_first_reason_to_stop_is_kept_after_the_end(runs: Runs) -> None:
    runs.begin("run-1", "arn:1")
    runs.stop("run-1", "CredentialsExpiredError", "Sign in again.")
    runs.stop("run-1", "ConfigurationError", "Something else.")
    runs.end("run-1", RunStatus.FAILED, {"failed": 1})
    run = runs.get("run-1")
    assert run is not None and (run.stop_error, run.stop_message) == ("CredentialsExpiredError", "Sign in again.")


# The lease of renewals


def test_the_lease_has_one_holder_at_a_time(aws: Aws) -> None:
    one, other = CredentialsLease(aws.table, "gopro"), CredentialsLease(aws.table, "gopro")
    assert one.acquire(60) and not other.acquire(60)
    assert one.acquire(60), "its holder may extend it"
    one.release()
    assert other.acquire(60) and not one.acquire(60)


def test_one_of_twenty_concurrent_requests_gets_the_lease(aws: Aws) -> None:
    barrier, leases = Barrier(20), [CredentialsLease(aws.table, "gopro") for _ in range(20)]

    def acquire(lease: CredentialsLease) -> bool:
        barrier.wait()
        return lease.acquire(60)

    with ThreadPoolExecutor(20) as callers:
        assert sum(callers.map(acquire, leases)) == 1


def test_a_lease_that_was_not_released_expires(aws: Aws) -> None:
    assert CredentialsLease(aws.table, "gopro").acquire(-5)
    assert CredentialsLease(aws.table, "gopro").acquire(60)


def test_releasing_the_lease_of_another_does_nothing(aws: Aws) -> None:
    one, other = CredentialsLease(aws.table, "gopro"), CredentialsLease(aws.table, "gopro")
    one.acquire(60)
    other.release()
    assert not other.acquire(60)


def test_the_last_refused_version_is_visible_to_all(aws: Aws) -> None:
    one, other = CredentialsLease(aws.table, "gopro"), CredentialsLease(aws.table, "gopro")
    assert one.refused_version() == ""
    for version in ("v1", "v1", "v2"):
        one.note_refused(version)
        assert other.refused_version() == version
    one.acquire(60)
    one.release()
    assert other.refused_version() == "v2", "the lease does not change it"


def test_a_refusal_is_taken_back_for_its_version_only(aws: Aws) -> None:
    lease = CredentialsLease(aws.table, "gopro")
    lease.note_refused("v2")
    lease.note_accepted("v1")
    assert lease.refused_version() == "v2"
    lease.note_accepted("v2")
    assert lease.refused_version() == ""


def test_each_provider_has_its_own_lease(aws: Aws) -> None:
    one, other = CredentialsLease(aws.table, "gopro"), CredentialsLease(aws.table, "another")
    one.note_refused("v1")
    assert one.acquire(60) and other.acquire(60) and other.refused_version() == ""
