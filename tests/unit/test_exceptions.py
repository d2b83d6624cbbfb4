"""The error tree: names that Step Functions matches, and categories that the ledger and the report use."""

from __future__ import annotations

import inspect
import re

import pytest
from cloud_sync_common import exceptions
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ProviderThrottledError,
    TransientError,
    category_of,
    error_classes,
)

CLASSES = {
    name: value
    for name, value in vars(exceptions).items()
    if inspect.isclass(value) and issubclass(value, CloudSyncError)
}
LEAVES = {name: value for name, value in CLASSES.items() if not value.__subclasses__()}

# Ledger, metrics and reports hold these words, so a row of last year counts with one of today.
CATEGORIES = {
    "ArchiveUnavailableError": "archive_unavailable",
    "ConfigurationError": "configuration",
    "CredentialsExpiredError": "credentials_expired",
    "HashDisputedError": "hash_disputed",
    "IntegrityError": "integrity",
    "MediaNotFoundError": "media_not_found",
    "NoProgressError": "no_progress",
    "OriginalNotReadyError": "not_available_yet",
    "OriginalRefusedError": "refused_by_provider",
    "OriginalUnavailableError": "original_unavailable",
    "PictureUnavailableError": "picture_unavailable",
    "PictureUnreadableError": "picture_unreadable",
    "ProviderContractError": "provider_contract",
    "ProviderThrottledError": "provider_throttled",
    "ProviderUnavailableError": "provider_unavailable",
    "RangeIgnoredError": "range_ignored",
    "ShortReadError": "short_read",
    "SourceChangedError": "source_changed",
    "SourceLinkExpiredError": "source_link_expired",
    "UnexpectedError": "unexpected",
}


def test_every_error_is_found_by_its_name() -> None:
    found = {name: value for name, value in error_classes().items() if value.__module__ == exceptions.__name__}
    assert found == CLASSES
    assert set(LEAVES) == set(CATEGORIES)


def test_the_tree_in_the_docstring_names_every_class_and_no_other() -> None:
    drawn = re.findall(r"^[ │├└─]*(\w+Error)\b", inspect.getdoc(exceptions) or "", re.MULTILINE)
    assert sorted(drawn) == sorted(CLASSES)


@pytest.mark.parametrize(("name", "category"), CATEGORIES.items())
def test_an_error_is_counted_under_this_category(name: str, category: str) -> None:
    assert category_of(name) == category


def test_only_errors_that_may_pass_are_transient() -> None:
    assert {name for name, leaf in LEAVES.items() if issubclass(leaf, TransientError)} == {
        "ProviderThrottledError",
        "ProviderUnavailableError",
        "SourceLinkExpiredError",
        "ShortReadError",
        "ArchiveUnavailableError",
    }


@pytest.mark.parametrize("seconds", [0.0, 17.5])
def test_a_throttled_error_carries_the_wait_that_the_provider_asked_for(seconds: float) -> None:
    error = ProviderThrottledError("Slow down.", seconds)
    assert (error.retry_after, str(error)) == (seconds, "Slow down.")


def test_a_throttled_error_may_have_no_wait() -> None:
    assert ProviderThrottledError("Slow down.").retry_after is None


@pytest.mark.parametrize("name", ["States.Timeout", "Lambda.Unknown", "KeyError", ""])
def test_a_foreign_error_keeps_its_name_as_its_category(name: str) -> None:
    assert category_of(name) == name
