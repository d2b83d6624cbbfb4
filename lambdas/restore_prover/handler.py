"""restore-prover: draws the original of a quarter's restore drill, and reads and compares it when it is thawed."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.prove_restore import Chosen, Progress, ProverRequest


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Chosen | Progress:
    """ChooseRequest -> Chosen; ProveRequest or GiveUpRequest -> Progress."""
    return composition.restore_prover(context).carry_out(decode(event, ProverRequest))
