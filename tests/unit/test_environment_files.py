"""The file of an environment: what it says lasts, and what is wrong in it is refused with its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.config_error import ConfigError
from tests.synthesis import ROOT, Synthesised, new_app
from tests.unit.test_config import is_one_sentence

NO_TOML = "this is not TOML, in which text has quotation marks"
NO_TABLES = "but each value stands by itself, as in max_concurrency = 3."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    return tmp_path / "environments"


def written(folder: Path, text: str, environment: str = "dev", **context: str) -> Config:
    """The configuration of an environment whose file has this text."""
    (folder / f"{environment}.toml").write_text(text, encoding="utf-8")
    return Config.from_context({"environment": environment, **context}, folder)


def refusal(folder: Path, text: str | bytes, **context: str) -> str:
    """The sentence that refuses this text as the file of dev."""
    (folder / "dev.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        Config.from_context({"alert_email": "none", **context}, folder)
    sentence = str(caught.value)
    assert is_one_sentence(sentence), sentence
    return sentence


def test_the_file_comes_before_the_built_in_values_and_the_command_line_before_the_file(folder: Path) -> None:
    text = 'alert_email = "you@example.org"\nmax_concurrency = 7\nretain_data = false\n'
    kept = {"alert_email": "you@example.org", "max_concurrency": 7, "retain_data": False}
    assert written(folder, text) == replace(ENVIRONMENTS["dev"], **kept)
    assert written(folder, text, max_concurrency="5").max_concurrency == 5
    assert written(folder, text, alert_email="none").alert_address is None


def test_each_environment_has_a_file_of_its_own(folder: Path) -> None:
    written(folder, 'alert_email = "dev@example.org"')
    prod = written(folder, 'alert_email = "prod@example.org"', "prod")
    assert (prod.environment, prod.alert_address) == ("prod", "prod@example.org")
    assert Config.from_context({}, folder).alert_address == "dev@example.org"


def test_an_environment_without_a_file_has_the_built_in_values(folder: Path) -> None:
    assert Config.from_context({"environment": "local"}, folder) == ENVIRONMENTS["local"]
    assert Config.from_context({"environment": "local"}, folder / "missing") == ENVIRONMENTS["local"]


def test_none_in_the_file_switches_off_what_is_optional(folder: Path) -> None:
    optional = [field.name for field in fields(Config) if field.type == "int | None"]
    assert len(optional) == 4
    config = written(folder, 'alert_email = "None"\n' + "".join(f'{name} = "none"\n' for name in optional))
    assert [getattr(config, name) for name in optional] == [None] * 4
    assert (config.alert_email, config.alert_address) == ("none", None)


def test_a_file_from_windows_is_read(folder: Path) -> None:
    assert written(folder, "\ufeffmax_concurrency = 4\r\n", alert_email="none").max_concurrency == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('alert_mail = "a@b.org"', "alert_mail is not a value of this stack; alert_email is."),
        ("nothing_like_it = 1", "nothing_like_it is not a value of this stack."),
        ('"a\\nb" = 1', "'a\\nb' is not a value of this stack."),
        ('max_concurrency = "3"', "max_concurrency must be a whole number, not '3'."),
        ("max_concurrency = 3.0", "max_concurrency must be a whole number, not 3.0."),
        ("max_concurrency = true", "max_concurrency must be a whole number, not True."),
        ("max_concurrency = [3]", "max_concurrency must be a whole number, not [3]."),
        ('object_lock_days = "thirty"', "object_lock_days must be a whole number or \"none\", not 'thirty'."),
        ('audit_trail = "true"', "audit_trail must be true or false, not 'true'."),
        ("audit_trail = 1", "audit_trail must be true or false, not 1."),
        ("schedule = 2", "schedule must be text in quotation marks, not 2."),
        ("alert_email = false", "alert_email must be text in quotation marks, not False."),
        ("max_concurrency = 0", "max_concurrency must be 1 to 1000, not 0."),
        ('architecture = "arm"', "architecture must be one of arm64, x86_64, not 'arm'."),
        (
            'schedule_time_zone = "CETT"',
            "schedule_time_zone must be an IANA time zone such as Europe/Paris, not 'CETT'.",
        ),
        ('gopro_api_base_url = "http://x.org"', "gopro_api_base_url must be an https URL, not 'http://x.org'."),
        ("allow_loopback_sources = true", "allow_loopback_sources is for the environment local only, not for AWS."),
        ("monthly_budget_usd = 20", "monthly_budget_usd needs alert_email, the address that AWS Budgets writes to."),
        ("[storage]\nretain_data = false", f"storage is a table, {NO_TABLES}"),
        ("schedule.time_zone = 1", f"schedule is a table, {NO_TABLES}"),
        ("storage = {}", f"storage is a table, {NO_TABLES}"),
        ('environment = "prod"', "environment is not set in a file, but chosen with -c environment=prod."),
        ("max_concurrency", f"{NO_TOML}: expected '=' after a key in a key/value pair (at line 1, column 16)."),
        ("retain_data = true\nalert_email = a@b.org", f"{NO_TOML}: invalid value (at line 2, column 15)."),
        ("audit_trail = true\naudit_trail = true", f"{NO_TOML}: cannot overwrite a value (at line 2, column 19)."),
        (b"alert_email = '\xff'", "this file is not UTF-8 text."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_refused_with_the_name_of_file_and_value(
    folder: Path, text: str | bytes, sentence: str
) -> None:
    assert refusal(folder, text) == f"environments/dev.toml: {sentence}"


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "dev.toml").mkdir()
    with pytest.raises(ConfigError, match=r"^environments/dev\.toml: this file cannot be read \(Is a directory\)\.$"):
        Config.from_context({}, folder)


def test_a_wrong_schedule_or_tier_of_a_file_names_the_file_whichever_of_its_two_values_stands_there(
    folder: Path,
) -> None:
    for text in (
        'schedule_time_zone = "Europe/Paris"',
        "deep_archive_after_days = 30\ninstant_retrieval_after_days = 29",
    ):
        assert refusal(folder, text).startswith("environments/dev.toml: ")


def test_a_wrong_value_of_the_command_line_is_not_blamed_on_the_file(folder: Path) -> None:
    assert refusal(folder, "max_concurrency = 5", max_concurrency="0") == "max_concurrency must be 1 to 1000, not 0."


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("porduction.toml", "prod.toml"),
        ("Dev.toml", "dev.toml"),
        ("dev.TOML", "dev.toml"),
        ("stage.toml", "staging.toml"),
        ("xyz.toml", "dev.toml or staging.toml or prod.toml or local.toml"),
    ],
)
def test_a_file_that_belongs_to_no_environment_is_noticed(folder: Path, name: str, meant: str) -> None:
    (folder / name).write_text("")
    with pytest.raises(ConfigError) as caught:
        Config.from_context({"environment": "local"}, folder)
    assert str(caught.value) == f"environments/{name} belongs to no environment; the name of one is {meant}."


def test_the_example_and_other_files_are_left_alone(folder: Path) -> None:
    for name in ("example.toml", "README.md", "dev.toml.bak"):
        (folder / name).write_text("nonsense")
    assert Config.from_context({"environment": "local"}, folder) == ENVIRONMENTS["local"]


def test_a_deployment_with_the_file_has_all_that_one_with_the_same_values_on_the_command_line_had(
    folder: Path, tmp_path: Path
) -> None:
    """Subscription, budget and tiers survive a plain `cdk deploy`."""
    given = {
        "alert_email": "you@example.org",
        "monthly_budget_usd": "20",
        "deep_archive_after_days": "120",
        "instant_retrieval_after_days": "0",
    }
    once = Synthesised(new_app(tmp_path / "once", environment="dev", **given))
    lines = [f"{name} = {value}" for name, value in given.items() if value.isdecimal()]
    (folder / "dev.toml").write_text('alert_email = "you@example.org"\n' + "\n".join(lines))
    app = new_app(tmp_path / "later", environment="dev")
    app.node.set_context("alert_email", None)
    later = Synthesised(app, folder)
    assert later.template == once.template
    assert len(later.resources("AWS::SNS::Subscription")) == len(later.resources("AWS::Budgets::Budget")) == 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_app_reads_the_folder_beside_it_from_wherever_it_is_started(folder: Path, elsewhere: bool) -> None:
    (folder / "dev.toml").write_text("max_concurrency = 0")
    context = json.dumps({"environments_folder": os.path.relpath(folder, ROOT)})
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=folder if elsewhere else ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": context},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1, "cloud-sync: environments/dev.toml: max_concurrency must be 1 to 1000, not 0.\n",
    )  # fmt: skip
