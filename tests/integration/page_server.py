"""The page of a stack with a year behind it, served on loopback, and Debian's Chromium in front of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from console.web import application, server
from console.web.door import Door
from console.web.guard import Guard
from tests.synthesis import ROOT
from tests.unit.console_ledger import World
from tests.unit.library_world import DAY, with_a_library
from tests.unit.page_restores import with_restores
from tests.unit.page_world import a_page_world, with_a_run, with_a_year
from tools import chromium as browser_of_debian

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
REBOUND = "rebound.example"  # a name that leads to this machine
_OPTIONS = (*browser_of_debian.OPTIONS, f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1")


@dataclass(frozen=True)
class Served:
    """The server's address, its door with the file that opens it, and the stack."""

    address: str
    door: Door
    file: Path
    world: World


@contextmanager
def served() -> Iterator[Served]:
    """Until the block ends."""
    with pytest.MonkeyPatch.context() as patch, a_page_world(patch) as world:
        with_a_year(world, datetime.now(UTC))
        with_a_run(world)
        with_a_library(world, DAY)
        with_restores(world)
        with served_for(world) as found:
            yield found


@contextmanager
def served_for(world: World) -> Iterator[Served]:
    """Another server of the same stack, with a door of its own."""
    listener = server.listening(0)
    door = Door(listener.getsockname()[1])
    running = server.server_of(Guard(application.of(world.stack), door))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    with listener, door.on_a_file() as file:
        thread.start()
        yield Served(f"http://{door.host}", door, file, world)
        running.should_exit = True
        thread.join(10)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Fails with what to install where there is none."""
    program = browser_of_debian.program()
    if program is None:
        pytest.fail(browser_of_debian.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        yield browser
        browser.close()


def opened(context: BrowserContext, found: Served) -> Page:
    """A page of the owner, who has opened the file."""
    page = context.new_page()
    page.goto(found.file.as_uri())
    page.wait_for_url(f"{found.address}/")
    return page
