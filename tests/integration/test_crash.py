"""A function that is killed anywhere loses nothing and stores nothing twice: the next run completes the work.

The points of death are random, from a seed. `CRASH_SEED=7 CRASH_POINTS=2000` chooses others, and more of them. A
failure names the seed and the round that reproduce it: `CRASH_SEED=7 CRASH_ROUND=12`. In half of the rounds a transfer
uses one connection; in the others it uses four. What happens beside it may be further or less far each time: another
part, or the preparation of the next video.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from local.fake_providers.fault_menu import Endpoint, FaultKind
from tests.integration.aws_on_loopback import ARCHIVE, AwsServer
from tests.integration.crash_points import AUTHENTICATOR, DOWNLOADER, LISTER, Kind, Point, choose
from tests.integration.crash_world import (
    CHAPTERS,
    PLAIN,
    Servers,
    World,
    audit,
    running_servers,
    uploads_named_in_the_ledger,
)

SEED = int(os.environ.get("CRASH_SEED", "20261122"))
POINTS = int(os.environ.get("CRASH_POINTS", "100"))
ROUND = os.environ.get("CRASH_ROUND")
POINTS_A_BLOCK, POINTS_A_ROUND = 25, 8


@pytest.fixture(scope="module")
def servers(aws_server: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(aws_server, tmp_path_factory.mktemp("crash")) as servers:
        yield servers


@pytest.fixture
def world(servers: Servers) -> World:
    return servers.world()


@pytest.fixture(scope="module")
def usual(servers: Servers) -> Counter[Kind]:
    """How often each kind of point occurs in an undisturbed run."""
    world = servers.world()
    expire_the_token(world, after=2)
    world.run_until_success()
    assert audit(world) == [] and world.ends == ["SUCCEEDED"]
    return world.watch.seen.copy()


def expire_the_token(world: World, after: int) -> None:
    world.fake.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD, times=1, after=after)


# Anywhere


@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", range(1 if ROUND else -(-POINTS // POINTS_A_BLOCK)))
def test_a_function_killed_anywhere_loses_nothing_and_stores_nothing_twice(
    servers: Servers, usual: Counter[Kind], block: int
) -> None:
    if ROUND:
        assert run_round(servers, usual, int(ROUND))
        return
    deaths, number = 0, 1000 * block
    while deaths < POINTS_A_BLOCK:
        deaths += len(run_round(servers, usual, number))
        number += 1


def run_round(servers: Servers, usual: Counter[Kind], number: int) -> list[Point]:
    """A round: a new account, deaths at random points (from seed and number), runs until one succeeds, the audit, and
    one more run, which finds nothing to do. Returns the points at which a function died."""
    random, world = Random(f"{SEED} {number}"), servers.world()  # noqa: S311 (to be repeatable)
    world.watch.points = choose(random, usual, POINTS_A_ROUND)
    world.connections = random.choice((1, 4))
    if random.random() < 0.5:
        expire_the_token(world, after=random.randint(0, 4))
    try:
        world.run_until_success(aborts=random)
        reached = list(world.watch.reached)
        assert audit(world) == []
        assert_nothing_stray(world, reached)
        assert_ends_are_explained(world, reached)
        assert_nothing_moves_again(world)
    except AssertionError as error:
        deaths = [str(point) for point in world.watch.reached]
        raise AssertionError(f"CRASH_SEED={SEED} CRASH_ROUND={number}: {error}\n{world.ends} after {deaths}") from error
    return reached


def assert_nothing_stray(world: World, reached: list[Point]) -> None:
    """Only an upload that S3 started and nobody recorded may be left for the lifecycle rule."""
    unrecorded = {Kind(DOWNLOADER, "s3.CreateMultipartUpload", "done"), Kind(DOWNLOADER, "dynamodb.UpdateItem", "sent")}
    assert len(world.aws.uploads()) <= sum(point.kind in unrecorded for point in reached), "a stray upload"
    assert not uploads_named_in_the_ledger(world), "an upload that has ended is still in the ledger"


def assert_ends_are_explained(world: World, reached: list[Point]) -> None:
    """Credentials are only lost between the provider's rotation and the secret's first write."""
    lost = Counter(world.ends)["CredentialsExpiredError"]
    window = {("gopro.token", "done"), ("secretsmanager.GetSecretValue", "sent"),
              ("secretsmanager.GetSecretValue", "done"), ("secretsmanager.PutSecretValue", "sent")}  # fmt: skip
    between = [p for p in reached if p.kind.function == AUTHENTICATOR and (p.kind.request, p.kind.moment) in window]
    assert lost <= len(between), "credentials were lost without need"


def assert_nothing_moves_again(world: World) -> None:
    world.watch.points.clear()
    world.aws.server.calls.clear()
    before = world.aws.archived()
    assert world.run() == "SUCCEEDED"
    assert world.aws.archived() == before, "a run without new videos changed the archive"
    written = {call.name for call in world.aws.server.calls if call.bucket == ARCHIVE} - {"HeadObject", "GetObject"}
    assert written == set(), "a run without new videos wrote to the archive"


def test_the_points_cover_every_function_and_moment(usual: Counter[Kind]) -> None:
    points = choose(Random(SEED), usual, max(POINTS, 200))  # noqa: S311 (to be repeatable)
    assert {point.kind.function for point in points} == {
        AUTHENTICATOR, LISTER, DOWNLOADER, "failure-recorder", "run-report",
    }  # fmt: skip
    assert {point.kind.moment for point in points} == {"sent", "body", "done"}
    assert len({point.kind for point in points}) > len(usual) / 2


# Critical moments


def die_at(world: World, function: str, request: str, moment: str, ordinal: int = 1) -> None:
    world.watch.points = [Point(Kind(function, request, moment), ordinal)]


def assert_recovered(world: World, *ends: str) -> None:
    assert len(world.watch.reached) == 1 and tuple(world.ends) == ends
    assert audit(world) == []


def test_death_between_completion_and_the_ledger_sends_no_byte_twice(world: World) -> None:
    die_at(world, DOWNLOADER, "s3.CompleteMultipartUpload", "done")
    world.run()
    assert_recovered(world, "SUCCEEDED")
    parts = [call.part for call in world.aws.calls("UploadPart")]
    assert sorted(parts) == [1, 2, 3, 4] and len(world.aws.calls("CreateMultipartUpload")) == 1
    assert world.aws.uploads() == []


def test_death_between_a_small_object_and_the_ledger_stores_nothing_twice(world: World) -> None:
    die_at(world, DOWNLOADER, "s3.PutObject", "done")
    world.run(PLAIN)
    world.run_until_success()
    assert_recovered(world, "SUCCEEDED", "SUCCEEDED")
    # It is small, so it is sent again, and S3 writes it only if it is new.
    keys = [call.key for call in world.aws.calls("PutObject") if call.status == 200]
    assert len(keys) == len(set(keys)) == 5
    assert [call.status for call in world.aws.calls("PutObject")].count(412) == 1


def test_death_between_two_chapters_continues_with_the_second(world: World) -> None:
    die_at(
        world, DOWNLOADER, "dynamodb.UpdateItem", "done", 2
    )  # the first update was the lease, this one is the first chapter
    assert world.run(CHAPTERS) == "SUCCEEDED"
    keys = [call.key for call in world.aws.calls("PutObject")]
    assert len(keys) == len(set(keys)) == 3
    world.run_until_success()
    assert_recovered(world, "SUCCEEDED", "SUCCEEDED")


def test_death_before_the_upload_is_recorded_leaves_one_upload_to_the_lifecycle_rule(world: World) -> None:
    die_at(world, DOWNLOADER, "s3.CreateMultipartUpload", "done")
    world.run()
    assert_recovered(world, "SUCCEEDED")
    assert len(world.aws.uploads()) == 1 and uploads_named_in_the_ledger(world) == set()


def test_death_after_the_manifest_is_stored_lists_no_video_twice(world: World) -> None:
    die_at(world, LISTER, "s3.PutObject", "done", 2)  # of the second page, after the lines of the first
    world.run()
    assert_recovered(world, "SUCCEEDED")
    lines = world.manifest("runs/run-1/work.jsonl")
    ids = [media["media_id"] for line in lines for media in json.loads(line)["media"]]
    assert len(ids) == len(set(ids)) == 5


@pytest.mark.parametrize(
    ("request_name", "moment"),
    [
        ("gopro.token", "sent"),
        ("secretsmanager.PutSecretValue", "done"),
        ("secretsmanager.UpdateSecretVersionStage", "sent"),
        ("secretsmanager.UpdateSecretVersionStage", "done"),
    ],
)
def test_death_around_a_renewal_with_stored_tokens_does_not_need_the_owner(
    world: World, request_name: str, moment: str
) -> None:
    die_at(world, AUTHENTICATOR, request_name, moment)
    world.run()
    assert_recovered(world, "SUCCEEDED")
    assert world.fake.control.stats()["token_refreshes"] == 1


@pytest.mark.parametrize(
    ("request_name", "moment"), [("gopro.token", "done"), ("secretsmanager.PutSecretValue", "sent")]
)
def test_death_after_rotation_and_before_the_token_is_stored_sends_one_clear_alert(
    world: World, request_name: str, moment: str
) -> None:
    die_at(world, AUTHENTICATOR, request_name, moment)
    assert world.run() == "CredentialsExpiredError"
    (alert,) = world.aws.mails()
    assert "CredentialsExpiredError" in alert["Subject"]
    assert "`cloudsync connect gopro`" in alert["Message"] and "gp_access_token" in alert["Message"]
    world.store_credentials()
    world.run_until_success()
    assert_recovered(world, "CredentialsExpiredError", "SUCCEEDED")
