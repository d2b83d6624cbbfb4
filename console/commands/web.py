"""`cloudsync web`: the owner's page, on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

    from console.web.door import Door


@click.command()
@click.option("--no-browser", is_flag=True, help="Open no browser: print the path of the file that opens the page.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port on 127.0.0.1; otherwise a free one."
)
@of_stack
def command(stack: Stack, output: Output, port: int, *, no_browser: bool) -> None:
    """Open a page on this machine: last night, the runs, cost, connections and settings, until Ctrl-C.

    It is served on 127.0.0.1 only, with your AWS credentials, which stay in this program. The browser gets in by a file
    that only you can read and that works once.
    """
    from console.operations import settings  # noqa: PLC0415 (not needed for --help)
    from console.web import application, server  # noqa: PLC0415 (Starlette and Jinja, which no other verb needs)

    settings.current(stack, next(iter(stack.secrets)))  # what cannot be read says so here, and not on a page

    def told(door: Door, file: Path) -> None:
        if output.as_json:
            output.data("web", {"address": f"http://{door.host}/", "file": str(file)})
            return
        output.page.print(str(file), soft_wrap=True)
        how = "Open this file in your browser" if no_browser else "If no browser opens, open this file in one"
        output.aside.print(f"{how}. It works once. The page is at http://{door.host}/ until you press Ctrl-C.")

    app = application.of(stack)
    server.serve(app, server.listening(port), opens=not no_browser, told=told)
