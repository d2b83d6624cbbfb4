"""The Lambda handlers, each with its sample event in `events/`: event in, JSON out, as in Lambda, and no secret."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.aws import clients
from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError, OriginalUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.runtime import settings
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.restore_jobs import JobState, RestoreJobs

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.integration.aws_on_loopback import SECRET, WORK, Aws
from tests.integration.downloader import NO_ORIGINAL, PLAIN, TWIN
from tests.integration.secret_check import Output, assert_no_secret, secrets_of

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = {
    "auth": "media_authenticator",
    "filtered_auth": "media_authenticator",
    "list": "media_lister",
    "filtered_list": "media_lister",
    "batch": "video_downloader",
    "download": "video_downloader",
    "catalogue": "catalogue_writer",
    "frame": "frame_maker",
    "failure": "failure_recorder",
    "report": "run_report",
    "report_all": "run_report",
    "report_paused": "run_report",
    "watch": "run_report",
    "reconcile": "archive_reconciler",
    "rotate": "credentials_rotator",
    **dict.fromkeys(("thaw", "thaw_check", "thaw_report", "thawed"), "archive_thawer"),
    **dict.fromkeys(("drill_choose", "drill_prove", "drill_give_up"), "restore_prover"),
    "all_auth": "media_authenticator",
    "paused_auth": "media_authenticator",
    **{f"{cloud}_auth": "media_authenticator" for cloud in ("drive", "dropbox")},
    **{f"{cloud}_list": "media_lister" for cloud in ("drive", "dropbox")},
    **{f"{cloud}_download": "video_downloader" for cloud in ("drive", "dropbox")},
    **{f"{cloud}_reconcile": "archive_reconciler" for cloud in ("drive", "dropbox")},
}
THAWING = {name for name, function in HANDLERS.items() if function == "archive_thawer"}  # of another state machine
DRILLS = {name for name, function in HANDLERS.items() if function == "restore_prover"}  # of a third one


class Context:
    memory_limit_in_mb, aws_request_id = 512, "00000000-0000-4000-8000-000000000001"

    def __init__(self, function_name: str) -> None:
        self.function_name = function_name
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def sample(name: str, **changes: Any) -> dict[str, Any]:
    """The sample event of that name, with some fields changed."""
    return json.loads((ROOT / "events" / f"{name}_event.json").read_text()) | changes


@dataclass
class Functions:
    """The functions in one account, and the account."""

    aws: Aws
    gopro: FakeGoPro

    def call(self, name: str, event: Any = None, **changes: Any) -> dict[str, Any]:
        """A handler's result as Step Functions sees it: through JSON."""
        module = importlib.import_module(f"lambdas.{HANDLERS[name]}.handler")
        given = sample(name, **changes) if event is None else event
        return json.loads(json.dumps(module.handler(given, Context(HANDLERS[name].replace("_", "-")))))

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.aws.table, "gopro")

    def oauth(self, **changes: object) -> dict[str, object]:
        """Renewable credentials, as the owner stores them."""
        return {
            "provider": "gopro",
            "refresh_token": self.gopro.refresh_token,
            "client_id": self.gopro.client_id,
            "client_secret": self.gopro.client_secret,
        } | changes


