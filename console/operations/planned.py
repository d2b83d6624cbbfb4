"""The plan of each provider: what the next run would move, what it leaves, how long that takes and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cloud_sync_common.filters import Filters

from console.errors import ConsoleError, Exit, UsageError
from console.operations import settings
from console.operations.deployed_functions import Deployed
from console.operations.estimate import Estimate, Speed, estimate
from console.operations.ledger import Reading
from console.operations.plan import Example, Found, Planning, filters_for
from console.operations.provider_services import Services
from console.operations.provider_session import ProviderSession
from console.operations.run import under_way
from console.operations.storage import Lifecycle
from console.stack import Stack


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What filters or the provider leave out for one reason; `bytes` as far as they are stated."""

    items: int
    bytes: int


class ProviderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. Of `listed`, `archived` are safe, `waiting` are not ready, `exhausted` failed too often, and
    `videos` with `bytes` would be moved: `again` of them are known and not archived yet, `changed` have an archived
    version, and `unknown_sizes` are counted as the average. Of a provider that is `paused`, nothing is moved until it
    is resumed. `run_under_way` is the id of one that moves some of it now. `problem` says why there is no plan, then
    nothing else is known; `exit_code` goes with it."""

    provider: str
    filters: Filters = Filters()
    listed: int = 0
    archived: int = 0
    videos: int = 0
    bytes: int = 0
    again: int = 0
    changed: int = 0
    unknown_sizes: int = 0
    waiting: int = 0
    exhausted: int = 0
    left_out: dict[str, LeftOut] = {}
    examples: list[Example] = []
    speed: Speed | None = None
    estimate: Estimate | None = None
    paused: bool = False
    run_under_way: str = ""
    problem: str = ""
    exit_code: int = 0


@dataclass
class Planner:
    """Makes the plans of one stack. `say` tells the owner what is being done, `note` of how many rows are listed."""

    stack: Stack
    services: Services
    deployed: Deployed
    lifecycle: Lifecycle
    speeds: Mapping[str, Speed]
    say: Callable[[str], None]
    note: Callable[[str, int], None]

    def plan(self, provider: str, given: Mapping[str, Any]) -> ProviderPlan:
        """The plan of one provider; one that cannot be asked has its `problem`, so that the others are planned all the
        same. Raises UsageError for filters, botocore's errors."""
        session = ProviderSession(self.stack, self.services, provider, self.deployed.provider_options, self.say)
        try:
            chosen = settings.readable(settings.current(self.stack, provider)).settings
            unfit = session.provider.capabilities.unfit_filters
            filters = filters_for(provider, given, self.deployed, chosen.filters, unfit)
            running = under_way(self.stack, provider, Reading())
            note = lambda found: self.note(provider, found.listed)  # noqa: E731
            found = Planning(self.stack, session, self.deployed, filters, note).found()
        except UsageError:
            raise
        except ConsoleError as error:
            return ProviderPlan(provider=provider, problem=str(error), exit_code=int(error.exit_code))
        plan = self._of(provider, filters, found, running.run_id if running else "")
        return msgspec.structs.replace(plan, paused=chosen.paused)

    def _of(self, provider: str, filters: Filters, found: Found, running: str) -> ProviderPlan:
        speed = self.speeds[provider]
        return ProviderPlan(
            provider=provider,
            filters=filters,
            listed=found.listed,
            archived=found.archived,
            videos=found.work.videos,
            bytes=found.work.bytes,
            again=found.again,
            changed=found.changed,
            unknown_sizes=found.unknown_sizes,
            waiting=found.waiting,
            exhausted=found.exhausted,
            left_out={
                reason: LeftOut(items=count, bytes=found.left_out_bytes[reason])
                for reason, count in sorted(found.left_out.items())
                if count
            },
            examples=found.examples,
            speed=speed,
            estimate=estimate(found.work, speed, self.deployed, self.lifecycle),
            run_under_way=running,
        )


def exit_code(plans: list[ProviderPlan]) -> int:
    """That of the first provider that could not be asked."""
    return next((plan.exit_code for plan in plans if plan.problem), int(Exit.FINE))
