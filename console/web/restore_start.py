"""A restore is priced and started: nothing begins before its price was shown and a ceiling given."""

from __future__ import annotations

import threading

from cloud_sync_common import prices
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from console.errors import UsageError
from console.operations.ledger import Reading
from console.operations.restore import start as operations
from console.operations.restore.plan import Planned, planned, rounded
from console.operations.restore.selection import Choice, choice_of
from console.stack import Stack
from console.web.page import given, page, seen
from console.web.restore_form import Typed, above_ceiling, largest_part, stamp_of, with_names

_MOST_NOTES = 10
_MOST_LISTED = 200  # files of the choice that are listed
_CHANGED = (
    "The price was not shown as it is now: what is chosen, or how S3 has it, has changed. Nothing was started. This is "
    "the price now."
)


class RestoreStart:
    """The page with the price of a choice, and the start."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._starting = threading.Lock()

    def view(self, request: Request) -> HTMLResponse:
        """The price of what is chosen, by the address or by a form; what S3 has of it is looked at now."""
        choice, typed = self._choice(request), _typed(request)
        errors = {name: text for name, text in typed.unfit().items() if name != "ceiling" or typed.ceiling}
        return self._sheet(request, typed, self._planned(choice, typed), errors)

    def start(self, request: Request) -> HTMLResponse | RedirectResponse:
        """Starts a job, or leads to the one of the same choice. One at a time, so that a form that is sent twice starts
        nothing twice. Raises as `restore start` does."""
        self._stack.output("RestorerArn")  # before anything is asked
        choice, typed = self._choice(request), _typed(request)
        with self._starting:
            plan = self._planned(choice, typed)
            errors = typed.unfit()
            found = None if errors else operations.same_as(self._stack, plan)
            if found and found.goes_on:
                return seen(f"/restores/{found.job.job_id}")
            if not errors and typed.shown != stamp_of(plan):
                return self._sheet(request, typed, plan, {"": _CHANGED}, status=409)
            if not errors and (text := above_ceiling(plan.plan)):
                errors = {"ceiling": text}
            if errors:
                return self._sheet(request, typed, plan, errors, status=400)
            return seen(f"/restores/{operations.start(self._stack, plan, found).job_id}")

    def _choice(self, request: Request) -> Choice:
        """Raises UsageError where nothing is chosen, or what does not go together."""
        items = tuple(dict.fromkeys(filter(None, given(request, "item"))))
        provider, month = _last(request, "provider"), _last(request, "month")
        if not items and not month:
            raise UsageError("Nothing is chosen. Choose what you want back in the library, then ask for its price.")
        if items:
            return choice_of(items, "", (), "", is_everything=False)
        return choice_of((), month, (), self._stack.provider(provider) if provider else "", is_everything=False)

    def _planned(self, choice: Choice, typed: Typed) -> Planned:
        found = planned(self._stack, choice, typed.terms, Reading(), lambda _: None)
        return with_names(found) if choice.items else found

    def _sheet(
        self, request: Request, typed: Typed, found: Planned, errors: dict[str, str], status: int = 200
    ) -> HTMLResponse:
        plan, region = found.plan, self._stack.account.region
        part, way_round = largest_part(plan, region)
        return page(
            self._stack, "restore_new.html", "/restores", status,
            plan=plan, typed=typed, errors=errors, stamp=stamp_of(found),
            chosen=[(name, value) for name in ("item", "month", "provider") for value in given(request, name)],
            files=found.files[:_MOST_LISTED], notes=plan.notes[:_MOST_NOTES], part=part, way_round=way_round,
            totals={one.tier.value: rounded(one.total) for one in plan.quotes},
            sleeps=bool(plan.frozen.files or plan.thawing.files),
            prices={"region": "us-east-1", "as_of": prices.AS_OF},
        )  # fmt: skip


def _typed(request: Request) -> Typed:
    empty = Typed()
    return Typed(
        tier=_last(request, "tier", empty.tier),
        days=_last(request, "days", empty.days),
        ceiling=_last(request, "ceiling"),
        where=_last(request, "where", empty.where),
        shown=_last(request, "shown"),
    )


def _last(request: Request, name: str, default: str = "") -> str:
    return (given(request, name) or [default])[-1].strip()
