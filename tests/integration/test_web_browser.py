"""The owner's page in a real browser: everyone can read it, its buttons do what they say, and others get nothing."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from cloud_sync_common.stores import provider_settings
from playwright.sync_api import Browser, Page, expect

from tests.integration.page_server import AXE, REBOUND, Served, chromium, opened, served, served_for
from tests.unit.library_world import ITEM, SHELF
from tests.unit.page_restores import ASLEEP, READY, STOPPED, THAWING
from tests.unit.page_world import LIVE

PAGES = {
    "tonight": "/", "runs": "/runs", "running": f"/runs/{LIVE}", "stopped": "/runs/night-17-gopro", "cost": "/cost",
    "library": f"/library/{SHELF}?select={SHELF}-20", "item": f"/item/gopro/{ITEM}",
    "connections": "/connections", "settings": "/settings/gopro", "missing": "/nothing", "restores": "/restores",
    "thawing": f"/restores/{THAWING}", "ready": f"/restores/{READY}", "cancelled": f"/restores/{STOPPED}",
    "price": "/restores/new?" + urlencode([("item", one) for one in ASLEEP]),
}  # fmt: skip
WIDTHS = (320, 390, 768, 1440, 1920)
_SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def found() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def owner(browser: Browser, found: Served) -> Page:
    """The owner's window, which has come in by the file."""
    return opened(browser.new_context(), found)


@pytest.fixture
def page(owner: Page) -> Iterator[Page]:
    """The same window, in which nothing may be refused by the policy or go wrong in the script."""
    said: list[str] = []
    owner.on("console", note := lambda message: said.append(message.text) if message.type == "error" else None)
    owner.on("pageerror", fault := lambda error: said.append(str(error)))
    owner.set_viewport_size({"width": 1280, "height": 900})
    yield owner
    owner.remove_listener("console", note)
    owner.remove_listener("pageerror", fault)
    assert [text for text in said if "404" not in text and "400" not in text] == []


def settings_of(found: Served, provider: str) -> Any:
    return provider_settings.stored(found.world.aws.table, provider).settings


def test_the_file_opens_the_page_once_and_leaves_no_token_behind(browser: Browser, found: Served) -> None:
    with served_for(found.world) as other, browser.new_context() as context:
        again = other.file.read_text()
        page = opened(context, other)
        assert not other.file.exists() and page.url == f"{other.address}/"
        assert page.evaluate("document.cookie") == ""
        (cookie,) = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
        page.reload()
        expect(page.locator("h1")).to_contain_text("Last night")
        other.file.write_text(again)
        with browser.new_context() as second:
            late = second.new_page()
            late.goto(other.file.as_uri())
            expect(late.locator("body")).to_contain_text("was used already")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everyone_at_every_width(name: str, scheme: Any, page: Page, found: Served) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(found.address + PAGES[name])
    for details in page.locator("details").all():
        details.evaluate("part => { part.open = true }")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{width} px wide"
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run()")
        bad = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in result["violations"]
               if one["impact"] in _SERIOUS]  # fmt: skip
        assert bad == [] and len(result["passes"]) > 10


@pytest.mark.parametrize(
    "name", ["tonight", "library", "item", "running", "cost", "settings", "restores", "thawing", "price"]
)
def test_nothing_moves_while_a_page_is_drawn(name: str, page: Page, found: Served) -> None:
    page.goto(found.address + PAGES[name], wait_until="load")
    shift = page.evaluate("""() => new Promise(done => {
        new PerformanceObserver(list => done(list.getEntries().map(one => one.value))).observe(
            {type: "layout-shift", buffered: true});
        requestAnimationFrame(() => requestAnimationFrame(() => done([])));
    })""")
    assert sum(shift) < 0.001


