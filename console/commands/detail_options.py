"""What limits a list of items, as options: by what the ledger has of each, and by what the catalogue knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from console.errors import UsageError
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.library import Wanted

_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?|unknown")
BY_DETAILS = (
    click.option("--camera", default="", metavar="GLOB", help="From such a camera, as in 'HERO11*'."),
    click.option("--longer-than", default="", metavar="TIME", help="Longer than 90s, 2m or 1h30m."),
    click.option("--hilights", is_flag=True, help="With a HiLight tag at least."),
    click.option(
        "--near", default="", metavar="LAT,LON[,KM]", help="Taken so near to a place; 5 km unless you say otherwise."
    ),
)  # fmt: skip
_OPTIONS = (
    click.option(
        "--month", default="", metavar="2026-05", help="Captured in this month, or in this year (UTC); or unknown."
    ),
    click.option(
        "--name", "names", multiple=True, metavar="GLOB", help="With such a name, as in 'GX*.MP4'; may be repeated."
    ),
    *BY_DETAILS,
    click.option("--text", default="", metavar="WORDS", help="With all of these words in its name or its camera."),
    click.option(
        "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
    ),
    click.option("--status", default="", metavar="STATUS", help="ARCHIVED, FAILED, PENDING, UNAVAILABLE, DAMAGED, ..."),
)  # fmt: skip


def with_wanted(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with `wanted`, the Wanted of its options, beside its other options. Raises UsageError."""

    @wraps(command)
    def called(stack: Stack, *more: Any, **options: Any) -> int | None:
        names = ("month", "names", "camera", "longer_than", "hilights", "near", "text", "provider", "status")
        wanted = _wanted(stack, **{name: options.pop(name) for name in names})
        return command(stack, *more, wanted=wanted, **options)

    verb: Callable[..., int | None] = called
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def _wanted(
    stack: Stack, *, month: str, status: str, provider: str, longer_than: str, near: str, **more: Any
) -> Wanted:
    from console.operations import library  # noqa: PLC0415 (not needed for --help)
    from console.operations.detail_filters import near_of, seconds_of  # noqa: PLC0415

    if month and not _MONTH.fullmatch(month):
        raise UsageError(f"--month must be a month such as 2026-05, a year, or unknown; not {month!r}.")
    if status.upper() not in ("", *library.STATUSES):
        raise UsageError(f"--status must be one of {', '.join(library.STATUSES)}; not {status!r}.")
    return library.Wanted(
        provider=stack.provider(provider) if provider else "",
        month=month,
        status=status.upper(),
        longer_than=seconds_of(longer_than),
        near=near_of(near),
        **more,
    )
