"""What an owner pastes, and what stands in our own table, can be anything: it is used, or refused by an error of ours
that does not show it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from cloud_sync_common import safe_text
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.ledger import Ledger
from hypothesis import strategies as st

from tests.integration.fuzzing.answers import LITERALS, Answer, Body, How, Json, Spoiling
from tests.integration.fuzzing.examples import examples
from tests.integration.fuzzing.table import QuickResource, QuickTable

PASTED, ROWS = 0.05, 0.3  # as many examples, beside those of the nights
SECRET = "Kx7-quietly-pasted-secret-0042"
_ROUND = st.text("\"'`\u201c\u201d\u00ab\u00bb \t\r\n\ufeff\u200b\u202e\x00{}[]:,\\;=", max_size=6)
_WHOLE = {"provider": "gopro", "access_token": SECRET, "client_id": "c" * 20, "expires_at": 1.9e9}
_VALUE = st.one_of(st.sampled_from(LITERALS), st.text().map(json.dumps))
_CHANGES = st.builds(Json, at=st.integers(0, 20), how=st.sampled_from(How), to=_VALUE)


@dataclass
class Pasted:
    """Secrets Manager with one version of one secret."""

    text: str

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        return {"SecretString": self.text, "VersionId": "v", "CreatedDate": datetime(2026, 1, 1, tzinfo=UTC)}


def test_whatever_is_pasted_is_used_or_refused_without_being_shown() -> None:
    def judge(before: str, after: str, change: Json, spoiling: Spoiling | None, around: str) -> None:
        document = json.dumps(_WHOLE | {"access_token": f"{before}{SECRET}{after}"}).encode()
        answer = change.apply(Answer(200, (), document), ())
        if spoiling is not None:
            answer = Body(spoiling).apply(answer, ())
        _load(around + answer.body.decode("utf-8", "replace") + around)

    examples(PASTED, judge, before=_ROUND, after=_ROUND, change=_CHANGES, around=_ROUND,
             spoiling=st.one_of(st.none(), st.sampled_from(Spoiling)))  # fmt: skip


def _load(text: str) -> None:
    log, message = io.StringIO(), ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logger.registered_handler, "stream", log)
        patch.setattr(safe_text, "_secrets", safe_text._Secrets())
        try:
            found = CredentialStore(cast(Any, Pasted(text)), "gopro/credentials", "gopro").load()
            message = repr(found)
            for value in found.secrets:
                value.encode("latin-1")  # it can be sent
        except ConfigurationError as error:
            message = str(error)
    assert SECRET not in message + log.getvalue(), "what was pasted is shown"


# fmt: off
_ITEM = {"pk": {"S": "gopro#a"}, "sk": {"S": "ITEM"}, "status": {"S": "PENDING"}, "attempts": {"N": "1"},
         "lease_expires": {"N": "0"}, "run_bytes": {"N": "5"}, "revision": {"S": "/1"}, "filename": {"S": "a"}}
_SOURCE = {"pk": {"S": "gopro#a"}, "sk": {"S": "SOURCE#0001"}, "status": {"S": "ARCHIVED"}, "key": {"S": "k"},
           "size": {"N": "5"}, "copy": {"N": "1"}, "proofs": {"L": [{"S": "s3-checksum"}]}, "begun": {"N": "0"}}
# fmt: on
_VALUES = st.recursive(
    st.one_of(
        st.text(max_size=20).map(lambda text: {"S": text}),
        st.sampled_from(["0", "-1", "1.5", "1E+100", "99999999999999999999999999999999999999"]).map(lambda n: {"N": n}),
        st.just({"NULL": True}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.just({"SS": ["a"]}),
    ),
    lambda inner: st.lists(inner, max_size=2).map(lambda values: {"L": values}),
    max_leaves=3,
)


def test_a_row_of_the_ledger_that_is_odd_stops_nothing() -> None:
    def judge(source: bool, name: str, value: dict[str, Any] | None) -> None:
        table = QuickTable()
        for row in (_ITEM, _SOURCE):
            table.items[row["pk"]["S"], row["sk"]["S"]] = dict(row)  # type: ignore[index]
        odd = table.items["gopro#a", "SOURCE#0001" if source else "ITEM"]
        odd.pop(name, None)
        if value is not None:
            odd[name] = value
        ledger = Ledger(cast(Any, QuickResource("ledger", table)), "gopro")
        assert set(ledger.known(["a"])) <= {"a"}
        ledger.sources("a"), ledger.rows_of("a"), ledger.keys_of("a"), ledger.page(None)

    names = sorted({*_ITEM, *_SOURCE} - {"pk", "sk"})
    examples(ROWS, judge, source=st.booleans(), name=st.sampled_from(names), value=st.one_of(st.none(), _VALUES))
