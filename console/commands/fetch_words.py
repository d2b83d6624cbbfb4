"""How the result of a fetch is printed; `restore --bucket` prints its own in the same words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from cloud_sync_common.runtime.wording import count_of, file_name, size_of

from console.operations.restore.fetch.names import MANIFEST
from console.operations.restore.fetch.outcome import Ending, Fetched, FileResult
from console.output import Output

_MOST_NAMED = 10  # files of one problem


def draw(output: Output, found: Fetched) -> None:
    """For people: what is here, and each problem once, with the files that have it."""
    page = output.page
    if here := sum(found.counts.get(one, 0) for one in (Ending.FETCHED, Ending.THERE)):
        page.print(
            f"{count_of(here, 'file')}, {size_of(found.here_bytes)}, {_verb(here)} in {found.directory}, verified."
        )
        page.print(f"  {_how(found)}", soft_wrap=True)
    by_problem = defaultdict[str, list[FileResult]](list)
    for one in found.problems:
        by_problem[one.problem].append(one)
    for problem, files in by_problem.items():
        page.print(f"{count_of(len(files), 'file')}: {problem}", soft_wrap=True)
        for one in files[:_MOST_NAMED]:
            page.print(f"- {file_name(one.filename)} ({file_name(one.media_id)})", soft_wrap=True)
        if len(files) > _MOST_NAMED:
            page.print(f"- and {len(files) - _MOST_NAMED:,} more: --json names all.")


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _how(found: Fetched) -> str:
    fetched, there = found.counts.get(Ending.FETCHED, 0), found.counts.get(Ending.THERE, 0)
    words = [f"{fetched:,} fetched ({size_of(found.read_bytes)} read from S3)"] if fetched else []
    if found.kept_bytes:
        words.append(f"{size_of(found.kept_bytes)} kept from an earlier fetch")
    if there:
        words.append(f"{there:,} there already")
    if found.fetched_again:
        words.append(f"{found.fetched_again:,} read twice, because bytes were wrong")
    return f"{', '.join(words)}. What each is: {MANIFEST}."


def json_of(found: Fetched) -> Mapping[str, Any]:
    """The fields of the JSON object."""
    fields: dict[str, Any] = msgspec.to_builtins(found)
    counts = {one.value: found.counts.get(one, 0) for one in Ending}
    return {**fields, "counts": counts, "exit_code": found.exit_code}
