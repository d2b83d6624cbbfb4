"""How old a provider's credentials are, and how long they last: without reading the secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from cloud_sync_common.stores import provider_rows
from cloud_sync_common.stores.provider_rows import CredentialsState

from console.operations.ledger import Row, typed
from console.stack import Stack

CURRENT = "AWSCURRENT"
DAY = 86_400
SOON_DAYS = 2  # as the alarm credentials-end-soon
_PAGE, _MOST_PAGES = 100, 10


# The id of the current version of a provider's secret, and when it was stored; None: there is none.
type CurrentVersion = tuple[str, datetime | None]


class Health(StrEnum):
    """MISSING: none are stored; REFUSED: the provider refuses them; ENDED, ENDS_SOON: only the owner can renew them;
    UNTRIED: stored since the last run; RENEWS: they renew themselves; LASTS: a session that the last run could use."""

    MISSING = "missing"
    REFUSED = "refused"
    ENDED = "ended"
    ENDS_SOON = "ends soon"
    UNTRIED = "untried"
    RENEWS = "renews"
    LASTS = "lasts"


class CredentialsAge(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials of a provider. `age_days` counts from when they were stored or renewed, `days_left` is known of a
    session whose end its token states, and `lived_days` of one that has ended: until a run was first refused. Times are
    ISO 8601, empty where there is none."""

    provider: str
    health: Health
    secret: str
    stored_at: str = ""
    age_days: float | None = None
    ends_at: str = ""
    days_left: float | None = None
    lived_days: float | None = None

    @property
    def needs_owner(self) -> bool:
        return self.health in (Health.MISSING, Health.REFUSED, Health.ENDED, Health.ENDS_SOON)


def credentials_age(
    stack: Stack, provider: str, rows: Mapping[str, Row], current: CurrentVersion | None = None
) -> CredentialsAge:
    """By the dates of the secret's versions, and what the last run noted in the provider's rows. A rotation pending, or
    a version that is no longer current, does not count. `current`: what `current_version` has said already. Raises
    botocore's errors."""
    secret = stack.secrets[provider]
    state = typed(rows.get(provider_rows.CREDENTIALS, {}), CredentialsState)
    version, stored = current or current_version(stack, provider)
    if stored is None:
        return CredentialsAge(provider=provider, health=Health.MISSING, secret=secret)
    now = datetime.now(UTC)
    is_seen = state.seen_version == version
    ends_at = provider_rows.second_of(state.ends_at) if is_seen else None
    ends = None if ends_at is None else datetime.fromtimestamp(ends_at, UTC)
    health = _health(state, version, ends, now)
    has_ended = health in (Health.REFUSED, Health.ENDED) and state.ended_version == version
    return CredentialsAge(
        provider=provider,
        health=health,
        secret=secret,
        stored_at=stored.astimezone().isoformat(timespec="seconds"),
        age_days=round((now - stored).total_seconds() / DAY, 2),
        ends_at=ends.astimezone().isoformat(timespec="seconds") if ends else "",
        days_left=round((ends - now).total_seconds() / DAY, 2) if ends else None,
        lived_days=round((state.ended_at - stored.timestamp()) / DAY, 2) if has_ended and state.ended_at else None,
    )


def _health(state: CredentialsState, version: str, ends: datetime | None, now: datetime) -> Health:
    """Credentials that renew themselves get a new version with each renewal, which no run need have seen."""
    if state.refused_version == version:
        return Health.REFUSED
    if ends is not None:
        left = (ends - now).total_seconds() / DAY
        return Health.ENDED if left <= 0 else Health.ENDS_SOON if left < SOON_DAYS else Health.LASTS
    if state.renewable:
        return Health.RENEWS
    return Health.LASTS if state.seen_version == version else Health.UNTRIED


def current_version(stack: Stack, provider: str) -> CurrentVersion:
    """Raises botocore's errors."""
    client, ask = stack.client("secretsmanager"), {"SecretId": stack.secrets[provider], "MaxResults": _PAGE}
    for _ in range(_MOST_PAGES):
        answer: Any = client.list_secret_version_ids(**ask)
        for version in answer["Versions"]:
            if CURRENT in version.get("VersionStages", []):
                return version["VersionId"], version["CreatedDate"]
        if not answer.get("NextToken"):
            break
        ask["NextToken"] = answer["NextToken"]
    return "", None
