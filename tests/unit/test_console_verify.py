"""`cloudsync verify`: each archived file beside its object, a fresh reconciliation, and a certificate of both."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.response import StreamingBody
from cloud_sync_common.provider_access.certificate import Choice, Compared
from cloud_sync_common.transfer.copies import Pointer

from console import main
from console.errors import ConsoleError, Exit
from console.operations import stored_checksums, verify
from console.operations.ledger import Reading
from console.operations.run import Execution
from console.stack import Stack
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world

RECONCILED = {
    "status": "COMPLETE", "report_key": "runs/r/reconciliation.jsonl", "items": 20, "sources": 18, "objects": 18,
    "left_out": 0, "findings": {},
}  # fmt: skip


class Bucket:
    """The archive and the work bucket, by key: an object's size and checksum, or its content."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, str]] = {}
        self.contents: dict[str, bytes] = {}
        self.stored: dict[str, dict[str, Any]] = {}

    def head(self, Key: str, ChecksumMode: str, **_: Any) -> dict[str, Any]:
        assert ChecksumMode == "ENABLED"
        if Key not in self.objects:
            raise refusal("404", "HeadObject")
        size, checksum = self.objects[Key]
        return {"ContentLength": size, "VersionId": "v7"} | ({"ChecksumCRC64NVME": checksum} if checksum else {})

    def get(self, Key: str, **_: Any) -> dict[str, Any]:
        if Key not in self.contents:
            raise refusal("NoSuchKey", "GetObject")
        content = self.contents[Key]
        return {"Body": StreamingBody(io.BytesIO(content), len(content))}

    def put(self, Key: str, IfNoneMatch: str, **given: Any) -> dict[str, Any]:
        assert IfNoneMatch == "*" and Key not in self.stored
        self.stored[Key] = given
        return {}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("s3", head_object=bucket.head, get_object=bucket.get, put_object=bucket.put)
        world.answer("stepfunctions", list_executions=lambda **_: {"executions": [
            {"executionArn": arn} for arn, one in world.executions.items() if one["status"] == "RUNNING"
        ]}, describe_execution=lambda executionArn: described(world, executionArn))  # fmt: skip
        world.stack = Stack(world.account, "dev", {**world.stack.outputs, "WorkBucket": "work"})
        yield world


def described(world: World, arn: str) -> dict[str, Any]:
    if arn not in world.executions:
        raise refusal("ExecutionDoesNotExist", "DescribeExecution")
    return world.executions[arn]


def reconciled(world: World, name: str = "r", provider: str = "gopro", age_hours: float = 1, **more: Any) -> str:
    """A reconciliation that has ended."""
    began = datetime.now(UTC) - timedelta(hours=age_hours)
    given = {"provider": provider, "mode": "reconcile", **more.pop("given", {})}
    output = RECONCILED | more.pop("output", {})
    ended: dict[str, Any] = {"startDate": began, "stopDate": began + timedelta(minutes=1)}
    return world.night(name, provider, input=json.dumps(given), output=json.dumps(output), **ended, **more)


def archived(world: World, bucket: Bucket, name: str, size: int = 100, **more: Any) -> str:
    """A video of one file, whose object is as its row says; its key."""
    key = f"gopro/2026/05/{name}/{name}.MP4"
    row = {"status": "ARCHIVED", "key": key, "size": size, "checksum": f"crc-{name}",
           "archived_at": "2026-05-03T01:00:00+00:00", **more}  # fmt: skip
    world.put(f"gopro#{name}", "ITEM", status="ARCHIVED", captured_at="2026-05-02T10:00:00Z", bytes_total=size)
    world.put(f"gopro#{name}", "SOURCE#0001", **row)
    bucket.objects[key] = size, f"crc-{name}"
    return key


def compared(world: World, choice: Choice | None = None) -> Compared:
    (found,) = stored_checksums.compared(world.stack, ["gopro"], choice or Choice(), Reading(), lambda _: None)
    return found


