"""`cloudsync run`: one run of a provider at a time, filters that are checked here, and a report as an exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from cloud_sync_common.filters import Filters
from cloud_sync_common.runtime import filter_input
from cloud_sync_common.steps.authenticate import AllProviders, AuthRequest
from rich.console import Console

from console import main
from console.commands import filter_options, following, run_words
from console.errors import Exit
from console.operations import watches
from console.operations.progress import FileProgress, Progress
from console.operations.run import child_of
from console.operations.run_report import NOT_STARTED, Report
from console.stack import Stack
from tests.unit.console_account import refusal
from tests.unit.console_ledger import EXECUTION, World, a_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("stepfunctions", list_executions=lambda **_: {"executions": [
            {"executionArn": arn} for arn, one in world.executions.items() if one["status"] == "RUNNING"
        ]}, describe_execution=lambda executionArn: described(world, executionArn))  # fmt: skip
        yield world


def described(world: World, arn: str) -> dict[str, Any]:
    if arn not in world.executions:
        raise refusal("ExecutionDoesNotExist", "DescribeExecution")
    return world.executions[arn]


def inputs(world: World) -> list[dict[str, Any]]:
    return [json.loads(started["input"]) for started in world.started]


def under_way(world: World, name: str, given: dict[str, Any]) -> None:
    arn = world.night(name, given["provider"], status="RUNNING", input=json.dumps(given))
    world.put(f"PROVIDER#{given['provider']}", "RUN_UNDER_WAY", current=name, execution_arn=arn)


# Starting


def test_a_run_of_everything_that_the_stack_backs_up_is_started(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run"]) == Exit.FINE
    assert inputs(world) == [{"provider": "all"}]
    assert capsys.readouterr().out == f"The run {world.started[0]['name']} of all providers has started.\n"


def test_filters_are_options_and_days_begin_at_midnight(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = {
        "--provider": "google-drive", "--from": "2026-05", "--before": "2026-06-02", "--uploaded-from":
        "2026-05-01T10:00:00+02:00", "--type": "MP4", "--kind": "photo", "--folder": "Trips/*", "--exclude-folder":
        "Old", "--name": "GX*", "--min-size-mb": "1.5", "--max-size-mb": "9", "--min-age-days": "2", "--item": "a",
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    assert main.main(["run", *words, "--kind", "video", "--retry-failed", "--json"]) == Exit.FINE
    assert inputs(world) == [{"provider": "google_drive", "filters": {
        "captured_from": "2026-05-01T00:00:00Z", "captured_before": "2026-06-02T00:00:00Z",
        "uploaded_from": "2026-05-01T10:00:00+02:00", "types": ["MP4"], "kinds": ["photo", "video"],
        "folders": {"include": ["Trips/*"], "exclude": ["Old"]}, "names": ["GX*"], "min_size_mb": 1.5,
        "max_size_mb": 9.0, "min_age_days": 2.0, "media_ids": ["a"], "retry_failed": True,
    }}]  # fmt: skip
    begun = json.loads(capsys.readouterr().out)
    assert (begun["kind"], begun["joined"], begun["run_id"]) == ("run", False, world.started[0]["name"])


def test_every_filter_of_a_run_has_an_option() -> None:
    fields = {*Filters.__struct_fields__, "include", "exclude"} - {"folders"}
    assert set(filter_options.FIELDS) == fields


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "often"], "--from must be a time with an offset such as 2026-01-31T00:00:00Z, not 'often'."),
        (["--from", "2026-13"], "--from must be a time"),
        (["--uploaded-before", "2026-05-01T00:00"], "--uploaded-before must be a time with an offset"),
        (["--from", "2026-06", "--before", "2026-05"], "--before must be later than 'captured_from'"),
        (["--type", "video"], "--type must be file types"),
        (["--kind", "videos"], "--kind must be a list"),
        (["--name", "a/b"], "--name must be names"),
        (["--folder", "../x"], "--folder or --exclude-folder must be"),
        (["--min-size-mb", "nan"], "--min-size-mb must be a number"),
        (["--max-size-mb", "-1"], "--max-size-mb must be a number"),
        (["--min-size-mb", "5", "--max-size-mb", "4"], "--max-size-mb must not be smaller than 'min_size_mb' (5)."),
    ],
)
def test_a_filter_that_does_not_fit_is_refused_by_its_option_before_aws_is_asked(
    options: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(*_: object) -> Stack:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(Stack, "find", find)
    for verb in ("run", "plan"):
        assert main.main([verb, *options]) == Exit.USAGE
        printed = capsys.readouterr()
        assert printed.err.startswith(f"cloudsync: {sentence}") and len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--provider", "icloud"], "--provider must be one that this stack backs up"),
        (["--provider", "gopro", "--folder", "x"], "GoPro has no folders"),
        (["--folder", "x"], "GoPro has no folders"),
        (["--mode", "reconcile"], "--mode reconcile is for one provider"),
        (["--mode", "reconcile", "--provider", "gopro", "--name", "x"], "has no meaning with mode 'reconcile'"),
        (["--provider", "gopro", *(["--item", "x" * 4_000] * 9)], "start several runs"),
        (["--follow", "a b"], "A run has an id such as"),
        (["--follow", "run-1", "--provider", "gopro"], "starts none"),
    ],
)
def test_what_a_run_would_be_refused_for_is_a_usage_error(
    options: list[str], part: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run", *options]) == Exit.USAGE
    assert part in capsys.readouterr().err and world.started == []


def test_a_reconciliation_is_started(world: World) -> None:
    assert main.main(["run", "--mode", "reconcile", "--provider", "gopro"]) == Exit.FINE
    assert inputs(world) == [{"provider": "gopro", "mode": "reconcile"}]


def test_a_paused_provider_is_worked_on_only_when_that_is_asked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["run", "--provider", "gopro", "--even-if-paused"]) == Exit.FINE
    assert inputs(world) == [{"provider": "gopro", "even_if_paused": True}]
    world.night("n", output='{"run_id": "n", "provider": "gopro", "status": "SUCCEEDED", "paused": true}')
    capsys.readouterr()
    assert main.main(["run", "--follow", "n"]) == Exit.FINE
    assert capsys.readouterr().out == (
        "GoPro: paused, nothing was looked for.\n\n"
        "Next step: `cloudsync run --provider gopro --even-if-paused` starts a single run meanwhile.\n"
    )


def paused(world: World, provider: str = "gopro", **more: Any) -> None:
    row = {
        "version": 1, "document": '{"paused": true}', "pause_changed_at": "2026-11-26T03:00:00+00:00",
        "changed_at": "2026-11-26T03:00:00+00:00", "changed_by": "arn:aws:sts::1:assumed-role/owner/me", **more,
    }  # fmt: skip
    world.put(f"PROVIDER#{provider}", "SETTINGS", **row)


@pytest.mark.parametrize("more", [[], ["--json"], ["--follow"], ["--mode", "reconcile"]])
def test_of_a_paused_provider_no_run_is_started_and_both_ways_on_are_named(
    more: list[str], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    paused(world)
    assert main.main(["run", "--provider", "gopro", *more]) == Exit.ATTENTION
    printed = capsys.readouterr()
    mode = "--mode reconcile " if "reconcile" in more else ""
    assert (printed.out, world.started) == ("", [])
    since = datetime.fromisoformat("2026-11-26T03:00:00+00:00").astimezone()
    assert printed.err == (
        f"cloudsync: GoPro is paused since {since:%Y-%m-%d %H:%M} by assumed-role/owner/me. No run was "
        "started, because it would do nothing. To end the pause: `cloudsync settings "
        "resume --provider gopro`. For a single run meanwhile: "
        f"`cloudsync run --provider gopro {mode}--even-if-paused`.\n"
    )


def test_whoever_has_paused_it_is_named_although_somebody_else_has_changed_a_filter_since(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    paused(world, changed_at="2026-11-26T09:00:00+00:00", changed_by="arn:aws:iam::1:user/another", version=2)
    for version, at, by in ((1, "2026-11-26T03:00:00+00:00", "user/first"), (2, "2026-11-26T09:00:00+00:00", "user/x")):
        row = {"version": version, "changed_at": at, "changed_by": f"arn:aws:iam::1:{by}", "document": "{}"}
        world.put("SETTINGS#gopro", f"VERSION#{version:06}", **row)
    assert main.main(["run", "--provider", "gopro"]) == Exit.ATTENTION
    assert " by user/first. " in capsys.readouterr().err


def test_a_pause_that_was_written_by_hand_says_neither_when_nor_by_whom(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document='{"paused": true}')
    assert main.main(["run", "--provider", "gopro"]) == Exit.ATTENTION
    assert capsys.readouterr().err.startswith("cloudsync: GoPro is paused. No run was started")


def test_a_run_of_all_leaves_out_what_is_paused_and_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    paused(world, "google_drive")
    assert main.main(["run"]) == Exit.FINE
    assert inputs(world) == [{"provider": "all"}]
    assert "Google Drive is paused since " in capsys.readouterr().out
    assert main.main(["run", "--json"]) == Exit.FINE
    (left_out,) = json.loads(capsys.readouterr().out)["paused"]
    assert (left_out["provider"], left_out["by"]) == ("google_drive", "assumed-role/owner/me")


def test_when_all_are_paused_a_run_of_all_is_not_started(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for provider in ("gopro", "google_drive"):
        paused(world, provider)
    assert main.main(["run"]) == Exit.ATTENTION
    said = capsys.readouterr().err
    assert "GoPro is paused since" in said and "Google Drive is paused since" in said and world.started == []
    assert "`cloudsync run --provider all --even-if-paused`" in said
    assert main.main(["run", "--even-if-paused"]) == Exit.FINE


def test_with_settings_that_cannot_be_read_no_run_is_started_that_would_fail_at_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    paused(world, document="no JSON")
    assert main.main(["run", "--provider", "gopro"]) == Exit.FAILED
    assert "cloudsync settings undo" in capsys.readouterr().err and world.started == []


def test_a_run_of_a_paused_provider_that_is_under_way_is_joined(world: World) -> None:
    paused(world)
    under_way(world, "by-hand", {"provider": "gopro", "even_if_paused": True})
    assert main.main(["run", "--provider", "gopro"]) == Exit.FINE
    assert world.started == []


# Joining


def test_a_run_under_way_is_joined_and_that_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    under_way(world, "night-1", {"provider": "gopro", "reported_by": "night"})
    assert main.main(["run", "--provider", "gopro"]) == Exit.FINE
    assert world.started == []
    assert capsys.readouterr().out == "The run night-1 of GoPro is under way already; no other one was started.\n"


def test_a_run_that_has_not_come_to_its_listing_is_joined_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("young", status="RUNNING")
    world.night("child", status="RUNNING", input='{"provider": "google_drive", "batch": {}}')
    assert main.main(["run", "--provider", "gopro", "--json"]) == Exit.FINE
    assert json.loads(capsys.readouterr().out)["run_id"] == "young"
    assert main.main(["run", "--provider", "google-drive"]) == Exit.FINE
    assert inputs(world) == [{"provider": "google_drive"}]


def test_a_run_that_was_aborted_is_not_joined(world: World) -> None:
    under_way(world, "night-1", {"provider": "gopro"})
    world.executions[EXECUTION + "night-1"]["status"] = "ABORTED"
    assert main.main(["run", "--provider", "gopro"]) == Exit.FINE
    assert inputs(world) == [{"provider": "gopro"}]


def test_a_run_for_a_part_is_joined_with_a_word_about_that(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    under_way(world, "retry-1", {"provider": "gopro", "filters": {"retry_failed": True}})
    assert main.main(["run", "--provider", "gopro"]) == Exit.FINE
    assert 'It was started for a part only: {"retry_failed": true}.' in capsys.readouterr().out


def test_the_same_filters_written_otherwise_are_the_same(world: World) -> None:
    under_way(world, "r", {"provider": "gopro", "filters": {"types": [".mp4"], "captured_from": None}})
    assert main.main(["run", "--provider", "gopro", "--type", "mp4"]) == Exit.FINE
    assert world.started == []


@pytest.mark.parametrize("options", [["--name", "GX*"], ["--mode", "reconcile"]])
def test_a_run_for_something_else_is_not_joined_but_named(
    options: list[str], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way(world, "night-1", {"provider": "gopro"})
    assert main.main(["run", "--provider", "gopro", *options]) == Exit.FAILED
    assert "`cloudsync run --follow night-1`" in capsys.readouterr().err and world.started == []


# Following

REPORTS = [
    ("SUCCEEDED", '{"archived": 3, "failed": 0, "new": 3}', Exit.FINE),
    ("SUCCEEDED", '{"archived": 3, "failed": 1}', Exit.ATTENTION),
    ("SUCCEEDED", '{"archived": 3, "exhausted": 1}', Exit.ATTENTION),
    ("SUCCEEDED", '{"archived": 3, "damaged": 1}', Exit.ATTENTION),
    ("SUCCEEDED", '{"findings": {"missing_object": 1}}', Exit.ATTENTION),
    ("SUCCEEDED", '{"findings": {}, "left_out": 7}', Exit.FINE),
    ("SUCCEEDED", '{"archived": 3, "waiting": 2, "unavailable": 1, "left": 5}', Exit.FINE),
    ("FAILED", "", Exit.FAILED), ("TIMED_OUT", "", Exit.FAILED), ("ABORTED", "", Exit.FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "output", "code"), REPORTS)
def test_following_a_finished_run_shows_its_report_and_its_outcome_is_the_exit_code(
    status: str, output: str, code: int, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.night("night-1", status=status, output=output)
    assert main.main(["run", "--follow", "night-1"]) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(f"GoPro: {status}") and "Next step:" in printed.out and world.started == []
    assert main.main(["run", "--follow", "night-1", "--json"]) == code
    report = json.loads(capsys.readouterr().out)
    assert (report["kind"], report["status"], report["run_id"]) == ("report", status, "night-1")


def test_a_failure_says_why_and_what_to_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("n", status="FAILED", output=None, error="CredentialsExpiredError", cause="It has\nended.")
    main.main(["run", "--follow", "n"])
    assert capsys.readouterr().out == (
        "GoPro: FAILED (CredentialsExpiredError): It has ended.\n\n"
        "Next step: Connect the provider again: `cloudsync connect`.\n"
    )


def test_a_run_of_all_has_a_report_for_each_provider(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("n", "all", output="{}")
    world.night(child_of("n", "gopro"), output='{"archived": 1, "bytes_archived": 2000000}')
    world.night(child_of("n", "google_drive"), "google_drive", status="FAILED", error="IntegrityError", cause="Odd.")
    assert main.main(["run", "--follow", "n"]) == Exit.FAILED
    text = capsys.readouterr().out
    assert "GoPro: SUCCEEDED, 1 item archived (2.0 MB moved) in 2 min." in text
    assert "Google Drive: FAILED (IntegrityError): Odd." in text


def test_a_run_of_all_that_was_refused_says_so_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("n", "all", status="FAILED", output=None, error="ConfigurationError", cause="No.")
    assert main.main(["run", "--follow", "n"]) == Exit.FAILED
    assert capsys.readouterr().out.startswith("All providers: FAILED (ConfigurationError): No.\n\nNext step:")


def test_the_run_of_one_provider_is_called_as_the_functions_call_it() -> None:
    names = ("gopro", "google_drive")
    for run_id in ("n", "x" * 80):
        started = AllProviders(names).authenticate(AuthRequest(run_id=run_id, input={"provider": "all"})).runs
        assert [run.name for run in started] == [child_of(run_id, name) for name in names]


def test_an_unknown_run_is_not_found(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "--follow", "none"]) == Exit.NOT_FOUND
    assert "`cloudsync runs` lists those" in capsys.readouterr().err


class Looks:
    """What a run looks like, each time that it is looked at; it ends with the last."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *samples: Progress | Exception) -> None:
        self.world, self.samples = world, list(samples)
        monkeypatch.setattr(following, "POLL_SECONDS", 0)
        monkeypatch.setattr(watches, "RunWatch", lambda *given, **more: self)

    def sample(self, *, is_over: bool) -> Progress:
        now = self.samples.pop(0)
        if isinstance(now, BaseException):
            raise now
        if len(self.samples) == 1 and isinstance(self.samples[0], Progress):
            for one in self.world.executions.values():
                one["status"] = "SUCCEEDED"
        return now


