"""`cloudsync settings`: what may change without a deployment is checked, kept in versions, and lost to nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.stores import provider_settings
from cloud_sync_common.stores.provider_settings import Mails, ProviderSettings, StoredSettings

from console import main
from console.errors import ConsoleError, Exit
from console.operations import first_run, settings
from console.operations.settings import Current
from tests.unit.console_ledger import World, a_world

ENVIRONMENTS_FILTERS = '{"gopro": {"types": ["mp4"], "min_size_mb": 5}}'
GOPRO = ("--provider", "gopro")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        values = {"filters": ENVIRONMENTS_FILTERS, "max_run_gb": 1000}
        metadata = {"CloudSync": {"version": "0.6.0", "values": values}}
        world.answer("cloudformation", get_template={"TemplateBody": {"Metadata": metadata}})
        yield world


def stored(world: World, provider: str = "gopro") -> StoredSettings:
    """As the functions read it."""
    return provider_settings.stored(world.aws.table, provider)


def run(*arguments: str) -> int:
    return main.main(["settings", *arguments])


def edited(world: World, **changed: Any) -> None:
    """Changes the row by hand."""
    key = {"pk": "PROVIDER#gopro", "sk": "SETTINGS"}
    there = world.aws.table.get_item(Key=key).get("Item", {"version": 1, "document": "{}"})
    world.aws.table.put_item(Item=key | there | changed)


# Changes


def test_a_change_is_what_the_functions_read_from_then_on(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["mails=only-news", "photos=on", "filters.types=mp4, 360", "filters.min_size_mb=none"]
    assert run("set", *changes, *GOPRO, "--yes") == Exit.FINE
    found = stored(world)
    assert (found.version, found.settings.mails, found.settings.paused) == (1, Mails.ONLY_NEWS, False)
    assert found.settings.filters == {"kinds": ["video", "photo"], "types": ["mp4", "360"], "min_size_mb": None}
    printed = capsys.readouterr()
    assert "GoPro: mails: every_night -> only_news" in printed.out and "version 1" in printed.out
    assert "settings undo --provider gopro" in printed.err
    assert stored(world, "google_drive") == StoredSettings()


def test_default_leaves_a_field_to_the_environment_again(world: World) -> None:
    run("set", "photos=on", "filters.types=mov", "mails=only_trouble", *GOPRO, "--yes")
    run("set", "photos=default", "filters.types=default", "mails=default", *GOPRO, "--yes")
    assert (stored(world).version, stored(world).settings) == (2, ProviderSettings())
    run("set", 'filters={"names": ["GX*"]}', *GOPRO, "--yes")
    assert stored(world).settings.filters == {"names": ["GX*"]}
    run("set", "filters=default", *GOPRO, "--yes")
    assert stored(world).settings.filters == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["mails=never"], "field 'mails' must be every_night, only_news, only_trouble, not 'never'"),
        (["photos=perhaps"], "The setting 'photos' must be on, off or default"),
        (["filters.type=mp4"], "has a field 'type'; did you mean 'types'"),
        (["filters.captured_from=yesterday"], "field 'filters.captured_from' must be a time"),
        (["filters.media_ids=7"], "has a field 'media_ids'"),
        (["filters=all"], "field 'filters' must be an object"),
        (["filters.max_size_mb=1"], "field 'filters.max_size_mb' must not be smaller than 'min_size_mb' (5)"),
        (['filters.folders={"exclude": ["Private"]}'], "The filter 'folders' has no meaning for gopro"),
        (["mail=only_news"], "There is no setting 'mail'; did you mean 'mails'"),
        (["paused=true"], "cloudsync settings pause"),
        (["only_news"], "A change must be NAME=VALUE"),
        (["=x"], "A change must be NAME=VALUE"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name_and_nothing_is_written(
    world: World, changes: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("set", "photos=on", *changes, *GOPRO, "--yes") == Exit.USAGE
    error = capsys.readouterr().err
    assert says in error and len(error.splitlines()) == 1
    assert stored(world) == StoredSettings() and settings.versions(world.stack, "gopro") == []


@pytest.mark.parametrize("missing", ["stdin", "stderr"])
def test_without_a_terminal_nothing_is_asked_and_nothing_changes(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Where standard error is a file, nobody would see the question."""
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{name}.isatty", lambda name=name: name != missing, raising=False)
    assert run("set", "photos=on", *GOPRO) == Exit.USAGE
    error = capsys.readouterr().err
    assert 'GoPro: filters.kinds: (none) -> ["video","photo"]' in error and "Repeat the command with --yes" in error
    assert stored(world).version == 0


