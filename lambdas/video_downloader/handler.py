"""video-downloader: moves a batch of videos, or one slice of one video, into the archive."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.runtime.run_input import field_of
from cloud_sync_common.steps.download import BatchRequest, BatchResult, SliceRequest, SliceResult, VideoDownloader
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.part_plan import MIB


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResult | SliceResult:
    """BatchRequest -> BatchResult; SliceRequest -> SliceResult."""
    config = settings.load()
    request: BatchRequest | SliceRequest = (
        decode(event, SliceRequest) if field_of(event, "batch") is None else decode(event, BatchRequest)
    )
    provider = providers.get(request.provider, config.provider_base_urls)
    table = clients.table(config.ledger_table)
    transfer = VideoDownloader(
        provider=provider,
        credentials=CredentialStore(clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        archive=Archive(clients.s3(), config.archive_bucket, config.archive_storage_class),
        uploader=upload_stream.of_this_process(allow_loopback=config.allow_loopback_sources),
        connections=config.connections_per_video,
        deadline=Deadline.of(context),
        memory_mb=int(context.memory_limit_in_mb),
        check_etag=config.check_source_etag,
        single_put=config.single_put_mib * MIB,
    )
    if isinstance(request, BatchRequest):
        return transfer.run_batch(request.batch, request.run_id)
    return transfer.run_slice(request.media, request.run_id)
