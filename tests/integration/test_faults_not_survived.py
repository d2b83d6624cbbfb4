"""Faults that no client of this provider can notice: docs/reliability.md, "What is not survived"."""

from __future__ import annotations

import hashlib

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import PLAIN, Downloader


def test_bytes_that_the_provider_itself_spoils_are_archived_as_they_came(aws: Aws, gopro: FakeGoPro) -> None:
    downloader = Downloader(aws, gopro)
    gopro.control.add_fault(FaultKind.BYTES_CORRUPTED, byte=1000)
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    (path,) = (found.path for found in gopro.library.originals() if found.media_id == PLAIN)
    corrupted = bytearray(path.read_bytes())
    corrupted[1000] = 255 - corrupted[1000]
    assert downloader.archived(PLAIN) == [hashlib.sha256(corrupted).hexdigest()]