def kinds(found: Compared) -> dict[str, int]:
    return {str(kind): count for kind, count in found.findings.items()}


# Each file and its object


def test_files_whose_objects_have_the_size_and_the_checksum_of_their_rows_agree(world: World, bucket: Bucket) -> None:
    for number in range(3):
        archived(world, bucket, f"v{number}", 100 + number)
    world.put("gopro#waits", "SOURCE#0001", status="IN_PROGRESS", key="gopro/x", size=5)
    world.put("dropbox#other", "SOURCE#0001", status="ARCHIVED", key="dropbox/x", size=5, checksum="c")
    world.put("CONTENT#5#crc64nvme:c", "gopro/x", checksum="c")
    found = compared(world)
    assert (found.files, found.bytes, found.unarchived, found.requests, kinds(found)) == (3, 303, 1, 3, {})


@pytest.mark.parametrize(
    ("stored", "kind", "detail"),
    [
        (None, "missing_object", "S3 has no such object"),
        ((99, "crc-v"), "size_differs", "99 instead of 100 bytes, version v7"),
        ((100, "crc-w"), "checksum_differs", "crc-w instead of crc-v, version v7"),
        ((100, ""), "checksum_differs", "none instead of crc-v, version v7"),
    ],
)
def test_an_object_that_is_not_what_its_row_says_is_named_with_both_values(
    world: World, bucket: Bucket, stored: tuple[int, str] | None, kind: str, detail: str
) -> None:
    key = archived(world, bucket, "v")
    bucket.objects.pop(key)
    if stored:
        bucket.objects[key] = stored
    found = compared(world)
    (example,) = found.examples
    assert kinds(found) == {kind: 1} and (example.media_id, example.key, example.detail) == ("v", key, detail)


def test_an_object_below_a_delete_marker_is_missing_and_can_be_had_back(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "v")
    deleted = refusal("404", "HeadObject")
    deleted.response["ResponseMetadata"] = {"HTTPHeaders": {"x-amz-delete-marker": "true"}}  # type: ignore[typeddict-item]
    world.answer("s3", head_object=deleted)
    (example,) = compared(world).examples
    assert example.detail == "it was deleted; the versions before are still there, below a delete marker"


@pytest.mark.parametrize("lacks", ["key", "size", "checksum"])
def test_a_row_of_an_archived_file_that_says_too_little_is_a_difference(
    world: World, bucket: Bucket, lacks: str
) -> None:
    archived(world, bucket, "v")
    world.put("gopro#v", "SOURCE#0001", **{
        name: value for name, value in {"status": "ARCHIVED", "key": "k", "size": 1, "checksum": "c"}.items()
        if name != lacks
    })  # fmt: skip
    found = compared(world)
    assert kinds(found) == {"odd_row": 1} and found.requests == 0


def test_a_file_of_which_a_later_version_is_archived_meanwhile_is_compared_with_that(
    world: World, bucket: Bucket
) -> None:
    key = archived(world, bucket, "v")

    def head(Key: str, **given: Any) -> dict[str, Any]:
        if Key == key:
            archived(world, bucket, "v", key="gopro/later", checksum="crc-later")
            bucket.objects["gopro/later"] = 100, "crc-later"
            raise refusal("404", "HeadObject")
        return bucket.head(Key, **given)

    world.answer("s3", head_object=head)
    found = compared(world)
    assert (found.files, found.changed, found.requests, kinds(found)) == (1, 1, 2, {})


def test_a_file_of_which_a_later_version_is_under_way_is_not_called_missing(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "v")

    def head(**_: Any) -> dict[str, Any]:
        archived(world, bucket, "v", status="IN_PROGRESS")
        raise refusal("404", "HeadObject")

    world.answer("s3", head_object=head)
    found = compared(world)
    assert (found.files, found.changed, found.unarchived, kinds(found)) == (0, 1, 1, {})


