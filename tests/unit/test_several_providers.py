"""An environment with several providers: each has its own secret, schedule, rows, prefix, metrics, alarms and widgets,
and one with GoPro alone stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud_sync.config import Config, ConfigError
from cloud_sync.providers import PROVIDERS
from cloud_sync.schedule import parse_cron, side_by_side
from local.log_queries import fields_named
from tests.synthesis import FUNCTIONS, TOLD_OF_THE_STACK, Synthesis, Synthesised, as_list

THREE = "gopro,google_drive,dropbox"
# The logical ids of a stack that has GoPro alone, and that exists: another id would replace what it holds.
OF_GOPRO = ("StorageCredentialsSecretFC2518EF", "WorkflowScheduleF6749A87", "RotationSchedule724E37F2")
SECRETS = {"gopro": "gopro/credentials", "google_drive": "google-drive/credentials", "dropbox": "dropbox/credentials"}


@pytest.fixture
def three(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev", providers=THREE)


@pytest.fixture
def one(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev")


def config(**values: Any) -> Config:
    return Config.from_context({"alert_email": "none", **values})


def refusal(**values: Any) -> str:
    with pytest.raises(ConfigError) as failure:
        config(**values)
    return str(failure.value)


# The configuration


def test_gopro_alone_is_backed_up_unless_others_are_named() -> None:
    assert config().providers == ("gopro",)


def test_providers_are_named_with_commas_on_the_command_line_and_as_text_or_list_in_a_file(tmp_path: Any) -> None:
    assert config(providers=" gopro, dropbox ").providers == ("gopro", "dropbox")
    for written in ('"gopro,dropbox"', '["gopro", "dropbox"]'):
        (tmp_path / "dev.toml").write_text(f'alert_email = "none"\nproviders = {written}\n')
        assert Config.from_context({}, tmp_path).providers == ("gopro", "dropbox")


@pytest.mark.parametrize("value", ["", "none", "all", "gopro,box", "GoPro", "google-drive", "gopro,gopro"])
def test_providers_that_do_not_exist_or_come_twice_are_refused_with_the_names_of_all(value: str) -> None:
    assert refusal(providers=value) == (
        f"providers must be one or several of gopro, google_drive, dropbox, each once, not {value!r}."
    )


def test_a_list_in_a_file_that_has_something_else_than_text_is_refused(tmp_path: Any) -> None:
    (tmp_path / "dev.toml").write_text("providers = [3]\n")
    with pytest.raises(ConfigError, match=r"dev.toml: providers must be text in quotation marks, not \[3\]"):
        Config.from_context({"alert_email": "none"}, tmp_path)


@pytest.mark.parametrize(
    ("expression", "count", "expected"),
    [
        ("rate(12 hours)", 1, ["rate(12 hours)"]),
        ("cron(0 2 * * ? *)", 3, ["cron(0 2 * * ? *)", "cron(5 2 * * ? *)", "cron(10 2 * * ? *)"]),
        (
            "cron(0/15 8-18 ? * MON-FRI *)",
            2,
            ["cron(0/15 8-18 ? * MON-FRI *)", "cron(5,20,35,50 8-18 ? * MON-FRI *)"],
        ),
        ("cron(57 2 * * ? *)", 3, ["cron(57 2 * * ? *)", "cron(52 2 * * ? *)", "cron(47 2 * * ? *)"]),
        ("cron(54 2 * * ? *)", 3, ["cron(54 2 * * ? *)", "cron(59 2 * * ? *)", "cron(49 2 * * ? *)"]),
        ("cron(0,5 2 * * ? *)", 3, ["cron(0,5 2 * * ? *)", "cron(10,15 2 * * ? *)", "cron(20,25 2 * * ? *)"]),
    ],
)
def test_several_providers_start_within_the_hours_of_the_schedule_and_no_two_in_the_same_minute(
    expression: str, count: int, expected: list[str]
) -> None:
    assert side_by_side(expression, count) == expected
    minutes = [parse_cron(one).numbers[0] for one in expected] if count > 1 else []
    assert len(frozenset().union(*minutes)) == sum(map(len, minutes))


@pytest.mark.parametrize("expression", ["cron(* 2 * * ? *)", "cron(0/5 2 * * ? *)", "cron(0,58 2 * * ? *)"])
def test_a_schedule_without_room_for_several_providers_is_refused_with_what_to_change(expression: str) -> None:
    assert refusal(schedule=expression, providers=THREE) == (
        f"schedule {expression!r} leaves no room within its hours to start 3 providers 5 minutes apart: name fewer "
        "minutes in its first field, such as 0."
    )
    assert config(schedule=expression).schedule == expression


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        ("rate(12 hours)", "cron(0 0/12 * * ? *)"),
        ("rate(1 hour)", "cron(0 0/1 * * ? *)"),
        ("rate(24 hours)", "cron(0 2 * * ? *)"),
        ("rate(1 day)", "cron(0 2 * * ? *)"),
        ("rate(7 days)", "cron(0 2 ? * SUN *)"),
        ("rate(5 hours)", "cron(0 2 * * ? *)"),
    ],
)
def test_a_rate_with_several_providers_is_refused_with_a_cron_that_is_accepted(expression: str, instead: str) -> None:
    assert refusal(schedule=expression, providers="gopro,dropbox") == (
        f"schedule {expression!r} would start 2 providers in the same minute, because a rate() counts from the "
        f"deployment: write a cron() instead, such as {instead}."
    )
    assert config(schedule=instead, providers=THREE).schedule == instead
    assert config(schedule=expression).schedule == expression


# The stack


def test_every_provider_has_a_secret_a_schedule_and_a_rotation_of_its_own(three: Synthesised) -> None:
    secrets = three.resources("AWS::SecretsManager::Secret")
    assert {secret["Properties"]["Name"] for secret in secrets.values()} == set(SECRETS.values())
    rotations = three.resources("AWS::SecretsManager::RotationSchedule").values()
    assert sorted(r["Properties"]["SecretId"]["Fn::GetAtt"][0] for r in rotations) == sorted(secrets)
    assert {policy["DeletionPolicy"] for policy in secrets.values()} == {"RetainExceptOnCreate"}


def test_schedules_start_the_same_machine_five_minutes_apart_and_verify_on_days_of_their_own_each_for_its_provider(
    three: Synthesised,
) -> None:
    schedules = [s["Properties"] for s in three.resources("AWS::Scheduler::Schedule").values()]
    found = {s["Name"]: (s["ScheduleExpression"], json.loads(s["Target"]["Input"])["provider"]) for s in schedules}
    assert found == {
        "gopro-sync-nightly": ("cron(0 2 * * ? *)", "gopro"),
        "gopro-sync-nightly-google-drive": ("cron(5 2 * * ? *)", "google_drive"),
        "gopro-sync-nightly-dropbox": ("cron(10 2 * * ? *)", "dropbox"),
        "gopro-sync-verification": ("cron(5 14 1 * ? *)", "gopro"),
        "gopro-sync-verification-google-drive": ("cron(5 14 2 * ? *)", "google_drive"),
        "gopro-sync-verification-dropbox": ("cron(5 14 3 * ? *)", "dropbox"),
    }
    assert {three.text(s["Target"]["Arn"]) for s in schedules} == {"<gopro-sync-orchestrator>"}
    assert len(three.resources("AWS::StepFunctions::StateMachine")) == 2, "runs, and restores"


def test_a_schedule_that_pauses_for_long_is_watched_for_each_provider(synthesis: Synthesis) -> None:
    stack = synthesis.of("dev", providers=THREE, schedule="cron(0 2 ? * SUN *)")
    schedules = [schedule["Properties"] for schedule in stack.resources("AWS::Scheduler::Schedule").values()]
    watches = [schedule for schedule in schedules if "watch" in schedule["Name"]]
    assert sorted(json.loads(watch["Target"]["Input"])["provider"] for watch in watches) == sorted(SECRETS)
    assert all(json.loads(watch["Target"]["Input"])["request"] == "watch" for watch in watches)


def granted(stack: Synthesised, function: str) -> set[str]:
    return set(stack.policy_of(stack.function(function)["Role"]))


@pytest.mark.parametrize("providers", ["dropbox", "gopro,google_drive", THREE])
def test_roles_reach_the_secrets_prefixes_and_rows_of_the_named_providers_and_of_no_other(
    synthesis: Synthesis, providers: str
) -> None:
    stack, names = synthesis.of("dev", providers=providers), providers.split(",")
    reached = {function: granted(stack, function) for function in FUNCTIONS}
    for function in (
        "media-authenticator",
        "media-lister",
        "video-downloader",
        "archive-reconciler",
        "catalogue-writer",
    ):
        assert {r for r in reached[function] if "/credentials" in r} == {f"<{SECRETS[name]}>" for name in names}
    for function in ("video-downloader", "archive-reconciler", "catalogue-writer"):
        assert {r for r in reached[function] if r.startswith("<archive>/")} == {f"<archive>/{n}/*" for n in names}
    conditions = [statement.get("Condition", {}) for _, statement in stack.statements()]
    rows = [condition.get("ForAllValues:StringLike", {}) for condition in conditions]
    keys = {key for one in rows for key in as_list(one.get("dynamodb:LeadingKeys", []))}
    of_providers = {key for name in names for key in (f"{name}#*", f"PROVIDER#{name}", f"SETTINGS#{name}")}
    of_all = {"RUN#*", "READ#*", "RESTORES", "RESTORE#*", *(["CONTENT#*"] if len(names) > 1 else [])}
    assert keys == of_providers | of_all


@pytest.mark.parametrize("providers", ["dropbox", "gopro,google_drive", THREE])
def test_a_function_has_the_secrets_and_addresses_of_the_named_providers_only(
    synthesis: Synthesis, providers: str
) -> None:
    stack, names = synthesis.of("dev", providers=providers), providers.split(",")
    for function in TOLD_OF_THE_STACK:
        given = stack.function(function)["Environment"]["Variables"]
        assert {v for v in given if v.endswith("_CREDENTIALS_SECRET")} == {
            f"{name.upper()}_CREDENTIALS_SECRET" for name in names
        }
        assert {v for v in given if v.endswith("_BASE_URL")} == {
            url.upper() for name in names for url in PROVIDERS[name].base_urls
        }


def test_a_secret_of_each_provider_is_an_output_of_the_stack(three: Synthesised) -> None:
    outputs = {name: output["Value"] for name, output in three.template["Outputs"].items() if "Secret" in name}
    assert outputs == {
        "CredentialsSecret": "gopro/credentials",
        "GoogleDriveCredentialsSecret": "google-drive/credentials",
        "DropboxCredentialsSecret": "dropbox/credentials",
    }


def test_the_schedule_of_each_provider_and_the_dead_letter_queue_are_outputs_of_the_stack(three: Synthesised) -> None:
    outputs = {name: output["Value"] for name, output in three.template["Outputs"].items()}
    assert {name: value for name, value in outputs.items() if name.endswith("NightlySchedule")} == {
        "NightlySchedule": "gopro-sync-nightly",
        "GoogleDriveNightlySchedule": "gopro-sync-nightly-google-drive",
        "DropboxNightlySchedule": "gopro-sync-nightly-dropbox",
    }
    assert "DeadLetterQueue" in outputs["DeadLetterQueueUrl"]["Ref"]


def alarms(stack: Synthesised) -> dict[str, dict[str, Any]]:
    found = [alarm["Properties"] for alarm in stack.resources("AWS::CloudWatch::Alarm").values()]
    return {alarm["AlarmName"].removeprefix("gopro-sync-"): alarm for alarm in found}


def provider_of(alarm: dict[str, Any]) -> str | None:
    return next((d["Value"] for d in alarm.get("Dimensions", []) if d["Name"] == "provider"), None)


def test_each_provider_has_alarms_of_its_own_and_those_of_the_machine_are_there_once(
    synthesis: Synthesis, one: Synthesised, three: Synthesised
) -> None:
    assert len(alarms(one)) == 10 and len(alarms(three)) == 10 + 2 * 4
    for name in ("no-successful-run", "credentials-end-soon", "backlog-grows", "run-cost"):
        found = alarms(three)
        assert [provider_of(found[name + end]) for end in ("", "-google-drive", "-dropbox")] == [*SECRETS]
    detailed = alarms(synthesis.of("dev", providers=THREE, detailed_monitoring="true"))
    for name in ("failure-rate", "authentication-failed"):
        assert provider_of(detailed[f"{name}-dropbox"]) == "dropbox"


def test_the_mail_of_an_alarm_names_the_provider_its_secret_and_what_its_owner_does(
    synthesis: Synthesis,
) -> None:
    detailed = synthesis.of("dev", providers=THREE, detailed_monitoring="true")
    found = {name: alarm["AlarmDescription"] for name, alarm in alarms(detailed).items()}
    assert found["authentication-failed-dropbox"].startswith("Dropbox refused the stored credentials")
    assert "`cloudsync connect dropbox`" in found["authentication-failed-dropbox"]
    assert "`cloudsync connect google-drive`" in found["credentials-end-soon-google-drive"]
    assert "the secret google-drive/credentials expires" in found["credentials-end-soon-google-drive"]
    for name in ("no-successful-run", "run-cost", "backlog-grows"):
        assert " of GoPro " in found[name] and " of Google Drive " in found[f"{name}-google-drive"]


def widgets(stack: Synthesised, *kinds: str) -> list[dict[str, Any]]:
    body = stack.text(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    return [widget for widget in json.loads(body)["widgets"] if widget["type"] in (kinds or ("metric",))]


def test_each_provider_has_a_row_of_last_nights_numbers_and_its_lines_in_the_graphs(three: Synthesised) -> None:
    titles = [widget["properties"]["title"] for widget in widgets(three)]
    for title in ("GoPro", "Google Drive", "Dropbox"):
        assert {f"{title}: Last night: {of}" for of in ("runs", "videos", "bytes archived")} < set(titles)
    (backlog,) = (widget for widget in widgets(three) if widget["properties"]["title"] == "Videos that wait")
    named = [metric[metric.index("provider") + 1] for metric in backlog["properties"]["metrics"]]
    assert named == [*SECRETS]
    rows: dict[int, int] = {}
    for widget in widgets(three, "metric", "log", "alarm", "text"):
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}  # no row has a gap


def test_every_saved_query_and_every_table_of_the_dashboard_tells_the_providers_apart(three: Synthesised) -> None:
    """All providers write into the same logs, so a row without its provider could be anybody's."""
    queries = three.resources("AWS::Logs::QueryDefinition").values()
    texts = [str(query["Properties"]["QueryString"]) for query in queries]
    texts += [widget["properties"]["query"] for widget in widgets(three, "log")]
    assert len(texts) == 9 + 3 and all("provider" in fields_named(text) for text in texts)


def test_the_map_of_each_run_has_the_concurrency_of_one_provider(three: Synthesised) -> None:
    machine = three.machine
    assert json.loads(machine["DefinitionString"])["States"]["EachBatch"]["MaxConcurrency"] == 3


# A stack that exists


def test_another_provider_adds_resources_and_leaves_the_ids_and_names_of_gopros_as_they_are(
    one: Synthesised, three: Synthesised
) -> None:
    assert all(logical_id in one.template["Resources"] for logical_id in OF_GOPRO)
    for logical_id, resource in one.template["Resources"].items():
        assert three.template["Resources"][logical_id]["Type"] == resource["Type"]
        if resource["Type"] in ("AWS::SecretsManager::Secret", "AWS::CloudWatch::Alarm", "AWS::Scheduler::Schedule"):
            names = [three.template["Resources"][logical_id]["Properties"].get(key) for key in ("Name", "AlarmName")]
            assert names == [resource["Properties"].get(key) for key in ("Name", "AlarmName")]
    assert one.template["Outputs"].items() <= three.template["Outputs"].items()
