"""Wrong values are refused at synthesis, in one sentence that names the value."""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud_sync.config import ENVIRONMENTS, Config, host_architecture
from cloud_sync.config_error import ConfigError
from cloud_sync.schedule import check_schedule, parse_cron

ROOT = Path(__file__).resolve().parents[2]
OVERRIDABLE = sorted(field.name for field in fields(Config) if field.name != "environment")

RANGES = {
    "downloader_memory_mb": (256, 10_240),
    "lister_memory_mb": (128, 10_240),
    "function_memory_mb": (128, 10_240),
    "downloader_timeout_seconds": (3, 900),
    "lister_timeout_seconds": (3, 900),
    "function_timeout_seconds": (3, 900),
    "deep_archive_after_days": (0, 36_500),
    "abort_uploads_after_days": (2, 36_500),
    "work_expires_after_days": (7, 36_500),
    "max_concurrency": (1, 1_000),
    "account_concurrency": (2, 100_000),
    "connections_per_video": (1, 16),
    "single_put_mib": (5, 5120),
    "max_run_gb": (1, 100_000),
    "catalogue_requests": (0, 1_000_000),
    "run_alarm_usd": (1, 100_000),
    "run_alarm_hours": (1, 168),
    "max_attempts": (1, 100),
    "rotate_credentials_every_days": (1, 1_000),
    "object_lock_days": (1, 36_500),
    "monthly_budget_usd": (1, 1_000_000),
}
MAY_BE_NONE = {"rotate_credentials_every_days", "object_lock_days", "monthly_budget_usd"}


NOBODY = {"alert_email": "none"}
DEV = replace(ENVIRONMENTS["dev"], alert_email="none")


def config(**context: Any) -> Config:
    return Config.from_context(NOBODY | context)


def refusal(context: Mapping[str, Any]) -> str:
    """The sentence that refuses this context. It is one line with a full stop only at its end."""
    with pytest.raises(ConfigError) as caught:
        Config.from_context(context)
    sentence = str(caught.value)
    assert is_one_sentence(sentence), sentence
    return sentence


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("downloader_memory", "downloader_memory_mb"), ("alert_mail", "alert_email"), ("environmnt", "environment")],
)
def test_a_misspelt_name_is_refused_with_the_similar_one(misspelt: str, meant: str) -> None:
    assert refusal({misspelt: "1"}) == f"{misspelt} is not a value of this stack; {meant} is."


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("deep-archive-after-days", "deep_archive_after_days"), ("privateNetwork", "private_network"),
     ("Private_Network", "private_network"), ("max_attempts ", "max_attempts")],
)  # fmt: skip
def test_a_name_in_another_spelling_is_not_ignored(misspelt: str, meant: str) -> None:
    assert meant in refusal({misspelt: "1"})


@pytest.mark.parametrize("name", ["acknowledged-issue-numbers", "cli-telemetry"])
def test_what_the_cdks_command_line_keeps_for_itself_is_ignored(name: str) -> None:
    assert config(**{name: [1]}) == DEV


@pytest.mark.parametrize("environment", ["", ["prod"]])
def test_an_empty_environment_is_refused_because_it_would_deploy_another_one(environment: Any) -> None:
    assert "environment must be one of" in refusal({"environment": environment})


def test_locked_objects_need_a_bucket_that_is_retained() -> None:
    given = {"object_lock_days": "30", "retain_data": "false"}
    assert "object_lock_days needs retain_data" in refusal(NOBODY | given)


def test_the_cdks_own_context_values_are_ignored() -> None:
    assert config(**{"@aws-cdk/core:x": True, "availability-zones:account=1": []}) == DEV


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and text.isprintable() and not re.search(r"[.!?]['\"]? [A-Z]", text)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_valid_once_it_says_who_is_to_be_told(environment: str) -> None:
    assert config(environment=environment) == replace(ENVIRONMENTS[environment], alert_email="none")


def test_the_default_environment_is_dev() -> None:
    assert config().environment == "dev"
    assert config().stack_name == "CloudSync-dev"


@pytest.mark.parametrize("environment", ["nope", "Dev", "production", "dev ", "dev\nprod", ["dev"], 3])
def test_an_unknown_environment_is_refused_with_a_list_of_the_existing_ones(environment: Any) -> None:
    sentence = refusal({"environment": str(environment)})
    assert sentence == f"environment must be one of dev, staging, prod, local, not {str(environment)!r}."


