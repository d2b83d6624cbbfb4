"""Checks that no secret is in a log, a message, a result, or an exception's text."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from local.fake_providers.gopro import FakeGoPro

_SIGNED = re.compile(r"(?i)[?&;](signature|policy|x-amz-signature)=(?!\*\*\*)\w")


def secrets_of(fake: FakeGoPro) -> set[str]:
    """Every token that the fake account ever issued, and its client's secret."""
    return fake.secrets()


def assert_no_secret(text: str, secrets: FakeGoPro | Iterable[str]) -> None:
    """Fails, without showing it, if one of these secrets is in `text` in any usual encoding, or a link's signature."""
    for secret in secrets_of(secrets) if isinstance(secrets, FakeGoPro) else secrets:
        written = (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())
        assert not any(form in text for form in written), "a secret is in the text"
    assert not _SIGNED.search(text), "the signature of a link is in the text"


@dataclass
class Output:
    """The log and output since the test began: in Lambda, all of it goes to CloudWatch."""

    lines: io.StringIO
    capture: pytest.CaptureFixture[str]
    printed: str = ""

    @property
    def text(self) -> str:
        captured = self.capture.readouterr()
        self.printed += captured.out + captured.err
        return self.lines.getvalue() + self.printed

    @property
    def log(self) -> list[dict[str, object]]:
        """The log's lines, decoded."""
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]
