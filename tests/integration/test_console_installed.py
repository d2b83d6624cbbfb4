"""The owner's command, installed by uv and by pipx from the files of the repository, is whole and needs no clone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

import pytest
from cloud_sync_common import __version__
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from console.errors import Exit
from console.main import VERBS
from tests.installed_command import InstalledCommand, by_pipx, by_uv
from tests.locks import written
from tests.synthesis import ROOT
from tests.terminal import Terminal

FOLDERS = {"console": ROOT / "console", "cloud_sync_common": ROOT / "lambda_layer" / "python" / "cloud_sync_common"}
ASKED = ("console/requirements.in", "lambda_layer/requirements.in")
# No credentials are found: neither in variables nor in files, nor by asking the machine.
STRANGER = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module", params=[by_uv, by_pipx])
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> InstalledCommand:
    found: InstalledCommand = request.param(tmp_path_factory.mktemp("home"))
    return found


def installed_packages(command: InstalledCommand) -> dict[str, Distribution]:
    found = {canonicalize_name(one.metadata["Name"]): one for one in distributions(path=[str(command.packages)])}
    found.pop("pip", None)  # which some installers leave in the environment
    return found


def test_it_starts_without_the_clone_and_says_its_version_and_its_verbs(command: InstalledCommand) -> None:
    assert not command.clone.exists()
    version = command.run("--version")
    assert (version.returncode, version.stdout.strip()) == (Exit.FINE, __version__), version.stderr
    helped = command.run("--help")
    assert helped.returncode == Exit.FINE and all(verb in helped.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb: str, command: InstalledCommand) -> None:
    helped = command.run(verb, "--help")
    assert (helped.returncode, helped.stderr) == (Exit.FINE, "")
    assert helped.stdout.startswith(f"Usage: cloudsync {verb} ")


@pytest.mark.parametrize("verb", ["status", "list", "runs", "failures", "cost", "plan", "run", "verify", "config"])
def test_without_credentials_a_verb_says_so_in_one_sentence(verb: str, command: InstalledCommand) -> None:
    told = command.run(verb, **STRANGER)
    assert (told.returncode, told.stdout) == (Exit.CREDENTIALS, "")
    assert told.stderr == (
        "cloudsync: There are no AWS credentials. Run `aws configure sso`, or name a profile with --profile or "
        "AWS_PROFILE.\n"
    )


def test_it_has_each_module_of_the_repository_that_it_is_made_of_and_no_other_file(command: InstalledCommand) -> None:
    files = [str(file) for file in installed_packages(command)["cloud-sync"].files or []]
    own = {name for name in files if not re.match(r"\.\./|cloud_sync-[\d.]+\.dist-info/", name) and ".pyc" not in name}
    modules = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in folder.rglob("*.py")
    }
    page = ROOT / "console" / "web"
    files = [path for name in ("templates", "static") for path in (page / name).iterdir()]
    assert own == modules | {path.relative_to(ROOT).as_posix() for path in files} and len(files) > 10
    assert all((command.packages / name).is_file() for name in own)


def needed(names: list[str], found: dict[str, Distribution]) -> Iterator[str]:
    """These packages and those that they need, of those that are installed."""
    waiting, seen = [canonicalize_name(name) for name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            requirements = map(Requirement, found[name].requires or [])
            applying = (one for one in requirements if not one.marker or one.marker.evaluate({"extra": ""}))
            waiting += [canonicalize_name(one.name) for one in applying]


def test_it_has_the_packages_that_the_command_and_the_function_code_ask_for_and_no_other(
    command: InstalledCommand,
) -> None:
    found = installed_packages(command)
    asked = written(ASKED[0]) | written(ASKED[1])
    assert {name: found[name].version for name in asked} == asked
    assert set(needed([*asked], found)) | {"cloud-sync"} == set(found)


def test_nothing_that_git_would_take_is_left_in_the_clone(command: InstalledCommand) -> None:
    line, left = ["git", "check-ignore", "--no-index", "--stdin"], "\n".join(command.left)
    ignored = subprocess.run(line, cwd=ROOT, input=left, capture_output=True, text=True, check=False)
    assert ignored.stdout.splitlines() == list(command.left)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("cloudsync stat", "cloudsync status "),
        ("cloudsync runs --js", "cloudsync runs --json "),
        ("cloudsync completion fi", "cloudsync completion fish "),
    ],
)
def test_bash_completes_verbs_options_and_values_by_the_tab_key(
    typed: str, completed: str, command: InstalledCommand
) -> None:
    """With the line that `cloudsync completion --help` names, at a terminal."""
    start = command.home / "bashrc"
    start.write_text("PS1='ready> '\n" + 'eval "$(cloudsync completion bash)"\n')
    variables = {"HOME": str(command.home), "PATH": f"{command.program.parent}:/usr/bin:/bin", "TERM": "dumb"}
    with Terminal.running(["bash", "--rcfile", str(start), "-i"], variables, str(command.home)) as terminal:
        terminal.awaits("ready> ")
        terminal.types(f"{typed}\t", enter="")
        terminal.awaits(completed)
