"""Lambda's side of an invocation, for a process that runs function code and should need no more memory than that."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

TOKEN = "bench-token"  # noqa: S105 (of nobody)


@dataclass
class Invocation:
    """Lambda's context object for one invocation that begins now."""

    memory_limit_in_mb: int
    seconds: float
    function_name: str = "bench"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's."""
        return int((self.seconds - (time.monotonic() - self.started)) * 1000)
