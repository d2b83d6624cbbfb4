"""What the verbs of `cloudsync restore` take that choose footage, and that say how it is to be thawed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from console.commands.detail_options import BY_DETAILS
from console.errors import UsageError
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.library import Wanted
    from console.operations.restore.bucket import Bucket
    from console.operations.restore.selection import Choice

_CHOICE = (
    click.argument("items", metavar="[ITEM]...", nargs=-1),
    click.option(
        "--month", default="", metavar="2026-05", help="Captured in this month, or in this year (UTC); or unknown."
    ),
    click.option(
        "--name", "names", multiple=True, metavar="GLOB", help="With such a name, as in 'GX*.MP4'; may be repeated."
    ),
    click.option("--provider", default="", metavar="PROVIDER", help="Only from this provider."),
    click.option("--everything", is_flag=True, help="Everything that is archived."),
)
_TERMS = (
    click.option(
        "--tier", type=click.Choice(["bulk", "standard"], case_sensitive=False), default="bulk", show_default=True,
        help="bulk: within 48 hours; standard: within 12 hours, at eight times the price.",
    ),
    click.option(
        "--days", default=7, show_default=True, metavar="N", type=int,
        help="How long the thawed copies stay, up to 365; at least 3 with bulk.",
    ),
    click.option(
        "--max-usd", default=None, metavar="USD", type=float, help="A ceiling: nothing is started that costs more."
    ),
    click.option(
        "--no-egress", is_flag=True, help="It stays in AWS, in the stack's region: price nothing to the Internet."
    ),
)  # fmt: skip


def with_choice(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb of the stack, or of a bucket, that is called with `choice` beside its other options."""

    @wraps(command)
    def called(
        stack: Stack | Bucket, *more: Any, items: tuple[str, ...], month: str, names: tuple[str, ...], provider: str,
        everything: bool, **options: Any,
    ) -> int | None:  # fmt: skip
        from console.operations.restore.selection import choice_of  # noqa: PLC0415 (not needed for --help)

        provider = stack.provider(provider) if provider else ""
        details = _details(stack, **{name: options.pop(name) for name in ("camera", "longer_than", "hilights", "near")})
        choice = choice_of(items, month, names, provider, is_everything=everything, details=details)
        return command(stack, *more, choice=choice, **options)

    return _with((*_CHOICE[:-1], *BY_DETAILS, _CHOICE[-1]), called)


def _details(stack: Stack | Bucket, *, camera: str, longer_than: str, hilights: bool, near: str) -> Wanted:
    """Raises UsageError, also for a bucket alone."""
    from console.operations.detail_filters import near_of, seconds_of  # noqa: PLC0415 (not needed for --help)
    from console.operations.library import Wanted  # noqa: PLC0415

    wanted = Wanted(camera=camera, longer_than=seconds_of(longer_than), hilights=hilights, near=near_of(near))
    if wanted.needs_details and not isinstance(stack, Stack):
        raise UsageError(
            "--camera, --longer-than, --hilights and --near are known to the stack's catalogue alone, and --bucket "
            "asks no stack: choose by --month, --name and --provider."
        )
    return wanted


class Words(NamedTuple):
    """What chooses footage, as it was typed, where a verb may be about something else."""

    items: tuple[str, ...]
    month: str
    names: tuple[str, ...]
    provider: str
    everything: bool

    @property
    def are_limited(self) -> bool:
        return bool(self.month or self.names or self.provider or self.everything)

    def choice(self, place: Stack | Bucket) -> Choice:
        """Raises UsageError."""
        from console.operations.restore.selection import choice_of  # noqa: PLC0415 (not needed for --help)

        provider = place.provider(self.provider) if self.provider else ""
        return choice_of(self.items, self.month, self.names, provider, is_everything=self.everything)


def with_words(
    argument: str, *, required: bool = False
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """A verb that is called with `words` beside its other options; its argument is shown as that."""

    def decorated(command: Callable[..., int | None]) -> Callable[..., int | None]:
        @wraps(command)
        def called(*more: Any, **options: Any) -> int | None:
            given = {name: options.pop(name) for name in Words._fields}
            return command(*more, words=Words(**given), **options)

        items = click.argument("items", metavar=argument, nargs=-1, required=required)
        return _with((items, *_CHOICE[1:]), called)

    return decorated


def with_terms(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with `terms` beside its other options."""

    @wraps(command)
    def called(*more: Any, tier: str, days: int, max_usd: float | None, no_egress: bool, **options: Any) -> int | None:
        from cloud_sync_common.stores.restore_jobs import Tier  # noqa: PLC0415 (not needed for --help)

        from console.operations.restore.plan import Terms  # noqa: PLC0415

        terms = Terms(tier=Tier(tier.capitalize()), days=days, max_usd=max_usd, leaves_aws=not no_egress)
        terms.check()
        return command(*more, terms=terms, **options)

    return _with(_TERMS, called)


def _with(options: tuple[Any, ...], command: Callable[..., int | None]) -> Callable[..., int | None]:
    for option in reversed(options):
        command = option(command)
    return command
