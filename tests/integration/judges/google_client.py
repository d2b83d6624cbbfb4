"""Google's own client library, asked from here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.fake_providers.google_drive import FakeGoogleDrive
from tests.installed import ROOT, installed
from tests.integration.judges.programs import PYTHON, Authority, environment

_PROGRAM = Path(__file__).with_name("google_program.py")


class GoogleClient:
    """The library in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, do: str, **params: Any) -> Any:
        """The whole answer to a request: `result`, or what the library says of an error."""
        self.send({"do": do, "params": params})
        return self.read()

    def result(self, do: str, **params: Any) -> Any:
        """The result of a request that succeeds."""
        answer = self.ask(do, **params)
        assert "result" in answer, answer
        return answer["result"]

    def authorize(self, consent: Callable[[str], None], **params: str) -> Any:
        """The tokens of the flow of an installed app; `consent` is given the address of the consent page."""
        self.send({"do": "authorize", "params": params})
        consent(self.read()["url"])
        return self.read()["result"]

    def send(self, request: object) -> None:
        """Write one request."""
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)

    def read(self) -> Any:
        """Read one answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate(timeout=10)[1]
        return json.loads(line)


@contextmanager
def google_client(fake: FakeGoogleDrive, authority: Authority) -> Iterator[GoogleClient]:
    """The library at a running fake, with its account, for as long as the block."""
    installed(PYTHON)
    # oauthlib refuses loopback without TLS otherwise, which is where an installed app waits.
    env = environment(authority) | {"OAUTHLIB_INSECURE_TRANSPORT": "1"}
    pipe = subprocess.PIPE
    command = [str(ROOT / PYTHON), str(_PROGRAM)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        client = GoogleClient(process)
        names = ("access_token", "refresh_token", "client_id", "client_secret")
        account = {name: getattr(fake, name) for name in names}
        client.send({"base": fake.base_url, "authority": str(authority.file), "account": account})
        try:
            yield client
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)
