"""A row of the ledger: who is renewing the credentials, and which stored version the provider has refused."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.stores.conditional_table import ConditionalTable
from cloud_sync_common.stores.provider_rows import second_of
from cloud_sync_common.stores.row_values import now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class CredentialsLease:
    """Allows one renewal at a time, and remembers which stored version the provider has refused."""

    def __init__(self, table: Table, provider: str) -> None:
        self._rows, self._owner = ConditionalTable(table), str(uuid.uuid4())
        self._key = {"pk": f"PROVIDER#{provider}", "sk": "CREDENTIALS"}

    def refused_version(self) -> str:
        """The version that was refused last; empty if none was."""
        return str(self._rows.get(self._key).get("refused_version", ""))

    def note_refused(self, version: str) -> bool:
        """Notes that the provider refused the token of this version, so that nobody uses it again without a renewal.
        Returns whether this was not known yet."""
        _, is_new = self._rows.update(
            self._key,
            {"refused_version": version},
            condition="attribute_not_exists(#refused_version) OR #refused_version <> :refused_version",
        )
        return is_new

    def note_accepted(self, version: str) -> None:
        """Takes back that the token of this version was refused, because the provider accepts it."""
        if self.refused_version() == version:
            self._rows.update(
                self._key,
                {},
                remove=("refused_version",),
                condition="#refused_version = :version",
                extra={":version": version},
            )

    def note_seen(
        self, version: str, ends_at: float | None, *, renewable: bool, stored_at: float | None = None
    ) -> None:
        """Notes when the credentials of this version were stored and end (Unix time, None: unknown), and whether they
        renew themselves."""
        times = {"stored_at": second_of(stored_at), "ends_at": second_of(ends_at)}
        self._rows.update(
            self._key,
            {"seen_version": version, "renewable": renewable, **times},
            condition="attribute_not_exists(#seen_version) OR #seen_version <> :seen_version OR "
            "attribute_not_exists(#stored_at) OR #stored_at <> :stored_at OR #ends_at <> :ends_at OR "
            "#renewable <> :renewable",
        )

    def count_renewal(self) -> int:
        """Counts one renewal of today (UTC), and returns how many these are. To be called by whoever has the lease."""
        today, counted = now()[:10], {"renewals": 1}
        row, same_day = self._rows.update(
            self._key, {}, add=counted, condition="#renewals_on = :today", extra={":today": today}
        )
        if not same_day:
            row, _ = self._rows.update(
                self._key,
                {"renewals_on": today, **counted},
                condition="attribute_not_exists(#renewals_on) OR #renewals_on <> :renewals_on",
            )
        return int(row["renewals"])

    @contextmanager
    def noting_refusal(self, version: str) -> Iterator[None]:
        """If the provider refuses the token of this version within the block, notes that, so that one renewal serves
        everybody; the error is raised on."""
        try:
            yield
        except CredentialsExpiredError:
            self.note_refused(version)
            raise

    def acquire(self, seconds: float) -> bool:
        """Takes the lease for that long. Returns whether it was free."""
        _, granted = self._rows.update(
            self._key,
            {"lease_owner": self._owner, "lease_expires": int(time.time() + seconds) + 1},
            condition="attribute_not_exists(#lease_owner) OR #lease_expires < :now OR #lease_owner = :lease_owner",
            extra={":now": int(time.time())},
        )
        return granted

    def release(self) -> None:
        self._rows.update(
            self._key,
            {},
            remove=("lease_owner", "lease_expires"),
            condition="#lease_owner = :me",
            extra={":me": self._owner},
        )
