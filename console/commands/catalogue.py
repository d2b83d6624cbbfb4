"""`cloudsync catalogue`: the details that stay hot while originals are frozen. Each verb is a module of its own."""

from __future__ import annotations

import click

from console.verb_group import VerbGroup

# What each verb does, so that `--help` need not import them.
VERBS: dict[str, str] = {
    "status": "How many items have details and pictures, and how many wait for the next nights.",
    "rebuild": "Write the indexes of all months anew; the next nights look again for what lacks details.",
    "forget-places": "Remove from all details and indexes where clips were taken.",
}


class CatalogueVerbs(VerbGroup):
    """`catalogue status` is console/commands/catalogue_status.py, and so on."""

    verbs = VERBS
    prefix = "catalogue_"


@click.command("catalogue", cls=CatalogueVerbs)
def command() -> None:
    """Details and pictures of what is archived: how far they are, written anew, places forgotten."""
