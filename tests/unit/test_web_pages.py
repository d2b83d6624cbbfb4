"""What the pages say of each state of a stack, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores import provider_settings
from cloud_sync_common.stores.provider_settings import Mails, StoredSettings

from tests.unit.console_account import SECRET, refusal
from tests.unit.console_ledger import World
from tests.unit.page_world import LIVE, Browser, a_page_world, with_a_run, with_a_year

PAGES = ("/", "/runs", "/cost", "/connections", "/settings/gopro", "/settings/google-drive")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_page_world(monkeypatch) as world:
        yield world


def year(world: World) -> Browser:
    with_a_year(world, datetime.now(UTC))
    return Browser.at(world)


def plain(text: str) -> str:
    """What is read of a page, in one line."""
    shown = re.sub(r"<(svg|title)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def headline(text: str) -> str:
    return plain(text.partition("<h1")[2].partition("</h1>")[0].partition(">")[2])


def stored(world: World, provider: str = "gopro") -> StoredSettings:
    return provider_settings.stored(world.aws.table, provider)


# Every page


def test_each_page_is_whole_with_a_year_behind_it_and_with_nothing(world: World) -> None:
    for browser in (Browser.at(world), year(world)):
        for path in PAGES:
            answer = browser.get(path)
            assert answer.status == 200, plain(answer.text)
            assert answer.text.count("<h1") == 1 and "</html>" in answer.text and "Undefined" not in answer.text


def test_a_page_needs_nothing_that_its_policy_refuses(world: World) -> None:
    with_a_run(world)
    browser = year(world)
    for path in (*PAGES, f"/runs/{LIVE}", "/runs/night-17-gopro", "/nothing"):
        text = browser.get(path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|data:", text)
        assert set(re.findall(r"<script[^>]*>(.*?)</script>", text)) == {""}
        assert set(re.findall(r'(?:src|href|action)="([^"#]*)', text)) <= set(re.findall(r'="(/[^"#]*)', text)) | {""}


def test_each_link_and_form_of_a_page_leads_somewhere(world: World) -> None:
    with_a_run(world)
    browser = year(world)
    links = {link for path in PAGES for link in re.findall(r'href="(/[^"#]*)', browser.get(path).text)}
    assert len(links) > 40
    for link in sorted(links)[:3] + [link for link in links if "night-" not in link]:
        assert browser.get(link).status in (200, 303), link


def test_what_a_provider_calls_its_files_is_text_on_one_line_and_no_secret(world: World) -> None:
    protect(SECRET)
    names = ["<script>alert(1)</script>.MP4", "a\u202egpj.exe\n\x07.MP4", f"{SECRET}.MP4"]
    for number, name in enumerate(names):
        world.put(f"gopro#x{number}", "ITEM", media_id=f"x{number}", filename=name, status="FAILED",
                  not_archived="gopro", updated_at="2026-11-26", error_category="\"'><img src=x>")  # fmt: skip
    text = Browser.at(world).get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.MP4" in text and "<img" not in text and "<script>" not in text
    assert "\u202e" not in text and "\x07" not in text and SECRET not in text


def test_what_aws_says_of_a_run_is_text(world: World) -> None:
    world.night("night-x", "gopro", "FAILED", error="<b>E", cause=f"<i>why</i> {SECRET}")
    protect(SECRET)
    text = Browser.at(world).get("/runs/night-x").text
    assert "&lt;i&gt;why" in text and "<i>" not in text and SECRET not in text


def test_no_page_has_the_owners_aws_credentials_or_a_link_into_the_archive(world: World) -> None:
    browser = year(world)
    for path in PAGES:
        assert not re.search(r"AKIA|ASIA|X-Amz|amazonaws|AWSAccessKeyId", browser.get(path).text)


# When something fails


@pytest.mark.parametrize("path", ["/", "/runs", "/connections"])
@pytest.mark.parametrize("error", [refusal("ExpiredTokenException", "List"), ValueError(SECRET)])
def test_what_aws_refuses_is_a_sentence(world: World, path: str, error: Exception) -> None:
    world.answer("stepfunctions", list_executions_pages=error)
    answer = Browser.at(world).get(path)
    assert answer.status in (500, 502) and SECRET not in answer.text and "Traceback" not in answer.text
    assert headline(answer.text).startswith(("The AWS credentials have expired.", "This is a fault of Cloud"))


def test_what_cost_would_need_and_does_not_get_leaves_the_rest_of_the_first_page(world: World) -> None:
    browser = year(world)
    world.answer("s3", get_bucket_lifecycle_configuration=refusal("AccessDenied", "GetBucketLifecycleConfiguration"))
    text = plain(browser.get("/").text)
    assert "This month so far not known" in text and "A year of nights" in text
    assert "may not do GetBucketLifecycleConfiguration" in plain(browser.get("/cost").text)


def test_what_is_not_there_is_said(world: World) -> None:
    browser = Browser.at(world)
    assert browser.get("/runs/run-x").status == 404 and browser.get("/settings/dropbox").status == 400
    assert browser.get("/runs?provider=dropbox").status == 400 and browser.get("/runs/a%20b").status == 400


# Tonight


def test_the_headline_says_what_the_night_has_done(world: World) -> None:
    assert headline(Browser.at(world).get("/").text) == "Nothing is backed up yet."
    now = datetime.now(UTC)
    world.night("n1", "gopro", startDate=now, stopDate=now)
    world.night("n2", "google_drive", startDate=now, stopDate=now)
    text = Browser.at(world).get("/").text
    assert headline(text) == "Last night worked. 6 new originals are safe."
    assert "8.0 MB in 0 s, every file proven by checksum." in plain(text)


def test_a_night_that_stopped_is_said_first_with_what_mends_it(world: World) -> None:
    now = datetime.now(UTC)
    world.night("n1", "gopro", "FAILED", startDate=now, stopDate=now, error="TransientError", cause="down")
    text = Browser.at(world).get("/").text
    assert headline(text) == "Last night stopped at GoPro."
    assert "Next: GoPro: the last run ended as FAILED." in plain(text) and 'action="/runs"' in text


def test_an_old_night_is_not_called_the_last_one(world: World) -> None:
    then = datetime(2025, 6, 5, 2, tzinfo=UTC)
    world.night("n1", "gopro", startDate=then, stopDate=then)
    assert headline(Browser.at(world).get("/").text).startswith("The run of Thursday 5 June 2025 worked.")


def test_credentials_that_end_soon_are_the_next_thing_to_do(world: World) -> None:
    text = plain(year(world).get("/").text)
    assert "Next: GoPro: the session ends soon. It ends on" in text and "cloudsync connect gopro" in text
    assert "33 hours left" in text or "32 hours left" in text


def test_nothing_to_do_is_said_as_well(world: World) -> None:
    for provider in ("gopro", "google_drive"):
        world.put(f"PROVIDER#{provider}", "CREDENTIALS", seen_version="v1", ends_at=None, renewable=True)
        world.put(f"PROVIDER#{provider}", "LAST_SUCCESS", run_id="x", ended_at="2026-11-26T01:02:00.000Z", backlog=0)
        world.put(f"PROVIDER#{provider}", "COUNTED", since="2026-11-01T00:00:00.000Z", whole=True)
        world.night(f"n-{provider}", provider)
    assert "Nothing asks for you." in Browser.at(world).get("/").text


def test_what_waits_is_there_with_its_reason_and_its_fix(world: World) -> None:
    text = plain(year(world).get("/").text)
    assert "1 original GoPro Not archived The provider does not offer the whole original." in text
    assert "GX010482.MP4 Try again" in text and "3 originals GoPro Waiting" in text
    assert "Wedding, full length &lt;b&gt;.mov" in text


# Runs


def test_a_run_under_way_is_shown_as_far_as_it_is_and_in_place(world: World) -> None:
    with_a_run(world)
    browser = Browser.at(world)
    whole, part = browser.get(f"/runs/{LIVE}").text, browser.get(f"/runs/{LIVE}/live").text
    for text in (whole, part, browser.get("/").text):
        assert f'hx-get="/runs/{LIVE}/live"' in text
        assert "1 of 4 originals, 6.9 GB of 16.0 GB" in plain(text) and "GX010488.MP4" in text
    assert "<html" not in part
    world.night(LIVE, "gopro")
    here, elsewhere = (
        browser.get(f"/runs/{LIVE}/live", **{"hx-current-url": f"http://127.0.0.1:40123{path}"})
        for path in (f"/runs/{LIVE}", "/")
    )
    assert here.header("hx-refresh") == "true" and elsewhere.header("hx-refresh") == ""
    assert f'href="/runs/{LIVE}"' in here.text == elsewhere.text
    assert headline(browser.get(f"/runs/{LIVE}").text) == "3 new originals are safe."


def test_a_run_that_stopped_says_why_and_what_to_do(world: World) -> None:
    text = year(world).get("/runs/night-17-gopro").text
    assert headline(text) == "This run stopped."
    assert "Connect the provider again: cloudsync connect ." in plain(text) and "GoPro refuses the session." in text


def test_a_run_of_all_providers_has_a_part_for_each(world: World) -> None:
    world.night("run-all", "all", output="{}")
    world.night("run-all-gopro")
    browser = Browser.at(world)
    text = plain(browser.get("/runs/run-all").text)
    assert "This run stopped." in text and "Google Drive Not started" in text
    world.night("run-all-google_drive", "google_drive")
    assert headline(browser.get("/runs/run-all").text) == "6 new originals are safe."


def test_runs_of_one_provider_are_those_alone(world: World) -> None:
    browser = year(world)
    text = browser.get("/runs?provider=google-drive").text
    assert "night-1-google_drive" in text and "night-1-gopro" not in text
    assert headline(browser.get("/runs").text) == "2 of the last 40 runs stopped."


def test_a_run_that_has_ended_is_asked_for_once(world: World) -> None:
    browser, client = year(world), world.scripted("stepfunctions")
    browser.get("/runs")
    before = len(client.asked)
    browser.get("/runs")
    assert [name for name, _ in client.asked[before:]] == ["list_executions_pages"]


def test_a_run_is_started_and_shown_though_it_is_not_listed_yet(world: World) -> None:
    answer = Browser.at(world).post("/runs", {"provider": "all"})
    (started,) = world.started
    assert (answer.status, answer.header("location")) == (303, f"/runs/{started['name']}")
    assert started["input"] == '{"provider": "all"}'
    refused = Browser.at(world).post("/runs", {"provider": "dropbox"})
    assert refused.status == 400 and len(world.started) == 1


def test_what_has_failed_is_tried_again(world: World) -> None:
    browser = year(world)
    answer = browser.post("/retry", {"provider": "gopro"})
    assert answer.status == 303 and answer.header("location").startswith("/runs/retry-")
    (started,) = world.started
    assert '"retry_failed": true' in started["input"]
    assert "nothing to try again" in browser.post("/retry", {"provider": "google_drive"}).text


def test_a_paused_provider_starts_no_run_and_says_so(world: World) -> None:
    browser = Browser.at(world)
    browser.post("/connections/gopro/pause")
    answer = browser.post("/runs", {"provider": "gopro"})
    assert answer.status == 409 and "GoPro is paused since" in plain(answer.text) and world.started == []


# Cost


def test_cost_has_the_same_figures_as_the_command(world: World) -> None:
    text = plain(year(world).get("/cost").text)
    assert re.search(r"will cost about \d+\.\d\d USD\. \d+\.\d\d USD of it until today\.", text)
    assert "KMS, a key of one&#39;s own 1.00 USD" in text
    assert "CloudWatch, an alarm × 19 0.90 USD" in text and "Secrets Manager, a secret × 2 0.80 USD" in text
    assert "What you lose:" in text and "cdk deploy -c environment=dev -c deep_archive_after_days=0" in text
    assert text.count(" 2027 ") >= 10


# Connections


def test_a_provider_is_paused_and_resumed(world: World) -> None:
    browser = Browser.at(world)
    assert browser.post("/connections/google-drive/pause").header("location") == "/connections#google-drive"
    assert stored(world, "google_drive").settings.paused
    assert "Its runs archive nothing, since" in plain(browser.get("/connections").text)
    browser.post("/connections/google-drive/resume")
    assert not stored(world, "google_drive").settings.paused and stored(world, "google_drive").version == 2


@pytest.mark.parametrize(
    ("state", "versions", "says"),
    [
        ({}, [], "Not connected No credentials are stored"),
        ({"refused_version": "v1", "ended_version": "v1"}, None, "Refused by the provider"),
        ({"seen_version": "v1", "ends_at": 1_700_000_000, "renewable": False}, None, "The session has ended"),
        (
            {"seen_version": "v1", "ends_at": 4_000_000_000, "renewable": False},
            None,
            "days left The last run could use it. It ends on",
        ),
        ({}, None, "Not tried yet"),
    ],
)
def test_the_state_of_credentials_is_in_words(world: World, state: Any, versions: Any, says: str) -> None:
    if state:
        world.put("PROVIDER#gopro", "CREDENTIALS", **state)
    if versions is not None:
        world.versions["gopro/credentials"] = versions
    assert says in plain(Browser.at(world).get("/connections").text)


# Settings


def form(world: World, **changed: str) -> dict[str, str]:
    """The form as the page has it, with these fields changed."""
    text = Browser.at(world).get("/settings/gopro").text.partition("</form>")[0]
    fields = dict(re.findall(r'<input type="(?:text|hidden)"[^>]* name="(\w+)" value="([^"]*)"', text))
    fields |= dict(re.findall(r'name="(\w+)" value="(\w+)"(?= checked)', text))
    return fields | changed


def test_a_form_that_is_sent_as_it_was_changes_nothing(world: World) -> None:
    browser = Browser.at(world)
    browser.post("/settings/gopro", form(world, types="mp4, 360", min_size_mb="5", photos="on", names="none"))
    before = stored(world)
    assert browser.post("/settings/gopro", form(world)).status == 303
    assert before.settings.filters == {
        "types": ["mp4", "360"], "min_size_mb": 5, "kinds": ["video", "photo"], "names": None
    }  # fmt: skip
    assert stored(world) == before and before.version == 1


def test_settings_are_changed_undone_and_taken_up_again(world: World) -> None:
    browser = Browser.at(world)
    browser.post("/settings/gopro", form(world, mails="only_trouble", captured_from="2026-01-31"))
    assert stored(world).settings.mails is Mails.ONLY_TROUBLE
    assert stored(world).settings.filters == {"captured_from": "2026-01-31T00:00:00Z"}
    text = plain(browser.get("/settings/gopro").text)
    assert "GoPro: all videos" not in text and "mails: every_night → only_trouble" in text and "owner/me" in text
    assert browser.post("/settings/gopro/undo", {"version": "1", "to": "0"}).status == 303
    assert (stored(world).version, stored(world).settings.mails) == (2, Mails.EVERY_NIGHT)
    browser.post("/settings/gopro/undo", {"version": "2", "to": "1"})
    assert (stored(world).version, stored(world).settings.mails) == (3, Mails.ONLY_TROUBLE)


def test_what_does_not_fit_is_said_at_its_field_and_what_was_typed_stays(world: World) -> None:
    browser = Browser.at(world)
    answer = browser.post("/settings/gopro", form(world, captured_from="yesterday", min_size_mb="ten", names="GX*"))
    assert answer.status == 400 and stored(world) == StoredSettings()
    assert 'value="yesterday"' in answer.text and 'value="ten"' in answer.text and 'value="GX*"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert "must be a time with an offset" in plain(answer.text) and "a number of MB" in plain(answer.text)


def test_fields_that_do_not_fit_each_other_are_refused(world: World) -> None:
    answer = Browser.at(world).post("/settings/gopro", form(world, min_size_mb="9", max_size_mb="5"))
    assert answer.status == 400 and "must not be smaller than" in plain(answer.text)


def test_of_two_who_change_the_same_the_second_is_told(world: World) -> None:
    first, second = form(world, mails="only_news"), form(world, mails="only_trouble")
    browser = Browser.at(world)
    assert browser.post("/settings/gopro", first).status == 303
    answer = browser.post("/settings/gopro", second)
    assert answer.status == 400 and "Somebody has changed these settings" in answer.text
    assert stored(world).settings.mails is Mails.ONLY_NEWS
    assert browser.post("/settings/gopro/undo", {"version": "0", "to": "0"}).status == 500
    assert browser.post("/settings/gopro/undo", {"version": "1", "to": "x"}).status == 400


def test_folders_and_commas_come_back_as_they_were(world: World) -> None:
    browser = Browser.at(world)
    page = browser.get("/settings/google-drive").text
    assert 'name="include"' in page and 'name="include"' not in browser.get("/settings/gopro").text
    sent = {"version": "0", "mails": "every_night", "photos": "default", "include": "Trips/*, A", "exclude": '["a,b"]'}
    assert browser.post("/settings/google-drive", sent).status == 303
    folders = {"include": ["Trips/*", "A"], "exclude": ["a,b"]}
    assert stored(world, "google_drive").settings.filters == {"folders": folders}
    page = browser.get("/settings/google-drive").text
    assert 'value="Trips/*, A"' in page and 'value="[&#34;a,b&#34;]"' in page


def test_settings_that_cannot_be_read_can_be_taken_back(world: World) -> None:
    browser = Browser.at(world)
    browser.post("/settings/gopro", form(world, mails="only_news"))
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document="{", changed_at="x", changed_by="y")
    text = browser.get("/settings/gopro").text
    assert "these settings cannot be read" in text and "Go back to it" in text
    assert browser.post("/connections/gopro/pause").status == 500
    assert browser.post("/settings/gopro/undo", {"version": "0", "to": "1"}).status == 303
    assert stored(world).settings.mails is Mails.ONLY_NEWS


def test_what_a_deployment_alone_changes_is_shown_with_its_command(world: World) -> None:
    text = plain(Browser.at(world).get("/settings/gopro").text)
    assert "max_run_gb 1000" in text and "cdk deploy -c environment=dev -c NAME=VALUE" in text
    assert "Deployed: [&#34;mp4&#34;]" in text
