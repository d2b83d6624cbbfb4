"""`cloudsync restore fetch --to`: originals copied to another bucket within the cloud."""

from __future__ import annotations

import json

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, Tier
from msgspec import structs

from console import main
from console.commands import restore_to
from console.errors import ConsoleError, CredentialsRefusedError, Exit, NotFoundError, UsageError
from console.operations.restore import fetching
from console.operations.restore import jobs as restore_jobs
from console.operations.restore.bucket_copy import MOST_PARTS, Place, Sizes, ranges
from console.operations.restore.to_bucket import Copied, Named, Outcome, ToBucket, place_of
from console.output import Output
from console.stack import Stack
from tests.unit.console_account import OUTPUTS, ScriptedAccount
from tests.unit.fake_buckets import FakeBuckets, checksum

PLACE = Place("mine", "videos/")
THAWED = 'ongoing-request="false", expiry-date="Fri, 04 Dec 2026 00:00:00 GMT"'
CONTENT = b"0123456789" * 7


@pytest.fixture
def s3() -> FakeBuckets:
    return FakeBuckets("archive", "mine")


def archived(s3: FakeBuckets, number: int, content: bytes = CONTENT, **more: str) -> JobFile:
    """An original in Deep Archive, thawed unless `restore` says otherwise, and its row in the job."""
    key = f"gopro/2026/05/id{number}/GX01000{number}.MP4"
    given = {"storage_class": "DEEP_ARCHIVE", "restore": THAWED, **more}
    stored = s3.put("archive", key, content, metadata={"captured-at": "2026-05-01T10:00:00+00:00"}, **given)
    return JobFile(
        number=number, provider="gopro", media_id=f"id{number}", filename=f"GX01000{number}.MP4", key=key,
        version_id=stored.version_id, size=len(content), checksum=checksum(content),
    )  # fmt: skip


def copied(s3: FakeBuckets, *files: Named, sizes: Sizes | None = None, place: Place = PLACE) -> list[Copied]:
    return list(ToBucket(s3, "archive", place, sizes or Sizes()).copy(files))


def test_a_thawed_original_is_copied_with_its_metadata_and_its_checksum_compared(s3: FakeBuckets) -> None:
    file = archived(s3, 1)
    (one,) = copied(s3, (file, "2026-05/GX010001.MP4"), place=Place("mine", "videos/", "GLACIER_IR"))
    there = s3.buckets["mine"]["videos/2026-05/GX010001.MP4"]
    assert (one.outcome, one.key, one.bytes) == (Outcome.COPIED, "videos/2026-05/GX010001.MP4", 70)
    assert (there.content, there.storage_class) == (CONTENT, "GLACIER_IR")
    assert there.metadata == {"captured-at": "2026-05-01T10:00:00+00:00"} and one.checksum == file.checksum


def test_what_is_larger_than_one_request_copies_is_copied_in_whole_parts(s3: FakeBuckets) -> None:
    (one,) = copied(s3, (archived(s3, 1), "a.mp4"), sizes=Sizes(at_once=69, part=32))
    parts = sorted(given["CopySourceRange"] for name, given in s3.asked if name == "upload_part_copy")
    assert parts == ["bytes=0-31", "bytes=32-63", "bytes=64-69"] and "copy_object" not in dict(s3.asked)
    assert (one.outcome, s3.buckets["mine"]["videos/a.mp4"].content, s3.uploads) == (Outcome.COPIED, CONTENT, {})
    assert s3.buckets["mine"]["videos/a.mp4"].metadata == {"captured-at": "2026-05-01T10:00:00+00:00"}


def test_the_largest_object_of_s3_has_no_more_parts_than_s3_takes() -> None:
    found = list(ranges(5 * 2**40, 2**20))
    assert len(found) <= MOST_PARTS and found[-1][2] == 5 * 2**40 - 1
    assert {last - first + 1 for _, first, last in found[:-1]} == {525 * 2**20}


