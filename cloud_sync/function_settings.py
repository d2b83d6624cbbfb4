"""What the functions read from a configuration: the environment variables that follow from it alone.

The benchmarks take them from here too, so that what they measure is set as it is deployed.
"""

from __future__ import annotations

import json

from cloud_sync.config import Config


def settings_of(config: Config) -> dict[str, str]:
    """The variables that cloud_sync_common.runtime.settings reads, without the names of the stack's resources; a test
    compares the two."""
    return {
        "ENVIRONMENT": config.environment,
        "DETAILED_MONITORING": str(config.detailed_monitoring).lower(),
        "PRIVATE_NETWORK": str(config.private_network).lower(),
        "AUDIT_TRAIL": str(config.audit_trail).lower(),
        "ARCHIVE_STORAGE_CLASS": "DEEP_ARCHIVE" if config.deep_archive_after_days == 0 else "STANDARD",
        "FILTERS": config.filters,
        "MAX_RUN_GB": str(config.max_run_gb),
        "MAX_ATTEMPTS": str(config.max_attempts),
        "CONNECTIONS_PER_VIDEO": str(config.connections_per_video),
        "SINGLE_PUT_MIB": str(config.single_put_mib),
        "CHECK_SOURCE_ETAG": str(config.check_source_etag).lower(),
        "RECORD_COPIES": str(config.record_copies).lower(),
        "CATALOGUE_PLACES": str(config.catalogue_places).lower(),
        "CATALOGUE_REQUESTS": str(config.catalogue_requests),
        "ALLOW_LOOPBACK_SOURCES": str(config.allow_loopback_sources).lower(),
        **{value.upper(): config.base_url(value) for provider in config.backed_up for value in provider.base_urls},
        **{
            f"{provider.id.upper()}_PROVIDER_OPTIONS": json.dumps(config.options_of(provider))
            for provider in config.backed_up
            if provider.options
        },
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "CloudSync",
        "POWERTOOLS_SERVICE_NAME": "cloud-sync",
    }
