"""Whatever hinders a fetch is one sentence with the next step; what is fetched stays, and the same call goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import shutil
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState

from console.errors import ConsoleError, UsageError
from console.operations.restore.fetch.names import LOCK
from console.operations.restore.fetch.outcome import Ending, StoppedError
from tests.integration.fetching import KIB, content, fetched, names, server
from tests.integration.object_server import ObjectServer

__all__ = ["server"]

MONTH = "2026-05"


def test_a_directory_that_is_a_file_or_below_one(server: ObjectServer, tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"")
    for path in (tmp_path / "film", tmp_path / "film" / "more"):
        with pytest.raises(UsageError, match="name a directory"):
            fetched(server, path)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_directory_that_cannot_be_written_into(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.open

    def refusing(path: Any, flags: int, *words: Any, **more: Any) -> int:
        if path == LOCK:
            raise OSError(code, "words")
        return real(path, flags, *words, **more)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(UsageError, match=f"{errno.errorcode[code]}.*name another directory"):
        fetched(server, tmp_path)


def test_two_fetches_into_one_directory(server: ObjectServer, tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match=r"Another fetch .* is under way"):
            fetched(server, tmp_path)


@contextmanager
def free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> Iterator[None]:
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, free))
        yield


def test_too_little_room_for_all_is_said_before_anything_is_read(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("a/one.mp4", content(1))
    server.put("b/two.mp4", content(2))
    with (
        free_bytes(monkeypatch, 400 * KIB),
        pytest.raises(StoppedError, match=r"614.4 kB are to be fetched, and 409.6 kB are free"),
    ):
        fetched(server, tmp_path)
    assert server.asked == []
    fetched(server, tmp_path, "a/one.mp4")
    with free_bytes(monkeypatch, 400 * KIB):  # half of it is here now
        assert fetched(server, tmp_path).is_whole


def test_too_little_room_for_one_file(server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that was not ready when the room for all was looked at."""
    server.put("a/large.mp4", content(1))
    with free_bytes(monkeypatch, 200 * KIB):
        result = fetched(server, tmp_path, state=FileState.REQUESTED)
    assert (result.counts, server.asked) == ({Ending.FAILED: 1}, [])
    assert "too little room" in result.problems[0].problem


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_more_ends_the_fetch_which_goes_on_later(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    for number in range(3):
        server.put(f"a/{number}.mp4", content(number))
    left, real = [20], os.pwrite

    def full(*words: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(code, "words")
        return real(*words)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        result = fetched(server, tmp_path)
    assert (result.is_whole, result.exit_code) == (False, 1)
    assert errno.errorcode[code] in result.stopped and "What is fetched stays" in result.stopped
    again = fetched(server, tmp_path)
    assert again.is_whole and again.kept_bytes + again.counts.get(Ending.THERE, 0) > 0
    assert {path.read_bytes() for path in (tmp_path / MONTH).iterdir()} == {content(number) for number in range(3)}


def test_a_file_that_is_larger_than_this_file_system_takes(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/large.mp4", content(1))
    server.put("a/small.mp4", content(2, 60 * KIB))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 * KIB, before[1]))
    try:
        result = fetched(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.counts == {Ending.FAILED: 1, Ending.FETCHED: 1}
    assert "holds no file of that size" in result.problems[0].problem
    assert fetched(server, tmp_path).is_whole


@pytest.mark.parametrize(
    ("status", "code", "ending", "words"),
    [
        (403, "InvalidObjectState", Ending.ENDED, "`cloudsync restore start` has it thawed again"),
        (403, "AccessDenied", Ending.FAILED, "may not do s3:GetObject"),
        (400, "KMS.DisabledException", Ending.FAILED, "A KMS key cannot be used"),
        (404, "NoSuchVersion", Ending.LOST, "S3 has no such object any more"),
        (405, "MethodNotAllowed", Ending.LOST, "S3 has no such object any more"),
    ],
)
def test_what_s3_refuses_of_one_file_leaves_the_others(
    server: ObjectServer, tmp_path: Path, status: int, code: str, ending: Ending, words: str
) -> None:
    server.put("a/refused.mp4", content(1, 100))
    server.put("a/good.mp4", content(2, 100))
    server.refused["a/refused.mp4"] = (status, code)
    result = fetched(server, tmp_path)
    assert result.counts == {ending: 1, Ending.FETCHED: 1}
    assert words in result.problems[0].problem
    assert names(tmp_path) >= {f"{MONTH}/good.mp4"} and f"{MONTH}/refused.mp4" not in names(tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "exit_code", "words"),
    [
        (400, "ExpiredToken", 4, "credentials have expired"),
        (403, "InvalidAccessKeyId", 4, "does not accept the credentials"),
        (403, "RequestTimeTooSkewed", 1, "clock is off"),
    ],
)
def test_what_s3_refuses_of_every_file_ends_the_fetch(
    server: ObjectServer, tmp_path: Path, status: int, code: str, exit_code: int, words: str
) -> None:
    for number in range(20):
        server.put(f"a/{number}.mp4", content(number, 100))
        server.refused[f"a/{number}.mp4"] = (status, code)
    result = fetched(server, tmp_path)
    assert (result.exit_code, words in result.stopped, "What is fetched stays" in result.stopped) == (
        exit_code, True, True,
    )  # fmt: skip
    server.refused.clear()
    assert fetched(server, tmp_path).is_whole


def test_credentials_that_have_just_been_renewed_are_tried_once_more(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1, 100))
    server.refusals.append((400, "ExpiredToken"))
    assert fetched(server, tmp_path).is_whole


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_s3_is_asked_again(server: ObjectServer, tmp_path: Path, status: int) -> None:
    server.put("a/one.mp4", content(1))
    server.refusals.extend([(status, "SlowDown")] * 2)
    assert fetched(server, tmp_path).is_whole


