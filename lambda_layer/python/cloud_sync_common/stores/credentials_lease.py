"""Who renews the credentials just now, and which stored version the provider has refused: a row of the ledger."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.stores import conditional_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class CredentialsLease:
    """Serialises renewals, and remembers which stored version the provider has refused."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._owner = table, str(uuid.uuid4())
        self._key = {"pk": f"PROVIDER#{provider}", "sk": "CREDENTIALS"}

    def refused_version(self) -> str:
        """The version that was last refused; empty when none was."""
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=self._key, ConsistentRead=True)
        return str(answer.get("Item", {}).get("refused_version", ""))

    def note_refused(self, version: str) -> bool:
        """The provider answered 401 to the token of this version: it is not to be used again without renewal. Whether
        that is news."""
        _, news = conditional_table.write(
            self._table,
            self._key,
            {"refused_version": version},
            condition="attribute_not_exists(#refused_version) OR #refused_version <> :refused_version",
        )
        return news

    @contextmanager
    def noting_refusal(self, version: str) -> Iterator[None]:
        """Notes it when the provider refuses the token of this version in the block, so that it is renewed once for
        everybody; the refusal goes on."""
        try:
            yield
        except CredentialsExpiredError:
            self.note_refused(version)
            raise

    def acquire(self, seconds: float) -> bool:
        """Whether renewing is ours alone for that long."""
        _, granted = conditional_table.write(
            self._table,
            self._key,
            {"lease_owner": self._owner, "lease_expires": int(time.time() + seconds) + 1},
            condition="attribute_not_exists(#lease_owner) OR #lease_expires < :now OR #lease_owner = :lease_owner",
            extra={":now": int(time.time())},
        )
        return granted

    def release(self) -> None:
        conditional_table.write(
            self._table,
            self._key,
            {},
            remove=("lease_owner", "lease_expires"),
            condition="#lease_owner = :me",
            extra={":me": self._owner},
        )
