"""Debian's Chromium, as tools and tests start it."""

from __future__ import annotations

import shutil

# Without the last ones, Chromium asks hosts of its maker at every start. As root, as CI is, it has no sandbox.
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = "There is no Chromium: `./setup.sh browser` installs Debian's as root, or install one yourself."


def program() -> str | None:
    """Its path, by whichever name it has; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
