"""What it would take to have a choice back: the files as S3 has them now, and both tiers with their prices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil, isfinite

import msgspec
from cloud_sync_common.stores.restore_jobs import FileState, JobFile, Tier

from console.errors import ConsoleError, UsageError
from console.operations.ledger import Reading
from console.operations.restore.objects import Seen, Show, Temperature, look
from console.operations.restore.price import LEAST_DAYS, MOST_DAYS, Amount, Load, Quote, quote
from console.operations.restore.selection import Choice, Chosen, chosen
from console.stack import Stack

DEFAULT_DAYS = 7


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How it is to be thawed. `max_usd` is a ceiling for the total, None: there is none. `leaves_aws`: it is fetched to
    a place outside AWS."""

    tier: Tier = Tier.BULK
    days: int = DEFAULT_DAYS
    max_usd: float | None = None
    leaves_aws: bool = True

    def check(self) -> None:
        """Raises UsageError."""
        least = LEAST_DAYS[self.tier]
        if not least <= self.days <= MOST_DAYS:
            faster = " (or 1 to 365 with --tier standard)" if self.tier is Tier.BULK else ""
            raise UsageError(
                f"--days must be {least} to {MOST_DAYS} for the tier {self.tier.value}{faster}; not {self.days}."
            )
        if self.max_usd is not None and not (isfinite(self.max_usd) and self.max_usd >= 0):
            raise UsageError(f"--max-usd must be an amount such as 2.50; not {self.max_usd}.")


class FileNote(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence on a file; `is_lost`: it cannot be had."""

    provider: str
    media_id: str
    filename: str
    key: str
    text: str
    is_lost: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is chosen, and what it costs. `files` and `bytes` are those that can be had; of the amounts, each object
    counts once. `prolonged` are the thawed ones whose copy is to stay longer. `quotes` has one for each tier."""

    selection: str
    items: int
    not_archived: int
    unreadable: int
    files: int
    bytes: int
    lost: int
    hot: Amount
    thawed: Amount
    prolonged: Amount
    thawing: Amount
    frozen: Amount
    terms: Terms
    quotes: list[Quote]
    notes: list[FileNote]

    @property
    def quote(self) -> Quote:
        """Of the tier that is asked for."""
        return next(one for one in self.quotes if one.tier is self.terms.tier)

    @property
    def is_above_ceiling(self) -> bool:
        return self.terms.max_usd is not None and self.quote.total > self.terms.max_usd

    def check_ceiling(self) -> None:
        """Raises ConsoleError where the total is above the ceiling; it names what is cheaper."""
        if not self.is_above_ceiling:
            return
        raise ConsoleError(
            f"This would cost {rounded(self.quote.total)} USD, which is more than --max-usd {self.terms.max_usd}, so "
            f"nothing was started. {self._cheaper()}"
        )

    def _cheaper(self) -> str:
        cheapest = min(self.quotes, key=lambda one: one.total)
        if cheapest.tier is self.terms.tier:
            return "Choose less, or raise the ceiling."
        costs = f"With --tier {cheapest.tier.value.lower()} it is {rounded(cheapest.total)} USD"
        is_enough = cheapest.total <= (self.terms.max_usd or 0)
        return f"{costs}." if is_enough else f"{costs}, which is more as well: choose less, or raise the ceiling."


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, and the files that a job of it has."""

    plan: Plan
    files: list[JobFile]

    @property
    def fingerprint(self) -> str:
        """Of the files, the tier and the days: the same again for whoever wants the same."""
        asked = [*sorted(f"{file.key}\0{file.version_id}" for file in self.files), self.plan.terms.tier.value]
        return sha256("\n".join([*asked, str(self.plan.terms.days)]).encode()).hexdigest()[:32]


def planned(stack: Stack, choice: Choice, terms: Terms, reading: Reading, show: Show) -> Planned:
    """Reads the ledger, and asks S3 for each object. Raises as `chosen` and `look` do, UsageError where nothing of the
    choice is archived."""
    terms.check()
    found = chosen(stack, choice, reading)
    if not found.files:
        raise UsageError(_nothing(found))
    return plan_of(found, look(stack.client("s3"), stack.output("ArchiveBucket"), found.files, show), terms)


def plan_of(found: Chosen, seen: Iterable[Seen], terms: Terms) -> Planned:
    """The plan for files that were looked at."""
    looked = list(seen)
    by = {kind: _amount(one.file for one in looked if one.temperature is kind) for kind in Temperature}
    files = [one.file for one in looked]
    good = [file for file in files if file.state is not FileState.FAILED]
    load = Load(
        all=Amount(len(good), sum(file.size for file in good)),
        frozen=by[Temperature.FROZEN],
        thawing=by[Temperature.THAWING],
        prolonged=_amount(one.file for one in looked if ends_early(one, terms.days)),
        leaves_aws=terms.leaves_aws,
    )
    plan = Plan(
        selection=found.choice.text,
        items=found.items,
        not_archived=found.not_archived,
        unreadable=found.unreadable,
        files=load.all.files,
        bytes=load.all.bytes,
        lost=len(files) - len(good),
        hot=by[Temperature.HOT],
        thawed=by[Temperature.THAWED],
        prolonged=load.prolonged,
        thawing=load.thawing,
        frozen=load.frozen,
        terms=terms,
        quotes=[quote(load, tier, terms.days) for tier in (Tier.BULK, Tier.STANDARD)],
        notes=[_note(one) for one in looked if one.file.problem or one.note],
    )
    return Planned(plan=plan, files=files)


def ends_early(one: Seen, days: int) -> bool:
    """Whether S3 is asked to keep a thawed copy longer (cloud_sync_common/steps/thaw.py; a test compares)."""
    until = datetime.fromisoformat(one.thawed_until) if one.thawed_until else None
    return until is not None and until < datetime.now(UTC) + timedelta(days=days - 1)


def _amount(files: Iterable[JobFile]) -> Amount:
    """Two files may have their bytes in one object, which is thawed once."""
    sizes = {(file.key, file.version_id): file.size for file in files}
    return Amount(len(sizes), sum(sizes.values()))


def _note(one: Seen) -> FileNote:
    return FileNote(
        provider=one.file.provider,
        media_id=one.file.media_id,
        filename=one.file.filename,
        key=one.file.key,
        text=one.file.problem or one.note,
        is_lost=bool(one.file.problem),
    )


def _nothing(found: Chosen) -> str:
    if found.unreadable:
        return "What is chosen cannot be read in the ledger: `cloudsync verify` compares everything."
    if found.not_archived:
        return "Nothing that is chosen is archived: `cloudsync failures` says why, and `cloudsync list` has what is."
    return "Nothing that is archived fits the choice: `cloudsync list` shows what there is."


def rounded(usd: float) -> str:
    """Up to the next cent, so that it will do as a ceiling."""
    return f"{ceil(round(usd * 100, 6)) / 100:.2f}"