@pytest.mark.parametrize(("field", "low", "high"), [(f, *r) for f, r in RANGES.items()])
def test_a_number_just_outside_its_range_is_refused_and_just_inside_accepted(field: str, low: int, high: int) -> None:
    for value in (low - 1, high + 1, -1):
        assert refusal({field: value}) == f"{field} must be {low} to {high}, not {value}."
    for value in (low, high):
        fitting = {"max_concurrency": 1, "account_concurrency": 100_000, field: value}
        assert getattr(config(**fitting, alert_email="owner@example.org"), field) == value


def test_every_whole_number_has_a_range_or_a_choice_that_is_checked() -> None:
    numbers = {field.name for field in fields(Config) if str(field.type) == "int"}
    assert numbers == {*RANGES, "log_retention_days"} - MAY_BE_NONE


@pytest.mark.parametrize("field", sorted(MAY_BE_NONE))
@pytest.mark.parametrize("value", ["", "none", "None"])
def test_none_switches_off_what_is_optional(field: str, value: str) -> None:
    assert getattr(config(**{field: value}), field) is None


@pytest.mark.parametrize("context", [{}, NOBODY, {"schedule_enabled": "false"}])
def test_a_budget_needs_an_address(context: dict[str, str]) -> None:
    assert refusal({"monthly_budget_usd": 20, **context}).startswith("monthly_budget_usd needs alert_email")


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_an_environment_that_runs_on_a_schedule_and_tells_nobody_is_refused(environment: str) -> None:
    assert refusal({"environment": environment}) == (
        "alert_email is missing, so nobody would hear of a nightly run that failed: write the line "
        f'alert_email = "you@example.org" into environments/{environment}.toml, with "none" if nobody is to be told, '
        "or give -c alert_email=you@example.org for this once."
    )


@pytest.mark.parametrize(
    ("context", "address"),
    [
        ({"alert_email": "none"}, None),
        ({"alert_email": " None "}, None),
        ({"alert_email": "you@example.org"}, "you@example.org"),
        ({"schedule_enabled": "false"}, None),
        ({"environment": "local"}, None),
    ],
)
def test_nobody_is_told_only_where_that_is_said_or_nothing_runs_by_itself(
    context: dict[str, str], address: str | None
) -> None:
    assert Config.from_context(context).alert_address == address


@pytest.mark.parametrize("field", sorted({*RANGES, "log_retention_days"} - MAY_BE_NONE))
@pytest.mark.parametrize("value", ["", "many", "7.0", "7 days", "0x10", "1e3", "1_000", "9" * 5000, True, 7.5, "none"])
def test_a_value_that_is_not_a_whole_number_is_refused_where_one_is_needed(field: str, value: Any) -> None:
    assert refusal({field: value}) == f"{field} must be a whole number, not {str(value)!r}."


@pytest.mark.parametrize("field", ["retain_data", "schedule_enabled"])
@pytest.mark.parametrize("value", ["", "yes", "1", "0", "on", "falsch", 1])
def test_a_value_other_than_true_and_false_is_refused_for_a_switch(field: str, value: Any) -> None:
    assert refusal({field: value}) == f"{field} must be true or false, not {str(value)!r}."


@pytest.mark.parametrize("value", ["false", "False", " FALSE ", False])
def test_false_from_the_command_line_is_the_boolean(value: Any) -> None:
    assert config(schedule_enabled=value).schedule_enabled is False


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("architecture", "arm", "one of arm64, x86_64"),
        ("architecture", "x86-64", "one of arm64, x86_64"),
        ("architecture", "", "one of arm64, x86_64"),
        ("python_version", "3.11", "one of 3.12, 3.13, 3.14"),
        ("python_version", "python3.13", "one of 3.12, 3.13, 3.14"),
        ("log_retention_days", "2", "one of 1, 3, 5, 7, 14, 30,"),
        ("log_retention_days", "0", "one of 1, 3, 5, 7, 14, 30,"),
        ("alert_email", "owner", "an e-mail address or none"),
        ("alert_email", "owner@localhost", "an e-mail address or none"),
        ("alert_email", "a@b.c d@e.f", "an e-mail address or none"),
        ("alert_email", "", "an e-mail address or none"),
        ("gopro_api_base_url", "http://api.gopro.com", "an https URL"),
        ("gopro_api_base_url", "api.gopro.com", "an https URL"),
        ("gopro_api_base_url", "https:///media", "an https URL"),
        ("gopro_api_base_url", "https://api.gopro.com/a b", "an https URL"),
        ("google_oauth_base_url", "http://oauth2.googleapis.com", "an https URL"),
        ("dropbox_content_base_url", "content.dropboxapi.com", "an https URL"),
        ("schedule_time_zone", "localtime", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "europe/paris", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "Paris", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "Europe", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "../Europe/Paris", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "/etc/passwd", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "", "an IANA time zone such as Europe/Paris"),
        ("schedule_time_zone", "Europe/Par\x00is", "an IANA time zone such as Europe/Paris"),
    ],
)
def test_an_invalid_value_is_refused_with_the_valid_ones_or_the_form(field: str, value: str, says: str) -> None:
    sentence = refusal({field: value})
    assert sentence.startswith(f"{field} must be {says}")
    assert sentence.endswith(f"not {int(value) if field == 'log_retention_days' else value!r}.")


