"""A restore is killed anywhere and started again: S3 takes one request for each object, and there is one mail.

A point is one request of archive-thawer to AWS: its answer is lost, it breaks off, it is refused, or nothing from it on
reaches the ledger, S3 or the topic, as if the function had died there. The points are drawn with a fixed seed. They
are played by the steps of the state machine in their order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, JobState, RestoreJobs

from local.aws_fault_menu import AwsFaultKind
from local.aws_proxy import AwsProxy
from local.deployment import Deployment
from local.restore_fault_matrix import FILES, frozen_job
from tests.e2e.roles import outcome

type Inbox = Callable[[], list[dict[str, str]]]
SECONDS = 60.0
A = AwsFaultKind
MOMENT = (A.ANSWER_LOST, A.ANSWER_CUT, A.INTERNAL_ERROR)
# By step: service, operation, how often it is called, and what may happen to one call of it.
MENU: dict[str, list[tuple[str, str, int, tuple[AwsFaultKind, ...]]]] = {
    "request": [
        ("dynamodb", "UpdateItem", 6, (*MOMENT, A.THROTTLED)),
        ("dynamodb", "Query", 2, MOMENT),
        ("s3", "RestoreObject", FILES, (*MOMENT, A.SLOW_DOWN)),
        ("s3", "ListObjectVersions", 1, (*MOMENT, A.SLOW_DOWN)),
    ],
    "check": [
        ("dynamodb", "UpdateItem", 6, (*MOMENT, A.THROTTLED)),
        ("dynamodb", "Query", 2, MOMENT),
        ("s3", "ListObjectVersions", 1, (*MOMENT, A.SLOW_DOWN)),
    ],
    "report": [
        ("dynamodb", "UpdateItem", 2, (*MOMENT, A.THROTTLED)),
        ("dynamodb", "Query", 1, MOMENT),
        ("sns", "Publish", 1, (A.INTERNAL_ERROR, A.TOPIC_THROTTLED)),
    ],
}


@dataclass(frozen=True)
class Point:
    """What happens to the request after the first `after`. `dies`: access to the service is denied from there on, which
    the client does not try again, so that the step ends there as one that is killed does."""

    hour: int
    number: int
    step: str
    service: str
    operation: str
    kind: AwsFaultKind
    after: int
    dies: bool = False

    @property
    def job_id(self) -> str:
        return f"restore-20261127T{self.hour}0000Z-{self.number:04x}"

    def happens(self, aws: AwsProxy) -> None:
        times = None if self.dies else 1
        aws.add_fault(self.kind, self.service, self.operation, after=self.after, times=times)


def points(hour: int, count: int) -> list[Point]:
    """The same ones each time; half of them deaths."""
    draw, found = random.Random(hour), []  # noqa: S311 (test data)
    for number in range(1, count + 1):
        step = draw.choice([*MENU])
        service, operation, most, kinds = draw.choice(MENU[step])
        dies = number % 2 == 1 and operation != "RestoreObject"  # which a denial would fail for good
        kind = A.ACCESS_DENIED if dies else draw.choice(kinds)
        found.append(Point(hour, number, step, service, operation, kind, draw.randrange(most), dies))
    return found


STEPS = points(12, 56)


@pytest.fixture
def clean(deployed: Deployment, aws: AwsProxy, inbox: Inbox) -> Deployment:
    aws.rules.clear()
    aws.thawed.clear()
    deployed.clear()
    inbox()
    return deployed


def error_of(deployment: Deployment, step: str, job_id: str) -> str:
    return outcome(deployment, "archive-thawer", {"request": step, "job_id": job_id})[0]


def is_thawed(deployment: Deployment, keys: set[str]) -> bool:
    bucket, s3 = deployment.archive_bucket, deployment.s3
    return all('"false"' in s3.head_object(Bucket=bucket, Key=key).get("Restore", "") for key in keys)


def is_ready(jobs: RestoreJobs, aws: AwsProxy, job_id: str) -> None:
    job, files = jobs.known(job_id), list(jobs.files(job_id))
    assert job.state is JobState.READY and {file.state for file in files} == {FileState.READY}, job
    taken = {key: aws.thawed[key] for key in {file.key for file in files}}
    assert len(taken) == FILES and set(taken.values()) == {1}, taken


@pytest.fixture
def deaf(clean: Deployment) -> Iterator[Deployment]:
    """The function hears no events, so that it makes no requests but those of the steps that are played."""
    events = clean.emulator.client("events")
    (rule,) = [each["Name"] for each in events.list_rules(NamePrefix="gopro-sync-restore-completed")["Rules"]]
    events.disable_rule(Name=rule)
    yield clean
    events.enable_rule(Name=rule)


def test_a_step_that_is_killed_anywhere_goes_on_and_each_object_is_asked_for_once(
    deaf: Deployment, aws: AwsProxy, inbox: Inbox
) -> None:
    of_points = {point: frozen_job(deaf, point.job_id) for point in STEPS}
    happened = 0
    for at, step in enumerate(MENU):
        for point in STEPS:
            happened += plays(deaf, aws, point, step, [*MENU][: at + 1])
        if step == "request":
            keys = {file.key for point, jobs in of_points.items() for file in jobs.files(point.job_id)}
            deaf.wait_for(lambda keys=keys: is_thawed(deaf, keys), seconds=SECONDS)  # type: ignore[misc]
    for point, jobs in of_points.items():
        is_ready(jobs, aws, point.job_id)
    assert happened >= 50
    assert len(inbox()) == len(STEPS)


def plays(deployment: Deployment, aws: AwsProxy, point: Point, step: str, so_far: list[str]) -> int:
    """Whether the step is the one of the point, and it happened. What died is started again from the beginning."""
    if point.step == step:
        point.happens(aws)
    died = error_of(deployment, step, point.job_id)
    happened = sum(rule["applied"] > 0 for rule in aws.rules.listed())
    aws.rules.clear()
    assert bool(died) == bool(point.dies and happened) or (happened and died == "ArchiveUnavailableError"), point
    if died:
        assert [error_of(deployment, each, point.job_id) for each in so_far] == [""] * len(so_far), point
    return int(happened)
