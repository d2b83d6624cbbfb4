"""What a service's refusals mean, by the words in their bodies: statuses say too little, and sentences change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
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
    """The errors of one service. `field` has its words for them, wherever in a body it is; of several words, the first
    one in `meanings` counts."""

    field: str
    meanings: Mapping[str, Meaning]

    def of(self, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """What a refusal means; None for words that are not known. `headers` are looked up by lower-case name."""
        said = words_in(body, self.field)
        for kind, sentence in (meaning for known, meaning in self.meanings.items() if known in said):
            if kind is ProviderThrottledError:
                return ProviderThrottledError(sentence, http_client.retry_after(headers))
            return kind(sentence)
        return None

    def of_media(self, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """As `of`, for a request for the bytes of a file. A token that has ended there is like a link that has: the
        file is asked for again, which shows what is wrong with the token."""
        meaning = self.of(headers, body)
        if isinstance(meaning, CredentialsExpiredError):
            return SourceLinkExpiredError("The provider no longer accepts the token for the bytes of a file.")
        return meaning

    def error(self, response: requests.Response, doing: str, signed_out: str) -> CloudSyncError:
        """What an answer means that has another status than 200: by its words, or else by its status. `signed_out` is
        the sentence for a 401 without words. `doing` completes "The answer to <doing>"."""
        if meaning := self.of(response.headers, response.content):
            return meaning
        status = response.status_code
        http_client.refuse_when_busy(status, response.headers, doing)
        if status == 401:
            return CredentialsExpiredError(signed_out, doubtful=True)
        if answers.is_page(response):
            return ProviderUnavailableError(f"Something on the way blocked {doing} ({status} with a page).")
        return answers.changed(response, doing, f"The answer to {doing} has the status {status}")


def words_in(body: bytes, field: str) -> set[str]:
    """Every word that a body has in a field of this name, at whatever depth."""
    try:
        value = loose_json.decode(body)
    except ValueError:
        return set()
    return {found for row in _objects(value) if (found := word(row, field))}


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
