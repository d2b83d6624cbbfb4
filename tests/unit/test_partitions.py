"""The templates fit the partitions of AWS: the regions of most people, those of China and those of GovCloud (US)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cloud_sync.definition import FILE
from tests.synthesis import ENVIRONMENTS, ROOT, Synthesis, new_app

EVERYTHING = {
    "private_network": "true", "customer_managed_key": "true", "detailed_monitoring": "true", "audit_trail": "true",
    "object_lock_days": "30", "retain_data": "true", "monthly_budget_usd": "20", "alert_email": "owner@example.org",
}  # fmt: skip
NOTHING_RETAINED = EVERYTHING | {"object_lock_days": "none", "retain_data": "false"}
VALUES: list[dict[str, str]] = [{}, EVERYTHING, NOTHING_RETAINED]

# Names with this ending are the same in every partition: service principals, and the names of VPC endpoint services.
SERVICE_PRINCIPAL = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")
ENDPOINT_SERVICE = "com.amazonaws."


def texts(value: Any) -> Iterator[str]:
    """Every text of a template that is not a key."""
    match value:
        case dict():
            for inner in value.values():
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)
        case str():
            yield value


@pytest.mark.parametrize("values", VALUES, ids=["defaults", "everything", "nothing retained"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_template_names_a_partition(synthesis: Synthesis, environment: str, values: dict[str, str]) -> None:
    template = synthesis.of(environment, **values).template
    assert "arn:aws" not in json.dumps(template)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_template_contains_a_domain_of_one_partition(synthesis: Synthesis, environment: str) -> None:
    found = [text for text in texts(synthesis.of(environment, **EVERYTHING).template) if "amazonaws" in text]
    others = [text for text in found if not SERVICE_PRINCIPAL.fullmatch(text) and text != ENDPOINT_SERVICE]
    assert len(found) > 5 and others == []


def test_the_definition_and_the_infrastructure_name_no_partition() -> None:
    for path in [*(ROOT / "cloud_sync").glob("*.py"), FILE]:
        assert "arn:aws" not in path.read_text()


def test_cdk_is_told_of_every_partition_so_that_it_bakes_none_into_a_template(tmp_path: Any) -> None:
    partitions = new_app(tmp_path).node.try_get_context("@aws-cdk/core:target-partitions")
    assert partitions == ["aws", "aws-cn", "aws-us-gov"]
