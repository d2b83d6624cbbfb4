"""Draws every page of the owner's page over the demo's deployment, in both themes, on a phone and on a wide screen.

    python -m tools.page_screenshots

The deployment is the one that `make demo KEEP=1` has left running, or one that is begun for it and stopped afterwards.
All pictures go to .local/screenshots/, and those of the README to docs/images/page/.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from local import kept_deployment
from local.demo import run_demo
from local.emulator import HOME, ROOT
from tools import chromium
from tools.page_screenshots.asleep import put_to_sleep

FOLDER, SHOWN = HOME / "screenshots", ROOT / "docs" / "images" / "page"
# Where each page is; or the page that leads there, and what is clicked on it.
PAGES = {
    "tonight": ("/", ""),
    "library": ("/library/2026-02", ""),
    "item": ("/item/gopro/65a0f0c2b7e4d1a2c3b40003", ""),  # in three files, with HiLights and a place
    "runs": ("/runs", ""),
    "run": ("/runs", "main a[href^='/runs/']"),
    "restores": ("/restores", ""),
    "cost": ("/cost", ""),
    "connections": ("/connections", ""),
    "settings": ("/settings/gopro", ""),
}
THEMES = ("light", "dark")
WIDTHS = {390: 844, 1440: 900}  # pixels, with the height of such a window
README = {"tonight-1440-light": 1500, "library-1440-light": 1500, "item-1440-dark": 1500, "price-1440-light": 1000}


@contextmanager
def deployed() -> Iterator[None]:
    """Uses the deployment that is there; one that is begun for this is stopped afterwards."""
    if kept_deployment.find() is not None:
        yield
        return
    if run_demo(Console(), [], keep=True):
        raise SystemExit("The demo has failed, so that there is nothing to draw: see what it says above.")
    try:
        yield
    finally:
        subprocess.run([sys.executable, "-m", "local", "down"], cwd=ROOT, check=True)


@contextmanager
def served() -> Iterator[Path]:
    """The file that opens the page, while the program runs."""
    words = f". {shlex.quote(str(kept_deployment.SHELL_FILE))} && exec {shlex.quote(sys.executable)} -m console web"
    with subprocess.Popen(
        ["/bin/sh", "-c", f"{words} --no-browser"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            yield Path(program.stdout.readline().strip() if program.stdout else "")
        finally:
            program.terminate()


def draw(page: Page, address: str, theme: str) -> None:
    """Writes each page of the table, whole, at each width."""
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for name, (path, leads) in PAGES.items():
            page.goto(f"{address}{path}", wait_until="load")
            if leads:
                page.locator(leads).first.click()
                page.wait_for_load_state("load")
            _see_all_pictures(page)
            page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png", full_page=True)
            _show(page, f"{name}-{width}-{theme}")


def _see_all_pictures(page: Page) -> None:
    """They load when they come into sight."""
    page.evaluate("""async () => {
        const pictures = [...document.images];
        for (const one of pictures) one.loading = "eager";
        await Promise.all(pictures.map((one) => one.decode()));
    }""")


def _show(page: Page, name: str) -> None:
    """For the README, from the top of the page down."""
    if name in README:
        box = {"x": 0, "y": 0, "width": page.evaluate("innerWidth"), "height": README[name]}
        page.screenshot(path=SHOWN / f"{name}.png", full_page=True, clip=box)  # type: ignore[arg-type]


def restoring(page: Page, address: str) -> None:
    """Writes the price of what is chosen, and starts to have it back, so that there is a restore to be seen."""
    page.set_viewport_size({"width": 1440, "height": 900})
    choice = "&".join(f"item={one}" for one in put_to_sleep())
    page.goto(f"{address}/restores/new?{choice}", wait_until="load")
    page.screenshot(path=FOLDER / "price-1440-light.png", full_page=True)
    _show(page, "price-1440-light")
    page.locator("input[name=ceiling]").fill("1")
    page.locator("form.priced button.main").click()
    page.wait_for_url("**/restores/restore-*")
    page.screenshot(path=FOLDER / "restore-1440-light.png", full_page=True)


def _draw_all(browser: Browser, file: Path) -> None:
    (address,) = re.findall(r'action="(http://127\.0\.0\.1:\d+)/open"', file.read_text())
    page = browser.new_page()
    page.goto(file.as_uri())
    page.wait_for_url(f"{address}/")
    restoring(page, address)
    for theme in THEMES:
        draw(page, address, theme)


def main() -> int:
    """The exit status: 1 where there is no Chromium."""
    program = chromium.program()
    if program is None:
        print(chromium.MISSING)
        return 1
    for folder in (FOLDER, SHOWN):
        folder.mkdir(parents=True, exist_ok=True)
    with deployed(), served() as file, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(chromium.OPTIONS))
        _draw_all(browser, file)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