def test_a_refusal_is_no_difference(world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    archived(world, bucket, "v")
    for provider in ("gopro", "google_drive"):
        reconciled(world, provider, provider)
    world.answer("s3", head_object=refusal("403", "HeadObject"))
    assert main.main(["verify"]) == Exit.CREDENTIALS
    assert "may not do HeadObject" in capsys.readouterr().err and bucket.stored == {}


# Copies, damaged and disputed originals


def a_copy(world: World, bucket: Bucket, content: bytes) -> None:
    original = archived(world, bucket, "v")
    archived(world, bucket, "c", key="gopro/2026/05/c/c.MP4.copy", copy_of=original, checksum="crc-v")
    bucket.contents["gopro/2026/05/c/c.MP4.copy"] = content


def pointer(key: str = "gopro/2026/05/v/v.MP4", size: int = 100, checksum: str = "crc-v") -> bytes:
    return msgspec.json.encode(Pointer(key, size, checksum)) + b"\n"


def test_a_copy_agrees_if_its_pointer_and_the_object_with_the_bytes_do(world: World, bucket: Bucket) -> None:
    a_copy(world, bucket, pointer())
    found = compared(world)
    assert (found.files, found.copies, found.bytes, kinds(found)) == (2, 1, 100, {})


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (pointer(key="gopro/another"), "the pointer of a copy names another object than the ledger"),
        (pointer(size=99), "the pointer of a copy names another object than the ledger"),
        (pointer(checksum="crc-w"), "the pointer of a copy names another object than the ledger"),
        (b"\x00" * 100, "the pointer of a copy cannot be read"),
    ],
)
def test_a_pointer_that_says_something_else_than_the_row_is_a_difference(
    world: World, bucket: Bucket, content: bytes, detail: str
) -> None:
    a_copy(world, bucket, content)
    (example,) = compared(world).examples
    assert (example.media_id, example.kind, example.detail) == ("c", "checksum_differs", detail)


def test_a_copy_without_its_pointer_or_without_the_bytes_is_missing(world: World, bucket: Bucket) -> None:
    a_copy(world, bucket, pointer())
    bucket.contents.clear()
    assert compared(world).examples[0].detail == "the pointer of a copy: S3 has no such object"
    bucket.contents["gopro/2026/05/c/c.MP4.copy"] = pointer()
    bucket.objects.pop("gopro/2026/05/v/v.MP4")
    details = {one.media_id: one.detail for one in compared(world).examples}
    assert details["c"] == "S3 has no such object (a copy of gopro/2026/05/v/v.MP4)" and len(details) == 2


def test_damaged_and_disputed_originals_are_counted_and_compared_like_others(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "v", damage="the movie has no end")
    world.put("gopro#v", "ITEM", status="ARCHIVED", disputed="hash", bytes_total=100)
    found = compared(world)
    assert (found.files, found.damaged, found.disputed, kinds(found)) == (1, 1, 1, {})


# Which files


def test_since_leaves_out_what_was_archived_before_and_never_what_says_nothing(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "old", archived_at="2026-04-30T23:59:59.999999+00:00")
    archived(world, bucket, "new", archived_at="2026-05-01T00:00:00+00:00")
    archived(world, bucket, "odd", archived_at="")
    found = compared(world, Choice(since="2026-05-01T00:00:00+00:00"))
    assert (found.files, found.earlier) == (2, 1)


def test_a_sample_is_of_that_size_and_its_seed_chooses_the_same_files_again(world: World, bucket: Bucket) -> None:
    keys = {archived(world, bucket, f"v{number}") for number in range(40)}

    def looked_at(seed: str) -> set[str]:
        asked = world.scripted("s3").asked
        asked.clear()
        assert compared(world, Choice(sample=5, seed=seed)).files == 5
        return {arguments["Key"] for operation, arguments in asked if operation == "head_object"}

    first = looked_at("one")
    assert len(first) == 5 and first < keys and looked_at("one") == first and looked_at("two") != first


