"""The function as it is deployed: its settings, and the context of an invocation, from the default environment.

Nothing here is a choice of the benchmark's: what costs something on AWS costs it here too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from dataclasses import replace as replaced

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.function_settings import settings_of

ENVIRONMENT = "dev"  # what `make deploy` deploys without being told otherwise
ARCHIVE, WORK, TABLE, SECRET = "bench-archive", "bench-work", "bench-ledger", "gopro/credentials"
TOKEN = "bench-token"  # noqa: S105 (of nobody)


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
        "CREDENTIALS_SECRET": SECRET,
        "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:bench",
        "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/bench",
    }


@dataclass
class Invocation:
    """Lambda's context object for one invocation that begins now."""

    memory_limit_in_mb: int
    seconds: float
    function_name: str = "bench"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of_downloader(cls, config: Config) -> Invocation:
        return cls(config.downloader_memory_mb, config.downloader_timeout_seconds)

    @classmethod
    def of_lister(cls, config: Config) -> Invocation:
        return cls(config.lister_memory_mb, config.lister_timeout_seconds)

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's."""
        return int((self.seconds - (time.monotonic() - self.started)) * 1000)
