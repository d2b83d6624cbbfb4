"""Every page of the repository: its links lead somewhere, and the files and tests that it names exist."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import cloud_sync_common
import pytest

from tests.synthesis import ROOT

# Not docs/: pages are linked, and other projects have a docs/ too.
TOP_LEVEL = r"(?:aws_check|benchmarks|cloud_sync|costs|events|lambda_layer|lambdas|local|tests|tools)/"

EXAMPLES = ("dropbox", "backlog", "NAME")  # in files that the recipes of CONTRIBUTING.md would create


def pages() -> list[Path]:
    """Every Markdown file that git keeps or would keep."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


PAGES = {str(page.relative_to(ROOT)): page for page in pages()}

each_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


def prose(markdown: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", markdown, flags=re.MULTILINE | re.DOTALL)


def links(markdown: str) -> list[str]:
    """The targets of a page's links and pictures."""
    without_code = re.sub(r"`[^`\n]*`", "", prose(markdown))
    return re.findall(r"\]\(([^)\s]+)\)", without_code)


def anchors(markdown: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings: lower case, without punctuation, dashes for spaces; a second
    heading of the same text ends in -1."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(markdown), flags=re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken_links(page: Path) -> list[str]:
    """The relative links of a page whose file or heading does not exist."""
    broken = []
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken


def missing_files(markdown: str) -> list[str]:
    """Paths of this repository that a page names as code or as a command's argument and that do not exist."""
    named = re.findall(rf"(?<![\w/.-]){TOP_LEVEL}[\w/.-]*\.\w+", markdown)
    folders = re.findall(rf"`({TOP_LEVEL}[\w/-]*)`", markdown)
    missing = {name for name in (*named, *folders) if not (ROOT / name).exists()}
    return sorted(name for name in missing if not any(example in name for example in EXAMPLES))


@each_page
def test_every_relative_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    assert broken_links(page) == []


@each_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert missing_files(page.read_text(encoding="utf-8")) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), {ROOT / "README.md"}
    while waiting:
        page = waiting.pop()
        reached.add(page)
        paths = (link.partition("#")[0] for link in links(page.read_text(encoding="utf-8")))
        targets = {(page.parent / path).resolve() for path in paths if path.endswith(".md")}
        waiting |= {target for target in targets if target.is_file()} - reached
    for_github_only = {page for page in PAGES.values() if ".github" in page.parts}
    assert set(PAGES.values()) - reached - for_github_only == set()


def test_changelog_project_and_function_code_have_one_version() -> None:
    changelog = re.findall(
        r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert changelog[0] == project == cloud_sync_common.__version__


def test_a_broken_link_and_a_missing_heading_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A `b`: c\n\n## Twice\n\n## Twice\n\n```\n# No heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[1](other.md#a-b-c) [2](other.md#twice-1) [3](https://example.org/x#y) `[4](nowhere.md)`\n"
        "[5](other.md#no-heading) [6](gone.md) [7](#absent) [8](../outside.md)\n"
    )
    assert broken_links(page) == ["other.md#no-heading", "gone.md", "#absent", "../outside.md"]


def test_a_file_that_is_named_and_does_not_exist_is_seen() -> None:
    page = "`tests/unit/test_pages.py` and tests/unit/test_gone.py, `local/nowhere/`, tests/integration/conformance"
    assert missing_files(page) == ["local/nowhere/", "tests/unit/test_gone.py"]
    assert missing_files("see https://example.org/docs/x.html or `other/docs/x.md`") == []
