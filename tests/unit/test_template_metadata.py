"""A template says of which version it is, and every value that it was made from, so that the owner can ask a stack."""

from __future__ import annotations

import json
from dataclasses import fields

import cloud_sync_common
import pytest

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.environments_table import described
from cloud_sync.template_metadata import template_metadata
from tests.synthesis import Synthesis


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_template_has_every_value_of_the_configuration_and_the_version(
    synthesis: Synthesis, environment: str
) -> None:
    stack = synthesis.of(environment)
    found = stack.template["Metadata"]["CloudSync"]
    assert found["version"] == cloud_sync_common.__version__
    assert set(found["values"]) == set(described()) == {f.name for f in fields(Config)} - {"environment"}
    assert found == json.loads(json.dumps(template_metadata(stack.config)["CloudSync"]))


def test_a_value_has_its_own_type_and_what_is_not_set_is_none() -> None:
    values = template_metadata(ENVIRONMENTS["prod"])["CloudSync"]["values"]
    assert (values["max_run_gb"], values["audit_trail"], values["providers"]) == (500, True, ["gopro"])
    assert (values["object_lock_days"], values["filters"]) == ("none", "{}")
