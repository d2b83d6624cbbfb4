"""The layer and the functions. All functions are created in the same way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cloud_sync import permissions
from cloud_sync.config import Config
from cloud_sync.function_settings import settings_of
from cloud_sync.layer import FILES, build_frames_layer, build_layer
from cloud_sync.log_retention import retention
from cloud_sync.nag_suppressions import acknowledge, acknowledge_wildcards
from cloud_sync.network import Network
from cloud_sync.permissions import Grants

FRAME_MAKER = "frame-maker"
FRAMES_MEMORY_MB, FRAMES_SECONDS = (
    1024,
    30,
)  # a picture of 8K in 10 bits takes half of it (docs/decisions/042-frames.md)

LAMBDAS = Path(__file__).resolve().parent.parent / "lambdas"
_RUNTIMES = {
    "3.12": lambda_.Runtime.PYTHON_3_12,
    "3.13": lambda_.Runtime.PYTHON_3_13,
    "3.14": lambda_.Runtime.PYTHON_3_14,
}
_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class Functions(Construct):
    """The eight functions, catalogue-writer where a catalogue is wanted, and restore-prover where drills are. Each has
    a role and a log group of its own."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, grants: Grants, network: Network | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.config, self.network = config, network
        self.environment = _environment(config, grants)
        self.layer = self._layer()
        small, short = config.function_memory_mb, config.function_timeout_seconds
        listing, long = config.lister_memory_mb, config.lister_timeout_seconds
        self.media_authenticator = self._function(
            "MediaAuthenticator", small, short, permissions.media_authenticator(grants)
        )
        self.media_lister = self._function("MediaLister", listing, long, permissions.media_lister(grants))
        self.video_downloader = self._function(
            "VideoDownloader",
            config.downloader_memory_mb,
            config.downloader_timeout_seconds,
            permissions.video_downloader(grants),
        )
        self.failure_recorder = self._function("FailureRecorder", small, short, permissions.failure_recorder(grants))
        self.run_report = self._function("RunReport", small, long, permissions.run_report(grants))
        self.archive_reconciler = self._function(
            "ArchiveReconciler", listing, long, permissions.archive_reconciler(grants)
        )
        self.archive_thawer = self._function("ArchiveThawer", small, long, permissions.archive_thawer(grants))
        self.credentials_rotator = self._function(
            "CredentialsRotator", small, short, permissions.credentials_rotator(grants)
        )
        self.restore_prover = (
            self._function("RestoreProver", small, long, permissions.restore_prover(grants))
            if config.restore_drill_quarterly
            else None
        )
        self.frame_maker = self._frame_maker() if config.catalogue and config.catalogue_frames else None
        self.catalogue_writer = (
            self._function("CatalogueWriter", small, long, permissions.catalogue_writer(grants, self.frame_maker))
            if config.catalogue
            else None
        )
        self.invoked_by_the_state_machine = [
            self.media_authenticator,
            self.media_lister,
            self.video_downloader,
            self.failure_recorder,
            self.run_report,
            self.archive_reconciler,
        ]
        if self.catalogue_writer:
            self.invoked_by_the_state_machine.append(self.catalogue_writer)
        # Restores and S3's events invoke the one, Secrets Manager the other.
        self.all = [*self.invoked_by_the_state_machine, self.archive_thawer, self.credentials_rotator]
        self.all += [function for function in (self.restore_prover, self.frame_maker) if function]
        acknowledge_wildcards(self, grants.wildcards)
        acknowledge(
            self,
            "AwsSolutions-L1",
            "The runtime is configuration: the layer's wheels are pinned for it, and the tests run on it.",
        )

    def _layer(self) -> lambda_.LayerVersion:
        folder = build_layer(self.config.architecture, self.config.python_version)
        return lambda_.LayerVersion(
            self,
            "CommonLayer",
            code=lambda_.Code.from_asset(str(folder), asset_hash=folder.name),
            compatible_runtimes=[_RUNTIMES[self.config.python_version]],
            compatible_architectures=[_ARCHITECTURES[self.config.architecture]],
            description="cloud_sync_common and its dependencies",
        )

    def _frame_maker(self) -> lambda_.Function:
        """It decodes bytes that may be anybody's, so that it may do nothing, and is told nothing of the stack."""
        folder = build_frames_layer(self.config.architecture, self.config.python_version)
        layer = lambda_.LayerVersion(
            self,
            "FramesLayer",
            code=lambda_.Code.from_asset(str(folder), asset_hash=folder.name, exclude=[FILES]),
            compatible_runtimes=[_RUNTIMES[self.config.python_version]],
            compatible_architectures=[_ARCHITECTURES[self.config.architecture]],
            description="What decodes pictures: PyAV with FFmpeg",
        )
        told = {name: value for name, value in self.environment.items() if name.startswith("POWERTOOLS_")}
        return self._function("FrameMaker", FRAMES_MEMORY_MB, FRAMES_SECONDS, [], environment=told, layers=[layer])

    def _function(
        self,
        construct_id: str,
        memory_mb: int,
        timeout_seconds: int,
        statements: list[iam.PolicyStatement],
        *,
        environment: dict[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
    ) -> lambda_.Function:
        """Creates, for `MediaLister`, the function `media-lister` from the folder lambdas/media_lister."""
        words = [word.lower() for word in re.findall("[A-Z][a-z]+", construct_id)]
        name = self.config.name("-".join(words))
        log_group = logs.LogGroup(
            self,
            f"{construct_id}Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=retention(self.config),
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            construct_id,
            function_name=name,
            runtime=_RUNTIMES[self.config.python_version],
            architecture=_ARCHITECTURES[self.config.architecture],
            code=lambda_.Code.from_asset(str(LAMBDAS / "_".join(words)), exclude=["__pycache__"]),
            handler="handler.handler",
            layers=[self.layer, *layers],
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            environment=self.environment if environment is None else environment,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=self._role(construct_id, name, log_group, statements),
            **(self.network.function_properties if self.network else {}),
        )
        resource = cast(CfnResource, function.node.default_child)
        resource.add_metadata("SamResourceId", construct_id)  # the name that `sam local invoke` takes
        return function

    def _role(
        self, construct_id: str, name: str, log_group: logs.LogGroup, statements: list[iam.PolicyStatement]
    ) -> iam.Role:
        """A role that allows these statements, writing its own log and, in a private network, the network interfaces.
        The CDK adds X-Ray, because tracing is active."""
        role = iam.Role(self, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        write_log = iam.PolicyStatement(
            sid="WriteItsOwnLog",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[log_group.log_group_arn],
        )
        network_interfaces = self.network.statements(name) if self.network else []
        for statement in (write_log, *statements, *network_interfaces):
            role.add_to_policy(statement)
        return role


def _environment(config: Config, grants: Grants) -> dict[str, str]:
    """The variables that cloud_sync_common.runtime.settings reads; a test compares the two."""
    storage = grants.storage
    secrets = {f"{name.upper()}_CREDENTIALS_SECRET": s.name or "" for name, s in storage.credentials_secrets.items()}
    return {
        **settings_of(config),
        "ARCHIVE_BUCKET": storage.archive_bucket.bucket_name,
        "WORK_BUCKET": storage.work_bucket.bucket_name,
        "LEDGER_TABLE": storage.ledger_table.table_name,
        **secrets,
        "ALERTS_TOPIC_ARN": grants.alerts_topic.topic_arn,
        "DEAD_LETTER_QUEUE_URL": grants.dead_letter_queue.queue_url,
        **({"FRAME_MAKER": config.name(FRAME_MAKER)} if config.catalogue and config.catalogue_frames else {}),
    }
