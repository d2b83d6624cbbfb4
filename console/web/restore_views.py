"""Restores: what was asked for, how far it is, until when it can be fetched, and stopping it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_sync_common.stores.restore_jobs import Job, JobState
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from console.errors import UsageError
from console.operations.restore import jobs
from console.operations.restore.cancel import cancel, settled
from console.operations.restore.price import HOURS
from console.stack import Stack
from console.web.page import ended, field, fragment, page, seen
from console.web.restore_form import items_of
from console.web.words import count_of, when

_MOST_JOBS = 60  # on a page
_FILES = 100  # on a page
_MOST_AGAIN = 500  # items whose price is asked for once more by one button
_CAUSE = "It was stopped on the page of `cloudsync web`."
_UNDER_WAY = ("NEW", "REQUESTING", "THAWING")


@dataclass(frozen=True)
class Standing:
    """How a job is, in words. `is_now`: it asks for something, or goes on; `is_live`: it changes by itself; `again`: it
    would have to be started once more."""

    job: Job
    state: str
    icon: str
    word: str
    text: str

    @property
    def is_live(self) -> bool:
        return self.state in _UNDER_WAY

    @property
    def is_ready(self) -> bool:
        return self.state == "READY" and self.job.ready > 0

    @property
    def is_now(self) -> bool:
        return self.is_live or self.state == jobs.STOPPED or (self.is_ready and not self.job.fetched_at)

    @property
    def again(self) -> bool:
        return self.state in (jobs.EXPIRED, jobs.STOPPED, "FAILED", "CANCELLED")

    @property
    def ended(self) -> int:
        """Files of which nothing more is waited for."""
        return self.job.ready + self.job.failed


def standing_of(job: Job, state: str) -> Standing:
    """`state` is that of `jobs.progress`, or of `jobs.shown_state`."""
    icon, word = _WORDS.get(state, ("stop", "It has failed"))
    if state in _UNDER_WAY:
        word = f"Thawing, ready by {when(_due(job))}"
    elif state == "READY":
        until = f"Ready until {when(job.ready_until)}" if job.ready_until else "Ready to fetch at any time"
        icon, word = ("ok", "Fetched, every byte checked") if job.fetched_at else ("get", until)
        word = word if job.ready else "None of it can be had"
    elif state == "CANCELLED" and job.ended_at:
        word = f"Stopped on {when(job.ended_at)}"
    return Standing(job, state, icon, word, _text(job, state))


_WORDS = {
    "NEW": ("thaw", ""), "REQUESTING": ("thaw", ""), "THAWING": ("thaw", ""), "READY": ("get", ""),
    jobs.EXPIRED: ("wait", "The thawed copies have ended"), jobs.STOPPED: ("stop", "It has stopped by itself"),
    "FAILED": ("stop", "It has failed"), "CANCELLED": ("off", "Stopped"),
}  # fmt: skip


def _state(found: jobs.Progress) -> str:
    """A job that was written and has no execution does not go on either."""
    return jobs.STOPPED if found.state == "NEW" and not found.execution else found.state


def _due(job: Job) -> str:
    """When S3 will have thawed it at the latest, if it was asked at once."""
    try:
        return (datetime.fromisoformat(job.created_at) + timedelta(hours=HOURS[job.tier])).isoformat()
    except ValueError:
        return job.created_at


def _text(job: Job, state: str) -> str:
    if state in _UNDER_WAY:
        return f"{job.ready:,} of {count_of(job.files, 'original')} can be read. One mail says when all can."
    if state == "READY":
        return _ready_text(job)
    return {
        jobs.EXPIRED: "To fetch it now, it has to be thawed, and paid, once more.",
        jobs.STOPPED: "Nothing of it goes on: its execution has ended, or has never begun. Start it again.",
    }.get(state, job.problem)


def _ready_text(job: Job) -> str:
    if job.ready == job.files:
        return "It can be fetched." if job.files == 1 else f"All {job.files:,} originals can be fetched."
    lost = count_of(job.failed, "original")
    return f"{job.ready:,} of {count_of(job.files, 'original')} can be fetched; {lost} cannot be had."


class RestoreViews:
    """The pages about the restore jobs of a stack, and stopping one."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def list_view(self, request: Request) -> HTMLResponse:  # noqa: ARG002 (as every view)
        """By the rows of the jobs; of those that go on, Step Functions is asked whether they do."""
        found = [self._standing(job) for job in jobs.all_jobs(self._stack)[:_MOST_JOBS]]
        is_now, before = [one for one in found if one.is_now], [one for one in found if not one.is_now]
        ready = sum(one.job.ready for one in is_now if one.is_ready)
        thawing = sum(one.job.files - one.ended for one in is_now if one.is_live)
        return page(
            self._stack, "restores.html", "/restores",
            now_jobs=is_now, before=before, ready=ready, thawing=thawing, most=_MOST_JOBS,
        )  # fmt: skip

    def _standing(self, job: Job) -> Standing:
        if job.state.is_over:
            return standing_of(job, jobs.shown_state(job))
        return standing_of(job, _state(jobs.progress_of(job, [], jobs.last_execution(self._stack, job.job_id))))

    def view(self, request: Request) -> HTMLResponse:
        """One job, with its files."""
        job = jobs.named(self._stack, request.path_params["job_id"])
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 6:
            raise UsageError("The files of a job are counted by numbers.")
        files = jobs.files_of(self._stack, job.job_id)
        running = None if job.state.is_over else jobs.last_execution(self._stack, job.job_id)
        found = jobs.progress_of(job, files, running)
        shown = [file for file in files if file.number > int(after)][:_FILES]
        items = items_of(files)
        return page(
            self._stack, "restore.html", "/restores",
            one=standing_of(job, _state(found)), found=found, files=shown, first=shown[0].number if shown else 0,
            more=shown[-1].number if shown and shown[-1].number < files[-1].number else 0,
            asked=settled(job, files), items=items if len(items) <= _MOST_AGAIN else [], has_ended=jobs.has_ended,
        )  # fmt: skip

    def live_view(self, request: Request) -> HTMLResponse:
        """How far a job is, as a part of a page, by its row alone."""
        one = self._standing(jobs.named(self._stack, request.path_params["job_id"]))
        part = fragment("restore_live.html", one=one)
        return part if one.is_live else ended(request, f"/restores/{one.job.job_id}", part)

    def cancel(self, request: Request) -> RedirectResponse:
        """Stops a job, where the form says that it is meant. What S3 was asked for cannot be taken back."""
        job = jobs.named(self._stack, request.path_params["job_id"])
        if field(request, "sure") != "yes":
            raise UsageError("Nothing was stopped: open the restore, and say there that you mean it.")
        if job.state is not JobState.CANCELLED:
            cancel(self._stack, job, _CAUSE)
        return seen(f"/restores/{job.job_id}")
