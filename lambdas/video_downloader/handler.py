"""video-downloader: moves a batch of videos, or one slice of one video, into the archive."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, providers, relay, settings
from cloud_sync_common.archive import Archive
from cloud_sync_common.credential_store import CredentialStore
from cloud_sync_common.door import decode, door
from cloud_sync_common.ledger import Ledger
from cloud_sync_common.part_plan import MIB
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.run_input import field_of
from cloud_sync_common.runs import CredentialsLease, Runs
from cloud_sync_common.transfer import BatchRequest, BatchResult, SliceRequest, SliceResult, Transfer


@door
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResult | SliceResult:
    """BatchRequest -> BatchResult; SliceRequest -> SliceResult."""
    config = settings.load()
    request: BatchRequest | SliceRequest = (
        decode(event, SliceRequest) if field_of(event, "batch") is None else decode(event, BatchRequest)
    )
    provider = providers.get(request.provider, config.provider_base_urls)
    table = aws_clients.table(config.ledger_table)
    transfer = Transfer(
        provider=provider,
        credentials=CredentialStore(aws_clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        archive=Archive(aws_clients.s3(), config.archive_bucket, config.archive_storage_class),
        relay=relay.of_this_process(allow_loopback=config.allow_loopback_sources),
        connections=config.connections_per_video,
        deadline=Deadline.of(context),
        memory_mb=int(context.memory_limit_in_mb),
        check_etag=config.check_source_etag,
        single_put=config.single_put_mib * MIB,
    )
    if isinstance(request, BatchRequest):
        return transfer.run_batch(request.batch, request.run_id)
    return transfer.run_slice(request.media, request.run_id)