def test_a_repeated_command_copies_only_what_is_missing(s3: FakeBuckets) -> None:
    files = [(archived(s3, n, bytes([n]) * 30), f"{n}.mp4") for n in range(1, 6)]
    copied(s3, *files[:3])
    s3.asked.clear()
    found = copied(s3, *files)
    assert [one.outcome for one in found] == [Outcome.THERE] * 3 + [Outcome.COPIED] * 2
    assert sorted(s3.names("copy_object")) == ["videos/4.mp4", "videos/5.mp4"]


def test_another_object_of_the_name_is_never_overwritten(s3: FakeBuckets) -> None:
    s3.put("mine", "videos/a.mp4", b"somebody's own")
    files = [(archived(s3, 1, b"one"), "a.mp4"), (archived(s3, 2, b"two"), "a.mp4")]
    found = copied(s3, *files)
    assert s3.buckets["mine"]["videos/a.mp4"].content == b"somebody's own"
    assert sorted(one.key for one in found) == ["videos/a (2).mp4", "videos/a (3).mp4"]
    assert {one.outcome for one in copied(s3, *files)} == {Outcome.THERE}


def test_what_takes_the_name_in_the_last_moment_is_not_overwritten_either(s3: FakeBuckets) -> None:
    file = archived(s3, 1)

    def taken(operation: str, key: str) -> str:
        if operation == "copy_object" and "videos/a.mp4" not in s3.buckets["mine"]:
            s3.put("mine", "videos/a.mp4", b"quicker")
        return ""

    s3.refuse = taken
    (one,) = copied(s3, (file, "a.mp4"))
    assert (one.outcome, one.key) == (Outcome.COPIED, "videos/a (2).mp4")
    assert s3.buckets["mine"]["videos/a.mp4"].content == b"quicker"


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(at_once=10, part=32)], ids=["whole", "in parts"])
def test_a_copy_that_differs_is_named_and_made_once_more(s3: FakeBuckets, sizes: Sizes) -> None:
    spoiled = [b"x" * 70]
    s3.spoil = lambda content: spoiled.pop()[: len(content)] if spoiled else content
    (one,) = copied(s3, (archived(s3, 1), "a.mp4"), sizes=sizes)
    assert (one.outcome, s3.uploads) == (Outcome.COPIED, {}) and "made again" in one.problem
    assert s3.buckets["mine"]["videos/a.mp4"].content == CONTENT


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(at_once=10, part=32)], ids=["whole", "in parts"])
def test_a_copy_that_differs_twice_is_not_kept(s3: FakeBuckets, sizes: Sizes) -> None:
    s3.spoil = lambda content: b"x" * len(content)
    (one,) = copied(s3, (archived(s3, 1), "a.mp4"), sizes=sizes)
    assert (one.outcome, s3.buckets["mine"], s3.uploads) == (Outcome.FAILED, {}, {})
    assert "differed from the original twice, and was not kept" in one.problem


def test_a_wrong_copy_that_cannot_be_removed_is_named(s3: FakeBuckets) -> None:
    s3.spoil = lambda content: b"x" * len(content)
    s3.refuse = lambda operation, _: "AccessDenied" if operation == "delete_object" else ""
    (one,) = copied(s3, (archived(s3, 1), "a.mp4"))
    assert one.problem == "the copy videos/a.mp4 differs from the original and cannot be removed: delete it"


@pytest.mark.parametrize("restore", ["", 'ongoing-request="true"'])
def test_what_is_still_frozen_is_not_asked_for(s3: FakeBuckets, restore: str) -> None:
    (one,) = copied(s3, (archived(s3, 1, restore=restore), "a.mp4"))
    assert one.outcome is Outcome.THAWING and "copy_object" not in dict(s3.asked)


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(at_once=10, part=32)], ids=["whole", "in parts"])
def test_what_froze_in_the_last_moment_is_still_thawing_and_leaves_no_parts(s3: FakeBuckets, sizes: Sizes) -> None:
    copies = ("copy_object", "upload_part_copy")
    s3.refuse = lambda operation, _: "InvalidObjectState" if operation in copies else ""
    (one,) = copied(s3, (archived(s3, 1), "a.mp4"), sizes=sizes)
    assert (one.outcome, s3.uploads, s3.buckets["mine"]) == (Outcome.THAWING, {}, {})