def at(ended: int, done: int, **more: Any) -> Progress:
    return Progress(provider="gopro", run_id="n", stage="moving", videos=2, ended=ended, done=done, total=100, **more)


def archived(name: str) -> FileProgress:
    return FileProgress(media_id=name, filename=name, status="ARCHIVED", done=50, size=50)


def test_without_a_terminal_lines_go_to_standard_error_and_the_report_to_standard_output(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way(world, "n", {"provider": "gopro"})
    Looks(world, monkeypatch, at(0, 0), at(1, 50, news=[archived("[red].MP4")]), at(2, 100, news=[archived("b.MP4")]))
    assert main.main(["run", "--provider", "gopro", "--follow"]) == Exit.FINE
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "GoPro 0 of 2 items; 0% of 100 B", "[red].MP4: archived, 50 B", "b.MP4: archived, 50 B"
    ]  # fmt: skip
    assert printed.out.splitlines()[0] == "The run n of GoPro is under way already; no other one was started."
    assert "GoPro: SUCCEEDED, 3 items archived (4.0 MB moved)" in printed.out


def test_as_json_each_event_is_a_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way(world, "n", {"provider": "gopro"})
    Looks(world, monkeypatch, at(0, 0), at(2, 100, rate=5.0))
    assert main.main(["run", "--provider", "gopro", "--follow", "--json"]) == Exit.FINE
    printed = capsys.readouterr()
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert [event["kind"] for event in events] == ["run", "progress", "progress", "report"]
    assert all(event["version"] == 1 for event in events) and printed.err == ""
    assert (events[2]["rate"], events[2]["done"], events[3]["archived"]) == (5.0, 100, 3)