def test_a_range_that_breaks_off_goes_on_where_it_did(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1, 128 * KIB))
    server.cuts.extend([50 * KIB, 40 * KIB])
    assert fetched(server, tmp_path).is_whole
    assert [first for _, first, _ in server.asked] == [0, 32 * KIB, 64 * KIB]
    assert (tmp_path / MONTH / "one.mp4").read_bytes() == content(1, 128 * KIB)


def test_a_network_that_is_gone_ends_the_fetch(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1, 128 * KIB))
    server.cuts.extend([50 * KIB, *[0] * 9])
    result = fetched(server, tmp_path)
    assert "S3 cannot be reached" in result.stopped and "repeat the command" in result.stopped
    server.cuts.clear()
    again = fetched(server, tmp_path)
    assert (again.is_whole, again.kept_bytes) == (True, 32 * KIB)


def test_an_object_that_changes_while_it_is_read_is_begun_anew(server: ObjectServer, tmp_path: Path) -> None:
    """In a bucket without versions."""
    thing = server.put("a/one.mp4", content(1))

    def change(_key: str, end: int) -> None:
        if end > 100 * KIB:
            thing.etag = '"second"'

    server.sent = change
    assert fetched(server, tmp_path).is_whole
    assert names(tmp_path) == {f"{MONTH}/one.mp4"}


def test_an_answer_of_another_range_is_not_taken(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1, 100))
    server.shift = 1
    result = fetched(server, tmp_path)
    assert "another range than was asked for" in result.stopped
    assert names(tmp_path) == {f"{MONTH}/one.mp4.part", f"{MONTH}/one.mp4.part.journal"}


FROZEN = {"x-amz-storage-class": "DEEP_ARCHIVE"}


@pytest.mark.parametrize(
    ("headers", "state", "until", "ending", "code"),
    [
        ({"x-amz-restore": 'ongoing-request="true"'}, FileState.READY, "", Ending.THAWING, 10),
        ({}, FileState.REQUESTED, "", Ending.THAWING, 10),
        ({}, FileState.READY, "2026-06-01T00:00:00Z", Ending.ENDED, 3),
        ({}, FileState.FAILED, "", Ending.LOST, 3),
    ],
)
def test_a_frozen_object_is_not_asked_for(
    server: ObjectServer,
    tmp_path: Path,
    headers: dict[str, str],
    state: FileState,
    until: str,
    ending: Ending,
    code: int,
) -> None:
    server.put("a/one.mp4", content(1), headers={**FROZEN, **headers})
    result = fetched(server, tmp_path, state=state, ready_until=until)
    assert (result.counts, result.exit_code, server.asked) == ({ending: 1}, code, [])


def test_a_thawed_object_is_read_whatever_its_row_says(server: ObjectServer, tmp_path: Path) -> None:
    thawed = {"x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"'}
    server.put("a/one.mp4", content(1), headers={**FROZEN, **thawed})
    assert fetched(server, tmp_path, state=FileState.REQUESTED).is_whole


def test_an_object_below_a_delete_marker(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1))
    file = server.file("a/one.mp4")
    server.gone["a/one.mp4"] = {"x-amz-delete-marker": "true"}
    from console.operations.restore.fetch.engine import fetch  # noqa: PLC0415 (of one file that is gone)

    result = fetch([file], server.source(), str(tmp_path))
    assert (result.counts, result.exit_code) == ({Ending.LOST: 1}, 3)
    assert "below a delete marker" in result.problems[0].problem


def test_what_ends_a_fetch_is_an_error_of_the_owners(server: ObjectServer) -> None:
    assert issubclass(StoppedError, ConsoleError)
