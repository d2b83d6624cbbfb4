"""`cloudsync restore plan`: what is chosen, how S3 has it, what cannot be had and why, and what the rest costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import JobFile
from cloud_sync_common.stores.thawing import Seen as Listed
from hypothesis import given
from hypothesis import strategies as st

from console import main
from console.errors import Exit
from console.operations.restore.objects import GONE, NO_KEY, NO_VERSIONS, NOT_ALLOWED, Seen, Temperature, temperature_of
from console.operations.restore.plan import ends_early
from tests.unit.console_account import SECRET
from tests.unit.console_archive import Archive, an_archive

HOT = {"StorageClass": None}
LATER = (datetime.now(UTC) + timedelta(days=6, hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
THAWED = {"Restore": f'ongoing-request="false", expiry-date="{LATER}"'}
THAWING = {"Restore": 'ongoing-request="true"'}


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    with an_archive(monkeypatch) as archive:
        yield archive


def plan_of(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    assert main.main(["restore", "plan", "--json", *words]) == code
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (printed["version"], printed["kind"]) == (1, "restore-plan")
    plan: dict[str, Any] = printed["plan"]
    return plan


def sentence(capsys: pytest.CaptureFixture[str], *words: str, code: Exit) -> str:
    assert main.main(["restore", "plan", *words]) == code
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    return printed.err


# The choice


def test_items_are_chosen_by_id_by_provider_and_id_by_key_and_by_name(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = archive.item("clip-1", "GX010001.MP4")
    archive.item("clip-2", "GX010002.MP4")
    for name in ("clip-1", "gopro/clip-1", key, "gx010001.mp4"):
        plan = plan_of(capsys, name)
        assert (plan["items"], plan["files"], plan["bytes"]) == (1, 1, 10**9)
        assert plan["selection"] == name
    assert plan_of(capsys, "clip-1", "gopro/clip-1", "clip-2")["files"] == 2  # each once


CHOICES: dict[str, tuple[list[str], int]] = {
    "everything": (["--everything"], 4),
    "everything of Google Drive": (["--provider", "google-drive"], 1),
    "everything captured in 2026-05": (["--month", "2026-05"], 2),
    "everything captured in 2026": (["--month", "2026"], 3),
    "everything named GX*.MP4 or a?.mov": (["--name", "GX*.MP4", "--name", "a?.mov"], 3),
    "everything of GoPro captured in 2025 named *": (["--provider", "gopro", "--month", "2025", "--name", "*"], 1),
}


@pytest.mark.parametrize("text", CHOICES)
def test_what_fits_all_of_month_name_and_provider_is_chosen_and_told_in_words(
    text: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("clip-1", "GX010001.MP4")
    archive.item("clip-2", "gx010002.mp4", captured_at="2025-05-01T00:00:00Z")
    archive.item("clip-3", "a1.mov", captured_at="2026-06-01T00:00:00Z", provider="google_drive")
    archive.item("clip-4", "b1.mov")
    archive.world.put("gopro#clip-5", "ITEM", filename="GX010005.MP4", status="FAILED", captured_at="2026-05-01")
    words, files = CHOICES[text]
    plan = plan_of(capsys, *words)
    assert (plan["selection"], plan["files"]) == (text, files)


@pytest.mark.parametrize(
    "words", [(), ("clip-1", "--month", "2026"), ("clip-1", "--everything"), ("--everything", "--name", "*")]
)
def test_nothing_chosen_or_two_ways_at_once_is_refused_with_the_ways(
    words: tuple[str, ...], archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    said = sentence(capsys, *words, code=Exit.USAGE)
    assert all(way in said for way in ("ITEMs", "--month", "--name", "--provider", "--everything"))
    assert archive.heads == []


BAD: dict[str, tuple[list[str], Exit]] = {
    "--month must be a month": (["--month", "May"], Exit.USAGE),
    "--provider must be one that this stack backs up": (["--provider", "dropbox"], Exit.USAGE),
    "--days must be 3 to 365 for the tier Bulk": (["--everything", "--days", "2"], Exit.USAGE),
    "--days must be 1 to 365 for the tier Standard": (
        ["--everything", "--tier", "standard", "--days", "0"],
        Exit.USAGE,
    ),
    "'expedited' is not one of": (["--everything", "--tier", "expedited"], Exit.USAGE),
    "--max-usd must be an amount": (["--everything", "--max-usd", "nan"], Exit.USAGE),
    "The ledger has no item 'no-such'": (["no-such"], Exit.NOT_FOUND),
    "Nothing that is archived fits the choice": (["--month", "1999"], Exit.USAGE),
    "Nothing that is chosen is archived": (["waits"], Exit.USAGE),
}


@pytest.mark.parametrize("text", BAD)
def test_a_choice_or_a_term_that_cannot_be_is_one_sentence(
    text: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("waits", status="PENDING")
    words, code = BAD[text]
    assert text in sentence(capsys, *words, code=code)


def test_what_is_chosen_and_not_archived_is_counted_and_what_cannot_be_read_is_told(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("clip-1")
    archive.item("clip-2", status="FAILED")
    archive.item("clip-3", files=2)
    archive.source("clip-3", 2, "key", size="many")
    archive.world.put("gopro#clip-4", "ITEM", filename="x", status="ARCHIVED")
    plan = plan_of(capsys, "--everything", code=Exit.ATTENTION)
    assert (plan["files"], plan["not_archived"], plan["unreadable"]) == (2, 1, 2)
    assert main.main(["restore", "plan", "--everything"]) == Exit.ATTENTION
    said = capsys.readouterr().out
    assert "1 item is not archived: `cloudsync failures`" in said and "2 rows of the ledger cannot be read" in said


def test_of_an_item_whose_later_version_has_failed_the_files_that_are_archived_are_had(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("clip-1", files=2)
    archive.world.put("gopro#clip-1", "ITEM", filename="x.mp4", status="FAILED", bytes_total=2 * 10**9)
    archive.source("clip-1", 2, "new-key", status="FAILED", size=5)
    assert plan_of(capsys, "--everything")["files"] == 1


# Names


def names(archive: Archive, *words: str) -> list[str]:
    """As a job has them."""
    main.main(["restore", "start", *words, "--yes", "--max-usd", "100"])
    (job,) = archive.jobs.all()
    return [file.filename for file in archive.jobs.files(job.job_id)]


def test_the_files_of_a_long_recording_get_the_names_that_the_camera_gave_to_its_chapters(archive: Archive) -> None:
    archive.item("clip-1", "GX010051.MP4", files=3)
    assert names(archive, "--everything") == ["GX010051.MP4", "GX020051.MP4", "GX030051.MP4"]


def test_a_name_of_its_own_that_the_object_keeps_is_preferred_to_all_others(archive: Archive) -> None:
    _, second = archive.item("clip-1", "GX010051.MP4", files=2)
    archive.objects[second][-1]["Metadata"] = {"filename": "%C3%BCber%20all.mp4"}
    assert names(archive, "--everything") == ["GX010051.MP4", "über all.mp4"]


def test_a_copy_is_had_from_the_object_with_its_bytes_and_keeps_its_own_name(archive: Archive) -> None:
    (key,) = archive.item("clip-1", "first.mp4")
    archive.objects[key][-1]["Metadata"] = {"filename": "first%20named.mp4"}
    archive.world.put("google_drive#clip-2", "ITEM", filename="same.mp4", status="ARCHIVED", captured_at="2026-06-01")
    archive.source(
        "clip-2", 1, "pointer.copy", provider="google_drive", size=10**9, copy_of=key, checksum=f"crc-of-{key}"
    )
    assert names(archive, "--everything") == ["first named.mp4", "same.mp4"]
    (job,) = archive.jobs.all()
    assert {(file.key, file.version_id) for file in archive.jobs.files(job.job_id)} == {(key, "v1")}
    assert job.quoted_usd < 0.02  # the object is thawed once


# How S3 has it


def test_hot_thawed_thawing_and_frozen_are_told_apart_and_only_frozen_ones_pay(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, head in (("hot", HOT), ("thawed", THAWED), ("thawing", THAWING), ("frozen", {})):
        archive.item(name, **head)
    plan = plan_of(capsys, "--everything")
    assert [plan[kind]["files"] for kind in ("hot", "thawed", "thawing", "frozen")] == [1, 1, 1, 1]
    bulk, standard = plan["quotes"]
    assert (bulk["tier"], bulk["hours"], standard["tier"], standard["hours"]) == ("Bulk", 48, "Standard", 12)
    assert bulk["retrieval"] == pytest.approx(0.0025 + 0.000025)
    assert standard["retrieval"] == pytest.approx(2 * (0.02 + 0.0001))  # what is being thawed comes faster, for a price


def test_a_thawed_copy_that_ends_more_than_a_day_before_it_should_is_priced_to_stay_longer(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("thawed", Restore=THAWED["Restore"])
    assert plan_of(capsys, "thawed")["prolonged"]["files"] == 0
    plan = plan_of(capsys, "thawed", "--days", "8")
    assert (plan["thawed"]["files"], plan["prolonged"]["files"]) == (1, 1)
    assert plan["quotes"][0]["thawed_copies"] == pytest.approx(0.023 * 8 / 30.42, rel=0.001)
    assert main.main(["restore", "plan", "thawed", "--days", "8"]) == Exit.FINE
    assert "thawed already; 1 to stay longer" in capsys.readouterr().out


@pytest.mark.parametrize("hours", [-1, 1, 23, 25, 24 * 6 - 1, 24 * 6 + 1, 24 * 30])
@pytest.mark.parametrize("days", [1, 3, 7])
def test_what_is_priced_to_stay_longer_is_what_the_restorer_asks_for_again(hours: int, days: int) -> None:
    until = datetime.now(UTC) + timedelta(hours=hours)
    listed = Listed(size=1, storage_class="DEEP_ARCHIVE", thawed_until=until)
    file = JobFile(number=1, provider="gopro", media_id="x", filename="x", key="k", size=1)
    seen = Seen(file=file, temperature=Temperature.THAWED, thawed_until=until.isoformat())
    assert ends_early(seen, days) is not listed.lasts(days - 1)


def test_a_thawed_copy_that_has_ended_is_frozen_again() -> None:
    ended = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"'
    assert temperature_of({"StorageClass": "DEEP_ARCHIVE", "Restore": ended}) == (Temperature.FROZEN, "")
    found, until = temperature_of({"StorageClass": "DEEP_ARCHIVE", **THAWED})
    assert found is Temperature.THAWED and until.endswith("+00:00")


@given(st.text())
def test_whatever_s3_says_of_a_restore_an_archived_object_is_never_called_hot(said: str) -> None:
    assert temperature_of({"StorageClass": "DEEP_ARCHIVE", "Restore": said})[0] is not Temperature.HOT


# What cannot be had


def problem(capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence on the one file that cannot be had; the other one goes on."""
    plan = plan_of(capsys, "--everything", code=Exit.ATTENTION)
    assert (plan["files"], plan["lost"], plan["bytes"]) == (1, 1, 10**9)
    (note,) = plan["notes"]
    assert (note["media_id"], note["is_lost"]) == ("bad", True)
    return str(note["text"])