def test_a_run_that_is_not_shown_yet_is_waited_for_and_one_that_never_is_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Looks(world, monkeypatch, *[at(0, 0)] * (following.MOST_UNSEEN + 2))
    assert main.main(["run", "--provider", "gopro", "--follow"]) == Exit.NOT_FOUND
    assert "does not show the run run-" in capsys.readouterr().err


def test_an_interruption_leaves_the_run_running_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way(world, "n", {"provider": "gopro"})
    Looks(world, monkeypatch, at(0, 0), KeyboardInterrupt())  # type: ignore[arg-type]
    assert main.main(["run", "--provider", "gopro", "--follow"]) == Exit.INTERRUPTED
    assert "The run goes on. To see it again:\n  cloudsync run --follow n\n" in capsys.readouterr().err
    assert {operation for operation, _ in world.scripted("stepfunctions").asked} == {"describe_execution"}


def test_a_refusal_in_the_middle_says_that_the_run_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way(world, "n", {"provider": "gopro"})
    Looks(world, monkeypatch, at(0, 0), refusal("ExpiredToken", "BatchGetItem"))
    assert main.main(["run", "--provider", "gopro", "--follow"]) == Exit.CREDENTIALS
    error = capsys.readouterr().err
    assert "The run goes on." in error and "cloudsync: The AWS credentials have expired." in error


