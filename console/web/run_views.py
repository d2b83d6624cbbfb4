"""Runs: the nights, one of them, what is under way, and starting one."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from console.errors import ConsoleError, NotFoundError
from console.operations import retry, run
from console.operations.dead_letters import Cleared
from console.operations.ledger import Reading
from console.operations.nights import day_of
from console.operations.progress import Progress, RunWatch
from console.operations.run import Execution
from console.operations.run_report import RUNNING, Report, report_of
from console.operations.runs import Run, latest
from console.operations.status import Status
from console.operations.watches import watches_of
from console.stack import Stack
from console.web.page import ended, field, fragment, page, seen
from console.web.words import day_name, title_of

_SHOWN = 40  # runs on a page
_MOST_WATCHED = 16  # runs whose progress is remembered between two looks


@dataclass(frozen=True)
class Live:
    """A run that is under way, and how far it is at each provider."""

    run_id: str
    provider: str
    progress: list[Progress]


class RunViews:
    """The pages about the runs of a stack. What has ended is asked for once; of what is under way, the last look is
    remembered, because the pace is what has moved since."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ended: dict[str, Run] = {}
        self._begun: dict[str, Execution] = {}
        self._watches: dict[str, list[RunWatch]] = {}
        self._looking = threading.Lock()

    def latest(self, most: int, provider: str = "") -> list[Run]:
        """The last runs of one provider, or of all, the last one first. Raises botocore's errors."""
        wanted = (one for one in latest(self._stack, self._ended) if one.provider and provider in ("", one.provider))
        return list(islice(wanted, most))

    def running(self, found: Status) -> list[Live]:
        """What is under way, by the status."""
        names = [one.provider for one in found.providers if one.is_running]
        executions = [run.under_way(self._stack, name, Reading()) for name in names]
        return [self._look(one) for one in executions if one]

    def list_view(self, request: Request) -> HTMLResponse:
        """The nights, of all providers or of one."""
        chosen = request.query_params.get("provider", "")
        provider = self._stack.provider(chosen) if chosen else ""
        found = self.latest(_SHOWN, provider)
        days = [(day_name(day), list(some)) for day, some in groupby(found, lambda one: day_of(one.started_at))]
        names = list(self._stack.secrets)
        return page(
            self._stack, "runs.html", "/runs",
            runs=found, days=days, provider=provider, providers=names, most=_SHOWN,
        )  # fmt: skip

    def view(self, request: Request) -> HTMLResponse:
        """One run: its report, or how far it is."""
        execution = self._named(request.path_params["run_id"])
        live = self._look(execution) if execution.status == RUNNING else None
        report = self._report(execution)
        parts = report.runs or [report]
        archived = sum(one.archived or 0 for one in parts)
        return page(self._stack, "run.html", "/runs", report=report, live=live, parts=parts, archived=archived)

    def live_view(self, request: Request) -> HTMLResponse:
        """How far a run is, as a part of a page; once it has ended, that is said instead."""
        execution = self._named(request.path_params["run_id"])
        if execution.status != RUNNING:
            return ended(request, f"/runs/{execution.run_id}", fragment("over.html", run_id=execution.run_id))
        return fragment("live.html", live=self._look(execution))

    def start(self, request: Request) -> RedirectResponse:
        """Starts a run of one provider, or of all, or joins the one that is under way."""
        given = run.input_of(self._stack, field(request, "provider"), {}, "sync")
        begun = run.begin(self._stack, given, Reading())
        self._begun[begun.run_id] = run.execution_of(self._stack, begun)
        return seen(f"/runs/{begun.run_id}")

    def try_again(self, request: Request) -> RedirectResponse:
        """Tries again whatever has failed at a provider. What the dead-letter queue has of it leaves that when the run
        has begun, which the page does not wait for."""
        provider = self._stack.provider(field(request, "provider"))
        found = retry.all_failed(self._stack, [provider], Reading())
        if not found:
            raise ConsoleError(f"Nothing of {title_of(provider)} has failed any more: there is nothing to try again.")
        started = retry.start(self._stack, found[0], Reading())
        self._begun[started.run_id] = Execution(run.execution_arn(self._stack, started.run_id), RUNNING, {
            "provider": provider})  # fmt: skip
        threading.Thread(target=self._clear, args=(found[0], started), daemon=True).start()
        return seen(f"/runs/{started.run_id}")

    def _clear(self, wanted: retry.Retry, started: retry.Retried) -> None:
        """Messages that cannot be deleted now stay, and so does the alarm about them; `cloudsync retry --all` deletes
        what is about archived items."""
        with suppress(Exception):
            reading = Reading()
            if retry.has_begun(self._stack, started, reading):
                retry.clearing(self._stack, [wanted], [started], [], reading).clear(Cleared())

    def _named(self, run_id: str) -> Execution:
        """A run that has just been started may not be shown yet."""
        try:
            return run.named(self._stack, run_id)
        except NotFoundError:
            if run_id in self._begun:
                return self._begun[run_id]
            raise

    def _report(self, execution: Execution) -> Report:
        """As far as it is, and nothing yet of a run that Step Functions does not show yet."""
        if run.execution(self._stack, execution.arn):
            return report_of(self._stack, execution)
        return Report(run_id=execution.run_id, provider=execution.provider, mode=execution.mode, status=RUNNING)

    def _look(self, execution: Execution) -> Live:
        with self._looking:
            watches = self._watches.get(execution.run_id)
            if watches is None:
                watches = watches_of(self._stack, execution, list(self._stack.secrets))
                self._watches[execution.run_id] = watches
            for old in list(self._watches)[:-_MOST_WATCHED]:
                del self._watches[old]
            samples = [watch.sample() for watch in watches]
        return Live(execution.run_id, execution.provider, samples)
