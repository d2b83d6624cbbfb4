"""`cloudsync status`: what it says of each state of a stack, what it asks the owner to do, and that it reads little."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from console import main
from console.errors import ConsoleError, Exit
from console.operations import ledger, safe
from console.operations.ledger import Reading
from console.operations.status import Status, status
from console.operations.waiting import waiting
from tests.unit.console_account import refusal
from tests.unit.console_ledger import STORED, World, a_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two providers, whose last runs succeeded and whose credentials renew themselves."""
    with a_world(monkeypatch) as world:
        for provider in ("gopro", "google_drive"):
            pk = f"PROVIDER#{provider}"
            world.night(f"night-of-{provider}", provider)
            world.put(pk, "LAST_SUCCESS", run_id=f"night-of-{provider}", ended_at="2026-11-26T01:02:00.000Z", backlog=0)
            world.put(pk, "CREDENTIALS", seen_version="v0", ends_at=None, renewable=True)
            world.put(pk, "COUNTED", since="2026-11-01T00:00:00.000Z", whole=True)
        yield world


def credentials(world: World, **state: Any) -> None:
    world.put("PROVIDER#gopro", "CREDENTIALS", **state)


def failed_item(world: World, number: int = 1, category: str = "integrity", **more: Any) -> None:
    fields = {
        "media_id": f"clip-{number}", "filename": f"GX{number}.MP4", "status": "FAILED", "not_archived": "gopro",
        "updated_at": f"2026-11-26T01:00:{number:02}.000Z", "error_category": category, "error_message": "Other bytes.",
        "attempts": 1, **more,
    }  # fmt: skip
    world.put(f"gopro#clip-{number}", "ITEM", **fields)


def commands(found: Status) -> list[str]:
    return [step.command for step in found.steps]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main.main(["status", *arguments])
    return code, " ".join(capsys.readouterr().out.split())


def test_when_all_is_well_nothing_is_to_be_done(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=3, bytes=2_000_000, run_id="x")
    world.put("PROVIDER#gopro", "MONTH#2026-11", originals=1, bytes=500_000, run_id="x")
    world.put("PROVIDER#gopro", "SPENT#2026-11", runs=3, usd=0, archived=4, bytes=2_500_000, run_id="x")
    code, text = shown(capsys)
    assert code == Exit.FINE
    assert "safe 4 originals, 2.5 MB, 2 months, captured 2026-05 to 2026-11" in text
    assert "last run SUCCEEDED, 2026-11-26 01:02: 3 archived (4.0 MB), 0 failed" in text
    assert "not safe 2 not ready at the provider" in text and "renew themselves, stored" in text
    assert "(cron(0 2 * * ? *) UTC)" in text and "cost 0 USD in 2026-11, without storage" in text
    assert text.endswith("Next step: none, all is well.")


def test_a_screen_is_as_wide_as_it_is_said_to_be_and_a_file_as_its_lines(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_item(world)
    main.main(["status"])
    whole = (
        "1 failed (integrity): What arrived is not what the provider announced. `cloudsync retry`; if it fails again, "
        "report it."
    )
    assert whole in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "80")
    main.main(["status"])
    assert max(map(len, capsys.readouterr().out.splitlines()[:14])) <= 80


def test_it_says_what_it_has_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["status"])
    assert capsys.readouterr().err == "Read 6 rows of the ledger in 4 requests.\n"


def test_json_has_everything_on_one_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    failed_item(world)
    assert main.main(["status", "--json"]) == Exit.ATTENTION
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["kind"], found["environment"]) == (1, "status", "dev")
    assert [one["provider"] for one in found["providers"]] == ["gopro", "google_drive"]
    assert found["providers"][0]["waiting"]["failed"] == 1 and found["steps"][0]["command"] == "cloudsync failures"


