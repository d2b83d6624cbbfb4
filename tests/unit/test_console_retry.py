"""`cloudsync failures` and `cloudsync retry`: a step for each cause, and a dead-letter queue that loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import batched, count
from typing import Any

import pytest
from cloud_sync_common.exceptions import CloudSyncError, error_classes

from console import main
from console.commands import retry as command
from console.errors import Exit
from console.operations import dead_letters, retry
from console.operations import waiting as waiting_items
from console.operations.causes import CAUSES, cause_of
from console.operations.ledger import Reading
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)  # the one server here has every message at once
    with a_world(monkeypatch) as world:
        yield world


def failed(world: World, media_id: str, provider: str = "gopro", status: str = "FAILED", **more: Any) -> None:
    fields = {
        "media_id": media_id, "filename": f"{media_id}.MP4", "captured_at": "2026-05-03T10:00:00Z", "status": status,
        "not_archived": provider, "updated_at": "2026-11-26T01:00:00.000Z", "error_category": "integrity",
        "error_message": "Other bytes.", "attempts": 5, **more,
    }  # fmt: skip
    world.put(f"{provider}#{media_id}", "ITEM", **fields)


def letter(world: World, media_id: str, provider: str = "gopro", run_id: str = "run-1") -> None:
    send(world, body(media_id, provider, run_id))


def body(media_id: str, provider: str = "gopro", run_id: str = "run-1") -> str:
    """A message as failure-recorder writes it."""
    again = {"provider": provider, "filters": {}}
    return json.dumps({"again": again, "media": {"media_id": media_id}, "run_id": run_id})


def send(world: World, body: str) -> None:
    world.aws.sqs.send_message(QueueUrl=world.aws.dead_letters_url, MessageBody=body)


def letters(world: World) -> list[str]:
    """The bodies of what is visible in the queue."""
    answer = world.aws.sqs.receive_message(QueueUrl=world.aws.dead_letters_url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def about(world: World) -> list[str]:
    return [json.loads(body)["media"]["media_id"] for body in letters(world)]


def inputs(world: World) -> list[dict[str, Any]]:
    return [json.loads(started["input"]) for started in world.started]


# Failures


def test_every_category_has_a_meaning_and_a_step() -> None:
    categories = {kind.category for kind in error_classes().values()} | {CloudSyncError.category}
    assert set(CAUSES) == categories
    assert all(cause.meaning.endswith(".") and cause.fix.endswith(".") for cause in CAUSES.values())


@pytest.mark.parametrize("category", ["", "States.Timeout", "Sandbox.Timedout", "Lambda.Unknown", "anything"])
def test_an_error_of_aws_has_a_step_too(category: str) -> None:
    assert "cloudsync retry" in cause_of(category).fix


def test_failures_are_grouped_by_cause_with_the_step_that_fixes_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        failed(world, f"clip-{number}")
    failed(world, "[red]", "google_drive", error_category="credentials_expired", error_message="[bold]It has ended.")
    failed(world, "waits", status="PENDING", error_category="", error_message="")
    assert main.main(["failures"]) == Exit.ATTENTION
    text = capsys.readouterr().out
    assert "GoPro: 5 failed. What arrived is not what the provider announced. (integrity)" in text
    assert "and 2 more" in text and "clip-4, captured 2026-05-03 10:00, 5 attempts" in text
    assert "[red].MP4: [bold]It has ended." in text
    assert "Next step: Connect the provider again: `cloudsync connect`." in text
    assert "GoPro: 1 waiting. New, or not finished yet." in text


def test_in_a_terminal_of_eighty_columns_a_long_line_goes_on_below_its_beginning(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(world, "clip", error_category="original_unavailable", error_message="GoPro has no original of it. " * 4)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main.main(["failures"]) == Exit.ATTENTION
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in lines if line.startswith(("  clip", "  Next step"))] == ["  ", "  "]
    below = lines[lines.index(next(line for line in lines if line.startswith("  Next step"))) + 1]
    assert below.startswith("  ") and "cloudsync retry" in below and max(map(len, lines)) <= 80


def test_what_only_waits_is_no_trouble(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    failed(world, "waits", status="UNAVAILABLE", error_category="not_available_yet")
    assert main.main(["failures", "--json"]) == Exit.FINE
    gopro = json.loads(capsys.readouterr().out)["providers"][0]
    assert (gopro["failed"], gopro["waiting"], gopro["groups"][0]["waits"]) == (0, 1, True)


def test_without_failures_that_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["failures", "--provider", "gopro"]) == Exit.FINE
    assert capsys.readouterr().out == "Everything that is known is archived.\n"


# Retry


def test_of_a_paused_provider_what_failed_is_tried_again_all_the_same_and_that_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document='{"paused": true}')
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FINE
    assert inputs(world)[0]["even_if_paused"] is True
    assert "GoPro is paused. This run works all the same, and the pause stays." in capsys.readouterr().err


def test_an_item_is_tried_again_by_a_run_that_names_it_and_its_message_goes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    for media_id, provider in (("clip-1", "gopro"), ("clip-1", "google_drive"), ("clip-2", "gopro")):
        letter(world, media_id, provider)
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FINE
    assert inputs(world) == [
        {"provider": "gopro",
         "filters": {"media_ids": ["clip-1"], "retry_failed": True, "kinds": ["video", "photo"]}}
    ]  # fmt: skip
    printed = capsys.readouterr()
    assert "tries 1 item again.\n1 message about it left the dead-letter queue." in printed.out
    assert "2 other messages stay in the dead-letter queue." in printed.err
    assert sorted(about(world)) == ["clip-1", "clip-2"]


def test_everything_that_has_failed_is_tried_again_by_one_run_of_each_provider(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    failed(world, "clip-2")
    failed(world, "waits", status="PENDING")
    failed(world, "file-1", "google_drive")
    for media_id, provider in (("clip-1", "gopro"), ("waits", "gopro"), ("file-1", "google_drive")):
        letter(world, media_id, provider)
    assert main.main(["retry", "--all", "--yes", "--json"]) == Exit.FINE
    assert inputs(world) == [
        {"provider": name, "filters": {"retry_failed": True}} for name in ("gopro", "google_drive")
    ]
    gopro, drive = json.loads(capsys.readouterr().out)["runs"]
    assert (gopro["items"], gopro["messages_deleted"], drive["items"], drive["messages_deleted"]) == (2, 1, 1, 1)
    assert about(world) == ["waits"]


def test_a_message_that_the_new_run_has_written_itself_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    start = retry.start

    def quick(*given: Any) -> retry.Retried:
        started = start(*given)
        letter(world, "clip-1", run_id=started.run_id)
        return started

    monkeypatch.setattr(retry, "start", quick)
    assert main.main(["retry", "--all", "--yes"]) == Exit.FINE
    assert about(world) == ["clip-1"]


@pytest.mark.parametrize(
    "odd", ["", "no JSON", "[]", "null", "[" * 50_000, '{"again": 7}', '{"again": {"provider": "gopro"}}']
)
def test_a_message_that_nobody_of_ours_wrote_stays(world: World, odd: str) -> None:
    failed(world, "clip-1")
    send(world, odd or " ")
    assert main.main(["retry", "--all", "--yes"]) == Exit.FINE
    assert letters(world) == [odd or " "]


def test_a_run_that_cannot_be_started_leaves_every_message(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    failed(world, "clip-1")
    letter(world, "clip-1")
    world.answer("stepfunctions", start_execution=refusal("AccessDeniedException", "StartExecution"))
    assert main.main(["retry", "--all", "--yes"]) == Exit.CREDENTIALS
    assert about(world) == ["clip-1"]


def test_a_run_under_way_is_not_disturbed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    failed(world, "clip-1")
    letter(world, "clip-1")
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="now", execution_arn=world.night("now", status="RUNNING"))
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FAILED
    assert "A run of GoPro is under way; a second one would end at once." in capsys.readouterr().err
    assert world.started == [] and about(world) == ["clip-1"]


def test_if_the_second_run_cannot_start_the_first_is_told_and_only_its_messages_go(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    failed(world, "file-1", "google_drive")
    letter(world, "clip-1")
    letter(world, "file-1", "google_drive")
    world.put(
        "PROVIDER#google_drive", "RUN_UNDER_WAY", current="now", execution_arn=world.night("now", status="RUNNING")
    )
    assert main.main(["retry", "--all", "--yes"]) == Exit.FAILED
    printed = capsys.readouterr()
    assert "of GoPro tries 1 item again." in printed.out and "A run of Google Drive is under way" in printed.err
    assert about(world) == ["file-1"]


class Broken:
    """SQS, some of whose operations are answered otherwise."""

    def __init__(self, world: World, **answers: Any) -> None:
        self._world, self._answers = world, answers
        world.account.real = {**world.account.real, "sqs": self}

    def __getattr__(self, name: str) -> Any:
        return self._answers.get(name) or getattr(self._world.aws.sqs, name)


def raising(error: BaseException) -> Any:
    def call(**_: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code"),
    [(refusal("AccessDenied", "DeleteMessageBatch"), Exit.CREDENTIALS), (KeyboardInterrupt(), Exit.INTERRUPTED)],
)
def test_messages_that_stay_are_visible_again_and_the_run_is_told_whatever_interrupts(
    world: World, capsys: pytest.CaptureFixture[str], error: BaseException, code: Exit
) -> None:
    failed(world, "clip-1")
    letter(world, "other")
    letter(world, "clip-1")
    Broken(world, delete_message_batch=raising(error))
    assert main.main(["retry", "--all", "--yes"]) == code
    assert sorted(about(world)) == ["clip-1", "other"]
    assert f"The run {world.started[0]['name']} of GoPro tries 1 item again." in capsys.readouterr().out


def test_a_message_that_sqs_does_not_delete_is_counted_as_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "clip-1")
    letter(world, "clip-1")
    Broken(world, delete_message_batch=lambda **_: {"Failed": [{"Id": "0", "Code": "InternalError"}]})
    assert main.main(["retry", "--all", "--yes", "--json"]) == Exit.FINE
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["messages_deleted"], run["messages_left"], about(world)) == (0, 1, ["clip-1"])


def test_a_message_that_is_visible_again_already_does_no_harm(world: World) -> None:
    """Its time has passed while others were looked at, so that SQS refuses to show it."""
    failed(world, "clip-1")
    letter(world, "other")
    refused = {"Failed": [{"Id": "0", "Code": "MessageNotInflight"}]}
    Broken(world, change_message_visibility_batch=lambda **_: refused)
    assert main.main(["retry", "--all", "--yes"]) == Exit.FINE


def test_a_message_that_is_delivered_again_is_deleted_again(world: World) -> None:
    """SQS delivers at least once: the second time, too, it is about what the run tries again."""
    failed(world, "clip-1")
    letter(world, "clip-1")
    once = world.aws.sqs.receive_message(QueueUrl=world.aws.dead_letters_url, VisibilityTimeout=0)
    answers = iter([once, once, {}, {}])
    Broken(world, receive_message=lambda **_: next(answers))
    assert main.main(["retry", "--all", "--yes"]) == Exit.FINE
    assert about(world) == []


def test_a_run_that_does_not_begin_leaves_every_message(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another one has begun at the same moment, so that this one ends at once and tries nothing."""
    monkeypatch.setattr(retry, "BEGIN_SECONDS", 0.0)
    monkeypatch.setattr(retry, "_BETWEEN_SECONDS", 0.0)
    world.begins = False
    failed(world, "clip-1")
    letter(world, "clip-1")
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FINE
    assert "It has not begun its work yet" in capsys.readouterr().err and about(world) == ["clip-1"]


