"""`cloudsync restore … --bucket`: footage chosen, priced, thawed and looked at with the archive alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.restore_jobs import Tier
from cloud_sync_common.transfer.copies import Pointer

from console import main
from console.aws_account import AwsAccount
from console.errors import ConsoleError, CredentialsRefusedError, Exit, NotFoundError, UsageError
from console.operations.restore import thaw_in_bucket
from console.operations.restore.bucket import Bucket
from console.operations.restore.from_bucket import Looked, for_fetching, looked, not_thawed
from console.operations.restore.objects import Temperature
from console.operations.restore.plan import Terms
from console.operations.restore.selection import Choice, choice_of
from console.stack import Stack
from tests.unit.bucket_in_memory import NAME, S3
from tests.unit.console_account import refusal

MAY = MediaItem(media_id="65a0", filename="GX010051.MP4", captured_at="2026-05-04T10:00:00Z")
JUNE = MediaItem(media_id="65a1", filename="GX010052.MP4", captured_at="2026-06-04T10:00:00Z")
CLIP = MediaItem(media_id="id:x", filename="Urlaub.mp4", captured_at="2026-06-05T10:00:00Z")
THAWED = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"'
ENDED = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"'
ALL = Choice()


@pytest.fixture
def s3() -> S3:
    """An archive with a video of May in three chapters, one of June, and a clip of Google Drive."""
    s3 = S3()
    for number in (1, 2, 3):
        s3.store(MAY, size=10 * number, number=number, count=3)
    s3.store(JUNE)
    s3.store(CLIP, provider="google_drive", listed="sha256:aa")
    return s3


@pytest.fixture
def verbs(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The program, whose account has that bucket and no CloudFormation."""
    account = s3.bucket.account

    def called(_: AwsAccount, name: str) -> Bucket:
        return Bucket(account, name)

    def find(*_: object) -> Stack:
        raise AssertionError("no stack is looked for")

    monkeypatch.setattr(Bucket, "called", called)
    monkeypatch.setattr(Stack, "find", find)
    monkeypatch.delenv("COLUMNS", raising=False)
    return s3


def look(s3: S3, choice: Choice = ALL) -> Looked:
    return looked(s3.bucket, choice, lambda _: None)


def names(found: Looked) -> list[str]:
    return [one.file.filename for one in found.seen]


def choose(*items: str, month: str = "", glob: str = "", provider: str = "") -> Choice:
    names = (glob,) if glob else ()
    return choice_of(items, month, names, provider, is_everything=not (items or month or glob or provider))


# What is there


def test_everything_is_found_in_the_order_of_capture_with_the_names_of_the_camera(s3: S3) -> None:
    found = look(s3)
    assert names(found) == ["GX010051.MP4", "GX020051.MP4", "GX030051.MP4", "GX010052.MP4", "Urlaub.mp4"]
    assert [one.file.number for one in found.seen] == [1, 2, 3, 4, 5] and found.items == 3
    first = found.seen[0].file
    assert (first.provider, first.media_id, first.key) == ("gopro", "65a0", "gopro/2026/05/65a0/GX010051-01.MP4")
    assert (first.size, first.checksum, first.version_id) == (10, "sum 1 1", "v1")
    assert first.captured_at == "2026-05-04T10:00:00Z"
    assert {one.temperature for one in found.seen} == {Temperature.FROZEN}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (choose(month="2026-06"), ["GX010052.MP4", "Urlaub.mp4"]),
        (choose(month="2026", provider="gopro", glob="gx*52.mp4"), ["GX010052.MP4"]),
        (choose(provider="google_drive"), ["Urlaub.mp4"]),
        (choose("65a1"), ["GX010052.MP4"]),
        (choose("google-drive/id:x", "65a1"), ["GX010052.MP4", "Urlaub.mp4"]),
        (choose("google_drive/2026/06/id.3ax/Urlaub.mp4"), ["Urlaub.mp4"]),
        (choose("urlaub.MP4"), ["Urlaub.mp4"]),
    ],
    ids=str,
)
def test_footage_is_chosen_as_with_a_ledger(s3: S3, choice: Choice, expected: list[str]) -> None:
    assert names(look(s3, choice)) == expected


