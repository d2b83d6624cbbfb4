"""`python -m tools.mutants`: changes the core modules one change at a time and runs the tests that execute it.

The first run measures which test executes which line, which takes about as long as the tests do. The result is kept in
.local/mutants and used while the sources stay as they are; when only a file of tests changes, only that is measured.
The repository itself is never changed: each worker has a copy of it in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from tools.mutants.copies import Worker
from tools.mutants.equivalents import Change, gone, read_equivalents
from tools.mutants.executed_lines import executed_lines
from tools.mutants.mutations import mutations, sample
from tools.mutants.report import Report
from tools.mutants.scope import FUNCTION_CODE, ROOT, core_modules
from tools.mutants.source_text import Mutation, SourceText
from tools.mutants.trials import Trial, Trials

KEPT = ROOT / ".local" / "mutants"
EQUIVALENTS = Path(__file__).parent / "equivalent.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when enough changes are noticed, 1 when not, or 2 after one sentence that says what must be done."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    sources = {name: SourceText((ROOT / FUNCTION_CODE / name).read_text(encoding="utf-8")) for name in core_modules()}
    listed = read_equivalents(EQUIVALENTS)
    outdated = gone(listed, sources)
    if outdated:
        print(f"{EQUIVALENTS.name} lists changes that fit no line any more: remove or renew them.", file=sys.stderr)
        print(*outdated, sep="\n", file=sys.stderr)
        return 2
    chosen = _chosen(options, sources)
    if not chosen:
        print("There is nothing to change: ONLY names no core module, or nothing survived.", file=sys.stderr)
        return 2
    print(
        f"{len(chosen)} changes, drawn with SEED={options.seed} from {options.only or 'all core modules'}.", flush=True
    )
    trials = _tried(options, sources, chosen, listed)
    report = Report(trials, listed, sources)
    _keep(report)
    print(report.text())
    return 0 if report.enough else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description="Finds changes that no test notices.")
    parser.add_argument("--sample", type=int, default=400, metavar="N", help="how many changes to try")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws the sample: the same one each time")
    parser.add_argument("--only", default="", metavar="PATH", help="only core modules with this in their path")
    parser.add_argument("--again", action="store_true", help="try what survived the last time, in place of a sample")
    parser.add_argument("--every-test", action="store_true", help="run all tests of a line, however long they take")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="one for each processor")
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace, sources: dict[str, SourceText]) -> list[Mutation]:
    some = {name: sources[name] for name in core_modules(only=options.only)}
    if not options.again:
        return sample(some, options.sample, options.seed)
    last = {Change(**one) for one in json.loads((KEPT / "survivors.json").read_text())}
    every = [one for name, source in some.items() for one in mutations(name, source)]
    return [one for one in every if Change.of(one, sources) in last]


def _keep(report: Report) -> None:
    survivors = [vars(Change.of(trial.mutation, report.sources)) for trial in report.survivors]
    (KEPT / "survivors.json").write_text(json.dumps(survivors, indent=1))


def _tried(
    options: argparse.Namespace, sources: dict[str, SourceText], chosen: list[Mutation], listed: dict[Change, str]
) -> list[Trial]:
    with _workers(options.workers) as pool:
        began = time.monotonic()
        lines = executed_lines(ROOT, KEPT / "executed.json", lambda jobs: pool(_measured, jobs))
        print(f"It is known after {time.monotonic() - began:.0f} s which of {len(lines.seconds)} tests execute what.")
        if lines.failing:
            print("These fail without a change and are not used:", *lines.failing, sep="\n  ", flush=True)
        trials = Trials(sources, lines, every_test=options.every_test)
        results = _all(trials, chosen, listed, pool)
        killers = {trial.test for trial in results if trial.end == "failed"}
        (unreliable,) = pool(trials.failing_without_a_change, [killers])
        return [*_sure(trials, results, frozenset(unreliable), listed, pool)]


def _measured(job: dict[str, Any], do: Any) -> tuple[str, dict[str, Any]]:
    return job["measure"], do(job)


type Pool = Callable[[Callable[[Any, Any], Any], Sequence[Any]], Iterator[Any]]


def _all(trials: Trials, chosen: Sequence[Mutation], listed: dict[Change, str], pool: Pool) -> list[Trial]:
    """Tries them, and prints what survives as soon as it does."""

    def attempt(mutation: Mutation, do: Any) -> Trial:
        equivalent = Change.of(mutation, trials.sources) in listed
        return trials.attempt(mutation, do, only_quickest=equivalent)

    results: list[Trial] = []
    report = Report(results, listed, trials.sources)
    for trial in pool(attempt, chosen):
        results.append(trial)
        if trial in report.survivors:
            print(report.survivor(trial), flush=True)
        if len(results) % 20 == 0:
            print(f"{len(results)} tried, {sum(one.killed for one in results)} noticed", flush=True)
    return results


def _sure(
    trials: Trials, results: list[Trial], unreliable: frozenset[str], listed: dict[Change, str], pool: Pool
) -> list[Trial]:
    """The same results, but what only a test noticed that fails without a change as well is tried without that test."""
    doubtful = [trial.mutation for trial in results if trial.test in unreliable]
    if not doubtful:
        return results
    print("These fail now and then without a change and are not used:", *sorted(unreliable), sep="\n  ", flush=True)
    again = {one.mutation: one for one in _all(replace(trials, unreliable=unreliable), doubtful, listed, pool)}
    return [again.get(trial.mutation, trial) for trial in results]


@contextmanager
def _workers(count: int) -> Iterator[Pool]:
    """So many workers: a function that has them do something with each of many things, and yields what is done."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(count))
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        free: SimpleQueue[Worker] = SimpleQueue()
        for number in range(count):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True)))
            free.put(stack.enter_context(Worker(ROOT, folder / str(number))))

        def with_one(act: Callable[[Any, Any], Any], thing: Any) -> Any:
            worker = free.get()
            try:
                return act(thing, worker.do)
            finally:
                free.put(worker)

        yield lambda act, things: (
            done.result() for done in as_completed([threads.submit(with_one, act, thing) for thing in things])
        )


if __name__ == "__main__":
    sys.exit(main())
