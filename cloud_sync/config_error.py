"""The error of a value that cannot be deployed."""

from __future__ import annotations


class ConfigError(ValueError):
    """A value that cannot be deployed; the message is one sentence that names it. `fields` are the values that decide
    it, so that whoever knows the file they come from can name that too."""

    def __init__(self, sentence: str, *fields: str) -> None:
        super().__init__(sentence)
        self.fields = frozenset(fields)
