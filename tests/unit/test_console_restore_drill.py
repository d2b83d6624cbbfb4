"""`cloudsync restore drill`: begun by one command, done by a later one, and never more than its price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState

from console import main
from console.errors import ConsoleError, Exit
from console.operations.restore import proof
from console.operations.restore.drill import LapsedError
from console.stack import Stack
from tests.unit.console_archive import Archive, an_archive
from tests.unit.fake_buckets import checksum

CONTENT = b"an original"
GONE, FUTURE = ((datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds") for days in (-1, 2))


class Drills:
    """The archive, what a fetch brings into its folder, and the certificates that were stored."""

    def __init__(self, archive: Archive, cache: Path) -> None:
        self.archive, self.cache = archive, cache
        self.bytes, self.problems = dict[int, bytes](), dict[int, str]()
        self.error: ConsoleError | None = None
        self.fetched: list[list[JobFile]] = []
        self.stored: dict[str, bytes] = {}
        world = archive.world
        world.stack = Stack(world.account, "dev", {**world.stack.outputs, "WorkBucket": "work"})
        world.answer("s3", put_object=self._put)

    def _put(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str, **_: str) -> None:
        assert (Bucket, IfNoneMatch) == ("work", "*") and Key not in self.stored
        self.stored[Key] = Body

    def original(self, media_id: str, size: int = len(CONTENT), **head: Any) -> str:
        key, crc = f"gopro/2026/05/{media_id}/GX.MP4", checksum(CONTENT)
        self.archive.world.put(f"gopro#{media_id}", "ITEM", media_id=media_id, filename="GX.MP4", status="ARCHIVED")
        self.archive.source(media_id, 1, key, size=size, checksum=crc)
        self.archive.object(key, size=size, ChecksumCRC64NVME=crc, **head)
        return key

    def fetching(self, _stack: Stack) -> proof.Fetch:
        def fetch(files: list[JobFile], folder: Path) -> dict[int, tuple[str, str]]:
            self.fetched.append(files)
            folder.mkdir(parents=True)
            for file in files:
                (folder / str(file.number)).write_bytes(self.bytes.get(file.number, CONTENT))
            if self.error:
                raise self.error
            return {f.number: ("", p) if (p := self.problems.get(f.number)) else (str(f.number), "") for f in files}

        return fetch

    def thawed(self, state: FileState = FileState.READY, until: str = FUTURE, **fields: Any) -> None:
        """The restorer has done its part."""
        for file in self.archive.jobs.files(self.job.job_id):
            changed = {"state": state.value, "ready_until": until, **fields}
            self.archive.jobs.update_file(self.job.job_id, file.number, changed)
        over = JobState.FAILED if state is FileState.FAILED else JobState.READY
        self.archive.jobs.update(self.job.job_id, {"state": over.value})

    @property
    def job(self) -> Job:
        return max(self.archive.jobs.all(), key=lambda job: job.created_at)

    @property
    def certificates(self) -> list[dict[str, Any]]:
        return [json.loads(body) for key, body in self.stored.items() if key.endswith(".json")]


@pytest.fixture
def drills(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Drills]:
    with an_archive(monkeypatch) as archive:
        found = Drills(archive, tmp_path)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(proof, "fetching", found.fetching)
        yield found


def drill(capsys: pytest.CaptureFixture[str], *words: str, code: Exit) -> dict[str, Any]:
    capsys.readouterr()
    assert main.main(["restore", "drill", *words, "--json"]) == code
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def refused(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FAILED) -> str:
    capsys.readouterr()
    assert main.main(["restore", "drill", *words]) == code
    return capsys.readouterr().err.splitlines()[-1]


def test_a_drill_is_begun_waits_and_is_proven_by_the_same_command(
    drills: Drills, capsys: pytest.CaptureFixture[str]
) -> None:
    drills.original("a")
    begun = drill(capsys, code=Exit.THAWING)
    job = drills.job
    assert (job.drill, job.files, job.max_usd, job.mailed) == (True, 1, 0.25, False)
    assert begun["originals"][0]["media_id"] == "a" and begun["proof"] is None
    assert [one["name"] for one in drills.archive.started] == [job.job_id]

    drill(capsys, code=Exit.THAWING)
    assert len(drills.archive.jobs.all()) == len(drills.archive.started) == 1, "it goes on, and nothing is asked twice"

    drills.thawed()
    found = drill(capsys, code=Exit.FINE)["proof"]
    assert found["agrees"] and found["kind"] == "restore drill" and found["job_id"] == job.job_id
    (original,) = found["originals"]
    assert original["read_checksum"] == original["s3_checksum"] == original["ledger_checksum"] == checksum(CONTENT)
    assert drills.certificates == [found] and len(drills.stored) == 2
    assert list((drills.cache / "cloudsync").iterdir()) == [], "what was fetched is deleted again"

    drill(capsys, code=Exit.THAWING)
    assert len(drills.archive.jobs.all()) == 2, "the next one begins anew"


def test_people_are_told_what_is_thawed_when_to_come_back_and_what_was_proven(
    drills: Drills, capsys: pytest.CaptureFixture[str]
) -> None:
    drills.original("a")
    assert main.main(["restore", "drill"]) == Exit.THAWING
    said = capsys.readouterr().out
    assert "1 original, 11 B, for about 0.00" in said and "within 48 hours of" in said
    drills.thawed()
    assert main.main(["restore", "drill"]) == Exit.FINE
    printed = capsys.readouterr()
    assert "Result: 1 original had back, and every byte is right." in printed.out
    assert f"CRC-64/NVME of the bytes read: {checksum(CONTENT)}, as archived." in printed.out
    text = next(body for key, body in drills.stored.items() if key.endswith(".txt"))
    assert text.decode() == printed.out and "Stored as s3://work/certificates/" in printed.err


def test_an_original_that_is_hot_is_proven_at_once(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("a", StorageClass="STANDARD")
    assert drill(capsys, code=Exit.FINE)["proof"]["agrees"]
    assert drills.archive.started == []


def test_bytes_that_are_not_those_that_were_archived_fail_the_drill(
    drills: Drills, capsys: pytest.CaptureFixture[str]
) -> None:
    drills.original("a")
    drill(capsys, code=Exit.THAWING)
    drills.thawed()
    drills.bytes[1] = b"other bytes"
    found = drill(capsys, code=Exit.FAILED)["proof"]
    assert not found["agrees"] and found["originals"][0]["read_checksum"] == checksum(b"other bytes")
    assert "by the ledger" in found["originals"][0]["problem"] and drills.certificates == [found]


def test_what_the_fetch_finds_wrong_is_in_the_certificate(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        drills.original(name)
    drill(capsys, "--sample", "2", code=Exit.THAWING)
    drills.thawed()
    drills.problems[2] = "Its bytes are wrong."
    found = drill(capsys, code=Exit.FAILED)["proof"]
    assert [one["problem"] for one in found["originals"]] == ["", "Its bytes are wrong"]


def test_a_thaw_that_cannot_be_done_fails_the_drill(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("a")
    drill(capsys, code=Exit.THAWING)
    drills.thawed(FileState.FAILED, "", problem="S3 does not allow it.")
    found = drill(capsys, code=Exit.FAILED)["proof"]
    assert found["originals"][0]["problem"] == "S3 does not allow it" and drills.fetched == []


def test_an_original_that_is_gone_fails_the_drill_at_once(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    key = drills.original("a")
    drills.archive.objects.pop(key)
    found = drill(capsys, code=Exit.FAILED)["proof"]
    assert not found["agrees"] and "S3 has no such object" in found["originals"][0]["problem"]


def test_a_fetch_that_was_cut_off_is_gone_on_with(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("a")
    drill(capsys, code=Exit.THAWING)
    drills.thawed()
    drills.error = ConsoleError("The network is gone. Repeat the command.")
    assert "The network is gone" in refused(capsys)
    assert drills.stored == {} and not drills.job.proven_at
    assert (drills.cache / "cloudsync" / drills.job.job_id).is_dir(), "what is there is not fetched again"


def test_what_was_not_fetched_in_time_is_no_proof_and_the_next_drill_begins_anew(
    drills: Drills, capsys: pytest.CaptureFixture[str]
) -> None:
    drills.original("a")
    drill(capsys, code=Exit.THAWING)
    drills.thawed(until=GONE)
    assert "frozen again. Repeat the command, which begins another drill" in refused(capsys)
    assert drills.stored == {} and drills.fetched == []
    drill(capsys, code=Exit.THAWING)
    drills.thawed()
    drills.error = LapsedError("It is frozen.")
    assert "It is frozen." in refused(capsys)
    assert all(job.proven_at for job in drills.archive.jobs.all())


def test_an_execution_that_was_stopped_is_taken_up(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("a")
    drill(capsys, code=Exit.THAWING)
    drills.archive.executions[drills.job.job_id] = "ABORTED"
    drill(capsys, code=Exit.THAWING)
    assert [one["name"] for one in drills.archive.started] == [drills.job.job_id, f"{drills.job.job_id}-2"]


def test_the_same_seed_chooses_the_same_originals(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        drills.original(f"clip{number}")
    chosen = []
    for seed in ("one", "one", "two"):
        begun = drill(capsys, "--sample", "5", "--seed", seed, code=Exit.THAWING)
        chosen.append([one["media_id"] for one in begun["originals"]])
        drills.archive.jobs.update(begun["job"]["job_id"], {"state": JobState.CANCELLED.value})
    assert chosen[0] == chosen[1] != chosen[2] and len(set(chosen[0])) == 5


def test_what_would_pass_the_ceiling_is_not_chosen(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("large", 100 * 10**9)
    drills.original("fits", 10**9)
    begun = drill(capsys, "--sample", "2", code=Exit.THAWING)
    assert [one["media_id"] for one in begun["originals"]] == ["fits"]
    assert drills.job.quoted_usd < 0.25


def test_originals_are_chosen_while_all_fit_the_ceiling(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        drills.original(f"clip{number}", 10 * 10**9)
    assert len(drill(capsys, "--sample", "5", code=Exit.THAWING)["originals"]) == 3
    assert 0.2 < drills.job.quoted_usd <= 0.25


def test_where_none_fits_it_says_what_the_smallest_costs(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    drills.original("large", 100 * 10**9)
    said = refused(capsys, "--max-usd", "0.1")
    assert "No original costs as little as --max-usd 0.1 to have back: the smallest costs 0.79 USD." in said
    assert drills.archive.jobs.all() == []


def test_where_nothing_is_archived_there_is_no_drill(drills: Drills, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing is archived yet" in refused(capsys, code=Exit.NOT_FOUND)


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--max-usd", "0"), "--max-usd 0 leaves nothing"), (("--days", "1"), "--days must be 3 to 365"),
     (("--max-usd", "nan"), "--max-usd must be an amount")],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(
    drills: Drills, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert says in refused(capsys, *words, code=Exit.USAGE)
