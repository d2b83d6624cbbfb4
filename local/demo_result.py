"""What the demo has found, for each cloud and together: the content of .local/demo.json, and the table at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud_sync_common.runtime.wording import size_of
from rich.table import Table

from cloud_sync.providers import PROVIDERS
from console.commands import words
from local.verify import Verdict

# Why a run leaves something alone, for one and for several, where the report's own words are no good after a number.
_WORDS = {
    "kinds": ("photo", "photos"),
    "folder": ("folder", "folders"),
    "shortcut": ("shortcut", "shortcuts"),
    "of Google's own documents": ("Google document", "Google documents"),
}
SUCCEEDED = "SUCCEEDED"


@dataclass(frozen=True)
class CloudResult:
    """One cloud. Originals are files; `items` and what follows it are numbers of the first run's report. A hash is
    matched when the ledger says so; `hashes_published` is 0 for a provider that publishes none."""

    status: str
    originals: int
    bytes: int
    archived: int
    checksums_agreed: int
    hashes_published: int
    hashes_matched: int
    items: int
    items_archived: int
    items_agreed: int
    failed: int
    waiting: int
    left_out: Mapping[str, int]
    second_run_transferred: int

    @property
    def is_good(self) -> bool:
        """Whether every original is archived with the right checksum and its published hash, and nothing moved
        twice."""
        return (
            self.status == SUCCEEDED
            and self.archived == self.checksums_agreed == self.originals > 0
            and self.hashes_matched == self.hashes_published
            and self.second_run_transferred == 0
        )


@dataclass(frozen=True)
class DemoResult:
    """The content of .local/demo.json. Items are media items; an item is archived when all its sources are, and its
    checksum agrees when those of all its sources do. The numbers beside `providers` are of all together."""

    execution_status: str
    items: int
    archived: int
    bytes: int
    checksums_agreed: int
    second_run_transferred: int
    iam_enforced: bool
    seconds: float
    providers: Mapping[str, CloudResult]

    @classmethod
    def of(cls, providers: Mapping[str, CloudResult], *, status: str, iam_enforced: bool, seconds: float) -> DemoResult:
        """The result of all these clouds."""
        found = list(providers.values())
        return cls(
            execution_status=status,
            items=sum(cloud.items for cloud in found),
            archived=sum(cloud.items_archived for cloud in found),
            bytes=sum(cloud.bytes for cloud in found),
            checksums_agreed=sum(cloud.items_agreed for cloud in found),
            second_run_transferred=sum(cloud.second_run_transferred for cloud in found),
            iam_enforced=iam_enforced,
            seconds=seconds,
            providers=providers,
        )

    @property
    def is_good(self) -> bool:
        """Whether all is well in every cloud, and the emulator enforced IAM."""
        clouds = self.providers.values()
        return self.execution_status == SUCCEEDED and self.iam_enforced and all(cloud.is_good for cloud in clouds)


def cloud_result(
    verdicts: Sequence[Verdict], first: Mapping[str, Any], *, moved_again: int, publishes_hashes: bool
) -> CloudResult:
    """The result of one cloud: what reading its originals back has shown, and its part of the first run's output.
    `moved_again` are the bytes and objects of the second run, -1 where it says nothing."""
    items: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        items.setdefault(verdict.media_id, []).append(verdict)
    summary = first.get("summary", {})
    return CloudResult(
        status=first.get("status", "MISSING"),
        originals=len(verdicts),
        bytes=sum(verdict.size for verdict in verdicts if verdict.key),
        archived=sum(bool(verdict.key) for verdict in verdicts),
        checksums_agreed=sum(verdict.agreed for verdict in verdicts),
        hashes_published=len(verdicts) if publishes_hashes else 0,
        hashes_matched=sum(verdict.matched for verdict in verdicts),
        items=summary.get("new", 0),
        items_archived=sum(all(verdict.key for verdict in group) for group in items.values()),
        items_agreed=sum(all(verdict.agreed for verdict in group) for group in items.values()),
        failed=summary.get("failed", 0),
        waiting=summary.get("waiting", 0),
        left_out=summary.get("left_out", {}),
        second_run_transferred=moved_again,
    )


def table_of(providers: Mapping[str, CloudResult]) -> Table:
    """A column for each cloud, and one for all, so that it fits into 80 characters. What is not as it should be is
    red."""
    groups = {**{PROVIDERS[name].title: [cloud] for name, cloud in providers.items()}, "all": list(providers.values())}
    table = words.table_of(["", *groups])
    for label, cell in {
        "originals": lambda clouds: str(_sum(clouds, "originals")),
        "size": lambda clouds: size_of(_sum(clouds, "bytes")),
        "archived": lambda clouds: _of(_sum(clouds, "archived"), _sum(clouds, "originals")),
        "checksums agreed": lambda clouds: _of(_sum(clouds, "checksums_agreed"), _sum(clouds, "originals")),
        "published hashes matched": _hashes,
        "left alone": _left_alone,
        "moved by the second run": _moved,
    }.items():
        table.add_row(label, *(cell(clouds) for clouds in groups.values()))
    return table


def _sum(clouds: Sequence[CloudResult], field: str) -> int:
    return sum(getattr(cloud, field) for cloud in clouds)


def _of(count: int, all_of_them: int) -> str:
    return f"{count} of {all_of_them}" if count == all_of_them else f"[red]{count} of {all_of_them}[/]"


def _hashes(clouds: Sequence[CloudResult]) -> str:
    published = _sum(clouds, "hashes_published")
    return _of(_sum(clouds, "hashes_matched"), published) if published else "publishes none"


def _moved(clouds: Sequence[CloudResult]) -> str:
    if any(cloud.second_run_transferred < 0 for cloud in clouds):
        return "[red]not known[/]"
    moved = _sum(clouds, "second_run_transferred")
    return f"[red]{moved:,} bytes[/]" if moved else "nothing"


def _left_alone(clouds: Sequence[CloudResult]) -> str:
    """Numbers and reasons, a line each; only the number of all of them for several clouds."""
    if len(clouds) > 1:
        return str(sum(cloud.failed + cloud.waiting + sum(cloud.left_out.values()) for cloud in clouds))
    (cloud,) = clouds
    counts = {"failed (see below)": cloud.failed, "not ready yet": cloud.waiting, **cloud.left_out}
    found = [f"{count} {_WORDS.get(reason, (reason, reason))[count != 1]}" for reason, count in counts.items() if count]
    return "\n".join(found) or "nothing"
