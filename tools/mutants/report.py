"""The score of a sample, and the changes that no test noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.mutants.equivalents import Change
from tools.mutants.scope import FUNCTION_CODE, LEAST_PERCENT
from tools.mutants.source_text import SourceText
from tools.mutants.trials import Trial


@dataclass(frozen=True)
class Report:
    """Trials with what is known to be equivalent."""

    trials: Sequence[Trial]
    equivalents: Mapping[Change, str]
    sources: Mapping[str, SourceText]

    def _is_listed(self, trial: Trial) -> bool:
        return Change.of(trial.mutation, self.sources) in self.equivalents

    @property
    def wrongly_listed(self) -> list[Trial]:
        """Changes that are listed as equivalent although a test notices them."""
        return [trial for trial in self.trials if trial.killed and self._is_listed(trial)]

    @property
    def survivors(self) -> list[Trial]:
        """Changes that no test noticed and that are not listed."""
        found = [trial for trial in self.trials if not trial.killed and not self._is_listed(trial)]
        return sorted(found, key=lambda trial: trial.mutation)

    @property
    def percent(self) -> float:
        """Of those that are not equivalent, how many were noticed."""
        killed = sum(trial.killed for trial in self.trials)
        counted = killed + len(self.survivors)
        return 100 * killed / counted if counted else 100.0

    @property
    def enough(self) -> bool:
        """Whether the score is high enough and the list of equivalents right."""
        return self.percent >= LEAST_PERCENT and not self.wrongly_listed

    def text(self) -> str:
        """The score, and each survivor with its place, the change, and how many tests it survived."""
        lines = [self.survivor(trial) for trial in self.survivors]
        lines += [
            f"Listed as equivalent, but noticed by {trial.test}:\n{self._change(trial)}"
            for trial in self.wrongly_listed
        ]
        return "\n".join([*lines, self._by_kind(), self._score()])

    def survivor(self, trial: Trial) -> str:
        """A change that no test noticed."""
        tests = f"{trial.ran} of the {trial.candidates} tests that execute it were run"
        return f"{self._change(trial)}\n    {tests if trial.candidates else 'no test executes it'}"

    def _change(self, trial: Trial) -> str:
        source, mutation = self.sources[trial.mutation.module], trial.mutation
        before, after = source.before_and_after(mutation)
        place = f"{FUNCTION_CODE.as_posix()}/{mutation.module}:{source.line_of(mutation)}"
        return f"{place} {mutation.function} ({mutation.kind})\n  - {before}\n  + {after}"

    def _by_kind(self) -> str:
        tried = Counter(trial.mutation.kind for trial in self.trials)
        survived = Counter(trial.mutation.kind for trial in self.survivors)
        modules = Counter(trial.mutation.module for trial in self.survivors)
        kinds = ", ".join(f"{kind} {survived[kind]}/{count}" for kind, count in tried.most_common())
        return f"\nsurvived, by kind: {kinds}\nsurvived, by module: " + (
            ", ".join(f"{module} {count}" for module, count in modules.most_common()) or "none"
        )

    def _score(self) -> str:
        ends = Counter(trial.end for trial in self.trials)
        killed = sum(trial.killed for trial in self.trials)
        equivalent = len(self.trials) - killed - len(self.survivors)
        return (
            f"{len(self.trials)} changes tried, {equivalent} of them equivalent: {killed} noticed ({ends['failed']} by "
            f"a test that failed, {ends['timed out']} by one that took ten times its usual time and half a minute, "
            f"{ends['died']} because the process ended), {len(self.survivors)} not. "
            f"Score {self.percent:.1f} %, where {LEAST_PERCENT:.0f} % are needed."
        )
