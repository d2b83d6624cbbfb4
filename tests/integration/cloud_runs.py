"""Whole runs over the fakes of Google Drive and Dropbox: the state machine's own definition, and every function behind
it in a process of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.fake_providers import dropbox, google_drive
from local.fake_providers.fault_menu import Kind
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import SECRET, WORK, Aws
from tests.integration.crash_world import Host, hosted
from tests.integration.secret_check import assert_no_secret
from tests.integration.state_machine_player import Player, StatesError

MIB = 1024 * 1024
FILES = {"one.mp4": 90_000, "two.mp4": 80_000, "large.mp4": 11 * MIB}  # their sizes
CREDENTIALS = {
    "google_drive": ("client_id", "client_secret", "refresh_token"),
    "dropbox": ("app_key", "refresh_token"),
}
SINGLE_PUT_MIB = 5  # so that the large file goes in parts


@dataclass
class CloudRuns:
    """An account with a few videos, and the runs that back it up."""

    provider: str
    aws: Aws
    fake: Any
    host: Host
    runs: int = 0
    ids: dict[str, str] = field(default_factory=dict)  # by the name of the file

    def __post_init__(self) -> None:
        given = {name: getattr(self.fake, name) for name in CREDENTIALS[self.provider]}
        given["client_id"] = given.pop("app_key", None) or given["client_id"]
        self.aws.store({"provider": self.provider} | given)
        originals = self.fake.control.originals()
        self.ids = {Path(found["path"]).name: found["media_id"] for found in originals}

    def run(self) -> Any:
        """The output of one run. Raises StatesError when it fails."""
        self.runs += 1
        name = f"run-{self.runs}"
        arn = f"arn:aws:states:us-east-1:123456789012:execution:gopro-sync-orchestrator:{name}"
        return Player(self._invoke, self._manifest, lambda _: None, name, arn).play({"provider": self.provider})

    def _invoke(self, function: str, payload: Any) -> Any:
        (answer,) = self.host.invoke([{"function": function, "event": payload, "seconds": 300.0}])
        if "ok" in answer:
            return answer["ok"]
        assert "error" in answer, f"the process of {function} was killed: {answer}"
        cause = json.dumps({"errorType": answer["error"], "errorMessage": answer["message"]})
        raise StatesError(answer["error"], cause)

    def _manifest(self, key: str) -> list[bytes]:
        return self.aws.read(key, WORK).splitlines()

    def fault(self, kind: Kind, file: str, **rule: Any) -> None:
        """A fault of one file."""
        self.fake.control.add_fault(kind, media_id=self.ids[file], **rule)

    def row(self, file: str) -> dict[str, Any]:
        return self.aws.row(f"{self.provider}#{self.ids[file]}", "ITEM")

    def read_since(self, file: str, before: int = 0) -> int:
        """Bytes of a file that the provider has sent, beyond so many."""
        return int(self.fake.control.stats()["bytes_served"].get(self.ids[file], 0)) - before

    def contents(self) -> set[bytes]:
        """Everything in the archive."""
        return {self.aws.read(key) for key in self.aws.archived()}


def write_library(folder: Path, files: Mapping[str, int]) -> Path:
    """Writes movies of these sizes in bytes, and a library of one item for each."""
    for name, size in files.items():
        (folder / name).write_bytes(movie_of(random.Random(name).randbytes(size)))  # noqa: S311 (test data)
    items = [
        {"id": name.partition(".")[0], "filename": name, "path": f"/Trips/{name}", "sources": [name],
         "folder": "Trips", "captured_at": f"2026-05-{number:02}T10:00:00Z"}
        for number, name in enumerate(files, start=1)
    ]  # fmt: skip
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return folder


@contextmanager
def cloud_runs(provider: str, aws: Aws, folder: Path, files: Mapping[str, int] = FILES) -> Iterator[CloudRuns]:
    """A fresh account at that provider, for as long as the block. At its end, the functions' log has no secret."""
    running = {"google_drive": google_drive.running, "dropbox": dropbox.running}[provider]
    log = folder / "functions.log"
    with running(Library.load(write_library(folder, files))) as fake:
        with hosted(aws.variables | _variables(provider, fake), log) as host:
            yield CloudRuns(provider, aws, fake, host)
        assert_no_secret(log.read_text(), fake.secrets())


def _variables(provider: str, fake: Any) -> dict[str, str]:
    """What the stack tells its functions of the provider; the addresses are those of the fake."""
    of = {
        "google_drive": lambda: {"GOOGLE_DRIVE_API_BASE_URL": fake.base_url, "GOOGLE_OAUTH_BASE_URL": fake.base_url},
        "dropbox": lambda: {"DROPBOX_API_BASE_URL": fake.base_url, "DROPBOX_CONTENT_BASE_URL": fake.content_url},
    }
    own = {f"{provider.upper()}_CREDENTIALS_SECRET": SECRET, "SINGLE_PUT_MIB": str(SINGLE_PUT_MIB)}
    return own | of[provider]()
