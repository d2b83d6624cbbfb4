"""The form that starts a restore: what was typed, what of it does not fit, and what the price that it shows is made of.
Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from cloud_sync_common.prices import GB
from cloud_sync_common.runtime.wording import size_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import JobFile, Tier

from console.operations.restore.plan import DEFAULT_DAYS, Plan, Planned, Terms, rounded
from console.operations.restore.price import EGRESS_FREE, HOURS, LEAST_DAYS, MOST_DAYS, Quote

HERE, AWS = "here", "aws"  # where it is fetched to
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")
_NAMED = 3  # originals in the name of a job


@dataclass(frozen=True)
class Typed:
    """The fields as they were typed. `shown` identifies the price that the form has shown; empty: none."""

    tier: str = Tier.BULK.value
    days: str = str(DEFAULT_DAYS)
    ceiling: str = ""
    where: str = HERE
    shown: str = ""

    @property
    def terms(self) -> Terms:
        """As far as they fit; of what does not, the default takes the place, so that there is a price to show."""
        tier = Tier(self.tier) if self.tier in list(Tier) else Tier.BULK
        days = self._days
        days = days if days is not None and LEAST_DAYS[tier] <= days <= MOST_DAYS else DEFAULT_DAYS
        return Terms(tier=tier, days=days, max_usd=self._amount, leaves_aws=self.where != AWS)

    @property
    def _days(self) -> int | None:
        return int(self.days) if re.fullmatch("[0-9]{1,4}", self.days) else None

    @property
    def _amount(self) -> float | None:
        return float(self.ceiling) if _AMOUNT.fullmatch(self.ceiling) else None

    def unfit(self) -> dict[str, str]:
        """What does not fit, by field."""
        found = {"tier": "" if self.tier in list(Tier) else "Choose one of the two.", "days": self._unfit_days()}
        if not self.ceiling:
            found["ceiling"] = "Say what it may cost at most: nothing is started without a ceiling."
        elif self._amount is None:
            found["ceiling"] = "Write an amount in US dollars, such as 12.50."
        return {name: text for name, text in found.items() if text}

    def _unfit_days(self) -> str:
        least = LEAST_DAYS.get(self.terms.tier, 1)
        if self._days is not None and least <= self._days <= MOST_DAYS:
            return ""
        faster = " With 12 hours, one day is enough." if least > 1 else ""
        return f"Write a number of days from {least} to {MOST_DAYS}.{faster}"


def above_ceiling(plan: Plan) -> str:
    """The sentence at the ceiling, where the total is above it; empty otherwise."""
    if not plan.is_above_ceiling:
        return ""
    quote, cheapest = plan.quote, min(plan.quotes, key=lambda one: one.total)
    costs = f"It costs {rounded(quote.total)} USD, which is more than this. Nothing was started."
    if cheapest.tier is quote.tier:
        return costs
    return f"{costs} Within {HOURS[cheapest.tier]} hours it is {rounded(cheapest.total)} USD."


def stamp_of(planned: Planned) -> str:
    """Of the price as it is shown: the same again as long as the files, how S3 has them, and the sums are the same."""
    plan = planned.plan
    files = sorted((file.key, file.version_id, file.state.value) for file in planned.files)
    amounts = [plan.hot, plan.thawed, plan.prolonged, plan.thawing, plan.frozen]
    sums = [rounded(one.total) for one in plan.quotes]
    shown = msgspec.json.encode([files, amounts, sums, plan.terms.days, plan.terms.leaves_aws])
    return sha256(shown).hexdigest()[:32]


def with_names(planned: Planned) -> Planned:
    """The plan of items that were chosen one by one, called by the names of the originals in place of their ids."""
    names = list(dict.fromkeys((file.provider, file.media_id, file.filename) for file in planned.files))
    text = ", ".join(one_line(name, 100) for _, _, name in names[:_NAMED])
    text += f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return msgspec.structs.replace(planned, plan=msgspec.structs.replace(planned.plan, selection=text))


def items_of(files: list[JobFile]) -> list[str]:
    """The items that files are of, each once, as the form names them."""
    return list(dict.fromkeys(f"{file.provider}/{file.media_id}" for file in files))


def largest_part(plan: Plan, region: str) -> tuple[str, str]:
    """The largest part of the price in words with its share, and a way round it; empty where nothing is to be paid."""
    quote = plan.quote
    parts = {name: getattr(quote, name) for name in ("retrieval", "thawed_copies", "egress", "requests")}
    name = max(parts, key=lambda one: parts[one])
    if quote.total < 0.005:
        return "", ""
    titles = {"retrieval": "the thaw", "thawed_copies": "keeping the copies", "egress": "the way to your computer",
              "requests": "requests"}  # fmt: skip
    return f"{parts[name] / quote.total:.0%} of it is {titles[name]}.", _way_round(name, plan, quote, region)


def _way_round(name: str, plan: Plan, quote: Quote, region: str) -> str:
    if name == "egress":
        beyond = size_of(plan.bytes - int(EGRESS_FREE))
        return (
            f"It is for {beyond} beyond the {EGRESS_FREE / GB:.0f} GB of a month that are free. To a machine in "
            f"{region or 'the same region'}, or into another bucket there (`cloudsync restore fetch --to s3://…`), "
            "they cost nothing: choose that above to see it. Through CloudFront, the first TB a month is free as well."
        )
    if name == "retrieval":
        return "Within 48 hours it costs an eighth." if quote.tier is Tier.STANDARD else ""
    return "Fewer days cost less." if name == "thawed_copies" and quote.days > LEAST_DAYS[quote.tier] else ""
