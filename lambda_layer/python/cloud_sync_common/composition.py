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
from cloud_sync_common.aws.functions import Function
from cloud_sync_common.catalogue.at_provider import AtProvider
from cloud_sync_common.catalogue.frames import Frames
from cloud_sync_common.catalogue.look import Look
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import log_what_python_would_print
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_access.pictures import PictureFetcher
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_access.verification import Verification
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.run_input import ALL_PROVIDERS, field_of, unknown_provider
from cloud_sync_common.steps.authenticate import AllProviders, Authenticator, AuthRequest
from cloud_sync_common.steps.catalogue import CatalogueRequest, CatalogueWriter
from cloud_sync_common.steps.download import DownloadRequest, VideoDownloader
from cloud_sync_common.steps.list_media import ListRequest, MediaLister
from cloud_sync_common.steps.make_frame import FrameMaker
from cloud_sync_common.steps.prove_restore import RestoreProver
from cloud_sync_common.steps.reconcile import ArchiveReconciler, ReconcileRequest
from cloud_sync_common.steps.record_failure import FailureRecorder, FailureRequest
from cloud_sync_common.steps.report import ReportRequest, RunReport
from cloud_sync_common.steps.report_all import AllReport
from cloud_sync_common.steps.report_paused import PausedReport, PausedRequest
from cloud_sync_common.steps.rotate_credentials import CredentialsRotator, RotationRequest
from cloud_sync_common.steps.thaw import ArchiveThawer
from cloud_sync_common.steps.thaw_report import ThawReport
from cloud_sync_common.steps.watch import Watch, WatchRequest
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.archive_reader import ArchiveReader
from cloud_sync_common.stores.archived_bytes import ArchivedFiles
from cloud_sync_common.stores.archived_sources import ArchivedSources
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_progress import CatalogueProgresses
from cloud_sync_common.stores.contents import Contents
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.month_totals import MonthTotals
from cloud_sync_common.stores.provider_settings import StoredSettings, stored
from cloud_sync_common.stores.restore_jobs import RestoreJobs
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.stores.thawing import Thawing
from cloud_sync_common.stores.work_files import WorkFile
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.copies import Copies
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
    def table(self) -> Table:
        return clients.table(self.settings.ledger_table)

    @property
    def metrics(self) -> EnvironmentMetrics:
        return EnvironmentMetrics(self.settings.environment, self.settings.detailed_monitoring)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.table, self.provider)

    @property
    def runs(self) -> Runs:
        return Runs(self.table, self.provider)

    @property
    def archive(self) -> Archive:
        return Archive(clients.s3(), self.settings.archive_bucket, self.settings.archive_storage_class)

    @property
    def contents(self) -> Contents | None:
        """None where one provider alone is backed up and no copies are wanted: there is nothing to compare then."""
        several = len(self.settings.credentials_secrets) > 1
        return Contents(self.table) if several or self.settings.record_copies else None

    @property
    def copies(self) -> Copies | None:
        contents, record = self.contents, self.settings.record_copies
        return Copies(self.archive, contents, record) if contents else None

    @property
    def lease(self) -> CredentialsLease:
        return CredentialsLease(self.table, self.provider)

    @property
    def sender(self) -> str:
        """Whom a mail is from: it names the provider where the environment has several."""
        known = providers.PROVIDERS.get(self.provider) if len(self.settings.credentials_secrets) > 1 else None
        return f"Cloud Sync ({known.title})" if known else "Cloud Sync"

    @property
    def verification(self) -> Verification:
        config = self.settings
        return Verification(
            stack=f"CloudSync-{config.environment}",
            is_only_provider=len(config.credentials_secrets) == 1,
            s3=clients.s3(),
            work_bucket=config.work_bucket,
            topic=clients.sns(),
            topic_arn=config.alerts_topic_arn,
            sender=self.sender,
            titles=_titles(),
        )

    def owners_settings(self) -> StoredSettings:
        """What the owner has set without a deployment, as it is now."""
        return stored(self.table, self.provider)

    def _credentials_of(self, provider: Provider) -> CredentialStore:
        secret, has_client_secret = (
            self.settings.credentials_secrets[provider.name],
            provider.capabilities.has_client_secret,
        )
        return CredentialStore(clients.secrets(), secret, provider.name, has_client_secret=has_client_secret)

    def manifest(self, run_id: str) -> Manifest:
        return Manifest(clients.s3(), self.settings.work_bucket, run_id)

    def work_file(self, run_id: str, name: str, what: str) -> WorkFile:
        return WorkFile(clients.s3(), self.settings.work_bucket, run_id, name, what)

    def session(self, deadline: Deadline) -> AuthorisedSession:
        provider = _provider(self.provider)
        return AuthorisedSession(provider, self._credentials_of(provider), self.lease, deadline)

    def renewal(self, deadline: Deadline) -> CredentialsRenewal:
        provider = _provider(self.provider)
        return CredentialsRenewal(provider, self._credentials_of(provider), self.lease, deadline, self.metrics)


def _provider(name: object) -> Provider:
    """One of the providers of this environment, by what the input of a run names. Raises ConfigurationError naming the
    field and the providers there are."""
    config = settings.load()
    if not isinstance(name, str) or name not in config.credentials_secrets:
        raise unknown_provider(name, config.credentials_secrets)
    return providers.get(name, config.provider_base_urls, config.provider_options)


