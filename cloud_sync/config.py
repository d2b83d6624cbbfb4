"""The configuration of each environment, and the checks that refuse a wrong value at synthesis.

A person keeps other values in the environment's file, `environments/<environment>.toml`. The command line overrides
both for one deployment: `cdk deploy -c deep_archive_after_days=0`.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from cloud_sync.concurrency import check_concurrency
from cloud_sync.config_error import ConfigError
from cloud_sync.config_sources import EnvironmentFile, check_files, check_name, from_text
from cloud_sync.filter_values import check_filters
from cloud_sync.monthly_schedule import monthly
from cloud_sync.provider_values import ProviderValues, check_providers
from cloud_sync.providers import PROVIDERS, Provider
from cloud_sync.schedule import check_schedule, longest_interval_hours, side_by_side
from cloud_sync.storage_tiers import check_tiers

# Some of the numbers that CloudWatch Logs accepts (API reference, PutRetentionPolicy).
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)

NOBODY = "none"  # as alert_email: nobody is to be told
FOLDER = "environments_folder"  # the context value that names another folder of files than environments/

# A night that copies much ends later than the one before, so the alarm for missing runs waits this much longer.
HOURS_OF_ROOM = 12
# An alarm's periods are at most 7 days together, if each is an hour or longer (API reference, PutMetricAlarm).
CLOUDWATCH_HOURS = 7 * 24


@dataclass(frozen=True)
class Config(ProviderValues):
    """One environment. The sentence below each value is its description in docs/configuration.md. Values of single
    providers are in provider_values.py."""

    environment: str
    providers: tuple[str, ...] = ("gopro",)
    """Clouds that are backed up, each with its own secret, schedule, alarms and prefix in the archive: gopro,
    google_drive, dropbox, separated by commas."""
    deep_archive_after_days: int = 7
    """Age at which an original moves from S3 Standard to Glacier Deep Archive. With 0 it is uploaded there directly."""
    instant_retrieval_after_days: int | None = None
    """Age at which an original moves to Glacier Instant Retrieval on its way to Deep Archive. With none it does not."""
    abort_uploads_after_days: int = 7
    """Age at which S3 aborts an unfinished multipart upload. It must be longer than a run, which resumes them."""
    work_expires_after_days: int = 90
    """Age at which manifests, map results and access logs in the work bucket expire."""
    retain_data: bool = True
    """Whether buckets, table, secret and key are retained when the stack is deleted."""
    schedule: str = "cron(0 2 * * ? *)"
    """When runs start: a cron() or rate() expression of EventBridge Scheduler. Several providers start at least 5
    minutes apart within its hours, which takes a cron(): every rate() counts from the deployment."""
    schedule_time_zone: str = "Etc/GMT-1"
    """IANA time zone of the schedule. Etc/GMT-1 is CET (UTC+1) all year: 02:00 there is 03:00 in Paris in summer."""
    schedule_enabled: bool = True
    """Whether the schedule starts runs. Without it there is no alarm `no-successful-run` either."""
    verify_monthly: bool = True
    """Whether each provider is verified once a month, by day and on a day of its own: provider, ledger and archive are
    compared, the checksum of each file among them, and a certificate is kept. It needs schedule_enabled, like runs."""
    restore_drill_quarterly: bool = False
    """Whether each quarter one original, drawn at random, is had back from the archive as a drill: thawed, read, and
    every byte compared, with a certificate, and a mail if it is wrong. It costs at most 0.25 USD each time, 1 USD a
    year: larger originals, beyond about 50 GB, are not drawn. It needs schedule_enabled, like runs."""
    architecture: str = "arm64"
    """Processor of the functions and their layer: arm64 or x86_64."""
    python_version: str = "3.13"
    """Python of the functions and their layer: 3.12, 3.13 or 3.14."""
    downloader_memory_mb: int = 512
    """Memory of video-downloader. Its share of a CPU, and so its speed, grows with it."""
    downloader_timeout_seconds: int = 900
    """Timeout of video-downloader. A video that needs longer is continued by the next invocation."""
    lister_memory_mb: int = 768
    """Memory of media-lister and archive-reconciler. Their share of a CPU, and so their speed, grows with it."""
    function_memory_mb: int = 256
    """Memory of each other function."""
    lister_timeout_seconds: int = 900
    """Timeout of media-lister, run-report and archive-reconciler."""
    function_timeout_seconds: int = 120
    """Timeout of media-authenticator, failure-recorder and credentials-rotator."""
    max_concurrency: int = 3
    """Invocations that download at the same time from one provider, a batch or a large video each. GoPro's own clients
    were observed to use 3."""
    account_concurrency: int = 10
    """Functions that may run at once in the account: the quota "Concurrent executions" of Lambda, which is 10 in many
    new accounts. max_concurrency times the number of providers, and 1, must be within it."""
    connections_per_video: int = 4
    """Connections of one invocation. They download parts of one video, or as many small videos of a batch side by
    side."""
    single_put_mib: int = 128
    """Largest file that is uploaded in one request. A larger one goes in parts, which takes at least five more requests
    (create, parts, list, complete) but can be resumed. In one request, a broken connection costs what was sent before:
    up to 27 seconds at 5 MB/s. Both need the same memory."""
    check_source_etag: bool = False
    """Whether the MD5 of all bytes is computed and compared with the ETag of the provider's CDN. It takes 4 s of a vCPU
    per GiB, which are 14 s of a function of 512 MB, and 0.0085 USD for 100 GB. Where S3's own ETag shows the same, it
    is compared in any case."""
    record_copies: bool = False
    """Whether a file whose content is in the archive already, from whichever provider, is recorded as a copy of that
    object and not stored again. Names never count: size and a strong hash, or size and S3's checksum, have to agree."""
    catalogue: bool = True
    """Whether what is archived is described in a catalogue: details and a small picture of each item, in the work
    bucket, where nothing is frozen (docs/catalogue.md). Older items are described by later runs."""
    catalogue_frames: bool = True
    """Whether the catalogue has small pictures, which the function frame-maker makes of what the provider has, or of
    the movie itself."""
    catalogue_places: bool = True
    """Whether the catalogue keeps where an item was taken, if its camera has noted that."""
    catalogue_requests: int = 1_000
    """How many requests to the provider one run may make to describe older items. With 0 only new ones are."""
    max_run_gb: int = 1_000
    """What one run may read from the provider, in GB of 10^9 bytes. A run that has read as much begins no other video
    and ends as a success; the next one continues. A video counts as 5 MB at least, because its requests cost as much.
    It bounds what a night can cost (docs/reliability.md)."""
    run_alarm_usd: int = 5
    """What one provider's runs of a day may cost before its alarm `run-cost` is raised; a run of max_run_gb costs
    less."""
    run_alarm_hours: int = 24
    """What a run may take before the alarm `run-duration` is raised, when it ends. The next one waits for it."""
    filters: str = "{}"
    """What the runs of each provider are limited to, as JSON in single quotation marks, such as '{"gopro": {"kinds":
    ["video", "photo"], "captured_from": "2026-01-01T00:00:00Z"}}'. The provider's settings (`cloudsync settings`)
    replace single fields of it, and the input of a run those of both (README, "Choose what is archived")."""
    max_attempts: int = 5
    """Runs in which a video may fail before it goes to the dead-letter queue."""
    log_retention_days: int = 30
    """Time for which CloudWatch Logs keeps the logs. It accepts only certain numbers, such as 1, 7, 30, 90 or 365."""
    alert_email: str | None = None
    """Address that receives the alerts. SNS asks it for a confirmation. An environment with a schedule needs one, or
    the text none, which says that nobody is to be told."""
    termination_protection: bool = False
    """Whether CloudFormation refuses to delete the stack, and DynamoDB the table. Turn it on once the first deployment
    has succeeded: a first one that failed could not be repeated with it."""
    rotate_credentials_every_days: int | None = 7
    """Time after which Secrets Manager renews the credentials. With none, only a run renews them."""
    private_network: bool = False
    """Whether the functions run in a VPC of their own, without public addresses. Its NAT gateway and the gateway's
    address cost 36.50 USD a month, and each GB from the provider 0.055 USD."""
    customer_managed_key: bool = False
    """Whether archive and alerts are encrypted with a KMS key of the stack's own, which costs 1 USD a month. Without it
    the archive is encrypted with the key that AWS manages for S3, free of charge."""
    detailed_monitoring: bool = False
    """Whether every metric is sent and every alarm is set, which costs 1.40 USD a month. Without it there are ten
    metrics and ten alarms, which are within what CloudWatch gives every account free of charge."""
    audit_trail: bool = False
    """Whether CloudTrail records management events and every access to the archive, which costs about 0.05 USD a month,
    and 0.10 USD for 100,000 accesses."""
    object_lock_days: int | None = None
    """Time in which nobody without a special permission can delete an original (S3 Object Lock, governance mode). With
    none there is no lock."""
    monthly_budget_usd: int | None = None
    """Budget of the whole AWS account, which needs `alert_email`. AWS Budgets sends a mail at 80 % of it, and when it
    forecasts more than 100 %."""
    allow_loopback_sources: bool = False
    """Whether videos may be downloaded from this machine itself. Only the local deployment allows it."""

    @property
    def backed_up(self) -> list[Provider]:
        """The providers of this environment."""
        return [PROVIDERS[name] for name in self.providers]

    def schedule_of(self, provider: Provider) -> str:
        """When this provider's runs start."""
        return side_by_side(self.schedule, len(self.providers))[self.providers.index(provider.id)]

    def verification_of(self, provider: Provider) -> str:
        """When this provider is verified each month."""
        nightly = side_by_side(self.schedule, len(self.providers))
        return monthly(nightly, self.providers.index(provider.id))

    @property
    def compares_contents(self) -> bool:
        """Whether the functions note which object has which content."""
        return self.record_copies or len(self.providers) > 1

    @property
    def stack_name(self) -> str:
        return f"CloudSync-{self.environment}"

    @property
    def alert_address(self) -> str | None:
        """The address to subscribe, if anybody is to be told."""
        return None if self.alert_email == NOBODY else self.alert_email

    @property
    def hours_without_success(self) -> int:
        """The time without a successful run after which something is wrong: the longest pause of the schedule, and room
        for a run that takes long."""
        return longest_interval_hours(self.schedule, self.schedule_time_zone) + HOURS_OF_ROOM

    @property
    def is_watched(self) -> bool:
        """Whether a second schedule measures the time since the last success, because no alarm looks back that far."""
        return self.schedule_enabled and self.hours_without_success > CLOUDWATCH_HOURS

    def name(self, base: str) -> str:
        """The name of a resource in the account. Names have a suffix in all environments but dev and local, so that one
        account can contain several environments."""
        return base if self.environment in ("dev", "local") else f"{base}-{self.environment}"

    def verb(self, words: str) -> str:
        """A command of the owner's, as an alarm may show it: dev is what `cloudsync` takes by itself."""
        return f"cloudsync {words}" if self.environment == "dev" else f"cloudsync {words} -e {self.environment}"

    @classmethod
    def from_context(cls, context: Mapping[str, Any], folder: Path | None = None) -> Config:
        """The environment that the context value `environment` names (default dev), with the values of its file in
        `folder`, and with those of the context, which come first.

        A name that is not a value of the configuration is taken for a typing error, also one with capitals, hyphens or
        blanks; the CDK's own context values have a colon, a slash or other letters. Raises ConfigError.
        """
        kinds = {f.name: str(f.type) for f in fields(cls) if f.name != "environment"}
        known = [*kinds, "environment", FOLDER]
        for name in context:
            if re.fullmatch(r"[a-z_]+", name) or _letters(name) in map(_letters, known):
                check_name(name, known)
        environment = context.get("environment", "dev")
        if not isinstance(environment, str) or environment not in ENVIRONMENTS:
            raise ConfigError(f"environment must be one of {', '.join(ENVIRONMENTS)}, not {environment!r}.")
        given = {name: from_text(name, context[name], kinds[name]) for name in kinds if context.get(name) is not None}
        if folder is None:
            return replace(ENVIRONMENTS[environment], **given).checked()
        check_files(folder, ENVIRONMENTS)
        file = EnvironmentFile(folder, environment)
        kept = file.values(kinds)
        try:
            return replace(ENVIRONMENTS[environment], **kept | given).checked()
        except ConfigError as error:
            raise (file.blamed(error) if error.fields & (kept.keys() - given.keys()) else error) from None

    def checked(self) -> Config:
        """This environment, if it is valid. Raises ConfigError."""
        self.check()
        return self

    def check(self) -> None:
        """Raises ConfigError for the first value with which the deployment would fail, or could not work well."""
        self._check_ranges()
        self._check_choices()
        check_providers(self.providers)
        self.check_values_of(self.providers)
        check_concurrency(len(self.providers), self.max_concurrency, self.account_concurrency)
        for provider in self.backed_up:
            check_schedule(self.schedule_of(provider), self.schedule_time_zone)
            check_schedule(self.verification_of(provider), self.schedule_time_zone)
        check_tiers(self.instant_retrieval_after_days, self.deep_archive_after_days)
        self._check_alerts()
        check_filters(self.filters)

    def _check_ranges(self) -> None:
        # Lambda: 128 to 10,240 MB, 1 to 900 s; Step Functions: at most 10,000 children (service quotas, 2026-11).
        for field, low, high in (
            ("downloader_memory_mb", 256, 10_240),
            ("lister_memory_mb", 128, 10_240),
            ("function_memory_mb", 128, 10_240),
            ("downloader_timeout_seconds", 3, 900),
            ("lister_timeout_seconds", 3, 900),
            ("function_timeout_seconds", 3, 900),
            ("deep_archive_after_days", 0, 36_500),
            ("abort_uploads_after_days", 2, 36_500),
            ("work_expires_after_days", 7, 36_500),
            ("max_concurrency", 1, 1_000),
            ("account_concurrency", 2, 100_000),
            ("connections_per_video", 1, 16),
            ("single_put_mib", 5, 5_120),  # S3: one PutObject holds up to 5 GiB
            ("max_run_gb", 1, 100_000),
            ("catalogue_requests", 0, 1_000_000),
            ("run_alarm_usd", 1, 100_000),
            ("run_alarm_hours", 1, 24 * 7),
            ("max_attempts", 1, 100),
            ("rotate_credentials_every_days", 1, 1_000),
            ("object_lock_days", 1, 36_500),
            ("monthly_budget_usd", 1, 1_000_000),
        ):
            value = getattr(self, field)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{field} must be {low} to {high}, not {value}.", field)

    def _check_choices(self) -> None:
        for field, allowed in (
            ("architecture", ("arm64", "x86_64")),
            ("python_version", ("3.12", "3.13", "3.14")),
            ("log_retention_days", LOG_RETENTION_DAYS),
        ):
            value = getattr(self, field)
            if value not in allowed:
                names = ", ".join(map(str, allowed))
                raise ConfigError(f"{field} must be one of {names}, not {value!r}.", field)
        if self.allow_loopback_sources and self.environment != "local":
            raise ConfigError(
                "allow_loopback_sources is for the environment local only, not for AWS.", "allow_loopback_sources"
            )
        if self.schedule_time_zone not in _time_zones():
            raise ConfigError(
                f"schedule_time_zone must be an IANA time zone such as Europe/Paris, not {self.schedule_time_zone!r}.",
                "schedule_time_zone",
            )
        if self.object_lock_days is not None and not self.retain_data:
            raise ConfigError(
                "object_lock_days needs retain_data: a bucket with locked objects cannot be emptied, so deleting the "
                "stack would fail.",
                "object_lock_days",
                "retain_data",
            )

    def _check_alerts(self) -> None:
        """Somebody is told of a run that fails, or it is said that nobody shall be."""
        email = self.alert_email
        if email not in (None, NOBODY) and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            raise ConfigError(f"alert_email must be an e-mail address or {NOBODY}, not {email!r}.", "alert_email")
        if self.monthly_budget_usd is not None and self.alert_address is None:
            raise ConfigError(
                "monthly_budget_usd needs alert_email, the address that AWS Budgets writes to.",
                "monthly_budget_usd",
                "alert_email",
            )
        if self.schedule_enabled and email is None:
            raise ConfigError(
                "alert_email is missing, so nobody would hear of a nightly run that failed: write the line "
                f'alert_email = "you@example.org" into environments/{self.environment}.toml, with "{NOBODY}" if nobody '
                "is to be told, or give -c alert_email=you@example.org for this once.",
                "alert_email",
            )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


@cache
def _time_zones() -> frozenset[str]:
    """The names of the IANA database. A machine's own folder of zones also has others, such as `localtime`."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()) - {"Factory"}


def host_architecture() -> str:
    """This machine's architecture as Lambda names it. A layer that runs on this machine is built for it."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


ENVIRONMENTS: dict[str, Config] = {
    "dev": Config("dev"),
    "staging": Config("staging"),
    "prod": Config(
        "prod",
        deep_archive_after_days=1,
        max_run_gb=500,  # each GB passes the NAT gateway, for 0.055 USD
        run_alarm_usd=35,
        log_retention_days=90,
        private_network=True,
        customer_managed_key=True,
        detailed_monitoring=True,
        audit_trail=True,
    ),
    "local": Config(
        "local",
        retain_data=False,
        architecture=host_architecture(),
        log_retention_days=1,
        alert_email=NOBODY,
        rotate_credentials_every_days=None,
        allow_loopback_sources=True,
    ),
}
