"""The error of a value that cannot be deployed."""

from __future__ import annotations


class ConfigError(ValueError):
    """A value that cannot be deployed; the message is one sentence that names the field."""
