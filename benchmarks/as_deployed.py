"""The function as it is deployed: its settings and limits, from the default environment.

Nothing here is a choice of the benchmark's: what costs something on AWS costs it here too.
"""

from __future__ import annotations

from dataclasses import replace as replaced

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.function_settings import settings_of

ENVIRONMENT = "dev"  # what `make deploy` deploys without being told otherwise
ARCHIVE, WORK, TABLE, SECRET = "bench-archive", "bench-work", "bench-ledger", "gopro/credentials"


def config(**changes: object) -> Config:
    """The default environment, on loopback, with `changes` for rows about one option."""
    return replaced(ENVIRONMENTS[ENVIRONMENT], **{"allow_loopback_sources": True, **changes})  # type: ignore[arg-type]


def variables(config: Config, archive: str = ARCHIVE) -> dict[str, str]:
    """The environment of the deployed functions, with names of our own for the resources."""
    return {
        **settings_of(config),
        "ARCHIVE_BUCKET": archive,
        "WORK_BUCKET": WORK,
        "LEDGER_TABLE": TABLE,
        "GOPRO_CREDENTIALS_SECRET": SECRET,
        "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:bench",
        "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/bench",
    }


def limits(config: Config) -> dict[str, tuple[int, int]]:
    """The memory in MB and the longest time in seconds of each function that is invoked."""
    return {
        "video-downloader": (config.downloader_memory_mb, config.downloader_timeout_seconds),
        "media-lister": (config.lister_memory_mb, config.lister_timeout_seconds),
    }