def test_only_what_a_key_lets_through_is_asked_for(s3: S3) -> None:
    look(s3, choose("65a1"))
    assert [key for _, key in s3.requests] == ["gopro/2026/06/65a1/GX010052.MP4"]


def test_of_a_file_the_last_version_comes_back_and_no_other(s3: S3) -> None:
    s3.store(JUNE, size=9, copy=2)
    (one,) = look(s3, choose("65a1")).seen
    assert (one.file.size, one.file.key) == (9, "gopro/2026/06/65a1/GX010052-v2.MP4")


def test_what_was_deleted_comes_back_in_its_last_version_and_says_so(s3: S3) -> None:
    key = "gopro/2026/06/65a1/GX010052.MP4"
    s3.put(key, is_marker=True)
    (one,) = look(s3, choose("65a1")).seen
    assert (one.file.key, one.file.version_id, one.file.size) == (key, "v4", 7)
    assert one.note == "It was deleted; its version v4 is there, and comes back."


def test_a_copy_brings_the_bytes_of_the_object_that_it_points_to(s3: S3) -> None:
    target = "gopro/2026/06/65a1/GX010052.MP4"
    copy = MediaItem(media_id="c", filename="Same.MP4", captured_at="2026-06-05T11:00:00Z")
    key = s3.store(copy, provider="google_drive")
    (version,) = s3.objects.pop(key)
    s3.put(f"{key}.copy", metadata=version.metadata, body=msgspec.json.encode(Pointer(target, 7, "sum 1 1")))
    (one,) = look(s3, choose("c")).seen
    assert (one.file.filename, one.file.key, one.file.version_id) == ("Same.MP4", target, "v4")
    assert (one.file.size, one.file.checksum, one.note) == (7, "sum 1 1", "")
    s3.objects.pop(target)
    (lost,) = look(s3, choose("c")).seen
    assert lost.temperature is Temperature.LOST and target in lost.file.problem


def test_a_damaged_object_comes_back_with_a_word_about_it_and_others_are_left_alone(s3: S3) -> None:
    key = "gopro/2026/06/65a1/GX010052.MP4"
    s3.objects[key][0].metadata |= {"source-size": "99", "filename": "%ff%00.mp4"}
    s3.put("inventory.csv")
    s3.put("gopro/2026/06/65a9/x.mp4", metadata={"provider": "dropbox"})
    found = look(s3)
    assert len(found.seen) == 5
    (odd,) = (one for one in found.seen if one.note)
    assert odd.note == "Look at it when it is there: it has 7 bytes, and its source had 99."
    assert ("HeadObject", "inventory.csv") not in s3.requests


# What cannot be


