"""Puts a few of the demo's originals into Deep Archive, as a lifecycle rule does after days, so that they can be had
back."""

from __future__ import annotations

from cloud_sync_common.stores.archive_keys import media_id_of

from local import kept_deployment
from local.deep_archive import freeze
from local.emulator import DeploymentError

SLEEPERS = 3


def put_to_sleep() -> list[str]:
    """The ids of those of GoPro, as `gopro/id`. Raises DeploymentError where nothing is deployed."""
    deployment = kept_deployment.find()
    if deployment is None:
        raise DeploymentError("nothing is deployed here; run `make demo KEEP=1`")
    keys = list(deployment.objects("gopro"))[:SLEEPERS]
    for key in keys:
        freeze(deployment, key)
    return list(dict.fromkeys(f"gopro/{media_id_of(key)}" for key in keys))