def test_a_change_that_changes_nothing_is_no_version(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("set", "photos=on", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).version == 1 and "like that already" in capsys.readouterr().out


def test_a_stack_with_several_providers_has_to_be_told_which(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["pause"], ["set", "photos=on", "--yes"], ["history"], ["undo", "--yes"]):
        assert run(*arguments) == Exit.USAGE
        assert "Name the provider with --provider: gopro, google-drive." in capsys.readouterr().err
    assert run("pause", "--provider", "dropbox") == Exit.USAGE
    assert run("pause", "--provider", "google-drive") == Exit.FINE and stored(world, "google_drive").settings.paused


def test_a_stack_of_a_version_without_settings_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.answer("cloudformation", get_template={"TemplateBody": {"Resources": {}}})
    for arguments in (["pause", *GOPRO], ["set", "photos=on", *GOPRO, "--yes"], ["show"], ["undo", *GOPRO, "--yes"]):
        assert run(*arguments) == Exit.FAILED
        assert "is of an earlier version: it does not say what it was deployed with" in capsys.readouterr().err
    assert stored(world).version == 0


# Pauses


def test_a_pause_is_kept_with_its_moment_and_other_changes_leave_that_alone(world: World) -> None:
    assert run("pause", *GOPRO) == Exit.FINE
    paused = stored(world)
    assert paused.settings.paused and paused.pause_changed_at
    run("set", "photos=on", *GOPRO, "--yes")
    assert stored(world).pause_changed_at == paused.pause_changed_at and stored(world).settings.paused
    assert run("resume", *GOPRO) == Exit.FINE
    resumed = stored(world)
    assert not resumed.settings.paused and resumed.pause_changed_at >= paused.pause_changed_at
    assert resumed.settings.filters == {"kinds": ["video", "photo"]} and resumed.version == 3


def test_a_run_that_the_owner_starts_after_connecting_works_although_the_provider_is_paused(world: World) -> None:
    def start(**given: Any) -> dict[str, str]:
        world.started.append(given)
        return {"executionArn": "arn:of:night-1"}

    world.answer("stepfunctions", start_execution=start)
    assert first_run.start(world.stack, "gopro") == ("night-1", None)
    run("pause", *GOPRO)
    run_id, pause = first_run.start(world.stack, "gopro")
    assert run_id == "night-1" and pause is not None
    assert pause.sentence.startswith("GoPro is paused since ") and pause.sentence.endswith(" by assumed-role/owner/me.")
    assert [json.loads(one["input"]) for one in world.started] == [
        {"provider": "gopro"}, {"provider": "gopro", "even_if_paused": True}
    ]  # fmt: skip


# Races


def test_of_two_who_change_the_same_version_the_second_is_told_and_overwrites_nothing(world: World) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    mine, theirs = (settings.current(world.stack, "gopro") for _ in range(2))
    settings.change(world.stack, theirs, ProviderSettings(mails=Mails.ONLY_NEWS))
    with pytest.raises(ConsoleError, match=r"Somebody else has changed the settings of GoPro.*then repeat"):
        settings.change(world.stack, mine, ProviderSettings(paused=True))
    assert stored(world).settings == ProviderSettings(mails=Mails.ONLY_NEWS)
    assert [one.version for one in settings.versions(world.stack, "gopro")] == [2, 1]


def test_of_two_who_change_them_first_one_is_told(world: World) -> None:
    mine, theirs = (settings.current(world.stack, "gopro") for _ in range(2))
    settings.change(world.stack, theirs, ProviderSettings(paused=True))
    with pytest.raises(ConsoleError, match="Somebody else"):
        settings.change(world.stack, mine, ProviderSettings(mails=Mails.ONLY_NEWS))


def test_a_change_by_hand_between_reading_and_writing_is_not_overwritten(world: World) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    read = settings.current(world.stack, "gopro")
    edited(world, document='{"paused": true}')
    with pytest.raises(ConsoleError, match="Somebody else"):
        settings.change(world.stack, read, ProviderSettings())
    assert stored(world).settings.paused


# History


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_settings_that_were_never_changed_have_an_empty_history(
    world: World, capsys: pytest.CaptureFixture[str], as_json: list[str]
) -> None:
    assert run("history", *GOPRO, *as_json) == Exit.FINE
    printed = capsys.readouterr()
    assert printed.err == ""
    if as_json:
        assert json.loads(printed.out)["versions"] == []
    else:
        assert printed.out == "The settings of GoPro were never changed.\n"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"types":' * 40_000], ids=["lists", "objects"])
@pytest.mark.parametrize("name", ["filters", "filters.names", "mails"])
def test_a_value_that_is_nested_without_end_is_refused_as_text(
    world: World, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    assert run("set", f"{name}={text}", *GOPRO, "--yes") == Exit.USAGE
    said = capsys.readouterr().err
    assert "The gopro settings" in said and "field" in said and len(said) < 1_000
    assert stored(world) == StoredSettings()


@pytest.mark.parametrize("document", ["[" * 100_000, '{"filters":' * 20_000], ids=["lists", "objects"])
def test_a_document_that_is_nested_without_end_is_named_and_undone(
    world: World, capsys: pytest.CaptureFixture[str], document: str
) -> None:
    run("set", "mails=only_news", *GOPRO, "--yes")
    edited(world, document=document)
    with pytest.raises(ConfigurationError, match="'document'"):
        stored(world)
    capsys.readouterr()
    assert run("show", *GOPRO) == Exit.FAILED
    assert "'document'" in capsys.readouterr().err
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings.mails is Mails.ONLY_NEWS


@pytest.mark.parametrize("document", ["", "no JSON", "[]", "[" * 100_000], ids=["empty", "text", "list", "nested"])
def test_a_version_of_the_history_that_was_edited_and_cannot_be_read_is_named(
    world: World, capsys: pytest.CaptureFixture[str], document: str
) -> None:
    run("set", "mails=only_news", *GOPRO, "--yes")
    run("set", "mails=only_trouble", *GOPRO, "--yes")
    world.aws.table.put_item(Item={"pk": "SETTINGS#gopro", "sk": "VERSION#000001", "version": 1, "document": document})
    capsys.readouterr()
    assert run("undo", *GOPRO, "--yes") == Exit.FAILED
    assert "Version 1 of the settings of gopro cannot be read" in capsys.readouterr().err
    assert run("undo", "--to", "0", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings == ProviderSettings()


def test_the_history_says_who_changed_what_and_when(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    run("pause", *GOPRO)
    capsys.readouterr()
    assert run("history", *GOPRO, "--json") == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    second, first = found["versions"]
    assert (found["kind"], found["version"], found["provider"]) == ("settings-history", 1, "gopro")
    assert second["differences"] == [{"field": "paused", "before": False, "after": True}]
    assert first["differences"] == [{"field": "filters.kinds", "before": None, "after": ["video", "photo"]}]
    assert {one["changed_by"] for one in (first, second)} == {"arn:aws:sts::1:assumed-role/owner/me"}
    assert run("history", *GOPRO) == Exit.FINE
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "2" and "assumed-role/owner/me" in lines[1] and "paused: false -> true" in lines[1]
    assert run("history", *GOPRO, "-n", "1") == Exit.FINE
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_undo_takes_back_the_last_change_as_a_version_of_its_own(world: World) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    run("set", "mails=only_news", *GOPRO, "--yes")
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).version == 3
    assert stored(world).settings == ProviderSettings(filters={"kinds": ["video", "photo"]})
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings.mails is Mails.ONLY_NEWS and stored(world).version == 4
    assert run("undo", "--to", "0", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings == ProviderSettings()
    assert run("undo", "--to", "1", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings.filters == {"kinds": ["video", "photo"]} and stored(world).version == 6


def test_there_is_nothing_to_undo_before_the_first_change_and_no_version_that_never_was(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("undo", *GOPRO, "--yes") == Exit.FAILED
    assert "were never changed" in capsys.readouterr().err
    run("pause", *GOPRO)
    assert run("undo", "--to", "7", *GOPRO, "--yes") == Exit.NOT_FOUND
    assert "have no version 7" in capsys.readouterr().err and stored(world).settings.paused


# What somebody has changed by hand


BROKEN = [
    {"document": "{"}, {"document": '{"mails": "never"}'}, {"document": {"paused": True}}, {"version": "two"},
    {"pause_changed_at": "x"},
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_a_row_that_was_spoilt_by_hand_is_named_and_undo_puts_the_last_good_version_back(
    world: World, broken: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    run("set", "mails=only_news", *GOPRO, "--yes")
    good = stored(world).settings
    edited(world, **broken)
    with pytest.raises(ConfigurationError):
        stored(world)
    for arguments in (["set", "photos=off", *GOPRO, "--yes"], ["pause", *GOPRO], ["show", *GOPRO]):
        assert run(*arguments) == Exit.FAILED
        assert "cloudsync settings undo --provider gopro" in capsys.readouterr().err
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert (stored(world).settings, stored(world).version) == (good, 3)


def test_a_readable_change_by_hand_is_taken_back_to_what_the_command_wrote(world: World) -> None:
    run("set", "photos=on", *GOPRO, "--yes")
    edited(world, document='{"paused": true}')
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings == ProviderSettings(filters={"kinds": ["video", "photo"]})


def test_a_row_that_was_written_by_hand_alone_goes_back_to_the_defaults(world: World) -> None:
    edited(world, document="no JSON", version=7)
    assert run("undo", *GOPRO, "--yes") == Exit.FINE
    assert stored(world).settings == ProviderSettings() and stored(world).version == 1


# Showing


def test_the_settings_are_shown_with_the_filters_of_runs_and_who_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    run("set", "filters.types=mov", "mails=only_trouble", *GOPRO, "--yes")
    run("pause", *GOPRO)
    capsys.readouterr()
    assert run("show", "--json") == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    gopro, drive = found["providers"]
    assert (gopro["settings_version"], gopro["settings"]["mails"], drive["settings_version"]) == (2, "only_trouble", 0)
    assert gopro["filters_of_runs"] == {"types": ["mov"], "min_size_mb": 5} and gopro["paused_since"]
    assert run("show", *GOPRO) == Exit.FINE
    text = capsys.readouterr().out
    assert 'filter types        ["mov"] (settings)' in text and "filter min_size_mb  5 (environment)" in text
    assert "paused since" in text and "only trouble" in text and "google_drive" not in text


def test_status_says_that_a_provider_is_paused_and_asks_for_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.night("night-1", status="FAILED")
    run("pause", *GOPRO)
    capsys.readouterr()
    main.main(["status", "--json"])
    found = json.loads(capsys.readouterr().out)
    (gopro, _) = found["providers"]
    assert gopro["paused"] and gopro["paused_since"]
    steps = {step["command"]: step["is_urgent"] for step in found["steps"] if step["text"].startswith("GoPro: ")}
    assert steps["cloudsync settings resume --provider gopro"] is False
    assert "cloudsync run --follow --provider gopro" not in steps


def test_status_says_first_that_settings_cannot_be_read(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    edited(world, document='{"mails": "never"}')
    assert main.main(["status", "--json"]) == Exit.ATTENTION
    step = json.loads(capsys.readouterr().out)["steps"][0]
    assert step["command"] == "cloudsync settings undo --provider gopro" and "field 'mails'" in step["text"]


def test_a_run_of_a_paused_provider_is_listed_as_such(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.night("night-1", output='{"paused": true, "status": "SUCCEEDED", "mail": "It is paused."}')
    assert main.main(["runs"]) == Exit.FINE
    assert capsys.readouterr().out.splitlines()[1].split()[2:] == ["GoPro", "paused"]


def test_a_current_row_is_the_same_whoever_has_read_it(world: World) -> None:
    run("pause", *GOPRO)
    read = settings.current(world.stack, "gopro")
    assert isinstance(read, Current) and settings.of_row(read.row, "gopro").stored == read.stored == stored(world)
