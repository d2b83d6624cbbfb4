"""`cloudsync verify --deep`: a job of S3 Batch Operations as AWS describes it, and its report beside the ledger."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.response import StreamingBody
from botocore.validate import ParamValidator

from console import main
from console.aws_refusals import SERVICE
from console.commands import deep as command
from console.errors import Exit
from console.stack import Stack
from tests.unit.console_account import ScriptedClient, refusal
from tests.unit.console_ledger import World, a_world

ACCOUNT, JOB = "123456789012", "0f1e2d3c-0000-4000-8000-123456789abc"
ROLE = f"arn:aws-cn:iam::{ACCOUNT}:role/checksums"
PLACE = f"certificates/deep/job-{JOB}"
# A row as the S3 user guide has it ("Examples: S3 Batch Operations completion reports"), with another algorithm.
SUCCEEDED = (
    '{bucket},{key},,succeeded,200,,"{{""checksum_base64"":""{checksum}"",""etag"":""3c3c18"",'
    '""checksumAlgorithm"":""{algorithm}"",""checksumType"":""FULL_OBJECT"",""checksum_hex"":""6D2F5339""}}"'
)
FAILED = (
    '{bucket},{key},,failed,200,PermanentFailure,"error details: {{""failureMessage"":"Task 2845ca0d Internal server '
    'error, please retry", ""errorCode"": "500"}}"'
)


class Bucket:
    """Both buckets, by key: contents of the work bucket; sizes and checksums of the archive."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.objects: dict[str, tuple[int, str]] = {}

    def head(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        if Key not in (self.contents if Bucket == "work" else self.objects):
            raise refusal("404", "HeadObject")
        size, checksum = self.objects.get(Key, (0, ""))
        return {"ContentLength": size, "ChecksumCRC64NVME": checksum}

    def get(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        assert Bucket == "work"
        if Key not in self.contents:
            raise refusal("NoSuchKey", "GetObject")
        content = self.contents[Key]
        return {"Body": StreamingBody(io.BytesIO(content), len(content))}

    def put(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str, **_: Any) -> dict[str, Any]:
        assert (Bucket, IfNoneMatch) == ("work", "*") and Key not in self.contents
        self.contents[Key] = Body
        return {"ETag": '"60e460c9"'}

    def certificates(self) -> list[dict[str, Any]]:
        return [json.loads(c) for k, c in self.contents.items() if k.endswith(".json") and "/deep/" not in k]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.answer("s3", head_object=bucket.head, get_object=bucket.get, put_object=bucket.put)
        world.account.services["s3control"] = ScriptedClient({"create_job": {"JobId": JOB}})
        outputs = {**world.stack.outputs, "WorkBucket": "work", "ChecksumRoleArn": ROLE}
        world.stack = Stack(world.account, "dev", outputs)
        yield world


def archived(world: World, name: str, key: str = "", **more: Any) -> str:
    key = key or f"gopro/2026/05/{name}/{name}.MP4"
    row = {"status": "ARCHIVED", "key": key, "size": 100, "checksum": f"crc-{name}==",
           "archived_at": "2026-05-03T01:00:00+00:00", **more}  # fmt: skip
    world.put(f"gopro#{name}", "SOURCE#0001", **row)
    return key


def created(world: World) -> dict[str, Any]:
    (given,) = [given for operation, given in world.scripted("s3control").asked if operation == "create_job"]
    return given


def manifest(world: World, bucket: Bucket) -> list[str]:
    key = created(world)["Manifest"]["Location"]["ObjectArn"].removeprefix("arn:aws-cn:s3:::work/")
    return bucket.contents[key].decode().splitlines()


def start(world: World, *words: str) -> None:
    assert main.main(["verify", "--deep", "--yes", *words]) == Exit.FINE


def job(world: World, status: str = "Complete", **more: Any) -> None:
    given = created(world)
    described = {"Status": status, "Manifest": given["Manifest"], "Operation": given["Operation"], **more}
    world.answer("s3control", describe_job=lambda AccountId, JobId: {"Job": described})


def succeeded(key: str, checksum: str, algorithm: str = "CRC64NVME", bucket: str = "archive") -> str:
    written = checksum.replace("=", "\\u003d")
    return SUCCEEDED.format(bucket=bucket, key=key, checksum=written, algorithm=algorithm)


def report(bucket: Bucket, *rows: str, **more: Any) -> None:
    key = f"{PLACE}/results/6217b0.csv"
    result = {"TaskExecutionStatus": "succeeded", "Bucket": "work", "MD5Checksum": "83b1", "Key": key}
    said = {"Format": "Report_CSV_20180820", "ReportCreationDate": "2026-11-27T06:00:00Z", "Results": [result], **more}
    bucket.contents[f"{PLACE}/manifest.json"] = json.dumps(said).encode()
    bucket.contents[key] = "".join(f"{row}\n" for row in rows).encode()


def finish(*words: str) -> int:
    return main.main(["verify", "--deep-job", JOB, *words])


# Starting a job


def test_the_job_is_one_that_aws_describes(world: World, bucket: Bucket) -> None:
    archived(world, "v")
    start(world)
    given = created(world)
    service = botocore.session.get_session().get_service_model("s3control")
    model: Any = service.operation_model("CreateJob").input_shape
    assert ParamValidator().validate(given, model).generate_report() == ""
    for names in (
        ("Operation", "S3ComputeObjectChecksum", "ChecksumAlgorithm"),
        ("Operation", "S3ComputeObjectChecksum", "ChecksumType"),
        ("Report", "ReportScope"), ("Report", "Format"), ("Manifest", "Spec", "Format"),
    ):  # fmt: skip
        shape, value = model, given
        for name in names:
            shape, value = shape.members[name], value[name]
        assert value in shape.enum
    assert (given["AccountId"], given["RoleArn"], given["ConfirmationRequired"]) == (ACCOUNT, ROLE, False)
    assert (given["Report"]["Bucket"], given["Report"]["Prefix"]) == ("arn:aws-cn:s3:::work", "certificates/deep")
    assert given["Manifest"]["Location"]["ETag"] == "60e460c9"


def test_the_manifest_has_each_chosen_object_once_and_its_key_encoded(world: World, bucket: Bucket) -> None:
    original = archived(world, "v")
    archived(world, "copy", copy_of=original)
    archived(world, "odd", key='gopro/a b,"c"+d%20\nü.MP4')
    archived(world, "old", archived_at="2026-04-01T00:00:00+00:00")
    archived(world, "waits", status="IN_PROGRESS")
    world.put("google_drive#x", "SOURCE#0001", status="ARCHIVED", key="google_drive/x", size=1, checksum="c")
    start(world, "--since", "2026-05", "--provider", "gopro")
    assert manifest(world, bucket) == [
        "archive,gopro/2026/05/v/v.MP4", "archive,gopro/a%20b%2C%22c%22%2Bd%2520%0A%C3%BC.MP4"
    ]  # fmt: skip


def test_a_sample_of_the_same_seed_is_of_the_same_files(world: World, bucket: Bucket) -> None:
    for number in range(20):
        archived(world, f"v{number}")
    found = []
    for _ in range(2):
        world.scripted("s3control").asked.clear()
        start(world, "--sample", "3", "--seed", "s")
        found.append(manifest(world, bucket))
    assert found[0] == found[1] and len(found[0]) == 3


def test_it_says_how_much_is_read_and_that_the_price_is_on_awss_page(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(world, "v")
    assert main.main(["verify", "--deep"]) == Exit.USAGE  # no terminal to ask on
    said = capsys.readouterr().err
    assert "1 object again, 100 B" in said and "aws.amazon.com/s3/pricing" in said and "--yes" in said
    assert bucket.contents == {} and world.scripted("s3control").asked == []


@pytest.mark.parametrize("answer", [True, False])
def test_a_job_is_started_by_a_yes_only(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    archived(world, "v")
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda question, *, err: answer)
    assert (main.main(["verify", "--deep"]) == Exit.FINE) is answer
    assert bool(bucket.contents) is bool(world.scripted("s3control").asked) is answer


def test_the_id_of_the_job_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    archived(world, "v")
    start(world)
    assert f"cloudsync verify --deep-job {JOB}" in capsys.readouterr().out
    start(world, "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["job_id"], said["objects"]) == ("deep-job", JOB, 1)


def test_nothing_that_is_archived_starts_no_job(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["verify", "--deep", "--yes"]) == Exit.FAILED
    assert "nothing that S3 could read" in capsys.readouterr().err


@pytest.mark.parametrize("code", ["NotImplemented", "UnknownOperation", "NoSuchBucket", "MethodNotAllowed"])
def test_where_there_is_no_such_service_one_sentence_says_so(
    world: World, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    archived(world, "v")
    world.answer("s3control", create_job=refusal(code, "CreateJob"), describe_job=refusal(code, "DescribeJob"))
    for words in (["--deep", "--yes"], ["--deep-job", JOB]):
        assert main.main(["verify", *words]) == Exit.FAILED
        assert "S3 Batch Operations does not exist here" in capsys.readouterr().err


def test_the_emulators_environment_is_not_even_asked(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(world, "v")
    world.stack = Stack(world.account, "local", world.stack.outputs)
    for words in (["--deep", "--yes"], ["--deep-job", JOB]):
        assert main.main(["verify", *words]) == Exit.FAILED
        assert "S3 Batch Operations does not exist here" in capsys.readouterr().err
    assert bucket.contents == {} and world.scripted("s3control").asked == []


@pytest.mark.parametrize(
    ("message", "permission"),
    [
        ("words that may change", "s3:CreateJob"),
        ("User: x is not authorized to perform: iam:PassRole on resource: y", "iam:PassRole"),
    ],
)
def test_a_refusal_names_the_permission_and_the_policy_that_has_it(
    world: World, capsys: pytest.CaptureFixture[str], message: str, permission: str
) -> None:
    archived(world, "v")
    error = refusal("AccessDenied", "CreateJob")
    error.response["Error"]["Message"] = message
    error.response[SERVICE] = "s3control"  # type: ignore[literal-required]
    world.answer("s3control", create_job=error)
    assert main.main(["verify", "--deep", "--yes"]) == Exit.CREDENTIALS
    assert f"may not do {permission}. Attach the managed policy CloudSyncVerifier" in capsys.readouterr().err


# How far it is


@pytest.mark.parametrize("status", ["New", "Preparing", "Active", "Completing", "Paused", "of a later year"])
def test_a_job_under_way_is_exit_code_10_and_says_how_far_it_is(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    archived(world, "v")
    start(world)
    progress = {"TotalNumberOfTasks": 9, "NumberOfTasksSucceeded": 3, "NumberOfTasksFailed": 1}
    job(world, status, ProgressSummary=progress)
    assert finish() == Exit.THAWING
    assert f"({status}): 4 of 9 objects" in " ".join(capsys.readouterr().out.split())
    assert finish("--json") == Exit.THAWING
    assert json.loads(capsys.readouterr().out)["status"] == status and bucket.certificates() == []


def test_a_complete_job_whose_report_is_not_written_yet_is_under_way(world: World) -> None:
    archived(world, "v")
    start(world)
    job(world)
    assert finish() == Exit.THAWING


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_job_that_has_failed_says_why_and_certifies_nothing(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    archived(world, "v")
    start(world)
    report(bucket, succeeded("gopro/2026/05/v/v.MP4", "crc-v=="))
    job(world, status, FailureReasons=[{"FailureCode": "ManifestNotFound", "FailureReason": "No manifest.\x1b[31m"}])
    assert finish() == Exit.FAILED
    said = capsys.readouterr().err
    assert "ManifestNotFound No manifest" in said and status in said and "\x1b" not in said
    assert bucket.certificates() == []


@pytest.mark.parametrize(
    "other",
    [
        {"Manifest": {"Location": {"ObjectArn": "arn:aws-cn:s3:::another/certificates/deep/x.csv"}}},
        {"Manifest": {}},
        {"Operation": {"S3PutObjectCopy": {}}},
    ],
)
def test_a_job_of_somebody_else_is_none_of_ours(
    world: World, capsys: pytest.CaptureFixture[str], other: dict[str, Any]
) -> None:
    archived(world, "v")
    start(world)
    job(world, **other)
    assert finish() == Exit.NOT_FOUND
    assert "was not started by `cloudsync verify --deep`" in capsys.readouterr().err


def test_a_job_that_there_is_not_is_not_found(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.answer("s3control", describe_job=refusal("NotFoundException", "DescribeJob"))
    assert finish() == Exit.NOT_FOUND
    assert JOB in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--deep-job", "../x"], "--deep-job must be the id of a job"),
        (["--deep-job", JOB, "--deep"], "leave out what chooses files"),
        (["--deep-job", JOB, "--provider", "gopro"], "leave out what chooses files"),
    ],
)
def test_options_that_do_not_fit_together_are_one_sentence(
    world: World, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main.main(["verify", *words]) == Exit.USAGE
    assert sentence in capsys.readouterr().err


# What it has computed


def test_all_that_agrees_is_certified_with_what_was_compared(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    key = archived(world, "v")
    archived(world, "copy", copy_of=key, checksum="crc-v==")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-v=="))
    capsys.readouterr()
    assert finish() == Exit.FINE
    text = capsys.readouterr().out
    assert "the bytes, read again by S3" in text and JOB in text and "everything that was compared agrees" in text
    (certificate,) = bucket.certificates()
    compared = {one["provider"]: one for one in certificate["compared"]}
    assert (compared["gopro"]["files"], compared["gopro"]["copies"], compared["gopro"]["bytes"]) == (2, 1, 100)
    assert (certificate["deep_job"], certificate["agrees"], certificate["is_everything"]) == (JOB, True, True)
    assert not any("the bytes themselves" in text for text in certificate["not_compared"])


@pytest.mark.parametrize(
    "written", ["gopro/a%20b%2Bc%2520.MP4", "gopro/a b+c%20.MP4", "gopro/a%20b+c%2520.MP4"], ids=str
)
def test_a_key_is_known_again_as_the_manifest_has_it_or_plain(world: World, bucket: Bucket, written: str) -> None:
    archived(world, "v", key="gopro/a b+c%20.MP4")
    start(world)
    job(world)
    report(bucket, succeeded(written, "crc-v=="))
    assert finish() == Exit.FINE


def test_a_checksum_that_differs_is_exit_code_3_and_named(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    key = archived(world, "v")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-w=="))
    capsys.readouterr()
    assert finish("--json") == Exit.ATTENTION
    found = json.loads(capsys.readouterr().out)
    (example,) = found["compared"][0]["examples"]
    assert (example["kind"], example["key"]) == ("checksum_differs", key)
    assert example["detail"] == "crc-w== instead of crc-v==, computed anew" and not found["agrees"]


def test_a_row_that_was_changed_after_the_job_began_is_compared_as_it_is_now(world: World, bucket: Bucket) -> None:
    key = archived(world, "v")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-v=="))
    archived(world, "v", checksum="crc-other==")
    assert finish() == Exit.ATTENTION


@pytest.mark.parametrize("later", [{"key": "gopro/later"}, {"status": "IN_PROGRESS"}])
def test_a_file_with_a_later_version_by_now_is_counted_apart(
    world: World, bucket: Bucket, later: dict[str, Any]
) -> None:
    first, second = archived(world, "v"), archived(world, "w")
    start(world)
    job(world)
    report(bucket, succeeded(first, "crc-v=="), succeeded(second, "crc-w=="))
    archived(world, "w", **later)
    assert finish() == Exit.FINE
    (compared, _) = bucket.certificates()[0]["compared"]
    assert (compared["files"], compared["changed"], compared["findings"]) == (1, 1, {})


def test_an_archived_row_that_says_too_little_is_a_difference(world: World, bucket: Bucket) -> None:
    key = archived(world, "v")
    archived(world, "odd", checksum="")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-v=="), succeeded("gopro/2026/05/odd/odd.MP4", "x"))
    assert finish() == Exit.ATTENTION
    assert bucket.certificates()[0]["compared"][0]["findings"] == {"odd_row": 1}


def test_an_object_of_which_s3_computed_nothing_never_agrees(world: World, bucket: Bucket) -> None:
    lost, there = archived(world, "lost"), archived(world, "there")
    bucket.objects[there] = 100, "crc-there=="
    start(world)
    job(world)
    report(bucket, *(FAILED.format(bucket="archive", key=key) for key in (lost, there)))
    assert finish() == Exit.ATTENTION
    examples = {one["media_id"]: one for one in bucket.certificates()[0]["compared"][0]["examples"]}
    assert examples["lost"]["kind"] == "missing_object"
    assert examples["there"]["kind"] == "checksum_differs"
    assert "S3 could compute none: 200 PermanentFailure" in examples["there"]["detail"]


V = "gopro/2026/05/v/v.MP4"
GOOD = succeeded(V, "crc-v==")


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([], {}),
        ([GOOD, GOOD], {}),
        ([GOOD, succeeded("gopro/another", "crc-v==")], {}),
        ([succeeded(V, "crc-v==", algorithm="CRC32")], {}),
        ([succeeded(V, "")], {}),
        ([succeeded(V, "crc-v==", bucket="another")], {}),
        ([f"archive,{V},,succeeded,200,,agrees"], {}),
        ([f'archive,{V},,succeeded,200,,"{{""checksum_base64"": 7}}"'], {}),
        ([f"archive,{V},,succeeded,200,"], {}),
        ([f"archive,{V},,skipped,200,,"], {}),
        ([f"archive,{V},,succeeded,200,,{'[' * 200_000}"], {}),
        ([f"archive,{V},,succeeded,200,,{'[' * 100_000}"], {}),
        ([GOOD], {"Format": "Report_CSV_20300101"}),
        ([GOOD], {"Results": [{"Bucket": "another", "Key": f"{PLACE}/results/6217b0.csv"}]}),
        ([GOOD], {"Results": "none"}),
    ],
)  # fmt: skip
def test_a_report_of_another_form_is_a_sentence_and_never_agrees(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str], rows: list[str], more: dict[str, Any]
) -> None:
    archived(world, "v")
    start(world)
    job(world)
    report(bucket, *rows, **more)
    assert finish() == Exit.FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert "is not as Cloud Sync knows it" in said and "Nothing is certified." in said and bucket.certificates() == []


def test_a_lost_note_of_what_was_asked_for_certifies_nothing(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    key = archived(world, "v")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-v=="))
    (note,) = [one for one in bucket.contents if one.endswith(".json") and "/job-" not in one]
    bucket.contents[note] = b"{}"
    assert finish() == Exit.FAILED
    assert "cannot be read" in " ".join(capsys.readouterr().err.split()) and bucket.certificates() == []


@pytest.mark.parametrize("lost", [f"{PLACE}/results/6217b0.csv", "note"])
def test_a_part_of_the_report_that_is_gone_certifies_nothing(
    world: World, bucket: Bucket, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    key = archived(world, "v")
    start(world)
    job(world)
    report(bucket, succeeded(key, "crc-v=="))
    (note,) = [one for one in bucket.contents if one.endswith(".json") and "/job-" not in one]
    del bucket.contents[note if lost == "note" else lost]
    assert finish() == Exit.FAILED
    assert "is not there any more" in " ".join(capsys.readouterr().err.split()) and bucket.certificates() == []
