"""The settings of a provider: one document, which is read as it was written, or names the field that does not fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.stores.provider_settings import (
    Mails,
    ProviderSettings,
    StoredSettings,
    as_text,
    checked,
    of_row,
    stored,
)

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.wrong_filters import WRONG

WHOLE = {"paused": True, "mails": "only_trouble", "filters": {"kinds": ["photo"], "captured_from": None}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        yield aws


def row(document: Any = None, **changed: Any) -> dict[str, Any]:
    text = document if isinstance(document, str) else json.dumps(WHOLE if document is None else document)
    return {"pk": "PROVIDER#gopro", "sk": "SETTINGS", "version": 3, "document": text} | changed


def test_settings_that_were_never_changed_are_the_defaults(aws: InProcessAws) -> None:
    found = stored(aws.table, "gopro")
    assert (found, found.version) == (StoredSettings(), 0)
    assert found.settings == ProviderSettings(paused=False, mails=Mails.EVERY_NIGHT, filters={})


def test_a_document_is_read_as_it_was_written_and_only_by_its_own_provider(aws: InProcessAws) -> None:
    settings = checked(WHOLE, "gopro")
    aws.table.put_item(Item=row(as_text(settings), pause_changed_at="2026-11-26T02:00:00.000Z"))
    found = stored(aws.table, "gopro")
    assert (found.version, found.settings, found.pause_changed_at) == (3, settings, "2026-11-26T02:00:00.000Z")
    assert settings.filters == WHOLE["filters"] and settings.mails is Mails.ONLY_TROUBLE
    assert stored(aws.table, "dropbox") == StoredSettings()


def test_a_field_that_is_missing_has_its_default() -> None:
    assert of_row(row({}), "gopro").settings == ProviderSettings()
    assert of_row(row({"paused": True}, version=Decimal(3)), "gopro").settings == ProviderSettings(paused=True)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"pause": True}, "The gopro settings have a field 'pause'; did you mean 'paused'"),
        ({"paused": "yes"}, "The gopro settings' field 'paused' must be true or false, not 'yes'"),
        ({"paused": None}, "field 'paused' must be true or false"),
        ({"mails": "never"}, "field 'mails' must be every_night, only_news, only_trouble, not 'never'"),
        ({"mails": ["only_news"]}, "field 'mails' must be"),
        ({"filters": None}, "field 'filters' must be an object"),
        ({"filters": {"media_ids": ["7"]}}, "The gopro settings' field 'filters' has a field 'media_ids'"),
        ({"filters": {"retry_failed": True}}, "field 'filters' has a field 'retry_failed'"),
        ({"filters": {"min_size_mb": "x"}}, "The gopro settings' field 'filters.min_size_mb' must be a number"),
        ([], "The gopro settings must be an object"),
        ('{"paused": true', "field 'document' is no JSON"),
    ],
)
def test_a_document_that_does_not_fit_names_the_field_and_the_way_back(document: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        of_row(row(document), "gopro")
    assert says in str(failure.value)
    assert str(failure.value).endswith("Put the last good version back: cloudsync settings undo --provider gopro")


@pytest.mark.parametrize(("filters", "named", "_fix"), WRONG)
def test_every_filter_that_a_run_refuses_is_refused_here(filters: dict[str, Any], named: str, _fix: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        checked({"filters": filters}, "gopro")
    assert named in str(failure.value) and "The gopro settings'" in str(failure.value)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"version": "3"}, r"\$\.version"),
        ({"document": {"paused": True}}, r"\$\.document"),
        ({"pause_changed_at": "yesterday"}, "pause_changed_at"),
        ({"pause_changed_at": "2026-11-26T02:00:00"}, "pause_changed_at"),
    ],
)
def test_a_row_that_was_edited_by_hand_is_never_passed_over(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        of_row(row() | changed, "gopro")


@pytest.mark.parametrize("missing", ["version", "document"])
def test_a_row_without_one_of_its_fields_names_it(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"missing required field `{missing}`"):
        of_row({name: value for name, value in row().items() if name != missing}, "gopro")


@pytest.mark.parametrize(
    ("mails", "quiet", "news", "trouble"),
    [
        (Mails.EVERY_NIGHT, True, True, True),
        (Mails.ONLY_NEWS, False, True, True),
        (Mails.ONLY_TROUBLE, False, False, True),
    ],
)
def test_trouble_is_mailed_whatever_the_owner_wants(mails: Mails, quiet: bool, news: bool, trouble: bool) -> None:
    assert mails.wants(news=False, trouble=False) is quiet
    assert mails.wants(news=True, trouble=False) is news
    assert mails.wants(news=False, trouble=True) is mails.wants(news=True, trouble=True) is trouble