def test_an_interruption_while_the_run_begins_says_what_was_started(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retry.time, "sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
    world.begins = False
    failed(world, "clip-1")
    letter(world, "clip-1")
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.INTERRUPTED
    assert f"The run {world.started[0]['name']} of GoPro" in capsys.readouterr().out and about(world) == ["clip-1"]


def test_messages_about_what_was_archived_since_leave_with_all_and_no_others(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(world, "later", status="ARCHIVED", archived_at="2999-01-01T00:00:00.000Z")
    failed(world, "before", status="ARCHIVED", archived_at="2020-01-01T00:00:00.000Z")
    failed(world, "odd", status="ARCHIVED", archived_at="some day")
    failed(world, "waits", status="PENDING", archived_at="2999-01-01T00:00:00.000Z")
    failed(world, "file", "google_drive", status="ARCHIVED", archived_at="2999-01-01T00:00:00.000Z")
    for media_id in ("later", "before", "odd", "waits", "unknown"):
        letter(world, media_id)
    letter(world, "file", "google_drive")
    assert main.main(["retry", "--all", "--provider", "gopro"]) == Exit.FINE
    printed = capsys.readouterr()
    assert "1 message about what is archived by now left the dead-letter queue." in printed.out
    assert "5 other messages stay in the dead-letter queue." in printed.err and world.started == []
    assert sorted(about(world)) == ["before", "file", "odd", "unknown", "waits"]


def test_of_an_id_of_several_providers_the_one_that_is_not_archived_is_tried(world: World) -> None:
    failed(world, "clip-1", status="ARCHIVED")
    failed(world, "clip-1", "google_drive")
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FINE
    assert [one["provider"] for one in inputs(world)] == ["google_drive"]


def test_a_named_item_touches_no_message_about_another(world: World) -> None:
    failed(world, "clip-1")
    failed(world, "done", status="ARCHIVED", archived_at="2999-01-01T00:00:00.000Z")
    letter(world, "done")
    assert main.main(["retry", "clip-1", "--yes"]) == Exit.FINE
    assert about(world) == ["done"]


def test_an_item_that_is_archived_while_the_owner_is_asked_is_none_that_is_lost(world: World) -> None:
    """Its message goes because the run that has begun names it: it finds the item archived."""
    failed(world, "clip-1")
    letter(world, "clip-1")
    found = retry.all_failed(world.stack, ["gopro"], Reading())
    failed(world, "clip-1", status="ARCHIVED", archived_at="2026-11-27T00:00:00.000Z")
    started = retry.start(world.stack, found[0], Reading())
    cleared = dead_letters.Cleared()
    retry.clearing(world.stack, found, [started], [], Reading()).clear(cleared)
    assert (cleared.deleted, cleared.left, about(world)) == ({"gopro": 1}, 0, [])


def test_ten_thousand_failures_are_tried_again_and_each_message_is_looked_at(world: World) -> None:
    """Of SQS and the ledger in memory, because of the number."""
    handles = [str(number) for number in range(10_000)]
    deleted, shown = set[str](), set[str]()
    waiting = iter(batched(handles, 10))

    def receive(**_: Any) -> dict[str, Any]:
        return {"Messages": [{"ReceiptHandle": handle, "Body": body(f"clip-{handle}")} for handle in next(waiting, ())]}

    def delete(*, Entries: Any, **_: Any) -> dict[str, Any]:
        deleted.update(one["ReceiptHandle"] for one in Entries)
        return {"Successful": Entries}

    def show(*, Entries: Any, **_: Any) -> dict[str, Any]:
        shown.update(one["ReceiptHandle"] for one in Entries)
        return {}

    Broken(world, receive_message=receive, delete_message_batch=delete, change_message_visibility_batch=show)
    items = [waiting_items.item_of("gopro", {"pk": f"gopro#clip-{n}", "status": "FAILED"}) for n in handles[:9_990]]
    all_of = [retry.Retry(provider="gopro", items=items, is_all=True)]
    begun = [retry.Retried(provider="gopro", run_id="run-2", items=len(items))]
    cleared = dead_letters.Cleared()
    retry.clearing(world.stack, all_of, begun, [], Reading()).clear(cleared)
    assert (cleared.deleted, cleared.left) == ({"gopro": 9_990}, 10)
    assert deleted == set(handles[:9_990]) and shown == set(handles[9_990:])


def test_a_queue_that_does_not_end_is_left_after_a_bounded_number_of_messages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_MESSAGES", 30)
    received = count()

    def receive(**_: Any) -> dict[str, Any]:
        return {"Messages": [{"ReceiptHandle": str(next(received)), "Body": body("other")} for _ in range(10)]}

    Broken(world, receive_message=receive, change_message_visibility_batch=lambda **_: {})
    cleared = dead_letters.Cleared()
    retry.clearing(world.stack, [], [], ["gopro"], Reading()).clear(cleared)
    assert cleared.left == 30 and next(received) == 30


def test_nothing_that_has_failed_is_nothing_to_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["retry", "--all"]) == Exit.FINE
    assert capsys.readouterr().out == "Nothing has failed: there is nothing to try again.\n" and world.started == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], Exit.USAGE, "Name the items to try again, or take --all"),
        (["clip-1", "--all"], Exit.USAGE, "Name the items to try again, or take --all"),
        (["clip-1", "--provider", "gopro"], Exit.USAGE, "Name the items to try again, or take --all"),
        (["nothing"], Exit.NOT_FOUND, "The ledger has no item 'nothing'."),
        (["done"], Exit.USAGE, "'done' is archived: there is nothing to try again."),
        (["clip-1"], Exit.USAGE, "There is no terminal to ask on. Repeat the command with --yes."),
    ],
)
def test_what_cannot_be_tried_is_said_before_anything_is_done(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: Exit, sentence: str
) -> None:
    failed(world, "clip-1")
    failed(world, "done", status="ARCHIVED")
    assert main.main(["retry", *arguments]) == code
    assert sentence in capsys.readouterr().err and world.started == []


def test_more_than_one_run_can_name_is_refused_before_anything_is_done(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{number:03}-{'x' * 400}" for number in range(90)]
    for name in names:
        failed(world, name)
    assert main.main(["retry", *names, "--yes"]) == Exit.USAGE
    assert "90 items are more than one run can name. Name fewer, or take --all." in capsys.readouterr().err


def test_a_question_that_nobody_would_see_is_not_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard input is a terminal, and standard error is a file, as in `cloudsync retry --all 2>log`."""
    failed(world, "clip-1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert main.main(["retry", "clip-1"]) == Exit.USAGE
    assert "There is no terminal to ask on" in capsys.readouterr().err and world.started == []


@pytest.mark.parametrize(("answer", "code", "started"), [(True, Exit.FINE, 1), (False, Exit.FAILED, 0)])
def test_with_a_terminal_the_owner_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: bool, code: Exit, started: int
) -> None:
    failed(world, "clip-1")

    def confirm(question: str, *, err: bool) -> bool:
        assert question == "Try 1 item again?" and err
        return answer

    monkeypatch.setattr(command.click, "confirm", confirm)
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    assert main.main(["retry", "clip-1"]) == code
    assert len(world.started) == started
