"""How results leave the program: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from functools import cache, cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TextIO, cast

from cloud_sync_common.safe_text import escape_unseen, redact

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JSON_VERSION = 1  # of the shape of what --json prints: it changes when a field is renamed or removed

_TRAILING = re.compile(r" +\n")
_LEAST_WIDTH = 20  # characters
_WIDTH_OF_A_FILE = 250  # characters of a line of a table, where no terminal limits it


class Output:
    """Prints for people, or as JSON. Rich is imported only when something is drawn."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def page(self) -> Console:
        """Standard output, for people. It has no colours with NO_COLOR or without a terminal, whose lines are not
        broken for 80 columns either, so that `grep` finds them. Text is taken as it is: a file may be called
        `[red]`."""
        is_terminal = sys.stdout.isatty()
        width = _width() or (None if is_terminal or "COLUMNS" in os.environ else _WIDTH_OF_A_FILE)
        file = None if is_terminal else cast("TextIO", _WithoutTrailingBlanks(sys.stdout))
        return _console()(file=file, highlight=False, markup=False, emoji=False, soft_wrap=not is_terminal, width=width)

    @cached_property
    def aside(self) -> Console:
        """Standard error: progress, questions, next steps."""
        wraps = sys.stderr.isatty()
        return _console()(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=not wraps, width=_width())

    def own_words(self, text: str, *, soft_wrap: bool | None = None) -> None:
        """On standard error, as it is: sentences of ours, in which a word of somebody's password may stand, and the
        address that the owner opens, which has the id of their client. What a provider says is in `one_line`."""
        from rich.text import Text  # noqa: PLC0415 (see above)

        self.aside.print(Text(text), soft_wrap=soft_wrap)

    def data(self, kind: str, value: Any) -> None:
        """One JSON object on one line: `{"version": 1, "kind": "status", ...}`, with the fields of `value`."""
        import msgspec  # noqa: PLC0415 (imported only when something is printed)

        fields = msgspec.to_builtins(value)
        _write({"version": JSON_VERSION, "kind": kind, **fields})
        sys.stdout.flush()

    def lines(self, kind: str, about: dict[str, Any], values: Iterable[Any]) -> int:
        """JSON lines, for what is too long for one object: `{"version": 1, "kind": "library", ...}` first, then each
        value as it comes. Returns how many these were. What cannot be read at all prints nothing."""
        coming = iter(values)
        first = list(islice(coming, 1))
        self.data(kind, about)
        count = 0
        for value in chain(first, coming):
            _write(value)
            count += 1
        return count


class _WithoutTrailingBlanks:
    """A file into which a table is printed: its cells are as wide as their column, and a line would end in blanks."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Rich writes whole lines."""
        return self._file.write(_TRAILING.sub("\n", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _width() -> int | None:
    """In place of a COLUMNS in which no table has room, and with 0 not even a sentence; None: it is as it is."""
    given = os.environ.get("COLUMNS", "")
    return _LEAST_WIDTH if given.isdecimal() and int(given) < _LEAST_WIDTH else None


@cache
def _console() -> type[Console]:
    """A console that shows no secret, in whichever cell of a table it is: text is looked through before it is cut into
    lines."""
    from rich.console import Console  # noqa: PLC0415 (see above)

    class SafeConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(redact(text), **options)

    return SafeConsole


def _write(value: Any) -> None:
    import msgspec  # noqa: PLC0415 (imported only when something is printed)

    text = escape_unseen(redact(msgspec.json.encode(value).decode()))
    sys.stdout.write((text if _is_unicode(sys.stdout.encoding) else _in_ascii(text)) + "\n")


def _is_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").startswith("utf")


def _in_ascii(document: str) -> str:
    """A JSON document for an output that cannot take every character."""
    return document if document.isascii() else "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in document)
