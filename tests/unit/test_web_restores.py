"""The pages about restores: the price before anything begins, one job for one choice, and how far it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, JobState

from console import main
from tests.unit.console_account import refusal
from tests.unit.console_archive import FUTURE, PAST, Archive, set_files, set_job, the_job
from tests.unit.page_world import Answer, Browser, a_page_world
from tests.unit.test_web_pages import headline, plain

TWO = ("gopro/clip-1", "gopro/clip-2")
TB = 10**12


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Archive]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_page_world(monkeypatch) as world:
        archive = Archive(world)
        archive.item("clip-1", "GX010001.MP4")
        archive.item("clip-2", "GX010002.MP4")
        yield archive


@pytest.fixture
def browser(archive: Archive) -> Browser:
    return Browser.at(archive.world)


def sheet(browser: Browser, *items: str, **fields: str) -> Answer:
    return browser.get("/restores/new?" + urlencode([*(("item", one) for one in items or TWO), *fields.items()]))


def form_in(answer: Answer, **typed: str) -> bytes:
    """The form of a sheet as a browser sends it, with these fields typed."""
    text = answer.text.partition('<form class="priced"')[2].partition("</form>")[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    fields = dict(re.findall(r'<input type="text"[^>]* name="(\w+)" value="([^"]*)"', text))
    fields |= dict(re.findall(r'name="(tier)" value="(\w+)" checked', text))
    fields |= dict(re.findall(r'name="(where)".*?<option value="(\w+)" selected', text))
    return urlencode([*hidden, *(fields | typed).items()]).encode()


def begun(browser: Browser, *items: str, **typed: str) -> str:
    """The id of the job that was started."""
    answer = browser.post("/restores", form_in(sheet(browser, *items), **{"ceiling": "5", **typed}))
    assert answer.status == 303, plain(answer.text)
    return answer.header("location").rpartition("/")[2]


# The price


def test_the_price_is_the_commands_for_both_speeds_before_anything_begins(
    archive: Archive, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["restore", "plan", *TWO, "--json"])
    plan = json.loads(capsys.readouterr().out)["plan"]
    answer = sheet(browser)
    text = plain(answer.text)
    bulk, standard = plan["quotes"]
    assert headline(answer.text) == "2 originals come back for 0.02 USD."
    assert "GX010001.MP4, GX010002.MP4: 2.0 GB. Within 48 hours; within 12 hours it is 0.06 USD." in text
    assert f"Thaw 2.0 GB {bulk['retrieval']:.2f} {standard['retrieval']:.2f}" in text
    assert f"Keep the copies 7 days {bulk['thawed_copies']:.2f} {standard['thawed_copies']:.2f}" in text
    assert "To your computer 0.00 0.00" in text and "In all 0.02 0.06" in text
    assert "2 objects, 2.0 GB: asleep, to be thawed." in text
    assert (archive.jobs.all(), archive.started) == ([], [])


def test_the_way_out_is_named_with_its_share_and_the_way_round_it(archive: Archive, browser: Browser) -> None:
    archive.item("large", size=TB)
    text = plain(sheet(browser, "gopro/large").text)
    assert "91% of it is the way to your computer. It is for 900.0 GB beyond the 100 GB of a month" in text
    assert "another bucket there ( cloudsync restore fetch --to s3://… )" in text and "To your computer 81.00" in text
    inside = sheet(browser, "gopro/large", where="aws")
    assert "Nothing leaves AWS 0.00 0.00" in plain(inside.text) and "for 7.81 USD" in headline(inside.text)
    assert "68% of it is keeping the copies. Fewer days cost less." in plain(inside.text)
    fast = plain(sheet(browser, "gopro/large", where="aws", tier="Standard").text)
    assert "79% of it is the thaw. Within 48 hours it costs an eighth." in fast


def test_what_is_awake_thawed_or_thawing_is_said_and_costs_no_thaw(archive: Archive, browser: Browser) -> None:
    archive.item("hot", StorageClass="GLACIER_IR")
    answer = sheet(browser, "gopro/hot")
    assert "All of it is awake: there is nothing to thaw, and nothing to wait for." in plain(answer.text)
    assert 'type="radio"' not in answer.text and "Thaw 0 B 0" in plain(answer.text)
    until = (datetime.now(UTC) + timedelta(days=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    archive.item("thawed", Restore=f'ongoing-request="false", expiry-date="{until}"')
    archive.item("thawing", Restore='ongoing-request="true"')
    text = plain(sheet(browser, *TWO, "gopro/hot", "gopro/thawed", "gopro/thawing").text)
    assert "1 object, 1.0 GB: awake. It needs no thaw" in text and "1 object, 1.0 GB: thawed already, and stays" in text
    assert "1 object, 1.0 GB: being thawed already, which is paid" in text
    assert begun(browser, "gopro/hot") and archive.started == [] and the_job(archive).state is JobState.READY


def test_what_cannot_be_had_is_named_and_nothing_can_be_started_of_that_alone(
    archive: Archive, browser: Browser
) -> None:
    archive.objects.clear()
    answer = sheet(browser)
    assert headline(answer.text) == "Nothing of this can be had." and "<form" not in answer.text
    assert "2 originals cannot be had." in plain(answer.text) and "S3 has no such object" in plain(answer.text)


def test_a_selection_comes_by_address_or_by_form_and_a_month_is_one(archive: Archive, browser: Browser) -> None:
    many = [("item", f"gopro/n-{number}") for number in range(300)]
    for _, item in many:
        archive.item(item.partition("/")[2])
    sent = browser.post("/restores/new", urlencode(many).encode())
    assert headline(sent.text).startswith("300 originals come back") and "and 297 more" in plain(sent.text)
    assert headline(browser.get("/restores/new?month=2026-05").text).startswith("302 originals")
    assert headline(browser.get("/restores/new?month=2026-05&provider=gopro").text).startswith("302 originals")


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "Nothing is chosen."),
        ("item=", 400, "Nothing is chosen."),
        ("item=gopro/none", 404, "The ledger has no item"),
        ("month=May", 400, "must be a month such as 2026-05"),
        ("month=2026-05&provider=dropbox", 400, "dropbox"),
        ("item=gopro/waits", 400, "Nothing that is chosen is archived"),
    ],
)
def test_a_choice_that_is_none_is_a_sentence(
    query: str, status: int, sentence: str, archive: Archive, browser: Browser
) -> None:
    archive.item("waits", status="PENDING")
    answer = browser.get(f"/restores/new?{query}")
    assert answer.status == status and sentence in plain(answer.text)


# The start


def test_a_start_writes_the_job_that_the_command_knows_with_price_and_ceiling(
    archive: Archive, browser: Browser
) -> None:
    job_id = begun(browser)
    job = the_job(archive)
    assert (job.job_id, job.max_usd, job.tier, job.days, job.files) == (job_id, 5, "Bulk", 7, 2)
    assert job.selection == "GX010001.MP4, GX010002.MP4"
    assert [one["name"] for one in archive.started] == [job_id]


def test_the_same_form_sent_again_starts_nothing_twice(archive: Archive, browser: Browser) -> None:
    form = form_in(sheet(browser), ceiling="5")
    first, again = browser.post("/restores", form), browser.post("/restores", form)
    assert first.header("location") == again.header("location") and first.status == again.status == 303
    assert len(archive.started) == len(archive.jobs.all()) == 1


def test_without_the_price_that_was_shown_nothing_begins(archive: Archive, browser: Browser) -> None:
    sent = [("item", "gopro/clip-1"), ("ceiling", "5"), ("tier", "Bulk"), ("days", "7")]
    answer = browser.post("/restores", urlencode(sent).encode())
    assert answer.status == 409 and "The price was not shown as it is now" in plain(answer.text)
    assert "1 original comes back for 0.01 USD." in plain(answer.text)
    assert (archive.jobs.all(), archive.started) == ([], [])


def test_a_price_that_has_changed_since_is_shown_again_and_then_starts(archive: Archive, browser: Browser) -> None:
    form = form_in(sheet(browser), ceiling="5")
    archive.source("clip-1", 2, "gopro/2026/05/clip-1/2-GX020001.MP4", size=10**9)
    archive.object("gopro/2026/05/clip-1/2-GX020001.MP4")
    shown = browser.post("/restores", form)
    assert shown.status == 409 and archive.started == []
    assert headline(shown.text) == "3 originals come back for 0.03 USD." and 'value="5"' in shown.text
    assert browser.post("/restores", form_in(shown)).status == 303 and the_job(archive).files == 3


@pytest.mark.parametrize("changed", [{"days": "30"}, {"where": "aws"}])
def test_other_terms_than_those_of_the_price_are_priced_first(
    changed: dict[str, str], archive: Archive, browser: Browser
) -> None:
    archive.item("large", size=TB)
    answer = browser.post("/restores", form_in(sheet(browser, "gopro/large"), ceiling="500", **changed))
    assert answer.status == 409 and archive.started == []
    assert browser.post("/restores", form_in(answer)).status == 303


def test_the_other_speed_was_shown_beside_it_and_needs_no_second_look(archive: Archive, browser: Browser) -> None:
    begun(browser, tier="Standard")
    assert the_job(archive).tier == "Standard"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"ceiling": ""}, "nothing is started without a ceiling"),
        ({"ceiling": "1,50"}, "Write an amount in US dollars"),
        ({"ceiling": "nan"}, "Write an amount in US dollars"),
        ({"ceiling": "1e9"}, "Write an amount in US dollars"),
        ({"ceiling": "0.01"}, "It costs 0.02 USD, which is more than this. Nothing was started."),
        ({"ceiling": "0.02", "tier": "Standard"}, "It costs 0.06 USD, which is more than this. Nothing was started. "
         "Within 48 hours it is 0.02 USD."),
        ({"ceiling": "5", "days": "2"}, "Write a number of days from 3 to 365. With 12 hours, one day is enough."),
        ({"ceiling": "5", "days": "0", "tier": "Standard"}, "Write a number of days from 1 to 365."),
        ({"ceiling": "5", "days": "999"}, "Write a number of days from 3 to 365."),
        ({"ceiling": "5", "days": "a week"}, "Write a number of days from 3 to 365."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_its_field_and_what_was_typed_stays(
    typed: dict[str, str], sentence: str, archive: Archive, browser: Browser
) -> None:
    answer = browser.post("/restores", form_in(sheet(browser), **typed))
    assert answer.status == 400 and sentence in plain(answer.text)
    assert answer.text.count('aria-invalid="true"') == 1
    assert all(f'value="{value}"' in answer.text for value in typed.values())
    assert (archive.jobs.all(), archive.started) == ([], [])


def test_a_start_that_aws_refuses_is_the_commands_sentence(archive: Archive, browser: Browser) -> None:
    archive.world.answer("stepfunctions", start_execution=refusal("ExpiredTokenException", "StartExecution"))
    answer = browser.post("/restores", form_in(sheet(browser), ceiling="5"))
    assert answer.status == 502 and headline(answer.text).startswith("The AWS credentials have expired.")


# The jobs


def test_nothing_asked_for_says_where_to_choose(browser: Browser) -> None:
    answer = browser.get("/restores")
    assert headline(answer.text) == "Nothing is asked for." and 'href="/library"' in answer.text


def test_a_job_that_thaws_is_followed_by_its_row_and_says_by_when(archive: Archive, browser: Browser) -> None:
    job_id = begun(browser)
    set_job(archive, JobState.THAWING, ready=1, requested=1)
    set_files(archive, (FileState.READY, FUTURE), (FileState.REQUESTED, ""))
    listed, page = browser.get("/restores").text, browser.get(f"/restores/{job_id}").text
    assert headline(listed) == "1 original is thawing." and 'value="1" aria-label="Thawed of' in listed
    assert "Thawing, ready by" in plain(page) and "1 of 2 originals can be read." in plain(page)
    assert f'hx-get="/restores/{job_id}/live" hx-trigger="every 5s"' in page
    reads = len(archive.heads)
    part = browser.get(f"/restores/{job_id}/live").text
    assert "<html" not in part and 'max="2" value="1"' in part and len(archive.heads) == reads
    set_job(archive, JobState.READY, ready=2, requested=0, ready_until=FUTURE)
    here = {"hx-current-url": f"http://127.0.0.1:40123/restores/{job_id}"}
    assert browser.get(f"/restores/{job_id}/live", **here).header("hx-refresh") == "true"


def test_what_is_ready_says_until_when_and_what_to_type(archive: Archive, browser: Browser) -> None:
    job_id = begun(browser)
    set_job(archive, JobState.READY, ready=2, ready_until=FUTURE)
    set_files(archive, (FileState.READY, FUTURE), (FileState.READY, FUTURE))
    for path in ("/restores", f"/restores/{job_id}"):
        text = browser.get(path).text
        assert headline(text) == "2 originals are ready to fetch."
        assert f"cloudsync restore fetch {job_id} ~/restored" in text and "Ready until" in text
    set_job(archive, JobState.READY, fetched_at=PAST)
    assert headline(browser.get("/restores").text) == "Nothing is asked for."
    assert "Fetched, every byte checked" in plain(browser.get("/restores").text)


ENDED: list[tuple[JobState, dict[str, Any], str, str]] = [
    (JobState.READY, {"ready": 2, "ready_until": PAST}, "The thawed copies have ended", "and paid, once more"),
    (JobState.FAILED, {"failed": 2, "problem": "S3 <refuses>."}, "It has failed", "S3 &lt;refuses&gt;."),
    (JobState.CANCELLED, {"ended_at": PAST}, "Stopped on", "2 originals were never asked for"),
]


@pytest.mark.parametrize(("state", "fields", "word", "text"), ENDED)
def test_a_job_that_is_over_says_why_and_leads_to_its_price(
    state: JobState, fields: dict[str, Any], word: str, text: str, archive: Archive, browser: Browser
) -> None:
    job_id = begun(browser)
    set_job(archive, state, **fields)
    if state is JobState.READY:
        set_files(archive, (FileState.READY, PAST), (FileState.READY, PAST))
    page = browser.get(f"/restores/{job_id}")
    assert word in plain(page.text) and text in plain(page.text) and word in plain(browser.get("/restores").text)
    assert "hx-get" not in page.text
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    again = browser.post("/restores/new", urlencode(hidden).encode())
    assert headline(again.text) == "2 originals come back for 0.02 USD."


def test_a_job_whose_execution_has_ended_without_it_is_gone_on_with(archive: Archive, browser: Browser) -> None:
    job_id = begun(browser)
    archive.executions[job_id] = "FAILED"
    assert headline(browser.get("/restores").text) == "A restore has stopped."
    assert headline(browser.get(f"/restores/{job_id}").text) == "This restore needs you."
    assert begun(browser) == job_id and [one["name"] for one in archive.started] == [job_id, f"{job_id}-2"]


def test_a_job_is_stopped_once_it_is_meant_and_what_cannot_be_undone_is_said(
    archive: Archive, browser: Browser
) -> None:
    job_id = begun(browser)
    set_files(archive, (FileState.REQUESTED, ""), (FileState.WANTED, ""))
    assert "S3 was asked for 1 object (1.0 GB) already." in plain(browser.get(f"/restores/{job_id}").text)
    assert browser.post(f"/restores/{job_id}/cancel").status == 400 and the_job(archive).state is JobState.NEW
    for _ in range(2):
        answer = browser.post(f"/restores/{job_id}/cancel", {"sure": "yes"})
        assert (answer.status, answer.header("location")) == (303, f"/restores/{job_id}")
    assert (the_job(archive).state, archive.executions[job_id]) == (JobState.CANCELLED, "ABORTED")
    text = plain(browser.get(f"/restores/{job_id}").text)
    assert "It was stopped on the page of cloudsync web ." in text
    assert "1 original was never asked for" in text and "up to 0.01 USD" in text


def test_what_is_over_cannot_be_stopped(archive: Archive, browser: Browser) -> None:
    job_id = begun(browser)
    set_job(archive, JobState.READY, ready=2)
    answer = browser.post(f"/restores/{job_id}/cancel", {"sure": "yes"})
    assert answer.status == 500 and "there is nothing to cancel" in plain(answer.text)


def test_a_large_job_is_shown_a_hundred_files_at_a_time(archive: Archive, browser: Browser) -> None:
    for number in range(120):
        archive.item(f"n-{number:03}")
    job_id = begun(browser, *(f"gopro/n-{number:03}" for number in range(120)))
    page = browser.get(f"/restores/{job_id}").text
    assert "n-099.MP4" in page and "n-100.MP4" not in page and f'/restores/{job_id}?after=100#files"' in page
    assert "n-119.MP4" in browser.get(f"/restores/{job_id}?after=100").text
    assert browser.get(f"/restores/{job_id}?after=x").status == 400


def test_what_is_no_job_is_said(browser: Browser) -> None:
    for path in ("/restores/restore-x", "/restores/..%2f..", "/restores/restore-x/live"):
        assert browser.get(path).status == 404
    assert browser.post("/restores/restore-x/cancel", {"sure": "yes"}).status == 404


def test_these_pages_need_nothing_that_the_policy_refuses_and_show_names_as_text(
    archive: Archive, browser: Browser
) -> None:
    archive.item("odd", "<script>alert(1)</script>.MP4", Metadata={"filename": "x"})
    pages = [sheet(browser, "gopro/odd"), browser.get("/restores")]
    job_id = begun(browser, "gopro/odd")
    pages += [browser.get("/restores"), browser.get(f"/restores/{job_id}")]
    for page in pages:
        assert page.status == 200 and page.text.count("<h1") == 1 and "Undefined" not in page.text
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|data:", page.text)
        assert set(re.findall(r"<script[^>]*>(.*?)</script>", page.text)) == {""}