def test_a_sample_gets_a_seed_of_its_own_each_time() -> None:
    seeds = {verify.choice_of("", 5, "").seed for _ in range(5)}
    assert len(seeds) == 5 and verify.choice_of("", 5, "mine").seed == "mine" and verify.choice_of("", 0, "").seed == ""


# The reconciliation


def of_gopro(world: World, follow: Any = None, hours: int = 24) -> Any:
    def never(run: Execution) -> None:
        raise AssertionError(f"{run.run_id} was started")

    watching = verify.Watching(follow or never, lambda _: None)
    return verify.verify(world.stack, ["gopro"], Choice(), watching, fresh=timedelta(hours=hours))


def test_a_fresh_reconciliation_of_everything_is_not_repeated(world: World, bucket: Bucket) -> None:
    reconciled(world)
    (run,) = of_gopro(world).reconciliations
    assert (run.run_id, run.is_new, run.items, run.sources, run.objects) == ("r", False, 20, 18, 18)
    assert world.started == []


@pytest.mark.parametrize(
    "last",
    [
        {"age_hours": 25},
        {"provider": "google_drive"},
        {"status": "FAILED"},
        {"given": {"mode": "sync"}},
        {"given": {"filters": {"types": ["mp4"]}}},
        {"output": {"paused": True, "report_key": ""}},
        {"output": {"report_key": ""}},
    ],
)
def test_a_reconciliation_that_has_not_compared_all_of_it_lately_is_repeated(
    world: World, last: dict[str, Any]
) -> None:
    reconciled(world, "last", **last)

    def follow(run: Execution) -> None:
        reconciled(world, run.run_id, age_hours=0)

    (run,) = of_gopro(world, follow).reconciliations
    assert (run.is_new, run.run_id) == (True, world.started[0]["name"])
    assert json.loads(world.started[0]["input"]) == {"provider": "gopro", "mode": "reconcile"}


def test_a_reconciliation_whose_report_is_gone_is_repeated(world: World, bucket: Bucket) -> None:
    reconciled(world, "last", output={"findings": {"orphan_object": 1}})

    def follow(run: Execution) -> None:
        reconciled(world, run.run_id, age_hours=0)

    (run,) = of_gopro(world, follow).reconciliations
    assert run.is_new and run.findings == {}


def test_a_reconciliation_that_fails_certifies_nothing(world: World, bucket: Bucket) -> None:
    def follow(run: Execution) -> None:
        reconciled(
            world, run.run_id, age_hours=0, status="FAILED", error="ProviderUnavailableError", cause="No answer."
        )

    with pytest.raises(ConsoleError, match=r"did not succeed \(FAILED: No answer\)\. .*Nothing is certified\."):
        of_gopro(world, follow)
    assert bucket.stored == {}


def test_a_run_of_another_kind_that_is_under_way_is_named(world: World, bucket: Bucket) -> None:
    given = {"provider": "gopro"}
    arn = world.night("night", status="RUNNING", input=json.dumps(given))
    world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="night", execution_arn=arn)
    with pytest.raises(ConsoleError, match="run --follow night"):
        of_gopro(world)
    assert bucket.stored == {}


def test_what_the_reconciliation_has_found_is_in_the_certificate(world: World, bucket: Bucket) -> None:
    finding = {"kind": "orphan_object", "media_id": "m", "key": "gopro/stray", "detail": "5 bytes"}
    bucket.contents["runs/r/reconciliation.jsonl"] = json.dumps(finding).encode() + b"\n"
    reconciled(world, output={"findings": {"orphan_object": 1}})
    found = of_gopro(world)
    assert not found.agrees and found.reconciliations[0].examples[0].key == "gopro/stray"
    text = bucket.stored[found.text_key]["Body"].decode()
    assert "Result: 1 difference." in text and "orphan_object: m, gopro/stray, 5 bytes" in text


# The certificate