def test_a_run_that_was_second_is_followed_where_the_work_is_done(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.night("mine", output='{"listing": {"status": "ALREADY_RUNNING"}}')
    arn = world.night("first", status="RUNNING")
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="first", execution_arn=arn)
    seen = list[str]()

    def described_once(executionArn: str) -> dict[str, Any]:
        seen.append(executionArn)
        is_over = executionArn != arn or seen.count(arn) > 1
        return {**world.executions[executionArn], **({"status": "SUCCEEDED"} if is_over else {})}

    world.answer("stepfunctions", describe_execution=described_once)
    world.account.real["s3"] = _NoManifest()
    try:
        world.stack = Stack(world.account, "dev", {**world.stack.outputs, "WorkBucket": "work"})
        assert main.main(["run", "--follow", "mine"]) == Exit.FINE
    finally:
        del world.account.real["s3"]
    printed = capsys.readouterr()
    assert "The run first was first, and does the work; this shows that one." in printed.err
    assert "GoPro: SUCCEEDED, 3 items archived" in printed.out


class _NoManifest:
    def head_object(self, **_: Any) -> Any:
        raise refusal("404", "HeadObject")


# What is shown


@pytest.mark.parametrize(
    ("width", "words"),
    [(80, "0 of 2 items, 1.0 MB/s, 2 min left"), (120, "0 of 2 items, 50 B of 100 B, 1.0 MB/s, 2 min left")],
)
def test_bars_are_one_for_each_provider_and_each_video_under_way_and_text_is_taken_as_it_is(
    width: int, words: str
) -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    moving = [FileProgress(media_id="m", filename="[red]" + "x" * 40, status="IN_PROGRESS", done=50, size=100)]
    failed = FileProgress(media_id="f", filename="f.MP4", status="FAILED", reason="[bold]Other bytes.")
    with following.Bars(console) as bars:
        bars([at(0, 50, moving=moving, news=[failed], rate=1e6, seconds_left=100.0)])
        bars._bars.refresh()
        bars([at(1, 100, rate=1e6)])
    text = file.getvalue()
    assert words in text and "  [red]xxxxxx" in text and "50 B of 100 B" in text
    assert "f.MP4: failed, [bold]Other bytes." in text and "1 of 2 items" in text
    assert max(map(len, re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", text)))) <= width


def test_overall_several_runs_side_by_side_are_as_slow_as_the_slowest() -> None:
    other = Progress(provider="dropbox", run_id="n", stage="listing")
    slow = at(1, 50, rate=2e6, seconds_left=4_000.0)
    assert following.overall([slow, other]) == (
        "GoPro 1 of 2 items, Dropbox listing; 50% of 100 B, 2.0 MB/s, 67 min left"
    )
    assert following.overall([other]) == "Dropbox listing"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5_340, "89 min"), (12_000, "3 h 20 min")]
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert following.duration(seconds) == text


def test_a_run_that_never_began_is_a_failure() -> None:
    report = Report(run_id="n", provider="gopro")
    assert (report.status, run_words.exit_code(report)) == (NOT_STARTED, Exit.FAILED)
    assert run_words.headline(report) == "GoPro: its run was not started"


def test_zero_is_a_value_that_takes_the_place_of_a_lasting_filter() -> None:
    nothing = dict.fromkeys(filter_options.FIELDS)
    assert filter_options.filters_of({**nothing, "min_age_days": 0.0, "types": ()}) == {"min_age_days": 0.0}


def test_the_reader_of_the_options_is_that_of_the_functions() -> None:
    given = filter_options.filters_of({"captured_from": "2026-05", "types": ("MP4",)})
    assert filter_input.checked(given) == Filters(captured_from="2026-05-01T00:00:00Z", types=("mp4",))
