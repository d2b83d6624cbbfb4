"""Writes the values of the configuration into docs/configuration.md and environments/example.toml.

`python -m cloud_sync.environments_table docs/configuration.md` replaces what is between the marks of each table of that
page, and writes the example. A default comes from cloud_sync/config.py, and so does the description: it is the text
below the value there.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.config_sources import EXAMPLE
from cloud_sync.provider_values import ProviderValues

DEPLOYED = ("dev", "staging", "prod")
EXAMPLE_FILE = Path(__file__).resolve().parent.parent / "environments" / EXAMPLE
EXAMPLE_BEGIN = """\
The values of one environment. Copy this file to dev.toml, staging.toml or prod.toml beside it, remove the # before a
value, and write your own. Each deployment reads the file again, so what stands in it lasts. `-c name=value` comes
before it, for one deployment. Text has quotation marks, numbers, true and false have none; "none" switches off what
is optional. The values below are those of dev; docs/configuration.md shows where staging and prod differ.
"""
UNITS = {
    "days": "days",
    "seconds": "seconds",
    "mb": "MB",
    "mib": "MiB",
    "gb": "GB",
    "usd": "USD",
    "hours": "hours",
}  # by the end of a value's name


def differing_values() -> str:
    """The values that are not the same in all environments that are deployed to AWS."""
    rows = [[field.name, *(_text(getattr(ENVIRONMENTS[name], field.name)) for name in DEPLOYED)] for field in _values()]
    return _table(["value", *DEPLOYED], [row for row in rows if len(set(row[1:])) > 1])


def all_values() -> str:
    """Every value with its default, its unit and what it means."""
    meanings = described()
    rows = [[field.name, _text(field.default), unit(field.name), meanings[field.name]] for field in _values()]
    return _table(["value", "default", "unit", "meaning"], rows)


TABLES: dict[str, Callable[[], str]] = {"environments": differing_values, "values": all_values}


def example() -> str:
    """The text of environments/example.toml: every value in a comment, below its meaning."""
    meanings, paragraphs = described(), [_comment(EXAMPLE_BEGIN)]
    for field in _values():
        suffix = f" ({unit(field.name)})" if unit(field.name) else ""
        paragraphs.append(
            f"{_comment(meanings[field.name] + suffix)}# {field.name} = {_toml(field.name, field.default)}\n"
        )
    return "\n".join(paragraphs)


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(" ".join(text.split()), 118), "# ") + "\n"


def _toml(name: str, value: object) -> str:
    """A value as one writes it into the file."""
    if name == "alert_email":
        return '"you@example.org"'
    text = _text(value).strip("`")
    return text if isinstance(value, int) else f'"{text}"'


def described() -> dict[str, str]:
    """The text below each value of the dataclasses. Python does not keep it, so it is read from the source."""
    trees = [ast.parse(inspect.getsource(values)) for values in (Config, ProviderValues)]
    nodes = [node for tree in trees for node in tree.body]
    statements = [statement for node in nodes if isinstance(node, ast.ClassDef) for statement in node.body]
    found = {}
    for statement, following in itertools.pairwise(statements):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def unit(name: str) -> str:
    return UNITS.get(name.rpartition("_")[2], "")


def renewed(page: str) -> str:
    """The page with today's tables. Raises ValueError if a mark of a table is missing."""
    for name, table in TABLES.items():
        begin, end = marks(name)
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"The page has no place for a table: write the lines {begin} and {end} into it.")
        page = f"{before}{begin}\n{table()}\n{end}{after}"
    return page


def marks(name: str) -> tuple[str, str]:
    """The lines before and after a table."""
    return f"<!-- {name}: written by cloud_sync/environments_table.py -->", f"<!-- end of {name} -->"


def _values() -> list[Field[object]]:
    """Those of single providers come last."""
    last = {field.name for field in fields(ProviderValues)}
    return sorted((field for field in fields(Config) if field.name != "environment"), key=lambda f: f.name in last)


def _text(value: object) -> str:
    """A value as one writes it after `-c name=`."""
    value = ",".join(value) if isinstance(value, tuple) else value
    return f"`{'none' if value is None else str(value).lower() if isinstance(value, bool) else value}`"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *([f"`{name}`", *cells] for name, *cells in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
    EXAMPLE_FILE.write_text(example(), encoding="utf-8")


if __name__ == "__main__":
    main()
