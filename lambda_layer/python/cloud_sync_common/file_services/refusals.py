"""What a service's refusals mean, by the words in their bodies: statuses say too little, and sentences change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SourceLinkExpiredError,
)
from cloud_sync_common.file_services.rows import word
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client

type Meaning = tuple[type[CloudSyncError], str]
_MOST_VALUES = 1_000  # of a body that are looked at


@dataclass(frozen=True)
class Refusals:
    """The errors of one service. `fields` have its words for them, wherever in a body they are; of several words, the
    first one in `meanings` counts."""

    fields: tuple[str, ...]
    meanings: Mapping[str, Meaning]

    def of(self, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """What a refusal means; None for words that are not known. `headers` are looked up by lower-case name."""
        said = words_in(body, *self.fields)
        for kind, sentence in (meaning for known, meaning in self.meanings.items() if known in said):
            if kind is ProviderThrottledError:
                return ProviderThrottledError(sentence, _wait(headers, body))
            return kind(sentence)
        return None

    def of_media(self, status: int, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """As `of`, for a request for the bytes of a file. A token that has ended there is like a link that has: the
        file is asked for again, which shows what is wrong with the token. What is a page, and a 404 without words,
        does not come from the service, and says nothing of the file."""
        meaning = self.of(headers, body)
        is_page = "html" in headers.get("content-type", "").lower() and status < 500 and status != 429
        if meaning is None and (is_page or status == 404):
            return ProviderUnavailableError(f"Something on the way answered the request for a file ({status}).")
        if isinstance(meaning, CredentialsExpiredError):
            return SourceLinkExpiredError("The provider no longer accepts the token for the bytes of a file.")
        return meaning

    def error(self, response: requests.Response, doing: str, signed_out: str, lost: str = "") -> CloudSyncError:
        """What an answer means that has another status than 200: by its words, or else by its status. `signed_out` is
        the sentence for a 401 without words. `doing` completes "The answer to <doing>". Where that is not the request
        for one file, `lost` is the sentence for what is not there, and what would refuse a file for now or for good
        refuses everything."""
        if meaning := self.of(response.headers, response.content):
            return _of_everything(meaning, lost) if lost else meaning
        status = response.status_code
        http_client.refuse_when_busy(status, response.headers, doing)
        if status == 401:
            return CredentialsExpiredError(signed_out, doubtful=True)
        if answers.is_page(response):
            return ProviderUnavailableError(f"Something on the way blocked {doing} ({status} with a page).")
        return answers.changed(response, doing, f"The answer to {doing} has the status {status}")


def _of_everything(meaning: CloudSyncError, lost: str) -> CloudSyncError:
    if isinstance(meaning, OriginalNotReadyError):
        return ProviderUnavailableError(str(meaning))
    if isinstance(meaning, MediaNotFoundError):
        return ConfigurationError(lost)
    return ConfigurationError(str(meaning)) if isinstance(meaning, OriginalRefusedError) else meaning


def _wait(headers: Mapping[str, str], body: bytes) -> float | None:
    """The seconds to wait: in the header, or else in the body, in the field of the same name."""
    stated = headers.get("retry-after") or next(iter(words_in(body, "retry_after")), "")
    return http_client.retry_after({"retry-after": stated})


def words_in(body: bytes, *fields: str) -> set[str]:
    """Every word that a body has in fields of these names, at whatever depth."""
    try:
        value = loose_json.decode(body)
    except ValueError:
        return set()
    return {found for row in _objects(value) for field in fields if (found := word(row, field))}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