@pytest.mark.parametrize(
    ("choice", "error", "text"),
    [
        (choose("nothing"), NotFoundError, "no item 'nothing'"),
        (choose(month="2020-01"), UsageError, "Nothing in the bucket fits"),
        (choose(provider="dropbox"), UsageError, "google_drive, gopro"),
    ],
    ids=str,
)
def test_a_choice_that_fits_nothing_is_one_sentence(s3: S3, choice: Choice, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        look(s3, choice)


def test_a_name_of_two_items_is_no_choice(s3: S3) -> None:
    s3.store(msgspec.structs.replace(JUNE, media_id="65a2"))
    with pytest.raises(UsageError, match="gopro/65a1, gopro/65a2"):
        look(s3, choose("GX010052.MP4"))


def test_a_bucket_that_is_no_archive_is_named() -> None:
    with pytest.raises(NotFoundError, match="it is empty"):
        look(S3())
    other = S3()
    other.put("holiday/IMG_1.jpg")
    other.put("2026/05/01/a/b.mp4")
    with pytest.raises(NotFoundError, match="none of its 2 objects"):
        look(other)
    other.put("gopro/2026/05/a/b.mp4", metadata={"provider": "somebody"})
    with pytest.raises(NotFoundError, match="none of its 3 objects"):
        look(other)


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [("NoSuchBucket", NotFoundError, "There is no bucket"), ("AccessDenied", CredentialsRefusedError, "may not list")],
)
def test_a_bucket_that_is_not_there_or_not_ours_is_one_sentence(
    s3: S3, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception], text: str
) -> None:
    def refused(**_: Any) -> Iterator[dict[str, Any]]:
        raise refusal(code, "ListObjectVersions")
        yield {}

    monkeypatch.setattr(s3, "list_object_versions_pages", refused)
    with pytest.raises(error, match=text) as raised:
        look(s3)
    assert NAME in str(raised.value)


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "x" * 64, "arn:aws:s3:::x", "../x"])
def test_what_is_no_name_of_a_bucket_is_a_usage_error(s3: S3, name: str) -> None:
    with pytest.raises(UsageError, match="--bucket must be the name"):
        Bucket.called(s3.bucket.account, name)
    assert Bucket.called(s3.bucket.account, f"s3://{NAME}/").name == NAME


# Thawing


def ask(s3: S3, **terms: Any) -> thaw_in_bucket.Asked:
    return thaw_in_bucket.request(s3.bucket, look(s3), Terms(**terms), lambda _: None)


def test_each_object_is_asked_for_once_in_its_version_and_again_nothing_is(s3: S3) -> None:
    asked = ask(s3, days=5)
    assert (asked.asked, asked.thawing, asked.ready, asked.failed) == (5, 0, 0, 0)
    assert {one["VersionId"] for one in s3.restored} == {"v1", "v2", "v3", "v4", "v5"}
    assert {(one["Days"], one["GlacierJobParameters"]["Tier"]) for one in s3.restored} == {(5, "Bulk")}
    again = ask(s3, days=5)
    assert (again.asked, again.thawing, len(s3.restored)) == (0, 5, 5)


def test_what_is_thawed_or_hot_is_not_asked_for_and_what_has_ended_is(s3: S3) -> None:
    first, second, third, june, clip = (versions[0] for versions in s3.objects.values())
    first.restore, second.restore, third.storage_class, june.restore = THAWED, ENDED, "STANDARD_IA", THAWED
    asked = ask(s3)
    assert (asked.asked, asked.ready) == (2, 3)
    assert {one["VersionId"] for one in s3.restored} == {second.version_id, clip.version_id}


def test_the_faster_tier_asks_also_for_what_the_slower_one_thaws(s3: S3) -> None:
    ask(s3)
    key = next(iter(s3.objects))
    s3.answers[key] = ["RestoreAlreadyInProgress"]
    asked = ask(s3, tier=Tier.STANDARD)
    assert (asked.asked, asked.thawing, len(s3.restored)) == (4, 1, 9)


