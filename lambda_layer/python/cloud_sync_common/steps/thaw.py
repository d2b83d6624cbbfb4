"""The steps of a restore job (archive-thawer) up to its mail: S3 is asked to thaw the files and looked at each hour, or
as soon as its own events say that all is thawed.

S3 is the truth. Before it is asked for anything it is seen how far it is, so that an invocation that is repeated, or
takes over from one that was killed, asks for nothing twice. Each file's row says what S3 has answered, at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched, islice
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.wording import seconds_since
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tally, Tier
from cloud_sync_common.stores.row_values import now
from cloud_sync_common.stores.thawing import GONE, Outcome, Place, Seen, Thawing

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

SLICE = 1_000  # files of one invocation
AT_ONCE = 8  # requests; S3 takes 1,000 a second (S3 user guide, "Restoring an archived object")
_BATCH = 64  # files between two looks at the time
_BATCH_SECONDS = 30.0
MOST_ASKED = 3  # times that S3 is asked for a file that it thaws and then has not
WAIT_SECONDS = 3_600
EARLY_LOOKS = 20  # that events may cause one after the other; from then on with so long between two of them:
_LEAST_SECONDS = 300.0
# The wait ended by itself, or its execution did.
_NOBODY_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class AskRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="request"):
    """Ask S3 for the next files of a job."""

    job_id: str


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="check"):
    """See how far the files of a job are."""

    job_id: str


class WaitRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="wait"):
    """The execution waits, until somebody sends its token or its time is over."""

    job_id: str
    task_token: str


type ThawRequest = AskRequest | CheckRequest | WaitRequest


class _Bucket(msgspec.Struct, frozen=True):
    name: str


class _Object(msgspec.Struct, frozen=True):
    key: str
    version_id: str = msgspec.field(name="version-id", default="")


class _Detail(msgspec.Struct, frozen=True):
    bucket: _Bucket
    object: _Object


class ObjectThawed(msgspec.Struct, frozen=True):
    """The event of EventBridge with the detail type `Object Restore Completed` (S3 user guide, "EventBridge event
    message structure")."""

    detail: _Detail


class ThawStatus(StrEnum):
    """What the state machine goes by. MORE: S3 is to be asked (again) at once."""

    MORE = "MORE"
    REQUESTED = "REQUESTED"
    THAWING = "THAWING"
    WAITING = "WAITING"
    READY = "READY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ThawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Of every step. `wait_seconds`: until the next look, unless S3's events say that it is over earlier."""

    status: ThawStatus
    wait_seconds: int = 0


class Noted(msgspec.Struct, frozen=True):
    """For how many jobs an event of S3's was counted, and how many executions no longer wait because of it."""

    jobs: int
    woken: int


_CANCELLED = ThawAnswer(status=ThawStatus.CANCELLED)


@dataclass(frozen=True)
class ArchiveThawer:
    """Every method raises ArchiveUnavailableError, ConfigurationError; the latter also where there is no such job."""

    jobs: RestoreJobs
    archive: Thawing
    executions: SFNClient
    deadline: Deadline

    def answer(self, request: ThawRequest) -> ThawAnswer:
        """Does one step of a job."""
        match request:
            case AskRequest(job_id=job_id):
                return self._ask(job_id)
            case CheckRequest(job_id=job_id):
                return self._check(job_id)
            case WaitRequest(job_id=job_id, task_token=token):
                return self._wait(job_id, token)

    def note(self, event: ObjectThawed) -> Noted:
        """Counts one of S3's events for each job that waits, and ends the wait of those that have heard as many as they
        wait for. An event that is none of a job's own makes it look earlier, and not oftener than every few minutes."""
        waiting = [job for job in self.jobs.all() if job.state in (JobState.REQUESTING, JobState.THAWING)]
        if event.detail.bucket.name != self.archive.bucket:
            waiting = []
        counted = [self.jobs.note_event(job.job_id) for job in waiting]
        woken = [job for job in counted if job.task_token and _has_heard_all(job)]
        for job in woken:
            self.jobs.update(job.job_id, {"early_looks": job.early_looks + 1})
            self._wake(job.job_id, job.task_token)
        return Noted(len(counted), len(woken))

    def _ask(self, job_id: str) -> ThawAnswer:
        job, goes_on = self.jobs.go_on(job_id, {"state": JobState.REQUESTING})
        if not goes_on:
            return _CANCELLED
        wanted = (file for file in self.jobs.files(job_id) if file.state is FileState.WANTED)
        some = list(islice(wanted, SLICE))
        if not self._ask_for(job, some) or len(some) == SLICE:
            return ThawAnswer(status=ThawStatus.MORE)
        fields = {**self.jobs.tally(job_id).fields(), "state": JobState.THAWING}
        _, goes_on = self.jobs.go_on(job_id, fields)
        return ThawAnswer(status=ThawStatus.REQUESTED, wait_seconds=WAIT_SECONDS) if goes_on else _CANCELLED

    def _ask_for(self, job: Job, files: Iterable[JobFile]) -> bool:
        """Asks S3 for these; whether there was time for all of them."""
        by_place = _by_place(files)
        for some in batched(self.archive.look(by_place, goes_on=self._has_time), _BATCH):
            if not self._has_time():
                return False
            with ThreadPoolExecutor(AT_ONCE) as threads:
                done = threads.map(lambda one: self._ask_one(job, one[0], one[1], by_place[one[0]]), some)
                for place in done:
                    del by_place[place]
        return not by_place

    def _has_time(self) -> bool:
        return self.deadline.allows(_BATCH_SECONDS)

    def _ask_one(self, job: Job, place: Place, seen: Seen | None, files: list[JobFile]) -> Place:
        """Asks S3 for one object, unless it need not, and writes down what became of its files."""
        outcome, asked = self._unasked(job, seen), 0
        if outcome is None:
            outcome, asked = self.archive.ask(place, job.tier, job.days), 1
        if asked and seen and seen.is_thawed and outcome.state is FileState.REQUESTED:  # its copy stays longer
            again = dict(self.archive.look([place])).get(place)
            outcome = again.ready if again and again.is_thawed else outcome
        self._note(job, files, outcome, asked)
        return place

    def _unasked(self, job: Job, seen: Seen | None) -> Outcome | None:
        """What is known of an object without asking S3 for it; None where it has to be asked."""
        if seen is None:
            return Outcome(FileState.FAILED, problem=GONE)
        if seen.is_hot or seen.lasts(job.days - 1):
            return seen.ready
        # One that may be thawed by Bulk is thawed faster when it is asked for with Standard (S3 user guide, "Upgrading
        # the speed of an in-progress restore").
        return Outcome(FileState.REQUESTED) if seen.is_thawing and job.tier is Tier.BULK else None

    def _note(self, job: Job, files: Iterable[JobFile], outcome: Outcome, asked: int = 0) -> None:
        fields = {"state": outcome.state, "ready_until": outcome.ready_until, "problem": outcome.problem}
        for file in files:
            self.jobs.update_file(job.job_id, file.number, {**fields, "asked": file.asked + asked})

    def _check(self, job_id: str) -> ThawAnswer:
        # What S3 says from here on is counted anew: a look that is not needed costs less than one that comes late.
        job, goes_on = self.jobs.go_on(job_id, {"events": 0, "task_token": ""})
        if not goes_on:
            return _CANCELLED
        is_whole = self._look_at(job, (file for file in self.jobs.files(job_id) if file.state is FileState.REQUESTED))
        tally = self.jobs.tally(job_id)
        status = _status_of(tally)
        state = JobState.REQUESTING if status is ThawStatus.MORE else JobState(status)
        fields = {**tally.fields(), "state": state, "checked_at": now()}
        _, goes_on = self.jobs.go_on(job_id, fields)
        if not goes_on:
            return _CANCELLED
        logger.info("restore job", extra={"job_id": job_id, **tally.fields()})
        wait = WAIT_SECONDS if is_whole else 1
        return ThawAnswer(status=status, wait_seconds=wait if status is ThawStatus.THAWING else 0)

    def _look_at(self, job: Job, files: Iterable[JobFile]) -> bool:
        """Writes down what has changed; whether there was time to look at all of them."""
        by_place = _by_place(files)
        for some in batched(self.archive.look(by_place, goes_on=self._has_time), _BATCH):
            with ThreadPoolExecutor(AT_ONCE) as threads:
                done = threads.map(lambda one: self._look_at_one(job, one[0], one[1], by_place[one[0]]), some)
                for place in done:
                    del by_place[place]
        return not by_place

    def _look_at_one(self, job: Job, place: Place, seen: Seen | None, files: list[JobFile]) -> Place:
        if seen is None:
            self._note(job, files, Outcome(FileState.FAILED, problem=GONE))
        elif seen.is_hot or seen.is_thawed:
            self._note(job, files, seen.ready)
        elif not seen.is_thawing:  # S3 has dropped it
            for file in files:
                self._note(job, [file], _dropped(file))
        return place

    def _wait(self, job_id: str, token: str) -> ThawAnswer:
        job, goes_on = self.jobs.go_on(job_id, {"task_token": token})
        if not goes_on or _has_heard_all(job):
            self._wake(job_id, token)
        return ThawAnswer(status=ThawStatus.WAITING) if goes_on else _CANCELLED

    def _wake(self, job_id: str, token: str) -> None:
        """Ends the wait of an execution, if it still waits."""
        doing = "ending the wait of a restore job"
        try:
            with aws_errors(doing):
                self.executions.send_task_success(taskToken=token, output="{}")
        except AwsError as error:
            if error_code(error) not in _NOBODY_WAITS:
                raise ConfigurationError(f"Step Functions refused {doing} ({error_code(error)}).") from None
            logger.info("no execution waits", extra={"job_id": job_id})


def _by_place(files: Iterable[JobFile]) -> dict[Place, list[JobFile]]:
    """Files of one object are one thing to S3."""
    found: dict[Place, list[JobFile]] = {}
    for file in files:
        found.setdefault((file.key, file.version_id), []).append(file)
    return found


def _dropped(file: JobFile) -> Outcome:
    """What becomes of a file that S3 was asked for and does not thaw."""
    if file.asked < MOST_ASKED:
        return Outcome(FileState.WANTED)
    return Outcome(
        FileState.FAILED,
        problem=f"S3 was asked {MOST_ASKED} times to thaw it, and has not. Look at the object in the S3 console; then "
        "repeat `cloudsync restore start` with the same words.",
    )


def _status_of(tally: Tally) -> ThawStatus:
    for state, status in (
        (FileState.WANTED, ThawStatus.MORE),
        (FileState.REQUESTED, ThawStatus.THAWING),
        (FileState.READY, ThawStatus.READY),
    ):
        if tally.states[state]:
            return status
    return ThawStatus.FAILED


def _has_heard_all(job: Job) -> bool:
    """Whether S3 has sent as many events as objects are awaited. The events of one job are counted for others that
    wait, too: whom that has woken often is not woken again just after a look."""
    is_often = job.early_looks >= EARLY_LOOKS
    was_seen = is_often and bool(job.checked_at) and seconds_since(job.checked_at) < _LEAST_SECONDS
    return not job.awaited or (job.events >= job.awaited and not was_seen)