def test_an_original_whose_bytes_are_not_the_ledgers_is_not_copied(s3: FakeBuckets) -> None:
    file = archived(s3, 1)
    s3.buckets["archive"][file.key].content = b"9" * 70
    (one,) = copied(s3, (file, "a.mp4"))
    assert one.outcome is Outcome.FAILED and "other bytes than the ledger says" in one.problem
    assert s3.buckets["mine"] == {}


def test_an_original_that_is_gone_stops_no_other_one(s3: FakeBuckets) -> None:
    lost, kept = archived(s3, 1), archived(s3, 2)
    del s3.buckets["archive"][lost.key]
    first, second = copied(s3, (lost, "a.mp4"), (kept, "b.mp4"))
    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.COPIED)
    assert "no such version" in first.problem


@pytest.mark.parametrize(
    ("operation", "code", "kind", "says"),
    [
        ("copy_object", "NoSuchBucket", NotFoundError, "There is no bucket mine"),
        ("copy_object", "AccessDenied", CredentialsRefusedError, "s3:PutObject"),
        ("head_object", "403", CredentialsRefusedError, "s3:ListBucket"),
        ("copy_object", "KMS.DisabledException", ConsoleError, "KMS key"),
        ("copy_object", "KMS.AccessDeniedException", CredentialsRefusedError, "KMS key"),
        ("create_multipart_upload", "InvalidStorageClass", UsageError, "storage class"),
        ("create_multipart_upload", "KeyTooLongError", UsageError, "too long a prefix"),
    ],
)
def test_what_no_file_can_be_copied_with_is_one_sentence(
    s3: FakeBuckets, operation: str, code: str, kind: type[ConsoleError], says: str
) -> None:
    sizes = Sizes(at_once=10, part=32) if "multipart" in operation else Sizes()
    file = archived(s3, 1)
    s3.refuse = lambda asked, key: code if asked == operation and key.startswith("videos/") else ""
    with pytest.raises(kind, match=says):
        copied(s3, (file, "a.mp4"), sizes=sizes)
    assert s3.uploads == {}


def test_a_part_that_fails_leaves_no_upload_behind(s3: FakeBuckets) -> None:
    s3.refuse = lambda operation, _: "AccessDenied" if operation == "upload_part_copy" else ""
    with pytest.raises(CredentialsRefusedError):
        copied(s3, (archived(s3, 1), "a.mp4"), sizes=Sizes(at_once=10, part=3))
    assert (s3.uploads, s3.names("abort_multipart_upload")) == ({}, ["videos/a.mp4"])


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [("s3://mine", "mine", ""), ("s3://mine/", "mine", ""), ("s3://mine/a/b/", "mine", "a/b/"),
     ("s3://mine/ä", "mine", "ä/")],
)  # fmt: skip
def test_a_place_is_a_bucket_and_a_prefix(uri: str, bucket: str, prefix: str) -> None:
    assert place_of(uri, "STANDARD", {"archive", "work"}) == Place(bucket, prefix, "STANDARD")


@pytest.mark.parametrize("uri", ["mine/a", "S3://mine", "s3://", "s3://M", "s3://archive/x", f"s3://mine/{'x' * 701}"])
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        place_of(uri, "STANDARD", {"archive", "work"})


