"""A catalogue-writer that dies after any of its requests leaves a catalogue that the next run completes."""

from __future__ import annotations

from itertools import count

import pytest
from cloud_sync_common.provider_interface import MediaItem

from tests.unit.catalogue_world import JUNE, MAY, Killed, World, requests_of_aws, running_world


def what_there_is(world: World) -> list[MediaItem]:
    """Two items of a month that are new, and an older one."""
    world.archived("0003", JUNE)
    return [world.archived("0001"), world.archived("0002")]


def is_consistent(world: World) -> bool:
    """Whoever reads the index finds what it speaks of."""
    return all(
        world.catalogue.details(row.listed_at, row.media_id) and world.catalogue.thumbnail(row.listed_at, row.media_id)
        for month in ("2026-05", "2026-06")
        for row in world.rows(month).values()
    )


def test_killed_after_any_request_it_leaves_a_catalogue_that_the_next_run_completes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_world(monkeypatch) as world:
        world.run(*what_there_is(world))
        whole = {name for name in world.stored() if name.startswith("catalogue/")}
    deaths = 0
    for number in count(1):
        with running_world(monkeypatch) as world:
            new = what_there_is(world)
            writer = world.writer("run-1")
            world.aws.manifest("run-1", new)
            try:
                with requests_of_aws(monkeypatch, die_at=number):
                    world.run_writer(writer, "run-1", len(new))
                break
            except Killed:
                deaths += 1
            assert is_consistent(world), number
            world.run(run_id="run-2")
            world.run(run_id="run-3")
            assert {name for name in world.stored() if name.startswith("catalogue/")} == whole, number
            assert set(world.rows()) == {"0001", "0002"} and set(world.rows("2026-06")) == {"0003"}, number
    assert deaths > 25


def test_killed_between_details_and_index_nothing_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_world(monkeypatch) as world:
        world.archived("0001")
        world.run()
        asked = len(world.service.asked)
        world.aws.s3.delete_object(Bucket="work", Key="catalogue/index/gopro/2026-05.jsonl")
        world.aws.table.delete_item(Key={"pk": "PROVIDER#gopro", "sk": "CATALOGUE"})
        world.run(run_id="run-2")
        assert world.rows()["0001"] == world.details("0001", MAY).row
        assert len(world.service.asked) == asked
