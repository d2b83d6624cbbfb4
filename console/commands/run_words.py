"""What became of a run, in words: its report, as `cloudsync run --follow` and the demo show it."""

from __future__ import annotations

from collections.abc import Iterator

from cloud_sync_common.runtime.wording import count_of, left_out_of, repeated_of, size_of, usd_of

from console.commands.following import duration
from console.errors import Exit
from console.operations.run_report import ALREADY_RUNNING, NOT_STARTED, PAUSED, RUNNING, SUCCEEDED, Report
from console.wording import title_of, typed


def exit_code(report: Report) -> Exit:
    """0: all is well; 1: it failed; 3: it succeeded, and something waits for the owner."""
    if report.has_failed:
        return Exit.FAILED
    return Exit.ATTENTION if report.needs_owner else Exit.FINE


def headline(report: Report) -> str:
    """One run in a line, such as `GoPro: SUCCEEDED, 17 items archived (51.2 MB moved) in 42 s, 1 failed`."""
    title = title_of(report.provider)
    title = title[:1].upper() + title[1:]
    match report.status:
        case status if status == NOT_STARTED:
            return f"{title}: its run was not started"
        case status if status == ALREADY_RUNNING:
            return f"{title}: another run of it was under way, and does the work"
        case status if status == PAUSED:
            return f"{title}: paused, nothing was looked for"
        case status if status == RUNNING:
            return f"{title}: under way"
        case status if status == SUCCEEDED:
            return f"{title}: {', '.join([SUCCEEDED, *_did(report)])}"
    name = f" ({report.error})" if report.error else ""
    return f"{title}: {report.status}{name}: {report.cause or 'no cause was stated'}"


def _did(report: Report) -> Iterator[str]:
    took = f" in {duration(report.seconds)}" if report.seconds is not None else ""
    if report.mode == "reconcile":
        found = sum(report.findings.values())
        yield (f"{count_of(found, 'finding')}" if found else "everything agrees") + took
        return
    moved = f" ({size_of(report.bytes_archived)} moved)" if report.bytes_archived else ""
    yield f"{count_of(report.archived or 0, 'item')} archived{moved}{took}"
    if report.failed:
        yield f"{report.failed:,} failed"


def paragraphs(report: Report) -> Iterator[str]:
    """The whole report: what it did, what it left and why, and the next step."""
    if report.runs and report.status in (SUCCEEDED, RUNNING):
        for run in report.runs:
            yield from paragraphs(run)
        return
    yield f"{headline(report).removesuffix('.')}."
    if report.status == SUCCEEDED:
        yield from _of_success(report)
    elif report.status == PAUSED:
        command = f"cloudsync run --provider {typed(report.provider)} --even-if-paused"
        yield f"Next step: `{command}` starts a single run meanwhile."
    elif report.has_failed:
        yield f"Next step: {report.fix or '`cloudsync run` starts another one.'}"


def _of_success(report: Report) -> Iterator[str]:
    if report.estimated_usd is not None:
        listed, usd = count_of(report.listed or 0, "item"), usd_of(report.estimated_usd)
        yield f"It listed {listed} and cost about {usd} before any free tier."
    if report.findings:
        found = "\n".join(f"- {count:,} {kind}" for kind, count in sorted(report.findings.items()))
        where = f"{report.report_key} in the work bucket"
        yield f"The provider, the ledger and the archive disagree:\n{found}\nEach is named in {where}."
    if report.damaged:
        yield f"{count_of(report.damaged, 'item is', 'items are')} archived, and damaged already at the provider."
    if report.left:
        yield f"{count_of(report.left, 'item is', 'items are')} left to the next run, which continues there."
    if not_ready := (report.unavailable or 0) + (report.waiting or 0):
        yield f"{count_of(not_ready, 'item is', 'items are')} not ready at the provider; a later run tries again."
    yield from left_out_of(report.left_out)
    yield from repeated_of("item", report.repeated)
    if report.exhausted:
        yield f"{count_of(report.exhausted, 'item has', 'items have')} failed too often to be tried again without you."
    yield f"Next step: {_next(report)}"


def _next(report: Report) -> str:
    if report.failed or report.exhausted:
        return "`cloudsync failures` says why, and what to do."
    if report.findings:
        return "`cloudsync verify` looks closer."
    return "play what is damaged at the provider." if report.damaged else "none, all is well."
