"""What a run costs on AWS, estimated from what it did. Pure arithmetic; no free tier is counted.

Prices are USD in us-east-1 as of 2026-11, from AWS's public price pages.
"""

from __future__ import annotations

LAMBDA_GB_SECOND = 0.0000133334  # arm64
LAMBDA_REQUEST = 0.20 / 1_000_000
STEP_FUNCTIONS_TRANSITION = 0.025 / 1_000
S3_PUT = 0.005 / 1_000  # PUT, POST, and each part
S3_INTO_DEEP_ARCHIVE = 0.05 / 1_000  # one request per object, by lifecycle or at upload
DYNAMODB_WRITE = 0.625 / 1_000_000
DEEP_ARCHIVE_GB_MONTH = 0.00099

_TRANSITIONS_PER_VIDEO, _TRANSITIONS_PER_RUN = 4, 6
_LEDGER_WRITES_PER_VIDEO = 6


def run_cost(*, videos: int, gb_seconds: float, requests: int, slices: int) -> float:
    """USD for compute and requests of one run."""
    return (
        gb_seconds * LAMBDA_GB_SECOND
        + (slices + 3) * LAMBDA_REQUEST
        + (videos * _TRANSITIONS_PER_VIDEO + (slices - videos) * 2 + _TRANSITIONS_PER_RUN) * STEP_FUNCTIONS_TRANSITION
        + requests * S3_PUT
        + videos * (S3_INTO_DEEP_ARCHIVE + _LEDGER_WRITES_PER_VIDEO * DYNAMODB_WRITE)
    )


def monthly_storage(bytes_stored: int) -> float:
    """USD per month for keeping that many bytes in Deep Archive."""
    return bytes_stored / 1e9 * DEEP_ARCHIVE_GB_MONTH
