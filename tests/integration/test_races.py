"""The library changes during a run, clocks disagree, and many child executions have one expired token."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import AwsServer
from tests.integration.crash_points import AUTHENTICATOR, DOWNLOADER, LISTER, Kind, Point
from tests.integration.crash_world import BIG, LEFT, PLAIN, Servers, World, audit, running_servers

NEW = "65a0f0c2b7e4d1a2c3b50099"
AFTER_LISTING = Kind(LISTER, "s3.PutObject", "done"), 2  # the manifest's second and last page is stored
IN_THE_LISTING = Kind(LISTER, "gopro.search", "done"), 3  # after two requests for totals and the first page
IN_THE_BIG_FILE = Kind(DOWNLOADER, "s3.CreateMultipartUpload", "done"), 1  # then all parts are asked for at once
DAY = 86_400.0
CHILDREN = 20


@pytest.fixture(scope="module")
def servers(aws_server: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(aws_server, tmp_path_factory.mktemp("races")) as servers:
        folder = servers.fake.library.folder
        (folder / "new.mp4").write_bytes(movie_of(os.urandom(2_700)))
        (folder / "other.mp4").write_bytes(movie_of(os.urandom(16_900_000)))
        yield servers


@pytest.fixture
def world(servers: Servers) -> World:
    return servers.world()


def meanwhile(world: World, when: tuple[Kind, int], act: Callable[[], None]) -> None:
    """Calls `act` during the next run."""
    world.watch.points = [Point(*when, act)]


def put(world: World, media_id: str, source: str, **more: str) -> None:
    when = {"captured_at": "2026-05-20T10:00:00Z"} if media_id == NEW else {"captured_at": "2026-05-04T10:00:00Z"}
    description = {"id": media_id, "filename": "GX010003.MP4", "sources": [source], **when, **more}
    world.fake.control.put_item(description)


def run(world: World) -> None:
    assert world.run() == "SUCCEEDED" and world.watch.points == [], "the library did not change during the run"


@pytest.mark.parametrize("when", [AFTER_LISTING, IN_THE_BIG_FILE], ids=["after the listing", "in another file"])
def test_a_video_added_during_a_run_is_archived_by_the_next(world: World, when: tuple[Kind, int]) -> None:
    meanwhile(world, when, lambda: put(world, NEW, "new.mp4"))
    run(world)
    assert world.aws.row(f"gopro#{NEW}", "ITEM") == {}
    assert world.run() == "SUCCEEDED" and audit(world) == []


def test_a_video_added_during_the_listing_is_archived_and_hides_no_other(world: World) -> None:
    meanwhile(world, IN_THE_LISTING, lambda: put(world, NEW, "new.mp4"))
    run(world)
    assert audit(world) == []


def test_a_video_trashed_during_the_listing_hides_no_other(world: World) -> None:
    gone = {BIG: ("PENDING", None)}  # listed once and then missing; absence proves nothing
    meanwhile(world, IN_THE_LISTING, lambda: world.fake.control.trash_item(BIG))
    run(world)
    assert audit(world, LEFT | gone) == []


@pytest.mark.parametrize(
    ("media_id", "when"),
    [(PLAIN, AFTER_LISTING), (BIG, IN_THE_BIG_FILE)],
    ids=["before its turn", "while it is moved"],
)
def test_a_video_trashed_during_a_run_stays_listed_with_the_reason(
    world: World, media_id: str, when: tuple[Kind, int]
) -> None:
    meanwhile(world, when, lambda: world.fake.control.trash_item(media_id))
    run(world)
    gone = {media_id: ("UNAVAILABLE", "media_not_found")}
    assert audit(world, LEFT | gone) == []
    assert world.run() == "SUCCEEDED" and audit(world, LEFT | gone) == [], "absence proves nothing"


def test_a_video_replaced_during_its_transfer_is_archived_as_the_new_one(world: World) -> None:
    meanwhile(world, IN_THE_BIG_FILE, lambda: put(world, BIG, "other.mp4"))
    run(world)
    assert audit(world) == [] and world.aws.uploads() == []


def test_a_video_edited_after_the_listing_is_checked_again_and_not_archived_twice(world: World) -> None:
    edited = {"reprocessed_at": "2026-11-22T01:00:00Z"}
    meanwhile(world, AFTER_LISTING, lambda: put(world, BIG, "other.mp4", **edited))
    run(world)
    assert audit(world) == []
    parts = len(world.aws.calls("UploadPart"))
    assert world.run() == "SUCCEEDED" and audit(world) == [], "the row had the revision of before"
    assert len(world.aws.calls("UploadPart")) == parts
    assert world.aws.row(f"gopro#{BIG}", "ITEM")["revision"] == "2026-11-22T01:00:00Z/1"


@pytest.mark.parametrize("skew", [-DAY, -600.0, 600.0, DAY], ids=lambda skew: f"{skew:+.0f} s")
def test_a_function_whose_clock_is_wrong_archives_everything_and_renews_once(world: World, skew: float) -> None:
    world.later = skew
    assert world.run() == "SUCCEEDED" and audit(world) == []
    assert world.run() == "SUCCEEDED"
    assert world.fake.control.stats()["token_refreshes"] == 1


def test_a_jump_of_the_providers_clock_during_a_run_expires_links_and_loses_nothing(world: World) -> None:
    meanwhile(world, IN_THE_BIG_FILE, lambda: world.fake.control.advance_clock(3 * 3600))
    run(world)
    assert audit(world) == []
    assert world.fake.control.stats()["requests"]["cdn"]["403"] >= 1, "a link had ended"


def test_twenty_children_with_one_expired_token_renew_it_once(world: World) -> None:
    fake = world.fake
    fake.library.put_generated(fake.library.folder / "new.mp4", CHILDREN)
    world.invoke(AUTHENTICATOR, {"run_id": "run-1", "input": {"provider": "gopro"}})
    fake.control.expire_access_tokens()
    children = [
        {
            "request": "slice",
            "run_id": "run-1",
            "provider": "gopro",
            "media": {"media_id": item.media_id, "filename": "GX010001.MP4"},
        }
        for item in Library.generated(fake.library.folder / "new.mp4", CHILDREN).items()
    ]
    renewals = [{"run_id": "run-1", "input": {"provider": "gopro"}, "renewals": 0} for _ in children]
    assert {answer["error"] for answer in together(world, DOWNLOADER, children)} == {"CredentialsExpiredError"}
    assert all("ok" in answer for answer in together(world, AUTHENTICATOR, renewals))
    assert fake.control.stats()["token_refreshes"] == 2, "one at the start, one for everybody"
    moved = together(world, DOWNLOADER, children)
    assert [answer["ok"]["status"] for answer in moved] == ["ARCHIVED"] * CHILDREN
    assert len(world.aws.archived()) == CHILDREN


def together(world: World, function: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of these invocations, all at once."""
    return world.host.invoke([{"function": function, "event": event, "seconds": 200.0} for event in events])