def test_a_certificate_is_stored_as_json_and_as_text_under_a_prefix_of_its_own(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "v")
    reconciled(world)
    found = of_gopro(world)
    assert found.agrees and not found.is_everything  # the other provider was left out
    assert found.key.startswith("certificates/") and set(bucket.stored) == {found.key, found.text_key}
    document = json.loads(bucket.stored[found.key]["Body"])
    assert (document["shape"], document["stack"], document["agrees"]) == (1, "CloudSync-dev", True)
    assert document["compared"][0]["files"] == 1 and document["compared"][0]["bytes"] == 100
    assert document["estimated_usd"] > 0
    text = bucket.stored[found.text_key]["Body"].decode()
    assert "everything that was compared agrees" in text and "1 file, 100 B (100 bytes)" in text


def test_the_months_are_counted_anew_on_the_way(world: World, bucket: Bucket) -> None:
    archived(world, bucket, "v")
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=7, bytes=7)
    reconciled(world)
    (months,) = of_gopro(world).safe
    assert (months.provider, months.originals, months.bytes, months.months) == ("gopro", 1, 100, 1)
    row = world.aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": "MONTH#2026-05"})["Item"]
    assert (row["originals"], row["bytes"]) == (1, 100)


def test_a_run_under_way_keeps_the_months_from_being_counted_and_the_certificate_says_so(
    world: World, bucket: Bucket
) -> None:
    reconciled(world)
    arn = world.night("night", "google_drive", status="RUNNING")
    world.put("PROVIDER#google_drive", "RUN_UNDER_WAY", current="night", execution_arn=arn)
    found = of_gopro(world)
    assert found.agrees and found.safe == [] and "A run of Google Drive is under way" in found.not_counted
    assert "was not counted anew: A run of" in bucket.stored[found.text_key]["Body"].decode()


# The command


@pytest.fixture
def both(world: World) -> World:
    for provider in ("gopro", "google_drive"):
        reconciled(world, provider, provider)
    return world


def test_all_that_agrees_is_printed_and_the_exit_code_is_0(
    both: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(both, bucket, "v")
    assert main.main(["verify"]) == Exit.FINE
    out = capsys.readouterr()
    (text_key,) = [key for key in bucket.stored if key.endswith(".txt")]
    assert out.out == bucket.stored[text_key]["Body"].decode() and text_key in out.err
    assert "every archived file" in out.out


def test_a_difference_is_exit_code_3_and_json_is_one_object(
    both: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.objects.pop(archived(both, bucket, "v"))
    assert main.main(["verify", "--json"]) == Exit.ATTENTION
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["kind"], found["agrees"], found["is_everything"]) == (1, "certificate", False, True)
    assert found["compared"][0]["findings"] == {"missing_object": 1}


def test_since_and_sample_are_stated_with_the_seed(
    both: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(both, bucket, "v")
    words = ["--since", "2026-05", "--sample", "3", "--seed", "s", "--provider", "gopro"]
    assert main.main(["verify", *words, "--json"]) == Exit.FINE
    found = json.loads(capsys.readouterr().out)
    assert found["choice"] == {"since": "2026-05-01T00:00:00+00:00", "sample": 3, "seed": "s"}
    assert not found["is_everything"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--since", "2999-01"], Exit.USAGE, "--since is in the future (2999-01)"),
        (["--since", "often"], Exit.USAGE, "--since must be a time"),
        (["--sample", "0"], Exit.USAGE, "--sample"),
        (["--seed", "s"], Exit.USAGE, "--seed is for --sample"),
        (["--provider", "flickr"], Exit.USAGE, "--provider must be one that this stack backs up"),
        (["--yes"], Exit.USAGE, "--yes is for --deep"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_stored(
    both: World, bucket: Bucket, capsys: pytest.CaptureFixture[str], words: list[str], code: Exit, sentence: str
) -> None:
    assert main.main(["verify", *words]) == code
    assert sentence in capsys.readouterr().err and bucket.stored == {}