def test_the_slash_at_the_end_of_a_base_url_is_removed_so_that_paths_can_be_joined() -> None:
    assert (
        config(gopro_api_base_url="https://127.0.0.1:8443/").base_url("gopro_api_base_url") == "https://127.0.0.1:8443"
    )


def test_an_address_for_alerts_may_have_a_plus_sign() -> None:
    assert config(alert_email="owner+cloud@example.org").alert_email == "owner+cloud@example.org"


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 2 * * ? *)",
        "cron(0/15 8-18 ? * MON-FRI *)",
        "cron(30 4 1,15 * ? *)",
        "cron(0 0 L * ? 2026-2199)",
        "cron(0 0 15W JAN,JUL ? *)",
        "cron(0 12 ? * 2#1 *)",
        "cron(0 12 ? * 6L 2026-2199)",
        "cron(0 12 ? * 6 */2)",
        "cron(0 0 LW * ? *)",
        "rate(1 day)",
        "rate(12 hours)",
    ],
)
def test_schedules_of_the_user_guide_are_accepted(schedule: str) -> None:
    assert config(schedule=schedule).schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "", "daily", "0 2 * * *", "cron()", "cron(0 2 * * ?)", "cron(0 2 * * ? * *)", "cron(0 2 * * ? *",
        "rate(0 hours)", "rate(-1 hours)", "rate(hours)", "rate(2 weeks)", "rate(1.5 hours)", "at(2030-01-01T00:00:00)",
        "cron(0 2 * * ? *) ; rm", "CRON(0 2 * * ? *)",
    ],
)  # fmt: skip
def test_text_that_is_not_a_schedule_is_refused_with_an_example(schedule: str) -> None:
    assert refusal({"schedule": schedule}) == (
        f"schedule must be rate(N hours) or cron() of six fields such as cron(0 2 * * ? *), not {schedule!r}."
    )


@pytest.mark.parametrize("schedule", ["cron(0 2 * * * *)", "cron(0 2 ? * ? *)", "cron(0 2 1 * MON *)"])
def test_a_schedule_has_either_a_day_of_the_month_or_a_day_of_the_week(schedule: str) -> None:
    assert refusal({"schedule": schedule}) == (
        f"schedule must have ? in exactly one of day of month and day of week, unlike {schedule!r}."
    )


@pytest.mark.parametrize(
    ("schedule", "part", "says"),
    [
        ("cron(60 2 * * ? *)", "60", "minutes, which is not 0 to 59"),
        ("cron(0 24 * * ? *)", "24", "hours, which is not 0 to 23"),
        ("cron(0 2 0 * ? *)", "0", "day of month, which is not 1 to 31"),
        ("cron(0 2 32 * ? *)", "32", "day of month, which is not 1 to 31"),
        ("cron(0 2 * 13 ? *)", "13", "month, which is not 1 to 12"),
        ("cron(0 2 * JANUARY ? *)", "JANUARY", "month, which is not 1 to 12"),
        ("cron(0 2 ? * 8 *)", "8", "day of week, which is not 1 to 7"),
        ("cron(0 2 ? * MON-FUN *)", "MON-FUN", "day of week, which is not 1 to 7"),
        ("cron(0 2 * * ? 1969)", "1969", "year, which is not 1970 to 2199"),
        ("cron(0 2,,3 * * ? *)", "2,,3", "hours, which is not 0 to 23"),
        ("cron(0 two * * ? *)", "two", "hours, which is not 0 to 23"),
        ("cron(-5 2 * * ? *)", "-5", "minutes, which is not 0 to 59"),
        ("cron(\u00b2 2 * * ? *)", "\u00b2", "minutes, which is not 0 to 59"),
        ("cron(5L 2 * * ? *)", "5L", "minutes, which is not 0 to 59"),
        ("cron(0 0#1 * * ? *)", "0#1", "hours, which is not 0 to 23"),
        ("cron(*/0 2 * * ? *)", "*/0", "minutes, which is not 0 to 59"),
        ("cron(0 5-2 * * ? *)", "5-2", "hours, which is not 0 to 23"),
        ("cron(0 2 ? * 2#6 *)", "2#6", "day of week, which is not 1 to 7"),
    ],
)
def test_a_field_of_a_schedule_out_of_its_range_is_named(schedule: str, part: str, says: str) -> None:
    assert refusal({"schedule": schedule}) == f"schedule has {part!r} as its {says}: {schedule!r}."


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    day=st.integers(1, 29),
    month=st.integers(1, 12),
    weekday=st.sampled_from(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", *"1234567"]),
    by_weekday=st.booleans(),
)
def test_every_time_of_every_day_can_be_scheduled(
    minute: int, hour: int, day: int, month: int, weekday: str, by_weekday: bool
) -> None:
    when = f"? {month} {weekday}" if by_weekday else f"{day} {month} ?"
    check_schedule(f"cron({minute} {hour} {when} *)")
    check_schedule(f"cron({minute}/5 0-{hour} {when} 2026-2199)")


