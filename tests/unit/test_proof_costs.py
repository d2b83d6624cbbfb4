"""What the proofs cost that read every byte, in the description of the option that turns one on."""

from __future__ import annotations

import pytest
from cloud_sync_common import prices

from cloud_sync.config import ENVIRONMENTS
from cloud_sync.environments_table import described
from costs.model import GIB, MB_PER_VCPU

MD5_HERE = 1.34  # CPU-seconds per GiB, hashlib on the calibrated machine
ON_LAMBDA = 2.95  # CPU-seconds of a vCPU for one of that machine (docs/performance.md, "From this machine to Lambda")


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
def test_no_environment_computes_an_md5_of_every_byte(environment: str) -> None:
    assert ENVIRONMENTS[environment].check_source_etag is False


def test_the_price_of_checking_the_sources_etag_is_beside_the_option() -> None:
    cpu = MD5_HERE * ON_LAMBDA
    gb_seconds = cpu * MB_PER_VCPU / 1024
    usd = gb_seconds * prices.LAMBDA_GB_SECOND.each * 100 * prices.GB / GIB
    text = described()["check_source_etag"]
    assert f"{cpu:.0f} s of a vCPU per GiB" in text
    assert f"{cpu * MB_PER_VCPU / 512:.0f} s of a function of 512 MB" in text
    assert f"{usd:.4f} USD for 100 GB" in text
