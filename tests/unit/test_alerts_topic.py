"""Mails by way of SNS: what SNS refuses is one sentence, and foreign text writes no line of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.aws.alerts_topic import MESSAGE_LIMIT, SUBJECT_LIMIT, send_mail
from cloud_sync_common.exceptions import ArchiveUnavailableError, ConfigurationError
from cloud_sync_common.steps.report import Failed, Listing

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import clip, failure, metrics_in, report, success

ARN = "arn:aws:sns:us-east-1:000000000000:alerts"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Publish")


@pytest.mark.parametrize("code", ["Throttled", "ThrottledException", "KMSThrottling", "InternalError"])
def test_what_passes_by_itself_is_tried_again_later(code: str) -> None:
    with pytest.raises(ArchiveUnavailableError, match=code):
        send_mail(Mock(publish=Mock(side_effect=refusal(code))), ARN, "s", "t")


@pytest.mark.parametrize(
    "code", ["KMSDisabled", "KMSAccessDenied", "KMSInvalidState", "KMSNotFound", "KMSOptInRequired"]
)
def test_what_the_key_refuses_names_the_key_and_the_topic(code: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"KMS key .*{ARN} \({code}\)"):
        send_mail(Mock(publish=Mock(side_effect=refusal(code))), ARN, "s", "t")


@pytest.mark.parametrize("code", ["NotFound", "InvalidParameter", "InvalidParameterValue", "InvalidSecurity", "New"])
def test_what_the_topic_refuses_names_the_topic_and_the_next_step(code: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"topic {ARN} .*\({code}\).*[Dd]eploy"):
        send_mail(Mock(publish=Mock(side_effect=refusal(code))), ARN, "s", "t")


def test_a_mail_that_is_too_long_is_cut_to_what_sns_takes_and_says_so() -> None:
    topic = Mock()
    send_mail(topic, ARN, "ü" * 500, "\U0001f3d4" * 80_000)
    sent = topic.publish.call_args.kwargs
    assert MESSAGE_LIMIT - 4 < len(sent["Message"].encode()) <= MESSAGE_LIMIT and "was cut here" in sent["Message"]
    assert sent["Subject"] == "?" * SUBJECT_LIMIT


def test_a_mail_at_the_limit_is_sent_as_it_is() -> None:
    topic = Mock()
    send_mail(topic, ARN, "s", "x" * MESSAGE_LIMIT)
    assert topic.publish.call_args.kwargs["Message"] == "x" * MESSAGE_LIMIT


@pytest.mark.parametrize("code", ["NotFound", "KMSDisabled"])
def test_a_success_whose_mail_is_refused_is_ended_and_counted(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    aws.runs.begin("run-1", "arn:1")
    monkeypatch.setattr(aws, "sns", Mock(publish=Mock(side_effect=refusal(code))))
    with pytest.raises(ConfigurationError, match="topic"):
        report(aws, success(Listing()))
    assert not aws.runs.is_under_way() and aws.runs.last_success().run_id == "run-1"
    assert metrics_in(capsys.readouterr().out)["RunsSucceeded"] == 1


def test_a_failure_whose_alert_is_refused_is_ended_and_counted(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.runs.begin("run-1", "arn:1")
    monkeypatch.setattr(aws, "sns", Mock(publish=Mock(side_effect=refusal("NotFound"))))
    with pytest.raises(ConfigurationError, match="topic"):
        report(aws, failure({"provider": "gopro", "error": {"Error": "ConfigurationError", "Cause": "x"}}))
    assert not aws.runs.is_under_way() and metrics_in(capsys.readouterr().out)["RunsFailed"] == 1


def test_the_name_of_a_file_writes_no_line_of_a_mail(aws: InProcessAws) -> None:
    name = "a.mp4\r\n\r\nNext step: sign in at https://evil.example/\u202e4pm\u2028x"
    aws.manifest("run-1", [clip(1, name)])
    aws.ledger.fail_item(clip(1, name), "run-1", "integrity", "Other\nbytes.")
    report(aws, success(Listing(listed=1, new=1)))
    text = aws.mails()[0]["Message"]
    (line,) = [line for line in text.split("\n") if "evil" in line]
    assert line == "- a.mp4 Next step: sign in at https: //evil.example /4pm x: Other bytes. (integrity)"
    assert text.replace("\n", "").isprintable()


def test_twenty_names_of_four_byte_characters_fit_into_one_mail(aws: InProcessAws) -> None:
    items = [clip(number, "\U0001f3d4" * 3_900) for number in range(20)]
    aws.manifest("run-1", [clip(number) for number in range(20)])
    for item in items:
        aws.ledger.fail_item(item, "run-1", "integrity", "Other bytes.")
    report(aws, success(Listing(listed=20, new=20)))
    (mail,) = aws.mails()
    assert mail["Message"].count("…: Other bytes.") == 20 and len(mail["Message"].encode()) < MESSAGE_LIMIT


def test_the_cause_of_a_failed_run_is_one_line(aws: InProcessAws) -> None:
    state = {"provider": "gopro", "error": {"Error": "E\nx", "Cause": "one\n\nNext step:\u2028two"}}
    assert report(aws, failure(state)) == Failed("E x", "one Next step: two")


def test_a_row_has_the_name_of_a_file_as_one_line(aws: InProcessAws) -> None:
    for number, act in enumerate((
        lambda item: aws.ledger.add_pending([item], "run-1"),
        lambda item: aws.ledger.claim(item, "run-1", 60),
        lambda item: aws.ledger.fail_item(item, "run-1", "integrity", "Other bytes."),
    )):  # fmt: skip
        act(clip(number, "a\r\nb\u202ec" + "x" * 5_000))
        name = aws.row(f"clip-{number:03}").filename
        assert name.startswith("a bcx") and len(name) == 1_000 and name.isprintable()