def authenticator(request: AuthRequest, context: LambdaContext) -> Authenticator | AllProviders:
    """Raises ConfigurationError when the run's input names no provider of this environment."""
    name = field_of(request.input, "provider")
    if name == ALL_PROVIDERS:
        names = tuple(settings.load().credentials_secrets)
        return AllProviders(names, {name: _provider(name).capabilities.unfit_filters for name in names})
    parts = _Parts(_provider(name).name)
    lasting = parts.settings.filters.get(parts.provider, {})
    return Authenticator(parts.renewal(Deadline.of(context)), lasting, parts.owners_settings)


def credentials_rotator(request: RotationRequest, context: LambdaContext) -> CredentialsRotator:
    """For the provider whose secret is to be rotated. Raises ConfigurationError when it is that of none."""
    parts = _Parts(_provider(_owner_of(request.secret_id)).name)
    return CredentialsRotator(
        parts.renewal(Deadline.of(context)), clients.sns(), parts.settings.alerts_topic_arn, parts.sender
    )


def _owner_of(secret_id: str) -> str:
    """The provider whose secret has this name or ARN. An ARN ends with the name, a hyphen and six more characters
    (Secrets Manager API reference, CreateSecret). Raises ConfigurationError where there is none."""
    secrets = settings.load().credentials_secrets
    name = secret_id.rpartition(":secret:")[2]
    for provider, own in secrets.items():
        if own in (name, name[:-7]):
            return provider
    raise ConfigurationError(
        f"The secret to be rotated is none of this environment, which has {', '.join(secrets.values())}. Take this "
        "function out of the other secret's rotation, or add its provider to the environment's value 'providers'."
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
        copies=parts.copies,
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
        months=MonthTotals(parts.table, parts.provider),
        manifest=parts.manifest(request.run_id),
        topic=clients.sns(),
        topic_arn=parts.settings.alerts_topic_arn,
        metrics=parts.metrics,
        most_bytes=parts.settings.max_run_gb * prices.GB,
        extras=prices.Extras(parts.settings.private_network, parts.settings.audit_trail),
        sender=parts.sender,
    )


def report_of_all() -> AllReport:
    parts = _Parts(ALL_PROVIDERS)
    topic_arn = parts.settings.alerts_topic_arn
    return AllReport(runs=parts.runs, topic=clients.sns(), topic_arn=topic_arn, titles=_titles())


def _titles() -> dict[str, str]:
    """The providers' names for people."""
    return {name: provider.title for name, provider in providers.PROVIDERS.items()}


def report_of_paused(request: PausedRequest) -> PausedReport:
    parts = _Parts(request.provider)
    return PausedReport(parts.runs, clients.sns(), parts.settings.alerts_topic_arn, parts.metrics, parts.sender)


def watch(request: WatchRequest) -> Watch:
    parts = _Parts(request.provider)
    return Watch(request.provider, parts.runs, parts.metrics, parts.owners_settings)


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
        verification=parts.verification,
        deadline=deadline,
        contents=parts.contents,
    )


def catalogue_writer(request: CatalogueRequest, context: LambdaContext) -> CatalogueWriter:
    """Raises ConfigurationError when there is no such provider."""
    parts, deadline = _Parts(request.provider), Deadline.of(context)
    return CatalogueWriter(
        provider=_provider(request.provider).name,
        ledger=parts.ledger,
        manifest=parts.manifest(request.run_id),
        archive=parts.archive,
        catalogue=Catalogue(clients.s3(), parts.settings.work_bucket, request.provider),
        progresses=CatalogueProgresses(parts.table, request.provider),
        look=_look(parts, deadline),
        most_requests=parts.settings.catalogue_requests,
        deadline=deadline,
    )


def _look(parts: _Parts, deadline: Deadline) -> Look:
    config, session = parts.settings, parts.session(deadline)
    loopback = config.allow_loopback_sources
    return Look(
        provider=AtProvider(
            session,
            PictureFetcher.of(session.provider, allow_loopback=loopback),
            upload_stream.of_this_process(allow_loopback=loopback),
            deadline,
        ),
        photo_kinds=session.provider.capabilities.photo_kinds,
        archive=ArchivedFiles(clients.s3(), config.archive_bucket, config.credentials_secrets.keys()),
        frames=Frames(Function(clients.lambdas(), config.frame_maker)) if config.frame_maker else None,
        places=config.catalogue_places,
    )


def frame_maker() -> FrameMaker:
    """It knows nothing of the stack."""
    return FrameMaker()


def restore_prover(context: LambdaContext) -> RestoreProver:
    """It concerns no provider: an original is one of any."""
    config, table = settings.load(), clients.table(settings.load().ledger_table)
    return RestoreProver(
        jobs=RestoreJobs(table),
        sources=ArchivedSources(table),
        archive=ArchiveReader(clients.s3(), config.archive_bucket),
        s3=clients.s3(),
        work_bucket=config.work_bucket,
        topic=clients.sns(),
        topic_arn=config.alerts_topic_arn,
        deadline=Deadline.of(context),
        stack=f"CloudSync-{config.environment}",
        titles=_titles(),
    )


def archive_thawer(context: LambdaContext) -> ArchiveThawer:
    """It knows no provider: a job may have files of several."""
    config = settings.load()
    return ArchiveThawer(
        jobs=RestoreJobs(clients.table(config.ledger_table)),
        archive=Thawing(clients.s3(), config.archive_bucket),
        executions=clients.step_functions(),
        deadline=Deadline.of(context),
    )


def thaw_report() -> ThawReport:
    config = settings.load()
    jobs = RestoreJobs(clients.table(config.ledger_table))
    return ThawReport(jobs, clients.sns(), config.alerts_topic_arn, config.environment)
