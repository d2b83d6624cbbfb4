"""The import contracts of pyproject.toml hold, and each of them notices a forbidden import."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import api
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.contract import Contract

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, type[Contract]] = {
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}
CONFIGURATION: dict[str, Any] = api.read_configuration(str(ROOT / "pyproject.toml"))  # as the command line reads it
CONTRACTS = {options["id"]: options for options in CONFIGURATION["contracts_options"]}

# One import for each contract that it must not let pass: who imports what.
FORBIDDEN = {
    "programs": ("cloud_sync_common.steps.report", "local.demo"),
    "function-code": ("cloud_sync_common.stores.ledger", "cloud_sync_common.transfer.part_plan"),
    "steps": ("cloud_sync_common.steps.rotate_credentials", "cloud_sync_common.steps.authenticate"),
    "providers": ("cloud_sync_common.providers.gopro", "cloud_sync_common.providers.dropbox"),
    "provider-http": ("cloud_sync_common.providers.gopro", "cloud_sync_common.stores.ledger"),
    "handlers": ("lambdas.media_lister.handler", "cloud_sync_common.stores.ledger"),
    "settings": ("cloud_sync_common.steps.report", "cloud_sync_common.runtime.settings"),
    "handler-folders": ("lambdas.media_lister.handler", "lambdas.run_report.handler"),
    "botocore": ("cloud_sync_common.steps.report", "botocore"),
    "boto3": ("cloud_sync_common.stores.ledger", "boto3"),
    "decoders": ("cloud_sync_common.steps.report", "av"),
    "infrastructure": ("cloud_sync.config", "cloud_sync_common.runtime.settings"),
    "deployment": ("cloud_sync.monitoring", "cdk_nag"),
    "cdk": ("local.demo", "aws_cdk"),
    "adoption": ("tools.adoption.left_behind", "local.emulator"),
    "aws-check": ("aws_check.stack", "local.deployment"),
    "console": ("console.operations.runs", "cloud_sync_common.steps.report"),
    "page": ("console.web.page", "boto3"),
    "page-packages": ("console.commands.web", "starlette"),
    "console-layers": ("console.operations.runs", "console.commands.options"),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import of the project."""
    configure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT), str(ROOT / "lambda_layer" / "python"), *sys.path])
        first, *others = CONFIGURATION["session_options"]["root_packages"]
        return grimp.build_graph(first, *others, include_external_packages=True, cache_dir=None)


def kept(contract_id: str, graph: grimp.ImportGraph) -> bool:
    options = {name: value for name, value in CONTRACTS[contract_id].items() if name != "id"}
    contract = KINDS[options["type"]](options["name"], CONFIGURATION["session_options"], options)
    return contract.check(copy.deepcopy(graph), verbose=False).kept


def test_a_forbidden_import_is_known_for_each_contract() -> None:
    assert set(FORBIDDEN) == set(CONTRACTS)


@pytest.mark.parametrize("contract_id", sorted(CONTRACTS))
def test_a_contract_holds_and_notices_a_forbidden_import(contract_id: str, graph: grimp.ImportGraph) -> None:
    assert kept(contract_id, graph)
    importer, imported = FORBIDDEN[contract_id]
    changed = copy.deepcopy(graph)
    changed.add_import(importer=importer, imported=imported)
    assert not kept(contract_id, changed)


def test_a_package_without_a_layer_breaks_the_layers(graph: grimp.ImportGraph) -> None:
    changed = copy.deepcopy(graph)
    changed.add_module("cloud_sync_common.misplaced")
    assert not kept("function-code", changed)
