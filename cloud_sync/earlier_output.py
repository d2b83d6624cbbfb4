"""What an earlier synthesis left in cdk.out, which the CDK would deploy again without looking at it."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove_earlier_assets(output: Path) -> None:
    """Removes the copies and archives of assets, so that synthesis makes them again from what was checked.

    The CDK names a copy after its source and takes one of that name as it is, whatever is in it. Templates stay.
    """
    for path in [*output.glob("asset.*"), output / ".cache"]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