@pytest.fixture
def functions(aws: Aws, gopro: FakeGoPro, monkeypatch: pytest.MonkeyPatch, output: Output) -> Iterator[Functions]:
    """The functions. Afterwards, their log and output are checked for secrets."""
    for name, value in (aws.variables | {"GOPRO_API_BASE_URL": gopro.base_url}).items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    aws.store({"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id})
    yield Functions(aws, gopro)
    settings.load.cache_clear()
    assert_no_secret(output.text, gopro)


# The sample events


def test_every_handler_has_a_sample_event_and_every_event_a_handler() -> None:
    assert {path.name for path in (ROOT / "events").iterdir()} == {f"{name}_event.json" for name in HANDLERS}
    assert {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")} == set(HANDLERS.values())


@pytest.mark.parametrize("name", sorted(set(HANDLERS) - {"rotate", "watch", "frame", *THAWING}))
def test_a_sample_event_is_what_the_state_machine_sends(name: str) -> None:
    file = "restore_drill" if name in DRILLS else "sync_workflow"
    definition = (ROOT / "cloud_sync" / f"{file}.asl.json").read_text()
    function = "".join(word.capitalize() for word in HANDLERS[name].split("_"))
    payloads = re.findall(
        rf'"FunctionName": "\$\{{{function}\}}",\s*"Payload": (\{{.*?\}})\s*\}}', definition, re.DOTALL
    )
    sent = [{key.removesuffix(".$") for key in json.loads(payload)} for payload in payloads]
    assert set(sample(name)) in sent


def test_no_sample_event_contains_a_secret() -> None:
    for name in HANDLERS:
        text = json.dumps(sample(name)).lower().replace("clientrequesttoken", "")  # the id of a rotation
        assert not any(word in text for word in ("token", "client_secret", "eyj", "signature", "password"))


# Each handler


def test_the_authenticator_returns_the_input_of_the_next_steps(functions: Functions) -> None:
    result = functions.call("auth")
    assert result == {
        "run_id": sample("auth")["run_id"],
        "provider": "gopro",
        "filters": sample("list")["filters"],
        "kind": "session",
        "mode": "sync",
        "expires_at": None,
        "renewals": 1,
        "reported_by": "",
        "mails": "every_night",
        "paused": False,
        "runs": [],
    }


def test_a_paused_provider_is_asked_for_nothing_unless_the_run_was_started_for_that(
    functions: Functions, aws: Aws
) -> None:
    functions.gopro.control.expire_access_tokens()
    document = json.dumps({"paused": True, "filters": {"kinds": ["video", "photo"]}})
    aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "SETTINGS", "version": 1, "document": document})
    result = functions.call("auth")
    assert (result["paused"], result["kind"], result["filters"]["kinds"]) == (True, None, ["video", "photo"])
    with pytest.raises(CredentialsExpiredError):
        functions.call("paused_auth")
    assert functions.call("report_paused")["status"] == "SUCCEEDED"
    assert "paused" in aws.mails()[0]["Subject"] and functions.call("watch") == {"hours_since_success": 0.0}


def test_settings_that_were_spoilt_by_hand_stop_the_run_and_name_the_field(functions: Functions, aws: Aws) -> None:
    document = json.dumps({"filters": {"type": ["mp4"]}})
    aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "SETTINGS", "version": 1, "document": document})
    with pytest.raises(
        ConfigurationError, match=r"The gopro settings' field 'filters' has a field 'type'.*settings undo"
    ):
        functions.call("auth")


def test_the_authenticator_renews_oauth_credentials_and_stores_them(functions: Functions, aws: Aws) -> None:
    before = functions.oauth()
    aws.store(before)
    result = functions.call("auth")
    assert result["kind"] == "oauth" and result["expires_at"] > 1e9
    stored = json.loads(aws.secrets.get_secret_value(SecretId=SECRET, VersionStage="AWSCURRENT")["SecretString"])
    assert stored["access_token"] == functions.gopro.access_token
    assert stored["refresh_token"] == functions.gopro.refresh_token != before["refresh_token"]
    assert functions.call("auth")["renewals"] == 1 and functions.gopro.control.stats()["token_refreshes"] == 1
    assert_no_secret(json.dumps(result), functions.gopro)


def test_the_authenticator_says_what_to_do_when_the_session_has_expired(functions: Functions) -> None:
    functions.gopro.control.expire_access_tokens()
    with pytest.raises(CredentialsExpiredError, match=r"gopro\.com.*access_token"):
        functions.call("auth")


def test_the_authenticator_gives_up_on_tokens_that_are_always_refused(functions: Functions) -> None:
    with pytest.raises(CredentialsExpiredError, match="keeps refusing"):
        functions.call("auth", renewals=3)


def test_the_lister_writes_new_videos_to_the_manifest_and_counts_the_rest(functions: Functions, aws: Aws) -> None:
    result = functions.call("list")
    key = f"runs/{sample('list')['run_id']}/work.jsonl"
    assert (result["status"], result["next_cursor"], result["manifest_key"]) == ("COMPLETE", None, key)
    lines = [media for line in aws.read(key, WORK).splitlines() for media in json.loads(line)["media"]]
    assert len(lines) == result["new"] == 18 and (result["waiting"], result["exhausted"]) == (1, 0)
    assert sample("download")["media"] in [{**line, "size": 407103} for line in lines if line["media_id"] == PLAIN]
    assert_no_secret(json.dumps(result) + aws.read(key, WORK).decode(), functions.gopro)


def test_a_run_with_filters_lists_what_they_let_in_and_counts_the_rest_by_its_reason(
    functions: Functions, aws: Aws
) -> None:
    filters = functions.call("filtered_auth")["filters"]
    assert filters == sample("filtered_list")["filters"]
    result = functions.call("filtered_list", filters=filters)
    lines = aws.read(result["manifest_key"], WORK).splitlines()
    names = [media["filename"] for line in lines for media in json.loads(line)["media"]]
    assert result["left_out"] == {"captured": 2, "types": 2, "names": 2} and "GOPR0815.JPG" in names
    assert result["new"] == len(names) == 13 and result["listed"] == 18


