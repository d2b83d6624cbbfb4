"""The options of single providers: from a value of the configuration to what the provider lists, and the sentences for
values that cannot work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common import composition, providers
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.providers import google_drive
from cloud_sync_common.providers.google_drive import OWN_FILES, GoogleDrive, Reach
from cloud_sync_common.runtime import settings

from cloud_sync import filter_values, provider_values
from cloud_sync.config import Config, ConfigError
from cloud_sync.function_settings import settings_of
from tests.synthesis import Synthesis
from tests.unit.test_settings import ENVIRONMENT

WITH_DRIVE = "gopro,google_drive"
ONE, OTHER = "0AExampleOfAnId9PVA", "0AnotherId_of-a-drive"
OPTIONS = "GOOGLE_DRIVE_PROVIDER_OPTIONS"
VARIABLES_LIMIT = 4 * 1024  # bytes of all variables of a function (Lambda quotas, "Environment variables")


@pytest.fixture
def fresh_settings() -> Iterator[None]:
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def config(**values: Any) -> Config:
    return Config.from_context({"alert_email": "none", "providers": WITH_DRIVE, **values})


def refusal(**values: Any) -> str:
    with pytest.raises(ConfigError) as failure:
        config(**values)
    return str(failure.value)


def reach_of(found: Config) -> Reach:
    """What the functions of this environment list, by their own reading of their variables."""
    read = settings.parse(ENVIRONMENT | settings_of(found))
    provider = providers.get("google_drive", read.provider_base_urls, read.provider_options)
    assert isinstance(provider, GoogleDrive)
    return provider._reach


def test_without_an_option_the_accounts_own_files_are_listed_and_nothing_else() -> None:
    assert reach_of(config()) == OWN_FILES == Reach()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"google_drive_shared_with_me": "true"}, Reach(shared_with_me=True)),
        ({"google_drive_shortcuts": "true"}, Reach(shortcuts=True)),
        ({"google_drive_shared_drives": f" {ONE}, {OTHER} "}, Reach(shared_drives=(ONE, OTHER))),
        ({"google_drive_shared_drives": "none"}, Reach()),
        ({"google_drive_shared_drives": ""}, Reach()),
    ],
)
def test_each_option_of_the_configuration_reaches_the_provider(values: dict[str, str], expected: Reach) -> None:
    assert reach_of(config(**values)) == expected


def test_shared_drives_are_text_or_a_list_in_a_file(tmp_path: Path) -> None:
    base = f'alert_email = "none"\nproviders = "{WITH_DRIVE}"\n'
    for written, expected in ((f'["{ONE}", "{OTHER}"]', (ONE, OTHER)), (f'"{ONE}"', (ONE,)), ('"none"', None)):
        (tmp_path / "dev.toml").write_text(f"{base}google_drive_shared_drives = {written}\n")
        assert Config.from_context({}, tmp_path).google_drive_shared_drives == expected


def test_only_an_environment_with_google_drive_has_the_variable_of_its_options(synthesis: Synthesis) -> None:
    of_gopro = synthesis.of("dev").function("media-lister")["Environment"]["Variables"]
    assert not any("PROVIDER_OPTIONS" in name for name in of_gopro)
    stack = synthesis.of("dev", providers=WITH_DRIVE, google_drive_shared_drives=ONE)
    given = stack.function("media-lister")["Environment"]["Variables"]
    assert {name for name in given if name.endswith("_OPTIONS")} == {OPTIONS}
    expected = {"shared_with_me": False, "shared_drives": [ONE], "shortcuts": False}
    assert json.loads(given[OPTIONS]) == expected


@pytest.mark.usefixtures("fresh_settings")
def test_a_function_works_with_the_options_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"GOOGLE_DRIVE_CREDENTIALS_SECRET": "google-drive/credentials", OPTIONS: '{"shortcuts": true}'}
    for name, value in (ENVIRONMENT | more).items():
        monkeypatch.setenv(name, value)
    provider = composition._provider("google_drive")
    assert isinstance(provider, GoogleDrive) and provider._reach == Reach(shortcuts=True)


def test_the_longest_options_and_filters_of_three_providers_fit_into_the_variables_of_a_function(
    synthesis: Synthesis,
) -> None:
    everything = "gopro,google_drive,dropbox"
    drives = ",".join(f"{number:040}" for number in range(provider_values.MOST_DRIVES))
    names = [letter * 300 for letter in "abcd"]
    filters = json.dumps({"dropbox": {"names": names}, "gopro": {"names": ["e" * (filter_values.LIMIT - 1_310)]}})
    assert filter_values.LIMIT - 50 < len(filters) <= filter_values.LIMIT
    given = synthesis.of("prod", providers=everything).function("video-downloader")["Environment"]["Variables"]
    texts = {name: "<resource>" if isinstance(value, dict) else value for name, value in given.items()}
    texts |= settings_of(config(providers=everything, google_drive_shared_drives=drives, filters=filters))
    # What stands for a resource is as long as the ARN of a topic with a long region and name, at most.
    sizes = [len(name) + (110 if text == "<resource>" else len(text.encode())) for name, text in texts.items()]
    assert 3_000 < sum(sizes) < VARIABLES_LIMIT


# Values that cannot work


@pytest.mark.parametrize(
    "value",
    ["all", "0A id", "https://drive.google.com/drive/folders/0AExampleOfAnId9PVA", "0AExampleOfÄnId9PVA", "A" * 41],
)
def test_what_is_no_id_of_a_shared_drive_is_refused_with_where_to_find_one(value: str) -> None:
    assert refusal(google_drive_shared_drives=value) == (
        "google_drive_shared_drives must be ids of shared drives, separated by commas, each as in the last part of the "
        f"drive's address (https://drive.google.com/drive/folders/ID), not {value!r}."
    )


@pytest.mark.parametrize("ids", [[ONE, ONE], [f"0AExampleOfAnId{n:04}" for n in range(21)]])
def test_shared_drives_that_come_twice_or_are_too_many_are_refused_with_the_bound(ids: list[str]) -> None:
    sentence = refusal(google_drive_shared_drives=",".join(ids))
    assert sentence.startswith('google_drive_shared_drives must be 1 to 20 ids, each once, or "none", not ')
    assert (
        len(config(google_drive_shared_drives=",".join(dict.fromkeys(ids[:20]))).google_drive_shared_drives or ()) > 0
    )


def test_a_list_of_commas_alone_is_refused() -> None:
    assert refusal(google_drive_shared_drives=",").startswith("google_drive_shared_drives must be 1 to 20 ids")


@pytest.mark.parametrize("field", ["google_drive_shared_with_me", "google_drive_shortcuts"])
@pytest.mark.parametrize("value", ["", "yes", "1", "none", "True please"])
def test_what_is_neither_true_nor_false_is_refused(field: str, value: str) -> None:
    assert refusal(**{field: value}) == f"{field} must be true or false, not {value!r}."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("google_drive_shared_with_me = 1", "google_drive_shared_with_me must be true or false, not 1."),
        ('google_drive_shortcuts = "true"', "google_drive_shortcuts must be true or false, not 'true'."),
        ("google_drive_shared_drives = [3]", "google_drive_shared_drives must be text in quotation marks, not [3]."),
        (
            "google_drive_shared_drives = true",
            "google_drive_shared_drives must be text in quotation marks, not True.",
        ),
        (
            "google_drive_shared_folders = true",
            "google_drive_shared_folders is not a value of this stack; google_drive_shared_drives is.",
        ),
    ],
)
def test_a_value_of_the_wrong_type_in_a_file_is_refused_with_the_file(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "dev.toml").write_text(f'alert_email = "none"\nproviders = "{WITH_DRIVE}"\n{line}\n')
    with pytest.raises(ConfigError) as failure:
        Config.from_context({}, tmp_path)
    assert str(failure.value) == f"{tmp_path.name}/dev.toml: {sentence}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("google_drive_shared_with_me", "true"),
        ("google_drive_shortcuts", "true"),
        ("google_drive_shared_drives", ONE),
    ],
)
def test_an_option_of_a_provider_that_is_not_backed_up_is_refused_with_both_ways_out(field: str, value: str) -> None:
    assert refusal(providers="gopro,dropbox", **{field: value}) == (
        f"{field} is set, but providers has no google_drive (gopro,dropbox): add it there, or take {field} out."
    )
    assert config(providers="gopro,dropbox", **{field: "none" if "drives" in field else "false"})


# What the functions say of variables that do not fit


def test_both_sides_know_the_same_number_of_shared_drives() -> None:
    assert provider_values.MOST_DRIVES == google_drive.MOST_DRIVES


@pytest.mark.parametrize("text", ["", "[]", "true", "{", '{"shortcuts": tru'])
def test_options_that_are_no_object_are_refused_with_the_variable_and_the_step(text: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"variable {OPTIONS} does not fit: .*\. Deploy the stack again\."):
        settings.parse(ENVIRONMENT | {OPTIONS: text})


@pytest.mark.parametrize(
    "given", [{"shortcuts": "true"}, {"shared_drives": ONE}, {"shared_drives": [3]}, {"computers": True}]
)
def test_options_that_the_code_does_not_know_are_refused_with_the_variable_and_the_step(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"variable {OPTIONS} does not fit: .*\. Deploy the stack again\."):
        providers.get("google_drive", {}, {"google_drive": given})


def test_options_of_another_provider_are_passed_over() -> None:
    assert providers.get("gopro", {}, {"google_drive": {"shortcuts": True}}).name == "gopro"
