"""A catalogue-writer that dies after any of its requests leaves a catalogue that the next run completes."""

from __future__ import annotations

import pytest
from cloud_sync_common.provider_interface import MediaItem

from tests.unit.catalogue_world import JUNE, MAY, Killed, World, requests_of_aws, running_world


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
        new, _older = world.archived("0001"), world.archived("0002", JUNE)
        world.run(new)
        whole = catalogue(world)
        deaths = 0
        while dies_after(world, new, deaths + 1, monkeypatch):
            deaths += 1
            assert is_consistent(world), deaths
            world.run(run_id="run-2")
            assert catalogue(world) == whole, deaths
        assert deaths > 20


def catalogue(world: World) -> set[str]:
    """The keys of all of it: each item has a month of its own, so that there is an index only where it is in it."""
    return {key for key in world.object_keys() if key.startswith("catalogue/")}


def dies_after(world: World, new: MediaItem, number: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A first night that is stopped after its request of that number; False where it makes fewer."""
    world.forget()
    world.aws.manifest("run-1", [new])
    writer = world.writer("run-1")
    try:
        with requests_of_aws(monkeypatch, die_at=number):
            world.run_writer(writer, "run-1", 1)
    except Killed:
        return True
    return False


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
