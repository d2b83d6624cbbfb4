"""What all local deployments share of a function's and a layer's code, because to make it takes seconds of each: the
archives that the CDK CLI packs, and the layers that the emulator unpacks. Both have the hash of their content as name.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

UNUSED_SECONDS = 24 * 3600.0


def share_packed_assets(assembly: Path, shared: Path) -> None:
    """Has the CDK CLI find and leave the archives of an assembly in the folder `shared`.

    The CLI packs each asset into the folder .cache of the assembly, and takes an archive that is there already.
    """
    shared.mkdir(parents=True, exist_ok=True)
    (assembly / ".cache").symlink_to(shared)  # a synthesis removes it
    for manifest in assembly.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text())["files"]:
            with suppress(FileNotFoundError):  # not packed yet
                os.utime(shared / f"{asset}.zip")


def remove_unused(shared: Path) -> None:
    """Removes from a folder of archives or of unpacked layers what nothing has used for a day."""
    for path in shared.glob("*"):
        with suppress(FileNotFoundError):  # another process has removed it
            if path.stat().st_mtime >= time.time() - UNUSED_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
