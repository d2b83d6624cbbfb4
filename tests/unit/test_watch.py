"""The step that measures how long ago a run succeeded last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.steps import watch
from cloud_sync_common.steps.watch import Watch
from cloud_sync_common.stores.provider_settings import ProviderSettings, StoredSettings

from tests.unit.in_process_aws import InProcessAws, running_aws

WITHOUT_DETAIL = EnvironmentMetrics("dev", detailed=False)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def emitted(printed: str) -> list[float]:
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return [number for line in lines for number in line["HoursSinceSuccess"]]


def test_the_hours_since_the_last_success_are_measured(aws: InProcessAws, capsys: pytest.CaptureFixture[str]) -> None:
    ended_at = (datetime.now(UTC) - timedelta(hours=170, minutes=30)).isoformat()
    aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "LAST_SUCCESS", "run_id": "run-1", "ended_at": ended_at})
    hours = Watch("gopro", aws.runs, WITHOUT_DETAIL).watch().hours_since_success
    assert hours == pytest.approx(170.5, abs=0.1)
    assert emitted(capsys.readouterr().out) == [hours]


def test_the_hours_are_exact_to_a_hundredth(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 1, 8, 2, 30, tzinfo=tz)

    monkeypatch.setattr(watch, "datetime", Clock)
    aws.table.put_item(
        Item={"pk": "PROVIDER#gopro", "sk": "LAST_SUCCESS", "run_id": "run-1", "ended_at": "2026-01-01T02:00:00.000Z"}
    )
    Watch("gopro", aws.runs, WITHOUT_DETAIL).watch()
    assert emitted(capsys.readouterr().out) == [168.5]


def test_a_success_that_was_just_noted_is_no_hour_ago(aws: InProcessAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.runs.note_success("run-1", backlog=0)
    assert Watch("gopro", aws.runs, WITHOUT_DETAIL).watch().hours_since_success == pytest.approx(0, abs=0.1)
    assert len(emitted(capsys.readouterr().out)) == 1


def test_before_the_first_success_nothing_is_measured(aws: InProcessAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert Watch("gopro", aws.runs, WITHOUT_DETAIL).watch().hours_since_success is None
    assert emitted(capsys.readouterr().out) == []


def test_while_a_provider_is_paused_no_success_is_owed(aws: InProcessAws, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "LAST_SUCCESS", "run_id": "run-1", "ended_at": long_ago})

    def paused() -> StoredSettings:
        return StoredSettings(settings=ProviderSettings(paused=True))

    assert Watch("gopro", aws.runs, WITHOUT_DETAIL, paused).watch().hours_since_success == 0
    assert emitted(capsys.readouterr().out) == [0]


@pytest.mark.parametrize("succeeded_days_ago", [90, None])
def test_after_a_pause_the_hours_count_from_its_end(aws: InProcessAws, succeeded_days_ago: int | None) -> None:
    if succeeded_days_ago:
        ended_at = (datetime.now(UTC) - timedelta(days=succeeded_days_ago)).isoformat()
        aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "LAST_SUCCESS", "run_id": "run-1", "ended_at": ended_at})
    resumed = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    hours = Watch("gopro", aws.runs, WITHOUT_DETAIL, lambda: StoredSettings(pause_changed_at=resumed)).watch()
    assert hours.hours_since_success == pytest.approx(3, abs=0.1)


def test_a_pause_of_before_the_last_success_says_nothing(aws: InProcessAws) -> None:
    aws.runs.note_success("run-1", backlog=0)
    resumed = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    found = Watch("gopro", aws.runs, WITHOUT_DETAIL, lambda: StoredSettings(pause_changed_at=resumed)).watch()
    assert found.hours_since_success == pytest.approx(0, abs=0.1)
