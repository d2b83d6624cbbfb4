"""The reviewed list of changes that cannot be noticed, because the program does the same with them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.mutations import mutations
from tools.mutants.source_text import Mutation, SourceText


@dataclass(frozen=True)
class Change:
    """A change by its text, so that it is found again when lines above it have moved. `module` is a path from the
    function code's folder, `original` and `mutated` are the changed lines with single spaces."""

    module: str
    function: str
    original: str
    mutated: str

    @classmethod
    def of(cls, mutation: Mutation, sources: Mapping[str, SourceText]) -> Change:
        """The change that a mutation makes."""
        return cls(
            mutation.module, mutation.function, *sources[mutation.module].before_and_after(mutation)
        )  # fmt: skip


def read_equivalents(path: Path) -> dict[Change, str]:
    """The listed changes, each with its reason. Raises ValueError for an entry without one."""
    listed = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", []):
        reason = entry.pop("reason", "").strip()
        if not reason:
            raise ValueError(f"{path.name}: an entry has no reason: {entry}")
        listed[Change(**entry)] = reason
    return listed


def gone(listed: Iterable[Change], sources: Mapping[str, SourceText]) -> list[Change]:
    """The listed changes that can no longer be made, because the source has changed."""
    possible = {Change.of(one, sources) for name, source in sources.items() for one in mutations(name, source)}
    return [change for change in listed if change not in possible]
