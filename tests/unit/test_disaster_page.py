"""docs/disaster.md: the table that it creates is the stack's, and its drills are those that a test plays."""

from __future__ import annotations

import json
import re
import shlex

from tests.ledger_table import LEDGER_TABLE
from tests.synthesis import ROOT

PAGE = (ROOT / "docs" / "disaster.md").read_text(encoding="utf-8")


def option(words: list[str], name: str) -> list[str]:
    start = words.index(name) + 1
    return words[start : next((at for at in range(start, len(words)) if words[at].startswith("--")), len(words))]


def shorthand(words: list[str]) -> list[dict[str, str]]:
    """`AttributeName=pk,KeyType=HASH` as the AWS CLI reads it."""
    return [dict(pair.split("=") for pair in word.split(",")) for word in words]


def test_the_table_that_the_page_creates_is_the_stacks() -> None:
    (command,) = re.findall(r"^aws dynamodb create-table (.*?)\naws", PAGE, re.M | re.S)
    words = shlex.split(command.replace("\\\n", " "))
    assert option(words, "--table-name") == [LEDGER_TABLE["TableName"]]
    assert option(words, "--billing-mode") == [LEDGER_TABLE["BillingMode"]]
    assert shorthand(option(words, "--key-schema")) == LEDGER_TABLE["KeySchema"]
    assert shorthand(option(words, "--attribute-definitions")) == LEDGER_TABLE["AttributeDefinitions"]
    (indexes,) = option(words, "--global-secondary-indexes")
    assert json.loads(indexes) == LEDGER_TABLE["GlobalSecondaryIndexes"]
