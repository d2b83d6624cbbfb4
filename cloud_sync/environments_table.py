"""The table of environments in the README, made from their one dataclass.

`python -m cloud_sync.environments_table README.md` writes it between its two marks; a test says when that is due.
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

from cloud_sync.config import ENVIRONMENTS, Config

SHOWN = ("dev", "staging", "prod")
BEGIN, END = "<!-- environments: made by `make readme` -->", "<!-- end of environments -->"


def table() -> str:
    """Every value of every environment that is deployed to AWS; first those in which they differ."""
    rows = [
        (field.name, [_text(getattr(ENVIRONMENTS[name], field.name)) for name in SHOWN]) for field in fields(Config)
    ]
    rows = [row for row in rows if row[0] != "environment"]
    rows.sort(key=lambda row: len(set(row[1])) == 1)
    lines = [f"| value | {' | '.join(SHOWN)} |", "|---" * (len(SHOWN) + 1) + "|"]
    lines += [f"| `{name}` | {' | '.join(values)} |" for name, values in rows]
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def renewed(page: str) -> str:
    """The page with today's table between its marks. Raises ValueError when it has no marks."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no place for the table: {BEGIN}")
    return pattern.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
