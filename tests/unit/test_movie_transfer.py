"""Whether a movie is whole, while its bytes pass: in one answer, in parts, and by short looks at its boxes."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import MediaNotFoundError, SourceChangedError, SourceLinkExpiredError
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint
from cloud_sync_common.stores.archive import Part
from cloud_sync_common.transfer import range_transfer
from cloud_sync_common.transfer.movie_boxes import Verdict, Wholeness
from cloud_sync_common.transfer.proofs import Proofs

from tests.unit.test_range_transfer import CONTENT, Opened, World, no_proofs, ranges, source

pytestmark = pytest.mark.usefixtures(ranges.__name__)


def movie_proofs(size: int = len(CONTENT)) -> Proofs:
    return Proofs(source(filename="x.MP4"), Fingerprint(size, ""), check_etag=True)


def test_a_movie_that_passes_in_one_answer_is_proven_whole_or_damaged_before_it_is_stored() -> None:
    world = World()
    assert world.put(Opened(), movie_proofs()).proofs == ("whole-movie",)
    damage = world.stream(Opened(last=899, sized=False), proofs=movie_proofs(UNKNOWN)).damage
    assert damage == "it ends after 900 of at least 992 bytes"
    assert [found.damage for found in world.compared] == ["", damage]


def test_a_stream_that_says_its_size_at_its_end_is_proven_whole_then() -> None:
    assert World().stream(Opened(sized=False), proofs=movie_proofs(UNKNOWN)).proofs == ("whole-movie",)


def test_a_file_that_is_no_movie_by_its_name_is_not_judged() -> None:
    world = World()
    assert world.stream(Opened(last=899, sized=False)).damage == ""
    assert no_proofs().movie == Verdict(Wholeness.UNKNOWN)


def test_parts_that_pass_in_order_need_no_look(ranges: list[tuple[int, int]]) -> None:
    world, proofs = World(), movie_proofs()
    world.move(proofs=proofs)
    ranges.clear()
    world.look(proofs, 1, 2, 3, 4)
    assert (proofs.made(), ranges) == (("whole-movie",), [])


def test_a_slice_that_continues_looks_at_the_start_and_sees_the_rest_as_it_passes(
    ranges: list[tuple[int, int]],
) -> None:
    world, proofs = World(), movie_proofs()
    held = {number: Part(number, 300, "etag", "AAAAAAAAAAA=") for number in (1, 2)}
    world.look(proofs, *held)
    assert ranges == [(0, 999)] and proofs.boxes is not None and proofs.boxes.wanted < 0


def test_only_headers_among_bytes_that_have_passed_are_asked_for(
    ranges: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_transfer, "_LOOK", 64)
    world, proofs = World(), movie_proofs()
    world.look(proofs, 2, 3)
    assert ranges == []
    world.look(proofs, 1)
    assert ranges == [(0, 63)] and proofs.boxes is not None and proofs.boxes.wanted == 992
    world.look(proofs, 4)
    assert (ranges, proofs.made()) == ([(0, 63), (992, 999)], ("whole-movie",))
    assert (world.stats.bytes_read, world.stats.requests) == (72, 0)


def test_two_looks_are_all_there_are_and_then_nothing_is_known(
    ranges: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(range_transfer, "_LOOK", 8)
    world, proofs = World(), movie_proofs()
    world.look(proofs, 1, 2, 3, 4)
    assert ranges == [(0, 7), (16, 23)] and proofs.movie == Verdict(Wholeness.UNKNOWN)


@pytest.mark.parametrize("seconds", [0.5, 0.0, -3.0])
def test_no_look_is_begun_when_the_time_is_up(ranges: list[tuple[int, int]], seconds: float) -> None:
    World(seconds=seconds).look(movie_proofs(), 1)
    assert ranges == []


@pytest.mark.parametrize("error", [MediaNotFoundError("x"), SourceLinkExpiredError("x")])
def test_a_look_that_the_source_refuses_only_proves_nothing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(range_transfer, "open_range", refuse)
    proofs = movie_proofs()
    World().look(proofs, 1)
    assert proofs.movie == Verdict(Wholeness.UNKNOWN)


def test_a_source_that_is_another_one_at_a_look_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def changed(*_: Any) -> Any:
        raise SourceChangedError("x")

    monkeypatch.setattr(range_transfer, "open_range", changed)
    with pytest.raises(SourceChangedError):
        World().look(movie_proofs(), 1)