@pytest.mark.parametrize(
    ("state", "health", "command"),
    [
        ({"seen_version": "v1", "renewable": True}, "renews", None),
        ({"seen_version": "v0", "renewable": True}, "renews", None),
        ({"seen_version": "v1", "renewable": False}, "lasts", None),
        ({"seen_version": "v0", "renewable": False}, "untried", None),
        ({}, "untried", None),
        ({"seen_version": 7}, "untried", None),
        ({"seen_version": "v1", "renewable": False, "ends_at": 10**30}, "lasts", None),
        ({"seen_version": "v1", "renewable": True, "refused_version": "v1"}, "refused", "cloudsync connect gopro"),
        ({"seen_version": "v1", "renewable": True, "refused_version": "v0"}, "renews", None),
        ({"seen_version": "v1", "renewable": False, "ends_at": 1}, "ended", "cloudsync connect gopro"),
        ({"seen_version": "v0", "renewable": False, "ends_at": 1}, "untried", None),
        ({"seen_version": "v1", "renewable": False, "ends_at": int(time.time()) + 86_400}, "ends soon",
         "cloudsync connect gopro"),
        ({"seen_version": "v1", "renewable": False, "ends_at": int(time.time()) + 5 * 86_400}, "lasts", None),
    ],
)  # fmt: skip
def test_credentials_are_judged_without_the_secret(
    world: World, state: dict[str, Any], health: str, command: str | None
) -> None:
    credentials(world, **state)
    found = status(world.stack)
    assert found.providers[0].credentials.health == health
    assert commands(found) == ([command] if command else [])
    assert {operation for operation, _ in world.scripted("secretsmanager").asked} == {"list_secret_version_ids"}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"refused_version": "v1"}, "refused by the provider, stored "),
        ({"ends_at": 1}, "ended, stored "),
    ],
)
def test_how_long_a_session_lived_is_shown_beside_its_age(
    world: World, state: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stored_at = int(STORED.timestamp())
    ended = {"ended_version": "v1", "ended_at": stored_at + 9 * 3_600}
    credentials(world, seen_version="v1", renewable=False, stored_at=stored_at, **ended, **state)
    assert status(world.stack).providers[0].credentials.lived_days == 0.38
    text = shown(capsys)[1]
    assert words in text and " ago, lived 9 hours" in " ".join(text.split())


def test_of_a_session_that_works_or_is_another_one_no_life_is_told(world: World) -> None:
    ended = {"ended_version": "v1", "ended_at": int(STORED.timestamp()) + 9 * 3_600}
    credentials(world, seen_version="v1", renewable=False, **ended)
    assert status(world.stack).providers[0].credentials.lived_days is None
    credentials(world, seen_version="v0", renewable=False, refused_version="v1", **ended | {"ended_version": "v0"})
    assert status(world.stack).providers[0].credentials.lived_days is None


def test_without_credentials_the_first_step_is_to_connect(world: World) -> None:
    world.versions["google-drive/credentials"] = [{"VersionId": "v0", "VersionStages": [], "CreatedDate": 0}]
    found = status(world.stack)
    assert found.providers[1].credentials.health == "missing"
    assert commands(found) == ["cloudsync connect google-drive"] and found.needs_attention


def test_the_current_version_is_found_on_a_later_page(world: World) -> None:
    pages = {None: {"Versions": [], "NextToken": "2"}, "2": {"Versions": world.versions["gopro/credentials"]}}
    world.answer("secretsmanager", list_secret_version_ids=lambda NextToken=None, **_: pages[NextToken])
    assert status(world.stack).providers[0].credentials.stored_at.startswith("2026-11-20")


def test_a_failed_night_is_told_with_its_cause(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.executions = {}
    world.night("n2", "gopro", "FAILED", error="ConfigurationError", cause="The [red]session has ended.")
    world.night("n1", "gopro")
    world.night("n0", "google_drive")
    code, text = shown(capsys)
    assert code == Exit.ATTENTION
    assert "FAILED, 2026-11-26 01:02: The [red]session has ended.; the last success: 2026-11-26 01:02" in text
    assert "GoPro: the last run ended as FAILED. Run `cloudsync run --follow --provider gopro`." in text


@pytest.mark.parametrize(
    ("error", "stored", "health", "command"),
    [
        ("CredentialsExpiredError", 25, "refused", "cloudsync connect gopro"),
        ("AuthenticationError", 25, "refused", "cloudsync connect gopro"),
        ("CredentialsExpiredError", 27, "renews", "cloudsync run --follow --provider gopro"),
        ("ConfigurationError", 25, "renews", "cloudsync run --follow --provider gopro"),
    ],
)
def test_a_run_that_was_refused_condemns_the_credentials_that_it_had(
    world: World, error: str, stored: int, health: str, command: str
) -> None:
    before, world.executions = world.executions, {}
    world.night("n2", "gopro", "FAILED", error=error, cause="No.")
    world.executions |= before
    world.versions["gopro/credentials"][0]["CreatedDate"] = datetime(2026, 11, stored, tzinfo=UTC)
    found = status(world.stack)
    assert (found.providers[0].credentials.health, commands(found)) == (health, [command])


def test_a_run_under_way_after_a_failed_one_is_told_and_nothing_is_to_be_done(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before, world.executions = world.executions, {}
    arn = world.night("now", "gopro", "RUNNING")
    world.night("n2", "gopro", "ABORTED")
    world.executions |= before
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="now", execution_arn=arn)
    code, text = shown(capsys)
    assert code == Exit.FINE and "last run one is under way; ABORTED" in text


def test_a_reconciliation_is_no_night(world: World) -> None:
    before, world.executions = world.executions, {}
    world.night("r", "gopro", "FAILED", input='{"provider": "gopro", "mode": "reconcile"}')
    world.executions |= before
    assert status(world.stack).providers[0].last_run.run_id == "night-of-gopro"  # type: ignore[union-attr]


def test_only_as_many_runs_are_described_as_are_needed(world: World) -> None:
    for number in range(40):
        world.night(f"older-{number}")
    status(world.stack)
    described = [one for one in world.scripted("stepfunctions").asked if one[0] == "describe_execution"]
    assert 2 <= len(described) <= 8


def test_a_stack_that_never_ran_asks_for_a_run_and_is_no_trouble(world: World) -> None:
    world.executions = {}
    world.aws.table.delete_item(Key={"pk": "PROVIDER#gopro", "sk": "LAST_SUCCESS"})
    found = status(world.stack)
    assert commands(found) == ["cloudsync run --follow --provider gopro"] and not found.needs_attention


def test_what_has_failed_is_grouped_by_cause_the_largest_first(world: World) -> None:
    for number, category in enumerate(["integrity", "source_changed", "source_changed", "Lambda.Unknown", ""], start=1):
        failed_item(world, number, category)
    failed_item(world, 8, "not_available_yet", status="UNAVAILABLE")
    failed_item(world, 9, "", status="PENDING")
    found = status(world.stack).providers[0].waiting
    assert (found.failed, found.waiting, found.is_all) == (5, 2, True)
    assert [(group.status, group.category, group.items) for group in found.groups] == [
        ("FAILED", "source_changed", 2), ("FAILED", "", 1), ("FAILED", "Lambda.Unknown", 1), ("FAILED", "integrity", 1),
        ("PENDING", "", 1), ("UNAVAILABLE", "not_available_yet", 1),
    ]  # fmt: skip


def test_of_very_many_only_those_that_changed_last_are_read(world: World) -> None:
    for number in range(3):
        failed_item(world, number)
    reading = Reading()
    found, is_all = ledger.not_archived(world.stack, "gopro", reading, 2)
    assert ([row["media_id"] for row in found], is_all) == (["clip-2", "clip-1"], False)
    assert (reading.requests, reading.rows) == (1, 2)
    assert (len(ledger.not_archived(world.stack, "gopro", reading, None)[0]), reading.requests) == (3, 2)
    waits = waiting(world.stack, "gopro", Reading(), 2)
    assert (waits.failed, waits.is_all) == (2, False) and waiting(world.stack, "gopro", Reading(), 4).is_all


def test_an_alarm_of_this_stack_is_told_with_its_next_step(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.alarm("gopro-sync-run-cost", "The runs cost much. Next step: read the mail.")
    world.alarm("gopro-sync-run-cost-staging", "Another stack's.", own=False)
    code, text = shown(capsys)
    assert code == Exit.ATTENTION and "Alarm run-cost, since 2026-11-20" in text and "staging" not in text
    assert "Next step: The alarm run-cost is raised: read the mail." in text


def test_without_any_alarm_the_resources_of_the_stack_are_not_asked_for(world: World) -> None:
    status(world.stack)
    assert world.scripted("cloudformation").asked == []


def test_a_schedule_that_is_switched_off_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.schedules["gopro-sync-nightly"] = {"State": "DISABLED", "ScheduleExpression": "rate(1 day)"}
    code, text = shown(capsys)
    assert code == Exit.FINE and "next run none: the schedule is switched off (rate(1 day) UTC)" in text
    assert "Next step: GoPro: its schedule is switched off, so that only you start runs." in text


def test_a_schedule_that_has_ended_has_no_next_run(world: World) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    schedule = {"State": "ENABLED", "ScheduleExpression": "rate(1 day)", "CreationDate": old, "EndDate": old}
    world.schedules["gopro-sync-nightly"] = schedule
    assert status(world.stack).providers[0].schedule.next_at == ""


def test_an_archive_that_was_not_counted_from_the_beginning_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("PROVIDER#gopro", "COUNTED", since="2026-11-20T01:00:00.000Z", whole=False)
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=1, bytes=10, run_id="x")
    world.aws.table.delete_item(Key={"pk": "PROVIDER#google_drive", "sk": "COUNTED"})
    code, text = shown(capsys)
    assert code == Exit.FINE and "counted since 2026-11-20 01:00, without what was there before" in text
    assert "safe not counted yet: `cloudsync status --recount`" in text
    assert text.count("Run `cloudsync status --recount`.") == 2


def test_a_run_that_was_stopped_before_its_report_is_told_until_everything_is_counted(world: World) -> None:
    world.put("PROVIDER#gopro", "COUNTED", since="2026-11-01T00:00:00.000Z", whole=True, missed="night-0")
    (step,) = status(world.stack).steps
    assert step.text == "GoPro: what was archived by the run night-0, which was stopped, is not counted yet."
    assert (step.command, step.is_urgent) == ("cloudsync status --recount", False)
    assert safe.recount(world.stack, Reading())["gopro"].is_whole and status(world.stack).steps == []


def archived(world: World, provider: str, number: int, captured_at: str, size: int | None, status: str) -> None:
    fields = {} if size is None else {"bytes_total": size}
    world.put(f"{provider}#clip-{number}", "ITEM", status=status, captured_at=captured_at, **fields)
    world.put(f"{provider}#clip-{number}", "SOURCE#0001", status="ARCHIVED", size=1_000)


def test_a_count_anew_walks_over_the_ledger_once_for_all_providers(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("PROVIDER#gopro", "COUNTED", since="2026-11-20T01:00:00.000Z", whole=False)
    world.put("PROVIDER#gopro", "MONTH#2020-01", originals=9, bytes=9, run_id="old")
    for number in range(5):
        archived(world, "gopro", number, "2026-05-03", 10, "ARCHIVED")
    archived(world, "gopro", 5, "2026-06-03", 7, "FAILED")  # an earlier version of it is archived
    archived(world, "gopro", 6, "2026-06-03", None, "FAILED")
    archived(world, "gopro", 7, "", None, "ARCHIVED")
    archived(world, "google_drive", 1, "2026-06-03", 100, "ARCHIVED")
    archived(world, "dropbox", 1, "2026-06-03", 100, "ARCHIVED")  # not of this stack any more
    assert main.main(["status", "--recount", "--json"]) == Exit.FINE
    printed = capsys.readouterr()
    gopro, drive = (one["safe"] for one in json.loads(printed.out)["providers"])
    assert gopro["months"] == {"2026-05": [5, 50], "2026-06": [1, 7], "unknown": [1, 0]}
    assert (gopro["originals"], gopro["bytes"], gopro["counted_since"]) == (7, 57, "")
    assert drive["months"] == {"2026-06": [1, 100]} and printed.err.startswith("Counted ")


def test_nothing_is_counted_while_a_run_is_under_way(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    arn = world.night("now", "gopro", "RUNNING")
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="now", execution_arn=arn)
    assert main.main(["status", "--recount"]) == Exit.FAILED
    assert "A run of GoPro is under way, and what it archives is counted at its end." in capsys.readouterr().err


@pytest.mark.parametrize("answer", [None, refusal("ExecutionDoesNotExist", "DescribeExecution")])
def test_a_run_that_was_aborted_is_not_under_way(world: World, answer: Any) -> None:
    arn = world.night("gone", "gopro", "ABORTED")
    if answer:
        world.executions[arn] = answer
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="gone", execution_arn=arn)
    assert safe.recount(world.stack, Reading())["gopro"].originals == 0


def test_a_run_that_ends_while_the_ledger_is_counted_makes_it_start_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=1, bytes=1, run_id="before")

    def walk(*_: Any) -> Iterator[dict[str, Any]]:
        world.put("PROVIDER#gopro", "MONTH#2026-05", originals=2, bytes=2, run_id="meanwhile")
        yield {"pk": "gopro#a", "sk": "ITEM", "status": "ARCHIVED", "captured_at": "2026-05-01", "bytes_total": 1}

    monkeypatch.setattr(safe, "walk", walk)
    with pytest.raises(ConsoleError, match="it has to be counted again: repeat it"):
        safe.recount(world.stack, Reading())


def test_a_walk_that_is_not_taken_to_its_end_ends(world: World) -> None:
    for number in range(30):
        archived(world, "gopro", number, "2026-05-03", 10, "ARCHIVED")
    rows = ledger.walk(world.stack, Reading(), ("pk", "sk"))
    assert next(iter(rows))["sk"]
    rows.close()  # type: ignore[attr-defined]
    assert len(list(ledger.walk(world.stack, Reading(), ("pk",)))) == 60 + 6


def test_a_walk_tells_what_went_wrong_in_any_part_of_it(world: World) -> None:
    world.account.real = {"dynamodb": None}
    world.account.services["dynamodb"] = type(world.scripted("s3"))({"scan": refusal("AccessDenied", "Scan")})
    with pytest.raises(Exception, match="AccessDenied"):
        list(ledger.walk(world.stack, Reading(), ("pk",)))


def test_a_stack_of_an_earlier_version_is_named_as_such(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    del world.stack.outputs["NightlySchedule"]  # type: ignore[attr-defined]
    assert main.main(["status"]) == Exit.FAILED
    assert "is of an earlier version: it has no output NightlySchedule" in capsys.readouterr().err
