"""The door of the page: whoever is not the owner's browser is refused, and each answer binds the browser alike."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.web import guard
from console.web.door import Door
from console.web.guard import HEADERS
from tests.unit.console_ledger import World
from tests.unit.page_world import PORT, Browser, a_page_world

OTHER_HOSTS = (
    "evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"localhost:{PORT}", f"[::1]:{PORT}",
    f"127.0.0.1:{PORT}.evil.example", f"127.0.0.1:{PORT}, evil.example", f"0.0.0.0:{PORT}", "",
)  # fmt: skip
POSTS = ("/runs", "/retry", "/connections/gopro/pause", "/settings/gopro", "/settings/gopro/undo")
OTHER_FILES = (
    "/static/../page.py", "/static/..%2fpage.py", "/static/%2e%2e/page.py", "/static/", "/static/base.html",
    "/static//etc/passwd", "/static/style.css/../live.js", "/../../etc/passwd", "/static/style.css%00.js",
)  # fmt: skip
OTHER_PAGES = (
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},  # another port of this machine
    {"sec_fetch_site": "none"},
    {"sec_fetch_site": "cross-site", "origin": f"http://127.0.0.1:{PORT}"},
    {"sec_fetch_site": "", "origin": ""},
    {"sec_fetch_site": "", "origin": "null"},
    {"sec_fetch_site": "", "origin": "https://evil.example"},
    {"sec_fetch_site": "", "origin": f"http://127.0.0.1:{PORT + 1}"},
    {"sec_fetch_site": "", "origin": f"https://127.0.0.1:{PORT}"},
    {"sec_fetch_site": "", "origin": f"http://127.0.0.1:{PORT}.evil.example"},
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_page_world(monkeypatch) as world:
        yield world


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser.at(world)


def is_changed(world: World) -> bool:
    return "Item" in world.aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": "SETTINGS"})


def stranger(world: World) -> Browser:
    return Browser.at(world, is_open=False)


# Who asks


def test_a_name_that_leads_here_reads_nothing(browser: Browser) -> None:
    for host in OTHER_HOSTS:
        assert browser.get("/connections", host=host).status == 421, host
        assert browser.get("/static/style.css", host=host).status == 421, host


def test_two_hosts_are_none(browser: Browser) -> None:
    scope_host = browser.guard.door.host
    answer = browser.ask("GET", "/connections", b"", {"host": scope_host, "Host": "evil.example"})
    assert answer.status == 421


def test_another_user_of_this_machine_reads_nothing_without_the_token(world: World) -> None:
    browser = stranger(world)
    for path in ("/", "/runs", "/cost", "/connections", "/settings", "/static/style.css", "/nothing"):
        answer = browser.get(path)
        assert answer.status == 403 and "cloudsync web" in answer.text
        assert "GoPro" not in answer.text and "set-cookie" not in dict(answer.headers)


def test_nor_does_anything(world: World) -> None:
    browser = stranger(world)
    assert {browser.post(path, {"provider": "gopro", "version": "0", "to": "0"}).status for path in POSTS} == {403}
    assert world.started == [] and not is_changed(world)


def test_a_guessed_session_is_none(browser: Browser) -> None:
    name, _, value = browser.session.partition("=")
    for session in ("{name}=", "{name}=x", "{name}=*", "other={value}", "{name}x={value}", "\x80=\xff"):
        browser.session = session.format(name=name, value=value)
        assert browser.get("/connections").status == 403


def test_a_cookie_of_another_program_beside_ours_does_not_lock_the_owner_out(browser: Browser) -> None:
    name = browser.guard.door.cookie
    browser.session = f"other=1; {name}=planted; {browser.session}; {name}=planted-too"
    assert browser.get("/connections").status == 200


# The token


def test_the_token_is_good_once(world: World) -> None:
    browser = stranger(world)
    token = browser.token
    first = browser.post("/open", {"token": token}, sec_fetch_site="cross-site", origin="null")
    assert first.status == 200 and 'content="0;url=/"' in first.text
    cookie = first.header("set-cookie")
    assert cookie.startswith(f"cloudsync-{PORT}=") and cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert browser.post("/open", {"token": token}).status == 403
    browser.session = cookie.partition(";")[0]
    assert browser.get("/connections").status == 200


def test_a_guessed_token_opens_nothing_and_uses_none_up(world: World) -> None:
    browser = stranger(world)
    for token in ("", "x", "\x00", "ü", "*" * 43):
        assert browser.post("/open", {"token": token}).status == 403
    assert browser.post("/open").status == 403
    assert browser.post("/open", {"token": browser.token}).status == 200


def test_the_token_is_in_no_address(world: World) -> None:
    browser = stranger(world)
    assert browser.get(f"/open?token={browser.token}").status == 405
    assert browser.get(f"/?token={browser.token}").status == 403


def test_the_token_is_not_taken_at_another_name(world: World) -> None:
    browser = stranger(world)
    assert browser.post("/open", {"token": browser.token}, host="evil.example").status == 421
    assert browser.post("/open", {"token": browser.token}).status == 200


def test_the_file_with_the_token_is_its_owners_alone_and_goes_when_it_was_used(tmp_path: Path) -> None:
    door = Door(PORT)
    with door.on_a_file() as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.stat().st_uid == os.getuid()
        token = file.read_text().partition('value="')[2].partition('"')[0]
        assert "?" not in file.read_text().partition("<form")[2].partition(">")[0]
        assert door.exchanged(token) is not None
        assert not file.exists()
    with Door(PORT).on_a_file() as file:
        pass
    assert not file.exists()


def test_the_file_is_where_a_confined_browser_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Door(PORT).on_a_file() as file:
        assert file.parent == tmp_path and not file.name.startswith(".")
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    with Door(PORT).on_a_file() as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# Forms of other pages


@pytest.mark.parametrize("path", POSTS)
def test_a_form_of_another_page_does_nothing(world: World, path: str) -> None:
    browser = Browser.at(world)
    for sent in OTHER_PAGES:
        assert browser.post(path, {"provider": "gopro", "version": "0", "to": "0"}, **sent).status == 403, sent
    assert world.started == [] and not is_changed(world)


def test_a_browser_that_says_only_the_origin_is_heard(world: World) -> None:
    own = {"sec_fetch_site": "", "origin": f"http://127.0.0.1:{PORT}"}
    assert Browser.at(world).post("/connections/gopro/pause", **own).status == 303


def test_no_other_method_is_answered(browser: Browser) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
        assert browser.ask(method, "/connections", b"", {"sec_fetch_site": "same-origin"}).status == 405


def test_nothing_is_done_by_a_link(browser: Browser, world: World) -> None:
    statuses = {path: browser.get(path).status for path in POSTS}
    assert {path for path, status in statuses.items() if status == 200} == {"/runs", "/settings/gopro"}
    assert {status for status in statuses.values() if status != 200} == {404}
    assert world.started == [] and not is_changed(world)


# What is sent


def test_a_body_has_its_bounds(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert browser.post("/runs", b"a=" + b"x" * guard.MOST_BYTES).status == 413
    assert browser.post("/runs", b"&".join(b"a=1" for _ in range(guard.MOST_FIELDS + 1))).status == 400
    assert browser.post("/runs", b"provider=\xff\xfe").status == 400


def test_no_other_file_is_served(browser: Browser) -> None:
    for path in OTHER_FILES:
        answer = browser.get(path)
        assert answer.status == 404 and "There is no such page here" in answer.text


# What is answered


def test_every_answer_has_the_headers_that_bind_the_browser(world: World, browser: Browser) -> None:
    answers = [
        browser.get("/connections"), browser.get("/static/live.js"), browser.get("/nothing"),
        browser.get("/", host="evil.example"), stranger(world).get("/"), browser.post("/retry", {"provider": "x"}),
        browser.post("/open", {"token": "x"}), browser.post("/connections/gopro/pause"),
    ]  # fmt: skip
    for answer in answers:
        for name, value in HEADERS:
            assert answer.header(name.decode()) == value.decode()
        assert answer.header("server") == "" and "access-control-allow-origin" not in dict(answer.headers)


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_page_around_this_one() -> None:
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    assert (
        policy.startswith("default-src 'none';") and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    )
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy and "data:" not in policy
    assert dict(HEADERS)[b"cache-control"] == b"no-store" and dict(HEADERS)[b"referrer-policy"] == b"no-referrer"
