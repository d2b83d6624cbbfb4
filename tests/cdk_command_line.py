"""The real CDK command line, run without a network, without credentials and with no package that it does not need."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from cloud_sync.layer import build_frames_layer, build_layer
from tests.bare_environment import bare_environment
from tests.synthesis import NOBODY_IS_TOLD, PINNED, ROOT

UNSHARE = ["unshare", "--map-root-user", "--net"]
CLOSED = "http://127.0.0.1:9"  # the discard port, where nothing listens
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


LEFT_OUT = ("AWS_", "CDK_", "PYTHON", "VIRTUAL_ENV")


class CdkCommandLine:
    """`cdk` in a network namespace of its own or, where a user may not create one, behind a proxy that is closed.

    Its Python has what requirements.txt names, and nothing else of what is installed for the tests.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.without_network = UNSHARE if can_unshare() else []
        self.programs = bare_environment(folder / "environment")
        (self.programs / "node").symlink_to(str(shutil.which("node")))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(self.programs), str(ROOT / "node_modules" / ".bin"), "/usr/bin", "/bin"]),
            "HOME": str(folder),
            "PIP_NO_INDEX": "1",
            **({} if self.without_network else dict.fromkeys(PROXIES, CLOSED)),
        }
        self.synth = cache(self._synth)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command in the repository."""
        line = [*self.without_network, "cdk", *arguments]
        return subprocess.run(line, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def _synth(self, environment: str) -> Path:
        """The path of an environment's template; its assets are in the same folder."""
        build_frames_layer(**PINNED)
        build_layer(**PINNED)  # the very first build may use the network, the synthesis may not
        output = self._folder / environment
        given = PINNED | NOBODY_IS_TOLD | {"environment": environment, "environments_folder": str(self._folder)}
        context = [f"--context={key}={value}" for key, value in given.items()]
        completed = self.run("synth", "--quiet", f"--output={output}", *context)
        assert completed.returncode == 0, completed.stderr
        return output / f"CloudSync-{environment}.template.json"


def can_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
