"""Limits and rules of AWS that no emulator here checks, and that the deployed stack keeps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from botocore.credentials import Credentials
from cloud_sync_common.aws import s3_upload

from cloud_sync.config import ENVIRONMENTS
from cloud_sync.layer import build_frames_layer, build_layer
from tests.synthesis import ROOT, Synthesis

UNPACKED_LIMIT = 250 * 1024**2  # bytes of a function with its layers (Lambda quotas, "Deployment package")
SMALLEST_ACCOUNT = 10  # concurrent executions of a new account (Lambda quotas, "Concurrent executions")
BESIDE_THE_DOWNLOADERS = 2  # the step of a second execution, and a rotation
URL = "https://bucket.s3.eu-west-3.amazonaws.com/gopro/a.mp4"


class Session:
    """A session whose credentials are new each time, as those of a Lambda function's role are after some hours."""

    def __init__(self) -> None:
        self._tokens: Iterator[int] = itertools.count(1)

    def get_credentials(self) -> Credentials:
        number = next(self._tokens)
        return Credentials(f"AKID{number}", "a secret key", f"session token {number}")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_unpacked_layer_is_within_the_limit_of_lambda(environment: str) -> None:
    config = ENVIRONMENTS[environment]
    size, of_frames = (
        sum(file.stat().st_size for file in build(config.architecture, config.python_version).rglob("*"))
        for build in (build_layer, build_frames_layer)
    )
    assert 10 * 1024**2 < size < UNPACKED_LIMIT / 2
    assert size + of_frames < 0.8 * UNPACKED_LIMIT  # frame-maker has both


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_a_run_fits_into_the_ten_concurrent_executions_of_a_new_account(environment: str) -> None:
    assert ENVIRONMENTS[environment].max_concurrency + BESIDE_THE_DOWNLOADERS <= SMALLEST_ACCOUNT


def test_an_upload_is_signed_anew_each_time_with_the_session_token_of_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session()
    monkeypatch.setattr(s3_upload, "session", lambda: session)
    first, second = (s3_upload.signed_put(URL, {"X-Amz-Decoded-Content-Length": "9"}, "eu-west-3") for _ in range(2))
    assert first["X-Amz-Security-Token"] == "session token 1" and second["X-Amz-Security-Token"] == "session token 2"
    assert "Credential=AKID1/" in first["Authorization"] and "Credential=AKID2/" in second["Authorization"]
    assert "x-amz-security-token" in first["Authorization"]  # among the signed headers


def test_the_readme_says_what_to_do_when_the_policy_of_the_run_log_is_full(synthesis: Synthesis) -> None:
    """Step Functions adds its log group to a resource policy of 5,120 characters (Step Functions developer guide,
    "Avoiding Amazon CloudWatch Logs resource policy size restrictions"), unless it is below /aws/vendedlogs."""
    groups = synthesis.of("dev").resources("AWS::Logs::LogGroup").values()
    names = [name for group in groups if (name := group["Properties"]["LogGroupName"]).startswith("/aws/states/")]
    (of_runs,) = (name for name in names if "orchestrator" in name)
    rows = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if "5,120 characters" in line
    ]
    assert len(rows) == 1 and of_runs in rows[0] and "describe-resource-policies" in rows[0]