def test_everything_can_be_reached_by_keys(page: Page, found: Served) -> None:
    page.goto(found.address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    wanted = page.locator("a:visible, button:visible, summary:visible").count()
    seen = set()
    for _ in range(wanted * 2):
        seen.add(page.evaluate("document.activeElement.outerHTML"))
        page.keyboard.press("Tab")
    assert len(seen) >= wanted * 0.9


def test_pictures_are_walked_by_arrows_and_what_is_ticked_stays_with_its_price(page: Page, found: Served) -> None:
    page.goto(f"{found.address}/library/{SHELF}")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    links = page.locator(".shots a")
    links.first.focus()
    page.keyboard.press("ArrowRight")
    assert links.nth(1).evaluate("link => link === document.activeElement")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert links.nth(1).evaluate("link => link === document.activeElement")
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.locator("[data-tray]")).to_contain_text("2 originals chosen, 12.3 GB in 4 files.")
    page.goto(f"{found.address}/library/{SHELF}?kind=place")
    expect(page.locator("[data-tray]")).to_contain_text("2 originals chosen")
    expect(page.locator("[name=item]:checked")).to_have_count(2)
    page.locator("[data-day]").first.click()
    expect(page.locator("[data-tray]")).not_to_contain_text("2 originals chosen")
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator("[data-tray]")).not_to_be_visible()
    page.get_by_label("Find by name or date").fill("GX010312")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("h1")).to_contain_text("1 of")
    page.locator(".shots a").click()
    assert page.locator("main img").evaluate("picture => picture.complete && picture.naturalWidth") == 240


# What the buttons do


def test_a_run_is_started_and_shown(page: Page, found: Served) -> None:
    page.goto(found.address)
    before = len(found.world.started)
    page.get_by_role("button", name="Start a run now").click()
    page.wait_for_url("**/runs/run-*")
    assert json.loads(found.world.started[before]["input"]) == {"provider": "all"}
    expect(page.locator("code.command")).to_have_text(found.world.started[before]["name"])


def test_progress_changes_in_place_and_the_report_takes_its_place(page: Page, found: Served) -> None:
    world = found.world
    page.goto(f"{found.address}/runs/{LIVE}")
    expect(page.locator(".live")).to_contain_text("1 of 4 originals")
    page.evaluate("window.isTheSame = true")
    row = {"media_id": "GX010488", "status": "ARCHIVED", "bytes_total": 4 * 10**9, "run_id": LIVE, "revision": "r"}
    world.put("gopro#GX010488", "ITEM", **row)
    expect(page.locator(".live")).to_contain_text("2 of 4 originals", timeout=10_000)
    assert page.evaluate("window.isTheSame")
    running = dict(world.executions)
    try:
        world.night(LIVE, "gopro")
        expect(page.locator("h1")).to_have_text("3 new originals are safe.", timeout=10_000)
    finally:
        world.executions.clear()
        world.executions.update(running)


def test_a_provider_is_paused_and_resumed(page: Page, found: Served) -> None:
    page.goto(f"{found.address}/connections")
    page.get_by_role("button", name="Pause Google Drive").click()
    expect(page.get_by_role("button", name="Resume Google Drive")).to_be_visible()
    assert settings_of(found, "google_drive").paused
    page.get_by_role("button", name="Resume Google Drive").click()
    expect(page.get_by_role("button", name="Pause Google Drive")).to_be_visible()
    assert not settings_of(found, "google_drive").paused


def test_settings_are_refused_saved_and_undone(page: Page, found: Served) -> None:
    page.goto(f"{found.address}/settings/gopro")
    page.get_by_label("Only when something is wrong").check()
    page.get_by_label("At least, in MB").fill("ten")
    page.get_by_role("button", name="Save for the next run").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(page.get_by_label("At least, in MB")).to_have_value("ten")
    page.get_by_label("At least, in MB").fill("10")
    page.get_by_role("button", name="Save for the next run").click()
    expect(page.locator("#history")).to_be_visible()
    assert (
        settings_of(found, "gopro").mails == "only_trouble" and settings_of(found, "gopro").filters["min_size_mb"] == 10
    )
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("At least, in MB")).to_have_value("")
    assert settings_of(found, "gopro").mails == "every_night" and settings_of(found, "gopro").filters == {}