def test_the_lister_does_nothing_while_another_run_is_active(functions: Functions) -> None:
    functions.call("list")
    machine = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    states = clients.step_functions()
    role = "arn:aws:iam::123456789012:role/states"
    arn = states.create_state_machine(name="sync", definition=machine, roleArn=role)["stateMachineArn"]
    running = states.start_execution(stateMachineArn=arn, name="run-2")["executionArn"]
    assert functions.call("list", run_id="run-2", execution_arn=running)["status"] == "COMPLETE", (
        "the first run has ended"
    )
    assert functions.call("list", run_id="run-3")["status"] == "ALREADY_RUNNING"
    states.stop_execution(executionArn=running)
    assert functions.call("list", run_id="run-3")["status"] == "COMPLETE"


def test_the_lister_records_a_refused_token_so_that_it_is_renewed(functions: Functions, aws: Aws) -> None:
    version = aws.store(functions.oauth(access_token="a-token-of-old", expires_at=4e9))
    with pytest.raises(CredentialsExpiredError):
        functions.call("list")
    assert aws.row("PROVIDER#gopro", "CREDENTIALS")["refused_version"] == version
    functions.call("auth")
    assert functions.call("list")["status"] == "COMPLETE"


def test_the_downloader_archives_the_video(functions: Functions, aws: Aws) -> None:
    result = functions.call("download")
    (original,) = (found for found in functions.gopro.library.originals() if found.media_id == PLAIN)
    assert result == {
        "status": "ARCHIVED",
        "bytes_archived": original.size,
        "proofs": ["s3-checksum", "claimed-size", "source-etag", "whole-movie"],
        "single_stream": False,
    }
    ((key, _),) = aws.archived().items()
    assert aws.read(key) == original.path.read_bytes()
    again = functions.call("download")
    assert (again["status"], again["bytes_archived"]) == ("ARCHIVED", 0)


def test_the_downloader_archives_a_batch_and_leaves_the_video_that_needs_a_slice(functions: Functions) -> None:
    (fine,) = sample("batch")["batch"]
    failing = {"media_id": NO_ORIGINAL, "filename": "GX010077.MP4"}
    beside_it = {"media_id": TWIN, "filename": "GX010042.MP4"}
    left = functions.call("batch", batch=[fine, failing, beside_it])["unfinished"]
    assert [media["media_id"] for media in left] == [NO_ORIGINAL]
    rows = functions.ledger.known([PLAIN, NO_ORIGINAL, TWIN])
    assert {media_id: row.status for media_id, row in rows.items()} == {
        PLAIN: Status.ARCHIVED, NO_ORIGINAL: Status.IN_PROGRESS, TWIN: Status.ARCHIVED,
    }  # fmt: skip
    assert functions.call("batch", batch=[fine])["unfinished"] == []


def test_an_empty_batch_is_finished(functions: Functions) -> None:
    assert functions.call("batch", batch=[]) == {"unfinished": []}


def test_the_failure_recorder_records_the_reason(functions: Functions) -> None:
    assert functions.call("failure") == {"category": "original_unavailable", "attempts": 1, "handed_over": False}
    row = functions.ledger.known([NO_ORIGINAL])[NO_ORIGINAL]
    assert (row.status, row.filename) == (Status.FAILED, "GX010077.MP4")
    assert row.error_message == "GoPro offers no original of this video, only smaller versions."


def test_the_failure_recorder_sends_a_dead_letter_after_three_failed_runs(functions: Functions, aws: Aws) -> None:
    results = [functions.call("failure", run_id=f"run-{number}") for number in (1, 2, 3)]
    assert [result["handed_over"] for result in results] == [False, False, True]
    (dead_letter,) = aws.dead_letters()
    assert dead_letter["again"] == {
        "provider": "gopro", "filters": {"media_ids": [NO_ORIGINAL], "retry_failed": True},
    }  # fmt: skip


def test_the_report_sends_a_mail_with_the_result_of_the_run(functions: Functions, aws: Aws) -> None:
    result = functions.call("report")
    assert (result["status"], result["listed"], result["new"], result["archived"]) == ("SUCCEEDED", 19, 18, 0)
    (mail,) = aws.mails()
    assert mail["Subject"].startswith("Cloud Sync:") and "0 of 18 new videos" in mail["Message"]


