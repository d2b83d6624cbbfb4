"""The composition root: builds the step behind each Lambda function from the function's settings.

Handlers call one of these, so that what a step is made of is written in one place, and tests build steps from other
parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cloud_sync_common import prices, providers
from cloud_sync_common.aws import clients
from cloud_sync_common.logging_utils import log_what_python_would_print
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.run_input import field_of
from cloud_sync_common.steps.authenticate import Authenticator, AuthRequest
from cloud_sync_common.steps.download import DownloadRequest, VideoDownloader
from cloud_sync_common.steps.list_media import ListRequest, MediaLister
from cloud_sync_common.steps.reconcile import ArchiveReconciler, ReconcileRequest
from cloud_sync_common.steps.record_failure import FailureRecorder, FailureRequest
from cloud_sync_common.steps.report import ReportRequest, RunReport
from cloud_sync_common.steps.rotate_credentials import CredentialsRotator
from cloud_sync_common.steps.watch import Watch, WatchRequest
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.stores.work_files import WorkFile
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.part_plan import MIB

if settings.is_a_function():
    log_what_python_would_print()

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True)
class _Parts:
    """What several steps share: one provider's stores, on this process's settings and clients."""

    provider: str

    @cached_property
    def settings(self) -> settings.Settings:
        return settings.load()

    @property
    def _table(self) -> Table:
        return clients.table(self.settings.ledger_table)

    @property
    def metrics(self) -> EnvironmentMetrics:
        return EnvironmentMetrics(self.settings.environment, self.settings.detailed_monitoring)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self._table, self.provider)

    @property
    def runs(self) -> Runs:
        return Runs(self._table, self.provider)

    @property
    def archive(self) -> Archive:
        return Archive(clients.s3(), self.settings.archive_bucket, self.settings.archive_storage_class)

    @property
    def lease(self) -> CredentialsLease:
        return CredentialsLease(self._table, self.provider)

    @property
    def credential_store(self) -> CredentialStore:
        return CredentialStore(clients.secrets(), self.settings.credentials_secret, self.provider)

    def manifest(self, run_id: str) -> Manifest:
        return Manifest(clients.s3(), self.settings.work_bucket, run_id)

    def work_file(self, run_id: str, name: str, what: str) -> WorkFile:
        return WorkFile(clients.s3(), self.settings.work_bucket, run_id, name, what)

    def session(self, deadline: Deadline) -> AuthorisedSession:
        return AuthorisedSession(_provider(self.provider), self.credential_store, self.lease, deadline)

    def renewal(self, deadline: Deadline) -> CredentialsRenewal:
        return CredentialsRenewal(_provider(self.provider), self.credential_store, self.lease, deadline, self.metrics)


def _provider(name: object) -> Provider:
    """Raises ConfigurationError naming the providers there are."""
    return providers.get(name, settings.load().provider_base_urls)


def authenticator(request: AuthRequest, context: LambdaContext) -> Authenticator:
    """Raises ConfigurationError when the run's input names no provider."""
    provider = _provider(field_of(request.input, "provider"))
    return Authenticator(_Parts(provider.name).renewal(Deadline.of(context)))


def credentials_rotator(context: LambdaContext) -> CredentialsRotator:
    """The secret is called <provider>/credentials. Raises ConfigurationError when there is no such provider."""
    config = settings.load()
    provider = _provider(config.credentials_secret.partition("/")[0])
    return CredentialsRotator(
        _Parts(provider.name).renewal(Deadline.of(context)), clients.sns(), config.alerts_topic_arn
    )


def media_lister(request: ListRequest, context: LambdaContext) -> MediaLister:
    """Raises ConfigurationError when there is no such provider."""
    parts, deadline = _Parts(request.provider), Deadline.of(context)
    return MediaLister(
        session=parts.session(deadline),
        ledger=parts.ledger,
        runs=parts.runs,
        manifest=parts.manifest(request.run_id),
        executions=clients.step_functions(),
        max_attempts=parts.settings.max_attempts,
        most_bytes=parts.settings.max_run_gb * prices.GB,
        deadline=deadline,
        metrics=parts.metrics,
    )


def video_downloader(request: DownloadRequest, context: LambdaContext) -> VideoDownloader:
    """Its connections outlive the invocation. Raises ConfigurationError when there is no such provider."""
    parts, deadline = _Parts(request.provider), Deadline.of(context)
    config = parts.settings
    return VideoDownloader(
        session=parts.session(deadline),
        ledger=parts.ledger,
        runs=parts.runs,
        archive=parts.archive,
        uploader=upload_stream.of_this_process(allow_loopback=config.allow_loopback_sources),
        connections=config.connections_per_video,
        deadline=deadline,
        memory_mb=int(context.memory_limit_in_mb),
        check_etag=config.check_source_etag,
        single_put=config.single_put_mib * MIB,
        most_bytes=config.max_run_gb * prices.GB,
    )


def failure_recorder(request: FailureRequest) -> FailureRecorder:
    """It knows the provider by name only."""
    parts = _Parts(request.provider)
    return FailureRecorder(
        ledger=parts.ledger,
        runs=parts.runs,
        queue=clients.sqs(),
        queue_url=parts.settings.dead_letter_queue_url,
        max_attempts=parts.settings.max_attempts,
    )


def run_report(request: ReportRequest) -> RunReport:
    """It knows the provider by name only: a run may have failed because its input named none."""
    parts = _Parts(request.provider_name)
    return RunReport(
        provider=request.provider_name,
        ledger=parts.ledger,
        runs=parts.runs,
        manifest=parts.manifest(request.run_id),
        topic=clients.sns(),
        topic_arn=parts.settings.alerts_topic_arn,
        metrics=parts.metrics,
        most_bytes=parts.settings.max_run_gb * prices.GB,
        extras=prices.Extras(parts.settings.private_network, parts.settings.audit_trail),
    )


def watch(request: WatchRequest) -> Watch:
    parts = _Parts(request.provider)
    return Watch(provider=request.provider, runs=parts.runs, metrics=parts.metrics)


def archive_reconciler(request: ReconcileRequest, context: LambdaContext) -> ArchiveReconciler:
    """Raises ConfigurationError when there is no such provider."""
    parts, deadline = _Parts(request.provider), Deadline.of(context)
    return ArchiveReconciler(
        session=parts.session(deadline),
        ledger=parts.ledger,
        runs=parts.runs,
        archive=parts.archive,
        listed=parts.work_file(request.run_id, "listed.bin", "the ids that are listed"),
        report=parts.work_file(request.run_id, "reconciliation.jsonl", "the report of a reconciliation"),
        topic=clients.sns(),
        topic_arn=parts.settings.alerts_topic_arn,
        deadline=deadline,
    )
