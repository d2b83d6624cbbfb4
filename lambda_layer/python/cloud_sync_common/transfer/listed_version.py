"""Whether the provider still lists the version of a source that was read."""

from __future__ import annotations

from cloud_sync_common.exceptions import MediaNotFoundError, SourceChangedError
from cloud_sync_common.provider_interface import Fingerprint
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.source_link import SourceLink


async def check_listed(link: SourceLink, version: Fingerprint, proofs: Proofs) -> None:
    """Asks the provider once more which version it lists, where neither the answers nor a hash have shown that all
    parts are of this one: its file may have been replaced by one of the same size while the parts were read. Raises
    SourceChangedError."""
    if version.shows_itself or proofs.is_shown:
        return
    try:
        listed = (await link.refresh()).listed
    except MediaNotFoundError:
        return  # nothing has replaced it, and nobody can read it again
    if listed != version.listed:
        raise SourceChangedError(
            "The source changed while it was read: the provider lists another version than before. It is begun anew."
        )