def test_the_report_of_a_failed_run_is_an_alert(functions: Functions, aws: Aws) -> None:
    state = {"provider": "gopro", "error": sample("failure")["error"]}
    event = {"run_id": "run-1", "started_at": sample("report")["started_at"], "state": state}
    assert functions.call("report", event) == {
        "error": "OriginalUnavailableError",
        "cause": "GoPro offers no original of this video, only smaller versions.",
    }
    assert "the run failed" in aws.mails()[0]["Subject"]


def test_the_report_of_all_providers_is_one_mail_with_the_text_of_each_run(functions: Functions, aws: Aws) -> None:
    result = functions.call("report_all")
    assert [(run["provider"], run["status"]) for run in result["runs"]] == [
        ("gopro", "SUCCEEDED"),
        ("google_drive", "FAILED"),
    ]
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 2 videos archived from 1 provider; the run of Google Drive failed"
    assert "GoPro:\n\n2 of 2 new videos are in the archive" in mail["Message"]


def test_the_watch_measures_the_time_since_the_last_success_and_sends_no_mail(functions: Functions, aws: Aws) -> None:
    assert functions.call("watch") == {"hours_since_success": None}
    assert aws.mails() == []
    functions.call("report")
    assert len(aws.mails()) == 1
    assert 0 <= functions.call("watch")["hours_since_success"] < 1
    assert aws.mails() == []


def test_a_whole_run_through_all_handlers_ends_with_one_correct_mail(
    functions: Functions, aws: Aws, output: Output
) -> None:
    run_id = sample("list")["run_id"]
    functions.call("auth")
    listing = functions.call("list")
    batches = [json.loads(line)["media"] for line in aws.read(listing["manifest_key"], WORK).splitlines()]
    assert len(batches) == listing["batches"] < listing["new"]
    for media in [media for batch in batches for media in functions.call("batch", batch=batch)["unfinished"]]:
        try:
            assert functions.call("download", media=media)["status"] == "ARCHIVED"
        except OriginalUnavailableError as error:
            cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            functions.call("failure", media=media, error={"Error": type(error).__name__, "Cause": cause})
    summary = functions.call("report", listing=listing)
    sizes = sum(found.size for found in functions.gopro.library.originals())
    assert (summary["archived"], summary["failed"], summary["bytes_archived"]) == (17, 1, sizes)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 17 videos archived, 1 failed" and "GX010077.MP4" in mail["Message"]
    assert {line["correlation_id"] for line in output.log} == {run_id}
    everything = json.dumps([aws.table.scan()["Items"], mail, summary, listing], default=str)
    assert_no_secret(everything + aws.read(listing["manifest_key"], WORK).decode(), functions.gopro)


# Invalid events


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("auth", {"input": {"provider": "nowhere"}}, "'provider'.*gopro"),
        ("auth", {"input": {}}, "'provider'"),
        ("auth", {"input": None}, "'provider'"),
        ("auth", {"input": {"provider": 7}}, "'provider'"),
        ("auth", {"input": {"provider": "gopro", "filters": {"captured_from": "then"}}}, r"filters\.captured_from"),
        ("auth", {"input": {"provider": "gopro", "filters": {"media_ids": "one"}}}, "media_ids"),
        ("auth", {"input": {"provider": "gopro", "everything": True}}, "'everything'"),
        ("auth", {"renewals": "many"}, "renewals"),
        ("list", {"provider": "nowhere"}, "'provider'.*gopro"),
        ("list", {"filters": {"captured_form": "x"}}, "captured_form"),
        ("list", {"cursor": 7}, "cursor"),
        ("download", {"provider": "nowhere"}, "'provider'.*gopro"),
        ("download", {"media": {"filename": "x.mp4"}}, "media_id"),
        ("download", {"media": {"media_id": 7, "filename": "x.mp4"}}, "media_id"),
        ("download", {"media": "65a0"}, "media"),
        ("download", {"request": "everything"}, "request"),
        ("download", {"request": None}, "request"),
        ("batch", {"provider": "nowhere"}, "'provider'.*gopro"),
        ("batch", {"batch": [{"filename": "x.mp4"}]}, "media_id"),
        ("batch", {"batch": "65a0"}, "batch"),
        ("failure", {"scope": "everything"}, "scope"),
        ("failure", {"error": "Boom"}, "error"),
        ("report", {"listing": {"new": "many"}}, "new"),
        ("report", {"state": "failed"}, "state"),
    ],
)
def test_an_invalid_event_is_a_configuration_error_that_names_the_field(
    functions: Functions, name: str, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        functions.call(name, **changes)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("auth", "run_id"),
        ("list", "run_id"),
        ("list", "execution_arn"),
        ("list", "provider"),
        ("download", "request"),
        ("download", "media"),
        ("batch", "run_id"),
        ("download", "run_id"),
        ("failure", "error"),
        ("failure", "media"),
        ("report", "run_id"),
        ("report", "started_at"),
    ],
)
def test_a_missing_field_is_named(functions: Functions, name: str, field: str) -> None:
    event = sample(name)
    del event[field]
    with pytest.raises(ConfigurationError, match=field):
        functions.call(name, event)