def test_what_s3_says_of_an_object_is_its_own_affair(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = list[float]()
    monkeypatch.setattr("time.sleep", waited.append)
    codes = ["ObjectAlreadyInActiveTierError", "NoSuchVersion", "KMS.DisabledException"]
    s3.answers = {key: [code] for key, code in zip(s3.objects, codes, strict=False)}
    s3.answers[list(s3.objects)[3]] = ["SlowDown", "503"]
    asked = ask(s3)
    assert (asked.asked, asked.ready, asked.failed) == (2, 1, 2) and waited == [1.0, 2.0]
    assert [one.filename for one in asked.problems] == ["GX020051.MP4", "GX030051.MP4"]
    assert "KMS.DisabledException" in asked.problems[1].text


@pytest.mark.parametrize(
    ("codes", "error"),
    [(["AccessDenied"], CredentialsRefusedError), (["SlowDown"] * 20, ConsoleError), (["Odd"], ClientError)],
)
def test_what_concerns_all_ends_it(
    s3: S3, monkeypatch: pytest.MonkeyPatch, codes: list[str], error: type[Exception]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    s3.answers = {next(iter(s3.objects)): codes}
    with pytest.raises(error):
        ask(s3)


def test_a_wait_looks_at_one_object_after_the_other(s3: S3) -> None:
    ask(s3)
    found, left = look(s3), list[int]()
    s3.requests.clear()

    def sleep(thawing: int) -> None:
        left.append(thawing)
        if len(left) == 2:
            for versions in s3.objects.values():
                versions[0].restore = THAWED

    done = thaw_in_bucket.waited(s3.bucket, found, sleep)
    assert left == [5, 5] and len(s3.requests) == 2 + 5
    assert {one.thawed_until for one in done.seen} == {"2035-12-21T00:00:00+00:00"}


def test_files_for_a_fetch_say_until_when(s3: S3) -> None:
    thawed, thawing, hot, *_ = (versions[0] for versions in s3.objects.values())
    thawed.restore, thawing.restore, hot.storage_class = THAWED, 'ongoing-request="true"', "STANDARD"
    found = look(s3)
    states = [(file.state, file.ready_until[:4]) for file in for_fetching(found)]
    assert states == [("READY", "2035"), ("REQUESTED", ""), ("READY", "")]
    assert [(one.filename, one.ending) for one in not_thawed(found)] == [
        ("GX010052.MP4", "ended"), ("Urlaub.mp4", "ended"),
    ]  # fmt: skip


# The verbs


def test_the_verbs_need_no_stack_and_their_exit_codes_follow_the_thaw(
    verbs: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--bucket", NAME, "--month", "2026-05"]
    assert main.main(["restore", "plan", *words]) == Exit.FINE
    page = capsys.readouterr()
    assert "1 item, 3 originals, 60 B" in page.out and "`cloudsync restore start`" in page.err
    assert main.main(["restore", "status", *words]) == Exit.ATTENTION
    assert "never asked for, or their thawed copies have ended" in capsys.readouterr().out
    assert main.main(["restore", "start", *words]) == Exit.USAGE, "nobody can be asked"
    assert verbs.restored == [] and "--max-usd 0.01" in capsys.readouterr().err
    assert main.main(["restore", "start", *words, "--yes", "--max-usd", "0"]) == Exit.FAILED
    assert verbs.restored == [] and "more than --max-usd" in capsys.readouterr().err
    assert main.main(["restore", "start", *words, "--yes", "--max-usd", "0.01"]) == Exit.FINE
    assert "S3 was asked for 3 files" in capsys.readouterr().out and len(verbs.restored) == 3
    assert main.main(["restore", "status", *words]) == Exit.THAWING
    assert main.main(["restore", "start", *words, "--yes", "--max-usd", "0.01"]) == Exit.FINE
    assert len(verbs.restored) == 3
    for versions in verbs.objects.values():
        versions[0].restore = THAWED
    capsys.readouterr()
    assert main.main(["restore", "status", *words, "--wait", "--json"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["ready"], found["thawing"]) == ("restore-bucket-status", 3, 0)
    assert found["ready_until"] == "2035-12-21T00:00:00+00:00"


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--bucket", NAME], ["start", "--bucket", NAME, "x", "--everything"], ["status", "--bucket", NAME],
        ["status", "--bucket", NAME, "--latest", "x"], ["plan", "--bucket", "", "--everything"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_choice_is_needed(verbs: S3, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main.main(["restore", *words]) == Exit.USAGE
    assert capsys.readouterr().out == "" and verbs.requests == []


def test_footage_is_not_chosen_for_the_status_of_a_job(
    verbs: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stack, "find", lambda *_: Stack(verbs.bucket.account, "dev", {}))
    assert main.main(["restore", "status", "--everything"]) == Exit.USAGE
    assert "--bucket" in capsys.readouterr().err
