"""`cloudsync settings`: what may change without a deployment."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from console.commands.hidden_input import is_terminal
from console.commands.options import of_stack
from console.commands.words import facts_of, table_of
from console.errors import DeclinedError, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of, typed

if TYPE_CHECKING:
    from console.operations.deployed_config import Deployed
    from console.operations.settings import Changed, Current, Difference

_PROVIDER = click.option(
    "--provider", default="", metavar="PROVIDER", help="The provider; not needed where the stack backs up one alone."
)
_YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


@click.group()
def command() -> None:
    """What may change without a deployment: pausing a provider, its filters and photos, and which mails you get.

    A change holds from the next run on. Each one is a version of its own, which `undo` takes back.
    """


@command.command()
@_PROVIDER
@of_stack
def show(stack: Stack, output: Output, provider: str) -> None:
    """The settings of each provider, and the filters that its runs have."""
    from console.operations import deployed_config, settings  # noqa: PLC0415 (not needed for --help)

    deployed = deployed_config.deployed(stack)
    names = [stack.provider(provider)] if provider else list(stack.secrets)
    found = [settings.current(stack, name) for name in names]
    if output.as_json:
        output.data("settings", {"providers": [_shown(one, deployed) for one in found]})
    for one in found if not output.as_json else []:
        output.page.print(f"{title_of(one.provider)}, version {one.stored.version}")
        output.page.print(facts_of((f"  {name}", text) for name, text in _facts(one, deployed)))
        if one is not found[-1]:
            output.page.print()
    broken = next((one for one in found if one.error), None)
    if broken:
        settings.readable(broken)


@command.command("set")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
@_PROVIDER
@_YES
@of_stack
def set_(stack: Stack, output: Output, changes: tuple[str, ...], provider: str, *, yes: bool) -> None:
    """Change settings: mails=every_night|only_news|only_trouble, photos=on|off, filters.NAME=VALUE.

    A value is JSON or plain text, and lists may have commas: filters.types=mp4,mov. `default` leaves a field to the
    environment, `none` means no such limit whatever the environment says.
    """
    from console.operations import deployed_config, settings, settings_words  # noqa: PLC0415 (not needed for --help)

    deployed = deployed_config.deployed(stack)
    read = settings.readable(settings.current(stack, _one(stack, provider)))
    document = settings_words.with_changes(read.settings, changes)
    wanted = settings.checked(document, read.provider, deployed)
    _change(stack, output, read, wanted, is_sure=yes)


@command.command()
@_PROVIDER
@of_stack
def pause(stack: Stack, output: Output, provider: str) -> None:
    """Let the runs of a provider end at once, until you resume it. Nothing that is archived changes."""
    _set_paused(stack, output, provider, paused=True)


@command.command()
@_PROVIDER
@of_stack
def resume(stack: Stack, output: Output, provider: str) -> None:
    """Let the runs of a provider work again."""
    _set_paused(stack, output, provider, paused=False)


def _set_paused(stack: Stack, output: Output, provider: str, *, paused: bool) -> None:
    import msgspec  # noqa: PLC0415 (not needed for --help)

    from console.operations import deployed_config, settings  # noqa: PLC0415

    deployed_config.deployed(stack)  # a stack of an earlier version knows no settings
    read = settings.readable(settings.current(stack, _one(stack, provider)))
    wanted = msgspec.structs.replace(read.settings, paused=paused)
    _change(stack, output, read, wanted, is_sure=True)


@command.command()
@_PROVIDER
@click.option(
    "--most",
    "-n",
    default=20,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, 99),
    help="Show at most so many, up to 99.",
)
@of_stack
def history(stack: Stack, output: Output, provider: str, most: int) -> None:
    """The versions of the settings, the last one first: when, by whom, and what each has changed."""
    from console.operations import settings  # noqa: PLC0415 (not needed for --help)

    found = settings.versions(stack, name := _one(stack, provider), most + 1)
    changes = [settings.differences_of(*pair) for pair in zip_longest(found, found[1:])][:most]
    if output.as_json:
        listed = [
            {"version": one.version, "changed_at": one.changed_at, "changed_by": one.changed_by, "differences": changed}
            for one, changed in zip(found, changes, strict=False)
        ]
        output.data("settings-history", {"provider": name, "versions": listed})
    elif not found:
        output.page.print(f"The settings of {title_of(name)} were never changed.")
    else:
        table = table_of(("version", "when", "who", "what"), numbers=("version",))
        for one, changed in zip(found, changes, strict=False):
            what = "\n".join(_sentence(each) for each in changed) or "nothing"
            table.add_row(str(one.version), moment(one.changed_at), one.changed_by.rpartition(":")[2], what)
        output.page.print(table)


@command.command()
@_PROVIDER
@click.option(
    "--to", metavar="VERSION", type=click.IntRange(0), default=None, help="Go back to this one; 0: the defaults."
)
@_YES
@of_stack
def undo(stack: Stack, output: Output, provider: str, to: int | None, *, yes: bool) -> None:
    """Go back to the version before, or to any other. It becomes the next version, so that this can be undone, too."""
    from console.operations import deployed_config, settings  # noqa: PLC0415 (not needed for --help)

    deployed = deployed_config.deployed(stack)
    read = settings.current(stack, _one(stack, provider))
    if read.error:
        output.aside.print(read.error)
    wanted = settings.checked(settings.undone(stack, read, to), read.provider, deployed)
    _change(stack, output, read, wanted, is_sure=yes)


def _one(stack: Stack, provider: str) -> str:
    """The provider that is meant. Raises UsageError where the stack has several and none is named."""
    if provider or len(stack.secrets) != 1:
        if not provider:
            raise UsageError(f"Name the provider with --provider: {', '.join(map(typed, stack.secrets))}.")
        return stack.provider(provider)
    return next(iter(stack.secrets))


def _change(stack: Stack, output: Output, read: Current, wanted: Any, *, is_sure: bool) -> None:
    from console.operations import settings  # noqa: PLC0415 (not needed for --help)

    found = settings.differences(read.settings, wanted)
    if found and not is_sure:
        _ask(output, read.provider, found)
    changed = settings.change(stack, read, wanted)
    if output.as_json:
        output.data("settings-changed", changed)
    else:
        _draw(output, changed, is_new=changed.settings_version != read.stored.version)


def _ask(output: Output, provider: str, found: Iterable[Difference]) -> None:
    """Raises UsageError where nobody can be asked."""
    for one in found:
        output.aside.print(f"{title_of(provider)}: {_sentence(one)}")
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    if not click.confirm("Change that from the next run on?", err=True):
        raise DeclinedError("Nothing was changed.")


def _draw(output: Output, changed: Changed, *, is_new: bool) -> None:
    if not is_new:
        output.page.print(f"The settings of {title_of(changed.provider)} are like that already; nothing was changed.")
        return
    for one in changed.differences:
        output.page.print(f"{title_of(changed.provider)}: {_sentence(one)}")
    output.page.print(
        f"This is version {changed.settings_version} of its settings, for the next run and all that follow."
    )
    output.aside.print(f"Take it back: cloudsync settings undo --provider {typed(changed.provider)}")


def _sentence(one: Difference) -> str:
    return f"{one.field}: {_text(one.before)} -> {_text(one.after)}"


def _text(value: Any) -> str:
    import msgspec  # noqa: PLC0415 (imported only to draw)

    if value is None:
        return "(none)"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _facts(one: Current, deployed: Deployed) -> Iterable[tuple[str, str]]:
    since = moment(one.stored.pause_changed_at)
    yield "changed", _by_whom(one)
    yield "runs", f"paused since {since}" if one.settings.paused else "as scheduled"
    yield "mails", one.settings.mails.value.replace("_", " ")
    for name, (value, origin) in sorted(_filters(one, deployed).items()):
        yield f"filter {name}", f"{_text(value)} ({origin})"


def _by_whom(one: Current) -> str:
    who = str(one.row.get("changed_by", "")).rpartition(":")[2]
    return f"{moment(str(one.row['changed_at']))} by {who}" if one.row.get("changed_at") else "never"


def _filters(one: Current, deployed: Deployed) -> dict[str, tuple[Any, str]]:
    """What the runs of a provider are limited to, and who says so."""
    environment = {name: (value, "environment") for name, value in deployed.filters(one.provider).items()}
    return environment | {name: (value, "settings") for name, value in one.settings.filters.items()}


def _shown(one: Current, deployed: Deployed) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "settings_version": one.stored.version,
        "changed_at": str(one.row.get("changed_at", "")),
        "changed_by": str(one.row.get("changed_by", "")),
        "settings": one.settings,
        "paused_since": one.stored.pause_changed_at if one.settings.paused else "",
        "filters_of_runs": {name: value for name, (value, _) in _filters(one, deployed).items()},
        "error": one.error,
    }