@pytest.mark.parametrize("name", sorted(HANDLERS))
@pytest.mark.parametrize("event", [[], "gopro", 7])
def test_an_event_that_is_not_an_object_is_refused(functions: Functions, name: str, event: object) -> None:
    with pytest.raises(ConfigurationError, match="object"):
        functions.call(name, event)


@pytest.mark.parametrize("name", sorted(set(HANDLERS) - {"frame"}))  # which has no settings
def test_a_missing_setting_is_named(functions: Functions, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGER_TABLE")
    settings.load.cache_clear()
    with pytest.raises(ConfigurationError, match="ledger_table"):
        functions.call(name)


def test_an_error_in_a_handler_is_logged_with_the_run_and_without_a_secret(
    functions: Functions, output: Output
) -> None:
    functions.gopro.control.add_fault(FaultKind.NO_SOURCE, media_id=PLAIN)
    with pytest.raises(OriginalUnavailableError):
        functions.call("download")
    line = output.log[-1]
    assert (line["level"], line["error"], line["category"]) == (
        "ERROR", "OriginalUnavailableError", "original_unavailable",
    )  # fmt: skip
    assert (line["correlation_id"], line["function_name"]) == (sample("download")["run_id"], "video-downloader")


# The check itself


def test_the_check_for_secrets_finds_them_in_every_notation(gopro: FakeGoPro) -> None:
    assert len(secrets_of(gopro)) >= 3
    assert_no_secret(json.dumps(sample("download")) + "https://cdn.example/1.mp4?Expires=1&Signature=***", gopro)
    for secret in secrets_of(gopro):
        for text in (f"Bearer {secret}.", json.dumps({"token": secret}), f"?token={secret}&n=1"):
            with pytest.raises(AssertionError, match="a secret is in the text"):
                assert_no_secret(text, gopro)
    with pytest.raises(AssertionError, match="signature of a link"):
        assert_no_secret("https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk", gopro)


def test_the_media_of_the_sample_events_is_in_the_demo_library(gopro: FakeGoPro) -> None:
    for name in ("download", "failure"):
        media = sample(name)["media"]
        found = gopro.library.get(media["media_id"])
        assert found is not None and (found.row["filename"], found.row["captured_at"]) == (
            media["filename"], media["captured_at"],
        )  # fmt: skip
        assert MediaItem(**media).media_id == media["media_id"]


def test_the_reconciler_reports_disagreements_in_a_mail_and_a_file(functions: Functions, aws: Aws) -> None:
    result = functions.call("reconcile")
    assert (result["status"], result["next_cursor"], result["objects"]) == ("COMPLETE", None, 0)
    assert set(result["findings"]) == {"not_in_ledger"}  # no run has been yet
    lines = aws.read(result["report_key"], WORK).splitlines()
    assert len(lines) == result["findings"]["not_in_ledger"] > 10
    (mail,) = aws.mails()
    assert mail["Subject"].endswith("disagreements between provider, ledger and archive")


def test_a_drill_of_an_empty_archive_proves_nothing_and_says_nothing(functions: Functions, aws: Aws) -> None:
    assert functions.call("drill_choose") == {"job_id": ""}
    assert aws.mails() == []


def test_a_drill_reads_the_original_that_it_has_drawn(functions: Functions, aws: Aws) -> None:
    functions.call("download")
    job_id = functions.call("drill_choose")["job_id"]
    RestoreJobs(aws.table).update(job_id, {"state": JobState.READY.value})
    proven = functions.call("drill_prove", job_id=job_id)
    assert (proven["done"], proven["agrees"]) == (True, True) and proven["read"] > 0
    stored = aws.s3.list_objects_v2(Bucket=WORK, Prefix="certificates/")["Contents"]
    assert len(stored) == 2 and aws.mails() == []


def test_a_drill_that_is_given_up_is_one_mail(functions: Functions, aws: Aws) -> None:
    functions.call("drill_give_up")
    (mail,) = aws.mails()
    assert "reading the ledger (AccessDeniedException)" in mail["Message"]
