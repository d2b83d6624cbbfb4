"""What changes without a deployment, against the deployed stack: the command writes it, and the next run has it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.deployment import Deployment
from tests.e2e.conftest import output_of
from tests.e2e.test_console_reading import CLOUDSYNC, cloudsync, environment, found
from tests.synthesis import ROOT
from tests.terminal import Terminal

type Inbox = Callable[[], list[dict[str, str]]]
PHOTOS_TOO = ("settings", "set", "photos=on", "filters.captured_from=2026-03-01T00:00:00Z", "mails=only_trouble")


def settings(deployment: Deployment, *arguments: str, code: int = 0) -> dict[str, Any]:
    return found(deployment, "settings", *arguments, code=code)


def test_a_pause_ends_the_run_at_once_and_a_resume_lets_the_next_one_archive(
    deployment: Deployment, inbox: Inbox
) -> None:
    assert settings(deployment, "pause")["settings_version"] == 1
    paused = deployment.run()
    assert paused["status"] == "SUCCEEDED" and output_of(paused)["paused"] is True
    assert deployment.objects() == {} and "paused" in inbox()[0]["Subject"]
    of_all = output_of(deployment.run({"provider": "all"}))
    assert [run["status"] for run in of_all["runs"]] == ["PAUSED"]
    runs = found(deployment, "runs", "-n", "3")["runs"]
    assert [run["paused"] for run in runs if run["provider"] == "gopro"] == [True, True]
    one = {"provider": "gopro", "even_if_paused": True, "filters": {"names": ["GX010042*"]}}
    by_hand = output_of(deployment.run(one))
    assert by_hand["archived"] == len(deployment.objects()) > 0
    settings(deployment, "resume")
    assert output_of(deployment.run())["archived"] + by_hand["archived"] == 17


def test_lasting_filters_and_mails_are_those_of_the_next_run_and_undo_takes_them_back(
    deployment: Deployment, inbox: Inbox
) -> None:
    changed = found(deployment, *PHOTOS_TOO, "--yes")
    assert {one["field"] for one in changed["differences"]} == {"filters.kinds", "filters.captured_from", "mails"}
    deployment.run({"provider": "gopro", "filters": {"names": ["no such name"]}})
    assert inbox() == []  # nothing new, and no trouble
    limited = output_of(deployment.run())
    assert limited["left_out"]["captured"] > 0 and "kinds" not in limited["left_out"]
    assert settings(deployment, "undo", "--yes")["settings_version"] == 2
    assert "captured" not in output_of(deployment.run())["left_out"]
    versions = settings(deployment, "history")["versions"]
    assert [one["version"] for one in versions] == [2, 1] and all(one["changed_by"] for one in versions)


def test_settings_that_were_spoilt_by_hand_stop_the_run_with_the_field_until_they_are_undone(
    deployment: Deployment, inbox: Inbox
) -> None:
    settings(deployment, "set", "photos=on", "--yes")
    deployment.dynamodb.update_item(
        TableName=deployment.ledger_table, Key={"pk": {"S": "PROVIDER#gopro"}, "sk": {"S": "SETTINGS"}},
        UpdateExpression="SET document = :d", ExpressionAttributeValues={":d": {"S": '{"mails": "never"}'}},
    )  # fmt: skip
    failed = deployment.run()
    assert (failed["status"], failed["error"]) == ("FAILED", "ConfigurationError")
    (alert,) = inbox()
    assert "The gopro settings' field 'mails' must be" in alert["Message"] and deployment.objects() == {}
    assert found(deployment, "status", code=3)["steps"][0]["command"] == "cloudsync settings undo --provider gopro"
    refused = cloudsync(deployment, "settings", "set", "mails=only_news", "--yes")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1
    settings(deployment, "undo", "--yes")
    assert deployment.run()["status"] == "SUCCEEDED"


def test_a_change_is_shown_and_asked_for_at_a_terminal(deployment: Deployment, tmp_path: Path) -> None:
    for answer, version in (("n", 0), ("y", 1)):
        command = [*CLOUDSYNC, "settings", "set", "mails=only_news"]
        variables = environment(deployment) | {"TERM": "xterm"}
        with Terminal.running(command, variables, str(tmp_path)) as terminal:
            assert "GoPro: mails: every_night -> only_news" in " ".join(terminal.awaits("[y/N]: ").split())
            terminal.types(answer)
            terminal.awaits("version 1" if answer == "y" else "Nothing was changed.")
        assert settings(deployment, "show")["providers"][0]["settings_version"] == version


def test_config_is_what_the_stack_was_deployed_with(deployment: Deployment) -> None:
    config = found(deployment, "config")
    (local,) = config["environments"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (local["version"], config["is_current"], local["values"]["providers"]) == (version, True, ["gopro"])
    assert json.loads(local["values"]["filters"]) == {} and local["values"]["alert_email"] == "none"
    missing = cloudsync(deployment, "config", "--compare", "prod")
    assert missing.returncode == 5 and "There is no stack CloudSync-prod" in missing.stderr