def test_a_restore_is_priced_refused_started_once_and_stopped(page: Page, found: Served) -> None:
    page.goto(found.address + PAGES["price"])
    expect(page.locator("h1")).to_contain_text("2 originals come back for 4.70 USD.")
    page.get_by_label("Spend at most").fill("3")
    page.get_by_role("button", name="Start this restore").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started.")
    expect(page.get_by_label("Spend at most")).to_have_value("3")
    page.get_by_label("Fetched to").select_option("aws")
    page.get_by_role("button", name="Show the price for that").click()
    expect(page.locator("h1")).to_contain_text("for 1.10 USD.")
    before = len(found.world.started)
    page.get_by_role("button", name="Start this restore").dblclick()
    page.wait_for_url("**/restores/restore-*")
    expect(page.locator("h1")).to_contain_text("2 originals are on the way.")
    assert len(found.world.started) == before + 1
    page.get_by_text("Stop asking for more").click()
    page.get_by_role("button", name="Yes, stop this restore").click()
    expect(page.locator("h1")).to_contain_text("This restore was stopped.")


def test_what_failed_is_tried_again(page: Page, found: Served) -> None:
    world = found.world
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY")
    page.goto(found.address)
    page.get_by_role("button", name="Try again what failed at GoPro").click()
    page.wait_for_url("**/runs/retry-*")
    assert "retry_failed" in world.started[-1]["input"]


def test_without_a_script_everything_but_live_progress_works(browser: Browser, found: Served) -> None:
    with served_for(found.world) as other, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(other.file.as_uri())
        page.get_by_role("button", name="Open Cloud Sync").click()
        page.wait_for_url(f"{other.address}/")
        page.get_by_text("The same as a table").click()
        expect(page.get_by_role("cell").first).to_be_visible()
        page.get_by_role("link", name="Connections", exact=True).click()
        page.get_by_role("button", name="Pause GoPro").click()
        expect(page.get_by_role("button", name="Resume GoPro")).to_be_visible()
        page.get_by_role("button", name="Resume GoPro").click()


# Others


@pytest.fixture
def elsewhere(found: Served) -> Iterator[str]:
    """The address of another program of this machine, whose page attacks this one."""
    content = f"""<!doctype html><title>x</title><iframe src="{found.address}/connections"></iframe>
    <form method="post" action="{found.address}/connections/gopro/pause"><button>win</button></form>""".encode()

    class Attacker(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Attacker) as attacker:
        threading.Thread(target=attacker.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"127.0.0.1:{attacker.server_port}"
        attacker.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", REBOUND])
def test_the_page_of_another_site_does_and_reads_nothing(host: str, owner: Page, found: Served, elsewhere: str) -> None:
    """Of another port of this machine, to which a browser sends this page's cookies, and of another name."""
    page = owner.context.new_page()
    page.goto(f"http://{host}:{elsewhere.partition(':')[2]}/")
    assert all("GoPro" not in frame.content() for frame in page.frames)
    assert (
        page.evaluate(f"""fetch("{found.address}/connections", {{credentials: "include"}}).then(
        () => "read", () => "refused")""")
        == "refused"
    )
    page.get_by_role("button", name="win").click()
    expect(page.locator("body")).not_to_contain_text("GoPro")
    expect(page.locator("h1")).to_have_text("Cloud Sync")
    assert not settings_of(found, "gopro").paused
    page.close()


def test_a_rebound_name_reads_nothing(owner: Page, found: Served) -> None:
    page = owner.context.new_page()
    answer = page.goto(f"http://{REBOUND}:{found.address.rpartition(':')[2]}/connections")
    assert answer is not None and answer.status == 421
    expect(page.locator("body")).to_contain_text("This page is at another address.")
    page.close()


def test_another_browser_of_this_machine_reads_nothing(browser: Browser, found: Served) -> None:
    with browser.new_context() as context:
        answer = context.new_page().goto(f"{found.address}/connections")
        assert answer is not None and answer.status == 403