@given(position=st.sampled_from([0, 1, 2, 3, 5]), number=st.integers(0, 10_000))
def test_a_number_is_accepted_in_a_cron_field_exactly_when_it_is_in_its_range(position: int, number: int) -> None:
    low, high = [(0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199)][position]
    parts = ["0", "2", "*", "*", "?", "*"]
    parts[position] = str(number)
    expression = f"cron({' '.join(parts)})"
    if low <= number <= high:
        parse_cron(expression)
    else:
        assert "schedule has" in refusal({"schedule": expression})


@given(field=st.sampled_from(OVERRIDABLE), value=st.text(string.printable) | st.integers() | st.booleans())
@example(field="schedule", value="cron(0 2\n* * ? *)\n")
def test_any_value_is_either_accepted_or_refused_in_a_sentence_that_names_it(field: str, value: Any) -> None:
    try:
        outcome: Config | str = config(**{field: value})
    except ConfigError as error:
        outcome = str(error)
    if isinstance(outcome, str):
        assert field in outcome
        assert outcome.endswith(".")
        assert outcome.isprintable()
    else:
        assert replace(outcome, **{field: getattr(DEV, field)}) == DEV


def test_a_short_stay_in_instant_retrieval_is_refused_with_the_arithmetic() -> None:
    """6 days there are billed as 90: 0.004 x 90 / 30 = 0.012 USD per GB, against 0.023 x 6 / 30 = 0.0046."""
    assert refusal({"instant_retrieval_after_days": "1"}) == (
        "instant_retrieval_after_days=1 loses money: 6 days there are billed as 90, 0.0120 USD per GB, against 0.0046 "
        "for the same 6 days in Standard."
    )


def test_a_stay_in_instant_retrieval_is_accepted_from_the_first_day_on_which_it_saves_money() -> None:
    """15 days in Standard cost 0.0115 USD per GB, less than the 0.0120 of the 90-day minimum; 16 cost 0.0123."""
    assert "loses money: 15 days" in refusal({"instant_retrieval_after_days": 0, "deep_archive_after_days": 15})
    saving = config(instant_retrieval_after_days=0, deep_archive_after_days=16)
    assert saving.instant_retrieval_after_days == 0


@given(start=st.integers(0, 400), length=st.integers(1, 400))
def test_a_stay_in_instant_retrieval_is_refused_exactly_when_it_costs_more_than_standard(
    start: int, length: int
) -> None:
    context = {"instant_retrieval_after_days": start, "deep_archive_after_days": start + length}
    if 4 * max(length, 90) > 23 * length:  # in tenths of a cent per GB and month
        assert "loses money" in refusal(context)
    else:
        assert config(**context).instant_retrieval_after_days == start


@pytest.mark.parametrize("start", ["7", "8", "-1"])
def test_a_transition_to_instant_retrieval_after_deep_archive_is_refused(start: str) -> None:
    assert refusal({"instant_retrieval_after_days": start}) == (
        f"instant_retrieval_after_days must be before deep_archive_after_days (7), not {start}."
    )


@pytest.mark.parametrize("value", ["none", "None", ""])
def test_none_removes_the_transition_to_instant_retrieval(value: str) -> None:
    assert config(instant_retrieval_after_days=value).instant_retrieval_after_days is None


def test_the_local_environment_is_built_for_this_machine() -> None:
    assert config(environment="local").architecture == host_architecture()


def run_app(context: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """Runs `python app.py` as the CDK command line does."""
    environment = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)}
    command = [sys.executable, "app.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        ({"environment": "nope"}, "environment must be one of dev, staging, prod, local, not 'nope'."),
        ({"max_concurrency": "0"}, "max_concurrency must be 1 to 1000, not 0."),
    ],
)
def test_a_wrong_value_stops_synthesis_with_its_sentence_and_without_a_traceback(
    context: dict[str, str], sentence: str
) -> None:
    done = run_app(context)
    assert done.returncode == 1
    assert (done.stdout, done.stderr) == ("", f"cloud-sync: {sentence}\n")
