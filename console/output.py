"""How results leave the program: data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cloud_sync_common.safe_text import redact

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1  # of the shape of what --json prints: it changes when a field is renamed or removed


class Output:
    """Prints for people, or as JSON. Rich is imported only when something is drawn."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def page(self) -> Console:
        """Standard output, for people. It has no colours with NO_COLOR or without a terminal."""
        from rich.console import Console  # noqa: PLC0415 (see above)

        return Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    @cached_property
    def aside(self) -> Console:
        """Standard error: progress, questions, next steps."""
        from rich.console import Console  # noqa: PLC0415 (see above)

        return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

    def data(self, kind: str, value: Any) -> None:
        """One JSON object on one line: `{"version": 1, "kind": "status", ...}`, with the fields of `value`."""
        import msgspec  # noqa: PLC0415 (imported only when something is printed)

        fields = msgspec.to_builtins(value)
        line = msgspec.json.encode({"version": JSON_VERSION, "kind": kind, **fields}).decode()
        sys.stdout.write(redact(line) + "\n")
        sys.stdout.flush()