@pytest.fixture
def bad(archive: Archive) -> str:
    """The key of a file, beside another one that is well."""
    archive.item("good")
    (key,) = archive.item("bad")
    return key


def test_an_object_that_is_missing_is_named(archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    del archive.objects[bad]
    assert problem(capsys) == GONE


REFUSED = {
    "403": NOT_ALLOWED, "AccessDenied": NOT_ALLOWED, "only with a checksum 403": NO_KEY,
    "only with a checksum 400": NO_KEY, "KMS.DisabledException": NO_KEY,
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_a_permission_or_a_key_that_refuses_is_a_sentence_on_the_file(
    code: str, archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.refused[bad] = code
    assert problem(capsys) == REFUSED[code]


@pytest.mark.parametrize(
    ("head", "what"), [({"size": 7}, "7 bytes in place of"), ({"ChecksumCRC64NVME": "other"}, "another checksum")]
)
def test_an_object_that_is_not_what_the_ledger_says_is_not_taken(
    head: dict[str, Any], what: str, archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del archive.objects[bad]
    archive.object(bad, **head)
    assert what in problem(capsys)


def test_of_a_deleted_object_the_version_with_the_ledgers_bytes_is_pinned_and_told(
    archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.object(bad, ChecksumCRC64NVME="other")
    archive.object(bad + "-another", size=1)
    archive.deleted.add(bad)
    plan = plan_of(capsys, "bad")
    (note,) = plan["notes"]
    assert not note["is_lost"] and "It was deleted (a delete marker is in front); its version v1" in note["text"]
    assert "of 2026-11-20" in note["text"]
    main.main(["restore", "start", "bad", "--yes", "--max-usd", "1"])
    assert [file.version_id for file in archive.jobs.files(archive.jobs.all()[0].job_id)] == ["v1"]


def test_where_a_later_version_has_other_bytes_the_one_of_the_ledger_is_pinned(
    archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.object(bad, size=3)
    (note,) = plan_of(capsys, "bad")["notes"]
    assert note["text"].startswith("Its current version has other bytes; its version v1 of 2026-11-20")


def test_a_deleted_object_of_which_no_version_fits_or_may_be_seen_is_lost(
    archive: Archive, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.objects[bad][-1]["ContentLength"] = 3
    archive.deleted.add(bad)
    assert problem(capsys).startswith("It was deleted, and no version of it")
    archive.refused[f"versions of {bad}"] = "AccessDenied"
    assert problem(capsys) == NO_VERSIONS


def test_what_no_file_can_help_ends_the_command(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    (key,) = archive.item("clip-1")
    archive.refused[key] = "SlowDown"
    assert "AWS asks to slow down" in sentence(capsys, "--everything", code=Exit.FAILED)


# For people


def test_people_see_both_tiers_with_the_sums_the_ways_round_egress_and_the_ceiling(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.item("clip-1", size=1_000 * 10**9)
    assert main.main(["restore", "plan", "--everything", "--max-usd", "90"]) == Exit.FINE
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["USD", "Bulk", "*", "Standard"] in lines and ["to", "the", "Internet", "81.00", "81.00"] in lines
    assert ["retrieval", "2.50", "20.00"] in lines and ["thawed", "copies,", "7", "days", "5.29", "5.29"] in lines
    assert "within 48 h" in printed.out and "CloudFront" in printed.out and "eu-west-1" in printed.out
    assert "With Bulk, this is within --max-usd 90.0." in printed.out
    assert "This stack is in eu-west-1, whose prices differ." in printed.err
    assert main.main(["restore", "plan", "--everything", "--max-usd", "88"]) == Exit.ATTENTION
    assert "this is above --max-usd 88.0." in capsys.readouterr().out
    assert main.main(["restore", "plan", "--everything", "--no-egress", "--max-usd", "88"]) == Exit.FINE
    assert "CloudFront" not in capsys.readouterr().out


def test_a_name_that_is_markup_or_an_address_is_shown_as_it_is_or_harmless(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = archive.item("clip-1", f"[red]{SECRET[:5]}\x1b[2J.mp4")
    archive.item("clip-2")
    archive.refused[key] = "403"
    assert main.main(["restore", "plan", "--everything"]) == Exit.ATTENTION
    said = capsys.readouterr().out
    assert "[red]" in said and "\x1b" not in said