def test_the_command_says_what_became_of_each_and_exits_accordingly(
    s3: FakeBuckets, capsys: pytest.CaptureFixture[str]
) -> None:
    good, frozen, lost = archived(s3, 1), archived(s3, 2, restore=""), archived(s3, 3)

    def copy(*files: Named, as_json: bool = False) -> int:
        output = Output(as_json=as_json)
        return restore_to.answered(output, PLACE, restore_to.copies(s3, "archive", PLACE, files, output))

    assert copy((good, "a.mp4")) == Exit.FINE
    assert "1 file copied to s3://mine/videos/, 70 B; every checksum agrees." in capsys.readouterr().out
    named = [(good, "a.mp4"), (frozen, "b.mp4")]
    assert copy(*named) == Exit.THAWING
    said = capsys.readouterr().out
    assert "1 file was there already" in said and "1 file is still thawing: repeat the command later." in said
    del s3.buckets["archive"][lost.key]
    assert copy(*named, (lost, "c.mp4"), as_json=True) == Exit.FAILED
    document = json.loads(capsys.readouterr().out)
    assert [one["outcome"] for one in document["files"]] == ["there", "thawing", "failed"]
    assert (document["kind"], document["bucket"], document["prefix"]) == ("restore-copied", "mine", "videos/")


class Owners:
    """A stack with a job, whose S3 is the one of these tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, s3: FakeBuckets, files: list[JobFile]) -> None:
        self.noted: list[str] = []
        job = Job(
            job_id="restore-1", created_at="2026-11-27T00:00:00Z", selection="", fingerprint="", tier=Tier.BULK, days=7,
            files=len(files), bytes=0, quoted_usd=0, state=JobState.READY,
        )  # fmt: skip
        outputs = {**OUTPUTS, "ArchiveBucket": "archive", "WorkBucket": "work"}
        stack = Stack(ScriptedAccount(), "dev", outputs)
        monkeypatch.setattr(stack.account, "client", lambda _: s3)
        monkeypatch.setattr(Stack, "find", lambda *_: stack)
        monkeypatch.setattr(restore_jobs, "named", lambda _stack, _name: job)
        monkeypatch.setattr(fetching, "ready_jobs", lambda _: [job])
        monkeypatch.setattr(fetching, "JobFiles", lambda _stack, _jobs: files)
        monkeypatch.setattr(fetching, "note_fetched", lambda _, one: self.noted.append(one.job_id))


@pytest.mark.parametrize("words", [("restore-1",), ("--ready",)])
def test_fetch_to_a_bucket_takes_the_place_of_a_directory(
    s3: FakeBuckets, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    file = structs.replace(archived(s3, 1), captured_at="2026-05-01T10:00:00Z")
    owners = Owners(monkeypatch, s3, [file])
    asked = ["restore", "fetch", *words, "--to", "s3://mine/out", "--storage-class", "glacier_ir"]
    assert main.main(asked) == Exit.FINE
    assert s3.buckets["mine"]["out/2026-05/GX010001.MP4"].storage_class == "GLACIER_IR"
    assert owners.noted == ["restore-1"]
    assert main.main(["restore", "fetch", *words, "--to", "s3://mine/all", "--layout", "flat"]) == Exit.FINE
    assert "all/GX010001.MP4" in s3.buckets["mine"]


def test_a_job_of_which_a_file_is_still_frozen_is_not_noted_as_fetched(
    s3: FakeBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = structs.replace(archived(s3, 2), state=FileState.FAILED, problem="It is gone.")
    owners = Owners(monkeypatch, s3, [archived(s3, 1, restore=""), archived(s3, 3)])
    assert main.main(["restore", "fetch", "restore-1", "--to", "s3://mine"]) == Exit.THAWING
    Owners(monkeypatch, s3, [lost])
    assert main.main(["restore", "fetch", "restore-1", "--to", "s3://mine"]) == Exit.FAILED
    assert owners.noted == [] and list(s3.buckets["mine"]) == ["unknown month/GX010003.MP4"]


@pytest.mark.parametrize("words", [("restore-1", "DIR"), (), ("restore-1", "--ready")])
def test_with_a_bucket_there_is_no_directory(
    s3: FakeBuckets, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    Owners(monkeypatch, s3, [])
    assert main.main(["restore", "fetch", *words, "--to", "s3://mine"]) == Exit.USAGE
    assert "With --to name the job alone" in capsys.readouterr().err
