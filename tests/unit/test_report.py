"""The step behind run-report: one mail about each run, with the numbers of the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from cloud_sync_common import prices
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.metrics_utils import ESSENTIAL
from cloud_sync_common.prices import Extras
from cloud_sync_common.steps.report import Failed, Listing, ReportRequest, Summary
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.run_totals import LISTED_FAILURES
from cloud_sync_common.stores.runs import LEAST_COUNTED

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import MOST_BYTES, a_mixed_run, clip, failure, metrics_in, report, success


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def test_the_summary_has_the_counts_of_the_ledger(aws: InProcessAws) -> None:
    summary = report(aws, success(a_mixed_run(aws)))
    assert isinstance(summary, Summary)
    assert (summary.status, summary.listed, summary.new, summary.waiting, summary.exhausted) == (
        "SUCCEEDED", 12, 5, 2, 1,
    )  # fmt: skip
    assert (summary.archived, summary.failed, summary.unavailable, summary.bytes_archived) == (2, 1, 1, 2_000_000)
    assert summary.estimated_usd == 0.0007  # 0.00072849: a third for Deep Archive, a third for state transitions
    assert 89 < summary.seconds < 150


def test_the_metrics_are_those_of_the_summary(aws: InProcessAws, capsys: pytest.CaptureFixture[str]) -> None:
    summary = report(aws, success(a_mixed_run(aws)))
    assert isinstance(summary, Summary)
    assert metrics_in(capsys.readouterr().out) == {
        "VideosArchived": 2,
        "BytesArchived": 2_000_000,
        "VideosFailed": 1,
        "FailureRate": 33.3,
        "MediaListed": 12,
        "Backlog": 3 + 2,  # one failed, one unavailable, one not started; two are not ready
        "RunSeconds": summary.seconds,
        "RunCost": 0.0007,
        "Throughput": round(2_000_000 / summary.seconds),
        "SlicesPerVideo": 2.0,
        "RunsSucceeded": 1,
        "RunsFailed": 0,
        "AuthenticationFailures": 0,
    }


def test_an_environment_without_detailed_monitoring_sends_the_essential_metrics_only(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    report(aws, success(a_mixed_run(aws), run_id="run-0"), detailed=False)
    report(aws, success(a_mixed_run(aws)), detailed=False)
    sent = set(metrics_in(capsys.readouterr().out))
    assert sent == ESSENTIAL - {"CredentialsDaysLeft"}  # which media-authenticator sends


def test_the_line_of_a_run_has_the_numbers_that_are_no_metrics(
    aws: InProcessAws, caplog: pytest.LogCaptureFixture
) -> None:
    report(aws, success(Listing(), run_id="run-0"), detailed=False)
    summary = report(aws, success(a_mixed_run(aws)), detailed=False)
    assert isinstance(summary, Summary)
    *_, line = (vars(record) for record in caplog.records if record.msg == "run report")
    assert (line["failure_rate"], line["slices_per_video"], line["backlog_growth"]) == (33.3, 2.0, 5)
    assert line["throughput"] == round(2_000_000 / summary.seconds)
    assert (line["listed"], line["seconds"], line["estimated_usd"]) == (12, summary.seconds, 0.0007)


def test_the_cost_of_a_run_in_a_private_network_includes_what_its_gateway_processed(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.archive(clip(1), "run-1", run_bytes=100 * 10**9, run_slices=1)
    summary = report(aws, success(Listing(listed=1, new=1)), extras=Extras(private_network=True))
    assert isinstance(summary, Summary) and 5.50 < summary.estimated_usd < 5.51
    (mail,) = aws.mails()
    assert f"cost about {summary.estimated_usd:.4f} USD" in mail["Message"]
    assert mail["Message"].count("The network of this environment costs 36.50 USD a month besides.") == 1


def test_without_a_private_network_the_mail_names_none(aws: InProcessAws) -> None:
    report(aws, success(Listing()))
    assert "network" not in aws.mails()[0]["Message"]


def test_the_backlog_is_compared_with_that_of_the_last_successful_run(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    report(aws, success(a_mixed_run(aws)))
    assert "BacklogGrowth" not in metrics_in(capsys.readouterr().out)  # there was no run before
    aws.ledger.add_pending([clip(number) for number in range(5, 9)], "run-2")
    report(aws, success(Listing(listed=16, new=0, waiting=2), run_id="run-2"))
    assert metrics_in(capsys.readouterr().out)["BacklogGrowth"] == 4


def test_a_failed_run_is_not_the_last_success(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as that_night:
        that_night.setattr("cloud_sync_common.stores.runs.now", lambda: "2026-01-11T02:05:09.123Z")
        report(aws, success(Listing(), run_id="run-0"))
    capsys.readouterr()
    report(aws, failure({"provider": "gopro", "error": {"Error": "CredentialsExpiredError", "Cause": "x"}}))
    emitted = metrics_in(capsys.readouterr().out)
    assert (emitted["RunsSucceeded"], emitted["RunsFailed"], emitted["AuthenticationFailures"]) == (0, 1, 1)
    assert aws.runs.last_success().run_id == "run-0"
    *_, mail = aws.mails()
    assert "The last run to succeed: 2026-01-11 at 02:05 UTC" in mail["Message"]


def test_a_run_whose_manifest_cannot_be_read_is_still_ended_counted_and_reported(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.runs.begin("run-1", "arn:1")
    error = ConfigurationError("The role may not do this.")
    monkeypatch.setattr(Manifest, "items", Mock(side_effect=error))
    report(aws, failure({"provider": "gopro", "error": {"Error": "CredentialsExpiredError", "Cause": "x"}}))
    emitted = metrics_in(capsys.readouterr().out)
    assert (emitted["RunsFailed"], emitted["AuthenticationFailures"]) == (1, 1)
    assert not aws.runs.is_under_way()
    (mail,) = aws.mails()
    assert "could not be read" in mail["Message"] and "CredentialsExpiredError" in mail["Subject"]


def test_only_a_refused_credential_counts_as_a_failed_authentication(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    report(aws, failure({"provider": "gopro", "error": {"Error": "ProviderContractError", "Cause": "x"}}))
    assert metrics_in(capsys.readouterr().out)["AuthenticationFailures"] == 0


def test_each_video_of_a_run_has_a_log_line_with_its_result(
    aws: InProcessAws, caplog: pytest.LogCaptureFixture
) -> None:
    report(aws, success(a_mixed_run(aws)))
    lines = [vars(record) for record in caplog.records]
    videos = {line["file"]: line for line in lines if line["msg"] == "video"}
    assert len(videos) == 5
    moved = videos["GX010001.MP4"]
    assert (moved["media_id"], moved["status"], moved["bytes"], moved["gb_seconds"], moved["slices"]) == (
        "clip-001", "ARCHIVED", 500_000, 1.5, 3,
    )  # fmt: skip
    assert (videos["GX010002.MP4"]["status"], videos["GX010002.MP4"]["category"]) == ("FAILED", "original_unavailable")


def test_one_mail_lists_new_videos_failures_and_next_steps(aws: InProcessAws) -> None:
    report(aws, success(a_mixed_run(aws)))
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 videos archived, 1 failed"
    text = mail["Message"]
    assert text.startswith("2 of 5 new videos are in the archive (2.0 MB moved)") and "The run listed 12 items," in text
    assert "- GX010002.MP4: GoPro offers no original. (original_unavailable)" in text
    assert "- GX010003.MP4: Not just now. (not_available_yet)" in text
    assert "2 videos are not ready at the provider" in text
    assert (
        "1 video has failed too often and will not be tried again by itself: read the dead-letter queue" in text
        and "retry_failed" in text
    )
    assert "USD" in text and "tried again in the next run" in text


def test_the_report_says_what_was_left_out_and_why(aws: InProcessAws, caplog: pytest.LogCaptureFixture) -> None:
    left_out = {"kinds": 12, "size": 1, "googles own document": 3, "not downloadable": 0}
    summary = report(aws, success(Listing(listed=16, left_out=left_out)))
    assert isinstance(summary, Summary) and summary.left_out == left_out
    (mail,) = aws.mails()
    assert (
        "Left out:\n- 3 googles own document\n- 12 of another kind (kinds)\n- 1 smaller or larger (min_size_mb, "
        "max_size_mb)\nNothing of it is lost: the run after a filter is widened archives what it lets in."
    ) in mail["Message"]
    assert "Next step: none, all is well." in mail["Message"]
    (line,) = (vars(record) for record in caplog.records if record.msg == "run report")
    assert line["left_out"] == left_out


def test_a_run_without_filters_says_nothing_of_them(aws: InProcessAws) -> None:
    report(aws, success(Listing(listed=7, left_out={"kinds": 0})))
    assert "Left out" not in aws.mails()[0]["Message"]


def test_what_only_the_provider_leaves_alone_needs_no_wider_filter(aws: InProcessAws) -> None:
    report(aws, success(Listing(listed=7, left_out={"see https://evil.example/x": 2})))
    (mail,) = aws.mails()
    assert "Left out:\n- 2 see https: //evil.example /x\n\n" in mail["Message"] and "widened" not in mail["Message"]


def test_a_run_without_failures_names_none(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.archive(clip(1), "run-1", run_bytes=999, run_slices=1)
    report(aws, success(Listing(listed=1, new=1)))
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 1 video archived" and "(999 B moved)" in mail["Message"]
    assert "Not archived" not in mail["Message"] and "dead-letter" not in mail["Message"]
    assert "Next step: none, all is well." in mail["Message"] and "Run run-1." in mail["Message"]


def test_a_run_with_nothing_new_says_so_and_needs_no_manifest(aws: InProcessAws) -> None:
    summary = report(aws, success(Listing(listed=7)))
    assert isinstance(summary, Summary) and (summary.archived, summary.listed) == (0, 7)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: nothing new" and "0 of 0 new videos" in mail["Message"]


def test_bytes_of_an_earlier_run_are_not_counted_again(aws: InProcessAws) -> None:
    aws.archive(clip(1), "run-0", run_bytes=5_000_000, run_gb_seconds=9, run_requests=9, run_slices=9)
    aws.manifest("run-1", [clip(1)])
    summary = report(aws, success(Listing(listed=1, new=1)))
    assert isinstance(summary, Summary) and (summary.archived, summary.bytes_archived) == (1, 0)


def test_a_long_list_of_failures_is_cut_in_the_mail_and_not_in_the_numbers(aws: InProcessAws) -> None:
    items = [clip(number) for number in range(LISTED_FAILURES + 5)]
    aws.manifest("run-1", items)
    for item in items:
        aws.ledger.fail_item(item, "run-1", "integrity", "Other bytes.")
    summary = report(aws, success(Listing(listed=len(items), new=len(items))))
    assert isinstance(summary, Summary) and summary.failed == LISTED_FAILURES + 5
    assert aws.mails()[0]["Message"].count("- GX01") == LISTED_FAILURES


def test_items_beyond_one_read_of_the_ledger_are_counted(aws: InProcessAws) -> None:
    items = [clip(number) for number in range(230)]
    aws.manifest("run-1", items)
    aws.ledger.add_pending(items, "run-1")
    for item in (items[0], items[120], items[229]):
        aws.ledger.fail_item(item, "run-1", "integrity", "Other bytes.")
    summary = report(aws, success(Listing(listed=230, new=230)))
    assert isinstance(summary, Summary) and summary.failed == 3


def test_a_reported_run_has_ended_and_keeps_its_totals(aws: InProcessAws) -> None:
    aws.runs.begin("run-1", "arn:1")
    listing = a_mixed_run(aws)
    assert aws.runs.begin("run-2", "arn:2").run_id == "run-1"
    report(aws, success(listing))
    assert aws.runs.has_ended("run-1") and aws.runs.begin("run-2", "arn:2").run_id == "run-2"
    row = aws.table.get_item(Key={"pk": "RUN#run-1", "sk": "RUN"})["Item"]
    assert (row["status"], row["archived"], row["failed"], row["bytes_archived"]) == ("SUCCEEDED", 2, 1, 2_000_000)


def test_the_alert_of_a_failed_run_names_originals_that_were_damaged(aws: InProcessAws) -> None:
    """They are archived, so no later run would."""
    aws.manifest("run-1", [clip(1)])
    aws.ledger.claim(clip(1), "run-1", 60)
    aws.ledger.archive_item(clip(1).media_id, "run-1", bytes_total=7, damage="it is empty")
    report(aws, failure({"provider": "gopro", "error": {"Error": "ProviderUnavailableError", "Cause": "x"}}))
    (mail,) = aws.mails()
    assert "damaged already at the provider" in mail["Message"] and "it is empty" in mail["Message"]


def test_the_mail_of_a_failed_run_has_cause_progress_and_next_step(aws: InProcessAws) -> None:
    listing = a_mixed_run(aws)
    cause = json.dumps({"errorMessage": "The role may not write.", "errorType": "ConfigurationError"})
    state = {
        "provider": "gopro",
        "listing": {"status": "COMPLETE", "next_cursor": None, "listed": listing.listed, "new": listing.new},
        "error": {"Error": "ConfigurationError", "Cause": cause},
    }
    assert report(aws, failure(state)) == Failed("ConfigurationError", "The role may not write.")
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: the run failed (ConfigurationError)"
    assert "The run run-1 failed: The role may not write." in mail["Message"]
    assert (
        "Before that it archived 2 videos (2.0 MB moved). 3 videos are known and not archived yet." in mail["Message"]
    )
    assert "The last run to succeed: never." in mail["Message"] and "Next step: fix the cause" in mail["Message"]


def test_the_reason_recorded_by_a_child_is_preferred_to_that_of_the_map(aws: InProcessAws) -> None:
    aws.runs.stop("run-1", "CredentialsExpiredError", "Sign in at gopro.com again.")
    state = {"provider": "gopro", "error": {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "map failed"}}
    assert report(aws, failure(state)) == Failed("CredentialsExpiredError", "Sign in at gopro.com again.")
    (mail,) = aws.mails()
    assert "CredentialsExpiredError" in mail["Subject"] and "Sign in at gopro.com again." in mail["Message"]
    assert "map failed" not in mail["Message"]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"error": {}},
        {"provider": 7, "error": {"Error": "X"}},
        {"provider": "p" * 900, "listing": {}, "error": {"Error": "X", "Cause": None}},
    ],
)
def test_every_failed_run_sends_an_alert_and_has_ended(aws: InProcessAws, state: dict[str, Any]) -> None:
    assert isinstance(report(aws, failure(state)), Failed)
    assert len(aws.mails()) == 1 and aws.runs.has_ended("run-1")


def test_an_alert_is_sent_even_when_the_ledger_cannot_be_read(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.manifest("run-1", [clip(1)])
    denied = {"Error": {"Code": "AccessDeniedException", "Message": ""}}

    def refuse(**_: object) -> None:
        raise aws.table.meta.client.exceptions.ClientError(denied, "GetItem")

    monkeypatch.setattr(aws.table, "get_item", refuse)
    failed = report(aws, failure({"error": {"Error": "States.Timeout", "Cause": "too long"}}))
    assert failed == Failed("States.Timeout", "too long") and "too long" in aws.mails()[0]["Message"]


def test_the_mail_of_a_failed_run_says_what_was_left_out_and_why(aws: InProcessAws) -> None:
    listing = {"listed": 16, "left_out": {"kinds": 12, "of Google's own documents": 3, "not downloadable": 0}}
    report(aws, failure({"provider": "gopro", "error": {}, "listing": listing}))
    (mail,) = aws.mails()
    assert ("Left out:\n- 12 of another kind (kinds)\n- 3 of Google's own documents\n") in mail["Message"]
    assert "not downloadable" not in mail["Message"]


@pytest.mark.parametrize(
    "left_out",
    [None, 3, "kinds", [1], {"kinds": "many", "size": True}, {"kinds": None}, {f"reason {n}": 0 for n in range(99)}],
)
def test_whatever_the_state_of_a_failed_run_holds_as_left_out_its_mail_is_sent(
    aws: InProcessAws, left_out: Any
) -> None:
    report(aws, failure({"provider": "gopro", "error": {}, "listing": {"listed": 7, "left_out": left_out}}))
    (mail,) = aws.mails()
    assert "failed" in mail["Subject"] and "Left out" not in mail["Message"]


def test_the_mail_of_a_failed_run_names_no_more_than_sixty_four_reasons(aws: InProcessAws) -> None:
    left_out = {f"reason {number}": number + 1 for number in range(1000)}
    report(aws, failure({"provider": "gopro", "error": {}, "listing": {"left_out": left_out}}))
    assert aws.mails()[0]["Message"].count("- ") == 64


@pytest.mark.parametrize("name", ["E" * 300, "Größe🏔️Error", "two\nlines"])
def test_a_subject_is_one_short_line_of_ascii(aws: InProcessAws, name: str) -> None:
    report(aws, failure({"provider": "gopro", "error": {"Error": name, "Cause": "x"}}))
    (mail,) = aws.mails()
    assert len(mail["Subject"]) <= 100 and mail["Subject"].isascii() and mail["Subject"].isprintable()


def test_no_signed_link_reaches_the_mail(aws: InProcessAws) -> None:
    cause = "GET https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk&Key-Pair-Id=K"
    report(aws, failure({"provider": "gopro", "error": {"Error": "Runtime.ExitError", "Cause": cause}}))
    assert "c2lnbmVk" not in aws.mails()[0]["Message"]


def test_an_invalid_start_time_does_not_stop_the_report(aws: InProcessAws) -> None:
    request = ReportRequest(run_id="run-1", provider="gopro", started_at="sometime", listing=Listing())
    summary = report(aws, request)
    assert isinstance(summary, Summary) and summary.seconds == 0.0


def test_statuses_in_the_summary_cover_every_item_of_the_run(aws: InProcessAws) -> None:
    listing = a_mixed_run(aws)
    summary = report(aws, success(listing))
    assert isinstance(summary, Summary)
    rows = aws.ledger.known([clip(number).media_id for number in range(5)]).values()
    left = sum(row.status in (Status.PENDING, Status.IN_PROGRESS) for row in rows)
    assert summary.archived + summary.failed + summary.unavailable + left == listing.new


@pytest.mark.parametrize("started_at", ["sometime", "2100-01-01T00:00:00Z"])
def test_bytes_that_moved_in_no_time_are_reported_and_the_run_is_ended(aws: InProcessAws, started_at: str) -> None:
    """There is no rate of something that took no time."""
    aws.runs.begin("run-1", "arn")
    aws.archive(clip(1), "run-1", run_bytes=1_000_000, run_slices=1, run_requests=3, run_gb_seconds=2)
    aws.manifest("run-1", [clip(1)])
    listing = Listing(listed=1, new=1, batches=1)
    summary = report(aws, ReportRequest(run_id="run-1", provider="gopro", started_at=started_at, listing=listing))
    assert isinstance(summary, Summary) and summary.bytes_archived == 1_000_000
    assert aws.runs.has_ended("run-1") and len(aws.mails()) == 1


def test_a_run_at_its_ceiling_says_so_and_what_it_has_left_and_is_a_success(aws: InProcessAws) -> None:
    items = [clip(number) for number in range(3)]
    aws.manifest("run-1", items)
    aws.archive(items[0], "run-1", run_bytes=MOST_BYTES, run_slices=1)
    aws.ledger.add_pending([items[1]], "run-1")
    aws.ledger.claim(items[2], "run-1", 60)
    aws.runs.note_read("run-1", MOST_BYTES)
    summary = report(aws, success(Listing(listed=3, new=3, batches=3)))
    assert isinstance(summary, Summary) and (summary.status, summary.left, summary.failed) == ("SUCCEEDED", 2, 0)
    assert summary.backlog == 2
    (mail,) = aws.mails()
    assert (
        "It has read 1.00 TB, or as many videos as cost that much, which is as much as one run may" in mail["Message"]
    )
    assert "(max_run_gb), and left 2 videos" in mail["Message"]
    assert "Nothing is lost" in mail["Message"] and "all is well" not in mail["Message"]


def test_a_run_that_has_tried_as_many_videos_as_cost_as_much_is_at_its_ceiling_too(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.runs.note_read("run-1", 7, MOST_BYTES // LEAST_COUNTED - 1)
    assert aws.runs.bytes_counted("run-1") == MOST_BYTES - LEAST_COUNTED
    aws.runs.note_read("run-1", 7, 1)
    assert (aws.runs.bytes_read("run-1"), aws.runs.bytes_counted("run-1")) == (14, MOST_BYTES)
    report(aws, success(Listing(listed=1, new=1)))
    (mail,) = aws.mails()
    assert "max_run_gb" in mail["Message"]


def test_a_run_below_its_ceiling_names_none(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.runs.note_read("run-1", MOST_BYTES - 1)
    report(aws, success(Listing(listed=1, new=1)))
    (mail,) = aws.mails()
    assert "max_run_gb" not in mail["Message"]


def test_the_cost_of_a_run_counts_what_was_read_and_came_to_nothing(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.runs.note_read("run-1", 100 * prices.GB)
    summary = report(aws, success(Listing(listed=1, new=1)), extras=prices.Extras(private_network=True))
    assert isinstance(summary, Summary) and summary.estimated_usd > 5
