"""A published hash that the bytes never have: read twice, believed, and then seldom read again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import HashDisputedError, IntegrityError, ProviderUnavailableError
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores import row_values
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.transfer import disputed_hash
from cloud_sync_common.transfer.disputed_hash import HashDispute
from cloud_sync_common.transfer.range_transfer import TransferStats

HASH, OTHER_HASH = "sha256:00", "sha256:11"
DONE = SourceRow(status=Status.ARCHIVED, key="key", size=7)
NIGHT = datetime(2026, 11, 27, 2, tzinfo=UTC)


class Clock(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, _: Any = None) -> Any:
        return NIGHT


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (disputed_hash, row_values):
        monkeypatch.setattr(module, "datetime", Clock)


def read(content: str) -> IntegrityError:
    """What a transfer raises that has read bytes with this checksum, which do not have the hash."""
    return IntegrityError("another hash", content)


class Transfer:
    """A source whose transfers end like this, one after the other."""

    def __init__(self, *ends: Any, row: ItemRow | None = None, seconds: float = 900.0, held: int = 0) -> None:
        self.ends, self.links, self.listed = list(ends), 0, [HASH, HASH]
        self.row, self.seconds, self.stats = row or ItemRow(status=Status.IN_PROGRESS), seconds, TransferStats()
        self.stats.held = held

    async def archive(self) -> SourceRow | None:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return cast(SourceRow | None, end)

    async def refresh(self) -> MediaSource:
        self.links += 1
        return source(self.listed[1])

    def settle(self) -> SourceRow | None:
        options = SimpleNamespace(stats=self.stats, deadline=Deadline(lambda: self.seconds, 1.0))
        dispute = HashDispute(self.row, source(self.listed[0]), cast(Any, self), cast(Any, options))
        return asyncio.run(dispute.settle(self.archive))

    def disputed(self) -> dict[str, Any]:
        with pytest.raises(HashDisputedError) as refused:
            self.settle()
        assert self.ends == []
        return dict(refused.value.note)


def source(listed: str) -> MediaSource:
    return MediaSource(1, "clip.mp4", content_hashes=(listed,))


def before(runs: int, content: str = "crc-1", until: str = "", listed: str = HASH) -> ItemRow:
    return ItemRow(
        status=Status.IN_PROGRESS,
        disputed=listed,
        disputed_content=content,
        disputed_runs=runs,
        disputed_until=until,
    )


def note(runs: int, content: str = "crc-1", until: str = "", listed: str = HASH) -> dict[str, Any]:
    return {"disputed": listed, "disputed_content": content, "disputed_runs": runs, "disputed_until": until}


def test_what_is_archived_or_unfinished_at_the_first_attempt_stays_so() -> None:
    for end in (DONE, None):
        transfer = Transfer(end)
        assert transfer.settle() is end and transfer.links == 0


def test_what_was_damaged_on_the_way_is_read_again_with_a_fresh_link() -> None:
    transfer = Transfer(read("crc-1"), DONE)
    assert transfer.settle() is DONE and transfer.links == 1


def test_the_same_bytes_twice_put_the_hash_in_doubt() -> None:
    assert Transfer(read("crc-1"), read("crc-1")).disputed() == note(1)


def test_other_bytes_each_time_are_a_failure_of_the_transfer() -> None:
    with pytest.raises(IntegrityError) as failure:
        Transfer(read("crc-1"), read("crc-2")).settle()
    assert failure.value.content == "crc-2"


@pytest.mark.parametrize("error", [IntegrityError("S3 has other bytes"), ProviderUnavailableError("503")])
@pytest.mark.parametrize("earlier", [(), (read("crc-1"),)], ids=["first", "second"])
def test_every_other_error_is_that_of_the_transfer(error: Exception, earlier: tuple[Exception, ...]) -> None:
    with pytest.raises(type(error)) as failure:
        Transfer(*earlier, error).settle()
    assert failure.value is error


def test_a_second_reading_that_is_cut_by_the_time_is_unfinished() -> None:
    assert Transfer(read("crc-1"), None).settle() is None


@pytest.mark.parametrize("how", [{"seconds": 0.5}, {"held": 5_000_000}], ids=["no time", "begun before"])
def test_what_cannot_be_read_again_now_is_read_again_in_the_next_run(how: dict[str, Any]) -> None:
    assert Transfer(read("crc-1"), **how).disputed() == note(1)


def test_one_reading_is_enough_in_the_next_run() -> None:
    assert Transfer(read("crc-1"), row=before(1)).disputed() == note(2, until="2026-12-01T02:00:00.000Z")


def test_a_second_reading_may_agree_with_that_of_an_earlier_run() -> None:
    assert Transfer(read("crc-9"), read("crc-1"), row=before(1)).disputed()["disputed_runs"] == 2
    assert Transfer(read("crc-9"), read("crc-9"), row=before(1)).disputed()["disputed_content"] == "crc-9"


@pytest.mark.parametrize(
    ("runs", "day"), [(1, "2026-12-01"), (2, "2026-12-05"), (3, "2026-12-13"), (4, "2026-12-27"), (40, "2026-12-27")]
)
def test_the_pause_doubles_up_to_thirty_days(runs: int, day: str) -> None:
    found = Transfer(read("crc-1"), row=before(runs)).disputed()
    assert found == note(runs + 1, until=f"{day}T02:00:00.000Z")


def test_within_the_pause_nothing_is_read_and_nothing_changes() -> None:
    transfer = Transfer(row=before(2, until="2026-11-27T02:00:00.001Z"))
    assert transfer.disputed() == {} and transfer.links == 0


def test_the_pause_ends_at_its_moment() -> None:
    assert Transfer(DONE, row=before(2, until="2026-11-27T02:00:00.000Z")).settle() is DONE


def test_another_version_is_read_at_once_and_has_no_history() -> None:
    row = before(5, until="2027-01-01T00:00:00.000Z", listed=OTHER_HASH)
    assert Transfer(DONE, row=row).settle() is DONE
    assert Transfer(read("crc-1"), read("crc-1"), row=row).disputed() == note(1)


def test_a_hash_that_the_provider_changes_between_two_readings_is_the_one_in_doubt() -> None:
    transfer = Transfer(read("crc-1"), read("crc-1"))
    transfer.listed = [HASH, OTHER_HASH]
    assert transfer.disputed() == note(1, listed=OTHER_HASH)


def test_the_sentence_says_what_is_wrong_when_it_is_read_again_and_what_to_do() -> None:
    with pytest.raises(HashDisputedError) as refused:
        Transfer(read("crc-1"), row=before(1)).settle()
    sentence = str(refused.value)
    assert (
        "does not have the hash" in sentence and "from 2026-12-01 on" in sentence and "upload a good copy" in sentence
    )
    with pytest.raises(HashDisputedError, match="read again in the next run"):
        Transfer(read("crc-1"), read("crc-1")).settle()
