"""Every command of the owner's that a page, a mail or an alarm names is one that there is, with options that it has."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from console import main
from console.errors import Exit
from console.main import VERBS
from tests.synthesis import ROOT
from tests.unit.code_rules import commands
from tests.unit.console_ledger import World, a_world
from tests.unit.test_pages import PAGES

INLINE = re.compile(r"(?<!`)`(cloudsync [^`]+)`(?!`)")
SHOWN = re.compile(r"^\$ (cloudsync .+)$", re.M)
FUNCTIONS = ROOT / "lambda_layer" / "python" / "cloud_sync_common"


def commands_of(markdown: str) -> list[str]:
    """Those in blocks of shell code, in examples after a `$`, and within sentences."""
    lines = [line for line in commands(markdown.replace("\\\n", " ")) if line.startswith("cloudsync ")]
    inline = [" ".join(found.split()) for found in INLINE.findall(markdown)]
    return [re.split(r" > | && | \|\| ", line)[0] for line in [*lines, *SHOWN.findall(markdown), *inline]]


def commands_in_code(code: str) -> list[str]:
    """Those that a sentence of the functions names; what is filled in stands as a name."""
    joined = re.sub(r'"\s*\n\s*f?"', "", code)
    return [re.sub(r"{[^}]*}", "x", found) for found in re.findall(r"`(cloudsync [^`]+)`", joined)]


def fault_of(line: str) -> str:
    """What is wrong with a command; placeholders may stand for values."""
    command: click.Command = main.cloudsync
    words = [word.strip("[]") for word in re.sub(r"[…]|\.\.\.", "x", line).split()[1:]]
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        choices = name.split("|")
        found = [command.get_command(context, one) for one in choices]
        if name.isupper() or not all(found):
            return "" if name.isupper() else f"there is no {name}"
        command = next(one for one in found if one)
    try:
        command.make_parser(click.Context(command)).parse_args(args=words)
    except click.UsageError as error:
        return "" if "requires an argument" in str(error) else str(error)
    return ""


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_command_on_a_page_is_a_verb_with_options_that_it_has(page: Path) -> None:
    found = commands_of(page.read_text(encoding="utf-8"))
    assert {line: fault for line in found if (fault := fault_of(line))} == {}


def test_every_command_in_a_sentence_of_the_functions_or_of_the_console_is_there() -> None:
    files = [*FUNCTIONS.rglob("*.py"), *(ROOT / "console").rglob("*.py"), *(ROOT / "cloud_sync").rglob("*.py")]
    named = {line for file in files for line in commands_in_code(file.read_text(encoding="utf-8"))}
    assert {"cloudsync connect gopro", "cloudsync connect google-drive", "cloudsync run"} <= named
    assert {line: fault for line in named if (fault := fault_of(line))} == {}


def test_a_heading_to_which_a_sentence_leads_is_on_that_page() -> None:
    """As in (README, 'Store credentials') and docs/connect.md, 'Dropbox'."""
    files = [*FUNCTIONS.rglob("*.py"), *(ROOT / "console").rglob("*.py"), *(ROOT / "cloud_sync").rglob("*.py")]
    code = "\n".join(re.sub(r'"\s*\n\s*f?"', "", file.read_text(encoding="utf-8")) for file in files)
    named = set(re.findall(r"(README|docs/[\w-]+\.md),? \(?['\"]([\w ]+)['\"]", code))
    assert {("README", "Store credentials"), ("docs/connect.md", "Dropbox")} <= named
    for page, heading in named:
        text = (ROOT / page.replace("README", "README.md")).read_text(encoding="utf-8")
        assert re.search(rf"^#+ {heading}\b", text, re.M), f"{page} has no {heading!r}"


def test_a_command_that_there_is_not_is_seen() -> None:
    page = "```bash\ncloudsync run --folow\n```\n`cloudsync nothing` or `cloudsync settings\nset a=b --yes`"
    faults = [fault_of(line) for line in commands_of(page)]
    assert faults[0].startswith("No such option") and faults[1:] == ["there is no nothing", ""]


def test_every_verb_has_a_section_with_an_example() -> None:
    text = "\n".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("console.md", "console-reading.md")
    )
    assert VERBS.keys() <= set(re.findall(r"^## ([\w-]+)$", text, re.M))
    shown = {line.split()[1] for line in SHOWN.findall(text)}
    assert VERBS.keys() - shown == {"completion"}


# The README's table of inputs


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """The options of `cloudsync run` and the input, of each row."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("| `cloudsync run` | input | effect |\n")[1].split("\n\n")[0]
    for line in table.splitlines()[1:]:
        options, given = re.findall("`([^`]+)`", line)[:2]
        yield options, json.loads(given)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("stepfunctions", list_executions={"executions": []})
        yield world


def test_the_table_has_every_field_of_an_input() -> None:
    fields = [given for _, given in rows()]
    assert {name for given in fields for name in given} == {"provider", "filters", "even_if_paused", "mode"}
    assert len(fields) == 7


@pytest.mark.parametrize(("options", "given"), list(rows()), ids=[options for options, _ in rows()])
def test_these_options_start_a_run_with_this_input(options: str, given: dict[str, Any], world: World) -> None:
    words = shlex.split(options.replace("ID", "…"))
    named = [] if "--provider" in words else ["--provider", "gopro"]
    assert main.main(["run", *words, *named]) == Exit.FINE
    assert [json.loads(started["input"]) for started in world.started] == [given]
